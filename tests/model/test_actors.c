/* test_actors.c: the life and end of actors: letters, stops and kills meet, children end
 * first, and whoever gets the cell next hears nothing of it.
 *
 * The real actor layer over the real scheduler, between an allocator and dead letters of
 * the model's own. The worker threads run whatever is runnable; the other threads send,
 * stop and kill from outside. When they are through and everything sleeps it has come to
 * rest: every message must have had exactly one fate, and what was sent before somebody
 * asked for the stop is handled, what the same one sent afterwards is not. */
#include "rest.h"

/* ---- set-up ---- */

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

/* One letter or two to the child, one to itself, and others from outside. */
static void pass_both(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1)
        tell(parent_ref, mc_choose(2) ? PASS_CALL : PASS_BOTH, 0);
    else
        for (int i = 0; i < 3; i++)
            tell(child_ref, i, FIRST);
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

/* ---- afterwards ---- */

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

static void all_handled(void)
{
    ended(0);
    mc_assert(handled[0] + handled[1] + handled[2] == 3);
    mc_assert(handled[CALL] == 1 && handled[ECHO] == 1);
    mc_assert(handled[HELLO] == handled[PASS_BOTH]);
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
        {TEST("letters from its parent, itself and others", 3, tree_of_one_worker,
              pass_both, all_handled),
         BOUNDS(2, 0)},
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
        {TEST("a kill before its first letter", 3, tree_before_birth_watched,
              kill_newborn, newborn_ended),
         .bounds = {.preemptions = 2, .timeouts = 2},
         .deep = {.preemptions = 3, .timeouts = 3}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
