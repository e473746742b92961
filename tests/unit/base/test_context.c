/* test_context.c: contexts stand where they left, with all that a call must keep. */
#include "base/context.h"

#include "support/support.h"

#include <execinfo.h>
#include <pthread.h>

#ifdef CC_TSAN
#define TELLS_SANITIZER 1
#else
#define TELLS_SANITIZER CC_ASAN
#endif
enum { ROOM = 64 << 10, MANY = 1000000, FEW = 20000 };

static struct context mine, other;
static alignas(64) char room[ROOM], room2[ROOM];
static uint64_t count;

static void make(struct context *c, void (*entry)(void *), void *arg)
{
    context_make(c, room, sizeof room, entry, arg);
}

static void count_for_ever(void *arg)
{
    for (;;) {
        count += *(uint64_t *)arg;
        context_switch(&other, &mine);
    }
}

static void context_goes_back_and_forth(void **state)
{
    uint64_t step = 3, times = TELLS_SANITIZER ? FEW : MANY;
    count = 0;
    make(&other, count_for_ever, &step);
    for (uint64_t i = 1; i <= times; i++) {
        context_switch(&mine, &other);
        assert_int_equal(count, 3 * i);
    }
    context_drop(&other);
}

/* ---- what is kept ---- */

/* More values than there are registers, alive across switches. Returns a sum of them. */
static CC_NOINLINE uint64_t churn(struct context *me, struct context *to, uint64_t seed,
                                  int times)
{
    uint64_t a = seed, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13,
             g = a * 17;
    double u = (double)seed, v = u * 3, w = u * 5, x = u * 7, y = u * 11, z = u * 13;
    for (int i = 0; i < times; i++) {
        context_switch(me, to);
        a++, b += a, c ^= b, d += c, e ^= d, f += e, g ^= f;
        u += 1, v += u, w += v, x -= w, y += x, z -= y;
    }
    return a + b + c + d + e + f + g + (uint64_t)(int64_t)(u + v + w + x + y + z);
}

static struct context nobody;
static void go_back(void *arg)
{
    for (;;)
        context_switch(&nobody, &mine);
}

enum { ROUNDS = 20 };
static uint64_t theirs;
static void churn_there(void *arg)
{
    theirs = churn(&other, &mine, 1000003, ROUNDS);
    context_leave(&other, &mine);
}

static void context_keeps_registers(void **state)
{
    context_make(&nobody, room2, sizeof room2, go_back, NULL);
    uint64_t here = churn(&mine, &nobody, 77, ROUNDS + 1);
    uint64_t there = churn(&mine, &nobody, 1000003, ROUNDS);
    make(&other, churn_there, NULL);
    assert_int_equal(churn(&mine, &other, 77, ROUNDS + 1), here);
    assert_int_equal(theirs, there);
    context_drop(&other);
    context_drop(&nobody);
}

/* One of four modes, for all arithmetic. (fesetround would need libm.) False: unknown
 * how. */
static bool set_rounding(unsigned mode)
{
#if defined(__x86_64__)
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    x87 = (uint16_t)((x87 & ~0xc00u) | mode << 10);
    __asm__ volatile("fldcw %0" : : "m"(x87));
    __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~0x6000u) | mode << 13);
    return true;
#elif defined(__aarch64__)
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    __asm__ volatile("msr fpcr, %0" : : "r"((word & ~0xc00000ul) | mode << 22));
    return true;
#else
    return false;
#endif
}

static void context_control_is_what_was_set(void **state)
{
    uint64_t words[4];
    for (unsigned i = 0; i < 4; i++) {
        if (!set_rounding(i))
            skip();
        words[i] = context_control();
        assert_true(i == 0 || words[i] != words[i - 1]);
    }
    for (unsigned i = 0; i < 4; i++) {
        context_set_control(words[i]);
        assert_int_equal(context_control(), words[i]);
    }
    context_set_control(words[0]);
}

/* ---- the stack ---- */

static CC_NOINLINE unsigned dive(unsigned depth)
{
    unsigned char here[256];
    memset(here, (int)depth, sizeof here);
    context_switch(&other, &mine);
    unsigned below = depth > 0 ? dive(depth - 1) : 0;
    for (size_t i = 0; i < sizeof here; i++)
        if (here[i] != (unsigned char)depth)
            return UINT32_MAX / 2;
    return below + 1;
}

enum { DEPTH = 60 };
static unsigned dived;
static uintptr_t aligned;
static void dive_there(void *arg)
{
    alignas(16) char here[16];
    here[0] = 1;
    aligned = (uintptr_t)here % 16;
    dived = dive(DEPTH);
    context_leave(&other, &mine);
}

static void context_uses_its_stack(void **state)
{
    memset(room, 0, sizeof room);
    make(&other, dive_there, NULL);
    aligned = 1;
    for (int i = 0; i <= DEPTH + 1; i++)
        context_switch(&mine, &other);
    assert_int_equal(dived, DEPTH + 1);
    assert_int_equal(aligned, 0);
    context_drop(&other);
}

static void *frames[64];
static int frame_count;
static CC_NOINLINE void look_back(void) { frame_count = backtrace(frames, 64); }

static void look_back_there(void *arg)
{
    look_back();
    context_leave(&other, &mine);
}

/* A few frames, and not those of whoever switched. */
static void context_ends_a_backtrace(void **state)
{
    make(&other, look_back_there, NULL);
    context_switch(&mine, &other);
    assert_in_range(frame_count, 1, 8);
    context_drop(&other);
}

/* ---- many ---- */

enum { RING = 8, TURNS = 100 };
static struct context ring[RING];
static alignas(64) char rooms[RING][ROOM];
static unsigned turns[RING];

static void pass_on(void *arg)
{
    size_t i = (size_t)(uintptr_t)arg;
    for (;;) {
        turns[i]++;
        context_switch(&ring[i], i + 1 < RING ? &ring[i + 1] : &mine);
    }
}

static void context_ring_goes_round(void **state)
{
    for (size_t i = 0; i < RING; i++)
        context_make(&ring[i], rooms[i], ROOM, pass_on, (void *)(uintptr_t)i);
    for (unsigned n = 1; n <= TURNS; n++) {
        context_switch(&mine, &ring[0]);
        for (size_t i = 0; i < RING; i++)
            assert_int_equal(turns[i], n);
    }
    for (size_t i = 0; i < RING; i++)
        context_drop(&ring[i]);
}

static void leave_at_once(void *arg)
{
    count++;
    context_leave(&other, &mine);
}

static void context_that_was_left_leaves_its_stack(void **state)
{
    uint64_t times = TELLS_SANITIZER ? 200 : 2000;
    count = 0;
    for (uint64_t i = 0; i < times; i++) {
        make(&other, leave_at_once, NULL);
        context_switch(&mine, &other);
        context_drop(&other);
    }
    assert_int_equal(count, times);
}

/* Each thread has contexts of its own. */
struct pair {
    struct context here, there;
    uint64_t count;
    char room[ROOM];
};
static struct pair pairs[2];

static void count_in_pair(void *arg)
{
    struct pair *p = arg;
    for (;;) {
        p->count++;
        context_switch(&p->there, &p->here);
    }
}

static void *switch_on_a_thread(void *arg)
{
    struct pair *p = arg;
    context_make(&p->there, p->room, ROOM, count_in_pair, p);
    for (int i = 0; i < FEW; i++)
        context_switch(&p->here, &p->there);
    context_drop(&p->there);
    return NULL;
}

static void context_switches_on_two_threads(void **state)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, switch_on_a_thread, &pairs[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(pairs[i].count, FEW);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(context_goes_back_and_forth),
          cmocka_unit_test(context_keeps_registers),
          cmocka_unit_test(context_control_is_what_was_set),
          cmocka_unit_test(context_uses_its_stack),
          cmocka_unit_test(context_ends_a_backtrace),
          cmocka_unit_test(context_ring_goes_round),
          cmocka_unit_test(context_that_was_left_leaves_its_stack),
          cmocka_unit_test(context_switches_on_two_threads));
    return RUN_TESTS();
}
