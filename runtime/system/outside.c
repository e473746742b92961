/* outside.c: the way in from threads that are not workers. */
#include "system/outside.h"

#include "actor/urge.h"
#include "system/registry.h"
#include "system/stop.h"

#include <cadre/urgent.h>

#include <errno.h>

int outside_check(cadre_system *sys, const char *what)
{
    int err = system_check(sys);
    if (err)
        return err;
    if (sched_here(&sys->world.sched))
        return world_misuse(&sys->world, -EPERM,
                            "%s: called in a handler, use cadre_send", what);
    if (sys->world.simulated && !pthread_equal(sys->maker, pthread_self()))
        return world_misuse(&sys->world, -EPERM,
                            "%s: a simulation has one thread, its maker's", what);
    return 0;
}

static int send_locked(struct world *world, cadre_ref to, enum letter_kind kind,
                       const cadre_type *type, const void *body)
{
    struct envelope *e;
    if (load_seq(&world->stopping)) /* the gate: see system_finish */
        return send_refuse(type, body, -ESHUTDOWN);
    int err = send_prepare(world->outside, &e, kind, type, body);
    if (err)
        return err;
    world->outside->now = 0;
    return send_message(world->outside, e, to.id);
}

int outside_send(cadre_system *sys, cadre_ref to, enum letter_kind kind,
                 const cadre_type *type, const void *body)
{
    pthread_mutex_lock(&sys->world.outside_lock);
    int err = send_locked(&sys->world, to, kind, type, body);
    pthread_mutex_unlock(&sys->world.outside_lock);
    return err;
}

static int tell(cadre_system *sys, cadre_ref to, const cadre_type *type,
                const void *body, const char *what, enum letter_kind kind)
{
    int err = outside_check(sys, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(&sys->world, what, type, body);
    return err ? err : outside_send(sys, to, kind, type, body);
}

int cadre_tell_as(cadre_system *sys, cadre_ref to, const cadre_type *type,
                  const void *body)
{
    return tell(sys, to, type, body, "cadre_tell", 0);
}

int cadre_tell_urgent_as(cadre_system *sys, cadre_ref to, const cadre_type *type,
                         const void *body)
{
    return tell(sys, to, type, body, "cadre_tell_urgent_as", urge_kind(to));
}

cadre_ref cadre_system_root(const cadre_system *sys)
{
    return registry_has(sys) ? sys->root : (cadre_ref){0};
}

int cadre_system_fd(const cadre_system *sys)
{
    int err = system_check(sys);
    if (err)
        return err;
    if (!sys->settings.polled)
        return world_misuse(sys->outside.world, -EINVAL,
                            "cadre_system_fd: the system has workers");
    return sys->world.sched.poll_fd;
}

int cadre_system_poll(cadre_system *sys, cadre_time timeout)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (sys->settings.mode == SCHED_THREADS || timeout < 0)
        return world_misuse(&sys->world, -EINVAL,
                            "cadre_system_poll: it has workers, or timeout < 0");
    int turns = system_has_ended(sys) ? 0 : system_poll_once(sys, timeout);
    if (turns > 0 || !system_has_ended(sys))
        return turns;
    system_finish(sys);
    return -ESHUTDOWN;
}
