/* channels.c: SUBSCRIBE and PUBLISH, by a topic. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
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

/* Asks the topic; the answer is that slot's. */
static void ask_topic(struct session *me, cadre_token *token, const cadre_type *type,
                      const void *body)
{
    struct slot *slot = slot_new(me, SHOW);
    if (slot)
        me->failed |= cadre_ask_as(me->call.is.self, &slot->token, me->shared->topic,
                                   CADRE_NEVER, type, body) != 0;
    else if (type->drop)
        type->drop((void *)(uintptr_t)body);
    if (slot && token)
        *token = slot->token;
}

/* ---- to subscribe ------------------------------------------------------------------ */

void channels_subscribe(cadre_resp_call *call)
{
    rest_begin(session_of(call), call->command, (struct args){call->at, call->left});
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

void channels_unsubscribe(cadre_resp_call *call)
{
    struct session *me = session_of(call);
    const uint8_t *at = call->left > 0 ? call->at : NULL; /* all */
    if (at || me->subscribed > 0)
        rest_begin(me, call->command, (struct args){at, call->left});
    else
        say_channel(me, "unsubscribe", NULL);
}

static bool subscribes(const struct session *me)
{
    return me->rest.command->run == channels_subscribe;
}

static void ask_for_channel(struct session *me)
{
    cadre_topic_subscribe s = {.who = cadre_me(me->call.is.self)};
    cadre_topic_unsubscribe u = {.who = s.who};
    snprintf(s.topic, sizeof s.topic, "%s", me->channel);
    snprintf(u.topic, sizeof u.topic, "%s", me->channel);
    if (subscribes(me))
        ask_topic(me, &me->asked, &cadre_topic_subscribe_type, &s);
    else
        ask_topic(me, &me->asked, &cadre_topic_unsubscribe_type, &u);
}

/* The rest has ended when its last channel's answer is there. */
void channels_go_on(struct session *me)
{
    struct args *args = &me->rest.args;
    bool all = args->at == NULL;
    if (all ? me->subscribed == 0 : args->left == 0) {
        rest_end(me);
        return;
    }
    if (all)
        snprintf(me->channel, sizeof me->channel, "%s", (char *)me->channels.bytes);
    if (all || channel_is(resp_next(args), me->channel))
        ask_for_channel(me);
    else
        say_no_channel(me);
}

/* That one is in the list no more. */
static void remove_channel(struct session *me)
{
    char *at = (char *)me->channels.bytes;
    size_t size = strlen(me->channel) + 1;
    while (strcmp(at, me->channel) != 0)
        at += strlen(at) + 1;
    memmove(at, at + size,
            me->channels.size - (size_t)(at + size - (char *)me->channels.bytes));
    me->channels.size -= size;
    me->subscribed--;
}

/* count: of its subscriptions, as the topic has them now; NULL: it has none of that. */
static void say_subscribed(struct session *me, const cadre_topic_count *count)
{
    if (count && count->count > me->subscribed) {
        text_add(&me->channels, me->channel, strlen(me->channel) + 1);
        me->subscribed++;
    } else if (count && count->count < me->subscribed) {
        remove_channel(me);
    }
    say_channel(me, subscribes(me) ? "subscribe" : "unsubscribe", me->channel);
}

/* ---- to publish -------------------------------------------------------------------- */

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
    ask_topic(session_of(call), NULL, &cadre_publish_type, &body);
}

/* ---- what it answers --------------------------------------------------------------- */

int channels_said(cadre_self *self, struct session *me, const cadre_msg *m)
{
    const cadre_topic_count *count = cadre_body(m, cadre_topic_count);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    uint32_t i = me->head;
    while (i != me->tail && slot_of(me, i)->token.id != m->token.id)
        i++;
    if (i == me->tail)
        return cadre_unhandled(self, m);
    bool is_asked = m->token.id == me->asked.id;
    slot_of(me, i)->token.id = 0;
    if (failure && (!is_asked || failure->code != -ENOENT))
        text_print(&me->call.reply, "-ERR %s\r\n", cadre_strerror(failure->code));
    else if (is_asked)
        say_subscribed(me, count);
    else if (count)
        reply_head(&me->call.reply, ':', count->count);
    if (is_asked)
        me->asked.id = 0;
    slot_fill(me, slot_of(me, i));
    return 0;
}
