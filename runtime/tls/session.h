/* session.h: one connection with TLS. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "io/filter.h"

#include <cadre/tls.h>

#include <openssl/bio.h>

extern const struct filter_class session_class;

/* How OpenSSL reaches the bytes on the wire; NULL without memory. */
BIO_METHOD *session_wire(void);
/* Of one that is ready. */
void session_describe(struct filter *filter, cadre_tls_info *info);

#endif
