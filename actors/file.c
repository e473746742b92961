/* file.c: an open file: reads side by side, changes in order, syncs shared.
 *
 * Requests wait in two queues. Reads are calls of their own, so many at a time. For the
 * changes there is one call at a time: it takes all that wait, does one after the other,
 * and syncs once at the end if one of them wants it. So whoever comes while it runs
 * shares the next one.
 *
 * A call must not be made for the sake of a request, or it would be withdrawn with that.
 * So a request only sends a message to this actor, which is for nobody's sake.
 *
 * The descriptor belongs to a holder that the actor and each call have a share of, a call
 * until its job is dropped; the last one closes it. What a change has broken only changes
 * look at, of which there is one call at a time. */
#include <cadre/actors/file.h>

#include "body.h"
#include "disk.h"
#include "folder.h"
#include "rows.h"

#include <cadre/dispatch.h>
#include <cadre/fail.h>
#include <cadre/offload.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void drop_write_at(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_file_write_at *)body)->bytes));
}
CADRE_TYPE_DROP(cadre_file_write_at, drop_write_at);
CADRE_TYPE(cadre_file_read_at);
CADRE_TYPE(cadre_file_sync);
CADRE_TYPE(cadre_file_truncate);
CADRE_TYPE(cadre_file_ask);

static const cadre_type file_go_type = {.name = "file_go"};

/* ---- the descriptor -------------------------------------------------------------- */

struct holder {
    atomic_uint shares;
    int fd;     /* -1 until it is open */
    int broken; /* why nothing is safe any more; by changes */
    int use;
    char path[];
};

static struct holder *holder_of(cadre_buf *buf)
{
    return (struct holder *)(void *)cadre_buf_data(buf);
}

static cadre_buf *holder_new(const cadre_file *config)
{
    size_t length = strlen(config->path) + 1;
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct holder) + length);
    if (!buf)
        return NULL;
    struct holder *holder = holder_of(buf);
    atomic_init(&holder->shares, 1);
    holder->fd = -1;
    holder->use = config->use;
    memcpy(holder->path, config->path, length);
    return buf;
}

static cadre_buf *holder_share(cadre_buf *buf)
{
    atomic_fetch_add_explicit(&holder_of(buf)->shares, 1, memory_order_relaxed);
    return buf;
}

/* What others did with the descriptor is over before it is closed: hence the order. */
static void holder_leave(cadre_buf *buf)
{
    if (!buf)
        return;
    struct holder *holder = holder_of(buf);
    if (atomic_fetch_sub_explicit(&holder->shares, 1, memory_order_acq_rel) > 1)
        return;
    if (holder->fd >= 0)
        close(holder->fd);
    cadre_buf_unref(buf);
}

/* ---- calls, on threads of the pool ----------------------------------------------- */

typedef struct file_open {
    cadre_buf *holder;
    int code;
} file_open;
static void drop_open(void *body)
{
    holder_leave(cadre_buf_move(&((file_open *)body)->holder));
}
static CADRE_TYPE_DROP(file_open, drop_open);

static int open_it(void *body)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT,
                                O_RDWR | O_CREAT | O_EXCL};
    file_open *job = body;
    struct holder *holder = holder_of(job->holder);
    job->code = disk_open(&holder->fd, holder->path, flags[holder->use]);
    if (!job->code && (flags[holder->use] & O_CREAT))
        job->code = folder_sync(holder->path);
    return 0;
}

typedef struct file_read {
    cadre_buf *holder;
    cadre_buf *bytes;
    cadre_promise promise;
    cadre_file_read_at what;
    int code;
} file_read;
static void drop_read(void *body)
{
    file_read *job = body;
    cadre_buf_unref(cadre_buf_move(&job->bytes));
    holder_leave(cadre_buf_move(&job->holder));
}
static CADRE_TYPE_DROP(file_read, drop_read);

static int read_it(void *body)
{
    file_read *job = body;
    job->code = disk_read_at(&job->bytes, holder_of(job->holder)->fd, job->what.offset,
                             job->what.size);
    return 0;
}

struct change {
    const cadre_type *type; /* what was asked */
    cadre_promise promise;
    uint64_t offset; /* or size */
    cadre_buf *bytes;
    size_t size; /* of bytes */
    uint64_t done;
    int code;
    bool is_lost; /* because of what was broken before */
};

typedef struct file_changes {
    cadre_buf *holder;
    struct rows rows; /* of changes */
    cadre_file_status status;
} file_changes;

static struct change *change_at(const struct rows *rows, uint32_t i)
{
    return rows_at(rows, sizeof(struct change), i);
}
static void free_changes(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        cadre_buf_unref(change_at(rows, i)->bytes);
    rows_free(rows);
}
static void drop_changes(void *body)
{
    file_changes *job = body;
    free_changes(&job->rows);
    holder_leave(cadre_buf_move(&job->holder));
}
static CADRE_TYPE_DROP(file_changes, drop_changes);

/* What could not be appended whole is taken back. */
static int append(int fd, struct change *change)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return -errno;
    change->offset = (uint64_t)s.st_size;
    int err = disk_write(&change->done, fd, s.st_size, change->bytes);
    if (err && change->done > 0 && ftruncate(fd, s.st_size) == 0)
        change->done = 0;
    return err;
}

static int write_at(int fd, struct change *change)
{
    if (change->offset == CADRE_FILE_END)
        return append(fd, change);
    if (change->offset > (uint64_t)INT64_MAX - cadre_buf_size(change->bytes))
        return -EFBIG;
    return disk_write(&change->done, fd, (int64_t)change->offset, change->bytes);
}

static int truncate_to(int fd, uint64_t size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    return ftruncate(fd, (int64_t)size) == 0 ? 0 : -errno;
}

static void make_change(struct holder *holder, struct change *change)
{
    if (change->type == &cadre_file_ask_type)
        return;
    change->code = holder->broken;
    change->is_lost = holder->broken != 0;
    if (change->is_lost || change->type == &cadre_file_sync_type)
        return;
    change->code = change->type == &cadre_file_truncate_type
                       ? truncate_to(holder->fd, change->offset)
                       : write_at(holder->fd, change);
    if (change->code == -EIO)
        holder->broken = -EIO;
}

/* For all that want it. After a failure the kernel may have forgotten what it could not
 * write, and a second sync would succeed. */
static void sync_all(struct holder *holder, const struct rows *rows)
{
    bool wanted = false;
    for (uint32_t i = 0; i < rows->count; i++)
        wanted = wanted || change_at(rows, i)->type == &cadre_file_sync_type;
    if (wanted && !holder->broken && fdatasync(holder->fd) != 0)
        holder->broken = -errno;
    for (uint32_t i = 0; wanted && i < rows->count; i++)
        if (change_at(rows, i)->type == &cadre_file_sync_type) {
            change_at(rows, i)->code = holder->broken;
            change_at(rows, i)->is_lost = holder->broken != 0;
        }
}

static int change_it(void *body)
{
    file_changes *job = body;
    struct holder *holder = holder_of(job->holder);
    struct stat s;
    for (uint32_t i = 0; i < job->rows.count; i++)
        make_change(holder, change_at(&job->rows, i));
    sync_all(holder, &job->rows);
    if (fstat(holder->fd, &s) == 0)
        disk_status(&job->status, &s);
    return 0;
}

/* ---- the actor ------------------------------------------------------------------- */

struct read_row {
    cadre_promise promise;
    cadre_file_read_at what;
};

struct own {
    cadre_buf *holder;
    struct rows reads, changes; /* that wait */
    uint32_t reading, changing; /* under way */
    uint64_t bytes;             /* of writes, both */
    bool is_open, told;
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
    int err = cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, open_it,
                            file_open, .holder = holder_share(own->holder));
    if (err)
        holder_leave(own->holder);
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
    int err = cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, read_it,
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
    int err = cadre_offload_as(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, change_it,
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
    return cadre_fail(self, code, "open %s: %s", holder_of(own->holder)->path,
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
    own_of(state)->told = false;
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
    if (!err && !own->told)
        err = cadre_send_as(self, cadre_me(self), &file_go_type, NULL);
    own->told = own->told || !err;
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
                                  {&file_go_type, on_go},
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
    free_changes(&own->changes);
    holder_leave(own->holder);
}

const cadre_class cadre_file_class = {.name = "cadre_file",
                                      .state_size = sizeof(cadre_file),
                                      .start = file_start,
                                      .receive = file_receive,
                                      .stop = file_stop};
