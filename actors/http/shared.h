/* shared.h: what the actors of a server share. It is the server's, whose children have
 * ended when it frees it. Constant, but for the two numbers. */
#ifndef ACTORS_HTTP_SHARED_H
#define ACTORS_HTTP_SHARED_H

#include <cadre/actors/http.h>

#include <stdatomic.h>

struct shared {
    const cadre_http_route *routes, *uploads;
    cadre_ref to;
    void *context;
    cadre_http_limits limits;
    bool takes_files; /* what a connection of HTTP/1 sends; see cadre_http_request */
    /* Counted by all connections: relaxed, nothing follows from them but a refusal. */
    atomic_uint connections, requests;
};

static inline struct shared *shared_of(cadre_buf *buf)
{
    return (struct shared *)(void *)cadre_buf_data(buf);
}

/* One more request is under way; false: there are too many already. */
static inline bool shared_begin(struct shared *shared)
{
    if (atomic_fetch_add_explicit(&shared->requests, 1, memory_order_relaxed) <
        shared->limits.requests)
        return true;
    atomic_fetch_sub_explicit(&shared->requests, 1, memory_order_relaxed);
    return false;
}

static inline void shared_end(struct shared *shared)
{
    atomic_fetch_sub_explicit(&shared->requests, 1, memory_order_relaxed);
}

#endif
