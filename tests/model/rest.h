/* rest.h: the world that the models of actors begin with, and what must hold in it when
 * all has come to rest. */
#ifndef MODEL_REST_H
#define MODEL_REST_H

#include "lives.h"

/* ---- set-up ---- */

/* And all workers have looked at the table, so that messages go the shortest way. */
static void run_all(void)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < world.sched.crew.count; i++) {
            worker_enter(&world.sched.crew.workers[i]);
            more = worker_step(&world.sched.crew.workers[i]) || more;
        }
    }
    worker_enter(NULL);
    for (uint32_t i = 0; i < world.sched.crew.count; i++)
        table_look(&world.table, &world.selves[i].view);
}

static struct cell *new_actor(struct cell *of, const cadre_class *class, int life,
                              uint32_t worker, const char *name)
{
    struct cell *cell;
    struct life init = {.number = life};
    mc_assert(spawn_actor(&selves[0], of, &cell, class, &init) == 0);
    task_give(&cell->task, (int32_t)worker);
    spawn_schedule(&selves[0], cell);
    mc_name(cell, sizeof *cell, name);
    return cell;
}

static cadre_ref ref_of(const struct cell *cell)
{
    return (cadre_ref){cell_address(cell)};
}

/* Tests begin when nothing is left to do but the two beginnings, if that is wanted. */
static void setup_world(uint32_t workers, int outside)
{
    memset(&world, 0, sizeof world);
    memset(selves, 0, sizeof selves);
    memset(fates, 0, sizeof fates);
    memset(handled, 0, sizeof handled);
    sent = starts = stops = root_endings = last_reason = 0;
    parent_stopped_after = -1;
    scripts = outside;
    atomic_set(&through, 0);
    heap_init(&world.heap, from_arena, NULL, SIZE_MAX);
    world.depot.heap = &world.heap;
    mc_quiet(&world.heap.bytes, sizeof world.heap.bytes);
    table_init(&world.table, &world.heap);
    world.tag = TAG;
    world.table.tag_bits = (uint64_t)TAG << 56;
    world.root_ended = on_root_ended;
    world.selves = &selves[1];
    memset(self_of, 0, sizeof self_of);
    self_enter(NULL);
    start_workers(&world.sched, &world.heap, workers, turn_run);
    crew_set_batch(&world.sched.crew, 2); /* so that turns end with letters left */
    world.sched.all_asleep = all_sleep;
    for (uint32_t i = 0; i < SELVES; i++) {
        struct worker *w =
            i > 0 && i <= workers ? &world.sched.crew.workers[i - 1] : NULL;
        self_init(&selves[i], &world, w);
        if (w)
            w->context = &selves[i];
    }
    mc_quiet(selves, sizeof selves); /* statistics */
    mc_quiet(&world.table, sizeof world.table);
    mc_name(&through, sizeof through, "through");
}

/* ---- threads ---- */

/* Which of those outside is it, from 1? 0: it was a worker. */
static int outside(int self) { return be_worker(self) ? 0 : self - thread_count; }

/* ---- afterwards ---- */

static uint64_t sum_of(size_t counter)
{
    uint64_t sum = 0;
    for (int i = 0; i < SELVES; i++)
        sum += *(uint64_t *)(void *)((char *)&selves[i] + counter);
    return sum;
}
#define SUM(counter) sum_of(offsetof(struct cadre_self, counter))

static bool is_free(const struct cell *cell)
{
    int found = 0;
    for (const struct cell *c = world.table.free; c; c = c->free_next)
        found += c == cell;
    for (int i = 0; i < SELVES; i++)
        for (const struct cell *c = selves[i].cells.first; c; c = c->free_next)
            found += c == cell;
    mc_assert(found <= 1);
    return found == 1;
}

static void check_cells(void)
{
    for (uint32_t i = 0; i < load_relaxed(&world.table.used); i++) {
        const struct cell *c = table_find(&world.table, i);
        mc_assert(load_relaxed(&c->task.inbox.newest) == INBOX_EMPTY);
        mc_assert(!c->mailbox.newest && !c->task.token && !c->task.scheduled);
        mc_assert(load_relaxed(&c->task.owner) != TASK_NOBODY ||
                  cell_phase(c) == PHASE_FREE);
        mc_assert(cell_phase(c) != PHASE_LINGERS && cell_phase(c) != PHASE_ENDING);
        if (cell_phase(c) == PHASE_FREE)
            mc_assert(life_halts(load_relaxed(&c->life)) == LIFE_VACANT);
    }
}

/* Every message has had exactly one fate, and this many actors have ended. */
static void at_rest(int count)
{
    mc_assert(load_seq(&through) == scripts && load_seq(&world.sched.crew.stopping));
    sched_stop(&world.sched);
    int total = 0;
    for (int i = 0; i < MAILS; i++) {
        mc_assert(fates[i] <= 1 && handled[i] <= fates[i]);
        total += fates[i];
    }
    mc_assert(total == sent);
    mc_assert(SUM(accepted) == SUM(handled) + SUM(dead) + SUM(dropped));
    mc_assert(SUM(ended) == (uint64_t)count);
    check_cells();
}

#define TEST(text, n, set, what, end)                                                  \
    .name = "actors: " text, .threads = n, .setup = set, .thread = what, .final = end, \
    .switched = switched_selves, .unordered_stores = true /* of mutexes */
#define BOUNDS(p, s)                                                                   \
    .bounds = {.preemptions = p, .stale = s}, .deep = {.preemptions = p + 1, .stale = s}

#endif
