/* apply.c: calls into actors from other threads and from signal handlers.
 *
 * cadre_raise_now() calls nothing but this, all of it without a lock, memory or an
 * address that may go away while the raise is there:
 *
 *   apply_raise    one atomic operation on the raise's own word
 *   inbox_push     a CAS loop on the cell's inbox; cells are never unmapped
 *   crew_wake      a claim by CAS of a cell that belongs to nobody, and then ...
 *   idle_deliver   ... a CAS loop on the owner's list of arrivals
 *   park_wake      futex() or write(), which a handler may call, with errno kept
 *
 * A handler that interrupts any of these in the same thread, also for the same raise,
 * finds a word as it was before or as it is afterwards, and its own CAS makes the
 * other's fail and go round again. */
#include "actor/apply.h"
#include "system/outside.h"

#include <errno.h>

int cadre_apply_outside(cadre_system *sys, cadre_ref who, cadre_applied *fn, void *arg)
{
    int err = outside_check(sys, "cadre_apply_outside");
    if (err)
        return err;
    if (!fn)
        return world_misuse(&sys->world, -EINVAL, "cadre_apply_outside: fn is NULL");
    return outside_send(sys, who, LETTER_APPLY, &apply_type,
                        &(struct applied){fn, arg});
}

int cadre_raise_new(cadre_raise **raise, cadre_system *sys, cadre_ref who,
                    cadre_applied *fn, void *arg)
{
    int err = outside_check(sys, "cadre_raise_new");
    if (err)
        return err;
    if (!raise || !fn)
        return world_misuse(&sys->world, -EINVAL,
                            "cadre_raise_new: raise or fn is NULL");
    return apply_new(raise, &sys->world, who.id, (struct applied){fn, arg});
}

int cadre_raise_now(cadre_raise *raise)
{
    if (!raise)
        return -EINVAL;
    return raise->world->orphaned ? -EBADFD : apply_raise(raise);
}

void cadre_raise_free(cadre_raise *raise)
{
    if (raise &&
        !raise->world->orphaned) /* after a fork the lock may be held for ever */
        apply_free(raise);
}
