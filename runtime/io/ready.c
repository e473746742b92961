/* ready.c: that a descriptor can be read or written, as a message.
 *
 * The kernel says so again and again until somebody has read. So what was told stays
 * watched until it comes once more without having been asked for: whoever reads at once
 * and asks again costs no call of the system's. */
#include "base/panic.h"
#include "io/driver.h"

#include <cadre/ready.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BOTH = CADRE_READY_READ | CADRE_READY_WRITE }; /* news, too */
enum {
    WANT_READ = HANDLE_FIRST,
    WANT_WRITE = HANDLE_FIRST << 1,
    READY_CLOSE = HANDLE_FIRST << 2,
    READY_NO_MEMORY = HANDLE_FIRST << 3 /* to tell the owner */
};

struct readiness {
    struct handle h;
    int fd;             /* constant */
    bool closing;       /* the owner's turn's */
    ATOMIC(int) reason; /* the loop's; the owner reads it */
    /* The loop's. */
    int wanted, watched; /* events: asked for; for which the kernel is waited */
    bool ending, is_open;
    uv_poll_t poll;
};

CADRE_API CADRE_TYPE(cadre_ready_now);
CADRE_API CADRE_TYPE(cadre_ready_closed);

/* ---- the loop's side ------------------------------------------------------------- */

static void on_events(uv_poll_t *poll, int status, int events);

static void watch(struct readiness *l, int events)
{
    int as_uv = (events & CADRE_READY_READ ? UV_READABLE : 0) |
                (events & CADRE_READY_WRITE ? UV_WRITABLE : 0);
    int err =
        events ? uv_poll_start(&l->poll, as_uv, on_events) : uv_poll_stop(&l->poll);
    invariant(err == 0); /* it is open */
    l->watched = events;
}

/* An error is found by whoever reads or writes; libuv has stopped at it. */
static void on_events(uv_poll_t *poll, int status, int events)
{
    struct readiness *l = poll->data;
    int are = status < 0 ? BOTH
                         : (events & UV_READABLE ? CADRE_READY_READ : 0) |
                               (events & UV_WRITABLE ? CADRE_READY_WRITE : 0);
    int told = are & l->wanted;
    l->wanted &= ~told;
    if (told)
        handle_ring(&l->h, (uint32_t)told);
    if (status < 0 || are & ~told)
        watch(l, l->wanted);
}

static void want(struct readiness *l, int events)
{
    l->wanted |= events;
    if (l->wanted & ~l->watched)
        watch(l, l->wanted | l->watched);
}

static void on_closed(uv_handle_t *handle)
{
    struct readiness *l = handle->data;
    handle_closed(&l->h);
}

static void end(struct readiness *l, int reason)
{
    if (l->ending)
        return;
    l->ending = true;
    store_relaxed(&l->reason, reason); /* released by the bell that follows */
    if (l->is_open)
        uv_close((uv_handle_t *)&l->poll, on_closed);
    else
        handle_closed(&l->h);
}

/* False: it is closed, and may be gone. */
static bool begin(struct readiness *l)
{
    list_append(&l->h.shard->handles, &l->h.link);
    int err = uv_poll_init(&l->h.shard->loop, &l->poll, l->fd);
    l->is_open = err == 0;
    l->poll.data = l;
    if (err)
        end(l, err);
    return !err;
}

static void obey(struct handle *h, uint32_t commands)
{
    struct readiness *l = container_of(h, struct readiness, h);
    if (commands & HANDLE_OPEN && !begin(l))
        return;
    if (commands & READY_CLOSE)
        end(l, 0);
    else if (commands & READY_NO_MEMORY)
        end(l, -ENOMEM);
    else if (commands & HANDLE_END)
        end(l, -ECANCELED);
    if (!l->ending && commands & (WANT_READ | WANT_WRITE))
        want(l, (commands & WANT_READ ? CADRE_READY_READ : 0) |
                    (commands & WANT_WRITE ? CADRE_READY_WRITE : 0));
}

static void end_with_system(struct handle *h)
{
    end(container_of(h, struct readiness, h), -ECANCELED);
}

/* ---- the owner's ----------------------------------------------------------------- */

static struct readiness *readiness_of(struct port *port)
{
    return container_of(port, struct readiness, h.port);
}

static struct envelope *tell(struct cadre_self *self, struct port *port)
{
    struct readiness *l = readiness_of(port);
    struct envelope *e;
    cadre_ready_now now = {{port->id}, (int)port->pending & BOTH};
    port->pending &= PORT_OWN;
    if (l->closing || !now.events)
        return NULL;
    if (cadre_port_message(self, &e, &cadre_ready_now_type, &now) == 0)
        return e;
    l->closing = true;
    handle_command(&l->h, READY_NO_MEMORY);
    return NULL;
}

static void tell_closed(struct port *port, void *body)
{
    cadre_ready_closed closed = {{port->id}, load_relaxed(&readiness_of(port)->reason)};
    memcpy(body, &closed, sizeof closed);
}

static void put(struct port *port)
{
    close(readiness_of(port)->fd);
    cadre_port_free(port);
}

static const struct port_class watches = {
    .name = "watch of a descriptor",
    .closed = &cadre_ready_closed_type,
    .tell = tell,
    .tell_closed = tell_closed,
    .abort = handle_abandon,
    .release = put,
};

/* fd: taken over, also by a failure. */
static int make(struct readiness **result, struct shard *shard, int fd)
{
    struct port *port;
    int err = cadre_port_make(shard->world, &port, sizeof **result, &watches);
    if (err) {
        close(fd);
        return err;
    }
    struct readiness *l = *result = readiness_of(port);
    l->h.shard = shard;
    l->fd = fd;
    atomic_set(&l->reason, 0);
    handle_init(&l->h, &shard->berth.seat, obey, end_with_system);
    return 0;
}

int cadre_ready_watch(cadre_self *self, cadre_ready *ready, int fd)
{
    static const char what[] = "cadre_ready_watch";
    struct shard *shard;
    struct readiness *l;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!ready)
        return cadre_port_misuse(self->world, -EINVAL, "%s: ready is NULL", what);
    err = driver_shard(self, &shard);
    if (err)
        return err;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    err = make(&l, shard, own);
    if (err)
        return err;
    err = cadre_port_own(self, &l->h.port);
    if (err) {
        put(&l->h.port);
        return err;
    }
    ready->id = l->h.port.id;
    handle_command(&l->h, HANDLE_OPEN);
    return 0;
}

static int find(cadre_self *self, const char *what, cadre_ready ready,
                struct readiness **l)
{
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    struct port *port = cadre_port_find(self, ready.id, &watches);
    if (!port || readiness_of(port)->closing)
        return -ENOENT;
    *l = readiness_of(port);
    return 0;
}

int cadre_ready_when(cadre_self *self, cadre_ready ready, int events)
{
    static const char what[] = "cadre_ready_when";
    struct readiness *l;
    int err = find(self, what, ready, &l);
    if (!err && (events == 0 || events & ~BOTH))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: events %d", what, events);
    if (err)
        return err;
    handle_command(&l->h, (events & CADRE_READY_READ ? WANT_READ : 0u) |
                              (events & CADRE_READY_WRITE ? WANT_WRITE : 0u));
    return 0;
}

int cadre_ready_close(cadre_self *self, cadre_ready ready)
{
    struct readiness *l;
    int err = find(self, "cadre_ready_close", ready, &l);
    if (err)
        return err;
    l->closing = true;
    handle_command(&l->h, READY_CLOSE);
    return 0;
}
