/* listener.h: where connections come from. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "io/stream.h"

struct listener {
    struct handle h;
    union address local; /* constant, like the next five */
    struct local path;   /* is_local: instead of that */
    bool is_local;
    cadre_stream_options options;
    const struct port_class *streams;
    int fd;             /* it listens; the loop's once it is open, -1 when closed */
    ATOMIC(int) reason; /* as in a stream */
    bool closing;       /* closed; the owner's turn's */
    /* The loop's. */
    struct gate *gate;
    uint32_t turn; /* which loop gets the next connection */
    bool polls;    /* it is told of connections; not while there is no room */
    bool ending;
    uint64_t said; /* uv_now, when the log was told of trouble */
    uint8_t open;  /* uv handles */
    uv_poll_t poll;
    uv_timer_t pause; /* until it tries again */
};

/* A listener that listens already, but for its loop; options were checked. fd: taken
 * over, unless it fails. Errors: cadre_port_make's. */
CC_MUST_CHECK int listener_make(struct listener **listener, struct shard *shard,
                                const struct port_class *class, int fd,
                                const cadre_stream_options *options);
void listener_free(struct listener *listener);

#endif
