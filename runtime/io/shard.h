/* shard.h: one loop: commands in, news out.
 *
 * It is a worker's (io/berth.h), or that of a thread that does nothing else. No code of a
 * user's is called in here, but for the log's. */
#ifndef IO_SHARD_H
#define IO_SHARD_H

#include "base/thread.h"
#include "io/berth.h"
#include "io/handle.h"

#include <uv.h>

enum { SHARD_SCRATCH = 1 << 16 };

struct shard {
    struct berth berth;
    struct world *world;
    struct thread thread;
    bool has_thread;
    /* Of whoever has the seat. */
    uv_loop_t loop;
    uv_poll_t wake;
    uv_poll_t alarm; /* ends its waiting: a timer finer than libuv's */
    int alarm_fd;
    int64_t alarm_at; /* not later than it was asked to be; NEVER: it is off */
    uv_poll_t visit;  /* in the host's loop, while it is a guest there */
    bool has_visit;
    struct list handles;
    char scratch[SHARD_SCRATCH]; /* what is read goes here first */
};

/* Returns 0, -EMFILE, -ENFILE, -ENOMEM. */
CC_MUST_CHECK int shard_init(struct shard *shard, struct world *world);
/* After it was stopped. */
void shard_fini(struct shard *shard);
/* On a thread of its own. Returns 0 or -EAGAIN. */
CC_MUST_CHECK int shard_start(struct shard *shard);
/* Nobody else runs it from now on. */
void shard_halt(struct shard *shard);
/* Closes its handles. When all are halted; false: some are left, or commands may be on
 * their way from those of others. */
CC_MUST_CHECK bool shard_clear(struct shard *shard);

#endif
