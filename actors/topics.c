/* topics.c: topics by their texts, and who has subscribed to which. */
#include "topics.h"

#include <errno.h>
#include <string.h>

bool topics_is_text(const char *text, bool may_have_star)
{
    const char *end = memchr(text, '\0', CADRE_TOPIC_MAX + 1);
    const char *star = end ? strchr(text, '*') : NULL;
    if (!end || end == text)
        return false;
    return !star ||
           (may_have_star && star + 1 == end && (star == text || star[-1] == '.'));
}

void topics_init(struct topics *topics)
{
    *topics = (struct topics){.subscriptions = 0};
    crowd_init(&topics->subscribers);
}

/* ---- by text --------------------------------------------------------------------- */

uint32_t topics_place(const struct topics *topics, const char *text)
{
    uint32_t from = 0, to = topics->sorted.count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (strcmp(topics_at(topics, middle)->last.topic, text) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct topic *topics_find(const struct topics *topics, const char *text)
{
    uint32_t i = topics_place(topics, text);
    struct topic *topic = i < topics->sorted.count ? topics_at(topics, i) : NULL;
    return topic && strcmp(topic->last.topic, text) == 0 ? topic : NULL;
}

int topics_make(struct topics *topics, struct topic **topic, const char *text,
                uint32_t limit)
{
    *topic = topics_find(topics, text);
    if (*topic)
        return 0;
    if (topics->sorted.count >= limit)
        return CADRE_EFULL;
    int err = rows_reserve(&topics->sorted, sizeof(void *));
    cadre_buf *buf = err ? NULL : cadre_buf_new(NULL, sizeof **topic);
    if (!buf)
        return -ENOMEM;
    *topic = (struct topic *)(void *)cadre_buf_data(buf);
    (*topic)->buf = buf;
    ring_init(&(*topic)->subscriptions);
    memcpy((*topic)->last.topic, text, strlen(text) + 1);
    rows_insert(&topics->sorted, sizeof(void *), topics_place(topics, text), topic);
    return 0;
}

void topics_forget(struct topics *topics, struct topic *topic)
{
    if (topic->retains || !ring_is_empty(&topic->subscriptions))
        return;
    rows_remove(&topics->sorted, sizeof(void *),
                topics_place(topics, topic->last.topic));
    cadre_buf_unref(topic->buf);
}

/* ---- subscriptions --------------------------------------------------------------- */

struct subscriber *topics_subscriber(const struct topics *topics, cadre_ref who)
{
    return (struct subscriber *)(void *)crowd_find(&topics->subscribers, who);
}

struct subscription *topics_subscription(const struct topics *topics,
                                         const struct subscriber *of, const char *text)
{
    const struct topic *topic = topics_find(topics, text);
    if (!topic)
        return NULL;
    for (struct ring *r = of->subscriptions.next; r != &of->subscriptions;
         r = r->next) {
        struct subscription *s = RING_OF(r, struct subscription, of_subscriber);
        if (s->topic == topic)
            return s;
    }
    return NULL;
}

/* Errors: crowd_add()'s. */
static int find_or_add(cadre_self *self, struct topics *topics, struct subscriber **s,
                       cadre_ref who, cadre_receive *on_down)
{
    struct fellow *fellow;
    *s = topics_subscriber(topics, who);
    if (*s)
        return 0;
    int err = crowd_add(self, &topics->subscribers, &fellow, who, sizeof **s, on_down);
    if (err)
        return err;
    *s = (struct subscriber *)(void *)fellow;
    ring_init(&(*s)->subscriptions);
    return 0;
}

int topics_subscribe(cadre_self *self, struct topics *topics, struct topic *topic,
                     cadre_ref who, cadre_receive *on_down)
{
    struct subscriber *subscriber;
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct subscription));
    int err = buf ? find_or_add(self, topics, &subscriber, who, on_down) : -ENOMEM;
    if (err) {
        cadre_buf_unref(buf);
        return err;
    }
    struct subscription *s = (struct subscription *)(void *)cadre_buf_data(buf);
    s->buf = buf;
    s->topic = topic;
    s->subscriber = subscriber;
    ring_add(&topic->subscriptions, &s->of_topic);
    ring_add(&subscriber->subscriptions, &s->of_subscriber);
    subscriber->count++;
    topics->subscriptions++;
    return 0;
}

static void end(struct topics *topics, struct subscription *s)
{
    struct topic *topic = s->topic;
    ring_remove(&s->of_topic);
    ring_remove(&s->of_subscriber);
    s->subscriber->count--;
    topics->subscriptions--;
    cadre_buf_unref(s->buf);
    topics_forget(topics, topic);
}

static void end_all(struct topics *topics, struct subscriber *s)
{
    while (s->count > 0)
        end(topics, RING_OF(s->subscriptions.next, struct subscription, of_subscriber));
}

void topics_leave(cadre_self *self, struct topics *topics, struct subscriber *s)
{
    end_all(topics, s);
    crowd_remove(self, &topics->subscribers, &s->fellow);
}

void topics_unsubscribe(cadre_self *self, struct topics *topics, struct subscription *s)
{
    struct subscriber *subscriber = s->subscriber;
    end(topics, s);
    if (subscriber->count == 0)
        topics_leave(self, topics, subscriber);
}

void topics_free(struct topics *topics)
{
    struct ring *all = &topics->subscribers.all;
    for (struct ring *r = all->next; r != all; r = r->next)
        end_all(topics, RING_OF(r, struct subscriber, fellow.ring));
    for (uint32_t i = 0; i < topics->sorted.count; i++) {
        cadre_buf_unref(topics_at(topics, i)->last.payload);
        cadre_buf_unref(topics_at(topics, i)->buf);
    }
    rows_free(&topics->sorted);
    crowd_free(&topics->subscribers);
}
