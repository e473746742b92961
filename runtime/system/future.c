/* future.c: calls from threads that are not actors: to ask, to wait for the answer. */
#include "actor/call.h"
#include "actor/send.h"
#include "system/outside.h"
#include "system/registry.h"

#include <cadre/future.h>

#include <errno.h>

static int call_locked(struct world *world, cadre_future *future, cadre_ref to,
                       const cadre_type *type, const void *body)
{
    struct envelope *e;
    if (load_seq(&world->stopping)) /* the gate: see system_finish */
        return send_refuse(type, body, -ESHUTDOWN);
    int err = send_prepare(world->outside, &e, LETTER_TOKEN, type, body);
    if (err)
        return err;
    envelope_tail(e)->token = call_token(future);
    world->outside->now = 0;
    return send_message(world->outside, e, to.id);
}

int cadre_call_as(cadre_system *sys, cadre_future **future, cadre_ref to,
                  const cadre_type *type, const void *body)
{
    cadre_future *f;
    int err = outside_check(sys, "cadre_call");
    if (err)
        return send_refuse(type, body, err);
    err = send_check(&sys->world, "cadre_call", type, body);
    if (err)
        return err;
    if (!future)
        return world_misuse(&sys->world, send_refuse(type, body, -EINVAL),
                            "cadre_call: future is NULL");
    err = call_new(&f, &sys->world, to.id);
    if (err)
        return send_refuse(type, body, err);
    pthread_mutex_lock(&sys->world.outside_lock);
    err = call_locked(&sys->world, f, to, type, body);
    pthread_mutex_unlock(&sys->world.outside_lock);
    if (err)
        call_undo(f);
    else
        *future = f;
    return err;
}

/* Where no other thread runs the system, this one does meanwhile. */
static int run_until(cadre_system *sys, cadre_future *f, cadre_time until)
{
    const struct clock *clock = &sys->world.sched.crew.clock;
    while (!call_is_answered(f)) {
        if (clock_now(clock) >= until)
            return -ETIMEDOUT;
        if (!system_step(sys, until))
            return -EDEADLK;
    }
    return 0;
}

int cadre_future_wait(cadre_future *f, cadre_time timeout, cadre_msg *answer)
{
    if (!f || !answer || timeout < 0)
        return -EINVAL;
    cadre_system *sys = f->world->system;
    int err = call_is_answered(f) ? 0 : system_check_waiter(sys);
    cadre_time now = clock_now(&f->world->sched.crew.clock);
    cadre_time until = timeout > CADRE_NEVER - now ? CADRE_NEVER : now + timeout;
    if (!err && sys->settings.mode == SCHED_THREADS)
        err = call_wait(f, until) ? 0 : -ETIMEDOUT;
    else if (!err)
        err = run_until(sys, f, until);
    if (!err)
        *answer = (cadre_msg){f->answer->type, {f->answer->from}, {0}, f->answer->body};
    return err;
}

int cadre_future_fd(cadre_future *f) { return f ? call_fd(f) : -EINVAL; }

/* Tells whoever has the request, if there is memory for it. */
static void recall(struct world *world, uint64_t to, uint64_t token)
{
    struct envelope *e;
    pthread_mutex_lock(&world->outside_lock);
    if (!system_has_ended(world->system) && /* the gate: see system_finish */
        send_prepare(world->outside, &e, LETTER_CANCEL, &send_note_type, NULL) == 0) {
        envelope_tail(e)->token = token;
        send_note(world->outside, e, to);
    }
    pthread_mutex_unlock(&world->outside_lock);
}

void cadre_future_free(cadre_future *f)
{
    if (!f || f->world->orphaned)
        return;
    uint64_t to = call_give_up(f);
    if (to)
        recall(f->world, to, call_token(f));
    call_forget(f);
}
