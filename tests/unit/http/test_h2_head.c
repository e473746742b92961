/* test_h2_head.c: fields of HTTP/2 become a head, judged as one of HTTP/1.1 is. */
#include "http/h2_head.h"

#include "support/support.h"

#include <stdio.h>

static const cadre_http_limits limits = {.head = 200, .fields = 4, .target = 20};
static cadre_http_request r;
static uint64_t length;

/* Names and values in turn, until a NULL. Returns the status; 0: r is to be dropped. */
static int parse(const char *const *fields)
{
    struct h2_head head = {0};
    struct head_framing framing;
    for (; *fields; fields += 2)
        assert_int_equal(h2_head_add(&head, &limits,
                                     (cadre_http_text){fields[0], strlen(fields[0])},
                                     (cadre_http_text){fields[1], strlen(fields[1])}),
                         0);
    int status = h2_head_parse(&head, &limits, &r, &framing, &length);
    h2_head_free(&head);
    return status;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})
#define GET ":method", "GET", ":scheme", "http", ":path", "/a?b=c"

static void request_is_as_of_http1(void **state)
{
    assert_int_equal(PARSE(":path", "/a?b=c", ":authority", "here:1", ":method", "PUT",
                           "content-length", "120", "x", ""),
                     0);
    assert_true(cadre_http_is(r.method, "PUT"));
    assert_true(cadre_http_is(r.target, "/a?b=c"));
    assert_true(cadre_http_is(r.path, "/a"));
    assert_true(cadre_http_is(r.query, "b=c"));
    assert_true(cadre_http_is(cadre_http_header(&r, "Host"), "here:1"));
    assert_int_equal(cadre_http_header(&r, "x").size, 0);
    assert_non_null(cadre_http_header(&r, "x").at);
    assert_int_equal(length, 120);
    cadre_http_request_type.drop(&r);
}

static void cookies_are_one(void **state)
{
    assert_int_equal(
        PARSE(GET, ":authority", "a", "cookie", "b=c", "x", "y", "cookie", "d=e"), 0);
    assert_true(cadre_http_is(cadre_http_header(&r, "cookie"), "b=c; d=e"));
    cadre_http_request_type.drop(&r);
    assert_int_equal(PARSE(GET, ":authority", "a", "cookie", "", "cookie", ""), 0);
    assert_true(cadre_http_is(cadre_http_header(&r, "cookie"), ";"));
    cadre_http_request_type.drop(&r);
}

static void there_is_one_host(void **state)
{
    assert_int_equal(PARSE(GET, "host", "a"), 0);
    assert_true(cadre_http_is(cadre_http_header(&r, "host"), "a"));
    cadre_http_request_type.drop(&r);
    assert_int_equal(PARSE(GET, ":authority", "a", "host", "a"), 0);
    cadre_http_request_type.drop(&r);
    assert_int_equal(PARSE(GET), 400);
    assert_int_equal(PARSE(GET, ":authority", "a", "host", "b"), 400);
    assert_int_equal(PARSE(GET, "host", "a", "host", "a"), 400);
    assert_int_equal(PARSE(GET, ":authority", "a b"), 400);
}

/* What nghttp2 lets through by mistake would be refused, or cut nothing in two. */
static void splitting_is_refused(void **state)
{
    assert_int_equal(PARSE(GET, ":authority", "a", "x", "y\r\nz: a"), 400);
    assert_int_equal(PARSE(GET, ":authority", "a", "x", "y\nz"), 400);
    assert_int_equal(PARSE(GET, ":authority", "a", "x", "y\r\n\r\nz"), 400);
    assert_int_equal(
        PARSE(":method", "GET / HTTP/1.1\r\nx:", ":path", "/", "host", "a"), 400);
    assert_int_equal(PARSE(":method", "GET", ":path", "/ b", "host", "a"), 400);
    assert_int_equal(PARSE(":method", "GET", ":path", "/#b", "host", "a"), 400);
    assert_int_equal(PARSE(":method", "GET", ":path", "//", "host", "a"), 0);
    cadre_http_request_type.drop(&r);
    assert_int_equal(PARSE(":method", "GET", ":path", "//", "host", "a", "b c", "d"),
                     400);
    assert_int_equal(PARSE(":method", "get", ":path", "/", "host", "a"), 501);
    assert_int_equal(PARSE(":method", "UNHEARD", ":path", "/", "host", "a"), 501);
    assert_int_equal(PARSE(":method", "GET", "host", "a"), 400);
    assert_int_equal(PARSE(":method", "CONNECT", ":authority", "a:1"), 501);
}

static void limits_hold(void **state)
{
    char large[210];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_int_equal(PARSE(GET, ":authority", "a", "b", large), 431);
    assert_int_equal(PARSE(GET, "host", "a", "b", "", "c", "", "d", ""), 0);
    cadre_http_request_type.drop(&r);
    assert_int_equal(PARSE(GET, "host", "a", "b", "", "c", "", "d", "", "e", ""), 431);
    assert_int_equal(
        PARSE(":method", "GET", ":path", "/12345678901234567890", "host", "a"), 414);
}

static void it_is_used_again(void **state)
{
    struct h2_head head = {0};
    struct head_framing framing;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(h2_head_add(&head, &limits, (cadre_http_text){":method", 7},
                                     (cadre_http_text){"GET", 3}),
                         0);
        assert_int_equal(h2_head_add(&head, &limits, (cadre_http_text){":path", 5},
                                     (cadre_http_text){"/", 1}),
                         0);
        assert_int_equal(h2_head_add(&head, &limits, (cadre_http_text){"host", 4},
                                     (cadre_http_text){"a", 1}),
                         0);
        assert_int_equal(h2_head_parse(&head, &limits, &r, &framing, &length), 0);
        cadre_http_request_type.drop(&r);
        h2_head_clear(&head);
    }
    h2_head_free(&head);
}

int main(void)
{
    TESTS(cmocka_unit_test(request_is_as_of_http1), cmocka_unit_test(cookies_are_one),
          cmocka_unit_test(there_is_one_host), cmocka_unit_test(splitting_is_refused),
          cmocka_unit_test(limits_hold), cmocka_unit_test(it_is_used_again));
    return RUN_TESTS();
}
