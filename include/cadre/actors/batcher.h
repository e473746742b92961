/* batcher.h: collects by count, bytes or time, and hands on many as one.
 *
 * It collects one kind of thing, in the order in which it comes:
 *
 *   bodies of the config's type   into an array of them
 *   cadre_batcher_add             without a type: bytes, one after another
 *
 * and sends a cadre_batch to its receiver when there are `count` of them, when the next
 * one would make it more than `bytes`, when the first one is `time` old, when it gets a
 * cadre_batcher_flush, and when it ends, for whatever reason. A flush that is a request
 * is answered with a cadre_batcher_flushed, after the batch was sent. Other requests are
 * not handled, and nothing of them is collected.
 *
 * Guarantees, each with a test of that name:
 *   nothing_lost   what was collected is handed on once, in order, also at a stop or
 *                  kill. A batch for which the system has no memory is kept, grows, and
 *                  is tried again; only at the very end nothing more can be done for
 *                  it. A message that there is no room to collect is a dead letter
 *   within_limits  a batch has at most `count` items and `bytes` bytes; one item alone
 *                  may have more
 *   not_too_old    an item is handed on at most `time` after it came */
#ifndef CADRE_ACTORS_BATCHER_H
#define CADRE_ACTORS_BATCHER_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a receiver, with a negative
 * time, or with a type that has a drop or no size the start fails with -EINVAL. */
typedef struct cadre_batcher {
    cadre_ref to;           /* gets the batches */
    const cadre_type *type; /* of what is collected. NULL: cadre_batcher_add */
    uint32_t count;         /* items. 0: 100 */
    uint32_t bytes;         /* 0: 64 KiB */
    cadre_time time;        /* nanoseconds. 0: 1 s. CADRE_NEVER: any age */
    uint64_t own[4];        /* zero; the actor's own */
} cadre_batcher;

CADRE_API extern const cadre_class cadre_batcher_class;

/* Bytes to be added; the buffer goes along. */
typedef struct cadre_batcher_add {
    cadre_buf *buf;
} cadre_batcher_add;
CADRE_API extern const cadre_type cadre_batcher_add_type;

typedef struct cadre_batcher_flush {
    int none;
} cadre_batcher_flush;
CADRE_API extern const cadre_type cadre_batcher_flush_type;
typedef struct cadre_batcher_flushed {
    uint32_t count; /* items that were handed on for this; 0: there were none */
    int code;       /* 0, or why they could not be: they are kept */
} cadre_batcher_flushed;
CADRE_API extern const cadre_type cadre_batcher_flushed_type;

/* What the receiver gets. It owns the buffer, which may be larger than what is in it. */
typedef struct cadre_batch {
    const cadre_type *type; /* the config's: the buffer holds an array of its struct */
    uint32_t count;         /* items */
    uint32_t bytes;         /* that are used in the buffer */
    cadre_buf *buf;
} cadre_batch;
CADRE_API extern const cadre_type cadre_batch_type;

#ifdef __cplusplus
}
#endif
#endif
