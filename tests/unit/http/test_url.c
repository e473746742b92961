/* test_url.c: where a request goes, and where an answer leads. */
#include "support/dice.h"
#include "support/support.h"

#include "http/head.h"
#include "http/url.h"
#include "http/validators.h"

#include <errno.h>

static cadre_http_text text_of(const char *text)
{
    return (cadre_http_text){text, strlen(text)};
}

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *authority, *target;
        uint16_t port;
    } cases[] = {
        {"http://a", "a", "a", "", 80},
        {"HTTP://A.b:81/c?d#e", "a.b", "A.b:81", "/c?d", 81},
        {"http://[::1]:8/x", "::1", "[::1]:8", "/x", 8},
        {"http://[::1]", "::1", "[::1]", "", 80},
        {"http://a:/", "a", "a:", "/", 80},
        {"http://a?b", "a", "a", "?b", 80},
        {"http://a:65535#", "a", "a:65535", "", 65535},
        {"https://a", "a", "a", "", 443},
        {"HTTPS://a:/b", "a", "a:", "/b", 443},
        {"https://[::1]:80", "::1", "[::1]:80", "", 80},
    };
    struct url url;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(url_parse(&url, text_of(cases[i].text)), 0);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.is_secure,
                         head_same((cadre_http_text){cases[i].text, 5}, "https"));
        assert_true(cadre_http_is(url.authority, cases[i].authority));
        assert_true(cadre_http_is(url.target, cases[i].target));
    }
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "http",
                                      "http:/",
                                      "http://",
                                      "http:///",
                                      "http://:80",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:8x",
                                      "http://[::1",
                                      "http://[]",
                                      "http://[::1]x",
                                      "http://u:p@a",
                                      "http://a,b",
                                      "https://.a",
                                      "https://[.a]",
                                      "http://a b",
                                      "http://a/\n",
                                      "ftp://a",
                                      "https:/a",
                                      "https//a",
                                      "//a",
                                      "/a",
                                      "http://a/\x80"};
    struct url url;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(url_parse(&url, text_of(bad[i])), -EINVAL);
}

static void locations_are_joined(void **state)
{
    static const struct {
        const char *base, *location, *is;
    } cases[] = {
        {"http://a/b/c?d", "e", "http://a/b/e"},
        {"http://a/b/c?d", "/e?f", "http://a/e?f"},
        {"http://a/b/c?d", "?f", "http://a/b/c?f"},
        {"http://a/b/c?d", "//x:8/y", "http://x:8/y"},
        {"http://a/b/c?d", "https://x/y", "https://x/y"},
        {"http://a:8", "e", "http://a:8/e"},
        {"http://a:8?x/y", "e", "http://a:8/e"},
        {"http://a/b", "", "http://a/"},
        {"https://a/b", "//x/y", "https://x/y"},
        {"https://a/b", "/e", "https://a/e"},
    };
    struct url url;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(url_parse(&url, text_of(cases[i].base)), 0);
        cadre_buf *joined = url_join(&url, text_of(cases[i].location));
        assert_string_equal(cadre_buf_data(joined), cases[i].is);
        cadre_buf_unref(joined);
    }
}

static void servers_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"http://a/x", "HTTP://A:80?y", true},    {"https://a", "https://a:443", true},
        {"http://a:443", "https://a:443", false}, {"https://a", "https://b", false},
        {"https://a:1", "https://a:2", false},
    };
    struct url a, b;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(url_parse(&a, text_of(cases[i].a)), 0);
        assert_int_equal(url_parse(&b, text_of(cases[i].b)), 0);
        assert_int_equal(url_is_same_server(&a, &b), cases[i].same);
    }
}

/* Any bytes, in a buffer of just that size. */
static void any_bytes_are_harmless(void **state)
{
    static const char marks[] = "http://[]:@/?#%a.1 \n\x80";
    struct dice dice = dice_new(1, 0);
    struct url url, base;
    assert_int_equal(url_parse(&base, text_of("http://a/b")), 0);
    for (unsigned round = 0; round < (is_long() ? 1000000 : 50000); round++) {
        size_t size = dice_below(&dice, 24), begin = dice_below(&dice, 2) ? 7 : 0;
        char *bytes = malloc(begin + size + 1);
        memcpy(bytes, "http://", begin);
        for (size_t i = 0; i < size; i++)
            bytes[begin + i] = marks[dice_below(&dice, sizeof marks)];
        cadre_http_text text = {bytes, begin + size};
        if (url_parse(&url, text) == 0) {
            assert_true(url.port > 0 && *url.host);
            assert_true(url.authority.size + url.target.size <= text.size);
        }
        cadre_buf *joined = url_join(&base, text);
        int err = url_parse(&url, url_text(joined));
        assert_true(err == 0 || err == -EINVAL);
        assert_true(date_parse(text) == -1);
        cadre_buf_unref(joined);
        free(bytes);
    }
}

static void dates_are_read(void **state)
{
    assert_int_equal(date_parse(text_of("Sun, 06 Nov 1994 08:49:37 GMT")), 784111777);
    assert_int_equal(date_parse(text_of("Thu, 01 Jan 1970 00:00:00 GMT")), 0);
    assert_int_equal(date_parse(text_of("Thu, 01 Foo 1970 00:00:00 GMT")), -1);
    assert_int_equal(date_parse(text_of("Sunday, 06-Nov-94 08:49:37 GMT")), -1);
    assert_int_equal(date_parse(text_of("")), -1);
}

int main(void)
{
    TESTS(cmocka_unit_test(urls_are_taken_apart), cmocka_unit_test(others_are_refused),
          cmocka_unit_test(locations_are_joined),
          cmocka_unit_test(servers_are_compared),
          cmocka_unit_test(any_bytes_are_harmless), cmocka_unit_test(dates_are_read));
    return RUN_TESTS();
}
