/* child.h: a child process, its loop's side.
 *
 * The loop waits for its pidfd and reaps it. The descriptor stays open until the port is
 * freed: so its owner signals the process without asking, and never another one. */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include "io/launch.h"
#include "io/shard.h"

enum { NEWS_REAPED = 1 };

struct child {
    struct handle h;
    /* Constant from HANDLE_OPEN on. */
    pid_t pid;
    int pidfd;         /* -1: there is none */
    uint64_t grace_ms; /* 0: it is not asked first; UINT64_MAX: it is only asked */
    uint64_t input;    /* the stream that it reads, or 0 */
    /* The loop's, and then the owner's. */
    int status, signal;
    /* The loop's. */
    bool ending; /* it was asked to */
    bool is_reaped;
    bool is_blind;    /* its pidfd says nothing, so one looks again and again */
    bool is_foreign;  /* it may not be signalled, which was said */
    uint64_t kill_at; /* uv_now; UINT64_MAX: never */
    uint8_t open;     /* uv handles */
    uv_poll_t poll;
    uv_timer_t timer;
};

/* One that is not started yet. Errors: cadre_port_make's. */
CC_MUST_CHECK int child_make(struct child **child, struct shard *shard,
                             const struct port_class *class);
void child_free(struct child *child);

#endif
