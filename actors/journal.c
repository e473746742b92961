/* journal.c: every record is written behind the others, in one file.
 *
 * A thread of the pool for files writes; what comes meanwhile is written together the
 * next time, and synced together: so under load an fsync is shared by many. With `always`
 * what a record says is told when it is synced. Otherwise at once, unless very much waits
 * to be written: then whoever is to be told waits, too.
 *
 * A call must not be made for the sake of a request, or it would be withdrawn with that:
 * so one only sends a message to this actor, which is for nobody's sake. */
#include "body.h"
#include "ledger.h"

#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { BEHIND_MAX = 64 << 20 };

static void drop_append(void *body)
{
    cadre_journal_append *a = body;
    cadre_buf_unref(a->record);
    if (a->type && a->type->drop)
        a->type->drop(a->body);
}
CADRE_TYPE_DROP(cadre_journal_append, drop_append);
CADRE_TYPE(cadre_journal_kept);

/* On a thread of the pool, or, what that had not begun, where the writer stops: once. */
typedef struct writing {
    cadre_journal *journal;
    uint64_t number;
    bool sync;
    cadre_buf *buf;
} writing;
static void writing_drop(void *body) { cadre_buf_unref(((writing *)body)->buf); }
static CADRE_TYPE_DROP(writing, writing_drop);

static int write_out(void *body)
{
    const writing *w = body;
    return ledger_write(
        w->journal, w->number,
        (struct piece){cadre_buf_data(w->buf), cadre_buf_size(w->buf), w->sync});
}

/* What is not synced has been written for a second; what waits, for a while. */
typedef struct tick {
    int none;
} tick;
typedef struct flush {
    int none;
} flush;
static CADRE_TYPE(tick);
static CADRE_TYPE(flush);

struct waiting {
    cadre_journal_append what; /* without its record */
    cadre_promise promise;
    uint64_t end;
};

struct own {
    writing last;              /* under way, if it writes; or was */
    struct text pending;       /* to be written */
    struct text waiting, told; /* struct waiting: for that; for what is being written */
    uint64_t end;              /* of what is in the file or pending */
    bool writes, dirty, is_time; /* dirty: written and not synced */
    bool ticks;                  /* a tick will come */
    bool due, soon;              /* to be written now; a flush will come */
};
static_assert(sizeof(struct own) <= sizeof((cadre_journal_writer *)0)->own, "own");

static struct own *own_of(cadre_journal_writer *me)
{
    return (struct own *)(void *)me->own;
}

int cadre_journal_send(cadre_self *self, cadre_ref writer, cadre_buf *record,
                       cadre_ref to, const cadre_type *type, const void *body)
{
    cadre_journal_append a = {.record = record};
    if (type && type->size > sizeof a.body) {
        if (type->drop)
            type->drop((void *)(uintptr_t)body);
        cadre_buf_unref(record);
        return -EINVAL;
    }
    if (type) {
        a.to = to;
        a.type = type;
        memcpy(a.body, body, type->size);
    }
    return cadre_send_as(self, writer, &cadre_journal_append_type, &a);
}

/* ---- who is told ------------------------------------------------------------------- */

/* What is sent is the append's no more. To one that refuses it, it is a dead letter. */
static int tell(cadre_self *self, cadre_journal_append *a, cadre_promise promise,
                uint64_t end)
{
    const cadre_type *type = a->type;
    int err = 0;
    if (a->to.id) {
        a->type = NULL;
        err = cadre_send_as(self, a->to, type, a->body);
        err = err == CADRE_EFULL ? 0 : err;
    }
    if (promise.token.id)
        (void)cadre_answer(self, promise, cadre_journal_kept, .end = end);
    return err;
}

static int tell_all(cadre_self *self, struct text *list)
{
    struct waiting *w = (struct waiting *)(void *)list->bytes;
    int err = 0;
    for (size_t i = 0; i < list->size / sizeof *w; i++) {
        int sent = tell(self, &w[i].what, w[i].promise, w[i].end);
        err = err ? err : sent;
    }
    list->size = 0;
    return err;
}

static void forget_all(struct text *list)
{
    struct waiting *w = (struct waiting *)(void *)list->bytes;
    for (size_t i = 0; i < list->size / sizeof *w; i++)
        drop_append(&w[i].what);
    text_free(list);
}

/* ---- what comes -------------------------------------------------------------------- */

/* Also behind others that do. */
static bool must_wait(const cadre_journal_writer *me, const struct own *own)
{
    return me->journal->fsync == CADRE_FSYNC_ALWAYS || own->pending.size > BEHIND_MAX ||
           own->waiting.size > 0 || own->told.size > 0;
}

/* What nobody waits for is written a little later, with what comes meanwhile. */
static int write_soon(cadre_self *self, cadre_journal_writer *me, bool for_request)
{
    struct own *own = own_of(me);
    if (must_wait(me, own) && !for_request)
        own->due = true;
    if (own->due || own->soon)
        return 0;
    own->soon = true;
    return for_request ? cadre_send(self, cadre_me(self), flush, 0)
                       : cadre_after(self, NULL, 2 * CADRE_MS, flush, 0);
}

static int add_record(cadre_journal_writer *me, cadre_buf *record)
{
    struct own *own = own_of(me);
    size_t before = own->pending.size;
    ledger_seal(me->journal, &own->pending, record);
    if (own->pending.failed) {
        own->pending.size = before;
        return -ENOMEM;
    }
    own->end += own->pending.size - before;
    return 0;
}

/* What is to be sent is the append's no more. */
static int tell_later(struct own *own, cadre_journal_append *a, cadre_promise promise)
{
    struct waiting *w;
    if (!a->to.id && !promise.token.id)
        return 0;
    if (!text_room(&own->waiting, sizeof *w))
        return -ENOMEM;
    w = (struct waiting *)(void *)(own->waiting.bytes + own->waiting.size);
    *w = (struct waiting){*a, promise, own->end};
    w->what.record = NULL;
    own->waiting.size += sizeof *w;
    if (a->to.id)
        a->type = NULL;
    else
        w->what.type = NULL;
    return 0;
}

static int take(cadre_self *self, cadre_journal_writer *me, const cadre_msg *m,
                cadre_journal_append *a)
{
    struct own *own = own_of(me);
    cadre_promise promise = {.token.id = 0};
    if (!ledger_takes(me->journal, cadre_buf_size(a->record)))
        return body_refuse(self, m, -EMSGSIZE, "a record has 1 byte to 1 GiB");
    if (a->to.id && (!a->type || a->type->size > sizeof a->body))
        return body_refuse(self, m, -EINVAL, "this is no message to be sent");
    int err = add_record(me, a->record);
    if (!err && m->token.id)
        err = cadre_defer(self, m, &promise);
    if (!err)
        err = must_wait(me, own) ? tell_later(own, a, promise)
                                 : tell(self, a, promise, own->end);
    return err ? err : write_soon(self, me, m->token.id != 0);
}

/* What is not synced with this write is a second later. */
static int tick_soon(cadre_self *self, cadre_journal_writer *me, bool sync)
{
    struct own *own = own_of(me);
    if (sync || own->ticks || me->journal->fsync != CADRE_FSYNC_EVERYSEC)
        return 0;
    own->ticks = true;
    return cadre_after(self, NULL, CADRE_SECOND, tick, 0);
}

static int write_next(cadre_self *self, cadre_journal_writer *me)
{
    struct own *own = own_of(me);
    bool sync =
        me->journal->fsync == CADRE_FSYNC_ALWAYS || (own->is_time && own->dirty);
    bool some = own->pending.size > 0 && own->due;
    struct text told = own->told;
    if (own->writes || (!some && !(sync && own->dirty)))
        return 0;
    writing job = {me->journal, own->last.number + 1, sync, text_buf(&own->pending)};
    if (!job.buf)
        return -ENOMEM;
    cadre_buf_unref(own->last.buf);
    own->last = job;
    own->pending.size = 0;
    own->told = own->waiting;
    own->waiting = told;
    own->writes = own->dirty = true;
    own->is_time = own->due = false;
    (void)cadre_buf_ref(job.buf);
    int err = cadre_offload_as(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, write_out,
                               &writing_type, &job);
    return err ? err : tick_soon(self, me, sync);
}

static int wrote(cadre_self *self, struct own *own, const writing *w)
{
    own->writes = false;
    own->dirty = !w->sync;
    return tell_all(self, &own->told);
}

/* ---- the actor --------------------------------------------------------------------- */

static int writer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_journal_writer *me = state;
    struct own *own = own_of(me);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    const writing *w = cadre_body(m, writing);
    cadre_journal_append *a = cadre_body(m, cadre_journal_append);
    int err = 0;
    if (failure)
        return cadre_fail(self, failure->code, "the journal cannot be written: %s: %s",
                          cadre_journal_why(failure->code), me->journal->path);
    if (a)
        err = take(self, me, m, a);
    else if (w)
        err = wrote(self, own, w);
    else if (m->type == &tick_type) {
        own->ticks = false;
        own->is_time = true;
    } else if (m->type == &flush_type) {
        own->soon = false;
        own->due = true;
    } else
        return cadre_unhandled(self, m);
    return err || (a && m->token.id) ? err : write_next(self, me);
}

static int writer_start(cadre_self *self, void *state)
{
    cadre_journal_writer *me = state;
    if (!me->journal)
        return -EINVAL;
    own_of(me)->last.number = ledger_written(me->journal, &own_of(me)->end);
    return ledger_write(me->journal, 0, (struct piece){0}); /* is it broken? */
}

/* What was told is written, in its order, also if a thread was about to; but nothing
 * behind what could not be. */
static void writer_stop(cadre_self *self, void *state, int reason)
{
    cadre_journal_writer *me = state;
    struct own *own = own_of(me);
    struct piece rest = {own->pending.bytes, own->pending.size, true};
    if (own->writes)
        (void)write_out(&own->last);
    (void)ledger_write(me->journal, own->last.number + 1, rest);
    cadre_buf_unref(own->last.buf);
    text_free(&own->pending);
    forget_all(&own->waiting);
    forget_all(&own->told);
}

const cadre_class cadre_journal_writer_class = {.name = "cadre_journal_writer",
                                                .state_size =
                                                    sizeof(cadre_journal_writer),
                                                .start = writer_start,
                                                .receive = writer_receive,
                                                .stop = writer_stop};
