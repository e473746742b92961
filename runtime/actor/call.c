/* call.c: one answer, for a thread that is not an actor. */
#include "actor/call.h"

#include "actor/uplink.h"

#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

int call_new(struct cadre_future **future, struct world *world, uint64_t to)
{
    void *p;
    int err = heap_get(&world->heap, &p, sizeof **future);
    if (err)
        return err;
    struct cadre_future *f = *future = p;
    f->world = world;
    f->answer = NULL;
    f->state.fd = PARK_ON_FUTEX;
    atomic_set(&f->state.value, CALL_PENDING);
    atomic_set(&f->event_fd, -1);
    atomic_set(&f->refs, 2);
    atomic_set(&f->to, to);
    f->serial = fetch_add_relaxed(&world->calls, 1);
    fetch_add_relaxed(&world->handles, 1);
    return 0;
}

static void destroy(struct cadre_future *f)
{
    struct world *world = f->world;
    int fd = load_relaxed(&f->event_fd); /* nobody else is left */
    if (fd >= 0)
        close(fd);
    heap_put(&world->heap, f, sizeof *f);
    fetch_sub_acq_rel(&world->handles, 1); /* pairs with cadre_system_free */
}

void call_undo(struct cadre_future *f) { destroy(f); }

static void ring(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* full: it is readable already */
}

/* One word says both, so that of a move and a cancel at once one knows of the other. */
bool call_moves(uint64_t token, uint64_t to)
{
    struct cadre_future *f = call_future(token);
    uint64_t before = load_relaxed(&f->to);
    return before != 0 && cas_acq_rel(&f->to, &before, to);
}

void call_drop(uint64_t token)
{
    struct cadre_future *f = call_future(token);
    if (fetch_sub_acq_rel(&f->refs, 1) == 1) /* pairs with call_forget */
        destroy(f);
}

void call_answer(struct cadre_self *self, struct envelope *e)
{
    struct cadre_future *f = call_future(envelope_tail(e)->token);
    counter_add(&self->accepted, 1);
    if (unlikely(self->world->uplink)) { /* f is outside */
        uplink_send(self, e, 0);
        return;
    }
    counter_add(&self->handled, 1);
    f->answer = e;
    /* seq_cst: against call_fd, so that one of the two sees what the other wrote. */
    if (exchange_seq(&f->state.value, CALL_ANSWERED) == CALL_WAITED_FOR)
        park_wake(&f->state, INT_MAX);
    int fd = load_seq(&f->event_fd);
    if (fd >= 0)
        ring(fd);
    if (fetch_sub_acq_rel(&f->refs, 1) > 1) /* pairs with call_forget */
        return;
    body_drop(e->type, e->body); /* the thread has given it up */
    self_free(self, e);
    destroy(f);
}

bool call_wait(struct cadre_future *f, int64_t until)
{
    const struct clock *clock = &f->world->sched.crew.clock;
    int64_t rest = PARK_FOREVER;
    while (!call_is_answered(f)) {
        uint32_t pending = CALL_PENDING;
        if (until != CADRE_NEVER && (rest = until - clock_now(clock)) <= 0)
            return false;
        (void)cas_seq(&f->state.value, &pending, CALL_WAITED_FOR);
        park_wait(&f->state, CALL_WAITED_FOR, rest);
    }
    return true;
}

int call_fd(struct cadre_future *f)
{
    int fd = load_relaxed(&f->event_fd); /* only this thread writes it */
    if (fd >= 0)
        return fd;
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return errno == ENOMEM ? -ENOMEM : -EMFILE;
    store_seq(&f->event_fd, fd);
    if (load_seq(&f->state.value) == CALL_ANSWERED)
        ring(fd);
    return fd;
}

void call_forget(struct cadre_future *f)
{
    struct world *world = f->world;
    if (fetch_sub_acq_rel(&f->refs, 1) > 1) /* pairs with call_answer, call_drop */
        return;
    if (f->answer) {
        pthread_mutex_lock(&world->outside_lock);
        body_drop(f->answer->type, f->answer->body);
        self_free(world->outside, f->answer);
        pthread_mutex_unlock(&world->outside_lock);
    }
    destroy(f);
}
