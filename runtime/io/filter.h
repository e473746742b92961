/* filter.h: what stands between an owner's bytes and those on the wire, such as TLS.
 *
 * It belongs to the owner's side and is called in the owner's turns only: so it needs no
 * lock, holds up no loop, and its work goes where the owner goes. It is of another
 * library, which knows nothing of streams: it pulls what has come and pushes what is to
 * be sent. Before it is ready the two sides greet each other, and nothing of the owner's
 * is written or read. */
#ifndef IO_FILTER_H
#define IO_FILTER_H

#include "actor/port.h"

#include <cadre/stream.h>

struct filter;
struct stream;
struct piece;
enum { FILTER_END = 1 };

struct filter_class {
    /* Of what filters are made of; any thread. */
    cadre_tls *(*ref)(cadre_tls *tls);
    void (*unref)(cadre_tls *tls);
    uint64_t (*patience)(const cadre_tls *tls); /* ms that greeting may take */
    bool (*accepts)(const cadre_tls *tls);      /* it has what who accepts needs */
    bool (*announces)(const cadre_tls *tls);    /* the owner is told of the end of it */
    /* One for a connection. name: that is the host one connects to; NULL: it was
     * accepted. protocols: ALPN of who connects, or, where tls has none, of who accepts;
     * NULL: those of tls. Errors: -EINVAL
     * (name, protocols), -ENOMEM, CADRE_EFULL. */
    int (*make)(struct filter **filter, struct world *world, cadre_tls *tls,
                const char *name, const char *protocols);
    void (*release)(struct filter *filter);
    /* 1: it is ready; 0: when more has come; or why it failed. */
    int (*greet)(struct filter *filter);
    /* What came for the owner: *got bytes, at most size; 0: when more has come. Returns
     * 0, FILTER_END: the peer says that it was all; or why it failed. */
    int (*read)(struct filter *filter, void *bytes, size_t size, size_t *got);
    int (*write)(struct filter *filter, const void *bytes, size_t size);
    /* Tells the peer that it was all. */
    void (*finish)(struct filter *filter);
    /* What ALPN has chosen, with a zero; empty: nothing, or there is no room for it. */
    void (*protocol)(const struct filter *filter, char *bytes, size_t size);
    /* Why it has failed, for the log. */
    const char *(*why)(const struct filter *filter);
};

/* What filters are made of begins with this. */
struct cadre_tls {
    const struct filter_class *class;
};

/* NULL is fine. */
static inline cadre_tls *filter_ref(cadre_tls *tls)
{
    return tls ? tls->class->ref(tls) : NULL;
}
static inline void filter_unref(cadre_tls *tls)
{
    if (tls)
        tls->class->unref(tls);
}

struct filter {
    const struct filter_class *class;
    /* At most size bytes that came; 0: there are none now. */
    size_t (*pull)(struct filter *filter, void *bytes, size_t size);
    /* Returns 0, -ENOMEM, CADRE_EFULL. */
    int (*push)(struct filter *filter, const void *bytes, size_t size);
    /* io/filtered's. */
    struct stream *stream;
    cadre_buf *in;              /* is being pulled, ... */
    size_t offset;              /* ... from here on */
    size_t pulled;              /* bytes, since somebody has looked */
    bool rests;                 /* it has pulled enough for once */
    size_t unasked;             /* bytes it said by itself, and that may not be sent */
    bool writes;                /* for the owner */
    struct piece *first, *last; /* written before it was ready */
    uint64_t waiting;           /* bytes of those */
    bool connects, ready, announces;
    bool flushes, shuts, closes; /* to be done when it is ready */
    bool finished;               /* said that it was all; nothing is sent any more */
    bool ended, was_told;        /* the peer has; and the owner knows */
    uint64_t enough;             /* all that was written then, if it was sent; else 0 */
    int broken;                  /* why it is, behind what was read last */
};

/* ---- for the library that has one ------------------------------------------------- */

/* It knows these structs: see port_version. The value: how large a filter is. */
#define FILTER_NAMED(major, minor, patch) cadre_filter_##major##_##minor##_##patch
#define FILTER_NAME(major, minor, patch) FILTER_NAMED(major, minor, patch)
#define filter_version                                                                 \
    FILTER_NAME(CADRE_VERSION_MAJOR, CADRE_VERSION_MINOR, CADRE_VERSION_PATCH)
CADRE_API extern const size_t filter_version;

/* That of the running actor's connection. Errors: cadre_port_check's, -ENOENT, -EINVAL (a
 * listener, or none of this class), -ENOTCONN (it is not ready). */
CADRE_API CC_MUST_CHECK int cadre_filter_find(struct cadre_self *self, const char *what,
                                              cadre_stream stream,
                                              const struct filter_class *class,
                                              struct filter **filter);

#endif
