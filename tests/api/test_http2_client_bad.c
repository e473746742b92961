/* test_http2_client_bad.c: the client and servers of HTTP/2 that leave, refuse, or are
 * up to no good, as actors/http_client.h promises. */
#include "support/fetching.h"
#include "support/http2.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOW_CONTROL_ERROR = 3 };
enum { FLOOD = 600, ROW = 16384 };

static struct http2_frame frame;

/* ---- a server that is a script ---------------------------------------------------- */

typedef void script(int fd);

/* What is played on one connection after the other. */
static struct {
    uint16_t port;
    int listener;
    pthread_t thread;
    script *plays[4];
    unsigned count;
    unsigned http2; /* the first so many; 0: all of them */
} server;

/* The end of its connection, whoever it comes from. */
static void drain(int fd)
{
    static char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void *be_server(void *unused)
{
    for (unsigned i = 0; i < server.count; i++) {
        bool is_http1 = server.http2 && i >= server.http2;
        int fd = is_http1 ? raw_accept(server.listener)
                          : http2_accept(server.listener, NULL, 0);
        server.plays[i](fd);
        drain(fd);
        close(fd);
    }
    return NULL;
}

static cadre_system *serve(unsigned count, script *const *plays)
{
    web_root = fetch_root;
    fetch_client.id = 0;
    fetch_config.h2c = true;
    cadre_system *sys = web_serve();
    if (http2_is_missing()) {
        web_served(sys);
        skip();
    }
    server.listener = raw_listen(&server.port, 10);
    server.count = count;
    memcpy(server.plays, plays, count * sizeof *plays);
    assert_int_equal(pthread_create(&server.thread, NULL, be_server, NULL), 0);
    return sys;
}
static void served(cadre_system *sys)
{
    web_served(sys);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    close(server.listener);
    server.http2 = 0;
    fetch_config = (cadre_http_client){0};
}

static got ask(cadre_system *sys, const char *method)
{
    return fetch(sys,
                 &(cadre_http_call){.method = method, .url = url_of(server.port, "/")});
}

/* ---- what it says ----------------------------------------------------------------- */

static void answer(int fd, uint32_t stream)
{
    http2_send(fd, H2_HEADERS, H2_WHOLE | H2_END, stream, "\x88", 1);
}
static void expect_request(int fd, uint32_t stream)
{
    http2_expect(fd, H2_HEADERS, stream, &frame);
}
static void leave(int fd, uint32_t last, uint32_t why)
{
    uint8_t bytes[8] = {0};
    bytes[3] = (uint8_t)last;
    bytes[7] = (uint8_t)why;
    http2_send(fd, H2_GOAWAY, 0, 0, bytes, sizeof bytes);
}
/* Some fields, behind the status 200. */
static void send_head(int fd, unsigned flags, const char *const *fields)
{
    static char bytes[ROW];
    char *at = bytes;
    *at++ = (char)0x88;
    for (; *fields; fields += 2)
        at = http2_field(at, fields[0], fields[1]);
    http2_send(fd, H2_HEADERS, flags, 1, bytes, (size_t)(at - bytes));
}

static void answers(int fd)
{
    expect_request(fd, 1);
    answer(fd, 1);
}

/* ---- what it has not looked at ---------------------------------------------------- */

static void goes_away(int fd)
{
    expect_request(fd, 1);
    leave(fd, 0, 0);
}
static void goes_at_once(int fd)
{
    leave(fd, 0, 0);
    shutdown(fd, SHUT_WR);
}
static void refuses(int fd)
{
    expect_request(fd, 1);
    http2_send_number(fd, H2_RESET, 1, H2_REFUSED);
    expect_request(fd, 3);
    answer(fd, 3);
}
static void refuses_all(int fd)
{
    for (uint32_t i = 1; i < 7; i += 2) {
        expect_request(fd, i);
        http2_send_number(fd, H2_RESET, i, H2_REFUSED);
    }
}
static void breaks_off(int fd)
{
    expect_request(fd, 1);
    shutdown(fd, SHUT_WR);
}

static void unseen_is_sent_again(void **state)
{
    cadre_system *sys = serve(2, (script *const[]){goes_away, answers});
    assert_int_equal(ask(sys, "POST").status, 200);
    served(sys);
    sys = serve(1, (script *const[]){refuses});
    assert_int_equal(ask(sys, "POST").status, 200);
    served(sys);
    sys = serve(3, (script *const[]){goes_at_once, goes_at_once, answers});
    assert_int_equal(ask(sys, "POST").status, 200);
    served(sys);
}

static void not_again_and_again(void **state)
{
    cadre_system *sys = serve(1, (script *const[]){refuses_all});
    got g = ask(sys, "GET");
    assert_int_equal(g.code, -ECONNRESET);
    assert_non_null(strstr(g.message, "again and again"));
    served(sys);
}

/* As with HTTP/1.1. */
static void broken_is_tried_again(void **state)
{
    cadre_system *sys = serve(2, (script *const[]){breaks_off, answers});
    assert_int_equal(ask(sys, "GET").status, 200);
    served(sys);
    sys = serve(1, (script *const[]){breaks_off});
    assert_int_equal(ask(sys, "POST").code, -ECONNRESET);
    served(sys);
}

/* Those that it has seen are answered. */
static void leaves_politely(int fd)
{
    expect_request(fd, 1);
    leave(fd, 1, 0);
    answer(fd, 1);
}
static void goaway_lets_others_end(void **state)
{
    cadre_system *sys = serve(2, (script *const[]){leaves_politely, answers});
    assert_int_equal(ask(sys, "POST").status, 200);
    assert_int_equal(ask(sys, "POST").status, 200);
    served(sys);
}

/* ---- HTTP/1.1 is required --------------------------------------------------------- */

enum { HTTP_1_1_REQUIRED = 13 };

static void wants_http1(int fd)
{
    expect_request(fd, 1);
    http2_send_number(fd, H2_RESET, 1, HTTP_1_1_REQUIRED);
}
static void wants_http1_for_all(int fd)
{
    expect_request(fd, 1);
    leave(fd, 0, HTTP_1_1_REQUIRED);
}
/* So it may have been seen. */
static void wants_http1_late(int fd)
{
    expect_request(fd, 1);
    leave(fd, 1, HTTP_1_1_REQUIRED);
    shutdown(fd, SHUT_WR);
}
static void wants_http1_for_one(int fd)
{
    expect_request(fd, 1);
    expect_request(fd, 3);
    http2_send_number(fd, H2_RESET, 1, HTTP_1_1_REQUIRED);
    answer(fd, 3);
}
static void wants_http1_within(int fd)
{
    expect_request(fd, 1);
    http2_expect(fd, H2_DATA, 1, &frame);
    http2_send_number(fd, H2_RESET, 1, HTTP_1_1_REQUIRED);
}
static void answer_http1(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    web_expect_end(fd, "\r\n\r\n");
    raw_send(fd, text, strlen(text));
}
static void answers_http1_twice(int fd)
{
    answer_http1(fd);
    answer_http1(fd);
}

static cadre_system *serve_http1(script *first, script *second)
{
    server.http2 = 1;
    fetch_config.connections = 1;
    return serve(second ? 2 : 1, (script *const[]){first, second});
}

/* By a connection of HTTP/1.1, which stays for the next; whatever the method. */
static void http1_is_spoken_where_required(void **state)
{
    script *const firsts[] = {wants_http1, wants_http1_for_all};
    for (int i = 0; i < 2; i++) {
        cadre_system *sys = serve_http1(firsts[i], answers_http1_twice);
        assert_int_equal(ask(sys, "POST").status, 200);
        assert_int_equal(ask(sys, "POST").status, 200);
        served(sys);
    }
    cadre_system *sys = serve_http1(wants_http1_late, answer_http1);
    assert_int_equal(ask(sys, "GET").status, 200);
    served(sys);
    sys = serve_http1(wants_http1_late, NULL);
    assert_int_equal(ask(sys, "POST").code, -ECONNRESET);
    served(sys);
}

static void http1_costs_no_other(void **state)
{
    cadre_system *sys = serve_http1(wants_http1_for_one, answer_http1);
    const want w = {.call = {.method = "POST", .url = url_of(server.port, "/")},
                    .timeout = 60 * CADRE_SECOND};
    cadre_future *a = fetch_begin(sys, &w), *b = fetch_begin(sys, &w);
    assert_int_equal(fetch_end(a).status, 200);
    assert_int_equal(fetch_end(b).status, 200);
    served(sys);
}

/* What was given in pieces is given once. */
static void http1_takes_no_piece_twice(void **state)
{
    cadre_system *sys = serve_http1(wants_http1_within, NULL);
    got g = fetch_end(fetch_begin(
        sys, &(want){.call = {.method = "PUT", .url = url_of(server.port, "/")},
                     .timeout = 60 * CADRE_SECOND,
                     .sends = true}));
    assert_int_equal(g.code, -ECONNRESET);
    assert_non_null(strstr(g.message, "HTTP/1.1"));
    served(sys);
}

/* ---- is it there? ----------------------------------------------------------------- */

static void expect_ping(int fd, uint32_t stream)
{
    static struct http2_frame reset;
    expect_request(fd, stream);
    http2_expect(fd, H2_PING, 0, &frame); /* that is in a hurry */
    http2_expect(fd, H2_RESET, stream, &reset);
}
static void falls_silent(int fd)
{
    answers(fd);
    expect_ping(fd, 3);
}
static void is_slow(int fd)
{
    answers(fd);
    expect_ping(fd, 3);
    http2_send(fd, H2_PING, H2_ACK, 0, frame.bytes, frame.size);
    expect_request(fd, 5);
    answer(fd, 5);
}

/* When a request is too late, and nothing was heard meanwhile, it is asked; and left when
 * it does not say so. */
static void silent_server_is_left(void **state)
{
    script *const plays[][2] = {{falls_silent, answers}, {is_slow, NULL}};
    for (int i = 0; i < 2; i++) {
        fetch_config.connections = 1;
        fetch_config.connect = fetch_config.idle = i ? 0 : 200 * CADRE_MS;
        cadre_system *sys = serve(i ? 1 : 2, plays[i]);
        assert_int_equal(ask(sys, "POST").status, 200);
        got g = fetch_end(
            fetch_begin(sys, &(want){.call = {.url = url_of(server.port, "/")},
                                     .timeout = 50 * CADRE_MS}));
        assert_int_equal(g.code, -ETIMEDOUT);
        while (i == 0 && ask(sys, "POST").code) /* it is not left at once */
            ;
        if (i)
            assert_int_equal(ask(sys, "POST").status, 200);
        served(sys);
    }
}

/* ---- in between, and behind ------------------------------------------------------- */

static void says_more(int fd)
{
    static const char *const hints[] = {"link", "</a>", NULL};
    static char early[64], *at = early;
    expect_request(fd, 1);
    at = http2_field(early, ":status", "103");
    at = http2_field(at, hints[0], hints[1]);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, early, (size_t)(at - early));
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, "\x88", 1);
    http2_send(fd, H2_DATA, 0, 1, "body", 4);
    at = http2_field(early, "sum", "42");
    http2_send(fd, H2_HEADERS, H2_WHOLE | H2_END, 1, early, (size_t)(at - early));
}

static void interim_answers_and_trailers_pass(void **state)
{
    cadre_system *sys = serve(1, (script *const[]){says_more});
    got g = ask(sys, "GET");
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "body");
    served(sys);
}

/* ---- one answer that is none ------------------------------------------------------ */

static void lies_about_its_length(int fd)
{
    expect_request(fd, 1);
    send_head(fd, H2_WHOLE, (const char *const[]){"content-length", "5", NULL});
    http2_send(fd, H2_DATA, H2_END, 1, "four", 4);
    expect_request(fd, 3);
    answer(fd, 3);
}
static void says_too_much(int fd)
{
    const char *fields[201] = {0};
    char text[121] = {0};
    memset(text, 'x', 120);
    for (int i = 0; i < 200; i += 2) {
        fields[i] = "a";
        fields[i + 1] = text;
    }
    expect_request(fd, 1);
    send_head(fd, H2_WHOLE | H2_END, fields);
    expect_request(fd, 3);
    answer(fd, 3);
}
static void says_what_no_field_may(int fd)
{
    expect_request(fd, 1);
    send_head(fd, H2_WHOLE | H2_END, (const char *const[]){"a", "b\r\nc: d", NULL});
    expect_request(fd, 3);
    answer(fd, 3);
}
static void cuts_off(int fd)
{
    expect_request(fd, 1);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, "\x88", 1);
    http2_send(fd, H2_DATA, 0, 1, "half", 4);
    http2_send_number(fd, H2_RESET, 1, 2);
    expect_request(fd, 3);
    answer(fd, 3);
}

/* It costs the one, and neither the connection nor the next. */
static void bad_answer_is_reset(void **state)
{
    static const struct {
        script *plays;
        int code;
    } cases[] = {{lies_about_its_length, -EPROTO},
                 {says_too_much, -EMSGSIZE},
                 {says_what_no_field_may, -EPROTO},
                 {cuts_off, -ECONNRESET}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fetch_config.head = 4096;
        cadre_system *sys = serve(1, &cases[i].plays);
        assert_int_equal(ask(sys, "GET").code, cases[i].code);
        assert_int_equal(ask(sys, "GET").status, 200);
        served(sys);
    }
}

/* ---- one that is up to no good ---------------------------------------------------- */

static void pings(int fd)
{
    for (int i = 0; i < FLOOD; i++)
        http2_send(fd, H2_PING, 0, 0, "12345678", 8);
}
static void sets(int fd)
{
    for (int i = 0; i < FLOOD; i++)
        http2_send(fd, H2_SETTINGS, 0, 0, NULL, 0);
}
static void sends_nothing(int fd)
{
    expect_request(fd, 1);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, "\x88", 1);
    for (int i = 0; i < FLOOD; i++)
        http2_send(fd, H2_DATA, 0, 1, NULL, 0);
}
static void hints(int fd)
{
    char early[32], *at = http2_field(early, ":status", "103");
    expect_request(fd, 1);
    for (int i = 0; i < FLOOD; i++)
        http2_send(fd, H2_HEADERS, H2_WHOLE, 1, early, (size_t)(at - early));
}
/* One large field in the table, and then that again and again. */
static void bombs(int fd)
{
    static char bytes[ROW];
    static char *at = bytes;
    expect_request(fd, 1);
    memset(bytes, (char)0xbe, sizeof bytes);
    at = bytes;
    *at++ = (char)0x88;
    *at++ = 0x40;
    *at++ = 1;
    *at++ = 'a';
    *at++ = 0x7f; /* 127 and 128 * 20, as HPACK has it */
    *at++ = (char)0x80;
    *at++ = 20;
    memset(at, 'x', 127 + 128 * 20);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, bytes, sizeof bytes);
}
static void goes_on_and_on(int fd)
{
    static char bytes[64];
    char *at = http2_field(bytes, "a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    expect_request(fd, 1);
    http2_send(fd, H2_HEADERS, 0, 1, "\x88", 1);
    for (int i = 0; i < 100000; i++)
        http2_send(fd, H2_CONTINUATION, 0, 1, bytes, (size_t)(at - bytes));
}
static void packs_badly(int fd)
{
    expect_request(fd, 1);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, "\xff\xff\xff\xff\xff\xff", 6);
}
static void opens_too_far(int fd)
{
    expect_request(fd, 1);
    http2_send_number(fd, H2_WINDOW, 0, INT32_MAX);
}
static void promises(int fd)
{
    expect_request(fd, 1);
    http2_send(fd, H2_SETTINGS, H2_ACK, 0, NULL, 0); /* it knows that it may not */
    http2_send(fd, 5, H2_WHOLE, 1, "\0\0\0\2\x82\x84\x86", 7);
}
static void answers_another(int fd)
{
    expect_request(fd, 1);
    answer(fd, 99);
}
static void is_too_large(int fd)
{
    static char bytes[9 + ROW + 1] = {0, 0x40, 1, 0, 0, 0, 0, 0, 1};
    expect_request(fd, 1);
    raw_send(fd, bytes, sizeof bytes);
}
static void speaks_http1(int fd)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    raw_send(fd, text, strlen(text));
}

static void hostile_server_is_left(void **state)
{
    static const struct {
        script *plays;
        const char *words;
    } cases[] = {
        {pings, "ENHANCE_YOUR_CALM"},         {sets, "ENHANCE_YOUR_CALM"},
        {sends_nothing, "ENHANCE_YOUR_CALM"}, {hints, "ENHANCE_YOUR_CALM"},
        {bombs, "ENHANCE_YOUR_CALM"},         {goes_on_and_on, "ENHANCE_YOUR_CALM"},
        {packs_badly, "COMPRESSION_ERROR"},   {opens_too_far, "FLOW_CONTROL_ERROR"},
        {promises, "PROTOCOL_ERROR"},         {answers_another, "PROTOCOL_ERROR"},
        {is_too_large, "FRAME_SIZE_ERROR"},   {speaks_http1, "FRAME_SIZE_ERROR"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fetch_config.head = 4096;
        cadre_system *sys = serve(1, &cases[i].plays);
        got g = ask(sys, "POST");
        if (g.code != -EPROTO || !strstr(g.message, cases[i].words))
            fail_msg("case %zu: %d, %s", i, g.code, g.message);
        served(sys);
    }
}

/* Nobody reads it, and it sends more than the window of it. */
static void overflows(int fd)
{
    static char bytes[ROW];
    expect_request(fd, 1);
    http2_send(fd, H2_HEADERS, H2_WHOLE, 1, "\x88", 1);
    for (int i = 0; i < 8; i++)
        http2_send(fd, H2_DATA, 0, 1, bytes, sizeof bytes);
    assert_int_equal(http2_reset(fd, 1), FLOW_CONTROL_ERROR);
}

static void window_is_kept(void **state)
{
    cadre_system *sys = serve(1, (script *const[]){overflows});
    got g = fetch_end(fetch_begin(
        sys, &(want){.call = {.url = url_of(server.port, "/"), .in_pieces = true},
                     .timeout = 60 * CADRE_SECOND,
                     .pause = 500 * CADRE_MS}));
    assert_int_equal(g.code, -EPROTO);
    served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(unseen_is_sent_again), cmocka_unit_test(not_again_and_again),
          cmocka_unit_test(broken_is_tried_again),
          cmocka_unit_test(goaway_lets_others_end),
          cmocka_unit_test(http1_is_spoken_where_required),
          cmocka_unit_test(http1_costs_no_other),
          cmocka_unit_test(http1_takes_no_piece_twice),
          cmocka_unit_test(silent_server_is_left),
          cmocka_unit_test(interim_answers_and_trailers_pass),
          cmocka_unit_test(bad_answer_is_reset),
          cmocka_unit_test(hostile_server_is_left), cmocka_unit_test(window_is_kept));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
