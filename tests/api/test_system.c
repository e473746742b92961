/* test_system.c: a system in pieces, and its end: wait, stop, stop_by, free. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int end(cadre_self *self, void *state, cadre_msg *m) { return CADRE_STOP; }
static int fail_with_state(cadre_self *self, void *state, cadre_msg *m)
{
    return *(int *)state;
}

static const cadre_class idle_root = {.name = "idle", .receive = nothing};
static const cadre_class ending_root = {.name = "ending", .receive = end};
static const cadre_class failing_root = {
    .name = "failing", .state_size = sizeof(int), .receive = fail_with_state};

static cadre_system *open_system(uint32_t workers, const cadre_class *root,
                                 const void *init)
{
    cadre_config config = quiet(workers, 0);
    cadre_system *sys = NULL;
    assert_int_equal(cadre_system_new(&sys, &config, root, init), 0);
    assert_non_null(sys);
    return sys;
}

static void tell_go(cadre_system *sys)
{
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
}

/* ---- run, wait, free ---- */

static int stop_at_once(cadre_self *self, void *state) { return CADRE_STOP; }
static int fail_at_once(cadre_self *self, void *state) { return -44; }

static void run_returns_the_roots_reason(void **state)
{
    static const cadre_class stopping = {.start = stop_at_once, .receive = nothing};
    static const cadre_class failing = {.start = fail_at_once, .receive = nothing};
    for (uint32_t workers = 1; workers <= 3; workers++) {
        cadre_config config = quiet(workers, 0);
        assert_int_equal(cadre_run(&config, &stopping, NULL), 0);
        assert_int_equal(cadre_run(&config, &failing, NULL), -44);
    }
}

static void run_takes_no_config(void **state)
{
    static const cadre_class stopping = {.start = stop_at_once, .receive = nothing};
    assert_int_equal(cadre_run(NULL, &stopping, NULL), 0);
}

static int check_init(cadre_self *self, void *state)
{
    return *(uint64_t *)state == 77 ? CADRE_STOP : -1;
}

static void run_copies_init(void **state)
{
    static const cadre_class root = {
        .state_size = sizeof(uint64_t), .start = check_init, .receive = nothing};
    cadre_config config = quiet(1, 0);
    assert_int_equal(cadre_run(&config, &root, &(uint64_t){77}), 0);
    assert_int_equal(cadre_run(&config, &root, NULL), -1);
}

static int send_go_to_itself(cadre_self *self, void *state)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

/* It must not be stopped before its turn came, as it would be by cadre_system_stop. */
static void run_without_workers_runs_until_the_end(void **state)
{
    static const cadre_class root = {.state_size = sizeof(int),
                                     .start = send_go_to_itself,
                                     .receive = fail_with_state};
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    assert_int_equal(cadre_run(&config, &root, &(int){-17}), -17);
}

static void pieces_do_what_run_does(void **state)
{
    cadre_system *sys = open_system(2, &failing_root, &(int){-12});
    tell_go(sys);
    assert_int_equal(cadre_system_wait(sys), -12);
    assert_int_equal(cadre_system_wait(sys), -12); /* again later */
    assert_int_equal(cadre_system_stop_by(sys, 0), -12);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void *wait_on(void *sys) { return (void *)(intptr_t)cadre_system_wait(sys); }

static void any_number_of_threads_may_wait(void **state)
{
    enum { WAITERS = 8 };
    pthread_t waiters[WAITERS];
    cadre_system *sys = open_system(2, &failing_root, &(int){-13});
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(pthread_create(&waiters[i], NULL, wait_on, sys), 0);
    tell_go(sys);
    for (int i = 0; i < WAITERS; i++) {
        void *reason;
        assert_int_equal(pthread_join(waiters[i], &reason), 0);
        assert_int_equal((intptr_t)reason, -13);
    }
    assert_int_equal(cadre_system_free(sys), 0);
}

static void free_of_null_is_fine(void **state)
{
    assert_int_equal(cadre_system_free(NULL), 0);
}

static void free_busy(void)
{
    cadre_system *sys = open_system(1, &ending_root, NULL);
    assert_int_equal(cadre_system_free(sys), -EBUSY);
    assert_int_equal(lines_with("cadre_system_free: the root has not ended"), 1);
    tell_go(sys); /* it runs on */
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}
static void free_while_the_root_lives_is_ebusy(void **state) { misuse(free_busy); }

static void free_needs_no_wait(void **state)
{
    cadre_system *sys = open_system(2, &ending_root, NULL);
    tell_go(sys);
    while (cadre_stats(sys, &sums) == 0 && sums.actors > 0)
        sched_yield();
#ifndef RT_DEBUG /* where the wrong moment is a panic */
    while (cadre_system_free(sys) == -EBUSY)
        sched_yield();
#else
    (void)cadre_system_wait(sys);
    assert_int_equal(cadre_system_free(sys), 0);
#endif
}

static void root_of_null_is_nobody(void **state)
{
    assert_int_equal(cadre_system_root(NULL).id, 0);
}

/* ---- stop ---- */

static void stop_refuses_tells_from_now_on(void **state)
{
    cadre_system *sys = open_system(1, &idle_root, NULL);
    tell_go(sys);
    cadre_system_stop(sys);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), -ESHUTDOWN);
    for (int i = 0; i < 10; i++)
        cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), -ESHUTDOWN);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.handled, 1); /* what was there before the stop */
    assert_int_equal(cadre_system_free(sys), 0);
}

static cadre_system *signalled;
static void on_signal(int sig) { cadre_system_stop(signalled); }

static void stop_in_a_signal_handler(void **state)
{
    signalled = open_system(2, &idle_root, NULL);
    struct sigaction action = {.sa_handler = on_signal}, before;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    errno = 77;
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(errno, 77);
    assert_int_equal(cadre_system_wait(signalled), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    assert_int_equal(cadre_system_free(signalled), 0);
}

static void *stop_often(void *sys)
{
    for (int i = 0; i < 100; i++)
        cadre_system_stop(sys);
    return NULL;
}

static void stop_from_many_threads_at_once(void **state)
{
    pthread_t threads[4];
    cadre_system *sys = open_system(2, &idle_root, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, stop_often, sys), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- stop_by ---- */

static atomic_uint entered;
static atomic_bool released;

static int hold(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&entered, 1);
    while (!atomic_load(&released))
        sched_yield();
    return 0;
}
static const cadre_class holding_root = {.name = "holder", .receive = hold};

static cadre_system *open_held(void)
{
    atomic_store(&entered, 0);
    atomic_store(&released, false);
    cadre_system *sys = open_system(2, &holding_root, NULL);
    tell_go(sys);
    await(&entered, 1);
    return sys;
}

static void stop_by_names_a_handler_that_does_not_return(void **state)
{
    cadre_system *sys = open_held();
    assert_int_equal(cadre_system_stop_by(sys, CADRE_MS), -ETIMEDOUT);
    assert_int_equal(lines_with("(holder) has not returned from its handler"), 1);
    assert_int_equal(cadre_system_stop_by(sys, 0), -ETIMEDOUT); /* may be repeated */
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.actors, 1);
    atomic_store(&released, true);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), CADRE_EKILLED);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void *release_when_stopping(void *sys)
{
    /* The kill is under way, or soon is, when tells are refused. */
    while (cadre_tell(sys, cadre_system_root(sys), number, 0) != -ESHUTDOWN)
        sched_yield();
    atomic_store(&released, true);
    return NULL;
}

static void stop_by_returns_0_for_one_that_stops_in_time(void **state)
{
    pthread_t releaser;
    cadre_system *sys = open_held();
    assert_int_equal(pthread_create(&releaser, NULL, release_when_stopping, sys), 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(pthread_join(releaser, NULL), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static int spin_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static int spawn_spinner(cadre_self *self, void *state)
{
    static const cadre_class spinner = {.receive = spin_on};
    cadre_ref child;
    int err = cadre_spawn(self, &child, &spinner, NULL);
    return err ? err : cadre_send_as(self, child, &go_type, NULL);
}

/* Ever busy actors need no kill: a stop comes after the messages that were there. */
static void stop_by_ends_the_busy(void **state)
{
    static const cadre_class root = {.start = spawn_spinner, .receive = nothing};
    cadre_system *sys = open_system(2, &root, NULL);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_NEVER), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void stop_by_refuses_a_negative_timeout(void **state)
{
    cadre_system *sys = open_system(1, &ending_root, NULL);
#ifndef RT_DEBUG
    assert_int_equal(cadre_system_stop_by(sys, -1), -EINVAL);
    assert_int_equal(lines_with("cadre_system_stop_by: timeout < 0"), 1);
#endif
    tell_go(sys); /* it was not stopped */
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- several systems ---- */

static atomic_int other_results[3];
static cadre_system *others[2];

static int use_another(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref other_root = cadre_system_root(others[1]);
    atomic_store(&other_results[0], cadre_tell(others[1], other_root, number, 1));
    atomic_store(&other_results[1], cadre_send(self, other_root, number, 2));
    atomic_store(&other_results[2], cadre_stop(self, other_root));
    return CADRE_STOP;
}

static void two_systems_in_one_process(void **state)
{
    static const cadre_class user = {.receive = use_another};
    others[0] = open_system(2, &user, NULL);
    others[1] = open_system(2, &idle_root, NULL);
    tell_go(others[0]);
    assert_int_equal(cadre_system_wait(others[0]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&other_results[i]), 0);
    assert_int_equal(cadre_stats(others[0], &sums), 0);
    assert_int_equal(sums.dead, 1); /* an address of another system is nobody here */
    tell_go(others[1]);             /* and was not stopped through it */
    assert_int_equal(cadre_system_stop_by(others[1], 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(others[1], &sums), 0);
    assert_int_equal(sums.handled, 2);
    assert_int_equal(cadre_system_free(others[0]), 0);
    assert_int_equal(cadre_system_free(others[1]), 0);
}

static int run_inside(cadre_self *self, void *state)
{
    static const cadre_class stopping = {.start = stop_at_once, .receive = nothing};
    cadre_config config = {.workers = 1, .log = collect_line};
    int reason = cadre_run(&config, &stopping, NULL);
    if (reason == 0) /* this one's self is still good */
        reason = cadre_send_as(self, cadre_me(self), &go_type, NULL);
    return reason;
}

static void a_system_inside_a_handler_of_another(void **state)
{
    static const cadre_class root = {.start = run_inside, .receive = end};
    cadre_config config = quiet(1, 0);
    assert_int_equal(cadre_run(&config, &root, NULL), 0);
    config = quiet(1, 5); /* a simulation outside, real ones inside */
    assert_int_equal(cadre_run(&config, &root, NULL), 0);
}

static void systems_one_after_the_other(void **state)
{
    for (int i = 0; i < (is_long() ? 1000 : 100); i++) {
        cadre_system *sys = open_system(2, &ending_root, NULL);
        tell_go(sys);
        assert_int_equal(cadre_system_wait(sys), 0);
        assert_int_equal(cadre_system_free(sys), 0);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(run_returns_the_roots_reason),
          cmocka_unit_test(run_takes_no_config), cmocka_unit_test(run_copies_init),
          cmocka_unit_test(run_without_workers_runs_until_the_end),
          cmocka_unit_test(pieces_do_what_run_does),
          cmocka_unit_test(any_number_of_threads_may_wait),
          cmocka_unit_test(free_of_null_is_fine),
          cmocka_unit_test(free_while_the_root_lives_is_ebusy),
          cmocka_unit_test(free_needs_no_wait),
          cmocka_unit_test(root_of_null_is_nobody),
          cmocka_unit_test(stop_refuses_tells_from_now_on),
          cmocka_unit_test(stop_in_a_signal_handler),
          cmocka_unit_test(stop_from_many_threads_at_once),
          cmocka_unit_test(stop_by_names_a_handler_that_does_not_return),
          cmocka_unit_test(stop_by_returns_0_for_one_that_stops_in_time),
          cmocka_unit_test(stop_by_ends_the_busy),
          cmocka_unit_test(stop_by_refuses_a_negative_timeout),
          cmocka_unit_test(two_systems_in_one_process),
          cmocka_unit_test(a_system_inside_a_handler_of_another),
          cmocka_unit_test(systems_one_after_the_other));
    return RUN_TESTS();
}
