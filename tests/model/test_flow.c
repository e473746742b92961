/* test_flow.c: who sends to one that is flooded is held back, and let go: while that one
 * drains, ends, or sends to the other, and while somebody stops or kills either, or it is
 * restarted.
 *
 * As test_actors.c. When it begins the child is flooded, and the source is about to send
 * to it: then it has more to do, or gets that later, or is sent to by a third. In the end
 * nobody is flooded, or held back, and all who live are idle. */
#include "rest.h"

#include "actor/flow.h"
#include "actor/keep.h"

/* Messages: as many wait for the child; the source is told to send one; and what comes
 * after that; and what the third one is told, and sends. */
enum { WAIT = 5, GO = PASS_ON, DROP = HELLO, BACK = 9, AFTER = 8 };
enum { THIRD = 10, PUSH = 12, MORE = 14 };
static struct cell *source, *third;
static cadre_ref source_ref;
static bool talks_back;

/* What the source gets from the beginning: all; or later; or others send; or it has set
 * aside what comes after; or it fails on the first, and is restarted for the rest. */
enum busy { BUSY, LATER, PUSHED, ASIDE, FAILS };
static enum busy busy;

/* Sends to the other one: when it is told to, or what it has set aside comes again. */
static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int number = cadre_body(m, mail)->number;
    if (busy == ASIDE && number >= AFTER && !handled[GO])
        return cadre_stash(self, m);
    (void)life_receive(self, state, m);
    if (number == GO && busy == ASIDE)
        cadre_unstash(self);
    else if (number == (busy == ASIDE ? AFTER : GO))
        send(self, child_ref, (mail){DROP, 0});
    return busy == FAILS && number == GO ? -1 : 0;
}
static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_restart(self, source_ref);
}
static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)life_receive(self, state, m);
    int number = cadre_body(m, mail)->number;
    if (talks_back && number >= 2 && number < WAIT)
        send(self, source_ref, (mail){BACK + number, 0});
    return 0;
}
static int third_receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)life_receive(self, state, m);
    int number = cadre_body(m, mail)->number;
    send(self, source_ref, (mail){PUSH + number - THIRD, 0});
    return 0;
}
static const cadre_class source_class = {.name = "source",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = source_receive,
                                         .stop = life_stop};
static const cadre_class slow_class = {.name = "slow",
                                       .state_size = sizeof(struct life),
                                       .start = life_start,
                                       .receive = slow_receive,
                                       .stop = life_stop};

static const cadre_class third_class = {.name = "third",
                                        .state_size = sizeof(struct life),
                                        .start = life_start,
                                        .receive = third_receive,
                                        .stop = life_stop};

static const cadre_class keeper_class = {.name = "keeper",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = keeper_receive,
                                         .stop = life_stop};

/* ---- set-up ---- */

static void open_kept_source(uint32_t worker)
{
    static const cadre_opts opts = {.keep = true};
    struct extras *extras;
    struct life init = {.number = FIRST};
    parent = new_actor(root, &keeper_class, 0, 0, "keeper");
    mc_assert(keep_new(&selves[0], &extras, &source_class, &init, &opts) == 0);
    mc_assert(spawn_actor(&selves[0], parent, &source, &source_class, &init) == 0);
    keep_attach(&selves[0], source, extras);
    task_give(&source->task, (int32_t)worker);
    spawn_schedule(&selves[0], source);
    mc_name(source, sizeof *source, "source");
}

static void setup_flood(uint32_t workers, int outside, bool back, enum busy how)
{
    setup_world(workers, outside);
    gauges_init(&world.gauges, &world.heap);
    mc_quiet(&world.gauges.asked, sizeof world.gauges.asked);
    talks_back = back;
    busy = how;
    root = new_actor(NULL, &parent_class, 0, 0, "root");
    child = new_actor(root, &slow_class, FIRST, 0, "slow");
    if (busy == FAILS)
        open_kept_source(workers > 1);
    else
        source = new_actor(root, &source_class, FIRST, workers > 1, "source");
    third = busy == PUSHED
                ? new_actor(root, &third_class, FIRST, workers == 3 ? 2 : 0, "third")
                : NULL;
    run_all();
    root_ref = ref_of(root);
    child_ref = ref_of(child);
    source_ref = ref_of(source);
    for (int i = 0; busy == ASIDE && i < 2; i++)
        tell(source_ref, AFTER + i, 0);
    run_all();
    for (int i = 0; i < WAIT; i++)
        tell(child_ref, i, 0);
    for (int i = 0; (busy == PUSHED || talks_back) && i < 2; i++)
        tell(child_ref, MORE + i, 0);
    worker_enter(&world.sched.crew.workers[0]);
    mc_assert(worker_step(&world.sched.crew.workers[0]));
    worker_enter(NULL);
    mc_assert(flow_is_flooded(child));
    tell(source_ref, GO, 0); /* it is held back with the third of these */
    if (busy == BUSY || busy == PUSHED || busy == FAILS)
        tell(source_ref, AFTER, 0);
    if (busy == BUSY)
        tell(source_ref, AFTER + 1, 0);
    if (busy == PUSHED)
        tell(ref_of(third), THIRD, 0);
}

static void apart(void) { setup_flood(2, 0, false, BUSY); }
static void apart_and_one(void) { setup_flood(2, 1, false, BUSY); }
static void together_and_one(void) { setup_flood(1, 1, false, BUSY); }
static void circle(void) { setup_flood(2, 0, true, BUSY); }
static void idle_and_one(void) { setup_flood(2, 1, false, LATER); }
static void aside(void) { setup_flood(2, 0, false, ASIDE); }
static void failing(void) { setup_flood(2, 0, false, FAILS); }
static void pushed(void) { setup_flood(2, 0, false, PUSHED); }
static void pushed_apart(void) { setup_flood(3, 0, false, PUSHED); }

/* ---- threads ---- */

static void nobody_else(int self) { (void)outside(self); }

static void halt_source(int self)
{
    if (outside(self) == 0)
        return;
    halt(source_ref, mc_choose(2) ? HALT_KILL : HALT_STOP);
    script_ends();
}

static void wake_source(int self)
{
    if (outside(self) == 0)
        return;
    tell(source_ref, AFTER, 0);
    script_ends();
}

static void kill_flooded(int self)
{
    if (outside(self) == 0)
        return;
    halt(child_ref, HALT_KILL);
    script_ends();
}

/* ---- afterwards ---- */

static void nobody_waits(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    mc_assert(!flow_is_flooded(cell) && !inbox_is_gated(&cell->task.inbox));
    mc_assert(!extras || !load_relaxed(&extras->muted_by));
}

static void quiet(int count)
{
    at_rest(count);
    nobody_waits(child);
    nobody_waits(source);
    if (third)
        nobody_waits(third);
    mc_assert(list_is_empty(&world.gauges.flooded));
}

static void all_live(void)
{
    quiet(0);
    mc_assert(SUM(handled) == (uint64_t)sent);
}
/* What the first one has sent does not hold back the next. */
static void next_was_not_muted(void)
{
    quiet(0);
    mc_assert(handled[AFTER] == 1 && SUM(mutes) == 0);
}
static void one_ended(void) { quiet(1); }

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("a source and a drain", 2, apart, nobody_else, all_live), BOUNDS(2, 0)},
        {TEST("a source and a drain, apart and watched", 2, apart, nobody_else,
              all_live),
         .bounds = {.preemptions = 1, .timeouts = 2},
         .deep = {.preemptions = 2, .timeouts = 2}},
        {TEST("both send", 2, circle, nobody_else, all_live), BOUNDS(2, 0)},
        {TEST("the source is halted", 2, together_and_one, halt_source, one_ended),
         BOUNDS(2, 0)},
        {TEST("the source is halted, apart", 3, apart_and_one, halt_source, one_ended),
         BOUNDS(1, 0)},
        {TEST("the flooded one is killed", 3, apart_and_one, kill_flooded, one_ended),
         BOUNDS(1, 0)},
        {TEST("the source is idle, then woken", 3, idle_and_one, wake_source, all_live),
         BOUNDS(1, 0)},
        {TEST("the source has more aside", 2, aside, nobody_else, all_live),
         BOUNDS(2, 0)},
        {TEST("the source fails, and is restarted", 2, failing, nobody_else,
              next_was_not_muted),
         BOUNDS(1, 0)},
        {TEST("a third one sends to the source", 2, pushed, nobody_else, all_live),
         BOUNDS(2, 0)},
        {TEST("a third one sends, watched", 3, pushed_apart, nobody_else, all_live),
         .bounds = {.preemptions = 1, .timeouts = 2},
         .deep = {.preemptions = 2, .timeouts = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
