/* snapshot.h: certificates, keys and whom to trust, as they were when they were read.
 *
 * It does not change. Each connection keeps the one that it began with. */
#ifndef TLS_SNAPSHOT_H
#define TLS_SNAPSHOT_H

#include "base/atomic.h"
#include "base/cc.h"

#include <cadre/tls.h>

#include <openssl/ssl.h>

/* A line for whoever gave us something bad. */
struct complaint {
    char *text; /* or NULL */
    size_t size;
};
/* Returns err. what: a path or an option, which the text begins with. */
int complain(const struct complaint *complaint, int err, const char *what,
             const char *text);
/* The same with what OpenSSL says last. Returns -ENOMEM where that is it. */
int complain_ssl(const struct complaint *complaint, int err, const char *what);

struct snapshot_name {
    char *name;
    SSL_CTX *ssl;
};
struct snapshot {
    ATOMIC(uint32_t) users;
    SSL_CTX *ssl; /* of whoever asks for none of the names */
    struct snapshot_name *names;
    size_t count;
    unsigned char *protocols; /* as ALPN has them */
    unsigned protocols_size;
};

/* What SSL_get_app_data() is of a connection. */
struct snapshot_user {
    const char *protocols; /* of who accepts, where the snapshot has none; or NULL */
};

/* Protocols from names with commas to names behind their lengths, as ALPN has them, in
 * strlen(text) + 1 bytes. False: a name is empty or too long. */
CC_MUST_CHECK bool snapshot_encode(unsigned char *bytes, const char *text);

/* options were checked. Errors: cadre_tls_new's. */
CC_MUST_CHECK int snapshot_read(struct snapshot **snapshot,
                                const cadre_tls_options *options,
                                const struct complaint *complaint);
void snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

#endif
