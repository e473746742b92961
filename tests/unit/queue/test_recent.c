/* test_recent.c: what was noted last is there, and whole. */
#include "queue/recent.h"

#include "support/support.h"

#include <pthread.h>

static struct recent recent;
static uint64_t words[RECENT_WORDS];

static int make(void **state)
{
    recent_init(&recent);
    return 0;
}

static uint64_t word(uint64_t n, int i) { return n * 10 + (uint64_t)i; }

static void note(uint64_t n)
{
    recent_add(&recent, word(n, 0), word(n, 1), word(n, 2), word(n, 3));
}
static void note_up_to(uint64_t end)
{
    for (uint64_t n = recent_count(&recent); n < end; n++)
        note(n);
}

static bool is_whole(uint64_t n)
{
    for (int i = 0; i < RECENT_WORDS; i++)
        if (words[i] != word(n, i))
            return false;
    return true;
}

static void recent_is_empty_at_first(void **state)
{
    assert_int_equal(recent_count(&recent), 0);
    assert_false(recent_get(&recent, 0, words));
    assert_false(recent_get(&recent, UINT64_MAX, words));
}

static void recent_gives_what_was_noted(void **state)
{
    note_up_to(3);
    assert_int_equal(recent_count(&recent), 3);
    for (uint64_t n = 0; n < 3; n++) {
        assert_true(recent_get(&recent, n, words));
        assert_true(is_whole(n));
    }
    assert_false(recent_get(&recent, 3, words));
}

static void recent_forgets_the_oldest(void **state)
{
    for (uint64_t end = RECENT_SIZE - 2; end < 3 * RECENT_SIZE; end++) {
        note_up_to(end);
        uint64_t kept = end < RECENT_SIZE - 1 ? end : RECENT_SIZE - 1;
        for (uint64_t n = 0; n <= end; n++) {
            assert_int_equal(recent_get(&recent, n, words), n < end && n >= end - kept);
            assert_true(n >= end || n < end - kept || is_whole(n));
        }
    }
}

/* ---- while somebody writes ---- */

enum { NOTED = 200000 };

static void *note_all(void *arg)
{
    note_up_to(NOTED);
    return NULL;
}

static void recent_is_whole_while_somebody_writes(void **state)
{
    pthread_t writer;
    uint64_t looks = 0, torn = 0, count;
    assert_int_equal(pthread_create(&writer, NULL, note_all, NULL), 0);
    do {
        count = recent_count(&recent);
        for (uint64_t i = 1; i <= RECENT_SIZE && i <= count; i++, looks++)
            torn += recent_get(&recent, count - i, words) && !is_whole(count - i);
    } while (count < NOTED);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_true(looks > 0);
    assert_int_equal(torn, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test_setup(recent_is_empty_at_first, make),
          cmocka_unit_test_setup(recent_gives_what_was_noted, make),
          cmocka_unit_test_setup(recent_forgets_the_oldest, make),
          cmocka_unit_test_setup(recent_is_whole_while_somebody_writes, make));
    return RUN_TESTS();
}
