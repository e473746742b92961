/* oom_actor.h: what plays in the scenarios of oom.c: messages that own something, and an
 * actor that does with each what the message says. Every call either works or fails with
 * -ENOMEM, and then changes nothing. */
#ifndef FAULT_OOM_ACTOR_H
#define FAULT_OOM_ACTOR_H

#include "support/verdict.h"

#include <cadre.h>
#include <cadre/apply.h>

#include <errno.h>
#include <stdatomic.h>

/* Of the run in progress. */
static struct facts {
    atomic_uint accepted, handled; /* messages, as the callers saw it */
    atomic_uint created, dropped;  /* bodies that own something */
    atomic_uint started, stopped;
    atomic_uint spawned;
} facts;

static void up(atomic_uint *counter) { atomic_fetch_add(counter, 1); }

/* ---- messages ---- */

enum what { TAKE, REPLY, FORWARD, STASH, UNSTASH, SPAWN };

typedef struct {
    enum what what;
    bool dropped;
    char fill[92];
} small;

typedef struct {
    enum what what;
    bool dropped;
    char fill[7000]; /* more than the pools have: straight from the heap */
} large;

static void drop_small(void *body)
{
    small *s = body;
    CHECK(!s->dropped);
    s->dropped = true;
    up(&facts.dropped);
}

static void drop_large(void *body) { drop_small(body); } /* the same beginning */

CADRE_TYPE_DROP(small, drop_small);
CADRE_TYPE_DROP(large, drop_large);

/* True: it worked. */
static bool worked(int err)
{
    CHECK(err == 0 || err == -ENOMEM);
    return err == 0;
}

static void sent(int err)
{
    if (worked(err))
        up(&facts.accepted);
}

static void send_small(cadre_self *self, cadre_ref to, enum what what)
{
    up(&facts.created);
    sent(cadre_send(self, to, small, .what = what));
}

static void send_large(cadre_self *self, cadre_ref to, enum what what)
{
    static const large blank;
    large body = blank;
    body.what = what;
    up(&facts.created);
    sent(cadre_send_as(self, to, &large_type, &body));
}

static int handle_call(cadre_self *self, void *state, void *arg)
{
    up(&facts.handled);
    return 0;
}

/* ---- the actor of all scenarios ---- */

typedef struct {
    cadre_ref next; /* whom it forwards to */
    uint64_t check;
} worker;

typedef struct {
    worker worker;
    char fill[8000];
} fat_worker;

static int worker_start(cadre_self *self, void *state)
{
    CHECK(((worker *)state)->check == 42);
    up(&facts.started);
    return 0;
}

static void worker_stop(cadre_self *self, void *state, int reason)
{
    up(&facts.stopped);
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m);

static const cadre_class worker_class = {.name = "worker",
                                         .state_size = sizeof(worker),
                                         .start = worker_start,
                                         .receive = worker_receive,
                                         .stop = worker_stop};
static const cadre_class fat_worker_class = {.name = "fat worker",
                                             .state_size = sizeof(fat_worker),
                                             .start = worker_start,
                                             .receive = worker_receive,
                                             .stop = worker_stop};

static cadre_ref spawn(cadre_self *self, cadre_ref next)
{
    cadre_ref child = {77};
    bool ok = worked(cadre_spawn(self, &child, &worker_class, &(worker){next, 42}));
    CHECK((child.id == 77) == !ok); /* written on success only */
    if (!ok)
        return (cadre_ref){0};
    up(&facts.spawned);
    return child;
}

static cadre_ref spawn_fat(cadre_self *self)
{
    cadre_ref child = {77};
    fat_worker init = {.worker.check = 42};
    bool ok = worked(cadre_spawn(self, &child, &fat_worker_class, &init));
    CHECK((child.id == 77) == !ok);
    if (!ok)
        return (cadre_ref){0};
    up(&facts.spawned);
    return child;
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    worker *w = state;
    const small *s = m->body; /* all bodies have the same beginning */
    up(&facts.handled);
    switch (s->what) {
    case REPLY:
        up(&facts.created);
        sent(cadre_reply(self, m, small, .what = TAKE));
        break;
    case FORWARD:
        sent(cadre_forward(self, w->next, m));
        break;
    case STASH:
        ((small *)m->body)->what = TAKE;
        if (worked(cadre_stash(self, m)))
            atomic_fetch_sub(&facts.handled, 1); /* it comes again, or is dead */
        break;
    case UNSTASH:
        cadre_unstash(self);
        break;
    case SPAWN:
        (void)spawn(self, w->next);
        break;
    default:
        break;
    }
    return 0;
}

#endif
