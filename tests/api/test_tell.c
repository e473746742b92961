/* test_tell.c: messages from threads outside the system. */
#include "support/open.h"
#include "support/support.h"

#include <errno.h>
#include <pthread.h>

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

enum { TELLERS = 4, TELLS = 500 };
typedef struct {
    uint32_t thread, sequence;
} told;
static CADRE_TYPE(told);

static atomic_uint in_order, out_of_order, with_sender;

static int take_told(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t *last = state;
    told *t = cadre_body(m, told);
    if (t->sequence == last[t->thread] + 1)
        atomic_fetch_add(&in_order, 1);
    else
        atomic_fetch_add(&out_of_order, 1);
    if (m->from.id || m->token.id)
        atomic_fetch_add(&with_sender, 1);
    last[t->thread] = t->sequence;
    return 0;
}

struct teller {
    cadre_system *sys;
    uint32_t thread;
};

static void *tell_all(void *arg)
{
    struct teller *t = arg;
    for (uint32_t i = 1; i <= TELLS; i++)
        if (cadre_tell(t->sys, cadre_system_root(t->sys), told, t->thread, i))
            return "refused";
    return NULL;
}

static void tell_from_many_threads_keeps_each_ones_order(void **state)
{
    static const cadre_class root = {.state_size = TELLERS * sizeof(uint32_t),
                                     .receive = take_told};
    pthread_t threads[TELLERS];
    struct teller tellers[TELLERS];
    void *refused;
    atomic_store(&in_order, 0);
    cadre_system *sys = open_system(2, 0, &root);
    for (uint32_t i = 0; i < TELLERS; i++) {
        tellers[i] = (struct teller){sys, i};
        assert_int_equal(pthread_create(&threads[i], NULL, tell_all, &tellers[i]), 0);
    }
    for (uint32_t i = 0; i < TELLERS; i++) {
        assert_int_equal(pthread_join(threads[i], &refused), 0);
        assert_null(refused);
    }
    await(&in_order, TELLERS * TELLS);
    assert_int_equal(atomic_load(&out_of_order), 0);
    assert_int_equal(atomic_load(&with_sender), 0);
    close_system(sys);
    assert_int_equal(sums.accepted, TELLERS * TELLS);
    assert_int_equal(sums.handled, TELLERS * TELLS);
}

static pthread_t teller_thread;
static atomic_uint on_wrong_thread, on_worker;

static int note_thread(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(pthread_equal(pthread_self(), teller_thread) ? &on_wrong_thread
                                                                  : &on_worker,
                     1);
    return 0;
}

static void tell_never_runs_a_handler_itself(void **state)
{
    static const cadre_class root = {.receive = note_thread};
    teller_thread = pthread_self();
    cadre_system *sys = open_system(1, 0, &root);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, i), 0);
    await(&on_worker, 100);
    assert_int_equal(atomic_load(&on_wrong_thread), 0);
    close_system(sys);
}

static const cadre_type owned_too_big_type = {.name = "big",
                                              .size = CADRE_BODY_MAX + 1};

static void tell_errors(void)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_system(1, 1, &root);
    cadre_ref to = cadre_system_root(sys);
    assert_int_equal(cadre_tell_as(sys, to, &owned_too_big_type, "x"), -EMSGSIZE);
    assert_int_equal(cadre_tell_as(sys, to, NULL, "x"), -EINVAL);
    assert_int_equal(cadre_tell_as(sys, to, &number_type, NULL), -EINVAL);
    assert_int_equal(lines_with("cadre_tell: type is NULL"), 1);
    assert_int_equal(lines_with("cadre_tell: body is NULL, but type number"), 1);
    close_system(sys);
    assert_int_equal(sums.accepted, 0);
}
static void tell_of_bad_arguments_is_refused(void **state) { misuse(tell_errors); }

static void tell_to_nobody_is_a_dead_letter(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_system(2, 0, &root);
    drops_clear();
    assert_int_equal(cadre_tell(sys, (cadre_ref){0}, owned, 0), 0);
    assert_int_equal(cadre_tell(sys, (cadre_ref){UINT64_MAX}, owned, 1), 0);
    assert_int_equal(lines_with("dead letter: owned from outside"), 2);
    close_system(sys);
    assert_int_equal(sums.dead, 2);
    assert_dropped_once(2);
}

static atomic_int tell_result;
static int tell_own_system(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_system *sys = cadre_system_of(self);
    atomic_store(&tell_result, cadre_tell(sys, cadre_me(self), owned, 1));
    return CADRE_STOP;
}

static void tell_in_handler(void)
{
    static const cadre_class root = {.receive = tell_own_system};
    cadre_system *sys = open_system(1, 0, &root);
    drops_clear();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 0), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(atomic_load(&tell_result), -EPERM);
    assert_int_equal(lines_with("cadre_tell: called in a handler"), 1);
    close_system(sys);
    assert_dropped_once(2);
}
static void tell_in_a_handler_is_eperm(void **state) { misuse(tell_in_handler); }

static void *tell_simulation(void *sys)
{
    return (void *)(intptr_t)cadre_tell((cadre_system *)sys, cadre_system_root(sys),
                                        owned, 0);
}

static void tell_strange_simulation(void)
{
    static const cadre_class root = {.receive = nothing};
    pthread_t thread;
    void *result;
    cadre_system *sys = open_system(2, 1, &root);
    drops_clear();
    assert_int_equal(pthread_create(&thread, NULL, tell_simulation, sys), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, -EPERM);
    assert_int_equal(lines_with("a simulation has one thread"), 1);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 1), 0);
    close_system(sys);
    assert_dropped_once(2);
}
static void tell_to_a_simulation_from_another_thread_is_eperm(void **state)
{
    misuse(tell_strange_simulation);
}

static void tell_without_a_system_drops_the_body(void **state)
{
    drops_clear();
    assert_int_equal(cadre_tell(NULL, (cadre_ref){1}, owned, 0), -EINVAL);
    assert_dropped_once(1);
}

static void tell_after_the_end_drops_the_body(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_system *sys = open_system(2, 0, &root);
    drops_clear();
    cadre_system_stop(sys);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 0), -ESHUTDOWN);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 1), -ESHUTDOWN);
    close_system(sys);
    assert_dropped_once(2);
    assert_int_equal(sums.accepted, 0);
}

static void *tell_until_refused(void *arg)
{
    struct teller *t = arg;
    uintptr_t accepted = 0;
    while (cadre_tell(t->sys, cadre_system_root(t->sys), owned, t->thread) == 0)
        accepted++;
    return (void *)accepted;
}

static void tells_while_stopping_are_all_accounted_for(void **state)
{
    static const cadre_class root = {.receive = nothing};
    for (int round = 0; round < 20; round++) {
        pthread_t threads[TELLERS];
        struct teller tellers[TELLERS];
        uintptr_t accepted = 0;
        void *n;
        cadre_system *sys = open_system(2, 0, &root);
        drops_clear();
        for (uint32_t i = 0; i < TELLERS; i++) {
            tellers[i] = (struct teller){sys, i};
            assert_int_equal(
                pthread_create(&threads[i], NULL, tell_until_refused, &tellers[i]), 0);
        }
        while (cadre_stats(sys, &sums) == 0 && sums.accepted < 10) {
        }
        assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
        for (uint32_t i = 0; i < TELLERS; i++) {
            assert_int_equal(pthread_join(threads[i], &n), 0);
            accepted += (uintptr_t)n;
            assert_int_equal(atomic_load(&drops[i]), (uintptr_t)n + 1);
        }
        close_system(sys);
        assert_int_equal(sums.accepted, accepted);
        assert_int_equal(sums.accepted, sums.handled + sums.dead);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(tell_from_many_threads_keeps_each_ones_order),
          cmocka_unit_test(tell_never_runs_a_handler_itself),
          cmocka_unit_test(tell_of_bad_arguments_is_refused),
          cmocka_unit_test(tell_to_nobody_is_a_dead_letter),
          cmocka_unit_test(tell_in_a_handler_is_eperm),
          cmocka_unit_test(tell_to_a_simulation_from_another_thread_is_eperm),
          cmocka_unit_test(tell_without_a_system_drops_the_body),
          cmocka_unit_test(tell_after_the_end_drops_the_body),
          cmocka_unit_test(tells_while_stopping_are_all_accounted_for));
    return RUN_TESTS();
}
