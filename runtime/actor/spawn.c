/* spawn.c: a new child. */
#include "actor/spawn.h"

#include "actor/deadletter.h"
#include "actor/send.h"

#include <errno.h>
#include <string.h>

enum { STATE_MAX = 1 << 30 };

int spawn_check(struct world *world, const char *what, const cadre_class *class)
{
    static const void *const nothing[3];
    if (!class)
        return world_misuse(world, -EINVAL, "%s: class is NULL", what);
    if (!class->receive)
        return world_misuse(world, -EINVAL, "%s: class %s has no receive", what,
                            class_name(class));
    if (memcmp(class->reserved, nothing, sizeof nothing) != 0)
        return world_misuse(world, -EINVAL, "%s: class %s: reserved is not zero", what,
                            class_name(class));
    return class->state_size > STATE_MAX ? -EMSGSIZE : 0;
}

/* A claimed cell. Those whose last turn is not quite over go back behind it. */
static int claim_cell(struct cadre_self *self, struct letter *first, struct cell **cell)
{
    struct table *table = &self->world->table;
    struct cell *busy = NULL;
    int err;
    while ((err = table_take(table, &self->cells, cell)) == 0 &&
           !cell_claim(*cell, first)) {
        (*cell)->free_next = busy;
        busy = *cell;
    }
    while (busy) {
        struct cell *next = busy->free_next;
        table_put(table, &self->cells, busy);
        busy = next;
    }
    return err;
}

static int new_state(struct cadre_self *self, void **state, const cadre_class *class,
                     const void *init)
{
    *state = NULL;
    if (class->state_size > CELL_INLINE) {
        int err = pool_get(&self->pool, state, class->state_size);
        if (err)
            return err;
        if (init)
            memcpy(*state, init, class->state_size);
        else
            memset(*state, 0, class->state_size);
    }
    return 0;
}

static void settle(struct cadre_self *self, struct cell *cell, struct cell *parent,
                   const cadre_class *class, void *state)
{
    cell->class = class;
    cell->receive = class->receive;
    cell->state = state;
    cell->parent = parent;
    plain_write(&cell->accepts, cell_address(self->world, cell));
    cell->reason = 0;
    if (parent)
        list_append(&parent->children, &cell->sibling);
    counter_add(&self->spawned, 1);
}

int spawn_actor(struct cadre_self *self, struct cell *parent, struct cell **child,
                const cadre_class *class, const void *init)
{
    void *state, *first;
    struct cell *cell;
    int err = new_state(self, &state, class, init);
    if (err)
        return err;
    err = pool_get(&self->pool, &first, sizeof(struct letter));
    if (err)
        goto no_letter;
    err = claim_cell(self, first, &cell);
    if (err)
        goto no_cell;
    if (class->state_size > 0 && !state) {
        state = cell->inline_state;
        memset(state, 0, CELL_INLINE);
        if (init)
            memcpy(state, init, class->state_size);
    }
    settle(self, cell, parent, class, state);
    *child = cell;
    return 0;
no_cell:
    pool_put(&self->pool, first, sizeof(struct letter));
no_letter:
    if (state)
        pool_put(&self->pool, state, class->state_size);
    return err;
}

int cadre_spawn(cadre_self *self, cadre_ref *child, const cadre_class *class,
                const void *init)
{
    struct cell *cell;
    int err = self_check(self, "cadre_spawn");
    if (!err)
        err = spawn_check(self->world, "cadre_spawn", class);
    if (!err && self->cell->phase != PHASE_RUNNING)
        err = -ESHUTDOWN;
    if (!err)
        err = spawn_actor(self, self->cell, &cell, class, init);
    if (err)
        return err == CADRE_EFULL ? -ENOMEM : err;
    if (child)
        child->id = cell->accepts;
    send_wake(self, cell);
    return 0;
}
