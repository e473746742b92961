/* wire.h: what goes between a system and an actor of it that has a process of its own.
 *
 * Frames in a stream, a head and then `size` bytes. Both sides are the same program, so a
 * head is a struct and a type is its address. What comes up is believed only as far as it
 * is checked. Most frames are envelopes, and their kind is the letter's. */
#ifndef ACTOR_WIRE_H
#define ACTOR_WIRE_H

#include "actor/self.h"

/* Beside enum letter_kind: 0, _TOKEN, _PASSED, and _ANSWER and _CANCEL. */
enum wire_kind {
    /* Down. */
    WIRE_BIRTH = LETTER_KIND + 1, /* a struct wire_birth, and then ... */
    WIRE_STATE,                   /* ... the state it begins with */
    WIRE_STOP,                    /* after all before it; code: the reason */
    /* Up. */
    WIRE_HALT, /* who; token: the halts; code */
    WIRE_LOG,  /* code: the level; a text */
    /* A step is over; token: so many envelopes it is through with; code: wire_rests */
    WIRE_RESTS,
    WIRE_MORE, /* it has read a part of a frame */
    WIRE_ENDED /* code: the reason; a text */
};

/* Its start has returned 0; and it has more to do, or waits for a timer. */
enum wire_rests { RESTS_STARTED = 1, RESTS_WAITS = 2 };

struct wire_head {
    uint32_t kind, size;
    uint64_t from, who; /* who: up, to whom */
    uint64_t token;
    int64_t deadline;
    const cadre_type *type;
    int32_t code;
    uint32_t zero;
};

struct wire_birth {
    const cadre_class *class;
    uint64_t me, parent;
    uint64_t first_token;
    uint64_t memory_max;
    int64_t timeout;
    bool unfiltered;
};

/* ---- out --------------------------------------------------------------------------- */

struct wire_out {
    struct heap *heap;
    unsigned char *bytes; /* put together and not written: from `at` to `used` */
    size_t at, used, room;
    bool is_confined; /* this process may only write, as to a file */
};

/* Behind what there is. Errors: heap_get's. */
CC_MUST_CHECK int wire_put(struct wire_out *out, const struct wire_head *head,
                           const void *body);
/* The same of an envelope, which stays. */
CC_MUST_CHECK int wire_put_envelope(struct wire_out *out, struct envelope *e,
                                    uint64_t who);
/* An answer that cannot cross becomes a failure that says so. */
void wire_refuse(struct envelope *answer);
/* Writes what there is room for. Returns 1: that was all, or nobody reads; 0: there is
 * more; -ENOMEM: the kernel has none for it, and what was left is lost. */
int wire_write(struct wire_out *out, int fd);
void wire_out_free(struct wire_out *out);

/* ---- in ---------------------------------------------------------------------------- */

struct wire_in {
    struct heap *heap;
    size_t most;          /* bytes of a body; constant */
    unsigned char *bytes; /* read and not taken: from `at` to `used`, of `room` */
    size_t at, used, room;
    size_t need;   /* so many bytes are needed for what begins at `at` */
    bool is_empty; /* the next read is in vain */
};

/* The next frame, and its body until the next call of these two. Returns 1; 0: it has not
 * come whole; -EINVAL: that is none. */
CC_MUST_CHECK int wire_next(struct wire_in *in, struct wire_head *head,
                            const void **body);
/* More of it. Returns 1; 0: there is nothing now; -EPIPE: there never will be; or
 * heap_get's errors. */
CC_MUST_CHECK int wire_read(struct wire_in *in, int fd);
/* As much as there is of what nobody wants to know; returns as wire_read. */
CC_MUST_CHECK int wire_skip(int fd);
void wire_in_free(struct wire_in *in);

#endif
