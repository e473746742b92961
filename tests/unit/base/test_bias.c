/* test_bias.c: a lock for one thread, which others may borrow. What a seizer does while
 * the owner is outside is the same on one thread; the owner's waiting needs two. */
#include "base/bias.h"

#include "base/thread.h"
#include "support/support.h"

#include <dlfcn.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- a syscall that counts barriers, in front of the real one ---- */

static atomic_uint barriers;

long syscall(long call, ...)
{
    static long (*_Atomic real)(long, ...);
    long a[6];
    va_list args;
    va_start(args, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (call == SYS_membarrier && (int)a[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED)
        atomic_fetch_add(&barriers, 1);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "syscall");
        long (*function)(long, ...);
        memcpy(&function, &found, sizeof function);
        real = function;
    }
    return real(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- one bias ---- */

static struct bias bias;
static bool has_barrier;

static int make_inside(void **state)
{
    has_barrier = thread_has_barrier();
    atomic_store(&barriers, 0);
    bias_init(&bias);
    return 0;
}

static int make_outside(void **state)
{
    (void)make_inside(NULL);
    bias_leave(&bias);
    return 0;
}

static int make_resting(void **state)
{
    (void)make_inside(NULL);
    bias_rest(&bias);
    return 0;
}

static bool is_inside(void) { return load_relaxed(&bias.inside) != 0; }
static bool is_wanted(void) { return load_relaxed(&bias.wanted) != 0; }

/* With the barrier, where the kernel has it. */
static void need_barrier(void)
{
    if (!has_barrier)
        skip();
}

/* ---- what a seizer finds ---- */

static void bias_at_first_the_owner_is_inside(void **state)
{
    assert_true(is_inside());
    assert_false(bias_is_resting(&bias));
    assert_false(bias_seize(&bias, false));
    assert_false(is_wanted()); /* nobody need wait for one that gave up */
}

static void bias_inside_cannot_be_seized(void **state)
{
    need_barrier();
    assert_false(bias_seize(&bias, true));
    assert_false(is_wanted());
    bias_leave(&bias);
    bias_enter(&bias);
    assert_false(bias_seize(&bias, true));
    assert_false(is_wanted());
}

static void bias_outside_is_seized_with_a_barrier_only(void **state)
{
    need_barrier();
    assert_false(bias_seize(&bias, false));
    assert_false(is_wanted());
    assert_int_equal(atomic_load(&barriers), 0);
    assert_true(bias_seize(&bias, true));
    assert_int_equal(atomic_load(&barriers), 1);
    assert_true(is_wanted());
    assert_false(bias_is_resting(&bias));
    bias_release(&bias);
    assert_false(is_wanted());
}

static void bias_asked_in_vain_is_seized(void **state)
{
    need_barrier();
    assert_false(bias_ask(&bias, false)); /* its owner does not come by */
    assert_false(is_wanted());
    assert_int_equal(atomic_load(&barriers), 0);
    assert_true(bias_ask(&bias, true));
    assert_int_equal(atomic_load(&barriers), 1);
    assert_false(bias_ask(&bias, true));
    assert_true(is_wanted());
    bias_release(&bias);
}

static void bias_resting_is_seized_without_a_barrier(void **state)
{
    assert_false(is_inside());
    assert_true(bias_seize(&bias, false));
    assert_true(bias_is_resting(&bias));
    bias_release(&bias);
    assert_true(bias_seize(&bias, true));
    bias_release(&bias);
    assert_int_equal(atomic_load(&barriers),
                     0); /* its owner rises with one of its own */
}

static void bias_is_seized_by_one_at_a_time(void **state)
{
    assert_true(bias_seize(&bias, false));
    assert_false(bias_seize(&bias, false));
    assert_false(bias_seize(&bias, true));
    assert_true(is_wanted()); /* the second one did not take it from the first */
    bias_release(&bias);
    assert_true(bias_seize(&bias, false));
    bias_release(&bias);
}

static void bias_risen_is_inside_and_rests_no_more(void **state)
{
    bias_rise(&bias);
    assert_true(is_inside());
    assert_false(bias_is_resting(&bias));
    assert_false(bias_seize(&bias, false));
    bias_leave(&bias);
    assert_false(bias_seize(&bias, false)); /* nor when it goes out again */
    bias_enter(&bias);
    bias_rest(&bias);
    assert_true(bias_seize(&bias, false));
    bias_release(&bias);
}

static void bias_released_lets_its_owner_in(void **state)
{
    need_barrier();
    for (int i = 0; i < 100; i++) {
        assert_true(bias_seize(&bias, true));
        bias_release(&bias);
        bias_enter(&bias);
        assert_true(is_inside());
        bias_leave(&bias);
    }
}

static void bias_try_enter_does_not_wait(void **state)
{
    need_barrier();
    assert_true(bias_try_enter(&bias));
    assert_true(is_inside());
    assert_false(bias_seize(&bias, true));
    bias_leave(&bias);
    assert_true(bias_seize(&bias, true));
    assert_false(bias_try_enter(&bias));
    assert_false(is_inside());
    assert_true(is_wanted()); /* still the seizer's */
    bias_release(&bias);
    assert_true(bias_try_enter(&bias));
}

static void bias_fenced_needs_no_barrier(void **state)
{
    assert_true(bias_seize_fenced(&bias));
    assert_false(bias_seize_fenced(&bias));
    assert_true(is_wanted());
    bias_release(&bias);
    bias_enter_fenced(&bias);
    assert_true(is_inside());
    assert_false(bias_seize_fenced(&bias));
    assert_false(is_wanted());
    bias_leave(&bias);
    assert_true(bias_seize_fenced(&bias));
    assert_int_equal(atomic_load(&barriers), 0);
}

/* ---- the owner waits ---- */

static atomic_uint about_to, is_in;
static int guarded; /* by the bias */

static void *enter(void *arg)
{
    atomic_fetch_add(&about_to, 1);
    bias_enter(&bias);
    guarded *= 2;
    atomic_fetch_add(&is_in, 1);
    return NULL;
}

static void *rise(void *arg)
{
    atomic_fetch_add(&about_to, 1);
    bias_rise(&bias);
    guarded *= 2;
    atomic_fetch_add(&is_in, 1);
    return NULL;
}

/* The owner comes in, in its way, while we have the bias. */
static void hold_against(void *(*owner)(void *), bool may_stop)
{
    struct thread thread;
    for (int i = 0; i < 50; i++) {
        atomic_store(&about_to, 0);
        atomic_store(&is_in, 0);
        guarded = 1;
        assert_true(bias_seize(&bias, may_stop));
        assert_int_equal(thread_start(&thread, "owner", owner, NULL), 0);
        await(&about_to, 1);
        for (int look = 0; look < 20; look++) {
            assert_int_equal(atomic_load(&is_in), 0);
            sched_yield();
        }
        guarded += 4;
        bias_release(&bias);
        await(&is_in, 1);
        thread_join(&thread);
        assert_int_equal(guarded, 10);
        if (may_stop)
            bias_leave(&bias);
        else
            bias_rest(&bias);
    }
}

static void bias_enter_waits_for_the_seizer(void **state)
{
    need_barrier();
    hold_against(enter, true);
}

static void bias_rise_waits_for_the_seizer(void **state) { hold_against(rise, false); }

/* ---- all of them at once ---- */

enum { ROUNDS = 200000, SEIZERS = 2, REST_EVERY = 64, YIELD_EVERY = 32 };
static atomic_uint ended;
static bool may_stop, is_fenced, is_asked;

/* What the bias guards: two that are always the same outside. */
static struct pair {
    unsigned one, other;
} pair;
static atomic_uint differences;

static void change_pair(void)
{
    unsigned seen = pair.one++;
    if (pair.other++ != seen)
        atomic_fetch_add(&differences, 1);
}

static void *come_by(void *arg)
{
    unsigned *count = arg;
    while (atomic_load(&is_in) == 0) {
        bias_enter(&bias);
        change_pair();
        ++*count;
        bias_leave(&bias);
    }
    return NULL;
}

static void bias_asked_lets_others_in_without_a_barrier(void **state)
{
    struct thread thread;
    unsigned count = 0;
    pair = (struct pair){0};
    atomic_store(&differences, 0);
    atomic_store(&is_in, 0);
    assert_int_equal(thread_start(&thread, "owner", come_by, &count), 0);
    for (int i = 0; i < 100; i++) {
        while (!bias_ask(&bias, false))
            sched_yield();
        change_pair();
        bias_release(&bias);
    }
    atomic_store(&is_in, 1);
    thread_join(&thread);
    assert_int_equal(atomic_load(&differences), 0);
    assert_int_equal(pair.one, count + 100);
    assert_int_equal(atomic_load(&barriers), 0);
}

static void *own(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        change_pair();
        if (i % REST_EVERY == 0) {
            bias_rest(&bias);
            sched_yield();
            bias_rise(&bias);
        } else {
            bias_leave(&bias);
            if (i % 2 || !bias_try_enter(&bias))
                bias_enter(&bias);
        }
    }
    bias_rest(&bias);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void *own_fenced(void *arg)
{
    bias_leave(&bias);
    for (int i = 0; i < ROUNDS; i++) {
        bias_enter_fenced(&bias);
        change_pair();
        bias_leave(&bias);
    }
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static bool get_in(void)
{
    if (is_asked)
        return bias_ask(&bias, may_stop);
    return is_fenced ? bias_seize_fenced(&bias) : bias_seize(&bias, may_stop);
}

/* Until the owner has ended; and once at least. Returns how often, in *arg. */
static void *seize(void *arg)
{
    unsigned *count = arg;
    for (int i = 0; *count == 0 || atomic_load(&ended) == 0; i++) {
        if (get_in()) {
            ++*count;
            change_pair();
            bias_release(&bias);
        }
        if (i % YIELD_EVERY == 0)
            sched_yield();
    }
    return NULL;
}

static void all_at_once(bool with_barrier)
{
    struct thread owner, seizers[SEIZERS];
    unsigned counts[SEIZERS] = {0}, sum = ROUNDS;
    may_stop = with_barrier;
    pair = (struct pair){0};
    atomic_store(&differences, 0);
    atomic_store(&ended, 0);
    for (int i = 0; i < SEIZERS; i++)
        assert_int_equal(thread_start(&seizers[i], "seizer", seize, &counts[i]), 0);
    assert_int_equal(thread_start(&owner, "owner", is_fenced ? own_fenced : own, NULL),
                     0);
    thread_join(&owner);
    for (int i = 0; i < SEIZERS; i++) {
        thread_join(&seizers[i]);
        sum += counts[i];
    }
    assert_int_equal(atomic_load(&differences), 0);
    assert_int_equal(pair.one, sum);
    assert_int_equal(pair.other, sum);
}

static void bias_keeps_the_owner_and_seizers_apart(void **state)
{
    need_barrier();
    all_at_once(true);
}

static void bias_keeps_a_resting_owner_and_seizers_apart(void **state)
{
    all_at_once(false);
}

static void bias_fenced_keeps_the_owner_and_seizers_apart(void **state)
{
    is_fenced = true;
    all_at_once(false);
    is_fenced = false;
    assert_int_equal(atomic_load(&barriers), 0);
}

static void bias_asked_keeps_the_owner_and_seizers_apart(void **state)
{
    is_asked = true;
    all_at_once(false);
    is_asked = false;
    assert_int_equal(atomic_load(&barriers), 0);
}

/* ---- after a fork ---- */

static void enter_broken(void)
{
    bias_break(&bias);
    bias_enter(&bias);
}

static void bias_broken_cannot_be_entered(void **state)
{
    int status = in_child(enter_broken);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define INSIDE(test) cmocka_unit_test_setup(test, make_inside)
#define OUTSIDE(test) cmocka_unit_test_setup(test, make_outside)
#define RESTING(test) cmocka_unit_test_setup(test, make_resting)

int main(void)
{
    TESTS(
        INSIDE(bias_at_first_the_owner_is_inside), INSIDE(bias_inside_cannot_be_seized),
        OUTSIDE(bias_outside_is_seized_with_a_barrier_only),
        OUTSIDE(bias_asked_in_vain_is_seized),
        RESTING(bias_resting_is_seized_without_a_barrier),
        RESTING(bias_is_seized_by_one_at_a_time),
        RESTING(bias_risen_is_inside_and_rests_no_more),
        OUTSIDE(bias_released_lets_its_owner_in), OUTSIDE(bias_try_enter_does_not_wait),
        OUTSIDE(bias_enter_waits_for_the_seizer),
        OUTSIDE(bias_asked_lets_others_in_without_a_barrier),
        RESTING(bias_rise_waits_for_the_seizer),
        INSIDE(bias_asked_keeps_the_owner_and_seizers_apart),
        INSIDE(bias_keeps_the_owner_and_seizers_apart),
        INSIDE(bias_keeps_a_resting_owner_and_seizers_apart),
        OUTSIDE(bias_fenced_needs_no_barrier),
        INSIDE(bias_fenced_keeps_the_owner_and_seizers_apart),
        OUTSIDE(bias_broken_cannot_be_entered));
    return RUN_TESTS();
}
