/* spawn.c: a new child. */
#include "actor/spawn.h"

#include "actor/deadletter.h"
#include "actor/family.h"
#include "actor/keep.h"
#include "actor/process.h"

#include <cadre/pin.h>

#include <errno.h>
#include <string.h>

enum { STATE_MAX = 1 << 30 };

int spawn_check(struct world *world, const char *what, const cadre_class *class)
{
    if (!class)
        return world_misuse(world, -EINVAL, "%s: class is NULL", what);
    if (!class->receive)
        return world_misuse(world, -EINVAL, "%s: class %s has no receive", what,
                            class_name(class));
    if (class->reserved[0] || class->reserved[1] || class->reserved[2])
        return world_misuse(world, -EINVAL, "%s: class %s: reserved is not zero", what,
                            class_name(class));
    return class->state_size > STATE_MAX ? -EMSGSIZE : 0;
}

/* Inside the bias: a thief that finds mail for it must find it scheduled. */
static CC_INLINE bool claim(struct cadre_self *self, struct cell *cell)
{
    if (!self->worker)
        return cell_claim(cell, 0);
    bias_enter(&self->worker->bias);
    bool claimed = cell_claim(cell, self->worker->id);
    bias_leave(&self->worker->bias);
    return claimed;
}

/* What its limit needs is there before it is claimed, for then it must live. */
static int make_gauge(struct cadre_self *self, struct cell *cell,
                      const cadre_limit *limit)
{
    struct gauge *gauge;
    return limit ? gauges_make(&self->world->gauges, cell_slot(cell), &gauge) : 0;
}

/* A claimed cell. Those whose last turn is not quite over go back behind it. */
static CC_INLINE int claim_cell(struct cadre_self *self, struct cell **cell,
                                const cadre_limit *limit)
{
    struct table *table = &self->world->table;
    struct cell *busy = NULL;
    int err;
    while ((err = table_take(table, &self->cells, cell)) == 0 &&
           ((err = make_gauge(self, *cell, limit)) != 0 || !claim(self, *cell))) {
        (*cell)->free_next = busy;
        busy = *cell;
        if (err)
            break;
    }
    while (busy) {
        struct cell *next = busy->free_next;
        table_put(table, &self->cells, busy);
        busy = next;
    }
    return err;
}

/* Memory for it; NULL: none, or there is room in the cell. */
static int new_state(struct cadre_self *self, void **state, const cadre_class *class)
{
    *state = NULL;
    return class->state_size > CELL_INLINE
               ? pool_get(&self->pool, state, class->state_size)
               : 0;
}

static CC_INLINE void set_state(struct cell *cell, void *state,
                                const cadre_class *class, const void *init)
{
    size_t size = class->state_size;
    if (size <= CELL_INLINE) {
        state = size > 0 ? cell->inline_state : NULL;
        memset(cell->inline_state, 0, CELL_INLINE);
    } else if (state && !init) {
        memset(state, 0, size);
    }
    cell->state = state;
    if (state && init)
        memcpy(state, init, size);
}

static void open_gauge(struct cadre_self *self, struct cell *cell,
                       const cadre_limit *limit, struct extras *extras)
{
    uint32_t generation = life_generation(load_relaxed(&cell->life)); /* ours alone */
    extras->gauge = gauges_find(&self->world->gauges, cell_slot(cell));
    gauge_open(extras->gauge, &extras->allowance, generation, limit,
               self->world->simulated);
    inbox_gate(&cell->task.inbox, true);
}

/* extras: NULL, or of one with this limit, to be attached. */
static CC_INLINE int make_actor(struct cadre_self *self, struct cell *parent,
                                struct cell **child, const cadre_class *class,
                                const void *init, const cadre_limit *limit,
                                struct extras *extras)
{
    void *state;
    struct cell *cell;
    int err = new_state(self, &state, class);
    if (err)
        return err;
    err = claim_cell(self, &cell, limit);
    if (err) {
        if (state)
            pool_put(&self->pool, state, class->state_size);
        return err;
    }
    set_state(cell, state, class, init);
    if (extras)
        open_gauge(self, cell, limit, extras);
    cell_begin(cell, class, parent ? cell_slot(parent) : SLOT_NONE);
    if (parent)
        family_add(&self->world->table, parent, cell);
    counter_add(&self->spawned, 1);
    *child = cell;
    return 0;
}

int spawn_actor(struct cadre_self *self, struct cell *parent, struct cell **child,
                const cadre_class *class, const void *init)
{
    return make_actor(self, parent, child, class, init, NULL, NULL);
}

/* To a worker that may be this one. */
static void hand_over(struct cadre_self *self, struct cell *cell, uint32_t to)
{
    struct worker *worker = self->worker;
    bias_enter(&worker->bias);
    worker_hand_over(worker, &cell->task, to);
    bias_leave(&worker->bias);
}

static uint32_t next_aloof(struct world *world)
{
    const struct crew *crew = &world->sched.crew;
    /* Relaxed: a number, and nothing else. */
    return crew_ordinary(crew) + fetch_add_relaxed(&world->pinned, 1) % crew->aloof;
}

void spawn_schedule(struct cadre_self *self, struct cell *cell)
{
    struct worker *worker = self->worker;
    if (!worker) { /* the root: nobody knows its address yet */
        plain_write(&cell->task.scheduled, false);
        if (inbox_poke(&cell->task.inbox))
            crew_wake(&self->world->sched.crew, NULL, &cell->task);
        return;
    }
    if (unlikely(worker->aloof)) { /* it keeps only what is pinned to it */
        hand_over(self, cell, rng_below(&worker->rng, crew_ordinary(worker->crew)));
        return;
    }
    bias_enter(&worker->bias);
    plain_write(&cell->task.scheduled, false);
    worker_schedule(worker, &cell->task);
    bias_leave(&worker->bias);
}

static CC_INLINE int check(struct cadre_self *self, const char *what,
                           const cadre_class *class, bool pinned)
{
    int err = self_check(self, what);
    if (!err)
        err = spawn_check(self->world, what, class);
    if (!err && cell_phase(self_cell(self)) != PHASE_RUNNING)
        err = -ESHUTDOWN;
    return !err && pinned && self->world->sched.crew.aloof == 0 ? -EAGAIN : err;
}

static bool is_limit(const cadre_limit *limit)
{
    return limit->mailbox_max > 0 || limit->mailbox_bytes > 0;
}

static int check_limit(struct world *world, const cadre_limit *limit)
{
    if (!limit)
        return 0;
    if (limit->reserved[0] || limit->reserved[1])
        return world_misuse(world, -EINVAL, "cadre_limit: reserved is not zero");
    if (limit->overflow > CADRE_REDIRECT || (limit->overflow && !is_limit(limit)) ||
        limit->mailbox_bytes > QUOTA_MAX / 2)
        return world_misuse(world, -EINVAL,
                            "cadre_limit: overflow is %u, or there is no limit, or one "
                            "of 2^36 bytes and more",
                            limit->overflow);
    if (!limit->key != (limit->overflow != CADRE_KEEP_LATEST) ||
        !limit->redirect.id != (limit->overflow != CADRE_REDIRECT))
        return world_misuse(world, -EINVAL,
                            "cadre_limit: key or redirect is missing, or too many");
    return 0;
}

/* A simulation has one process. */
static bool is_isolated(const struct world *world, const cadre_opts *opts)
{
    return opts->isolated && !world->simulated;
}

static CC_NOINLINE int spawn_with(struct cadre_self *self, struct cell **cell,
                                  const cadre_class *class, const void *init,
                                  const cadre_opts *opts)
{
    struct extras *extras;
    int err = keep_new(self, &extras, class, init, opts);
    if (err)
        return err;
    const cadre_limit *limit =
        opts->limit && is_limit(opts->limit) ? opts->limit : NULL;
    if (is_isolated(self->world, opts))
        err = process_new(self, &extras->process, class, opts->isolation);
    if (!err)
        err = make_actor(self, self_cell(self), cell, class, init, limit,
                         limit ? extras : NULL);
    if (err) {
        process_free(self, extras->process);
        keep_discard(self, extras);
        return err;
    }
    extras->has_levels = opts->levels;
    keep_attach(self, *cell, extras);
    if (extras->process)
        process_attach(*cell);
    return 0;
}

/* In a process of its own an actor has no room for others. */
static CC_COLD int failed(struct cadre_self *self, const char *what, int err)
{
    if (err != -ENOMEM && err != -EAGAIN && err != CADRE_EFULL)
        return err; /* self may be none */
    int refused = self_check_outer(self, what);
    return refused ? refused : err == CADRE_EFULL ? -ENOMEM : err;
}

/* opts: NULL, or to be attached. pinned: to a worker that it stays on. */
static CC_INLINE int spawn_child(struct cadre_self *self, const char *what,
                                 cadre_ref *child, const cadre_class *class,
                                 const void *init, const cadre_opts *opts, bool pinned)
{
    struct cell *cell;
    int err = check(self, what, class, pinned);
    if (!err)
        err = opts ? spawn_with(self, &cell, class, init, opts)
                   : spawn_actor(self, self_cell(self), &cell, class, init);
    if (err)
        return failed(self, what, err);
    if (child)
        child->id = cell_address(cell);
    worker_note(self->worker, EVENT_SPAWN, cell_address(cell),
                cell_address(self_cell(self)), class);
    if (unlikely(pinned))
        hand_over(self, cell, next_aloof(self->world));
    else
        spawn_schedule(self, cell);
    return 0;
}

int cadre_spawn(cadre_self *self, cadre_ref *child, const cadre_class *class,
                const void *init)
{
    return spawn_child(self, "cadre_spawn", child, class, init, NULL, false);
}

int cadre_spawn_pinned(cadre_self *self, cadre_ref *child, const cadre_class *class,
                       const void *init)
{
    return spawn_child(self, "cadre_spawn_pinned", child, class, init, NULL, true);
}

int cadre_spawn_with(cadre_self *self, cadre_ref *child, const cadre_class *class,
                     const void *init, const cadre_opts *opts)
{
    int err = self_check(self, "cadre_spawn_with");
    if (!err)
        err = keep_check(self->world, opts);
    if (!err && opts)
        err = check_limit(self->world, opts->limit);
    if (err)
        return err;
    bool attached =
        opts && (opts->keep || opts->announce || opts->budget || opts->isolated ||
                 opts->levels || (opts->limit && is_limit(opts->limit)));
    return spawn_child(self, "cadre_spawn_with", child, class, init,
                       attached ? opts : NULL, opts && opts->pinned);
}
