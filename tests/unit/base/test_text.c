/* test_text.c: lines without libc. */
#include "base/text.h"

#include "support/support.h"

static void text_puts_strings_and_numbers(void **state)
{
    char room[64];
    struct text t = text_begin(room, sizeof room);
    assert_string_equal(room, "");
    text_put(&t, "a ");
    text_decimal(&t, 0);
    text_put(&t, " ");
    text_decimal(&t, UINT64_MAX);
    text_put(&t, " ");
    text_hex(&t, 0x1f);
    text_hex(&t, 0);
    assert_string_equal(room, "a 0 18446744073709551615 0x1f0x0");
}

static void text_is_cut_off_where_the_room_ends(void **state)
{
    char room[] = "......";
    struct text t = text_begin(room, 4);
    text_put(&t, "ab");
    text_decimal(&t, 123);
    text_put(&t, "more");
    assert_memory_equal(room, "ab1\0..", 7);
    t = text_begin(room, 1);
    text_put(&t, "x");
    assert_memory_equal(room, "\0b1\0..", 7);
}

int main(void)
{
    TESTS(cmocka_unit_test(text_puts_strings_and_numbers),
          cmocka_unit_test(text_is_cut_off_where_the_room_ends));
    return RUN_TESTS();
}
