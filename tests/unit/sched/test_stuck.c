/* test_stuck.c: the watch says which workers do not come back from a turn, and when. */
#include "sched/stuck.h"

#include "unit/sched/jobs.h"

enum { AFTER = 1000, TOLD_MAX = 32 };

static struct told {
    uint32_t worker;
    int64_t for_ns;
    bool has_returned;
} told[TOLD_MAX];
static int tellings;

static void job_runs(struct job *job, struct worker *worker) {}

static void tell(struct worker *worker, int64_t for_ns, bool has_returned)
{
    assert_in_range(tellings, 0, TOLD_MAX - 1);
    told[tellings++] = (struct told){worker->id, for_ns, has_returned};
}

/* The last one, and no more than so many. */
static void assert_told(int count, uint32_t worker, int64_t for_ns, bool has_returned)
{
    assert_int_equal(tellings, count);
    assert_int_equal(told[count - 1].worker, worker);
    assert_int_equal(told[count - 1].for_ns, for_ns);
    assert_int_equal(told[count - 1].has_returned, has_returned);
}

static uint64_t handled[CREW];
static uint64_t count_handled(const struct worker *worker)
{
    return handled[worker->id];
}

static void take_turn(int worker) { counter_add(&workers[worker].turns, 1); }

static void look_after(int64_t ns)
{
    clock_advance(&crew.clock, ns);
    stuck_look(&crew);
}

/* 0 has the watch and lies; 1 is in a turn, the others sleep. */
static int make(void **state)
{
    make_crew(CREW, 1);
    crew.stuck = tell;
    crew.handled = count_handled;
    crew.stuck_after = AFTER;
    tellings = 0;
    for (int i = 0; i < CREW; i++)
        if (i != 1)
            assert_true(worker_lie_down(&workers[i]));
    take_turn(1);
    stuck_look(&crew);
    return 0;
}

static void stuck_is_told_after_the_limit_and_each_time_tenfold(void **state)
{
    look_after(AFTER - 1);
    assert_int_equal(tellings, 0);
    look_after(1);
    assert_told(1, 1, AFTER, false);
    look_after(9 * AFTER - 1);
    assert_int_equal(tellings, 1);
    look_after(1);
    assert_told(2, 1, 10 * AFTER, false);
    look_after(90 * AFTER);
    assert_told(3, 1, 100 * AFTER, false);
    assert_int_equal(crew.stuck_told, 1);
}

static void stuck_is_told_when_the_turn_is_over(void **state)
{
    look_after(AFTER);
    take_turn(1);
    look_after(5);
    assert_told(2, 1, AFTER + 5, true);
    assert_int_equal(crew.stuck_told, 0);
    look_after(AFTER); /* the next turn is another story */
    assert_told(3, 1, AFTER, false);
}

static void stuck_is_told_when_the_worker_sleeps(void **state)
{
    look_after(AFTER);
    assert_true(stuck_is_due(w, true));
    assert_true(worker_lie_down(&workers[1]));
    look_after(7);
    assert_told(2, 1, AFTER + 7, true);
    assert_false(stuck_is_due(w, true));
    look_after(100 * AFTER);
    assert_int_equal(tellings, 2);
}

static void stuck_in_many_short_turns_is_not(void **state)
{
    for (int i = 0; i < 100; i++) {
        take_turn(1);
        look_after(AFTER - 1);
    }
    assert_int_equal(tellings, 0);
}

/* Many messages of one actor, in a turn that is long for all of them. */
static void stuck_in_a_long_turn_is_not(void **state)
{
    for (int i = 0; i < 100; i++) {
        handled[1]++;
        look_after(AFTER - 1);
    }
    assert_int_equal(tellings, 0);
    look_after(AFTER);
    assert_told(1, 1, AFTER, false);
    handled[1]++;
    look_after(1);
    assert_told(2, 1, AFTER + 1, true);
}

/* How long it has slept does not count, even if nobody looked when it got up. */
static void stuck_does_not_count_sleep(void **state)
{
    assert_true(worker_lie_down(&workers[1]));
    look_after(1);
    clock_advance(&crew.clock, 10 * AFTER);
    worker_get_up(&workers[1]);
    stuck_look(&crew);
    look_after(AFTER - 1);
    assert_int_equal(tellings, 0);
    worker_get_up(&workers[2]); /* and lies down again in between */
    stuck_look(&crew);
    for (int i = 0; i < 10; i++) {
        clock_advance(&crew.clock, AFTER / 2);
        assert_true(worker_lie_down(&workers[2]));
        worker_get_up(&workers[2]);
        take_turn(1);
        stuck_look(&crew);
    }
    assert_int_equal(tellings, 0);
}

/* One that has not begun its first turn is in none. */
static void stuck_before_the_first_turn_is_not(void **state)
{
    make_crew(CREW, 1);
    tellings = 0;
    crew.stuck = tell;
    crew.stuck_after = AFTER;
    look_after(2 * AFTER);
    assert_int_equal(tellings, 0);
}

static void stuck_tells_of_each_worker(void **state)
{
    worker_get_up(&workers[2]);
    take_turn(2);
    look_after(AFTER / 2);
    assert_int_equal(tellings, 0);
    look_after(AFTER / 2);
    assert_told(1, 1, AFTER, false);
    look_after(AFTER / 2);
    assert_told(2, 2, AFTER, false);
    assert_int_equal(crew.stuck_told, 2);
    take_turn(1);
    look_after(0);
    assert_told(3, 1, AFTER * 3 / 2, true);
    assert_int_equal(crew.stuck_told, 1);
}

static void stuck_is_looked_for_twice_a_millisecond(void **state)
{
    w->slice.last = crew.stuck_looked + STUCK_LOOK_NS - 1;
    assert_false(stuck_is_due(w, false));
    w->slice.last++;
    assert_true(stuck_is_due(w, false));
    crew.stuck = NULL;
    assert_false(stuck_is_due(w, false));
}

static void stuck_for_ever_ends_with_the_clock(void **state)
{
    crew.stuck_after = INT64_MAX / 5;
    take_turn(1);
    stuck_look(&crew);
    look_after(INT64_MAX / 5);
    assert_told(1, 1, INT64_MAX / 5, false);
    look_after(INT64_MAX / 5);
    assert_int_equal(tellings, 1);
}

#define STUCK(test) cmocka_unit_test_setup(test, make)

int main(void)
{
    TESTS(STUCK(stuck_is_told_after_the_limit_and_each_time_tenfold),
          STUCK(stuck_is_told_when_the_turn_is_over),
          STUCK(stuck_is_told_when_the_worker_sleeps),
          STUCK(stuck_in_many_short_turns_is_not), STUCK(stuck_in_a_long_turn_is_not),
          STUCK(stuck_does_not_count_sleep), STUCK(stuck_before_the_first_turn_is_not),
          STUCK(stuck_tells_of_each_worker),
          STUCK(stuck_is_looked_for_twice_a_millisecond),
          STUCK(stuck_for_ever_ends_with_the_clock));
    return RUN_TESTS();
}
