/* test_polled.c: one worker that a program's own loop runs, and its descriptor. */
#include "sched/sched.h"

#include "support/support.h"
#include "unit/sched/mail.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

static int open_polled(void **state)
{
    open_sched(SCHED_POLLED, 1);
    return 0;
}

/* ---- polled ---- */

static bool is_readable(void)
{
    struct pollfd p = {.fd = sched.event_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void polled_is_readable_at_first(void **state)
{
    assert_true(sched.event_fd >= 0);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 10, 0), 0);
    assert_false(is_readable());
}

static void polled_start_rings(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    assert_int_equal(sched_start(&sched), 0);
    assert_true(is_readable());
    assert_int_equal(sched.started, 0);
}

static void polled_letter_makes_it_readable(void **state)
{
    for (unsigned i = 1; i <= MAIL; i++) {
        (void)sched_poll(&sched, 10, 0);
        assert_false(is_readable());
        post(NULL, 0);
        assert_true(is_readable());
        assert_int_equal(sched_poll(&sched, 10, 0), 1);
        assert_int_equal(atomic_load(&jobs[0].letters), i);
        assert_false(is_readable());
        assert_int_equal(sched_poll(&sched, 10, 0), 0);
    }
}

static void polled_many_letters_ring_once(void **state)
{
    uint64_t rings;
    (void)sched_poll(&sched, 10, 0);
    post_all(20);
    assert_int_equal(read(sched.event_fd, &rings, sizeof rings), sizeof rings);
    assert_int_equal(rings, 1);
    assert_int_equal(sched_poll(&sched, 100, 0), 20);
    assert_runs(20, 1);
    assert_false(is_readable());
}

static void polled_runs_at_most_max_and_stays_readable(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    post_all(10);
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 2);
    assert_false(is_readable());
    assert_runs(10, 1);
}

static void polled_for_exactly_all_looks_once_more(void **state)
{
    post_all(4);
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable()); /* it cannot know */
    assert_int_equal(sched_poll(&sched, 4, 0), 0);
    assert_false(is_readable());
}

static void polled_goes_on_with_what_is_left_to_do(void **state)
{
    make_jobs(5);
    post_all(3);
    assert_int_equal(sched_poll(&sched, 100, 0), 18);
    assert_runs(3, 6);
}

static void polled_returns_when_its_time_is_over(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    assert_int_equal(sched_poll(&sched, 10, CADRE_MS), 0);
    assert_false(is_readable());
}

static void *post_first(void *arg)
{
    post(NULL, 0);
    return NULL;
}

static void polled_waits_for_a_letter_from_another_thread(void **state)
{
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        make_jobs(0);
        assert_int_equal(pthread_create(&thread, NULL, post_first, NULL), 0);
        int turns = 0; /* the first ring may be the one from the start */
        while (turns == 0)
            turns = sched_poll(&sched, 10, 60 * CADRE_SECOND);
        assert_int_equal(turns, 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void polled_stop_runs_what_is_left(void **state)
{
    make_jobs(2);
    post_all(500);
    sched_stop(&sched);
    assert_runs(500, 3);
}

static void polled_stop_asleep_runs_what_is_left(void **state)
{
    assert_int_equal(sched_poll(&sched, 10, 0), 0);
    post_all(500);
    sched_stop(&sched);
    assert_runs(500, 1);
}

static void polled_unring_takes_all_rings_at_once(void **state)
{
    for (int i = 0; i < 5; i++)
        sched_ring(&sched);
    assert_true(is_readable());
    sched_unring(&sched, 0);
    assert_false(is_readable());
    sched_unring(&sched, 0); /* and does not wait for more */
}

/* ---- who runs here ---- */

static struct worker *seen_here, *seen_elsewhere;
static struct sched stranger;

static void look_around(struct job *job, struct worker *worker)
{
    seen_here = sched_here(&sched);
    seen_elsewhere = sched_here(&stranger);
}

static void polled_here_is_the_worker_inside_a_task_only(void **state)
{
    jobs[0].act = look_around;
    assert_null(sched_here(&sched));
    post(NULL, 0);
    assert_int_equal(sched_poll(&sched, 10, 0), 1);
    assert_ptr_equal(seen_here, &sched.crew.workers[0]);
    assert_null(seen_elsewhere);
    assert_null(sched_here(&sched));
}

static void polled_here_is_the_worker_while_it_is_stopped_too(void **state)
{
    seen_here = NULL;
    jobs[0].act = look_around;
    post(NULL, 0);
    sched_stop(&sched);
    assert_ptr_equal(seen_here, &sched.crew.workers[0]);
    assert_null(sched_here(&sched));
}

/* ---- all asleep ---- */

static void count_call(void *user) { atomic_fetch_add((atomic_uint *)user, 1); }

static void polled_says_when_all_sleep(void **state)
{
    atomic_uint calls = 0;
    sched.all_asleep = count_call;
    sched.all_asleep_user = &calls;
    post_all(3);
    (void)sched_poll(&sched, 2, 0);
    assert_int_equal(atomic_load(&calls), 0); /* one is left */
    (void)sched_poll(&sched, 2, 0);
    assert_int_equal(atomic_load(&calls), 1);
}

/* ---- tidying ---- */

static void polled_tidies_a_piece_and_rings_for_the_next(void **state)
{
    sched.tidy = tidy_some;
    atomic_store(&tidied, 0);
    atomic_store(&to_tidy, 3);
    for (unsigned i = 1; i <= 3; i++) {
        assert_true(is_readable());
        assert_int_equal(sched_poll(&sched, 10, 0), 0);
        assert_int_equal(atomic_load(&tidied), i);
    }
    assert_false(is_readable());
}

static void polled_does_not_tidy_while_there_is_work(void **state)
{
    sched.tidy = tidy_some;
    atomic_store(&tidied, 0);
    atomic_store(&to_tidy, 0);
    post_all(3);
    assert_int_equal(sched_poll(&sched, 2, 0), 2);
    assert_int_equal(atomic_load(&tidied), 0);
    assert_int_equal(sched_poll(&sched, 2, 0), 1);
    assert_int_equal(atomic_load(&tidied), 1);
}

static void polled_tidy_is_for_those_asleep_only(void **state)
{
    struct worker *w = &sched.crew.workers[0];
    sched.tidy = tidy_some;
    atomic_store(&tidied, 0);
    atomic_store(&to_tidy, 2);
    assert_false(sched_tidy(&sched, w)); /* up */
    assert_int_equal(atomic_load(&tidied), 0);
    assert_true(worker_lie_down(w));
    assert_true(sched_tidy(&sched, w));
    post(NULL, 0);
    assert_false(sched_tidy(&sched, w)); /* woken */
    assert_int_equal(atomic_load(&tidied), 1);
    worker_get_up(w);
}

#define POLLED(test) cmocka_unit_test_setup_teardown(test, open_polled, close_sched)

/* ---- alarms ---- */

static struct alarm bell;
static void set_bell(struct job *job, struct worker *worker)
{
    if (atomic_load(&job->runs) > 0)
        return;
    bell = (struct alarm){.task = &job->task, .mail = &job->mail[1]};
    atomic_set(&bell.state, ALARM_OFF);
    bias_enter(&worker->bias);
    alarm_set(&worker->alarms, &bell, clock_now(&sched.crew.clock) + 2 * CADRE_MS);
    bias_leave(&worker->bias);
}

static void polled_waits_no_longer_than_until_its_alarm(void **state)
{
    int64_t start = real_now();
    jobs[0].act = set_bell;
    post(NULL, 0);
    while (atomic_load(&all_runs) < 2)
        (void)sched_poll(&sched, 10, 3600 * CADRE_SECOND);
    assert_true(real_now() - start >= 2 * CADRE_MS);
    assert_int_equal(atomic_load(&jobs[0].letters), 2);
}

static atomic_uint quiets;
static void note_quiet(void *user) { atomic_fetch_add(&quiets, 1); }

static void polled_with_an_alarm_set_is_not_quiet(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    sched.all_asleep = note_quiet;
    atomic_store(&quiets, 0);
    jobs[0].act = set_bell;
    post(NULL, 0);
    assert_int_equal(sched_poll(&sched, 10, 0), 1);
    assert_int_equal(atomic_load(&quiets), 0);
    while (atomic_load(&all_runs) < 2)
        (void)sched_poll(&sched, 10, 3600 * CADRE_SECOND);
    assert_int_equal(sched_poll(&sched, 10, 0), 0);
    assert_true(atomic_load(&quiets) > 0);
}

int main(void)
{
    TESTS(POLLED(polled_is_readable_at_first), POLLED(polled_start_rings),
          POLLED(polled_letter_makes_it_readable),
          POLLED(polled_many_letters_ring_once),
          POLLED(polled_runs_at_most_max_and_stays_readable),
          POLLED(polled_for_exactly_all_looks_once_more),
          POLLED(polled_goes_on_with_what_is_left_to_do),
          POLLED(polled_returns_when_its_time_is_over),
          POLLED(polled_waits_for_a_letter_from_another_thread),
          POLLED(polled_stop_runs_what_is_left),
          POLLED(polled_stop_asleep_runs_what_is_left),
          POLLED(polled_unring_takes_all_rings_at_once),
          POLLED(polled_here_is_the_worker_inside_a_task_only),
          POLLED(polled_here_is_the_worker_while_it_is_stopped_too),
          POLLED(polled_says_when_all_sleep),
          POLLED(polled_tidies_a_piece_and_rings_for_the_next),
          POLLED(polled_does_not_tidy_while_there_is_work),
          POLLED(polled_tidy_is_for_those_asleep_only),
          POLLED(polled_waits_no_longer_than_until_its_alarm),
          POLLED(polled_with_an_alarm_set_is_not_quiet));
    return RUN_TESTS();
}
