/* test_polled.c: a system without workers, inside a program's own event loop. */
#include "support/support.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static uint64_t seed; /* of the systems opened next */

static cadre_system *open_polled(const cadre_class *root, bool end_when_quiet)
{
    cadre_config config = quiet(CADRE_NO_WORKERS, seed);
    config.end_when_quiet = end_when_quiet;
    cadre_system *sys = NULL;
    assert_int_equal(cadre_system_new(&sys, &config, root, NULL), 0);
    return sys;
}

static bool is_readable(cadre_system *sys, int timeout_ms)
{
    struct pollfd p = {.fd = cadre_system_fd(sys), .events = POLLIN};
    assert_true(p.fd >= 0);
    return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLIN;
}

/* Sleeps in poll(2) and polls when the descriptor says so, until the end. */
static void follow_descriptor(cadre_system *sys)
{
    enum { PATIENCE_MS = 20000 };
    for (int turns = 0; turns != -ESHUTDOWN;) {
        assert_true(is_readable(sys, PATIENCE_MS));
        while ((turns = cadre_system_poll(sys, 0)) > 0) {
        }
        assert_true(turns == 0 || turns == -ESHUTDOWN);
    }
}

static void close_polled(cadre_system *sys)
{
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static int count_down(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t left = cadre_body(m, number)->value;
    record_add(left);
    return left > 1 ? cadre_send(self, cadre_me(self), number, left - 1) : CADRE_STOP;
}

static int start_count(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 3);
}

static void descriptor_is_readable_from_the_start(void **state)
{
    static const cadre_class root = {.start = start_count, .receive = count_down};
    cadre_system *sys = open_polled(&root, false);
    record_clear();
    follow_descriptor(sys);
    assert_record(3, 2, 1);
    close_polled(sys);
}

static void *tell_count(void *sys)
{
    (void)cadre_tell((cadre_system *)sys, cadre_system_root(sys), number, 2);
    return NULL;
}

static void tell_from_another_thread_makes_it_readable(void **state)
{
    static const cadre_class root = {.receive = count_down};
    pthread_t thread;
    cadre_system *sys = open_polled(&root, false);
    record_clear();
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_false(is_readable(sys, 0));
    assert_int_equal(pthread_create(&thread, NULL, tell_count, sys), 0);
    follow_descriptor(sys);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_record(2, 1);
    close_polled(sys);
}

static void stop_makes_it_readable(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_polled(&root, false);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    cadre_system_stop(sys);
    follow_descriptor(sys);
    close_polled(sys);
}

static void end_when_quiet_ends_a_followed_system(void **state)
{
    static const cadre_class root = {.start = start_count, .receive = nothing};
    cadre_system *sys = open_polled(&root, true);
    follow_descriptor(sys);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.handled, 1);
    close_polled(sys);
}

static int spin_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static int start_spinning(cadre_self *self, void *state)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static void poll_runs_at_most_1024_turns(void **state)
{
    static const cadre_class root = {.start = start_spinning, .receive = spin_on};
    cadre_system *sys = open_polled(&root, false);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cadre_system_poll(sys, 0), 1024);
        assert_true(is_readable(sys, 0)); /* there is more */
    }
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void poll_with_nothing_to_do_returns_0(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_polled(&root, false);
    assert_int_equal(cadre_system_poll(sys, 0), 1); /* the root's start */
    assert_int_equal(cadre_system_poll(sys, 0), 0);
    int64_t before = real_now();
    assert_int_equal(cadre_system_poll(sys, 20 * CADRE_MS), 0); /* waits */
    assert_true(real_now() - before >= 20 * CADRE_MS);
    cadre_system_stop(sys);
    assert_true(cadre_system_poll(sys, CADRE_NEVER) > 0);
    assert_int_equal(cadre_system_poll(sys, 0), -ESHUTDOWN);
    assert_int_equal(cadre_system_poll(sys, 0), -ESHUTDOWN);
    close_polled(sys);
}

static void *tell_later(void *sys)
{
    while (cadre_stats(sys, &sums) == 0 && sums.parks < 2) { /* it sleeps in the poll */
    }
    return tell_count(sys);
}

static void poll_waits_for_the_first_turn(void **state)
{
    static const cadre_class root = {.receive = count_down};
    pthread_t thread;
    cadre_system *sys = open_polled(&root, false);
    record_clear();
    assert_int_equal(cadre_system_poll(sys, 0), 1);
    assert_int_equal(pthread_create(&thread, NULL, tell_later, sys), 0);
    assert_true(cadre_system_poll(sys, 60 * CADRE_SECOND) > 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_record(2, 1);
    assert_int_equal(cadre_system_poll(sys, 0), -ESHUTDOWN);
    close_polled(sys);
}

static int poll_itself(cadre_self *self, void *state)
{
    cadre_system *sys = cadre_system_of(self);
    assert_int_equal(cadre_system_poll(sys, 0), -EDEADLK);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK);
    assert_int_equal(cadre_system_stop_by(sys, 0), -EDEADLK);
    assert_int_equal(cadre_system_free(sys), -EDEADLK);
    record_add(1);
    return CADRE_STOP;
}

static void waiting_in_a_handler_is_edeadlk(void **state)
{
    static const cadre_class root = {.start = poll_itself, .receive = nothing};
    cadre_system *sys = open_polled(&root, false);
    record_clear();
    follow_descriptor(sys);
    assert_record(1);
    close_polled(sys);
}

static void wait_without_workers_is_eperm(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_polled(&root, false);
    assert_int_equal(cadre_system_wait(sys), -EPERM);
    cadre_system_stop(sys);
    follow_descriptor(sys);
    close_polled(sys);
}

static void poll_with_workers(void)
{
    static const cadre_class root = {.receive = nothing};
    cadre_config config = quiet(1, 0);
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(cadre_system_poll(sys, 0), -EINVAL);
    assert_int_equal(lines_with("cadre_system_poll: "), 1);
    assert_int_equal(cadre_system_fd(sys), -EINVAL);
    assert_int_equal(lines_with("cadre_system_fd: "), 1);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}
static void poll_and_fd_of_a_system_with_workers_are_einval(void **state)
{
    misuse(poll_with_workers);
}

static void poll_negative(void)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_polled(&root, false);
    assert_int_equal(cadre_system_poll(sys, -1), -EINVAL);
    assert_int_equal(lines_with("timeout < 0"), 1);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}
static void poll_with_a_negative_timeout_is_einval(void **state)
{
    misuse(poll_negative);
}

static void simulation_can_be_polled_to_its_end(void **state)
{
    static const cadre_class root = {.start = start_count, .receive = count_down};
    cadre_config config = quiet(2, 9);
    cadre_system *sys;
    int turns;
    record_clear();
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    while ((turns = cadre_system_poll(sys, 0)) > 0) {
    }
    assert_int_equal(turns, -ESHUTDOWN);
    assert_record(3, 2, 1);
    close_polled(sys);
}

/* CADRE_SEED makes a simulation of any program, also of one with its own loop. */
static void simulation_can_be_followed_by_its_descriptor(void **state)
{
    seed = 4;
    descriptor_is_readable_from_the_start(state);
    stop_makes_it_readable(state);
    end_when_quiet_ends_a_followed_system(state);
    seed = 0;
}

static void polled_simulation_ends_when_quiet(void **state)
{
    static const cadre_class root = {.start = start_count, .receive = nothing};
    cadre_config config = quiet(2, 9);
    config.end_when_quiet = true;
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    int polls = 0;
    while (cadre_system_poll(sys, 0) != -ESHUTDOWN)
        assert_true(++polls < 100);
    close_polled(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(descriptor_is_readable_from_the_start),
          cmocka_unit_test(tell_from_another_thread_makes_it_readable),
          cmocka_unit_test(stop_makes_it_readable),
          cmocka_unit_test(end_when_quiet_ends_a_followed_system),
          cmocka_unit_test(poll_runs_at_most_1024_turns),
          cmocka_unit_test(poll_with_nothing_to_do_returns_0),
          cmocka_unit_test(poll_waits_for_the_first_turn),
          cmocka_unit_test(waiting_in_a_handler_is_edeadlk),
          cmocka_unit_test(wait_without_workers_is_eperm),
          cmocka_unit_test(poll_and_fd_of_a_system_with_workers_are_einval),
          cmocka_unit_test(poll_with_a_negative_timeout_is_einval),
          cmocka_unit_test(simulation_can_be_polled_to_its_end),
          cmocka_unit_test(simulation_can_be_followed_by_its_descriptor),
          cmocka_unit_test(polled_simulation_ends_when_quiet));
    return RUN_TESTS();
}
