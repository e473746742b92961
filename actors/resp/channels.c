/* channels.c: SUBSCRIBE and PUBLISH, by a topic. */
#include "session.h"

#include <cadre/actors/topic.h>

#include <errno.h>
#include <string.h>

bool channels_may(const cadre_resp_command *command)
{
    return command->run == channels_subscribe || command->run == channels_unsubscribe ||
           command->run == session_ping || command->run == session_quit;
}

/* A channel must fit into a topic. */
static bool channel_is(cadre_resp_slice name, char channel[CADRE_TOPIC_MAX + 1])
{
    if (name.size == 0 || name.size > CADRE_TOPIC_MAX ||
        memchr(name.bytes, 0, name.size) || memchr(name.bytes, '*', name.size))
        return false;
    memcpy(channel, name.bytes, name.size);
    channel[name.size] = '\0';
    return true;
}

static void say_no_channel(struct session *me)
{
    cadre_resp_error(&me->call.is, "ERR a channel has 1 to %d bytes and no *",
                     CADRE_TOPIC_MAX);
    slots_tell(me, SHOW);
}

/* Where it is among those that this one has subscribed to; NULL: it is not. */
static char *channel_find(const struct session *me, const char *channel)
{
    char *at = (char *)me->channels.bytes, *end = at + me->channels.size;
    while (at < end && strcmp(at, channel) != 0)
        at += strlen(at) + 1;
    return at < end ? at : NULL;
}

/* Asks the topic; the reply is shown when it has answered. */
static void ask_topic(struct session *me, const cadre_type *type, const void *body)
{
    struct slot *slot = slots_tell(me, SHOW);
    if (!slot) {
        if (type->drop)
            type->drop((void *)(uintptr_t)body);
        return;
    }
    int err = cadre_ask_as(me->call.is.self, &slot->token, me->shared->topic,
                           CADRE_NEVER, type, body);
    slot->done = err != 0;
}

static void say_channel(struct session *me, const char *what, const char *channel)
{
    struct text *say = &me->call.reply;
    reply_head(say, '*', 3);
    reply_word(say, what);
    if (channel)
        reply_word(say, channel);
    else
        text_add(say, "$-1\r\n", 5);
    reply_head(say, ':', me->subscribed);
}

void channels_subscribe(cadre_resp_call *call)
{
    struct session *me = session_of(call);
    while (call->left > 0) {
        cadre_topic_subscribe body = {.who = cadre_me(call->self)};
        if (!channel_is(cadre_resp_next(call), body.topic)) {
            say_no_channel(me);
            continue;
        }
        if (!channel_find(me, body.topic)) {
            text_add(&me->channels, body.topic, strlen(body.topic) + 1);
            me->subscribed++;
        }
        say_channel(me, "subscribe", body.topic);
        ask_topic(me, &cadre_topic_subscribe_type, &body);
    }
}

static void unsubscribe(struct session *me, const char *channel)
{
    cadre_topic_unsubscribe body = {.who = cadre_me(me->call.is.self)};
    char *at = channel_find(me, channel);
    size_t size = strlen(channel) + 1;
    memcpy(body.topic, channel, size);
    if (at) {
        memmove(at, at + size,
                me->channels.size - (size_t)(at + size - (char *)me->channels.bytes));
        me->channels.size -= size;
        me->subscribed--;
    }
    say_channel(me, "unsubscribe", body.topic);
    ask_topic(me, &cadre_topic_unsubscribe_type, &body);
}

void channels_unsubscribe(cadre_resp_call *call)
{
    struct session *me = session_of(call);
    char channel[CADRE_TOPIC_MAX + 1];
    bool all = call->left == 0;
    if (all && me->subscribed == 0) {
        say_channel(me, "unsubscribe", NULL);
        slots_tell(me, SHOW);
    }
    while (all && me->subscribed > 0) {
        memcpy(channel, me->channels.bytes, strlen((char *)me->channels.bytes) + 1);
        unsubscribe(me, channel);
    }
    while (call->left > 0)
        if (channel_is(cadre_resp_next(call), channel))
            unsubscribe(me, channel);
        else
            say_no_channel(me);
}

void channels_publish(cadre_resp_call *call)
{
    cadre_publish body = {.retain = false};
    if (!channel_is(cadre_resp_next(call), body.topic)) {
        say_no_channel(session_of(call));
        return;
    }
    cadre_resp_slice payload = cadre_resp_next(call);
    body.payload = cadre_buf_new(payload.bytes, payload.size);
    if (!body.payload)
        session_of(call)->failed = true;
    ask_topic(session_of(call), &cadre_publish_type, &body);
}

int channels_said(cadre_self *self, struct session *me, const cadre_msg *m)
{
    const cadre_topic_count *count = cadre_body(m, cadre_topic_count);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    struct text *say = &me->call.reply;
    uint32_t i = me->head;
    while (i != me->tail && slot_of(me, i)->token.id != m->token.id)
        i++;
    if (i == me->tail)
        return cadre_unhandled(self, m);
    struct slot *slot = slot_of(me, i);
    slot->done = true;
    slot->token.id = 0;
    if (count && slot->answer.size == 0 && !slot->answer.buf)
        reply_head(say, ':', count->count); /* it was published */
    else if (failure && failure->code != -ENOENT)
        text_print(say, "-ERR %s\r\n", cadre_strerror(failure->code));
    if (say->size > 0) {
        cadre_buf_unref(slot->answer.buf);
        slot->answer = (resp_answer){.number = 0};
        me->failed |= !answer_fill(&slot->answer, say);
    }
    say->size = 0;
    return 0;
}
