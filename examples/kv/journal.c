/* journal.c: every change is written behind the others, in one file, which is read when
 * the program starts.
 *
 * A thread of the pool for files writes; what comes meanwhile is written together the
 * next time, and synced together: so under load an fsync is shared by many. With `always`
 * an answer goes on when its record is synced. Otherwise at once, unless very much waits
 * to be written: then who writes waits, too.
 *
 * The file has the commands as clients send them. One that is not whole at the end was
 * being written when the program was killed, and nobody was told of it: it is cut off. */
#include "kv.h"

#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16, BEHIND_MAX = 64 << 20 };

int64_t journal_read(int fd, int (*each)(void *arg, const uint8_t *bytes, size_t size),
                     void *arg)
{
    struct resp in = {.framing = resp_framing};
    uint8_t *bytes = malloc(READ_SIZE);
    int64_t at = 0;
    int more = bytes ? 0 : -ENOMEM;
    while (more == 0) {
        ssize_t got = pread(fd, bytes, READ_SIZE, at);
        cadre_frame frame;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            more = got < 0 ? -errno : 0;
            break;
        }
        at += got;
        more = cadre_framing_put(&in.framing, cadre_buf_new(bytes, (size_t)got));
        while (more == 0 && (more = cadre_framing_next(&in.framing, &frame)) > 0)
            more = each(arg, frame.bytes, frame.size);
    }
    at -= (int64_t)cadre_framing_left(&in.framing);
    cadre_framing_clear(&in.framing);
    free(bytes);
    return more < 0 ? more : at;
}

/* On a thread of the pool, or, what that had not begun, where the journal stops: once. */
typedef struct writing {
    struct kv *kv;
    uint64_t number;
    bool sync;
    cadre_buf *buf;
} writing;
static void writing_drop(void *body) { cadre_buf_unref(((writing *)body)->buf); }
static CADRE_TYPE_DROP(writing, writing_drop);

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_once(const writing *w)
{
    if (w->kv->broken || w->number <= w->kv->written)
        return w->kv->broken;
    w->kv->written = w->number;
    int err = write_all(w->kv->fd, cadre_buf_data(w->buf), cadre_buf_size(w->buf));
    if (!err && w->sync && fdatasync(w->kv->fd))
        err = -errno;
    return w->kv->broken = err;
}

static int write_out(void *body)
{
    const writing *w = body;
    pthread_mutex_lock(&w->kv->file);
    int err = write_once(w);
    pthread_mutex_unlock(&w->kv->file);
    return err;
}

/* Once a second; and when what waits has waited for a while. */
typedef struct tick {
    int none;
} tick;
typedef struct flush {
    int none;
} flush;
static CADRE_TYPE(tick);
static CADRE_TYPE(flush);

struct waiting {
    cadre_ref to;
    answer answer;
};

struct journal {
    struct kv *kv;
    writing last;              /* that was given to a thread; has a reference */
    struct text pending;       /* to be written */
    struct text waiting, told; /* struct waiting: for that; for what is being written */
    bool writes, dirty, is_time; /* dirty: written and not synced */
    bool due, soon;              /* to be written now; a flush will come */
};

static int answer_all(cadre_self *self, struct text *list)
{
    struct waiting *w = (struct waiting *)(void *)list->bytes;
    int err = 0;
    for (size_t i = 0; i < list->size / sizeof *w; i++) {
        int sent = cadre_send_as(self, w[i].to, &answer_type, &w[i].answer);
        err = err ? err : sent;
    }
    list->size = 0;
    return err;
}

/* What nobody waits for is written a little later, with what comes meanwhile. */
static int write_soon(cadre_self *self, struct journal *me)
{
    if (me->kv->fsync == FSYNC_ALWAYS || me->pending.size > BEHIND_MAX)
        me->due = true;
    if (me->due || me->soon)
        return 0;
    me->soon = true;
    return cadre_after(self, NULL, 2 * CADRE_MS, flush, 0);
}

static int take_record(cadre_self *self, struct journal *me, record *r)
{
    bool waits = me->kv->fsync == FSYNC_ALWAYS || me->pending.size > BEHIND_MAX;
    struct waiting w = {.to = r->to, .answer = r->answer};
    text_add(&me->pending, cadre_buf_data(r->buf), cadre_buf_size(r->buf));
    r->answer.buf = NULL;
    if (r->to.id && waits)
        text_add(&me->waiting, &w, sizeof w);
    int err = write_soon(self, me);
    if (err || waits || !r->to.id)
        return err;
    return cadre_send_as(self, w.to, &answer_type, &w.answer);
}

static int write_next(cadre_self *self, struct journal *me)
{
    bool sync = me->kv->fsync == FSYNC_ALWAYS || (me->is_time && me->dirty);
    struct text told = me->told;
    bool some = me->pending.size > 0 && me->due;
    if (me->writes || (!some && !(sync && me->dirty)))
        return 0;
    cadre_buf_unref(me->last.buf);
    me->last = (writing){me->kv, me->last.number + 1, sync, text_buf(&me->pending)};
    me->pending.size = 0;
    me->told = me->waiting;
    me->waiting = told;
    me->writes = me->dirty = true;
    me->is_time = me->due = false;
    writing job = me->last;
    job.buf = cadre_buf_ref(job.buf);
    return cadre_offload_as(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, write_out,
                            &writing_type, &job);
}

static int journal_handle(cadre_self *self, struct journal *me, cadre_msg *m)
{
    record *r = cadre_body(m, record);
    const writing *w = cadre_body(m, writing);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    int err = 0;
    if (failure)
        return cadre_fail(self, failure->code, "the journal cannot be written");
    if (m->type == &tick_type)
        me->is_time = true;
    if (m->type == &flush_type) {
        me->soon = false;
        me->due = true;
    }
    if (w) {
        me->writes = false;
        me->dirty = !w->sync;
        err = answer_all(self, &me->told);
    }
    if (r)
        err = take_record(self, me, r);
    return err ? err : write_next(self, me);
}

/* Whatever goes wrong with it is the end of all: nothing more could be promised. */
static int journal_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int err = journal_handle(self, state, m);
    if (err < 0)
        cadre_kill(self, cadre_parent(self), err);
    return err;
}

static int journal_start(cadre_self *self, void *state)
{
    const struct journal *me = state;
    return me->kv->fsync == FSYNC_EVERYSEC
               ? cadre_every(self, NULL, CADRE_SECOND, tick, 0)
               : 0;
}

/* What was answered is written, in its order, also if a thread was about to; but nothing
 * behind what could not be. */
static void journal_stop(cadre_self *self, void *state, int reason)
{
    struct journal *me = state;
    writing rest = {me->kv, me->last.number + 1, true, text_buf(&me->pending)};
    if (me->writes)
        (void)write_out(&me->last);
    (void)write_out(&rest);
    cadre_buf_unref(rest.buf);
    cadre_buf_unref(me->last.buf);
    free(me->pending.bytes);
    free(me->waiting.bytes);
    free(me->told.bytes);
}

static const cadre_class journal_class = {.name = "journal",
                                          .state_size = sizeof(struct journal),
                                          .start = journal_start,
                                          .receive = journal_receive,
                                          .stop = journal_stop};

int journal_spawn(cadre_self *self, cadre_ref *journal, struct kv *kv)
{
    struct journal me = {.kv = kv};
    return cadre_spawn(self, journal, &journal_class, &me);
}
