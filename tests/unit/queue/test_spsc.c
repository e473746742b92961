/* test_spsc.c: what is put into the places of a ring is taken, in order. */
#include "queue/spsc.h"

#include "support/support.h"

static struct spsc q;

static int make(void **state)
{
    spsc_init(&q);
    return 0;
}

static uint64_t put(uint64_t places)
{
    uint64_t at;
    assert_true(spsc_has_room(&q, places, &at));
    spsc_put(&q);
    return at;
}
static uint64_t take(uint64_t places)
{
    uint64_t at;
    assert_true(spsc_has_more(&q, places, &at));
    spsc_take(&q);
    return at;
}

static void spsc_is_empty_at_first(void **state)
{
    uint64_t at;
    assert_false(spsc_has_more(&q, 3, &at));
    assert_true(spsc_has_room(&q, 3, &at));
    assert_int_equal(at, 0);
}

static void spsc_uses_all_its_places(void **state)
{
    for (uint64_t places = 1; places <= 5; places++) {
        uint64_t at;
        spsc_init(&q);
        for (uint64_t i = 0; i < places; i++)
            assert_int_equal(put(places), i);
        assert_false(spsc_has_room(&q, places, &at));
        for (uint64_t i = 0; i < places; i++)
            assert_int_equal(take(places), i);
        assert_false(spsc_has_more(&q, places, &at));
    }
}

static void spsc_goes_around_any_number_of_places(void **state)
{
    for (uint64_t places = 1; places <= 5; places++) {
        spsc_init(&q);
        (void)put(places);
        for (uint64_t i = 1; i < 20; i++) {
            if (places > 1)
                assert_int_equal(put(places), i % places);
            assert_int_equal(take(places), (i - 1) % places);
            if (places == 1)
                assert_int_equal(put(places), 0);
        }
    }
}

int main(void)
{
    TESTS(cmocka_unit_test_setup(spsc_is_empty_at_first, make),
          cmocka_unit_test_setup(spsc_uses_all_its_places, make),
          cmocka_unit_test_setup(spsc_goes_around_any_number_of_places, make));
    return RUN_TESTS();
}
