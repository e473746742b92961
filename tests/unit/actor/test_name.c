/* test_name.c: what may be a name, character by character, and names as words. */
#include "actor/name.h"

#include "support/support.h"

#define GOOD(text) assert_null(name_flaw(text))
#define BAD(text, why) assert_string_equal(name_flaw(text), why)
#define NOT_UTF8(text) BAD(text, "is not UTF-8")
#define CONTROL(text) BAD(text, "has a control character")
#define DIRECTION(text) BAD(text, "has a mark of direction")

static void name_lengths(void **state)
{
    char text[CADRE_NAME_MAX + 2] = {0};
    struct name name;
    BAD(NULL, "is NULL");
    BAD("", "is empty");
    assert_false(name_read(&name, NULL, 0));
    assert_false(name_read(&name, "", 0));
    for (uint32_t n = 1; n <= CADRE_NAME_MAX; n++) {
        text[n - 1] = 'x';
        GOOD(text);
        memset(&name, 0xff, sizeof name);
        assert_true(name_read(&name, text, 0));
        assert_int_equal(name.words, n / 8 + 1);
        assert_memory_equal(name.word, text, n + 1); /* with the final zero */
    }
    text[CADRE_NAME_MAX] = 'x';
    BAD(text, "is longer than 255 bytes");
    assert_false(name_read(&name, text, 0));
}

static void name_of_any_script(void **state)
{
    GOOD("printer");
    GOOD("a b/c:d#1~");
    GOOD("\xc3\xa4 \xc3\x9f");                /* Latin */
    GOOD("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"); /* Hebrew */
    GOOD("\xe6\x9d\xb1\xe4\xba\xac");         /* Chinese */
    GOOD("\xf0\x9f\x98\x80");                 /* beyond 16 bits */
    GOOD("\xed\x9f\xbf\xee\x80\x80");         /* around the surrogates */
    GOOD("\xf4\x8f\xbf\xbf");                 /* the last one */
    GOOD(
        "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80"); /* ends of ranges */
}

static void name_not_utf8(void **state)
{
    NOT_UTF8("\x80");
    NOT_UTF8("a\xbf");
    NOT_UTF8("\xc0\x80"); /* longer than needed: a zero ... */
    NOT_UTF8("\xc1\xbf");
    NOT_UTF8("\xe0\x9f\xbf");
    NOT_UTF8("\xf0\x8f\xbf\xbf");
    NOT_UTF8("\xc3"); /* cut off */
    NOT_UTF8("\xe2\x82");
    NOT_UTF8("\xf0\x9f\x98");
    NOT_UTF8("\xc3(");
    NOT_UTF8("\xe2(\x82");
    NOT_UTF8("\xf0\x9f\x98x");
    NOT_UTF8("\xed\xa0\x80"); /* surrogates */
    NOT_UTF8("\xed\xbf\xbf");
    NOT_UTF8("\xf4\x90\x80\x80"); /* past the end */
    NOT_UTF8("\xf5\x80\x80\x80");
    NOT_UTF8("\xff");
}

static void name_that_spoils_a_line(void **state)
{
    for (char c = 1; c < 0x20; c++)
        CONTROL(((char[]){'a', c, 0}));
    CONTROL("\x7f");
    CONTROL("\x1b[31m");
    for (int c = 0x80; c < 0xa0; c++)
        CONTROL(((char[]){(char)0xc2, (char)c, 0}));
    CONTROL("\xe2\x80\xa8");
    CONTROL("\xe2\x80\xa9");
    DIRECTION("a\xd8\x9c");
    for (int c = 0x8e; c <= 0x8f; c++)
        DIRECTION(((char[]){(char)0xe2, (char)0x80, (char)c, 0}));
    for (int c = 0xaa; c <= 0xae; c++)
        DIRECTION(((char[]){(char)0xe2, (char)0x80, (char)c, 0}));
    for (int c = 0xa6; c <= 0xa9; c++)
        DIRECTION(((char[]){(char)0xe2, (char)0x81, (char)c, 0}));
    GOOD("\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"); /* their neighbours */
}

static void name_hash_depends_on_all(void **state)
{
    struct name a, b;
    char text[] = "abcdefghijklmnopqrstuvwxyz";
    assert_true(name_read(&a, text, 1));
    assert_true(name_read(&b, text, 1));
    assert_true(a.hash == b.hash);
    assert_true(name_read(&b, text, 2));
    assert_true(a.hash != b.hash);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] ^= 1;
        assert_true(name_read(&b, text, 1));
        assert_true(a.hash != b.hash);
        text[i] ^= 1;
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(name_lengths), cmocka_unit_test(name_of_any_script),
          cmocka_unit_test(name_not_utf8), cmocka_unit_test(name_that_spoils_a_line),
          cmocka_unit_test(name_hash_depends_on_all));
    return RUN_TESTS();
}
