/* file.c: an open file: reads side by side, changes in order, syncs shared.
 *
 * Requests wait in two queues. Reads are calls of their own, so many at a time. For the
 * changes there is one call at a time: it takes all that wait, does one after the other,
 * and syncs once at the end if one of them wants it. So whoever comes while it runs
 * shares the next one.
 *
 * A call must not be made for the sake of a request, or it would be withdrawn with that.
 * So a request only sends a message to this actor, which is for nobody's sake. */
#include <cadre/actors/file.h>

#include "body.h"
#include "disk.h"
#include "holder.h"
#include "nudge.h"
#include "rows.h"

#include <cadre/dispatch.h>
#include <cadre/fail.h>
#include <cadre/offload.h>

#include <assert.h>
#include <errno.h>

static void drop_write_at(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_file_write_at *)body)->bytes));
}
CADRE_TYPE_DROP(cadre_file_write_at, drop_write_at);
CADRE_TYPE(cadre_file_read_at);
CADRE_TYPE(cadre_file_sync);
CADRE_TYPE(cadre_file_truncate);
CADRE_TYPE(cadre_file_ask);

struct read_row {
    cadre_promise promise;
    cadre_file_read_at what;
};

struct own {
    cadre_buf *holder;
    struct rows reads, changes; /* that wait */
    uint32_t reading, changing; /* under way */
    uint64_t bytes;             /* of writes, both */
    bool is_open;
    struct nudge nudge;
};
static_assert(sizeof(struct own) <= sizeof((cadre_file *)NULL)->own, "own");

static struct own *own_of(cadre_file *me) { return (struct own *)(void *)me->own; }

static int file_start(cadre_self *self, void *state)
{
    cadre_file *me = state;
    struct own *own = own_of(me);
    if (!me->path || me->use < CADRE_FILE_READ || me->use > CADRE_FILE_NEW)
        return -EINVAL;
    me->reads = me->reads ? me->reads : 8;
    me->waiting = me->waiting ? me->waiting : 1024;
    me->bytes = me->bytes ? me->bytes : 16 << 20;
    own->holder = holder_new(me);
    if (!own->holder)
        return -ENOMEM;
    int err = nudge_init(&own->nudge);
    if (!err)
        err = cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, holder_open,
                            file_open, .holder = holder_share(own->holder));
    if (err) {
        nudge_fini(&own->nudge);
        holder_leave(own->holder);
    }
    return err;
}

static void fail(cadre_self *self, cadre_promise promise, int code, const char *text)
{
    cadre_failure failure = {code, 0, cadre_me(self), text ? text : disk_remedy(code)};
    body_fail(self, promise, &failure);
}

/* The answer, or a failure that takes no memory. What the body owns goes along. */
static void answer(cadre_self *self, cadre_promise promise, const cadre_type *type,
                   const void *body)
{
    int err = cadre_answer_as(self, promise, type, body);
    if (err && err != -EALREADY)
        fail(self, promise, err, NULL);
}

/* ---- reads ----------------------------------------------------------------------- */

static struct read_row *read_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->reads, sizeof(struct read_row), i);
}

/* The first of them, if somebody still waits for it. */
static void read_next(cadre_self *self, struct own *own)
{
    struct read_row row = *read_at(own, 0);
    rows_remove_first(&own->reads, sizeof row, 1);
    if (!cadre_is_awaited(self, row.promise))
        return;
    int err = cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, holder_read,
                            file_read, .holder = holder_share(own->holder),
                            .promise = row.promise, .what = row.what);
    if (err)
        fail(self, row.promise, err, NULL);
    else
        own->reading++;
}

/* ---- changes --------------------------------------------------------------------- */

static void answer_change(cadre_self *self, struct own *own, const struct change *c,
                          const cadre_file_status *status)
{
    static const char text[] = "what was written since the last sync may be lost: end "
                               "this actor, open the file anew, and look";
    bool is_write = c->type == &cadre_file_write_at_type;
    own->bytes -= c->size;
    if (c->code && c->done == 0)
        fail(self, c->promise, c->code, c->is_lost ? text : NULL);
    else if (is_write)
        answer(self, c->promise, &cadre_file_written_type,
               &(cadre_file_written){c->offset, c->done, c->code});
    else
        answer(self, c->promise, &cadre_file_status_type, status);
}

static void fail_changes(cadre_self *self, struct own *own, struct rows *rows, int code)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        own->bytes -= change_at(rows, i)->size;
        fail(self, change_at(rows, i)->promise, code, NULL);
    }
}

/* All that wait. Their rows go along; should the call be refused they are dropped with
 * its body, so whom to tell is kept till then. */
static void change_all(cadre_self *self, struct own *own)
{
    file_changes job = {.holder = holder_share(own->holder), .rows = own->changes};
    cadre_buf *rows = cadre_buf_ref(own->changes.buf);
    own->changes = (struct rows){.buf = NULL};
    int err = cadre_offload_as(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, holder_change,
                               &file_changes_type, &job);
    if (err)
        fail_changes(self, own, &job.rows, err);
    else
        own->changing = job.rows.count;
    cadre_buf_unref(rows);
}

static void go(cadre_self *self, cadre_file *me)
{
    struct own *own = own_of(me);
    while (own->is_open && own->reading < me->reads && own->reads.count > 0)
        read_next(self, own);
    if (own->is_open && own->changing == 0 && own->changes.count > 0)
        change_all(self, own);
}

/* ---- messages -------------------------------------------------------------------- */

static int on_open(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_file *me = state;
    struct own *own = own_of(me);
    int code = ((file_open *)m->body)->code;
    const char *remedy = disk_remedy(code);
    own->is_open = code == 0;
    if (own->is_open) {
        go(self, me);
        return 0;
    }
    for (uint32_t i = 0; i < own->reads.count; i++)
        fail(self, read_at(own, i)->promise, code, NULL);
    fail_changes(self, own, &own->changes, code);
    return cadre_fail(self, code, "open %s: %s", holder_path(own->holder),
                      remedy ? remedy : cadre_strerror(code));
}

static int on_read(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_file *me = state;
    file_read *job = m->body;
    cadre_file_data data = {job->what.offset, cadre_buf_move(&job->bytes)};
    own_of(me)->reading--;
    if (job->code)
        fail(self, job->promise, job->code, NULL);
    else
        answer(self, job->promise, &cadre_file_data_type, &data);
    go(self, me);
    return 0;
}

static int on_changes(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_file *me = state;
    struct own *own = own_of(me);
    const file_changes *job = m->body;
    own->changing = 0;
    for (uint32_t i = 0; i < job->rows.count; i++)
        answer_change(self, own, change_at(&job->rows, i), &job->status);
    go(self, me);
    return 0;
}

static int on_go(cadre_self *self, void *state, cadre_msg *m)
{
    nudge_came(m);
    go(self, state);
    return 0;
}

/* Makes the request wait: a row whose promise is filled in here. */
static int queue(cadre_self *self, cadre_file *me, const cadre_msg *m,
                 struct rows *rows, size_t size, void *row, cadre_promise *promise)
{
    struct own *own = own_of(me);
    uint32_t waiting =
        own->reads.count + own->reading + own->changes.count + own->changing;
    int err = waiting < me->waiting ? rows_reserve(rows, size) : CADRE_EFULL;
    if (!err)
        err = nudge_send(self, &own->nudge);
    if (!err)
        err = cadre_defer(self, m, promise);
    if (!err)
        rows_append(rows, size, row);
    return err;
}

static int on_read_at(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_file *me = state;
    struct read_row row = {.what = *(cadre_file_read_at *)m->body};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (row.what.size > CADRE_FILE_READ_MAX)
        return body_refuse(self, m, -EINVAL, "file: read less at a time");
    int err = queue(self, me, m, &own_of(me)->reads, sizeof row, &row, &row.promise);
    return err ? body_refuse(self, m, err, "file: too much waits: ask for less") : 0;
}

static int on_change(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_file *me = state;
    struct own *own = own_of(me);
    cadre_file_write_at *write = cadre_body(m, cadre_file_write_at);
    const cadre_file_truncate *truncate = cadre_body(m, cadre_file_truncate);
    struct change row = {.type = m->type,
                         .offset = write      ? write->offset
                                   : truncate ? truncate->size
                                              : 0,
                         .bytes = write ? write->bytes : NULL,
                         .size = write ? cadre_buf_size(write->bytes) : 0};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if ((write || truncate) && me->use == CADRE_FILE_READ)
        return body_refuse(self, m, -EBADF, disk_remedy(-EBADF));
    int err = own->bytes > 0 && own->bytes + row.size > me->bytes
                  ? CADRE_EFULL
                  : queue(self, me, m, &own->changes, sizeof row, &row, &row.promise);
    if (err)
        return body_refuse(self, m, err, "file: too much waits: ask for less");
    own->bytes += row.size;
    if (write)
        write->bytes = NULL;
    return 0;
}

static int file_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&cadre_file_read_at_type, on_read_at},
                                  {&cadre_file_write_at_type, on_change},
                                  {&cadre_file_sync_type, on_change},
                                  {&cadre_file_truncate_type, on_change},
                                  {&cadre_file_ask_type, on_change},
                                  {&nudge_type, on_go},
                                  {&file_open_type, on_open},
                                  {&file_read_type, on_read},
                                  {&file_changes_type, on_changes},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

/* The promises end with their holder. */
static void file_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    rows_free(&own->reads);
    holder_free_changes(&own->changes);
    nudge_fini(&own->nudge);
    holder_leave(own->holder);
}

const cadre_class cadre_file_class = {.name = "cadre_file",
                                      .state_size = sizeof(cadre_file),
                                      .start = file_start,
                                      .receive = file_receive,
                                      .stop = file_stop};
