/* session.c: one connection: what comes is cut into commands, each goes to the shard of
 * its key, and the answers leave in the order of the commands (slots.c).
 *
 * What is to be sent is collected, and sent behind all that waits in the mailbox, by a
 * message to oneself: so the answers to a pipeline are one write. A client that does not
 * read, or has asked for very much, is not read from until that has changed. */
#include "session.h"

#include <cadre/actors/topic.h>
#include <cadre/fail.h>

#include <errno.h>

enum { CHUNK = 1 << 18, WINDOW = 1 << 16 };

typedef struct flush {
    int none;
} flush;
static CADRE_TYPE(flush);

/* ---- to the client ----------------------------------------------------------------- */

/* What has become ready is sent soon. */
static int settle(cadre_self *self, struct session *me)
{
    slots_drain(me);
    if (me->failed || me->out.failed || me->channels.failed)
        return cadre_fail(self, -ENOMEM, "no memory for a connection");
    if (me->out.size > me->shared->config.limits.behind && me->blocked &&
        me->subscribed)
        return cadre_fail(self, CADRE_EFULL, "a subscriber does not read");
    if (me->flushing || (me->out.size == 0 && !me->quits && !me->closed))
        return 0;
    me->flushing = true;
    return cadre_send(self, cadre_me(self), flush, 0);
}

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
    text_remove_first(&me->out, sent);
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
    bool pause = me->blocked || me->tail - me->head > me->shared->config.limits.waiting;
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

static int came(cadre_self *self, struct session *me, cadre_buf *take)
{
    cadre_frame frame;
    char why[RESP_WHY];
    int more = cadre_framing_put(&me->framing, take), err = 0;
    while (!err && !me->quits && !me->failed && more >= 0 &&
           (more = cadre_framing_next(&me->framing, &frame)) > 0)
        err = take_frame(self, me, &frame);
    if (more < 0 && !me->quits) {
        me->quits = true;
        cadre_resp_error(&me->call.is, "ERR Protocol error: %s",
                         resp_why(&me->framing, more, why));
        slots_tell(me, SHOW);
    }
    return err ? err : settle(self, me);
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

/* ---- the actor --------------------------------------------------------------------- */

static int ended(cadre_self *self, struct session *me, const cadre_msg *m)
{
    me->closed = m->type == &cadre_stream_closed_type;
    me->quits = true;
    return settle(self, me);
}

static int handle(cadre_self *self, struct session *me, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    resp_answer *a = cadre_body(m, resp_answer);
    const cadre_published *p = cadre_body(m, cadre_published);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    if (a) {
        slots_answer(me, a);
        return settle(self, me);
    }
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
    if (p)
        return published(self, me, p);
    if (m->type == &cadre_topic_count_type || m->type == &cadre_failure_type) {
        int err = channels_said(self, me, m);
        return err ? err : settle(self, me);
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
        .framing = {.measure = resp_measure, .max = shared->config.limits.command}};
    return cadre_spawn(self, session, &session_class, &me);
}
