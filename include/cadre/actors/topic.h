/* topic.h: who wants to know of something gets it: publish and subscribe.
 *
 * A topic is a text of 1 to CADRE_TOPIC_MAX bytes without `*`. Actors subscribe to it,
 * others publish something under it, and neither knows the other. Whoever subscribes to
 * a text that ends in `.*` gets all topics that begin with what is before the `*`: with
 * weather.* both weather.rain and weather.sun.set; `*` alone gets everything.
 *
 * What is published is a buffer, which all subscribers share: nobody may write to it. A
 * publication with `retain` is kept, the last one of each topic, for those who subscribe
 * later; one of NULL with `retain` ends that. A topic takes memory as long as it has
 * subscribers or something is retained. A subscriber that has ended has unsubscribed.
 *
 * Messages below may be plain, or requests: then the answer is a cadre_topic_count or a
 * cadre_failure. A plain one that is refused is a dead letter.
 *
 * Guarantees, each with a test of that name:
 *   same_order         all subscribers get what they all get in the same order; what one
 *                      has published in the order published
 *   once_each          a subscriber gets a publication once, however many of its
 *                      subscriptions fit; what is retained comes with each new one that
 *                      fits, before anything later
 *   bytes_are_shared   the buffer is not copied
 *   refused_for_all    what is refused reaches nobody
 *   dead_are_forgotten nothing is kept of a subscriber that has ended
 *   limits_are_kept    beyond `topics` and `subscriptions` is refused */
#ifndef CADRE_ACTORS_TOPIC_H
#define CADRE_ACTORS_TOPIC_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CADRE_TOPIC_MAX 63 /* bytes, without the final zero */

/* Its config, which cadre_spawn() takes as init. */
typedef struct cadre_topic {
    uint32_t topics;        /* at most so many, those with `*`, too. 0: 4096 */
    uint32_t subscriptions; /* of all subscribers together. 0: 65536 */
    uint64_t own[8];        /* zero; the actor's own */
} cadre_topic;

CADRE_API extern const cadre_class cadre_topic_class;

/* The sender, or `who`, subscribes, or has done so before. What is retained comes before
 * the answer. Failures: -EINVAL (the topic; there is no such actor, it is this one),
 * CADRE_EFULL (too many, as the config says, or the memory limit), -ENOMEM. */
typedef struct cadre_topic_subscribe {
    char topic[CADRE_TOPIC_MAX + 1];
    cadre_ref who; /* id 0: the sender */
} cadre_topic_subscribe;
CADRE_API extern const cadre_type cadre_topic_subscribe_type;

/* The opposite, of a subscription with the same text. Nothing that fits it comes behind
 * the answer. Failures: -ENOENT (there is none). */
typedef struct cadre_topic_unsubscribe {
    char topic[CADRE_TOPIC_MAX + 1];
    cadre_ref who; /* id 0: the sender */
} cadre_topic_unsubscribe;
CADRE_API extern const cadre_type cadre_topic_unsubscribe_type;

/* To all subscribers. The buffer goes along. Failures: -EINVAL (the topic); with `retain`
 * CADRE_EFULL (one more topic) and -ENOMEM. */
typedef struct cadre_publish {
    char topic[CADRE_TOPIC_MAX + 1];
    cadre_buf *payload; /* may be NULL */
    bool retain;
} cadre_publish;
CADRE_API extern const cadre_type cadre_publish_type;

/* The answer to all of them. */
typedef struct cadre_topic_count {
    uint32_t count;  /* subscribers that it was sent to; subscriptions one has now */
    uint32_t missed; /* there was no memory to send it; for retained ones, too */
} cadre_topic_count;
CADRE_API extern const cadre_type cadre_topic_count_type;

/* What a subscriber gets. It owns one share of the buffer. */
typedef struct cadre_published {
    char topic[CADRE_TOPIC_MAX + 1]; /* that it was published under */
    cadre_buf *payload;
    cadre_ref from; /* who has published it */
    bool retained;  /* it was published before this one subscribed */
} cadre_published;
CADRE_API extern const cadre_type cadre_published_type;

#ifdef __cplusplus
}
#endif
#endif
