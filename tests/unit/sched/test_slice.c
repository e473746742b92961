/* test_slice.c: fairness by time: when the clock is read, and whose turn it is then. */
#include "unit/sched/one.h"

/* ---- slices ---- */

/* Messages of one task, each of this length, until its slice is over. */
static int messages_in_a_slice(int64_t message_ns)
{
    int n = 0;
    w->slice.start = 0;
    do {
        clock_advance(&crew.clock, message_ns);
        n++;
    } while (!worker_slice_is_over(w));
    return n;
}

static int make_one_with_slices(void **state)
{
    (void)make_one(NULL);
    w->slice.left = w->slice.every;
    return 0;
}

static void slice_reads_the_clock_every_64_messages_at_first(void **state)
{
    clock_advance(&crew.clock, 1000 * CADRE_SECOND);
    for (int i = 0; i < 63; i++)
        assert_false(worker_slice_is_over(w));
    assert_int_equal(w->slice.last, 0);
    assert_false(worker_slice_is_over(w)); /* reads it: the slice begins */
    assert_true(w->slice.last > 0);
}

static void slice_reads_the_clock_more_often_when_messages_are_long(void **state)
{
    (void)messages_in_a_slice(2 * CADRE_MS);
    (void)messages_in_a_slice(2 * CADRE_MS);
    assert_int_equal(w->slice.every, 1);
    assert_in_range(messages_in_a_slice(2 * CADRE_MS), 1, 2);
}

static void slice_is_a_millisecond_whatever_messages_take(void **state)
{
    static const int64_t lengths[] = {5000, 10000, 50000, 100000, 200000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        (void)messages_in_a_slice(lengths[i]); /* learns how long they are */
        (void)messages_in_a_slice(lengths[i]);
        int64_t slice = messages_in_a_slice(lengths[i]) * lengths[i];
        assert_in_range(slice, SLICE_NS, SLICE_NS * 3 / 2 + lengths[i]);
    }
}

static void slice_reads_the_clock_seldom_again_when_messages_are_short(void **state)
{
    (void)messages_in_a_slice(2 * CADRE_MS);
    (void)messages_in_a_slice(2 * CADRE_MS);
    assert_int_equal(w->slice.every, 1);
    for (int i = 0; i < 1000; i++)
        (void)worker_slice_is_over(w); /* no time passes */
    assert_int_equal(w->slice.every, 64);
}

static void slice_over_gives_the_oldest_its_turn(void **state)
{
    schedule_jobs(w, 2, 3);
    schedule_talkers(0, 1, 20);
    w->slice.every = w->slice.window = w->slice.left = 1;
    takes_ns = SLICE_NS;
    steps(w, 4);
    assert_record(0, 1, 2, 0); /* the slice begins when the clock is first read */
}

static void slice_begins_anew_after_an_old_one(void **state)
{
    w->backlog = 100; /* nothing piles up */
    schedule_jobs(w, 2, 4);
    schedule_talkers(0, 1, 20);
    w->slice.every = w->slice.window = w->slice.left = 1;
    takes_ns = SLICE_NS * 2 / 5; /* over with the third look after the first */
    steps(w, 10);
    assert_record(0, 1, 0, 1, 2, 0, 1, 0, 3, 1);
}

/* ---- batches ---- */

static const uint32_t batches[] = {1, 2, 3, 63, 64, 65, 1000};
enum { BATCHES = sizeof batches / sizeof batches[0], WINDOW = 64 };

/* One turn of a task that has this much mail, or UINT32_MAX: without an end. Returns how
 * many it handled. */
static uint32_t turn(uint32_t mail)
{
    uint32_t n = 0;
    worker_schedule(w, &jobs[0].task);
    assert_ptr_equal(worker_next(w), &jobs[0].task);
    do
        n++;
    while (!worker_slice_is_over(w) && n < mail && n < 10000);
    jobs[0].task.scheduled = false;
    return n;
}

static void make_batch(uint32_t batch)
{
    make_crew(1, 1);
    crew_set_batch(&crew, batch);
    job_for(w, 0);
}

static void slice_batch_is_what_a_turn_has_from_the_start_on(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        make_batch(batches[b]);
        for (int i = 0; i < 5; i++)
            assert_int_equal(turn(UINT32_MAX), batches[b]);
    }
}

/* What others left of the window counts as had. */
static void slice_batch_holds_in_the_middle_of_a_window(void **state)
{
    for (int b = 0; b < BATCHES; b++)
        for (uint32_t before = 1; before < WINDOW + 2; before++) {
            make_batch(batches[b]);
            for (uint32_t i = 0; i < before; i++)
                assert_int_equal(turn(1), 1);
            uint32_t window = batches[b] < WINDOW ? batches[b] : WINDOW;
            uint32_t n = turn(UINT32_MAX);
            assert_in_range(n, batches[b] - window + 1, batches[b]);
            if (before < window)
                assert_int_equal(n, batches[b] - before);
            assert_int_equal(turn(UINT32_MAX), batches[b]); /* a new window */
        }
}

static void slice_batch_holds_after_turns_of_any_length(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        struct rng rng = rng_stream(7, 1);
        make_batch(batches[b]);
        for (int i = 0; i < 500; i++) {
            uint32_t mail = 1 + rng_below(&rng, 2 * batches[b]);
            assert_in_range(turn(mail), 1, mail < batches[b] ? mail : batches[b]);
        }
    }
}

static void slice_batch_holds_after_a_sleep(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        make_batch(batches[b]);
        (void)turn(1);
        assert_true(worker_lie_down(w));
        worker_get_up(w);
        assert_int_equal(turn(UINT32_MAX), batches[b]);
    }
}

static void slice_batch_holds_whatever_messages_take(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        make_batch(batches[b]);
        for (int i = 0; i < 5; i++)
            (void)messages_in_a_slice(2 * CADRE_MS);
        assert_int_equal(w->slice.every, 1);
        w->slice.start = 0;
        for (int i = 0; i < 20; i++) /* the windows grow again */
            assert_in_range(turn(UINT32_MAX), 1, batches[b]);
        assert_int_equal(turn(UINT32_MAX), batches[b]);
    }
}

static void slice_batch_holds_when_simulated(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        make_batch(batches[b]);
        worker_shuffle(w);
        for (int i = 0; i < 200; i++) {
            w->due = WORKER_STREAK;
            assert_in_range(turn(UINT32_MAX), 1, batches[b]);
        }
    }
}

static void slice_batch_ended_by_time_gives_the_next_one_all_of_its_own(void **state)
{
    make_batch(1000);
    clock_advance(&crew.clock, CADRE_MS);
    assert_int_equal(turn(UINT32_MAX), 1000);
    clock_advance(&crew.clock, 2 * CADRE_MS);
    uint32_t n = turn(UINT32_MAX); /* to its first look */
    assert_in_range(n, 1, WINDOW);
    w->slice.start = 0;
    assert_int_equal(turn(UINT32_MAX), 1000);
}

/* How many fit in a quarter of a slice is not for the batch to say. */
static void slice_learns_how_long_messages_are_whatever_the_batch(void **state)
{
    for (int b = 0; b < BATCHES; b++) {
        make_batch(batches[b]);
        for (int i = 0; i < 200; i++) {
            clock_advance(&crew.clock, SLICE_NS / 10);
            (void)turn(1);
        }
        assert_in_range(w->slice.every, 2, 5);
        for (int i = 0; i < 1000; i++)
            (void)turn(1); /* no time passes */
        assert_int_equal(w->slice.every, WINDOW);
    }
}

static void slice_without_a_batch_ends_by_time_alone(void **state)
{
    make_batch(UINT32_MAX);
    assert_int_equal(turn(9999), 9999);
}

static void slice_batch_is_no_wider_than_the_windows_at_the_start(void **state)
{
    make_crew(2, 1);
    crew_set_batch(&crew, 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(workers[i].slice.left, 3);
        assert_int_equal(workers[i].slice.window, 3);
    }
    make_crew(2, 1);
    crew_set_batch(&crew, 1000);
    assert_int_equal(w->slice.left, WINDOW);
    assert_int_equal(w->slice.window, WINDOW);
}

#define WITH_SLICES(test) cmocka_unit_test_setup(test, make_one_with_slices)

int main(void)
{
    TESTS(WITH_SLICES(slice_reads_the_clock_every_64_messages_at_first),
          WITH_SLICES(slice_reads_the_clock_more_often_when_messages_are_long),
          WITH_SLICES(slice_is_a_millisecond_whatever_messages_take),
          WITH_SLICES(slice_reads_the_clock_seldom_again_when_messages_are_short),
          WITH_SLICES(slice_over_gives_the_oldest_its_turn),
          WITH_SLICES(slice_begins_anew_after_an_old_one),
          cmocka_unit_test(slice_batch_is_what_a_turn_has_from_the_start_on),
          cmocka_unit_test(slice_batch_holds_in_the_middle_of_a_window),
          cmocka_unit_test(slice_batch_holds_after_turns_of_any_length),
          cmocka_unit_test(slice_batch_holds_after_a_sleep),
          cmocka_unit_test(slice_batch_holds_whatever_messages_take),
          cmocka_unit_test(slice_batch_holds_when_simulated),
          cmocka_unit_test(slice_batch_ended_by_time_gives_the_next_one_all_of_its_own),
          cmocka_unit_test(slice_learns_how_long_messages_are_whatever_the_batch),
          cmocka_unit_test(slice_without_a_batch_ends_by_time_alone),
          cmocka_unit_test(slice_batch_is_no_wider_than_the_windows_at_the_start));
    return RUN_TESTS();
}
