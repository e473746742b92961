/* post.h: mail. No acknowledgement, no order, read when convenient, corrected on request.
 *
 * An outbox sends to one inbox; an inbox gets from many outboxes and holds what comes
 * until its owner takes it. Nobody waits for anybody, and what lies between them (a
 * network, a full system) may lose, repeat and reorder letters. Each outbox numbers
 * what it sends and keeps it for a while. An inbox that finds numbers missing asks for
 * them after `patience`; that the last ones are missing it learns from the outbox,
 * which says at growing intervals how far it has come.
 *
 * An item may have a key: of those with the same key, from the same outbox, only the
 * newest counts. It may be corrected, or recalled, by its number. What an inbox knows
 * to be replaced in one of these ways is not given to its owner.
 *
 *   to an outbox       cadre_post, cadre_post_correct, cadre_post_recall. Asked, it
 *                      answers with a cadre_post_number, or a failure: -ENOENT, not
 *                      kept any more; -EINVAL, a negative time; -ENOMEM.
 *                      cadre_post_dispute, from whoever has an item that is wrong: is
 *                      passed on to the outbox's parent, who may correct it
 *   to an inbox        cadre_post_take: the items come to the sender as messages, each a
 *                      cadre_post_item; behind them, as the answer, a cadre_post_count.
 *                      cadre_post_when: asked, it answers with a cadre_post_count once
 *                      there is something to take, and nothing new has come for a
 *                      while; one at a time (the one before fails with -ECANCELED)
 *   between them       cadre_post_letter, _last and _gone one way, _resend the other
 *                      way: of interest only to those who carry them
 *
 * Guarantees, as long as the outbox keeps what is missing and the inbox is not full (what
 * it refuses then it asks for later). The first two have a story, tests/sim/post.c, the
 * others a test of that name:
 *   converges         what is not replaced, recalled or expired arrives, once
 *   never_twice       an item is given to the owner once, and nothing of its key, or
 *                     earlier version of it, after it
 *   recalled_is_gone  as above
 *   expired_is_gone   an item is not given to anybody after its time to live
 *   bounded           neither side holds more than its config says
 *   falls_silent      when all has arrived neither side wakes up for long: the outbox
 *                     says `announcements` times more where it stands, and that was
 *                     all */
#ifndef CADRE_ACTORS_POST_H
#define CADRE_ACTORS_POST_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- the sending side ---- */

/* Its config. Without a receiver, or with a negative time the start fails with
 * -EINVAL. */
typedef struct cadre_outbox {
    cadre_ref to;           /* an inbox, or whoever carries letters to it */
    uint32_t keep;          /* letters kept for another sending, the newest. 0: 256 */
    uint32_t announcements; /* after the last letter. 0: 10 */
    cadre_time
        announce;    /* nanoseconds to the first; then always twice as long. 0: 1 s */
    cadre_time ttl;  /* of items that do not say. 0: 1 hour. CADRE_NEVER is fine */
    uint64_t own[8]; /* zero; the actor's own */
} cadre_outbox;
CADRE_API extern const cadre_class cadre_outbox_class;

typedef struct cadre_post {
    uint64_t key;       /* 0: none */
    cadre_time ttl;     /* nanoseconds. 0: as the config says */
    cadre_buf *content; /* goes along; may be NULL */
} cadre_post;
/* A new version of an item, whether it was taken or not. */
typedef struct cadre_post_correct {
    uint64_t number;
    cadre_time ttl;
    cadre_buf *content;
} cadre_post_correct;
/* No version of the item is wanted any more. One that was taken stays taken. */
typedef struct cadre_post_recall {
    uint64_t number;
} cadre_post_recall;
/* How an item is called, also after corrections. */
typedef struct cadre_post_number {
    uint64_t number;
} cadre_post_number;
typedef struct cadre_post_dispute {
    uint64_t number;
} cadre_post_dispute;
CADRE_API extern const cadre_type cadre_post_type, cadre_post_correct_type;
CADRE_API extern const cadre_type cadre_post_recall_type, cadre_post_number_type;
CADRE_API extern const cadre_type cadre_post_dispute_type;

/* ---- the receiving side ---- */

/* Its config. With a negative time the start fails with -EINVAL. */
typedef struct cadre_inbox {
    uint32_t
        hold; /* items. 0: 1,024. What comes beyond is asked for when there is room */
    uint32_t senders; /* outboxes it will ever listen to. 0: 64 */
    uint32_t asks;    /* times it asks for what is missing, until it is lost. 0: 12 */
    cadre_time
        patience; /* nanoseconds to the first; then always twice as long. 0: 100 ms */
    uint64_t own[20]; /* zero; the actor's own */
} cadre_inbox;
CADRE_API extern const cadre_class cadre_inbox_class;

typedef struct cadre_post_take {
    uint32_t max; /* items, those that came first. 0: all */
    bool peek;    /* they stay, and are given again */
} cadre_post_take;
typedef struct cadre_post_when {
    cadre_time quiet; /* nanoseconds without anything new */
} cadre_post_when;
/* One item. It owns its content. */
typedef struct cadre_post_item {
    cadre_ref outbox;
    uint64_t number;  /* with this and the outbox it can be disputed */
    uint64_t version; /* of all that the outbox sent, the later has the larger */
    uint64_t key;
    bool corrected; /* not the first version */
    bool peeked;
    cadre_buf *content; /* may be another's, too: read only */
} cadre_post_item;
typedef struct cadre_post_count {
    uint32_t given; /* in front of this message */
    uint32_t left;  /* to be taken */
    uint64_t lost;  /* letters that it gave up to ask for, ever */
} cadre_post_count;
CADRE_API extern const cadre_type cadre_post_take_type, cadre_post_when_type;
CADRE_API extern const cadre_type cadre_post_item_type, cadre_post_count_type;

/* ---- between them ---- */

enum { CADRE_POST_NEW, CADRE_POST_CORRECTION, CADRE_POST_RECALL };

typedef struct cadre_post_letter {
    cadre_ref outbox; /* whose numbers these are, and who is asked for missing ones */
    uint64_t version; /* counts the letters */
    uint64_t number;  /* the version of the item's first letter */
    uint64_t key;
    cadre_time expires; /* as cadre_now() */
    uint32_t kind;      /* CADRE_POST_* */
    cadre_buf *content;
} cadre_post_letter;
/* These versions exist up to this one. */
typedef struct cadre_post_last {
    cadre_ref outbox;
    uint64_t version;
} cadre_post_last;
/* Nobody needs these any more, or nobody has them. */
typedef struct cadre_post_gone {
    cadre_ref outbox;
    uint64_t first, last;
} cadre_post_gone;
/* Please send these again. */
typedef struct cadre_post_resend {
    uint64_t first, last;
} cadre_post_resend;
CADRE_API extern const cadre_type cadre_post_letter_type, cadre_post_last_type;
CADRE_API extern const cadre_type cadre_post_gone_type, cadre_post_resend_type;

#ifdef __cplusplus
}
#endif
#endif
