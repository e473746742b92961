/* test_aloof.c: a worker that keeps what is handed over to it, and nothing else.
 *
 * One actor makes another and hands it over to the aloof worker, while somebody else's
 * letter to that one is on its way, and they talk. As in test_worker.c nobody is run by
 * two at once and every letter is handled once; and each is where it belongs. */
#include "letters.h"

static void at_large(void) { mc_assert(!worker_current()->aloof); }

static void at_home(void)
{
    mc_assert(worker_current()->aloof);
    tell(0, at_large);
}

static void at_home_alone(void) { mc_assert(worker_current()->aloof); }

/* As in spawn.c. False: somebody's letter has woken it first, for its former life. */
static bool make(int actor)
{
    struct worker *w = worker_current();
    struct cell *cell = &actors[actor].cell;
    bias_enter(&w->bias);
    bool claimed = cell_claim(cell, w->id);
    bias_leave(&w->bias);
    if (!claimed)
        return false;
    bias_enter(&w->bias);
    worker_hand_over(w, &cell->task, 1);
    bias_leave(&w->bias);
    return true;
}

static void make_1(void) { tell(1, make(1) ? at_home : at_large); }

static void make_1_and_tell_twice(void)
{
    bool made = make(1);
    tell(1, made ? at_home_alone : at_large);
    tell(1, made ? at_home : at_large);
}

/* ---- set-up ---- */

static void setup(uint32_t count)
{
    expected = count;
    ends_itself = false; /* how many there are depends on who is first */
    message_count = 0;
    heap_init(&heap, from_arena, NULL, SIZE_MAX);
    mc_quiet(&heap.bytes, sizeof heap.bytes);
    start_workers(&world.sched, &heap, 2, run);
    crew_set_batch(&world.sched.crew, 2);
    crew_set_aloof(&world.sched.crew, 1);
    for (uint32_t i = 0; i < 2; i++) {
        selves[i].world = &world;
        selves[i].worker = &world.sched.crew.workers[i];
    }
    for (int i = 0; i < 2; i++) {
        cell_init(&actors[i].cell, address(0, (uint32_t)i, 1));
        plain_write(&actors[i].cell.mailbox.newest, NULL);
        plain_write(&actors[i].busy, 0);
        mc_name(&actors[i], sizeof actors[i], i ? "actor 1" : "actor 0");
        for (int s = 0; s < SENDERS; s++)
            actors[i].got[s] = sent[s][i] = 0;
    }
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        at_work[i] = -1;
    atomic_set(&flags[0], false); /* nobody waits here */
    atomic_set(&quiet, false);
    atomic_set(&done, 0);
    mc_name(messages, sizeof messages, "messages");
    mc_name(&done, sizeof done, "done");
    mc_assert(task_claim(&actors[0].cell.task, 0));
}

static void made_here(void)
{
    setup(2);
    tell(0, make_1);
}
static void made_and_told_twice(void)
{
    setup(3);
    tell(0, make_1_and_tell_twice);
}

/* Stops when all that is sure to come has come. */
static void stop_in_time(int self)
{
    if (be_worker(self))
        return;
    while (load_relaxed(&done) < expected)
        mc_spin();
    sched_stop(&world.sched);
}

static void tell_and_stop(int self)
{
    if (be_worker(self))
        return;
    tell(1, NULL);
    while (load_relaxed(&done) < expected + 1)
        mc_spin();
    sched_stop(&world.sched);
}

static void all_handled(void)
{
    mc_assert((int)load_relaxed(&done) == message_count);
    for (int i = 0; i < 2; i++) {
        mc_assert(inbox_is_empty(&actors[i].cell.task.inbox));
        mc_assert(fifo_is_empty(&actors[i].cell.mailbox));
    }
    sched_fini(&world.sched);
}

#define TEST(text, set, what)                                                          \
    .name = "aloof: " text, .threads = 3, .setup = set, .thread = what,                \
    .final = all_handled, .switched = switched
#define BOUNDS(p, s, t)                                                                \
    .bounds = {.preemptions = p, .stale = s, .timeouts = t},                           \
    .deep = {.preemptions = p + 1, .stale = s + 1, .timeouts = t + 1}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("handed over", made_here, stop_in_time), BOUNDS(1, 0, 0)},
        {TEST("handed over and told twice", made_and_told_twice, stop_in_time),
         BOUNDS(1, 0, 0)},
        {TEST("handed over, told meanwhile", made_here, tell_and_stop),
         BOUNDS(1, 0, 0)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
