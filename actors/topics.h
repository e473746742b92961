/* topics.h: topics by their texts, and who has subscribed to which.
 *
 * Topics stand in the order of their texts, those with `*` among them: a search halves
 * them, and what begins with the same stands in one piece. A subscription is in two
 * rings, of its topic and its subscriber, so that it leaves at once whichever of them is
 * the reason. */
#ifndef ACTORS_TOPICS_H
#define ACTORS_TOPICS_H

#include <cadre/actors/topic.h>

#include "crowd.h"
#include "rows.h"

struct topic {
    cadre_buf *buf; /* where it is */
    struct ring subscriptions;
    bool retains;
    cadre_published last; /* its text; and what is retained */
};

struct subscriber {
    struct fellow fellow;
    struct ring subscriptions;
    uint32_t count;  /* of those */
    uint64_t number; /* the user's; 0 at first */
};

struct subscription {
    struct ring of_topic, of_subscriber;
    cadre_buf *buf; /* where it is */
    struct topic *topic;
    struct subscriber *subscriber;
};

struct topics {
    struct crowd subscribers;
    struct rows sorted; /* of struct topic *, by text */
    uint32_t subscriptions;
};

/* Is this the text of a topic: of one to publish under, or one with `*`, too? */
bool topics_is_text(const char *text, bool may_have_star);

/* To be called first, and where it stays. */
void topics_init(struct topics *topics);
void topics_free(struct topics *topics);

static inline struct topic *topics_at(const struct topics *topics, uint32_t i)
{
    return *(struct topic **)rows_at(&topics->sorted, sizeof(struct topic *), i);
}
/* The index of the first that is not before this text. */
uint32_t topics_place(const struct topics *topics, const char *text);
/* The one with this text, or NULL. */
struct topic *topics_find(const struct topics *topics, const char *text);
/* The same; makes it, while there are fewer than `limit`.
 * Errors: CADRE_EFULL, -ENOMEM. */
CADRE_MUST_CHECK int topics_make(struct topics *topics, struct topic **topic,
                                 const char *text, uint32_t limit);
/* It goes when it retains nothing and nobody has subscribed to it. */
void topics_forget(struct topics *topics, struct topic *topic);

/* The one with this address, or NULL. */
struct subscriber *topics_subscriber(const struct topics *topics, cadre_ref who);
/* The subscription of this one to that text, or NULL. */
struct subscription *topics_subscription(const struct topics *topics,
                                         const struct subscriber *of, const char *text);
/* Adds one that is not there yet. When `who` ends, on_down gets the cadre_down, and calls
 * topics_leave(). Errors: cadre_watch()'s, -ENOMEM. */
CADRE_MUST_CHECK int topics_subscribe(cadre_self *self, struct topics *topics,
                                      struct topic *topic, cadre_ref who,
                                      cadre_receive *on_down);
/* Ends one. With the last one topic and subscriber go. */
void topics_unsubscribe(cadre_self *self, struct topics *topics,
                        struct subscription *s);
/* Ends all of this one's. */
void topics_leave(cadre_self *self, struct topics *topics, struct subscriber *s);

#endif
