/* test_rng.c: the published values, streams that do not meet, numbers below a bound. */
#include "base/rng.h"

#include "support/support.h"

static void assert_draws(uint64_t seed, const uint64_t expected[4])
{
    struct rng rng = {seed};
    for (int i = 0; i < 4; i++)
        assert_true(rng_next(&rng) == expected[i]);
}

/* What the reference implementation of SplitMix64 gives. */
static void rng_next_gives_the_published_values(void **state)
{
    static const uint64_t of_0[] = {
        UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
        UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ec)};
    static const uint64_t of_1234567[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    assert_draws(0, of_0);
    assert_draws(1234567, of_1234567);
}

static void rng_stream_of_same_seed_and_purpose_repeats(void **state)
{
    struct rng a = rng_stream(42, 7), b = rng_stream(42, 7);
    for (int i = 0; i < 1000; i++)
        assert_true(rng_next(&a) == rng_next(&b));
}

static void rng_streams_of_small_seeds_and_purposes_all_differ(void **state)
{
    enum { SEEDS = 16, PURPOSES = 64 };
    static uint64_t first[SEEDS * PURPOSES];
    for (uint64_t i = 0; i < SEEDS * PURPOSES; i++) {
        struct rng rng = rng_stream(i / PURPOSES, i % PURPOSES);
        first[i] = rng_next(&rng);
        for (uint64_t before = 0; before < i; before++)
            assert_true(first[before] != first[i]);
    }
}

static void rng_below_one_is_zero(void **state)
{
    struct rng rng = rng_stream(1, 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rng_below(&rng, 1), 0);
}

static void rng_below_stays_below(void **state)
{
    static const uint32_t bounds[] = {2, 3, 64, 1000, UINT32_C(1) << 31, UINT32_MAX};
    struct rng rng = rng_stream(2, 1);
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++)
        for (int i = 0; i < 1000; i++)
            assert_true(rng_below(&rng, bounds[b]) < bounds[b]);
}

static void rng_below_is_even(void **state)
{
    enum { SIDES = 10, DRAWS = 100000 };
    unsigned seen[SIDES] = {0};
    struct rng rng = rng_stream(3, 1);
    for (int i = 0; i < DRAWS; i++)
        seen[rng_below(&rng, SIDES)]++;
    for (int i = 0; i < SIDES; i++)
        assert_in_range(seen[i], DRAWS / SIDES * 95 / 100, DRAWS / SIDES * 105 / 100);
}

static void rng_below_moves_the_stream_by_one_draw(void **state)
{
    struct rng a = rng_stream(4, 1), b = a;
    (void)rng_below(&a, 5);
    (void)rng_next(&b);
    assert_true(rng_next(&a) == rng_next(&b));
}

static void rng_entropy_differs_each_time(void **state)
{
    assert_true(rng_entropy() != rng_entropy());
}

int main(void)
{
    TESTS(cmocka_unit_test(rng_next_gives_the_published_values),
          cmocka_unit_test(rng_stream_of_same_seed_and_purpose_repeats),
          cmocka_unit_test(rng_streams_of_small_seeds_and_purposes_all_differ),
          cmocka_unit_test(rng_below_one_is_zero),
          cmocka_unit_test(rng_below_stays_below), cmocka_unit_test(rng_below_is_even),
          cmocka_unit_test(rng_below_moves_the_stream_by_one_draw),
          cmocka_unit_test(rng_entropy_differs_each_time));
    return RUN_TESTS();
}
