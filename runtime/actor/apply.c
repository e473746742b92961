/* apply.c: functions called in an actor's turn. */
#include "actor/apply.h"

#include "actor/process.h"
#include "actor/send.h"

#include <errno.h>

enum { RAISED = 1, FREED = 2 }; /* bits of a raise's state */

const cadre_type apply_type = {.name = "cadre_apply", .size = sizeof(struct applied)};

int apply_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const struct applied *call = m->body;
    if (unlikely(process_of(self_cell(self)) != NULL)) {
        self->fate = FATE_UNHANDLED; /* its state is elsewhere */
        return 0;
    }
    return call->fn(self, state, call->arg);
}

int cadre_apply(cadre_self *self, cadre_ref who, cadre_applied *fn, void *arg)
{
    struct envelope *e;
    int err = self_check_outer(self, "cadre_apply");
    if (err)
        return err;
    if (!fn)
        return world_misuse(self->world, -EINVAL, "cadre_apply: fn is NULL");
    err = send_prepare(self, &e, LETTER_APPLY, &apply_type, &(struct applied){fn, arg});
    if (!err)
        send_deliver(self, e, who.id);
    return err;
}

/* ---- raises ---------------------------------------------------------------------- */

int apply_new(struct cadre_raise **result, struct world *world, uint64_t who,
              struct applied call)
{
    void *p;
    int err = heap_get(&world->heap, &p, sizeof **result);
    if (err)
        return err;
    struct cadre_raise *raise = *result = p;
    *raise = (struct cadre_raise){
        .world = world, .cell = table_resolve(&world->table, who), .call = call};
    plain_write(&raise->letter.to, address_letter(who) | (uint32_t)LETTER_RAISE);
    atomic_set(&raise->state, 0);
    fetch_add_relaxed(&world->handles, 1);
    pthread_mutex_lock(&world->outside_lock);
    list_append(&world->raises, &raise->link);
    pthread_mutex_unlock(&world->outside_lock);
    return 0;
}

int apply_raise(struct cadre_raise *raise)
{
    /* A hint, for the workers cannot end while more and more is raised; one that was
     * late is looked at, or stays where it is until apply_fini. */
    if (load_relaxed(&raise->world->stopping))
        return -ESHUTDOWN;
    if (!raise->cell)
        return 0;
    if (fetch_or_seq(&raise->state, RAISED) & RAISED) /* pairs with apply_lower */
        return -EALREADY;
    send_letter(raise->world, NULL, raise->cell, &raise->letter);
    return 0;
}

static void destroy(struct cadre_raise *raise)
{
    struct world *world = raise->world;
    pthread_mutex_lock(&world->outside_lock);
    list_remove(&raise->link);
    pthread_mutex_unlock(&world->outside_lock);
    heap_put(&world->heap, raise, sizeof *raise);
}

void apply_free(struct cadre_raise *raise)
{
    struct world *world = raise->world;
    if (!(fetch_or_seq(&raise->state, FREED) & RAISED)) /* pairs with apply_lower */
        destroy(raise);
    fetch_sub_acq_rel(&world->handles, 1); /* pairs with cadre_system_free */
}

struct applied apply_lower(struct cadre_raise *raise)
{
    struct applied call = raise->call;
    /* Pairs with apply_raise, which may push the letter again at once, and apply_free. */
    if (fetch_and_seq(&raise->state, ~(uint32_t)RAISED) & FREED)
        destroy(raise);
    return call;
}

void apply_fini(struct world *world)
{
    while (!list_is_empty(&world->raises))
        destroy(container_of(world->raises.next, struct cadre_raise, link));
}
