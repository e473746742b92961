/* test_kept.c: children that go down and are restarted, while others stop and kill them,
 * or let them go.
 *
 * As test_actors.c. In the end such a child runs again, was down as often as somebody had
 * asked for an end or it had failed, and nobody wants anything of it; or it is gone,
 * because it was released or its parent has ended. */
#include "rest.h"

#include "actor/keep.h"

enum { RELEASE = 2 }; /* a message to its parent */

/* How often it was down, and how often its parent may restart it. */
static int downs, restarts;

/* Fails where it is told to; what it gets is for whoever is there. */
static int kept_receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)life_receive(self, state, m);
    return cadre_body(m, mail)->number == FAIL ? -1 : 0;
}

static const cadre_class kept_class = {.name = "child",
                                       .state_size = sizeof(struct life),
                                       .start = life_start,
                                       .receive = kept_receive,
                                       .stop = life_stop};

/* Restarts the child, if it may, and releases it where it is told to. */
static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    touch(state);
    if (down) {
        mc_note("its child is down");
        mc_assert((int)down->starts >= ++downs);
        if (downs <= restarts)
            (void)cadre_restart(self, child_ref);
        return 0;
    }
    (void)life_receive(self, state, m);
    if (cadre_body(m, mail)->number == RELEASE)
        mc_assert(cadre_release(self, child_ref) == 0);
    if (cadre_body(m, mail)->number == PASS_ON)
        mc_assert(cadre_restart(self, child_ref) == 0);
    return 0;
}

static const cadre_class keeper_class = {.name = "parent",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = keeper_receive,
                                         .stop = parent_stop};

/* ---- set-up ---- */

/* root > parent > child, which is kept, and restarted this often. */
static void setup_kept(uint32_t workers, int outside, int often)
{
    static const cadre_opts opts = {.keep = true};
    struct extras *extras;
    struct life init = {.number = FIRST};
    setup_world(workers, outside);
    downs = 0;
    restarts = often;
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    parent = new_actor(root, &keeper_class, 0, 0, "parent");
    mc_assert(keep_new(&selves[0], &extras, &kept_class, &init, &opts) == 0);
    mc_assert(spawn_actor(&selves[0], parent, &child, &kept_class, &init) == 0);
    keep_attach(&selves[0], child, extras);
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

static void kill_then_restart(int self)
{
    int script = outside(self);
    if (script == 0)
        return;
    if (script == 1) {
        halt(child_ref, HALT_KILL);
        tell(parent_ref, PASS_ON, 0);
    }
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

/* The kill meets the first one, nobody, or the next one, maybe before its start, which
 * has no stop then. */
static void killed_or_not(void)
{
    runs_again(1, 2);
    mc_assert(stops >= 1 && stops <= 2 && handled[FAIL] == 1 && handled[1] == 1);
}

static void down_some_times(void) { runs_again(1, 4); }

/* The kill may have found it down. */
static void restarted_and_killed(void)
{
    runs_again(1, 2);
    mc_assert(handled[PASS_ON] == 1);
}

static void restarted(void)
{
    runs_again(1, 1);
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

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("kept, fails, and a stop", 3, kept_of_one_worker, fail_and_stop,
              down_twice),
         BOUNDS(2, 0)},
        {TEST("kept, fails, and a stop, apart", 4, kept_apart, fail_and_stop,
              down_twice),
         BOUNDS(1, 0)},
        {TEST("kept, fails, and a kill", 3, kept_of_one_worker, fail_and_kill,
              killed_or_not),
         BOUNDS(2, 0)},
        {TEST("kept, stops and a kill", 3, kept_of_one_worker, many_halts,
              down_some_times),
         BOUNDS(2, 0)},
        {TEST("kept, fails, and its release", 3, kept_of_one_worker, fail_and_release,
              released),
         BOUNDS(2, 0)},
        {TEST("kept, fails, and its release, apart", 4, kept_apart, fail_and_release,
              released),
         BOUNDS(1, 0)},
        {TEST("kept, down, a stop and its release", 3, one_that_is_down,
              stop_and_release, released),
         BOUNDS(2, 0)},
        {TEST("kept, down, its restart and a kill", 3, one_that_is_down,
              restart_and_kill, restarted_and_killed),
         BOUNDS(2, 0)},
        {TEST("kept, down, a kill, and its restart", 3, one_that_is_down,
              kill_then_restart, restarted),
         BOUNDS(2, 0)},
        {TEST("kept, down, its restart and release", 3, one_that_is_down,
              restart_release_and_mail, restarted_and_released),
         BOUNDS(2, 0)},
        {TEST("kept, fails, and the end of its parent", 4, kept_apart,
              fail_and_end_of_parent, ended_with_its_parent),
         BOUNDS(1, 0)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
