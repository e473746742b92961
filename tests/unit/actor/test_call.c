/* test_call.c: one answer for a thread: before, after and while it waits, or gives up. */
#include "actor/call.h"

#include "support/support.h"
#include "unit/actor/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static struct cadre_future *call(void)
{
    struct cadre_future *f = NULL;
    assert_int_equal(call_new(&f, &world, 1), 0);
    return f;
}

static struct cell *who; /* answers */
static void answer(struct cadre_future *f, uint32_t id)
{
    struct envelope *e = NULL;
    store_relaxed(&self.cell, who);
    assert_int_equal(send_prepare(&self, &e, LETTER_ANSWER, &owned_type, &(owned){id}),
                     0);
    send_answer(&self, e, 0, call_token(f));
}

static uint32_t answered(const struct cadre_future *f)
{
    assert_true(call_is_answered(f));
    assert_ptr_equal(f->answer->type, &owned_type);
    return ((const owned *)(const void *)f->answer->body)->id;
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

static void assert_none_left(size_t bytes)
{
    assert_int_equal(load_relaxed(&world.handles), 0);
    assert_int_equal(load_relaxed(&world.heap.bytes), bytes);
}

static int make_calls(void **state)
{
    if (make_world(state))
        return -1;
    who = born(&sink_class, NULL);
    return pthread_mutex_init(&world.outside_lock, NULL);
}

/* ---- one thread ---- */

/* Then the pools have what they need: the heap's bytes are the futures' alone. */
static size_t warm_up(void)
{
    struct cadre_future *f = call();
    answer(f, 0);
    call_forget(f);
    drops_clear();
    return load_relaxed(&world.heap.bytes);
}

static void call_answered_needs_no_waiting(void **state)
{
    size_t bytes = warm_up();
    struct cadre_future *f = call();
    assert_int_equal(load_relaxed(&world.handles), 1);
    assert_false(call_is_answered(f));
    answer(f, 7);
    assert_true(call_wait(f, 0)); /* although it is late */
    assert_int_equal(answered(f), 7);
    assert_dropped_once(0);
    call_forget(f);
    assert_int_equal(atomic_load(&drops[7]), 1);
    assert_none_left(bytes);
}

static void call_without_an_answer_waits_until_its_time(void **state)
{
    size_t bytes = warm_up();
    struct cadre_future *f = call();
    assert_false(call_wait(f, clock_now(&world.sched.crew.clock)));
    world.sched.crew.clock.is_virtual = false;
    int64_t start = real_now();
    assert_false(call_wait(f, start + CADRE_MS));
    assert_true(real_now() >= start + CADRE_MS);
    answer(f, 0); /* nobody sleeps, but somebody did */
    assert_true(call_wait(f, CADRE_NEVER));
    call_forget(f);
    assert_none_left(bytes);
}

static void call_given_up_drops_its_answer(void **state)
{
    size_t bytes = warm_up();
    struct cadre_future *f = call();
    uint64_t before = load_relaxed(&self.handled);
    call_forget(f);
    assert_int_equal(load_relaxed(&world.handles), 1); /* the request has it */
    answer(f, 0);
    assert_dropped_once(1);
    assert_int_equal(load_relaxed(&self.handled), before + 1);
    assert_int_equal(load_relaxed(&self.accepted), load_relaxed(&self.handled));
    assert_none_left(bytes);
}

static void call_undone_leaves_nothing(void **state)
{
    size_t bytes = warm_up();
    call_undo(call());
    assert_none_left(bytes);
}

static void call_without_memory_is_refused(void **state)
{
    struct cadre_future *f = NULL;
    size_t bytes = warm_up();
    world.heap.max = bytes;
    int err = call_new(&f, &world, 1);
    assert_true(err == -ENOMEM || err == CADRE_EFULL);
    assert_none_left(bytes);
    world.heap.max = SIZE_MAX;
}

/* The request is lost: that is the answer. */
static void call_to_nobody_is_answered_with_a_failure(void **state)
{
    struct cadre_future *f = call();
    struct envelope *e = NULL;
    assert_int_equal(
        send_prepare(&outside, &e, LETTER_TOKEN, &number_type, &(number){1}), 0);
    envelope_tail(e)->token = call_token(f);
    send_deliver(&outside, e, address(TAG, 999, 1));
    assert_true(call_is_answered(f));
    assert_ptr_equal(f->answer->type, &cadre_failure_type);
    assert_int_equal(((cadre_failure *)(void *)f->answer->body)->code, CADRE_EDEAD);
    call_forget(f);
    assert_int_equal(load_relaxed(&world.handles), 0);
}

/* An actor that has deferred it, and ends. */
static cadre_promise owed;
static int defer_or_stop(cadre_self *s, void *state, cadre_msg *m)
{
    if (!m->token.id)
        return CADRE_STOP;
    return cadre_defer(s, m, &owed);
}
static const cadre_class debtor = {.name = "debtor", .receive = defer_or_stop};

static void call_deferred_by_one_that_ends_is_answered_with_a_failure(void **state)
{
    struct cell *cell = born(&debtor, NULL);
    struct cadre_future *f = call();
    struct envelope *e = NULL;
    assert_int_equal(
        send_prepare(&outside, &e, LETTER_TOKEN, &number_type, &(number){1}), 0);
    envelope_tail(e)->token = call_token(f);
    send_deliver(&outside, e, cell_address(cell));
    run_dry();
    assert_false(call_is_answered(f));
    tell_number(cell, 1);
    run_dry();
    assert_true(call_is_answered(f));
    assert_int_equal(((cadre_failure *)(void *)f->answer->body)->code, CADRE_EDEAD);
    call_forget(f);
    assert_int_equal(load_relaxed(&world.handles), 0);
}

/* ---- its descriptor ---- */

static void call_fd_is_readable_when_there_is_an_answer(void **state)
{
    for (int first = 0; first < 2; first++) {
        struct cadre_future *f = call();
        if (first)
            answer(f, 0);
        int fd = call_fd(f);
        assert_true(fd >= 0);
        assert_int_equal(is_readable(fd), first);
        assert_int_equal(call_fd(f), fd);
        if (!first)
            answer(f, 0);
        assert_true(is_readable(fd));
        call_forget(f);
        assert_false(is_open(fd));
    }
}

static void call_fd_is_closed_by_who_has_it_last(void **state)
{
    struct cadre_future *f = call();
    int fd = call_fd(f);
    call_forget(f);
    assert_true(is_open(fd)); /* an answer may still ring it */
    answer(f, 0);
    assert_false(is_open(fd));
}

/* ---- two threads ---- */

enum { ROUNDS = 2000 };

/* This thread answers each, the other one waits. */
static struct cadre_future *futures[ROUNDS];
static atomic_uint given, finished;

static struct cadre_future *next_given(unsigned i)
{
    while (atomic_load(&given) <= i)
        thread_yield();
    return futures[i];
}

static void run_rounds(void *(*waiter)(void *arg))
{
    pthread_t thread;
    drops_clear();
    world.sched.crew.clock.is_virtual = false;
    atomic_store(&given, 0);
    atomic_store(&finished, 0);
    assert_int_equal(pthread_create(&thread, NULL, waiter, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        futures[i] = call();
        atomic_store(&given, i + 1);
        for (unsigned n = 0; n < i % 64 * 8; n++)
            cpu_relax();
        if (i % 16 == 0)
            thread_yield();
        answer(futures[i], i);
        await(&finished, i + 1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_dropped_once(ROUNDS);
    assert_int_equal(load_relaxed(&world.handles), 0); /* and their memory: end_world */
}

static void finish(struct cadre_future *f)
{
    call_forget(f);
    atomic_fetch_add(&finished, 1);
}

static atomic_uint wrong;
static void *wait_for_each(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cadre_future *f = next_given(i);
        if (!call_wait(f, CADRE_NEVER) ||
            ((const owned *)(const void *)f->answer->body)->id != i)
            atomic_fetch_add(&wrong, 1);
        finish(f);
    }
    return NULL;
}

static void *forget_each(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        finish(next_given(i));
    return NULL;
}

static void *poll_each(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cadre_future *f = next_given(i);
        struct pollfd p = {.fd = call_fd(f), .events = POLLIN};
        if (poll(&p, 1, 60000) != 1 || !call_is_answered(f))
            atomic_fetch_add(&wrong, 1);
        finish(f);
    }
    return NULL;
}

static void *wait_a_little_for_each(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cadre_future *f = next_given(i);
        if (call_wait(f, real_now() + 500 * (i % 8)) != call_is_answered(f) &&
            !call_is_answered(f))
            atomic_fetch_add(&wrong, 1);
        finish(f);
    }
    return NULL;
}

static void call_wakes_the_thread_that_waits(void **state)
{
    run_rounds(wait_for_each);
    assert_int_equal(atomic_load(&wrong), 0);
}

static void call_given_up_while_it_is_answered_ends_once(void **state)
{
    run_rounds(forget_each);
}

static void call_fd_made_while_it_is_answered_is_readable(void **state)
{
    run_rounds(poll_each);
    assert_int_equal(atomic_load(&wrong), 0);
}

static void call_waited_for_a_little_and_given_up_ends_once(void **state)
{
    run_rounds(wait_a_little_for_each);
    assert_int_equal(atomic_load(&wrong), 0);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_calls, end_world)

int main(void)
{
    TESTS(ON_STAGE(call_answered_needs_no_waiting),
          ON_STAGE(call_without_an_answer_waits_until_its_time),
          ON_STAGE(call_given_up_drops_its_answer),
          ON_STAGE(call_undone_leaves_nothing),
          ON_STAGE(call_without_memory_is_refused),
          ON_STAGE(call_to_nobody_is_answered_with_a_failure),
          ON_STAGE(call_deferred_by_one_that_ends_is_answered_with_a_failure),
          ON_STAGE(call_fd_is_readable_when_there_is_an_answer),
          ON_STAGE(call_fd_is_closed_by_who_has_it_last),
          ON_STAGE(call_wakes_the_thread_that_waits),
          ON_STAGE(call_given_up_while_it_is_answered_ends_once),
          ON_STAGE(call_fd_made_while_it_is_answered_is_readable),
          ON_STAGE(call_waited_for_a_little_and_given_up_ends_once));
    return RUN_TESTS();
}
