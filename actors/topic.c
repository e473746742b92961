/* topic.c: who wants to know of something gets it: publish and subscribe.
 *
 * What is published is looked up under its own text, and under each beginning of that
 * with `*` behind it: as many searches as it has dots, and two more, however many topics
 * there are. */
#include <cadre/actors/topic.h>

#include "body.h"
#include "topics.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct own {
    struct topics topics;
    uint64_t number; /* of publications */
};
static_assert(sizeof(struct own) <= sizeof((cadre_topic *)NULL)->own, "own");

static void drop_publish(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_publish *)body)->payload));
}
static void drop_published(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_published *)body)->payload));
}
CADRE_TYPE(cadre_topic_subscribe);
CADRE_TYPE(cadre_topic_unsubscribe);
CADRE_TYPE(cadre_topic_count);
CADRE_TYPE_DROP(cadre_publish, drop_publish);
CADRE_TYPE_DROP(cadre_published, drop_published);

static struct own *own_of(cadre_topic *me) { return (struct own *)(void *)me->own; }

static int topic_start(cadre_self *self, void *state)
{
    cadre_topic *me = state;
    me->topics = me->topics ? me->topics : 4096;
    me->subscriptions = me->subscriptions ? me->subscriptions : 1 << 16;
    topics_init(&own_of(me)->topics);
    return 0;
}

static int answer(cadre_self *self, const cadre_msg *m, const cadre_topic_count *count)
{
    if (m->token.id)
        (void)cadre_reply_as(self, m, &cadre_topic_count_type, count);
    return 0;
}

/* ---- publications ---------------------------------------------------------------- */

static void deliver(cadre_self *self, const struct subscriber *to,
                    const cadre_published *what, cadre_topic_count *count)
{
    (void)cadre_buf_ref(what->payload);
    if (cadre_send_as(self, to->fellow.who, &cadre_published_type, what))
        count->missed++;
    else
        count->count++;
}

/* To all who have subscribed to this text, and did not get it yet. */
static void deliver_all(cadre_self *self, const struct own *own, const char *text,
                        const cadre_published *what, cadre_topic_count *count)
{
    struct topic *topic = topics_find(&own->topics, text);
    struct ring *all = topic ? &topic->subscriptions : NULL;
    for (struct ring *r = topic ? all->next : NULL; r != all; r = r->next) {
        struct subscriber *to = RING_OF(r, struct subscription, of_topic)->subscriber;
        if (to->number != own->number)
            deliver(self, to, what, count);
        to->number = own->number;
    }
}

static void deliver_to_stars(cadre_self *self, const struct own *own,
                             const cadre_published *what, cadre_topic_count *count)
{
    char text[CADRE_TOPIC_MAX + 2];
    for (uint32_t i = 0; i == 0 || what->topic[i - 1]; i++) {
        if (i == 0 || what->topic[i - 1] == '.') {
            memcpy(text + i, "*", 2);
            deliver_all(self, own, text, what, count);
        }
        text[i] = what->topic[i];
    }
}

/* Errors: topics_make()'s. */
static int retain(cadre_topic *me, const cadre_published *what)
{
    struct topics *topics = &own_of(me)->topics;
    struct topic *topic = topics_find(topics, what->topic);
    int err = 0;
    if (what->payload)
        err = topics_make(topics, &topic, what->topic, me->topics);
    if (err || !topic)
        return err;
    cadre_buf_unref(topic->last.payload);
    topic->last = *what;
    topic->last.retained = topic->retains = what->payload != NULL;
    (void)cadre_buf_ref(what->payload);
    topics_forget(topics, topic);
    return 0;
}

static int on_publish(cadre_self *self, cadre_topic *me, const cadre_msg *m,
                      const cadre_publish *p)
{
    struct own *own = own_of(me);
    cadre_topic_count count = {0, 0};
    cadre_published what = {.payload = p->payload, .from = m->from};
    if (!topics_is_text(p->topic, false))
        return body_refuse(self, m, -EINVAL, "topic: nothing to publish under");
    memcpy(what.topic, p->topic, strlen(p->topic) + 1);
    int err = p->retain ? retain(me, &what) : 0;
    if (err)
        return body_refuse(self, m, err, "topic: no room to retain it");
    own->number++;
    deliver_all(self, own, what.topic, &what, &count);
    deliver_to_stars(self, own, &what, &count);
    return answer(self, m, &count);
}

/* ---- subscriptions --------------------------------------------------------------- */

/* What is retained and fits this text stands in one piece. */
static void deliver_retained(cadre_self *self, const struct own *own,
                             const struct subscriber *to, const char *text,
                             cadre_topic_count *count)
{
    size_t length = strlen(text);
    bool has_star = text[length - 1] == '*';
    char begin[CADRE_TOPIC_MAX + 1];
    memcpy(begin, text, length + 1);
    begin[length - has_star] = '\0';
    size_t same = has_star ? length - 1 : length + 1; /* else with the final zero */
    for (uint32_t i = topics_place(&own->topics, begin); i < own->topics.sorted.count;
         i++) {
        const struct topic *topic = topics_at(&own->topics, i);
        if (strncmp(topic->last.topic, begin, same) != 0)
            break;
        if (topic->retains)
            deliver(self, to, &topic->last, count);
    }
}

static int on_down(cadre_self *self, void *state, cadre_msg *m)
{
    struct topics *topics = &own_of(state)->topics;
    topics_leave(self, topics,
                 topics_subscriber(topics, ((const cadre_down *)m->body)->who));
    return 0;
}

/* Errors: topics_make()'s, topics_subscribe()'s. */
static int subscribe(cadre_self *self, cadre_topic *me, const char *text, cadre_ref who)
{
    struct topic *topic;
    struct topics *topics = &own_of(me)->topics;
    if (topics->subscriptions >= me->subscriptions)
        return CADRE_EFULL;
    int err = topics_make(topics, &topic, text, me->topics);
    if (err)
        return err;
    err = topics_subscribe(self, topics, topic, who, on_down);
    topics_forget(topics, topic);
    return err;
}

static int on_subscribe(cadre_self *self, cadre_topic *me, const cadre_msg *m,
                        const cadre_topic_subscribe *wish)
{
    cadre_topic_count count = {0, 0};
    struct own *own = own_of(me);
    cadre_ref who = wish->who.id ? wish->who : m->from;
    if (!who.id || !topics_is_text(wish->topic, true))
        return body_refuse(self, m, -EINVAL, "topic: nothing or nobody to subscribe");
    const struct subscriber *s = topics_subscriber(&own->topics, who);
    if (!s || !topics_subscription(&own->topics, s, wish->topic)) {
        int err = subscribe(self, me, wish->topic, who);
        if (err)
            return body_refuse(self, m, err, "topic: no room for a subscription");
        s = topics_subscriber(&own->topics, who);
        deliver_retained(self, own, s, wish->topic, &count);
    }
    count.count = s->count;
    return answer(self, m, &count);
}

static int on_unsubscribe(cadre_self *self, cadre_topic *me, const cadre_msg *m,
                          const cadre_topic_unsubscribe *wish)
{
    struct topics *topics = &own_of(me)->topics;
    struct subscription *old = NULL;
    struct subscriber *s =
        topics_subscriber(topics, wish->who.id ? wish->who : m->from);
    if (s && topics_is_text(wish->topic, true))
        old = topics_subscription(topics, s, wish->topic);
    if (!old)
        return body_refuse(self, m, -ENOENT, "topic: there is no such subscription");
    cadre_topic_count count = {s->count - 1, 0};
    topics_unsubscribe(self, topics, old);
    return answer(self, m, &count);
}

/* ---- the class ------------------------------------------------------------------- */

static int topic_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &cadre_publish_type)
        return on_publish(self, state, m, m->body);
    if (m->type == &cadre_topic_subscribe_type)
        return on_subscribe(self, state, m, m->body);
    if (m->type == &cadre_topic_unsubscribe_type)
        return on_unsubscribe(self, state, m, m->body);
    return cadre_unhandled(self, m);
}

static void topic_stop(cadre_self *self, void *state, int reason)
{
    topics_free(&own_of(state)->topics);
}

const cadre_class cadre_topic_class = {.name = "cadre_topic",
                                       .state_size = sizeof(cadre_topic),
                                       .start = topic_start,
                                       .receive = topic_receive,
                                       .stop = topic_stop};
