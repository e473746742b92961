/* test_apply.c: functions called in an actor's turn, also from signal handlers. */
#include "support/open.h"
#include "support/support.h"

#include <cadre/apply.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class idle_root = {.name = "idle", .receive = nothing};

/* Called with a number to note. */
static int note(cadre_self *self, void *state, void *arg)
{
    record_add((uintptr_t)arg);
    return 0;
}
static int refuse(cadre_self *self, void *state, void *arg)
{
    return (int)(intptr_t)arg;
}

/* ---- from inside ---- */

static void mix(cadre_self *self)
{
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &recorder_class, NULL), 0);
    for (uintptr_t i = 1; i < 9; i += 2) {
        assert_int_equal(cadre_send(self, to, number, i), 0);
        assert_int_equal(cadre_apply(self, to, note, (void *)(i + 1)), 0);
    }
}

static void apply_is_in_order(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        cadre_config config = quiet(3, seed);
        record_clear();
        assert_int_equal(play_with(&config, mix), 0);
        assert_record(1, 2, 3, 4, 5, 6, 7, 8);
        assert_int_equal(sums.accepted, 8);
        assert_int_equal(sums.handled, 8);
    }
}

static cadre_ref called;
static int see_self(cadre_self *self, void *state, void *arg)
{
    assert_true(cadre_same(cadre_me(self), called));
    *(uint64_t *)state += (uintptr_t)arg;
    record_add(*(uint64_t *)state);
    return 0;
}

static void call_with_state(cadre_self *self)
{
    static const cadre_class counting = {.state_size = sizeof(uint64_t),
                                         .receive = nothing};
    assert_int_equal(cadre_spawn(self, &called, &counting, &(uint64_t){40}), 0);
    assert_int_equal(cadre_apply(self, called, see_self, (void *)2), 0);
    assert_int_equal(cadre_apply(self, called, see_self, (void *)3), 0);
}

static void apply_has_the_actors_self_and_state(void **state)
{
    record_clear();
    assert_int_equal(play(call_with_state), 0);
    assert_record(42, 45);
}

static int result;
static void note_reason(cadre_self *self, void *state, int reason)
{
    record_add((uint64_t)(int64_t)reason);
}

static void call_for_result(cadre_self *self)
{
    static const cadre_class mortal = {
        .name = "mortal", .receive = nothing, .stop = note_reason};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &mortal, NULL), 0);
    assert_int_equal(cadre_apply(self, to, refuse, (void *)(intptr_t)result), 0);
    assert_int_equal(cadre_apply(self, to, note, (void *)7), 0);
}

static void apply_result_0_goes_on(void **state)
{
    result = 0;
    record_clear();
    assert_int_equal(play(call_for_result), 0);
    assert_record(7, (uint64_t)CADRE_EPARENT);
}
static void apply_result_stop_stops(void **state)
{
    result = CADRE_STOP;
    record_clear();
    assert_int_equal(play(call_for_result), 0);
    assert_record(0);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(lines_with("dead letter: cadre_apply"), 1);
}
static void apply_result_negative_fails(void **state)
{
    result = -EIO;
    record_clear();
    assert_int_equal(play(call_for_result), 0);
    assert_record((uint64_t)-EIO);
    assert_int_equal(sums.handled, 0);
    assert_int_equal(sums.dead, 2);
    assert_int_equal(lines_with("(mortal) failed on cadre_apply"), 1);
}

static void call_nobody(cadre_self *self)
{
    assert_int_equal(cadre_apply(self, (cadre_ref){0}, note, NULL), 0);
    assert_int_equal(cadre_apply(self, (cadre_ref){UINT64_MAX}, note, NULL), 0);
}
static void apply_to_nobody_is_a_dead_letter(void **state)
{
    record_clear();
    assert_int_equal(play(call_nobody), 0);
    assert_int_equal(sums.dead, 2);
    assert_int_equal(record.count, 0);
}

static void call_nothing(cadre_self *self)
{
    assert_int_equal(cadre_apply(self, cadre_me(self), NULL, NULL), -EINVAL);
}
static void apply_badly(void)
{
    assert_int_equal(play(call_nothing), 0);
    assert_int_equal(lines_with("cadre_apply: fn is NULL"), 1);
    assert_int_equal(sums.accepted, 0);
}
static void apply_of_null_is_einval(void **state)
{
    assert_int_equal(cadre_apply(NULL, (cadre_ref){1}, note, NULL), -EINVAL);
    misuse(apply_badly);
}

/* ---- from outside ---- */

static atomic_uint calls;
static int count(cadre_self *self, void *state, void *arg)
{
    atomic_fetch_add(&calls, 1);
    return 0;
}

static void apply_from_outside_is_made_in_a_turn(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    atomic_store(&calls, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), count, NULL),
                         0);
    await(&calls, 100);
    close_system(sys);
    assert_int_equal(sums.accepted, 100);
    assert_int_equal(sums.handled, 100);
}

static int apply_inside(cadre_self *self, void *state, void *arg)
{
    cadre_system *sys = cadre_system_of(self);
    cadre_raise *raise = NULL;
    record_add((uint64_t)-cadre_apply_outside(sys, cadre_me(self), note, NULL));
    record_add((uint64_t)-cadre_raise_new(&raise, sys, cadre_me(self), note, NULL));
    assert_null(raise);
    return 0;
}
static void apply_outside_badly(void)
{
    cadre_raise *raise = NULL;
    record_clear();
    cadre_system *sys = open_system(2, 1, &idle_root);
    cadre_ref root = cadre_system_root(sys);
    assert_int_equal(cadre_apply_outside(sys, root, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_raise_new(&raise, sys, root, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_raise_new(NULL, sys, root, note, NULL), -EINVAL);
    assert_int_equal(cadre_apply_outside(sys, root, apply_inside, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK);
    close_system(sys);
    assert_record(EPERM, EPERM);
}
static void apply_outside_misuse_is_refused(void **state)
{
    cadre_raise *raise = NULL;
    assert_int_equal(cadre_apply_outside(NULL, (cadre_ref){1}, note, NULL), -EINVAL);
    assert_int_equal(cadre_raise_new(&raise, NULL, (cadre_ref){1}, note, NULL),
                     -EINVAL);
    assert_int_equal(cadre_raise_now(NULL), -EINVAL);
    cadre_raise_free(NULL);
    misuse(apply_outside_badly);
}

static void apply_outside_after_the_end_is_refused(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    cadre_ref root = cadre_system_root(sys);
    cadre_system_stop(sys);
    assert_int_equal(cadre_apply_outside(sys, root, count, NULL), -ESHUTDOWN);
    close_system(sys);
    assert_int_equal(sums.accepted, 0);
}

/* ---- raises ---- */

static cadre_raise *new_raise(cadre_system *sys, cadre_applied *fn, void *arg)
{
    cadre_raise *raise = NULL;
    assert_int_equal(cadre_raise_new(&raise, sys, cadre_system_root(sys), fn, arg), 0);
    return raise;
}

/* Nothing is run before the wait: a simulation does what it is told. */
static void raise_twice_before_it_is_made_is_made_once(void **state)
{
    cadre_system *sys = open_system(2, 1, &idle_root);
    cadre_raise *one = new_raise(sys, note, (void *)1);
    cadre_raise *two = new_raise(sys, note, (void *)2);
    record_clear();
    assert_int_equal(cadre_raise_now(one), 0);
    assert_int_equal(cadre_raise_now(two), 0);
    assert_int_equal(cadre_raise_now(one), -EALREADY);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK); /* all is quiet */
    assert_record(1, 2);
    assert_int_equal(cadre_raise_now(one), 0);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK);
    assert_record(1, 2, 1);
    cadre_raise_free(one);
    cadre_raise_free(two);
    close_system(sys);
    assert_int_equal(sums.handled, 3);
}

static cadre_raise *again;
static int raise_again(cadre_self *self, void *state, void *arg)
{
    record_add(record.count);
    if (record.count < 5)
        assert_int_equal(cadre_raise_now(again), 0);
    return record.count < 5 ? 0 : CADRE_STOP;
}
static void raise_in_its_own_call_is_a_new_one(void **state)
{
    cadre_system *sys = open_system(2, 1, &idle_root);
    again = new_raise(sys, raise_again, NULL);
    record_clear();
    assert_int_equal(cadre_raise_now(again), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_record(0, 1, 2, 3, 4);
    cadre_raise_free(again);
    close_system(sys);
    assert_int_equal(sums.handled, 5);
}

static void raise_result_is_obeyed(void **state)
{
    cadre_system *sys = open_system(2, 1, &idle_root);
    cadre_raise *raise = new_raise(sys, refuse, (void *)-EIO);
    assert_int_equal(cadre_raise_now(raise), 0);
    assert_int_equal(cadre_system_wait(sys), -EIO);
    assert_int_equal(lines_with("(idle) failed on cadre_apply"), 1);
    cadre_raise_free(raise);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, 1);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void raise_to_the_dead_is_a_dead_letter(void **state)
{
    cadre_raise *nobody = NULL;
    cadre_system *sys = open_system(2, 1, &idle_root);
    assert_int_equal(cadre_raise_new(&nobody, sys, (cadre_ref){0}, note, NULL), 0);
    cadre_raise *late = new_raise(sys, note, NULL);
    cadre_raise *later = new_raise(sys, note, NULL);
    record_clear();
    assert_int_equal(cadre_raise_now(nobody), 0);
    assert_int_equal(
        cadre_apply_outside(sys, cadre_system_root(sys), refuse, (void *)CADRE_STOP),
        0);
    assert_int_equal(cadre_raise_now(late), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_raise_now(later), -ESHUTDOWN);
    cadre_raise_free(nobody);
    cadre_raise_free(late);
    cadre_raise_free(later);
    close_system(sys);
    assert_int_equal(record.count, 0);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(sums.dead, 1);
}

static void raise_freed_under_way_is_made(void **state)
{
    cadre_system *sys = open_system(2, 1, &idle_root);
    record_clear();
    for (uintptr_t i = 1; i <= 3; i++) {
        cadre_raise *raise = new_raise(sys, note, (void *)i);
        assert_int_equal(cadre_raise_now(raise), 0);
        cadre_raise_free(raise);
    }
    assert_int_equal(cadre_system_wait(sys), -EDEADLK);
    close_system(sys);
    assert_record(1, 2, 3);
}

static void free_too_early(void)
{
    cadre_system *sys = open_system(2, 1, &idle_root);
    cadre_raise *raise = new_raise(sys, note, NULL);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), -EBUSY);
    assert_int_equal(lines_with("a future or a raise is not freed"), 1);
    cadre_raise_free(raise);
    close_system(sys);
}
static void system_with_a_raise_is_busy(void **state) { misuse(free_too_early); }

static void raise_wakes_a_polled_system(void **state)
{
    cadre_system *sys = open_system(CADRE_NO_WORKERS, 0, &idle_root);
    cadre_raise *raise = new_raise(sys, count, NULL);
    atomic_store(&calls, 0);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_int_equal(cadre_raise_now(raise), 0);
    assert_int_equal(cadre_system_poll(sys, 60 * CADRE_SECOND), 1);
    assert_int_equal(atomic_load(&calls), 1);
    cadre_raise_free(raise);
    close_system(sys);
}

/* ---- in signal handlers ---- */

enum { SIGNALS = 10000, RAISERS = 2 };

static _Atomic(cadre_raise *) in_handler;
static atomic_uint accepted, refused, errno_changed;

static void on_signal(int which)
{
    errno = 4711;
    int err = cadre_raise_now(atomic_load(&in_handler));
    atomic_fetch_add(err == 0 ? &accepted : &refused, 1);
    if (errno != 4711 || (err && err != -EALREADY))
        atomic_fetch_add(&errno_changed, 1);
}

static void *signal_often(void *arg)
{
    for (int i = 0; i < SIGNALS; i++)
        raise(SIGUSR1);
    return NULL;
}

static void begin_signals(cadre_system *sys)
{
    struct sigaction action = {.sa_handler = on_signal};
    atomic_store(&in_handler, new_raise(sys, count, NULL));
    atomic_store(&calls, 0);
    atomic_store(&accepted, 0);
    atomic_store(&refused, 0);
    atomic_store(&errno_changed, 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}
static void end_signals(void)
{
    assert_true(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
    assert_int_equal(atomic_load(&errno_changed), 0);
    cadre_raise_free(atomic_load(&in_handler));
}

static void raise_is_made_once(void **state)
{
    pthread_t threads[RAISERS];
    cadre_system *sys = open_system(2, 0, &idle_root);
    begin_signals(sys);
    for (int i = 0; i < RAISERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, signal_often, (void *)(uintptr_t)SIGNALS),
            0);
    (void)signal_often(NULL);
    for (int i = 0; i < RAISERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    await(&calls, atomic_load(&accepted));
    end_signals();
    close_system(sys);
    assert_int_equal(atomic_load(&accepted) + atomic_load(&refused),
                     (RAISERS + 1) * SIGNALS);
    assert_int_equal(atomic_load(&calls), atomic_load(&accepted));
    assert_int_equal(sums.handled, atomic_load(&accepted));
}

/* A worker is interrupted, which blocks all signals but where a handler wants one. */
static int signal_self(cadre_self *self, void *state, cadre_msg *m)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, &before);
    raise(SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (--cadre_body(m, number)->value > 0)
        return cadre_send(self, cadre_me(self), number, cadre_body(m, number)->value);
    atomic_fetch_add(&calls, 1000000);
    return 0;
}
static void raise_from_a_signal_in_a_handler_is_made(void **state)
{
    static const cadre_class root = {.name = "signalled", .receive = signal_self};
    cadre_system *sys = open_system(2, 0, &root);
    begin_signals(sys);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1000), 0);
    await(&calls, 1000000);
    await(&calls, 1000000 + atomic_load(&accepted));
    end_signals();
    close_system(sys);
    assert_int_equal(atomic_load(&accepted) + atomic_load(&refused), 1000);
}

static void every_raise_with_time_is_a_call(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    cadre_raise *raise = new_raise(sys, count, NULL);
    atomic_store(&calls, 0);
    for (unsigned i = 1; i <= SIGNALS; i++) {
        assert_int_equal(cadre_raise_now(raise), 0);
        await(&calls, i);
    }
    cadre_raise_free(raise);
    close_system(sys);
    assert_int_equal(sums.handled, SIGNALS);
}

int main(void)
{
    TESTS(cmocka_unit_test(apply_is_in_order),
          cmocka_unit_test(apply_has_the_actors_self_and_state),
          cmocka_unit_test(apply_result_0_goes_on),
          cmocka_unit_test(apply_result_stop_stops),
          cmocka_unit_test(apply_result_negative_fails),
          cmocka_unit_test(apply_to_nobody_is_a_dead_letter),
          cmocka_unit_test(apply_of_null_is_einval),
          cmocka_unit_test(apply_from_outside_is_made_in_a_turn),
          cmocka_unit_test(apply_outside_misuse_is_refused),
          cmocka_unit_test(apply_outside_after_the_end_is_refused),
          cmocka_unit_test(raise_twice_before_it_is_made_is_made_once),
          cmocka_unit_test(raise_in_its_own_call_is_a_new_one),
          cmocka_unit_test(raise_result_is_obeyed),
          cmocka_unit_test(raise_to_the_dead_is_a_dead_letter),
          cmocka_unit_test(raise_freed_under_way_is_made),
          cmocka_unit_test(system_with_a_raise_is_busy),
          cmocka_unit_test(raise_wakes_a_polled_system),
          cmocka_unit_test(raise_is_made_once),
          cmocka_unit_test(raise_from_a_signal_in_a_handler_is_made),
          cmocka_unit_test(every_raise_with_time_is_a_call));
    return RUN_TESTS();
}
