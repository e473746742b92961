/* session.c: one connection: what comes is cut into commands, each goes to the shard of
 * its key, and the answers leave in the order of the commands (slots.c).
 *
 * What is to be sent is collected, and sent behind all that waits in the mailbox, by a
 * message to oneself: so the answers to a pipeline are one write. A client that does not
 * read, or has asked for very much, is not read from until that has changed; and of what
 * has been read no more is begun. */
#include "session.h"

#include <cadre/fail.h>

#include <errno.h>

enum { CHUNK = 1 << 18, WINDOW = 1 << 16 };

typedef struct flush {
    int none;
} flush;
static CADRE_TYPE(flush);

/* ---- to the client ----------------------------------------------------------------- */

static size_t unsent(const struct session *me) { return me->out.size - me->sent; }

/* What has become ready is sent soon. */
static int settle(cadre_self *self, struct session *me)
{
    slots_drain(me);
    if (me->failed || me->out.failed || me->channels.failed)
        return cadre_fail(self, -ENOMEM, "no memory for a connection");
    if (unsent(me) + me->held > me->shared->config.limits.behind && me->blocked &&
        me->subscribed)
        return cadre_fail(self, CADRE_EFULL, "a subscriber does not read");
    bool must_wait = me->blocked && !me->closed;
    if (me->flushing || must_wait || (unsent(me) == 0 && !me->quits && !me->closed))
        return 0;
    me->flushing = true;
    return cadre_send(self, cadre_me(self), flush, 0);
}

static int send_out(cadre_self *self, struct session *me)
{
    int err = 0;
    while (unsent(me) > 0 && !me->blocked) {
        size_t n = unsent(me) < CHUNK ? unsent(me) : CHUNK;
        err = cadre_stream_write(self, me->stream, me->out.bytes + me->sent, n);
        if (err)
            break;
        me->sent += n;
    }
    if (err == CADRE_EFULL)
        me->blocked = true;
    if (me->sent >= unsent(me)) { /* so fewer are moved than were sent */
        text_remove_first(&me->out, me->sent);
        me->sent = 0;
    }
    if (me->out.size == 0 && me->out.room > CHUNK)
        text_free(&me->out);
    return me->blocked ? 0 : err;
}

static int flush_out(cadre_self *self, struct session *me)
{
    bool idle = me->head == me->tail;
    if (me->closed)
        return idle ? CADRE_STOP : 0;
    int err = me->closing ? 0 : send_out(self, me);
    if (err || !me->quits || me->closing || !idle || unsent(me) > 0)
        return err;
    me->closing = true;
    return cadre_stream_close(self, me->stream, 5 * CADRE_SECOND);
}

/* Is it too much that waits, with what may come of another command? */
static bool is_full(const struct session *me)
{
    const cadre_resp_limits *limits = &me->shared->config.limits;
    size_t waits = unsent(me) + me->held, coming = me->open * me->likely;
    if (me->tail - me->head >= limits->waiting || waits > limits->behind)
        return true;
    return me->open > 0 && coming + me->likely > limits->behind - waits;
}

/* Then nothing more is read. */
static int pace(cadre_self *self, struct session *me)
{
    bool pause = me->blocked || is_full(me) || me->rest.command;
    if (pause == me->paused || me->closing || me->closed)
        return 0;
    me->paused = pause;
    return cadre_stream_window(self, me->stream, pause ? 0 : WINDOW);
}

/* ---- from it ----------------------------------------------------------------------- */

static int take_frame(cadre_self *self, struct session *me, const cadre_frame *frame)
{
    cadre_buf *rewritten;
    struct args args = resp_args(frame->bytes, frame->size, &rewritten);
    if (*frame->bytes != '*' && !rewritten)
        return -ENOMEM;
    me->buf = rewritten ? rewritten : frame->buf;
    int err = args.left > 0 ? session_obey(self, me, args) : 0;
    cadre_buf_unref(rewritten);
    return err;
}

/* The next command, or what comes next of one. Returns 0: nothing was there. */
static int take_next(cadre_self *self, struct session *me, int *err)
{
    cadre_frame frame;
    if (me->rest.command) {
        *err = session_go_on(self, me);
        return 1;
    }
    int more = cadre_framing_next(&me->framing, &frame);
    if (more > 0)
        *err = take_frame(self, me, &frame);
    return more;
}

static void say_bad(struct session *me, int code)
{
    char why[RESP_WHY];
    me->quits = true;
    cadre_resp_error(&me->call.is, "ERR Protocol error: %s",
                     resp_why(&me->framing, code, why));
    slots_tell(me, SHOW);
}

/* All that there is, as far as there is room for what comes of it. */
static int take_on(cadre_self *self, struct session *me)
{
    int more = 1, err = 0;
    slots_drain(me);
    while (!err && more > 0 && !me->quits && !me->failed && !me->asked.id &&
           !is_full(me)) {
        more = take_next(self, me, &err);
        slots_drain(me);
    }
    if (more < 0)
        say_bad(me, more);
    me->quits |= more == 0 && me->ended;
    return err ? err : settle(self, me);
}

static int came(cadre_self *self, struct session *me, cadre_buf *take)
{
    int err = cadre_framing_put(&me->framing, take);
    if (err)
        say_bad(me, err);
    return take_on(self, me);
}

static int published(cadre_self *self, struct session *me, const cadre_published *p)
{
    struct text *say = &me->call.reply;
    reply_head(say, '*', 3);
    reply_word(say, "message");
    reply_word(say, p->topic);
    reply_bulk(say, cadre_buf_data(p->payload), cadre_buf_size(p->payload));
    slots_tell(me, SHOW);
    return settle(self, me);
}

/* What was sent has made room. */
static int send_on(cadre_self *self, struct session *me)
{
    int err = flush_out(self, me);
    bool waits = me->rest.command || me->ended || cadre_framing_left(&me->framing) > 0;
    return err || !waits || me->quits || is_full(me) ? err : take_on(self, me);
}

/* ---- the actor --------------------------------------------------------------------- */

static int ended(cadre_self *self, struct session *me, const cadre_msg *m)
{
    me->closed = m->type == &cadre_stream_closed_type;
    me->quits |= me->closed;
    me->ended = true;
    return take_on(self, me);
}

static int handle(cadre_self *self, struct session *me, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    resp_answer *a = cadre_body(m, resp_answer);
    const cadre_published *p = cadre_body(m, cadre_published);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    if (a) {
        slots_answer(me, a);
        return take_on(self, me);
    }
    if (data && !me->quits)
        return came(self, me, cadre_buf_move(&data->buf));
    if (m->type == &flush_type) {
        me->flushing = false;
        return send_on(self, me);
    }
    if (m->type == &cadre_stream_wrote_type) {
        me->blocked = false;
        return send_on(self, me);
    }
    if (p)
        return published(self, me, p);
    if (m->type == &cadre_topic_count_type || m->type == &cadre_failure_type) {
        int err = channels_said(self, me, m);
        return err ? err : take_on(self, me);
    }
    if (opened)
        me->stream = opened->stream;
    if (m->type == &cadre_stream_ended_type || m->type == &cadre_stream_closed_type)
        return ended(self, me, m);
    return 0;
}

static int session_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct session *me = state;
    me->call.is.self = self;
    int err = handle(self, me, m);
    return err ? err : pace(self, me);
}

static void session_stop(cadre_self *self, void *state, int reason)
{
    struct session *me = state;
    slots_free(me);
    rest_end(me);
    cadre_framing_clear(&me->framing);
    call_free(&me->call);
    text_free(&me->out);
    text_free(&me->channels);
}

static const cadre_class session_class = {.name = "cadre_resp_session",
                                          .state_size = sizeof(struct session),
                                          .receive = session_receive,
                                          .stop = session_stop};

int session_spawn(cadre_self *self, cadre_ref *session, const struct shared *shared)
{
    struct session me = {
        .shared = shared,
        .call.is.context = shared->config.context,
        .call.discards = true,
        .likely = shared->config.limits.behind / 16,
        .framing = {.measure = resp_measure, .max = shared->config.limits.command}};
    return cadre_spawn(self, session, &session_class, &me);
}
