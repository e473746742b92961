/* test_atomic.c: the looks at a word and the counter that stand on the hottest paths, at
 * the edges of what their operands hold. */
#include "base/atomic.h"

#include "support/support.h"

static ATOMIC(int16_t) word16;
static ATOMIC(uint32_t) word32;
static ATOMIC(uint64_t) word64;
static ATOMIC(char *) pointer;

static const int16_t edges16[] = {INT16_MIN, INT16_MIN + 1, -256, -128,     -1, 0,
                                  1,         127,           255,  INT16_MAX};
static const uint32_t edges32[] = {0,          1,          0xffff,     0x7fffffff,
                                   0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
static const uint64_t edges64[] = {0,
                                   1,
                                   2,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   INT64_MAX,
                                   (uint64_t)INT64_MAX + 1,
                                   UINT64_MAX - 0x80000000,
                                   UINT64_MAX - 0x7fffffff,
                                   UINT64_MAX - 1,
                                   UINT64_MAX};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EACH(i, array) for (size_t i = 0; i < COUNT(array); i++)

static void atomic_is16_compares_all_of_16_bits(void **state)
{
    EACH(a, edges16)
    EACH(b, edges16)
    {
        atomic_set(&word16, edges16[a]);
        assert_int_equal(is16_acquire(&word16, edges16[b]), a == b);
        /* As a worker's number is passed. */
        assert_int_equal(is16_acquire(&word16, (uint32_t)edges16[b]), a == b);
    }
}

static void atomic_is16_leaves_its_neighbours_alone(void **state)
{
    struct {
        ATOMIC(int16_t) before, it, after;
    } words;
    EACH(a, edges16)
    {
        atomic_set(&words.before, (int16_t)~edges16[a]);
        atomic_set(&words.it, edges16[a]);
        atomic_set(&words.after, (int16_t)~edges16[a]);
        assert_true(is16_acquire(&words.it, edges16[a]));
        assert_false(is16_acquire(&words.before, edges16[a]));
        assert_false(is16_acquire(&words.after, edges16[a]));
    }
}

static void atomic_is32_compares_all_of_32_bits(void **state)
{
    EACH(a, edges32)
    EACH(b, edges32)
    {
        atomic_set(&word32, edges32[a]);
        assert_int_equal(is32_acquire(&word32, edges32[b]), a == b);
    }
}

static void atomic_above64_is_without_sign(void **state)
{
    EACH(a, edges64)
    EACH(b, edges64)
    {
        atomic_set(&word64, edges64[a]);
        assert_int_equal(above64_acquire(&word64, edges64[b]), edges64[a] > edges64[b]);
    }
}

static void atomic_above64_looks_at_pointers(void **state)
{
    atomic_set(&pointer, NULL);
    assert_false(above64_acquire(&pointer, 0));
    assert_false(above64_acquire(&pointer, 1));
    atomic_set(&pointer, (char *)(uintptr_t)1);
    assert_true(above64_acquire(&pointer, 0));
    assert_false(above64_acquire(&pointer, 1));
    atomic_set(&pointer, (char *)(uintptr_t)2);
    assert_true(above64_acquire(&pointer, 1));
    atomic_set(&pointer, (char *)UINTPTR_MAX);
    assert_true(above64_acquire(&pointer, 1));
}

static void atomic_upper_is32_compares_the_upper_half_alone(void **state)
{
    EACH(upper, edges32)
    EACH(lower, edges32)
    {
        atomic_set(&word64, (uint64_t)edges32[upper] << 32 | edges32[lower]);
        EACH(x, edges32)
        assert_int_equal(upper_is32_acquire(&word64, edges32[x]), x == upper);
    }
}

/* Constants are operands of another kind than variables. */
static void atomic_looks_take_constants(void **state)
{
    atomic_set(&word16, -1);
    assert_true(is16_acquire(&word16, -1));
    assert_false(is16_acquire(&word16, INT16_MAX));
    atomic_set(&word16, INT16_MIN);
    assert_true(is16_acquire(&word16, INT16_MIN));
    atomic_set(&word32, UINT32_MAX);
    assert_true(is32_acquire(&word32, UINT32_MAX));
    assert_false(is32_acquire(&word32, 0x7fffffff));
    atomic_set(&word32, 0x80000000);
    assert_true(is32_acquire(&word32, 0x80000000));
    atomic_set(&word64, UINT64_MAX - 1);
    assert_true(above64_acquire(&word64, UINT64_C(0xffffffff)));
    assert_true(above64_acquire(&word64, UINT64_C(0x8000000000000000)));
    assert_false(above64_acquire(&word64, UINT64_MAX));
    assert_false(above64_acquire(&word64, UINT64_MAX - 1));
    assert_true(above64_acquire(&word64, UINT64_MAX - 2));
    assert_true(upper_is32_acquire(&word64, UINT32_MAX));
    assert_false(upper_is32_acquire(&word64, UINT32_MAX - 1));
    atomic_set(&word64, UINT32_MAX);
    assert_true(upper_is32_acquire(&word64, 0));
}

static void atomic_counter_adds_and_wraps_in_64_bits(void **state)
{
    EACH(a, edges64)
    EACH(b, edges64)
    {
        atomic_set(&word64, edges64[a]);
        counter_add(&word64, edges64[b]);
        assert_true(load_relaxed(&word64) == edges64[a] + edges64[b]);
    }
    atomic_set(&word64, UINT32_MAX);
    counter_add(&word64, 1);
    assert_true(load_relaxed(&word64) == UINT64_C(0x100000000));
    counter_add(&word64, 0x80000000);
    assert_true(load_relaxed(&word64) == UINT64_C(0x180000000));
}

int main(void)
{
    TESTS(cmocka_unit_test(atomic_is16_compares_all_of_16_bits),
          cmocka_unit_test(atomic_is16_leaves_its_neighbours_alone),
          cmocka_unit_test(atomic_is32_compares_all_of_32_bits),
          cmocka_unit_test(atomic_above64_is_without_sign),
          cmocka_unit_test(atomic_above64_looks_at_pointers),
          cmocka_unit_test(atomic_upper_is32_compares_the_upper_half_alone),
          cmocka_unit_test(atomic_looks_take_constants),
          cmocka_unit_test(atomic_counter_adds_and_wraps_in_64_bits));
    return RUN_TESTS();
}
