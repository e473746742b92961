/* test_parser.c: the parser gets bytes in any pieces, and bytes that are anything.
 *
 * All that it is given is in a buffer of just that size, so that a sanitizer sees every
 * step beyond. */
#include "support/dice.h"
#include "support/support.h"

#include "http/parser.h"

#include <stdio.h>

static const cadre_http_limits limits = {
    .head = 2000, .fields = 20, .target = 200, .body = 300};

#define HOST "Host: here\r\n"
#define FIFTY "/123456789/123456789/123456789/123456789/123456789"

static const char *const requests[] = {
    "GET / HTTP/1.1\r\n" HOST "\r\n",
    "\r\nGET /a/b?c=d HTTP/1.1\r\n" HOST
    "Accept: */*\r\nEmpty:\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcdeGET /x HTTP/1.1\r\n" HOST
    "\r\n",
    "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n"
    "1\r\nd\r\n0\r\nTrailer: x\r\n\r\nHEAD / HTTP/1.1\r\n" HOST "\r\n",
    "OPTIONS * HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "GET http://here/?q HTTP/1.1\r\n" HOST
    "Connection: upgrade, close\r\nUpgrade: a\r\n\r\n",
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
    "GET / HTTP/1.1\r\n" HOST "A: b\nC: d\r\n\r\n",
    /* First lines that are too long, and do not end well; and of just the limit. */
    "GET " FIFTY FIFTY FIFTY FIFTY FIFTY " HTTP/1.1\n" HOST "\r\n",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD " FIFTY FIFTY FIFTY FIFTY " HTTP/1.1\r\n" HOST
    "\r\n",
};

static const char *const answers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nabcdeHTTP/1.0 204 \r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: "
    "chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\nHTTP/1.1 304 x\r\n"
    "Content-Length: 7\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\n",
};

/* Both kinds of what is read. */
struct side {
    bool is_client;
    const char *const *samples;
    size_t count;
};
static const struct side sides[] = {
    {false, requests, sizeof requests / sizeof *requests},
    {true, answers, sizeof answers / sizeof *answers}};
static const struct side *side = &sides[0];

/* ---- what it says, as text ---------------------------------------------------- */

struct story {
    char text[4096];
    size_t used;
    int event; /* the last one */
};

static void tell(struct story *story, cadre_http_text text)
{
    size_t room = sizeof story->text - story->used;
    int n = snprintf(story->text + story->used, room, "%.*s|", (int)text.size,
                     text.at ? text.at : "");
    assert_true(n >= 0 && (size_t)n < room);
    story->used += (size_t)n;
}

static void tell_number(struct story *story, uint32_t value)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%u", value);
    tell(story, (cadre_http_text){text, (size_t)n});
}

static void tell_request(struct story *story, struct parser *p)
{
    cadre_http_request *r = &p->request;
    cadre_http_text name, value;
    if (side->is_client)
        tell_number(story, p->answer);
    tell(story, r->method);
    tell(story, r->path);
    tell(story, r->query);
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++) {
        tell(story, name);
        tell(story, value);
    }
    tell(story,
         (cadre_http_text){(char *)cadre_buf_data(r->body), cadre_buf_size(r->body)});
    assert_true(cadre_buf_size(r->body) <= limits.body);
    cadre_http_request_type.drop(r);
    *r = (cadre_http_request){0};
}

/* Gives it what is in `bytes` up to `end` and was not used; returns how much is. */
static size_t give(struct parser *p, struct story *story, const char *bytes,
                   size_t used, size_t end)
{
    int event = PARSER_HEAD;
    while (event == PARSER_HEAD || event == PARSER_END) {
        size_t n, size = end - used;
        char *exact = malloc(size ? size : 1);
        memcpy(exact, bytes + used, size);
        event = parser_next(p, exact, size, &n);
        free(exact);
        assert_true(n <= size);
        used += n;
        if (event == PARSER_END)
            tell_request(story, p);
    }
    story->event = event;
    return used;
}

/* In pieces that end at the places given, and at the end. */
static void parse(struct story *story, const char *bytes, size_t size,
                  const size_t *ends, size_t count)
{
    struct parser p;
    size_t used = 0;
    *story = (struct story){0};
    if (side->is_client)
        parser_init_client(&p, &limits);
    else
        parser_init(&p, &limits, NULL);
    for (size_t i = 0; i <= count && story->event < 400; i++)
        used = give(&p, story, bytes, used, i < count ? ends[i] : size);
    parser_free(&p);
}

static void assert_same(const struct story *a, const struct story *b)
{
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->event, b->event);
}

/* ---- tests -------------------------------------------------------------------- */

static void split_everywhere(const char *sample)
{
    struct story whole, split;
    size_t size = strlen(sample), each[512];
    parse(&whole, sample, size, NULL, 0);
    for (size_t i = 0; i <= size; i++)
        for (size_t j = i; j <= size; j++) {
            parse(&split, sample, size, (const size_t[]){i, j}, 2);
            assert_same(&split, &whole);
        }
    for (size_t i = 0; i < size; i++)
        each[i] = i;
    parse(&split, sample, size, each, size);
    assert_same(&split, &whole);
}

static void every_split_is_the_same(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        side = &sides[i];
        for (size_t s = 0; s < side->count; s++)
            split_everywhere(side->samples[s]);
    }
}

#define CHUNKS "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* What is expected of `first`, then so many bytes, then `last`. */
static void expect_status(int status, const char *first, size_t many, const char *last)
{
    static char bytes[4096];
    static size_t each[4096];
    struct story story;
    size_t begin = strlen(first), size = begin + many + strlen(last);
    memcpy(bytes, first, begin);
    memset(bytes + begin, 'x', many);
    memcpy(bytes + begin + many, last, strlen(last));
    parse(&story, bytes, size, NULL, 0);
    assert_int_equal(story.event, status);
    for (size_t i = 0; i < size; i++) {
        parse(&story, bytes, size, &i, 1);
        assert_int_equal(story.event, status);
        each[i] = i;
    }
    parse(&story, bytes, size, each, size);
    assert_int_equal(story.event, status);
}

/* What is wrong first counts, whether it was all there or came byte by byte. */
static void wrong_and_too_large_has_one_status(void **state)
{
    side = &sides[0];
    expect_status(431, CHUNKS "1;", 2001, "\x01\r\nx\r\n");
    expect_status(400, CHUNKS "1;", 2000, "\x01\r\nx\r\n");
    expect_status(400, CHUNKS "1;\x01", 2001, "\r\nx\r\n");
    expect_status(431, CHUNKS "0\r\n", 2001, "\x01: y\r\n\r\n");
    expect_status(400, CHUNKS "0\r\n", 2000, "\x01: y\r\n\r\n");
    expect_status(431, CHUNKS "0\r\nT:", 2000, "\x01\r\n\r\n");
    expect_status(400, CHUNKS "0\r\nT:", 1999, "\x01\r\n\r\n");
    expect_status(413, CHUNKS "7d0\r\n", 2000, "y\r\n");
    expect_status(400, CHUNKS "2\r\n", 3, "\r\n");
}

/* So does which of the limits a first line is over. */
static void too_long_line_has_one_status(void **state)
{
    static const struct {
        uint32_t head, target;
        int status;
    } cases[] = {{100, 60, 431}, {100, 59, 414}, {100, 61, 431}, {60, 500, 431}};
    char bytes[201];
    memset(bytes, 'x', 200);
    bytes[200] = '\n';
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cadre_http_limits few = {.head = cases[i].head,
                                       .target = cases[i].target};
        size_t seen = 0, size = 0;
        int status = 0;
        bool is_whole;
        assert_int_equal(head_scan(&few, bytes, sizeof bytes, &seen, &is_whole),
                         cases[i].status);
        for (seen = 0; !status; size++)
            status = head_scan(&few, bytes, size, &seen, &is_whole);
        assert_int_equal(status, cases[i].status);
    }
}

static void samples_are_understood(void **state)
{
    struct story story;
    side = &sides[0];
    parse(&story, requests[1], strlen(requests[1]), NULL, 0);
    assert_string_equal(story.text,
                        "GET|/a/b|c=d|Host|here|Accept|*/*|Empty|||GET|/|||");
    parse(&story, requests[3], strlen(requests[3]), NULL, 0);
    assert_string_equal(
        story.text,
        "PUT|/||Host|here|Transfer-Encoding|chunked|abcd|HEAD|/||Host|here||");
    assert_int_equal(story.event, PARSER_MORE);
    parse(&story, requests[7], strlen(requests[7]), NULL, 0);
    assert_string_equal(story.text, "");
    assert_int_equal(story.event, 400);
    side = &sides[1];
    parse(&story, answers[0], strlen(answers[0]), NULL, 0);
    assert_string_equal(story.text, "200||||Content-Length|5|A|b|abcde|204|||||");
    parse(&story, answers[1], strlen(answers[1]), NULL, 0);
    assert_string_equal(story.text, "100|||||404||||Transfer-Encoding|chunked|abc|"
                                    "304||||Content-Length|7||");
    parse(&story, answers[3], strlen(answers[3]), NULL, 0);
    assert_string_equal(story.text, "");
    assert_int_equal(story.event, 400);
}

/* One change: a byte, some that go, or some of another sample. */
static size_t change(struct dice *dice, char *bytes, size_t size)
{
    static const char marks[] = "\r\n :;,\t\0\x80\xff"
                                "0aA-+%";
    size_t at = dice_below(dice, (uint32_t)size), n = 1 + dice_below(dice, 8);
    const char *other = side->samples[dice_below(dice, (uint32_t)side->count)];
    size_t from = dice_below(dice, (uint32_t)strlen(other));
    n = n < size - at ? n : size - at;
    switch (dice_below(dice, 4)) {
    case 0:
        bytes[at] = (char)dice_below(dice, 256);
        return size;
    case 1:
        bytes[at] = marks[dice_below(dice, sizeof marks)];
        return size;
    case 2:
        memmove(bytes + at, bytes + at + n, size - at - n);
        return size - n > 0 ? size - n : size;
    default:
        n = n < strlen(other) - from ? n : strlen(other) - from;
        memmove(bytes + at + n, bytes + at, size - at);
        memcpy(bytes + at, other + from, n);
        return size + n;
    }
}

/* It says something, the same for any pieces, and nothing is read or left behind that
 * should not be. */
static void mutations_are_harmless(void **state)
{
    struct dice dice = dice_new(1, 0);
    struct story whole, split;
    for (unsigned round = 0; round < (is_long() ? 1000000 : 20000); round++) {
        char bytes[512];
        side = &sides[round % 2];
        const char *sample = side->samples[dice_below(&dice, (uint32_t)side->count)];
        size_t size = strlen(sample);
        memcpy(bytes, sample, size);
        for (uint32_t i = 1 + dice_below(&dice, 4); i-- > 0;)
            size = change(&dice, bytes, size);
        size_t end = dice_below(&dice, (uint32_t)size + 1);
        parse(&whole, bytes, size, NULL, 0);
        parse(&split, bytes, size, &end, 1);
        assert_same(&split, &whole);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(every_split_is_the_same),
          cmocka_unit_test(wrong_and_too_large_has_one_status),
          cmocka_unit_test(too_long_line_has_one_status),
          cmocka_unit_test(samples_are_understood),
          cmocka_unit_test(mutations_are_harmless));
    return RUN_TESTS();
}
