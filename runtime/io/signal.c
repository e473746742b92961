/* signal.c: signals as messages.
 *
 * The handler counts in an eventfd, which the loop waits for; so all that a handler does
 * is to write. What has been counted since the owner was last told is one message. */
#include "io/driver.h"
#include "io/trap.h"

#include <cadre/signal.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NEWS_CAME = 1 };

struct ear {
    struct handle h;
    int number, fd; /* constant, like the next one */
    uint32_t entry;
    ATOMIC(uint32_t) count; /* the loop's, and the owner takes it */
    /* The loop's. */
    bool is_clear; /* no handler tells it */
    bool polls;
    uv_poll_t poll;
};

CADRE_API CADRE_TYPE(cadre_signal);

/* ---- the loop's side -------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct ear *e = handle->data;
    handle_closed(&e->h);
}

static void end(struct ear *e)
{
    if (e->is_clear)
        return;
    e->is_clear = true;
    trap_clear(e->entry);
    if (e->polls)
        uv_close((uv_handle_t *)&e->poll, on_closed);
    else
        handle_closed(&e->h);
}

static void on_count(uv_poll_t *poll, int status, int events)
{
    struct ear *e = poll->data;
    uint64_t count;
    (void)status;
    (void)events;
    if (read(e->fd, &count, sizeof count) != sizeof count)
        return;
    fetch_add_seq(&e->count, (uint32_t)count); /* pairs with tell's */
    handle_ring(&e->h, NEWS_CAME);
}

/* False: it is closed, and may be gone. */
static bool listen_to(struct ear *e)
{
    list_append(&e->h.shard->handles, &e->h.link);
    int err = uv_poll_init(&e->h.shard->loop, &e->poll, e->fd);
    e->polls = err == 0;
    e->poll.data = e;
    if (err) {
        end(e);
        return false;
    }
    err = uv_poll_start(&e->poll, UV_READABLE, on_count);
    if (err)
        end(e);
    return true;
}

static void obey(struct handle *h, uint32_t commands)
{
    struct ear *e = container_of(h, struct ear, h);
    if (commands & HANDLE_OPEN && !listen_to(e))
        return;
    if (commands & HANDLE_END)
        end(e);
}

static void end_with_system(struct handle *h) { end(container_of(h, struct ear, h)); }

/* ---- the owner's ------------------------------------------------------------------ */

static struct ear *ear_of(struct port *port)
{
    return container_of(port, struct ear, h.port);
}

static struct envelope *tell(struct cadre_self *self, struct port *port)
{
    struct ear *e = ear_of(port);
    struct envelope *envelope;
    port->pending &= PORT_OWN;
    cadre_signal came = {{port->id}, e->number, exchange_acq_rel(&e->count, 0)};
    if (came.count == 0) /* told already */
        return NULL;
    if (cadre_port_message(self, &envelope, &cadre_signal_type, &came) == 0)
        return envelope;
    handle_command(&e->h, HANDLE_END);
    return NULL;
}

static void tell_no_more(struct port *port, void *body)
{
    cadre_signal came = {{port->id}, ear_of(port)->number, 0};
    memcpy(body, &came, sizeof came);
}

static void put(struct port *port)
{
    struct ear *e = ear_of(port);
    close(e->fd);
    cadre_port_free(port);
}

static const struct port_class ears = {
    .name = "signal",
    .closed = &cadre_signal_type,
    .tell = tell,
    .tell_closed = tell_no_more,
    .abort = handle_abandon,
    .release = put,
};

/* fd: taken over, also by a failure. */
static int make(struct ear **result, struct shard *shard, int number, int fd)
{
    struct port *port;
    int err = cadre_port_make(shard->world, &port, sizeof **result, &ears);
    if (err) {
        close(fd);
        return err;
    }
    struct ear *e = *result = ear_of(port);
    e->h.shard = shard;
    e->number = number;
    e->fd = fd;
    atomic_set(&e->count, 0);
    handle_init(&e->h, &shard->berth.seat, obey, end_with_system);
    return 0;
}

int cadre_signal_hear(cadre_self *self, cadre_token *token, int number)
{
    static const char what[] = "cadre_signal_hear";
    struct shard *shard;
    struct ear *e;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!trap_fits(number))
        return cadre_port_misuse(self->world, -EINVAL, "%s: signal %d", what, number);
    err = driver_shard(self, &shard);
    if (err)
        return err;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    err = make(&e, shard, number, fd);
    if (err)
        return err;
    err = trap_set(number, fd, &e->entry);
    if (err)
        goto no_trap;
    err = cadre_port_own(self, &e->h.port);
    if (err)
        goto no_owner;
    if (token)
        token->id = e->h.port.id;
    handle_command(&e->h, HANDLE_OPEN);
    return 0;
no_owner:
    trap_clear(e->entry);
no_trap:
    put(&e->h.port);
    return err;
}
