/* test_bad_input.c: one test for each kind of bad input, numbered as in the table of the
 * reliability study. Those that a header's own sentence covers in more detail stand
 * beside its other tests; here each is at least touched, in its plainest form. */
#include "support/open.h"
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int end(cadre_self *self, void *state, cadre_msg *m) { return CADRE_STOP; }
static const cadre_class idle_root = {.name = "idle", .receive = nothing};

static void tell_go(cadre_system *sys)
{
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
}

/* ---- 1, 22: no system, no result, no root ---- */

static void see(void *user, const cadre_leftover *line) {}

static void row_1_null_system(void **state)
{
    assert_int_equal(cadre_system_wait(NULL), -EINVAL);
    assert_int_equal(cadre_system_stop_by(NULL, 0), -EINVAL);
    assert_int_equal(cadre_system_poll(NULL, 0), -EINVAL);
    assert_int_equal(cadre_system_fd(NULL), -EINVAL);
    assert_int_equal(cadre_stats(NULL, &sums), -EINVAL);
    assert_int_equal(cadre_system_report(NULL, see, NULL), -EINVAL);
    assert_int_equal(cadre_tell(NULL, (cadre_ref){1}, number, 1), -EINVAL);
    cadre_system_stop(NULL);
    assert_int_equal(cadre_system_new(NULL, NULL, &idle_root, NULL), -EINVAL);
}

static void new_without_root(void)
{
    cadre_config config = quiet(1, 1);
    cadre_system *sys = NULL;
    static const cadre_class deaf = {.name = "deaf"};
    assert_int_equal(cadre_system_new(&sys, &config, NULL, NULL), -EINVAL);
    assert_int_equal(lines_with("cadre_system_new: class is NULL"), 1);
    assert_int_equal(cadre_run(&config, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_system_new(&sys, &config, &deaf, NULL), -EINVAL);
    assert_int_equal(lines_with("class deaf has no receive"), 1);
    assert_null(sys);
}
static void row_1_null_root_class(void **state) { misuse(new_without_root); }

/* ---- 2, 3: addresses of nobody ---- */

static void use_random_refs(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    for (int i = 0; i < 10000; i++) {
        cadre_ref any = {cadre_random(self)};
        if (i % 2) /* like ours, but for the slot, the generation, or both */
            any.id = (me.id & UINT64_C(0xff) << 56) | any.id >> (8 + i % 40);
        if (cadre_same(any, me))
            continue;
        assert_int_equal(cadre_send(self, any, number, 1), 0);
        assert_int_equal(cadre_stop(self, any), 0);
        assert_int_equal(cadre_kill(self, any, -1), 0);
    }
}

static int fail_at_number(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, number) ? -99 : 0;
}

static void spawn_bystanders(cadre_self *self)
{
    static const cadre_class bystander = {.receive = fail_at_number};
    uint64_t taken[200];
    cadre_ref ref;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(cadre_spawn(self, &ref, &bystander, NULL), 0);
        taken[i] = ref.id;
    }
    use_random_refs(self);
    for (int i = 0; i < 200; i++) /* zero, and generations to come */
        assert_int_equal(cadre_kill(self, (cadre_ref){taken[i] + 1}, -1), 0);
    assert_int_equal(cadre_kill(self, (cadre_ref){0}, -1), 0);
}

static void row_2_zero_and_random_handles(void **state)
{
    assert_int_equal(play(spawn_bystanders), 0);
    assert_true(sums.accepted > 9000);
    /* Some may have been hit by their very address; the others are not affected. */
    assert_true(sums.dead > 9000);
    assert_int_equal(sums.accepted, sums.handled + sums.dead);
}

static cadre_ref foreign;
static void use_foreign_ref(cadre_self *self)
{
    assert_true(foreign.id != cadre_me(self).id); /* though the same slot */
    assert_int_equal(cadre_send(self, foreign, number, 1), 0);
    assert_int_equal(cadre_kill(self, foreign, -1), 0);
}

static void row_2_handle_of_another_system(void **state)
{
    cadre_system *sys = open_system(1, 0, &idle_root);
    foreign = cadre_system_root(sys);
    assert_int_equal(play(use_foreign_ref), 0);
    assert_int_equal(sums.dead, 1);
    close_system(sys);
    assert_int_equal(sums.accepted, 0);
}

static cadre_ref ended[100];
static int spawn_and_use_ended(cadre_self *self)
{
    static const cadre_class bystander = {.receive = fail_at_number};
    for (int i = 0; i < 100; i++)
        assert_int_equal(cadre_spawn(self, NULL, &bystander, NULL), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cadre_send(self, ended[i], number, 1), 0);
        assert_int_equal(cadre_kill(self, ended[i], 0), 0);
    }
    return 0;
}

static int spawn_and_end(cadre_self *self)
{
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cadre_spawn(self, &ended[i], &sink_class, NULL), 0);
        assert_int_equal(cadre_stop(self, ended[i]), 0);
    }
    return 0;
}

static int row_3_step(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, number) ? spawn_and_use_ended(self) : spawn_and_end(self);
}

static void row_3_stale_handle_and_slot_reused(void **state)
{
    static const cadre_class root = {.receive = row_3_step};
    cadre_system *sys = open_system(2, 3, &root);
    tell_go(sys);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.actors, 101); /* none of the new ones was hit */
    assert_int_equal(sums.dead, 100);
    close_system(sys);
}

/* ---- 4, 5: configurations ---- */

static void row_4_fields_of_a_newer_version(void **state)
{
    cadre_config config = quiet(1, 1);
    cadre_system *sys;
    config.reserved[0] = 1;
    assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), -EINVAL);
    assert_int_equal(lines_with("reserved is not zero"), 1);
}

static void row_5_huge_worker_count(void **state)
{
    cadre_config config = quiet(1025, 0);
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), -EINVAL);
    assert_int_equal(lines_with("workers is over 1024"), 1);
}

/* ---- 7, 8, 9, 14: bodies and classes ---- */

static void send_nothing(cadre_self *self)
{
    assert_int_equal(cadre_send_as(self, cadre_me(self), &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, cadre_me(self), &go_type, ""), 0);
}

static void row_7_size_0_with_and_without_a_body(void **state)
{
    assert_int_equal(play(send_nothing), 0);
    assert_int_equal(sums.handled, 2);
}

static void send_null(cadre_self *self)
{
    assert_int_equal(cadre_send_as(self, cadre_me(self), &number_type, NULL), -EINVAL);
}
static void play_send_null(void)
{
    assert_int_equal(play(send_null), 0);
    assert_int_equal(lines_with("body is NULL"), 1);
    assert_int_equal(sums.accepted, 0);
}
static void row_8_size_without_a_body(void **state) { misuse(play_send_null); }

static void send_huge(cadre_self *self)
{
    static const uint32_t sizes[] = {CADRE_BODY_MAX + 1, 1u << 31, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        cadre_type huge = {.name = "huge", .size = sizes[i]};
        assert_int_equal(cadre_send_as(self, cadre_me(self), &huge, "x"), -EMSGSIZE);
    }
}

static void row_9_size_above_the_limit(void **state)
{
    assert_int_equal(play(send_huge), 0);
    assert_int_equal(sums.accepted, 0);
}

/* ---- 10: what a failed send owned; more in test_send.c and test_tell.c ---- */

static void send_all_wrong(cadre_self *self)
{
    cadre_type too_big = owned_type;
    too_big.size = CADRE_BODY_MAX + 1;
    assert_int_equal(cadre_send_as(self, cadre_me(self), &too_big, &(owned){0}),
                     -EMSGSIZE);
    assert_int_equal(cadre_send(NULL, cadre_me(self), owned, 1), -EINVAL);
    assert_int_equal(cadre_tell(NULL, cadre_me(self), owned, 2), -EINVAL);
}

static void row_10_a_failed_send_drops_once(void **state)
{
    drops_clear();
    assert_int_equal(play(send_all_wrong), 0);
    assert_dropped_once(3);
}

/* ---- 11: the same message passed on twice ---- */

static int forward_twice(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_forward(self, (cadre_ref){0}, m), 0);
    assert_int_equal(cadre_forward(self, (cadre_ref){0}, m), -EINVAL);
    return CADRE_STOP;
}

static void pass_on_twice(void)
{
    static const cadre_class root = {.receive = forward_twice};
    cadre_system *sys = open_system(1, 1, &root);
    drops_clear();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 0), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    close_system(sys);
    assert_dropped_once(1);
}
static void row_11_message_passed_on_twice(void **state) { misuse(pass_on_twice); }

static void spawn_deaf(cadre_self *self)
{
    static const cadre_class deaf = {.name = "deaf"};
    assert_int_equal(cadre_spawn(self, NULL, &deaf, NULL), -EINVAL);
}
static void play_spawn_deaf(void)
{
    assert_int_equal(play(spawn_deaf), 0);
    assert_int_equal(lines_with("class deaf has no receive"), 1);
}
static void row_14_null_receive(void **state) { misuse(play_spawn_deaf); }

/* ---- 15, 16: foreign threads ---- */

static void *tell_once(void *sys)
{
    return (void *)(intptr_t)cadre_tell((cadre_system *)sys, cadre_system_root(sys),
                                        number, 1);
}

static intptr_t from_thread(void *(*call)(void *), void *arg)
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, call, arg), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return (intptr_t)result;
}

static void row_15_tell_from_a_foreign_thread(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    assert_int_equal(from_thread(tell_once, sys), 0);
    close_system(sys);
    assert_int_equal(sums.handled, 1);
}

static void row_16_tell_while_stopping_after_stop_after_free(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    cadre_system_stop(sys);
    assert_int_equal(from_thread(tell_once, sys), -ESHUTDOWN);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(from_thread(tell_once, sys), -ESHUTDOWN);
    close_system(sys);
    assert_int_equal(from_thread(tell_once, sys), -EINVAL);
    assert_int_equal(cadre_system_root(sys).id, 0);
    assert_int_equal(cadre_system_free(sys), -EINVAL);
    cadre_system_stop(sys);
}

/* ---- 17: calls that belong in a callback ---- */

static cadre_self *_Atomic leaked_self;
static atomic_bool let_go;
static int leak_self(cadre_self *self, void *state)
{
    atomic_store(&leaked_self, self);
    while (!atomic_load(&let_go))
        sched_yield();
    return 0;
}

/* While its actor is in a callback on another thread. */
static int use_leaked_self(cadre_self *self)
{
    cadre_ref to = {1};
    cadre_msg m = {.type = &number_type};
    int wrong = cadre_send(self, to, owned, 0) != -EPERM;
    wrong += cadre_reply(self, &m, owned, 1) != -EPERM;
    wrong += cadre_forward(self, to, &m) != -EPERM;
    wrong += cadre_stash(self, &m) != -EPERM;
    wrong += cadre_spawn(self, NULL, &sink_class, NULL) != -EPERM;
    wrong += cadre_stop(self, to) != -EPERM;
    wrong += cadre_kill(self, to, 0) != -EPERM;
    wrong += cadre_me(self).id != 0;
    wrong += cadre_parent(self).id != 0;
    wrong += cadre_class_of(self) != NULL;
    wrong += cadre_system_of(self) != NULL;
    wrong += cadre_now(self) != 0;
    wrong += cadre_random(self) != 0;
    cadre_unstash(self);
    cadre_become(self, end);
    (void)cadre_unhandled(self, &m);
    return wrong;
}

static void call_from_outside(void)
{
    static const cadre_class root = {.start = leak_self, .receive = nothing};
    atomic_store(&leaked_self, NULL);
    atomic_store(&let_go, false);
    drops_clear();
    cadre_system *sys = open_system(1, 0, &root);
    while (!atomic_load(&leaked_self))
        sched_yield();
    assert_int_equal(use_leaked_self(atomic_load(&leaked_self)), 0);
    assert_int_equal(lines_with("cadre_send: called outside the actor's callback"), 1);
    assert_int_equal(lines_with("called outside the actor's callback"), 10); /* limit */
    atomic_store(&let_go, true);
    close_system(sys);
    assert_dropped_once(2);
    assert_int_equal(sums.accepted, 0);
}
static void row_17_callback_functions_on_a_foreign_thread(void **state)
{
    misuse(call_from_outside);
}

static void call_between_turns(void)
{
    static const cadre_class root = {.start = leak_self, .receive = nothing};
    atomic_store(&let_go, true);
    cadre_system *sys = open_system(1, 1, &root);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    drops_clear();
    assert_int_equal(use_leaked_self(atomic_load(&leaked_self)), 0);
    close_system(sys);
    assert_dropped_once(2);
}
static void row_17_callback_functions_between_turns(void **state)
{
    misuse(call_between_turns);
}

/* ---- 19: ends of all kinds at once ---- */

static int end_every_way(cadre_self *self, void *state)
{
    cadre_ref me = cadre_me(self), child;
    assert_int_equal(cadre_spawn(self, &child, &sink_class, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cadre_stop(self, me), 0);
        assert_int_equal(cadre_kill(self, me, -3), 0);
        assert_int_equal(cadre_stop(self, child), 0);
        assert_int_equal(cadre_kill(self, child, -4), 0);
    }
    record_add(1);
    return 0;
}

static void note_reason(cadre_self *self, void *state, int reason)
{
    record_add((uint64_t)-reason);
}

static void spawn_ender(cadre_self *self)
{
    static const cadre_class ender = {
        .start = end_every_way, .receive = nothing, .stop = note_reason};
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &ender, NULL), 0);
}

static void row_19_stop_and_kill_twice_during_start(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        cadre_config config = quiet(3, seed);
        record_clear();
        assert_int_equal(play_with(&config, spawn_ender), 0);
        assert_record(1, 3);
        assert_int_equal(sums.actors, 0);
    }
}

/* ---- 20, 21, 23: stopping and freeing a running system ---- */

static cadre_system *signalled;
static void on_signal(int sig) { cadre_system_stop(signalled); }
static void *stop_it(void *sys)
{
    cadre_system_stop(sys);
    return (void *)(intptr_t)cadre_system_wait(sys);
}

static void row_20_stop_twice_concurrently_and_in_a_signal_handler(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    signalled = open_system(2, 0, &idle_root);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    assert_int_equal(from_thread(stop_it, signalled), 0);
    assert_int_equal(from_thread(stop_it, signalled), 0);
    close_system(signalled);
}

static void free_running(void)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    assert_int_equal(cadre_system_free(sys), -EBUSY);
    tell_go(sys); /* it runs on */
    close_system(sys);
    assert_int_equal(sums.handled, 1);
}
static void row_21_free_while_running(void **state) { misuse(free_running); }

static void row_22_free_twice(void **state)
{
    cadre_system *sys = open_system(2, 0, &idle_root);
    close_system(sys);
    assert_int_equal(cadre_system_free(sys), -EINVAL);
    assert_int_equal(cadre_system_wait(sys), -EINVAL);
    assert_int_equal(cadre_stats(sys, &sums), -EINVAL);
}

static void row_23_handler_that_never_returns(void **state)
{
    static const cadre_class root = {
        .name = "stuck", .start = leak_self, .receive = nothing};
    atomic_store(&let_go, false);
    atomic_store(&leaked_self, NULL);
    cadre_system *sys = open_system(2, 0, &root);
    while (!atomic_load(&leaked_self))
        sched_yield();
    assert_int_equal(cadre_system_stop_by(sys, 0), -ETIMEDOUT);
    assert_int_equal(lines_with("(stuck) has not returned from its handler"), 1);
    atomic_store(&let_go, true);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), CADRE_EKILLED);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- 27: a type that nobody expected ---- */

static int reject(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}

static void row_27_type_unknown_to_the_receiver(void **state)
{
    static const cadre_class root = {.name = "fussy", .receive = reject};
    cadre_system *sys = open_system(1, 1, &root);
    drops_clear();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 0), 0);
    close_system(sys);
    assert_int_equal(sums.dead, 1);
    assert_dropped_once(1);
    assert_int_equal(lines_with("(fussy): it does not expect this type"), 1);
}

int main(void)
{
    TESTS(cmocka_unit_test(row_1_null_system), cmocka_unit_test(row_1_null_root_class),
          cmocka_unit_test(row_2_zero_and_random_handles),
          cmocka_unit_test(row_2_handle_of_another_system),
          cmocka_unit_test(row_3_stale_handle_and_slot_reused),
          cmocka_unit_test(row_4_fields_of_a_newer_version),
          cmocka_unit_test(row_5_huge_worker_count),
          cmocka_unit_test(row_7_size_0_with_and_without_a_body),
          cmocka_unit_test(row_8_size_without_a_body),
          cmocka_unit_test(row_9_size_above_the_limit),
          cmocka_unit_test(row_10_a_failed_send_drops_once),
          cmocka_unit_test(row_11_message_passed_on_twice),
          cmocka_unit_test(row_14_null_receive),
          cmocka_unit_test(row_15_tell_from_a_foreign_thread),
          cmocka_unit_test(row_16_tell_while_stopping_after_stop_after_free),
          cmocka_unit_test(row_17_callback_functions_on_a_foreign_thread),
          cmocka_unit_test(row_17_callback_functions_between_turns),
          cmocka_unit_test(row_19_stop_and_kill_twice_during_start),
          cmocka_unit_test(row_20_stop_twice_concurrently_and_in_a_signal_handler),
          cmocka_unit_test(row_21_free_while_running),
          cmocka_unit_test(row_22_free_twice),
          cmocka_unit_test(row_23_handler_that_never_returns),
          cmocka_unit_test(row_27_type_unknown_to_the_receiver));
    return RUN_TESTS();
}
