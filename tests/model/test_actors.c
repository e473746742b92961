/* test_actors.c: the life and end of actors: letters, stops and kills meet, children end
 * first, and whoever gets the cell next hears nothing of it.
 *
 * The real actor layer over the real scheduler, between an allocator and dead letters of
 * the model's own. The worker threads run whatever is runnable; the other threads send,
 * stop and kill from outside. When they are through and everything sleeps it has come to
 * rest: every message must have had exactly one fate, and what was sent before somebody
 * asked for the stop is handled, what the same one sent afterwards is not. A child that is
 * kept and restarted runs again in the end, or is gone when it was released. */
#include "lives.h"

/* ---- set-up ---- */

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
    sent = starts = stops = root_endings = last_reason = downs = restarts = 0;
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

/* root > parent > child */
static void setup_tree(uint32_t workers, int outside)
{
    setup_world(workers, outside);
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    parent = new_actor(root, &parent_class, 0, 0, "parent");
    child = new_actor(parent, &child_class, FIRST, workers - 1, "child");
    run_all();
    root_ref = ref_of(root);
    parent_ref = ref_of(parent);
    child_ref = ref_of(child);
}

static void tree_of_one_worker(void) { setup_tree(1, 2); }
static void tree_of_one_worker_alone(void) { setup_tree(1, 1); }
static void tree_of_two_workers(void) { setup_tree(2, 1); }
static void tree_and_two(void) { setup_tree(2, 2); }

/* The same; the child is kept, and restarted this often. */
static void setup_kept(uint32_t workers, int outside, int often)
{
    static const cadre_opts opts = {.keep = true};
    struct extras *extras;
    struct life init = {.number = FIRST};
    setup_world(workers, outside);
    restarts = often;
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    parent = new_actor(root, &keeper_class, 0, 0, "parent");
    mc_assert(keep_new(&selves[0], &extras, &kept_class, &init, &opts) == 0);
    mc_assert(spawn_actor(&selves[0], parent, &child, &kept_class, &init) == 0);
    keep_attach(child, extras);
    task_give(&child->task, (int32_t)workers - 1);
    spawn_schedule(&selves[0], child);
    mc_name(child, sizeof *child, "child");
    run_all();
    root_ref = ref_of(root);
    parent_ref = ref_of(parent);
    child_ref = ref_of(child);
}

static void kept_of_one_worker(void) { setup_kept(1, 2, 4); }
static void kept_apart(void) { setup_kept(2, 2, 3); }
/* It is down already. */
static void one_that_is_down(void)
{
    setup_kept(1, 2, 0);
    halt(child_ref, HALT_STOP);
    run_all();
    mc_assert(downs == 1 && cell_phase(child) == PHASE_DOWN);
    restarts = 4;
}

/* The child has ended already: its cell is free. */
static void tree_with_a_grave(void)
{
    setup_tree(1, 2);
    halt(child_ref, HALT_STOP);
    run_all();
    mc_assert(stops == 1 && cell_phase(child) == PHASE_FREE);
}

/* Nobody was born yet. */
static void setup_unborn(uint32_t workers)
{
    setup_world(workers, 1);
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    run_all();
    parent = new_actor(root, &parent_class, 0, 0, "parent");
    root_ref = ref_of(root);
    parent_ref = ref_of(parent);
    child = NULL;
}

static void tree_before_birth(void) { setup_unborn(1); }
static void tree_before_birth_watched(void)
{
    setup_unborn(2);
    struct worker *w = &world.sched.crew.workers[0];
    w->slice.left = w->slice.window; /* so that the turn goes on after the start */
}

/* ---- threads ---- */

/* Which of those outside is it, from 1? 0: it was a worker. */
static int outside(int self) { return be_worker(self) ? 0 : self - thread_count; }

static void around_a_stop(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, 1, 0);
        halt(child_ref, HALT_STOP);
        tell(child_ref, 2, 0);
    } else {
        tell(child_ref, 0, 0);
    }
    script_ends();
}

static void stop_and_kill(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, 1, 0);
        halt(child_ref, HALT_STOP);
    } else {
        halt(child_ref, HALT_KILL);
        tell(child_ref, 2, 0);
    }
    script_ends();
}

static void stop_twice(int self)
{
    if (outside(self) == 0)
        return;
    halt(child_ref, HALT_STOP);
    script_ends();
}

static void only_kill(int self)
{
    if (outside(self) == 0)
        return;
    halt(child_ref, HALT_KILL);
    script_ends();
}

/* The batch ends with the letters: there is a token, and nothing to come. */
static void letters_and_a_kill(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, 1, 0);
        tell(child_ref, 2, 0);
    } else {
        halt(child_ref, HALT_KILL);
    }
    script_ends();
}

/* The parent, who has the kill's victim for a neighbour, brings it what came after. */
static void kill_and_tell(int self)
{
    if (outside(self) == 0)
        return;
    tell(parent_ref, PASS_ON, 0);
    halt(child_ref, HALT_KILL);
    tell(child_ref, 1, 0);
    script_ends();
}

static void end_and_tell(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(parent_ref, END, 0);
        tell(parent_ref, 1, 0);
    } else {
        tell(parent_ref, 0, 0);
    }
    script_ends();
}

/* It has started and has got nothing yet; the news comes by a thief. */
static void kill_newborn(int self)
{
    if (outside(self) == 0)
        return;
    halt(parent_ref, HALT_KILL);
    script_ends();
}

static void stop_both(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    halt(script == 1 ? parent_ref : child_ref, HALT_STOP);
    script_ends();
}

static void pass_on(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1)
        tell(parent_ref, PASS_ON, 0);
    else
        halt(parent_ref, HALT_STOP);
    script_ends();
}

static void fails_too(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(parent_ref, FAIL, 0);
    } else {
        halt(parent_ref, HALT_STOP);
        halt(parent_ref, HALT_KILL);
    }
    script_ends();
}

static void the_root(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        halt(root_ref, HALT_STOP);
    } else {
        tell(child_ref, 1, 0);
        halt(parent_ref, HALT_KILL);
    }
    script_ends();
}

static void stop_and_spawn(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        halt(child_ref, HALT_STOP);
        tell(parent_ref, SPAWN, 0);
    } else {
        tell(child_ref, 1, FIRST);
        tell(child_ref, 2, FIRST);
    }
    script_ends();
}

/* By one, on two workers; when the first child has retired, but maybe not quite ended. */
static void stop_and_spawn_and_mail(int self)
{
    if (outside(self) == 0)
        return;
    halt(child_ref, HALT_STOP);
    while (life_generation(load_relaxed(&child->life)) ==
           address_generation(child_ref.id))
        mc_spin();
    tell(parent_ref, SPAWN, 0);
    tell(child_ref, 1, FIRST);
    script_ends();
}

/* Mail and halts for the dead, while the cell gets its next actor. */
static void spawn_among_stale(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(parent_ref, SPAWN, 0);
    } else {
        tell(child_ref, 1, FIRST);
        halt(child_ref, HALT_KILL);
        tell(child_ref, 2, FIRST);
    }
    script_ends();
}

static void mail_and_kill_unborn(int self)
{
    if (outside(self) == 0)
        return;
    tell(parent_ref, 1, 0);
    halt(parent_ref, mc_choose(2) ? HALT_KILL : HALT_STOP);
    tell(parent_ref, 2, 0);
    script_ends();
}

/* ---- threads around a child that is kept ---- */

static void fail_and_stop(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, FAIL, 0);
        tell(child_ref, 1, 0);
    } else {
        halt(child_ref, HALT_STOP);
    }
    script_ends();
}

static void fail_and_kill(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, FAIL, 0);
    } else {
        halt(child_ref, HALT_KILL);
        tell(child_ref, 1, 0);
    }
    script_ends();
}

static void many_halts(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    halt(child_ref, HALT_STOP);
    if (script == 1)
        halt(child_ref, HALT_KILL);
    else
        halt(child_ref, HALT_STOP);
    script_ends();
}

static void fail_and_release(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(child_ref, FAIL, 0);
        tell(child_ref, 1, 0);
    } else {
        tell(parent_ref, RELEASE, 0);
    }
    script_ends();
}

static void stop_and_release(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1)
        halt(child_ref, HALT_STOP);
    else
        tell(parent_ref, RELEASE, 0);
    script_ends();
}

static void restart_and_kill(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1)
        tell(parent_ref, PASS_ON, 0);
    else
        halt(child_ref, HALT_KILL);
    script_ends();
}

static void restart_release_and_mail(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        tell(parent_ref, PASS_ON, 0);
        tell(parent_ref, RELEASE, 0);
    } else {
        tell(child_ref, 1, 0);
    }
    script_ends();
}

static void fail_and_end_of_parent(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1)
        tell(child_ref, FAIL, 0);
    else
        halt(parent_ref, mc_choose(2) ? HALT_KILL : HALT_STOP);
    script_ends();
}

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

static void ended(int count)
{
    at_rest(count);
    mc_assert(stops == count);
}

static void child_ended(void)
{
    ended(1);
    mc_assert(is_free(child) && family_is_empty(parent));
}

static void one_handled_one_not(void)
{
    child_ended();
    mc_assert(handled[1] == 1 && handled[2] == 0);
}

static void killed(void)
{
    child_ended();
    mc_assert(last_reason == CADRE_EKILLED);
}

static void killed_before(void)
{
    killed();
    mc_assert(handled[PASS_ON] == 1 && handled[1] == 0);
}

static void two_ended(void)
{
    ended(2);
    mc_assert(is_free(child) && is_free(parent) && family_is_empty(root));
    mc_assert(parent_stopped_after == 1);
}

static void two_ended_in_time(void)
{
    two_ended();
    mc_assert(handled[END] == 1 && handled[1] == 0);
}

static void all_ended(void)
{
    ended(3);
    mc_assert(is_free(child) && is_free(parent) && cell_phase(root) == PHASE_FREE);
    mc_assert(root_endings == 1);
}

static void second_lives(void)
{
    ended(1);
    mc_assert(handled[SPAWN] == 1 && handled[HELLO] == 1);
    mc_assert(starts == 4 && SUM(spawned) == 4);
    const struct cell *now = family_find(&world.table, parent->family.child);
    mc_assert(now && cell_phase(now) == PHASE_RUNNING);
    mc_assert(now->family.older == SLOT_NONE);
    mc_assert(ref_of(now).id == second_ref.id && second_ref.id != child_ref.id);
    mc_assert(life_halts(load_relaxed(&now->life)) == 0);
    mc_assert(is_free(child) == (now != child));
}

static void newborn_ended(void)
{
    mc_assert(load_relaxed(&world.sched.crew.stopping));
    sched_stop(&world.sched);
    mc_assert(SUM(ended) == 1 && stops == starts - 1 && is_free(parent));
    check_cells();
}

static void unborn_or_stopped(void)
{
    newborn_ended();
    mc_assert(fates[1] == 1 && fates[2] == 1 && handled[2] == 0);
}

/* It runs again, was down this often, and nobody wants its end any more. */
static void runs_again(int min, int max)
{
    at_rest(0);
    mc_assert(downs >= min && downs <= max);
    mc_assert(cell_phase(child) == PHASE_RUNNING && cell_is_kept(child));
    mc_assert(life_halts(load_relaxed(&child->life)) == 0);
    mc_assert(!child->note.killed && !child->note.stop_came && child->note.started);
    mc_assert(cell_address(child) == child_ref.id && !child->extras->held.newest);
    mc_assert(child->extras->keep->down_notice && !child->extras->keep->again);
    mc_assert(child->extras->keep->starts == (uint32_t)downs + 1);
}

/* A stop that it had not reached when it failed stops the next one. */
static void down_twice(void)
{
    runs_again(2, 2);
    mc_assert(stops == 2 && handled[FAIL] == 1 && handled[1] == 1);
}

/* The kill may meet one before its start, which has no stop then. */
static void down_twice_or_not_started(void)
{
    runs_again(2, 2);
    mc_assert(stops >= 1 && stops <= 2 && handled[FAIL] == 1 && handled[1] == 1);
}

static void down_some_times(void) { runs_again(1, 4); }

static void killed_again(void)
{
    runs_again(2, 2);
    mc_assert(handled[PASS_ON] == 1);
}

static void released(void)
{
    at_rest(1);
    mc_assert(is_free(child) && family_is_empty(parent) && handled[RELEASE] == 1);
    mc_assert(stops >= 1 && stops <= 2 && downs <= 2);
}

/* What was sent before it was released was for the one that was restarted. */
static void restarted_and_released(void)
{
    released();
    mc_assert(stops == 2 && downs == 1);
}

static void ended_with_its_parent(void)
{
    at_rest(2);
    mc_assert(is_free(child) && is_free(parent) && family_is_empty(root));
    mc_assert(downs <= 1 && handled[FAIL] <= 1);
}

#define TEST(text, n, set, what, end)                                                  \
    .name = "actors: " text, .threads = n, .setup = set, .thread = what, .final = end, \
    .switched = switched_selves, .unordered_stores = true /* of mutexes */
#define BOUNDS(p, s)                                                                   \
    .bounds = {.preemptions = p, .stale = s}, .deep = {.preemptions = p + 1, .stale = s}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("sends around a stop", 3, tree_of_one_worker, around_a_stop,
              one_handled_one_not),
         BOUNDS(2, 0)},
        {TEST("sends around a stop, apart", 3, tree_of_two_workers, around_a_stop,
              one_handled_one_not),
         BOUNDS(1, 0)},
        {TEST("a stop and a kill", 3, tree_of_one_worker, stop_and_kill, child_ended),
         BOUNDS(2, 0)},
        {TEST("a stop and a stop", 3, tree_of_one_worker, stop_twice, child_ended),
         BOUNDS(2, 1)},
        {TEST("only a kill", 3, tree_of_two_workers, only_kill, killed), BOUNDS(2, 0)},
        {TEST("letters and a kill", 3, tree_of_one_worker, letters_and_a_kill, killed),
         BOUNDS(2, 0)},
        {TEST("a kill before a message", 2, tree_of_one_worker_alone, kill_and_tell,
              killed_before),
         BOUNDS(2, 1)},
        {TEST("one ends by itself", 3, tree_of_one_worker, end_and_tell,
              two_ended_in_time),
         BOUNDS(2, 0)},
        {TEST("two stops, of parent and child", 4, tree_and_two, stop_both, two_ended),
         BOUNDS(1, 0)},
        {TEST("a stop of who passes something on", 4, tree_and_two, pass_on, two_ended),
         BOUNDS(1, 0)},
        {TEST("a failure, a stop and a kill", 3, tree_of_one_worker, fails_too,
              two_ended),
         BOUNDS(2, 0)},
        {TEST("stop of the root, kill below", 4, tree_and_two, the_root, all_ended),
         BOUNDS(1, 0)},
        {TEST("reuse of who is stopped", 3, tree_of_one_worker, stop_and_spawn,
              second_lives),
         BOUNDS(2, 0)},
        {TEST("reuse of who is stopped, apart", 3, tree_of_two_workers,
              stop_and_spawn_and_mail, second_lives),
         BOUNDS(1, 0)},
        {TEST("reuse among stale mail", 3, tree_with_a_grave, spawn_among_stale,
              second_lives),
         BOUNDS(2, 0)},
        {TEST("a halt before birth", 2, tree_before_birth, mail_and_kill_unborn,
              unborn_or_stopped),
         BOUNDS(2, 1)},
        {TEST("kept: fails, and a stop", 3, kept_of_one_worker, fail_and_stop,
              down_twice),
         BOUNDS(2, 0)},
        {TEST("kept: fails, and a stop, apart", 4, kept_apart, fail_and_stop,
              down_twice),
         BOUNDS(1, 0)},
        {TEST("kept: fails, and a kill", 3, kept_of_one_worker, fail_and_kill,
              down_twice_or_not_started),
         BOUNDS(2, 0)},
        {TEST("kept: stops and a kill", 3, kept_of_one_worker, many_halts,
              down_some_times),
         BOUNDS(2, 0)},
        {TEST("kept: fails, and its release", 3, kept_of_one_worker, fail_and_release,
              released),
         BOUNDS(2, 0)},
        {TEST("kept: fails, and its release, apart", 4, kept_apart, fail_and_release,
              released),
         BOUNDS(1, 0)},
        {TEST("kept: down, a stop and its release", 3, one_that_is_down,
              stop_and_release, released),
         BOUNDS(2, 0)},
        {TEST("kept: down, its restart and a kill", 3, one_that_is_down,
              restart_and_kill, killed_again),
         BOUNDS(2, 0)},
        {TEST("kept: down, its restart and release", 3, one_that_is_down,
              restart_release_and_mail, restarted_and_released),
         BOUNDS(2, 0)},
        {TEST("kept: fails, and the end of its parent", 4, kept_apart,
              fail_and_end_of_parent, ended_with_its_parent),
         BOUNDS(1, 0)},
        {TEST("a kill before its first letter", 3, tree_before_birth_watched,
              kill_newborn, newborn_ended),
         .bounds = {.preemptions = 2, .timeouts = 2},
         .deep = {.preemptions = 3, .timeouts = 3}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
