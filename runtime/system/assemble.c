/* assemble.c: put a system together, and take it apart. */
#include "system/system.h"

#include "actor/apply.h"
#include "actor/deadletter.h"
#include "actor/offload.h"
#include "actor/port.h"
#include "actor/turn.h"
#include "actor/spawn.h"
#include "base/probe.h"
#include "system/annex.h"
#include "system/fault.h"
#include "system/registry.h"
#include "system/stop.h"
#include "system/stuck.h"

#include <errno.h>

static void init_sync(cadre_system *sys)
{
    pthread_mutex_init(&sys->run_lock, NULL);
    pthread_mutex_init(&sys->world.outside_lock, NULL);
    pthread_mutex_init(&sys->world.accounts_lock, NULL);
    for (int i = 0; i < ACCOUNT_CHAINS; i++)
        list_init(&sys->world.accounts[i]);
}

static void init_world(cadre_system *sys, const struct heap *heap)
{
    struct world *world = &sys->world;
    world->heap = *heap;
    world->system = sys;
    world->log = sys->settings.log;
    world->simulated = system_is_simulated(sys);
    world->io_threads = sys->settings.io_threads;
    world->records = sys->settings.record_messages;
    world->root_ended = system_root_ended;
    world->outside = &sys->outside;
    world->uplink = sys->settings.uplink;
    world->outer_parent = sys->settings.parent;
    pool_depot_init(&world->depot, &world->heap);
    table_init(&world->table, &world->heap);
    gauges_init(&world->gauges, &world->heap);
    names_init(&world->names, &world->heap,
               world->simulated ? sys->settings.seed : rng_entropy());
    list_init(&world->raises);
    list_init(&world->closings);
    self_init(&sys->outside, world, NULL);
}

/* With one seed in four: the end of a slot, which takes a hundred million lives, is met
 * in simulations, too. */
static void make_slots_scarce(struct table *table, uint64_t seed)
{
    enum { MANY = 1024, LIVES = 15 };
    struct rng rng = rng_stream(seed, 1 << 20); /* above every worker's purpose */
    if (rng_below(&rng, 4) == 0)
        table_make_scarce(table, MANY, 1 + rng_below(&rng, LIVES));
}

/* The one cell that there is has the address that it has outside; all other addresses
 * lead nowhere. */
static void make_one_slot(struct table *table, uint64_t me)
{
    table->tag_bits = address_of_life(me, 0);
    table->first_generation = address_generation(me);
    table->cells_max = 1;
}

static void fini_workers(cadre_system *sys)
{
    struct world *world = &sys->world;
    sched_fini(&world->sched);
    for (uint32_t i = 0; i < sys->settings.workers; i++)
        self_free_spent(&world->selves[i]);
    heap_put_lines(&world->heap, world->selves,
                   sys->settings.workers * sizeof *world->selves);
}

static void fini_blocking(struct world *world)
{
    offload_stop(world);
    offload_fini(world);
}

static int init_workers(cadre_system *sys)
{
    struct world *world = &sys->world;
    const struct settings *s = &sys->settings;
    void *p = NULL;
    int err = heap_get_lines(&world->heap, &p, s->workers * sizeof *world->selves);
    if (err)
        return err;
    world->selves = p;
    err = sched_init(&world->sched, &world->heap, s->mode, s->workers, s->polled,
                     s->seed ? s->seed : rng_entropy());
    if (err) {
        heap_put_lines(&world->heap, p, s->workers * sizeof *world->selves);
        return err;
    }
    for (uint32_t i = 0; i < s->workers; i++) {
        struct worker *worker = &world->sched.crew.workers[i];
        self_init(&world->selves[i], world, worker);
        worker->context = &world->selves[i];
    }
    err =
        offload_init(world, s->blocking_threads, s->blocking_waiting, s->report_faults);
    if (err) {
        fini_workers(sys);
        return err;
    }
    fiber_set_size(&world->sched.crew, s->stack_size);
    world->sched.crew.run = turn_run;
    crew_set_aloof(&world->sched.crew, s->pinned);
    crew_set_batch(&world->sched.crew, s->batch);
    if (s->stuck_after != CADRE_NEVER)
        world->sched.crew.stuck = stuck_report;
    world->sched.crew.handled = stuck_handled;
    world->sched.crew.stuck_after = s->stuck_after;
    world->sched.tidy = self_tidy;
    world->sched.all_asleep = s->end_when_quiet ? system_quiet : NULL;
    world->sched.all_asleep_user = sys;
    return 0;
}

static void fini_world(cadre_system *sys)
{
    names_fini(&sys->world.names);
    gauges_fini(&sys->world.gauges);
    table_fini(&sys->world.table);
    pool_depot_fini(&sys->world.depot);
    pthread_mutex_destroy(&sys->world.outside_lock);
    pthread_mutex_destroy(&sys->world.accounts_lock);
    pthread_mutex_destroy(&sys->run_lock);
    struct heap heap = sys->world.heap;
    heap_put_lines(&heap, sys, sizeof *sys);
}

/* What is the process's: before any thread, and after all of them. */
static void hold_signals(cadre_system *sys)
{
    struct crew *crew = &sys->world.sched.crew;
    registry_lock();
    if (sys->settings.report_faults)
        fault_hold();
    sys->has_probe = sys->settings.stuck_stacks && probe_hold();
    registry_unlock();
    crew->is_probed = sys->has_probe;
    crew->has_sigstacks = sys->has_probe || sys->settings.report_faults;
}

static void release_signals(cadre_system *sys)
{
    registry_lock();
    if (sys->settings.report_faults)
        fault_release();
    if (sys->has_probe)
        probe_release();
    registry_unlock();
}

/* Threads first: when one cannot be had, nothing has run yet. */
static int start(cadre_system *sys, const cadre_class *class, const void *init)
{
    struct cell *root;
    int err = sched_start(&sys->world.sched);
    if (err)
        return err;
    err = spawn_actor(&sys->outside, NULL, &root, class, init);
    if (err) {
        sched_stop(&sys->world.sched);
        return err;
    }
    sys->root.id = cell_address(root);
    spawn_schedule(&sys->outside, root);
    return 0;
}

static int assemble(cadre_system **result, const struct settings *settings,
                    struct heap *heap, const cadre_class *class, const void *init)
{
    void *p;
    int err = heap_get_lines(heap, &p, sizeof **result);
    if (err)
        return err;
    cadre_system *sys = p;
    sys->settings = *settings;
    sys->maker = pthread_self();
    init_sync(sys);
    init_world(sys, heap);
    err = init_workers(sys);
    if (err)
        goto no_workers;
    err = system_is_simulated(sys)
              ? sim_init(&sys->sim, &sys->world.sched, settings->seed)
              : 0;
    if (err)
        goto no_sim;
    err = deadletter_report_init(&sys->world);
    if (err)
        goto no_report;
    err = registry_add(sys, &sys->world.orphaned, &sys->world.tag,
                       &sys->world.table.first_generation);
    if (err)
        goto no_report;
    sys->world.table.tag_bits = sys->world.tag << 56;
    if (system_is_simulated(sys))
        make_slots_scarce(&sys->world.table, settings->seed);
    if (settings->uplink)
        make_one_slot(&sys->world.table, settings->me);
    err = annex_open(sys, assemble);
    if (err)
        goto no_annex;
    hold_signals(sys);
    err = start(sys, class, init);
    if (err)
        goto no_start;
    *result = sys;
    return 0;
no_start:
    release_signals(sys);
    annex_close(sys);
no_annex:
    registry_remove(sys->world.tag, table_next_generation(&sys->world.table));
no_report:
    deadletter_report_fini(&sys->world);
    if (system_is_simulated(sys))
        sim_fini(&sys->sim, &sys->world.sched);
no_sim:
    fini_blocking(&sys->world);
    fini_workers(sys);
no_workers:
    fini_world(sys);
    return err;
}

int cadre_system_new(cadre_system **sys, const cadre_config *config,
                     const cadre_class *root, const void *init)
{
    struct settings settings;
    struct world only_log = {0}; /* for the messages about bad arguments */
    if (!sys)
        return -EINVAL;
    int err = config_resolve(&settings, config);
    if (err)
        return err;
    only_log.log = settings.log;
    err = spawn_check(&only_log, "cadre_system_new", root);
    if (err)
        return err;
    struct heap heap;
    heap_init(&heap, config ? config->alloc : NULL, config ? config->alloc_user : NULL,
              settings.memory_max);
    err = assemble(sys, &settings, &heap, root, init);
    return err == CADRE_EFULL ? -ENOMEM : err;
}

int cadre_system_free(cadre_system *sys)
{
    if (!sys)
        return 0;
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (!system_has_ended(sys))
        return world_misuse(&sys->world, -EBUSY,
                            "cadre_system_free: the root has not ended; stop it first");
    system_finish(sys);
    /* Pairs with call.c's destroy and with apply_free. */
    if (load_acquire(&sys->world.handles) > 0)
        return world_misuse(&sys->world, -EBUSY,
                            "cadre_system_free: a future or a raise is not freed");
    apply_fini(&sys->world);
    release_signals(sys);
    annex_close(sys);
    registry_remove(sys->world.tag, table_next_generation(&sys->world.table));
    deadletter_report_fini(&sys->world);
    if (system_is_simulated(sys))
        sim_fini(&sys->sim, &sys->world.sched);
    port_fini(&sys->world);
    offload_fini(&sys->world);
    fini_workers(sys);
    fini_world(sys);
    return 0;
}
