/* session.c: one connection: what comes is cut into commands, each goes to the shard of
 * its key, and the answers leave in the order of the commands.
 *
 * That order is a ring of slots, one for each answer to come. A command for many keys has
 * many of them, so that it needs nothing else: MGET is a head and then the answers of its
 * keys, DEL adds up numbers that are not shown, and a last slot shows the sum. What is
 * published is a slot that is full at once.
 *
 * What is to be sent is collected, and sent behind all that waits in the mailbox, by a
 * message to oneself: so the answers to a pipeline are one write. A client that does not
 * read, or has asked for very much, is not read from until that has changed. */
#include "kv.h"

#include <cadre/actors/topic.h>
#include <cadre/fail.h>
#include <cadre/stream.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS_MAX = 8192, CHUNK = 1 << 18, WINDOW = 1 << 16, BEHIND_MAX = 32 << 20 };
enum slot_kind { SHOW, ADD, SUM };

struct slot {
    enum slot_kind kind;
    bool done;
    cadre_token token; /* of what was asked of the topic */
    answer answer;
};

typedef struct flush {
    int none;
} flush;
static CADRE_TYPE(flush);

struct session {
    const struct kv *kv;
    struct resp in;
    cadre_stream stream;
    cadre_buf *buf; /* that the command in hand lies in */
    struct slot *slots;
    uint32_t room, head, tail; /* of slots; the numbers of the first, and the next */
    int64_t sum;
    struct text out, say; /* to be sent; an answer in the making */
    struct text channels; /* that it has subscribed to, each with its zero */
    uint32_t subscribed;
    bool flushing;               /* a flush is on its way */
    bool blocked;                /* there was no room to write */
    bool paused;                 /* nothing is read */
    bool quits, closing, closed; /* no more commands; no more answers; no more at all */
};

/* ---- answers, in order ---- */

void answer_fill(answer *a, const struct text *text)
{
    a->size = (uint8_t)text->size;
    if (text->size > SMALL)
        a->buf = text_buf(text);
    else if (text->size > 0)
        memcpy(a->small, text->bytes, text->size);
}

static struct slot *slot_of(const struct session *me, uint32_t number)
{
    return &me->slots[number & (me->room - 1)];
}

static struct slot *slot_new(struct session *me, enum slot_kind kind)
{
    if (me->tail - me->head == me->room) {
        struct session old = *me;
        struct text ring = {.bytes = NULL};
        me->room = me->room ? 2 * me->room : 8;
        text_room(&ring, me->room * sizeof *me->slots);
        me->slots = (struct slot *)(void *)ring.bytes;
        for (uint32_t i = me->head; i != me->tail; i++)
            *slot_of(me, i) = *slot_of(&old, i);
        free(old.slots);
    }
    struct slot *slot = slot_of(me, me->tail++);
    *slot = (struct slot){.kind = kind};
    return slot;
}

/* The oldest answers, as far as they are there, are to be sent. */
static int drain(cadre_self *self, struct session *me)
{
    for (; me->head != me->tail && slot_of(me, me->head)->done; me->head++) {
        struct slot *slot = slot_of(me, me->head);
        answer *a = &slot->answer;
        me->sum += a->count;
        if (slot->kind == SUM) {
            text_head(&me->out, ':', me->sum);
            me->sum = 0;
        } else if (slot->kind != ADD) {
            text_add(&me->out, a->buf ? cadre_buf_data(a->buf) : a->small,
                     a->buf ? cadre_buf_size(a->buf) : a->size);
        }
        cadre_buf_unref(a->buf);
    }
    if (me->out.size > BEHIND_MAX && me->blocked && me->subscribed)
        return cadre_fail(self, CADRE_EFULL, "a subscriber does not read");
    if (me->flushing || (me->out.size == 0 && !me->quits && !me->closed))
        return 0;
    me->flushing = true;
    return cadre_send(self, cadre_me(self), flush, 0);
}

/* An answer of our own: what is in `say`. */
static struct slot *tell(struct session *me, enum slot_kind kind)
{
    struct slot *slot = slot_new(me, kind);
    answer_fill(&slot->answer, &me->say);
    me->say.size = 0;
    slot->done = true;
    return slot;
}

static void __attribute__((format(printf, 2, 3)))
say(struct session *me, const char *fmt, ...)
{
    va_list values;
    va_start(values, fmt);
    text_vprint(&me->say, fmt, values);
    va_end(values);
    tell(me, SHOW);
}

static int answered(cadre_self *self, struct session *me, answer *a)
{
    struct slot *slot = slot_of(me, a->number);
    slot->answer = *a;
    a->buf = NULL;
    slot->done = true;
    return drain(self, me);
}

/* ---- to the client ---- */

static int send_out(cadre_self *self, struct session *me)
{
    size_t sent = 0;
    int err = 0;
    while (sent < me->out.size && !me->blocked) {
        size_t n = me->out.size - sent < CHUNK ? me->out.size - sent : CHUNK;
        err = cadre_stream_write(self, me->stream, me->out.bytes + sent, n);
        if (err)
            break;
        sent += n;
    }
    if (err == CADRE_EFULL)
        me->blocked = true;
    me->out.size -= sent;
    if (sent > 0 && me->out.size > 0)
        memmove(me->out.bytes, me->out.bytes + sent, me->out.size);
    return me->blocked ? 0 : err;
}

static int flush_out(cadre_self *self, struct session *me)
{
    bool idle = me->head == me->tail;
    if (me->closed)
        return idle ? CADRE_STOP : 0;
    int err = me->closing ? 0 : send_out(self, me);
    if (err || !me->quits || me->closing || !idle || me->out.size > 0)
        return err;
    me->closing = true;
    return cadre_stream_close(self, me->stream, 5 * CADRE_SECOND);
}

/* Is it too much that waits? Then nothing more is read. */
static int pace(cadre_self *self, struct session *me)
{
    bool pause = me->blocked || me->tail - me->head > SLOTS_MAX;
    if (pause == me->paused || me->closing || me->closed)
        return 0;
    me->paused = pause;
    return cadre_stream_window(self, me->stream, pause ? 0 : WINDOW);
}

/* ---- commands for shards ---- */

static int ask_shard(cadre_self *self, struct session *me, uint32_t shard,
                     enum slot_kind kind, const request *r)
{
    slot_new(me, kind);
    return cadre_send(self, me->kv->shard[shard], request, .command = r->command,
                      .args = r->args, .buf = cadre_buf_ref(me->buf), .hash = r->hash,
                      .argc = r->argc, .number = me->tail - 1);
}

/* These arguments, of which the first is the key. */
static int ask_keyed(cadre_self *self, struct session *me,
                     const struct command *command, enum slot_kind kind,
                     struct args args)
{
    request r = {.command = command, .args = args.at, .argc = args.left};
    r.hash = key_hash(me->kv, args_next(&args));
    return ask_shard(self, me, key_shard(me->kv, r.hash), kind, &r);
}

static int ask_each(cadre_self *self, struct session *me, const struct command *command,
                    struct args *args)
{
    uint32_t step = command->route == PAIR ? 2 : 1;
    enum slot_kind kind = command->route == LIST ? SHOW : ADD;
    int err = 0;
    while (args->left > 0 && !err) {
        struct args one = {args->at, step};
        err = ask_keyed(self, me, command, kind, one);
        for (uint32_t i = 0; i < step; i++)
            (void)args_next(args);
    }
    return err;
}

static int ask_all(cadre_self *self, struct session *me, const struct command *command,
                   const struct args *args)
{
    request r = {.command = command, .args = args->at};
    int err = 0;
    for (uint32_t i = 0; i < me->kv->shards && !err; i++)
        err = ask_shard(self, me, i, ADD, &r);
    return err;
}

static int route(cadre_self *self, struct session *me, const struct command *command,
                 struct args *args)
{
    int err = 0;
    if (command->route == KEY)
        return ask_keyed(self, me, command, SHOW, *args);
    if (command->route == LIST) {
        text_head(&me->say, '*', args->left);
        tell(me, SHOW);
    }
    err = command->route == ALL ? ask_all(self, me, command, args)
                                : ask_each(self, me, command, args);
    if (command->route == PAIR || command->run == shard_flushall) {
        say(me, "+OK\r\n");
    } else if (command->route != LIST) {
        tell(me, SUM);
    }
    return err;
}

static bool may_be_subscribed(const struct command *command)
{
    return command->here == session_subscribe || command->here == session_unsubscribe ||
           command->here == session_ping || command->here == session_quit;
}

static void say_unknown(struct session *me, struct slice name, struct args *args)
{
    size_t room = 128;
    text_print(&me->say, "-ERR unknown command '%.*s', with args beginning with: ",
               name.size < 128 ? (int)name.size : 128, (const char *)name.bytes);
    while (args->left > 0 && room > 0) {
        struct slice arg = args_next(args);
        size_t n = arg.size < room ? arg.size : room;
        text_print(&me->say, "'%.*s' ", (int)n, (const char *)arg.bytes);
        room -= n + 3 < room ? n + 3 : room;
    }
    for (size_t i = 0; i < me->say.size; i++) /* it is one line */
        if (me->say.bytes[i] == '\r' || me->say.bytes[i] == '\n')
            me->say.bytes[i] = ' ';
    say(me, "\r\n");
}

static int obey(cadre_self *self, struct session *me, struct args args)
{
    uint32_t words = args.left;
    struct slice name = args_next(&args);
    const struct command *command = command_find(name);
    if (!command)
        say_unknown(me, name, &args);
    else if (!command_fits(command, words))
        say(me, "-ERR wrong number of arguments for '%s' command\r\n", command->name);
    else if (me->subscribed && !may_be_subscribed(command))
        say(me,
            "-ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING"
            " / QUIT / RESET are allowed in this context\r\n",
            command->name);
    else if (!command->here)
        return route(self, me, command, &args);
    else
        command->here(self, me, &args);
    return 0;
}

static int came(cadre_self *self, struct session *me, cadre_buf *take)
{
    cadre_frame frame;
    int more = cadre_framing_put(&me->in.framing, take), err = 0;
    while (!err && !me->quits && more >= 0 &&
           (more = cadre_framing_next(&me->in.framing, &frame)) > 0) {
        cadre_buf *rewritten;
        struct args args = resp_args(frame.bytes, frame.size, &rewritten);
        me->buf = rewritten ? rewritten : frame.buf;
        if (args.left > 0)
            err = obey(self, me, args);
        cadre_buf_unref(rewritten);
    }
    if (more < 0 && !me->quits) {
        me->quits = true;
        say(me, "-ERR Protocol error: %s\r\n",
            more == -EPROTO ? me->in.why : cadre_strerror(more));
    }
    return err ? err : drain(self, me);
}

/* ---- commands of the session's own ---- */

void session_ping(cadre_self *self, struct session *me, struct args *args)
{
    bool has_text = args->left > 0;
    struct slice text = has_text ? args_next(args) : (struct slice){NULL, 0};
    if (args->left > 0) {
        say(me, "-ERR wrong number of arguments for 'ping' command\r\n");
        return;
    }
    if (me->subscribed)
        text_print(&me->say, "*2\r\n$4\r\npong\r\n");
    if (has_text || me->subscribed)
        text_bulk(&me->say, text.bytes, text.size);
    else
        text_print(&me->say, "+PONG\r\n");
    tell(me, SHOW);
}

void session_echo(cadre_self *self, struct session *me, struct args *args)
{
    struct slice text = args_next(args);
    text_bulk(&me->say, text.bytes, text.size);
    tell(me, SHOW);
}

void session_quit(cadre_self *self, struct session *me, struct args *args)
{
    say(me, "+OK\r\n");
    me->quits = true;
}

void session_command(cadre_self *self, struct session *me, struct args *args)
{
    say(me, "*0\r\n");
}

/* What redis-benchmark wants to know. */
void session_config(cadre_self *self, struct session *me, struct args *args)
{
    const char *value = NULL;
    struct slice name = args_next(args);
    if (!slice_is(name, "get") || args->left == 0) {
        say(me,
            "-ERR unknown subcommand or wrong number of arguments for 'config'\r\n");
        return;
    }
    name = args_next(args);
    if (slice_is(name, "save"))
        value = "";
    else if (slice_is(name, "appendonly"))
        value = me->kv->fd < 0 ? "no" : "yes";
    text_head(&me->say, '*', value ? 2 : 0);
    if (value) {
        text_bulk(&me->say, name.bytes, name.size);
        text_word(&me->say, value);
    }
    tell(me, SHOW);
}

void session_info(cadre_self *self, struct session *me, struct args *args)
{
    struct text text = {.bytes = NULL};
    cadre_counters counters;
    (void)cadre_stats(cadre_system_of(self), &counters);
    text_print(&text,
               "# Server\r\nserver_name:kv\r\nprocess_id:%d\r\ntcp_port:%u\r\n"
               "shards:%u\r\nworkers:%u\r\nmessages:%llu\r\n",
               (int)getpid(), me->kv->port, me->kv->shards, counters.workers,
               (unsigned long long)counters.handled);
    text_bulk(&me->say, text.bytes, text.size);
    free(text.bytes);
    tell(me, SHOW);
}

/* ---- publish and subscribe ---- */

/* A channel must fit into a topic. */
static bool channel_is(struct slice name, char channel[CADRE_TOPIC_MAX + 1])
{
    if (name.size == 0 || name.size > CADRE_TOPIC_MAX ||
        memchr(name.bytes, 0, name.size) || memchr(name.bytes, '*', name.size))
        return false;
    memcpy(channel, name.bytes, name.size);
    channel[name.size] = '\0';
    return true;
}

/* Where it is among those that this one has subscribed to; NULL: it is not. */
static char *channel_find(const struct session *me, const char *channel)
{
    char *at = (char *)me->channels.bytes, *end = at + me->channels.size;
    while (at < end && strcmp(at, channel) != 0)
        at += strlen(at) + 1;
    return at < end ? at : NULL;
}

/* Asks the topic; `say` is shown when it has answered. */
static void ask_topic(cadre_self *self, struct session *me, const cadre_type *type,
                      const void *body)
{
    struct slot *slot = tell(me, SHOW);
    int err = cadre_ask_as(self, &slot->token, me->kv->topic, CADRE_NEVER, type, body);
    slot->done = err != 0;
}

static void say_channel(struct session *me, const char *what, const char *channel)
{
    text_head(&me->say, '*', 3);
    text_word(&me->say, what);
    if (channel)
        text_word(&me->say, channel);
    else
        text_print(&me->say, "$-1\r\n");
    text_head(&me->say, ':', me->subscribed);
}

void session_subscribe(cadre_self *self, struct session *me, struct args *args)
{
    while (args->left > 0) {
        cadre_topic_subscribe body = {.who = cadre_me(self)};
        if (!channel_is(args_next(args), body.topic)) {
            say(me, "-ERR a channel has 1 to %d bytes and no *\r\n", CADRE_TOPIC_MAX);
            continue;
        }
        if (!channel_find(me, body.topic)) {
            text_add(&me->channels, body.topic, strlen(body.topic) + 1);
            me->subscribed++;
        }
        say_channel(me, "subscribe", body.topic);
        ask_topic(self, me, &cadre_topic_subscribe_type, &body);
    }
}

static void unsubscribe(cadre_self *self, struct session *me, const char *channel)
{
    cadre_topic_unsubscribe body = {.who = cadre_me(self)};
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
    ask_topic(self, me, &cadre_topic_unsubscribe_type, &body);
}

void session_unsubscribe(cadre_self *self, struct session *me, struct args *args)
{
    char channel[CADRE_TOPIC_MAX + 1];
    bool all = args->left == 0;
    if (all && me->subscribed == 0) {
        say_channel(me, "unsubscribe", NULL);
        tell(me, SHOW);
    }
    while (all && me->subscribed > 0) {
        memcpy(channel, me->channels.bytes, strlen((char *)me->channels.bytes) + 1);
        unsubscribe(self, me, channel);
    }
    while (args->left > 0)
        if (channel_is(args_next(args), channel))
            unsubscribe(self, me, channel);
        else
            say(me, "-ERR a channel has 1 to %d bytes and no *\r\n", CADRE_TOPIC_MAX);
}

void session_publish(cadre_self *self, struct session *me, struct args *args)
{
    cadre_publish body = {.retain = false};
    if (!channel_is(args_next(args), body.topic)) {
        say(me, "-ERR a channel has 1 to %d bytes and no *\r\n", CADRE_TOPIC_MAX);
        return;
    }
    struct slice payload = args_next(args);
    body.payload = cadre_buf_new(payload.bytes, payload.size);
    ask_topic(self, me, &cadre_publish_type, &body);
}

/* The outcome of ask_topic(). */
static int topic_said(cadre_self *self, struct session *me, const cadre_msg *m)
{
    const cadre_topic_count *count = cadre_body(m, cadre_topic_count);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    uint32_t i = me->head;
    while (i != me->tail && slot_of(me, i)->token.id != m->token.id)
        i++;
    if (i == me->tail)
        return cadre_unhandled(self, m);
    struct slot *slot = slot_of(me, i);
    slot->done = true;
    slot->token.id = 0;
    if (count && slot->answer.size == 0 && !slot->answer.buf)
        text_head(&me->say, ':', count->count); /* it was published */
    else if (failure && failure->code != -ENOENT)
        text_print(&me->say, "-ERR %s\r\n", cadre_strerror(failure->code));
    if (me->say.size > 0)
        answer_fill(&slot->answer, &me->say);
    me->say.size = 0;
    return drain(self, me);
}

static int published(cadre_self *self, struct session *me, const cadre_published *p)
{
    text_print(&me->say, "*3\r\n$7\r\nmessage\r\n");
    text_word(&me->say, p->topic);
    text_bulk(&me->say, cadre_buf_data(p->payload), cadre_buf_size(p->payload));
    tell(me, SHOW);
    return drain(self, me);
}

/* ---- the actor ---- */

static int ended(cadre_self *self, struct session *me, const cadre_msg *m)
{
    me->closed = m->type == &cadre_stream_closed_type;
    me->quits = true;
    return drain(self, me);
}

static int handle(cadre_self *self, struct session *me, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    answer *a = cadre_body(m, answer);
    if (a)
        return answered(self, me, a);
    if (data && !me->quits)
        return came(self, me, cadre_buf_move(&data->buf));
    if (m->type == &flush_type) {
        me->flushing = false;
        return flush_out(self, me);
    }
    if (m->type == &cadre_stream_wrote_type) {
        me->blocked = false;
        return flush_out(self, me);
    }
    if (m->type == &cadre_published_type)
        return published(self, me, cadre_body(m, cadre_published));
    if (m->type == &cadre_topic_count_type || m->type == &cadre_failure_type)
        return topic_said(self, me, m);
    if (m->type == &cadre_stream_opened_type)
        me->stream = cadre_body(m, cadre_stream_opened)->stream;
    if (m->type == &cadre_stream_ended_type || m->type == &cadre_stream_closed_type)
        return ended(self, me, m);
    return 0;
}

static int session_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct session *me = state;
    int err = handle(self, me, m);
    return err ? err : pace(self, me);
}

static void session_stop(cadre_self *self, void *state, int reason)
{
    struct session *me = state;
    for (; me->head != me->tail; me->head++)
        cadre_buf_unref(slot_of(me, me->head)->answer.buf);
    cadre_framing_clear(&me->in.framing);
    free(me->slots);
    free(me->out.bytes);
    free(me->say.bytes);
    free(me->channels.bytes);
}

static const cadre_class session_class = {.name = "session",
                                          .state_size = sizeof(struct session),
                                          .receive = session_receive,
                                          .stop = session_stop};

int session_spawn(cadre_self *self, cadre_ref *session, const struct kv *kv)
{
    struct session me = {.kv = kv, .in.framing = resp_framing};
    return cadre_spawn(self, session, &session_class, &me);
}
