/* changes.c: what changes in a folder, or with a file, as messages.
 *
 * The kernel's queue is read when the loop says that there is something (ready.h), and
 * what it tells of one name in a short time is put together (burst.h). What cannot be
 * sent for want of memory becomes one message, which is tried again. */
#include <cadre/actors/changes.h>

#include "burst.h"
#include "look.h"

#include <cadre/dispatch.h>
#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/ready.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

CADRE_TYPE(cadre_change);

enum { BATCH = 4096, ONE = sizeof(struct inotify_event) + CADRE_CHANGE_NAME };

typedef struct changes_settled {
    int none;
} changes_settled;
static CADRE_TYPE(changes_settled);

struct own {
    cadre_buf *path;
    const char *name; /* in the path; "": all in the folder */
    struct burst burst;
    cadre_ready ready;
    int fd;
    bool is_open, is_timed;
};
static_assert(sizeof(struct own) <= sizeof((cadre_changes *)NULL)->own, "own");

static struct own *own_of(cadre_changes *me) { return (struct own *)(void *)me->own; }

static int changes_start(cadre_self *self, void *state)
{
    cadre_changes *me = state;
    struct own *own = own_of(me);
    if (!me->path || !me->path[0] || me->settle < 0)
        return -EINVAL;
    own->path = cadre_buf_new(me->path, strlen(me->path) + 1);
    if (!own->path)
        return -ENOMEM;
    me->settle = me->settle ? me->settle : 20 * CADRE_MS;
    int err =
        cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_NEVER, changes_look_work,
                      changes_look, .path = cadre_buf_ref(own->path), .fd = -1);
    if (err)
        cadre_buf_unref(own->path);
    return err;
}

/* ---- tell ------------------------------------------------------------------------- */

static int tell(cadre_self *self, const cadre_changes *me, const cadre_change *change)
{
    cadre_ref to = me->to.id ? me->to : cadre_parent(self);
    return cadre_send_as(self, to, &cadre_change_type, change);
}

static int tell_kind(cadre_self *self, const cadre_changes *me, int kind)
{
    return tell(self, me, &(cadre_change){.kind = kind});
}

/* As many as can be; from the first on that cannot, they are lost. */
static int tell_rows(cadre_self *self, cadre_changes *me)
{
    struct own *own = own_of(me);
    int err = 0;
    for (uint32_t i = 0; !err && i < own->burst.rows.count; i++) {
        cadre_change *c = burst_at(&own->burst, i);
        if (burst_finish(c, own->name))
            err = tell(self, me, c);
    }
    rows_free(&own->burst.rows);
    return err;
}

/* Later, what waits. It is asked again when that fails. */
static int wait_a_bit(cadre_self *self, cadre_changes *me)
{
    struct own *own = own_of(me);
    int err =
        own->is_timed ? 0 : cadre_after(self, NULL, me->settle, changes_settled, 0);
    own->is_timed = own->is_timed || !err;
    return err;
}

static int tell_all(cadre_self *self, cadre_changes *me)
{
    struct own *own = own_of(me);
    struct burst *b = &own->burst;
    if (b->lost && tell_kind(self, me, CADRE_CHANGE_LOST)) {
        rows_free(&b->rows); /* else there were more and more of them */
        return wait_a_bit(self, me);
    }
    b->lost = tell_rows(self, me) != 0;
    if (b->lost)
        return wait_a_bit(self, me);
    if (!b->gone)
        return 0;
    return tell_kind(self, me, CADRE_CHANGE_GONE) ? wait_a_bit(self, me) : CADRE_STOP;
}

static int on_settled(cadre_self *self, void *state, cadre_msg *m)
{
    own_of(state)->is_timed = false;
    return tell_all(self, state);
}

/* ---- watch ------------------------------------------------------------------------ */

static int fail(cadre_self *self, const struct own *own, int code)
{
    const char *remedy =
        code == -ENOSPC
            ? "raise fs.inotify.max_user_watches (sysctl), or watch fewer folders"
        : code == -EMFILE
            ? "raise fs.inotify.max_user_instances (sysctl), or the limit "
              "of open files (ulimit -n)"
            : cadre_strerror(code);
    return cadre_fail(self, code, "watch %s: %s", (char *)cadre_buf_data(own->path),
                      remedy);
}

static int on_look(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_changes *me = state;
    struct own *own = own_of(me);
    changes_look *look = m->body;
    if (look->code)
        return fail(self, own, look->code);
    own->fd = look->fd;
    look->fd = -1;
    own->is_open = true;
    own->name = (char *)cadre_buf_data(own->path) + look->name;
    int err = cadre_ready_watch(self, &own->ready, own->fd);
    if (!err)
        err = cadre_ready_when(self, own->ready, CADRE_READY_READ);
    if (!err)
        err = tell_kind(self, me, CADRE_CHANGE_WATCHED);
    return err ? fail(self, own, err) : 0;
}

/* Some of what the kernel has, up to so many bytes. 0: there is nothing. */
static ssize_t read_some(struct own *own, size_t most)
{
    _Alignas(struct inotify_event) char bytes[BATCH];
    ssize_t size = read(own->fd, bytes, most);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (const char *at = bytes; at < bytes + size;) {
        const struct inotify_event *e = (const void *)at;
        burst_add(&own->burst, own->name, e);
        at += sizeof *e + e->len;
    }
    return size;
}

/* A part, but not half of a move; more is told of again. */
static int read_part(struct own *own)
{
    enum { TRIES = 64 };
    ssize_t size = read_some(own, BATCH);
    for (int i = 0; size > 0 && i < TRIES && burst_ends_in_move(&own->burst); i++)
        size = read_some(own, ONE);
    return size < 0 ? (int)size : 0;
}

static int on_ready(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_changes *me = state;
    struct own *own = own_of(me);
    int err = read_part(own);
    if (!err)
        err = cadre_ready_when(self, own->ready, CADRE_READY_READ);
    if (err)
        return fail(self, own, err);
    if (own->burst.gone || burst_is_full(&own->burst))
        return tell_all(self, me);
    err = burst_waits(&own->burst) ? wait_a_bit(self, me) : 0;
    return err ? fail(self, own, err) : 0;
}

static int on_closed(cadre_self *self, void *state, cadre_msg *m)
{
    return fail(self, own_of(state), ((cadre_ready_closed *)m->body)->reason);
}

static int changes_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&changes_look_type, on_look},
                                  {&cadre_ready_now_type, on_ready},
                                  {&changes_settled_type, on_settled},
                                  {&cadre_ready_closed_type, on_closed},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

static void changes_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    rows_free(&own->burst.rows);
    if (own->is_open)
        close(own->fd);
    cadre_buf_unref(own->path);
}

const cadre_class cadre_changes_class = {.name = "cadre_changes",
                                         .state_size = sizeof(cadre_changes),
                                         .receive = changes_receive,
                                         .start = changes_start,
                                         .stop = changes_stop};
