/* credentials.h: what connections with TLS have in common. */
#ifndef TLS_CREDENTIALS_H
#define TLS_CREDENTIALS_H

#include "io/filter.h"
#include "tls/snapshot.h"

#include <pthread.h>

struct credentials {
    cadre_tls tls; /* first */
    ATOMIC(uint32_t) users;
    cadre_tls_options options; /* constant, with copies; and so is the next one */
    BIO_METHOD *wire;
    pthread_mutex_t lock;
    struct snapshot *current; /* under the lock */
};

static inline struct credentials *credentials_of(const cadre_tls *tls)
{
    return container_of((cadre_tls *)tls, struct credentials, tls);
}

/* As cadre_tls_new(), with filters of this class, whose sessions use this wire: it is
 * taken over; NULL: there was no memory for it. */
CC_MUST_CHECK int credentials_make(cadre_tls **tls, const struct filter_class *class,
                                   BIO_METHOD *wire, const cadre_tls_options *options,
                                   const struct complaint *complaint);
/* As cadre_tls_reload(). */
CC_MUST_CHECK int credentials_reload(struct credentials *credentials,
                                     const struct complaint *complaint);
/* What was read last, and is the caller's to unref. */
struct snapshot *credentials_current(struct credentials *credentials);
cadre_tls *credentials_ref(cadre_tls *tls);
void credentials_unref(cadre_tls *tls);

#endif
