/* test_http_guarantees.c: what http.h and actors/http.h promise. */
#include "support/web.h"

#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: here\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* ---- handlers --------------------------------------------------------------------- */

static int fine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "fine\n");
}
static int forget(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int break_down(cadre_self *self, void *state, cadre_msg *m) { return -EIO; }

static atomic_uint deferred, cancelled;

/* Never answers, and looks whether somebody waits. */
typedef struct {
    cadre_promise promise;
} look;
static CADRE_TYPE(look);

static int is_cancelled(cadre_self *self, void *state, cadre_msg *m)
{
    const look *l = cadre_body(m, look);
    if (cadre_is_awaited(self, l->promise))
        return cadre_after_as(self, NULL, CADRE_MS, &look_type, l);
    atomic_fetch_add(&cancelled, 1);
    return 0;
}

static int defer_for_ever(cadre_self *self, cadre_msg *m)
{
    look l;
    int err = cadre_defer(self, m, &l.promise);
    atomic_fetch_add(&deferred, 1);
    return err ? err : cadre_after_as(self, NULL, CADRE_MS, &look_type, &l);
}

/* Answers with what no function has made. */
static int make_up(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, cadre_http_response, 0);
}

static int late(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return cadre_defer(self, m, &promise);
}

/* The root answers it. */
static int by_another(cadre_self *self, void *state, cadre_msg *m)
{
    look l;
    int err = cadre_defer(self, m, &l.promise);
    return err ? err : cadre_send_as(self, web_root_ref, &look_type, &l);
}

static int root_answers(cadre_self *self, void *state, cadre_msg *m)
{
    const look *l = cadre_body(m, look);
    return l ? cadre_http_answer(self, l->promise, 201, NULL, cadre_buf_new("other", 5))
             : cadre_unhandled(self, m);
}

static int root_defers(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &look_type ? is_cancelled(self, state, m)
                                 : defer_for_ever(self, m);
}

static const cadre_http_route routes[] = {
    {"GET", "/fine", fine},       {"GET", "/forget", forget},
    {"GET", "/fail", break_down}, {"GET", "/late", late},
    {"GET", "/made-up", make_up}, {"GET", "/another", by_another},
    {"POST", "/fine", fine},      {0}};

static void send_text(int fd, const char *text) { raw_send(fd, text, strlen(text)); }

/* ---- answers ---------------------------------------------------------------------- */

/* Answers three in the reverse order. */
static int root_reverses(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_promise held[3];
    static unsigned count;
    int err = cadre_defer(self, m, &held[count++]);
    for (; !err && count == 3; count = 0)
        for (int i = 3; !err && i-- > 0;) {
            char text[] = {'=', (char)('0' + i), '\n'};
            err = cadre_http_answer(self, held[i], 200, NULL, cadre_buf_new(text, 3));
        }
    return err;
}

static void answers_in_order(void **state)
{
    web_root = root_reverses;
    cadre_system *sys = web_serve();
    const char *a = web_talk("GET /0 HTTP/1.1\r\n" HOST "\r\nGET /1 HTTP/1.1\r\n" HOST
                             "\r\nGET /2 HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "HTTP/1.1 200 OK\r\n"), 3);
    assert_true(strstr(a, "=0") < strstr(a, "=1"));
    assert_true(strstr(a, "=1") < strstr(a, "=2"));
    web_served(sys);
}

/* More than are handled side by side, in one piece. */
static void many_in_one_piece_are_answered(void **state)
{
    enum { MANY = 500 };
    static const char one[] = "GET /fine HTTP/1.1\r\n" HOST "\r\n";
    char *all = calloc(MANY + 2, sizeof one + sizeof CLOSE);
    web.routes = routes;
    cadre_system *sys = web_serve();
    for (int i = 0; i < MANY; i++)
        memcpy(all + strlen(all), one, sizeof one);
    strcat(all, "GET /fine HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(web_talk(all), "fine\n"), MANY + 1);
    free(all);
    web_served(sys);
}

static void unanswered_is_500(void **state)
{
    static const char *const paths[] = {"forget", "fail", "fail", "made-up", "late"};
    char request[128];
    web.routes = routes;
    web.limits.answer = 50 * CADRE_MS;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        send_text(fd, request);
        web_expect_end(fd, i < 4 ? "\r\n\r\n500 Internal Server Error\n"
                                 : "\r\n\r\n504 Gateway Timeout\n");
    }
    for (int i = 0; i < 2; i++) /* it takes nobody along */
        send_text(fd, "GET /fail HTTP/1.1\r\n" HOST "\r\nGET /fine HTTP/1.1\r\n" HOST
                      "\r\n");
    send_text(fd, "GET /fine HTTP/1.1\r\n" CLOSE);
    const char *a = web_rest(fd);
    assert_int_equal(web_count(a, "HTTP/1.1 500 "), 2);
    assert_int_equal(web_count(a, "fine\n"), 3);
    web_served(sys);
}

static void answered_by_another(void **state)
{
    web.routes = routes;
    web_root = root_answers;
    cadre_system *sys = web_serve();
    const char *a = web_talk("GET /another HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_status(a), 201);
    assert_non_null(strstr(a, "\r\n\r\nother"));
    web_served(sys);
}

static int split(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field bad[][2] = {{{"A", "b\r\nC: d"}},
                                              {{"A", "b\nc"}},
                                              {{"A", "b\rc"}},
                                              {{"A", "\x01"}},
                                              {{"A\r\nB", "c"}},
                                              {{"A:", "b"}},
                                              {{"A b", "c"}},
                                              {{"", "c"}},
                                              {{"A", NULL}},
                                              {{"content-LENGTH", "1"}},
                                              {{"Date", "today"}},
                                              {{"Connection", "upgrade"}},
                                              {{"Transfer-Encoding", "x"}}};
    static const cadre_http_field good[] = {{"A", "b\tc d\xff"}, {0}};
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused +=
            cadre_http_reply(self, m, 200, bad[i], cadre_buf_new("x", 1)) == -EINVAL;
    refused += cadre_http_reply(self, m, 199, NULL, NULL) == -EINVAL;
    refused += cadre_http_reply(self, m, 600, NULL, NULL) == -EINVAL;
    refused += cadre_http_reply(self, m, 204, NULL, cadre_buf_new("x", 1)) == -EINVAL;
    refused += cadre_http_reply(self, m, 205, NULL, cadre_buf_new("x", 1)) == -EINVAL;
    return refused == 17 ? cadre_http_reply(self, m, 204, good, NULL) : -EIO;
}

static void splitting_is_refused(void **state)
{
    static const cadre_http_route one[] = {{NULL, "/", split}, {0}};
    web.routes = one;
    cadre_system *sys = web_serve();
    const char *a = web_talk("GET / HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_status(a), 204);
    assert_non_null(strstr(a, "\r\nA: b\tc d\xff\r\n"));
    assert_null(strstr(a, "Content-Length"));
    web_served(sys);
}

static int look_up(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    cadre_http_text name, value, one = cadre_http_header(r, "x-oNe");
    unsigned count = 0;
    while (cadre_http_field_at(r, count, &name, &value))
        count++;
    bool right = cadre_http_is(one, "first, one") && count == 5 &&
                 cadre_http_is(name, "Empty") && value.size == 0 &&
                 !cadre_http_header(r, "X-On").at && cadre_http_header(r, "empty").at;
    return right ? fine(self, state, m) : -EIO;
}

static void header_lookup(void **state)
{
    static const cadre_http_route one[] = {{NULL, "/", look_up}, {0}};
    web.routes = one;
    cadre_system *sys = web_serve();
    const char *a =
        web_talk("GET / HTTP/1.1\r\nX-One:\t first, one \r\nx-one: second\r\n" HOST
                 "Connection: close\r\nEmpty:\r\n\r\n");
    assert_int_equal(web_status(a), 200);
    web_served(sys);
}

/* Requests that fail elsewhere, or end the desk, leave no desks behind. */
static int pass_to_nobody(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, (cadre_ref){1}, m);
}
static int reply_and_stop(cadre_self *self, void *state, cadre_msg *m)
{
    int err = cadre_http_reply(self, m, 200, NULL, NULL);
    return err ? err : CADRE_STOP;
}

static uint64_t actors_of(const cadre_system *sys)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(sys, &c), 0);
    return c.actors;
}

static void one_desk_at_a_time(void **state)
{
    static const cadre_http_route two[] = {
        {NULL, "/nobody", pass_to_nobody}, {NULL, "/stop", reply_and_stop}, {0}};
    web.routes = two;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    for (int i = 0; i < 5; i++) {
        send_text(fd, "GET /nobody HTTP/1.1\r\n" HOST "\r\n");
        web_expect_end(fd, "500 Internal Server Error\n");
    }
    assert_true(actors_of(sys) <= 4); /* root, server, connection, desk */
    for (int i = 0; i < 20; i++)
        send_text(fd, "GET /stop HTTP/1.1\r\n" HOST "\r\n");
    send_text(fd, "GET /stop HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(web_rest(fd), "HTTP/1.1 200 OK\r\n"), 21);
    assert_true(actors_of(sys) <= 4);
    web_served(sys);
}

/* ---- what is refused -------------------------------------------------------------- */

static unsigned wrongs;

static void expect_refused(const char *request, int status)
{
    const char *a = web_talk(request);
    if (web_status(a) == status && web_count(a, "HTTP/1.1") == 1 &&
        strstr(a, "\r\nConnection: close\r\n"))
        return;
    wrongs++;
    print_message("%s\n-> instead of %d: %s\n", request, status, a);
}

static void no_smuggling(void **state)
{
#define SECOND "GET /fine HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /fine HTTP/1.1\r\n" HOST
    static const struct {
        int status;
        const char *request;
    } bad[] = {
        {400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
        {400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
        {400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"},
        {400, POST "Content-Length: 3, 3\r\n\r\nabc"},
        {400, POST "Content-Length: +3\r\n\r\nabc"},
        {400, POST "Content-Length: -3\r\n\r\nabc"},
        {400, POST "Content-Length: 0x3\r\n\r\nabc"},
        {400, POST "Content-Length: 3 3\r\n\r\nabc"},
        {400, POST "Content-Length:\r\n\r\n" SECOND},
        {400, POST "Content-Length: 99999999999999999999\r\n\r\n" SECOND},
        {400, POST "Content-Length : 3\r\n\r\nabc"},
        {400, POST "Content-Length\t: 3\r\n\r\nabc"},
        {400, POST " Content-Length: 3\r\n\r\nabc"},
        {400, POST "X: a\r\n Content-Length: 3\r\n\r\nabc"},
        {400, POST "X: a\nContent-Length: 3\r\n\r\nabc"},
        {400, POST "X: a\rContent-Length: 3\r\n\r\nabc"},
        {400, POST "X: a\r\rContent-Length: 3\r\n\r\nabc"},
        {400, POST "X: a\n\nabc" SECOND},
        {400, POST "X: a\r\n\nGET /fine HTTP/1.1\r\n\r\n"},
        {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, POST "Transfer-Encoding: chunked, identity\r\n\r\n"},
        {501, POST "Transfer-Encoding: xchunked\r\n\r\n"},
        {501, POST "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n"},
        {400, "POST /fine HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST /fine HTTP/1.1\r\n" HOST HOST "\r\n"},
        {400, "GET /fine HTTP/1.1\r\n\r\n" SECOND},
        {400, "GET /fine HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET /fine HTTP/1.1\r\nHost: a, b\r\n\r\n"},
        {400, "GET /fine HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {400, "GET /fine HTTP/1.1\r\nHost: a@b\r\n\r\n"},
        {400, "GET http://there/fine HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http://a@here/fine HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET http:///fine HTTP/1.1\r\nHost:\r\n\r\n"},
        {400, "GET /fine#here HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET * HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /fine HTTP/1.1\r\nnothing\r\n\r\n"},
        {400, "GET /fine HTTP/1.1\r\n: nothing\r\n\r\n"},
        {400, "GET /fine\r\n\r\n" SECOND},
        {400, "GET  /fine HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /fine  HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /fi ne HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET\t/fine HTTP/1.1\r\n" HOST "\r\n"},
        {400, "GET /fine http/1.1\r\n" HOST "\r\n"},
        {400, "\x16\x03\x01\x02\r\n\r\n"},
        {400, POST "Bad\x7fName: a\r\n\r\n"},
        {400, POST "Bad(Name): a\r\n\r\n"},
        {505, "GET /fine HTTP/1.2\r\n" HOST "\r\n"},
        {505, "GET /fine HTTP/2.0\r\n" HOST "\r\n"},
        {505, "PRI * HTTP/2.0\r\n" HOST "\r\n"},
        {501, "FETCH /fine HTTP/1.1\r\n" HOST "\r\n"},
        {501, "CONNECT here:1 HTTP/1.1\r\n" HOST "\r\n"},
    };
    web.routes = routes;
    wrongs = 0;
    cadre_system *sys = web_serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(bad[i].request, bad[i].status);
    assert_int_equal(wrongs, 0);
    web_served(sys);
}

static void bad_chunks_are_refused(void **state)
{
    static const char *const bad[] = {"3\nabc\r\n0\r\n\r\n",
                                      "3\r\nabc\n0\r\n\r\n",
                                      "3\r\nabcd\r\n0\r\n\r\n",
                                      "x\r\n",
                                      "-1\r\n",
                                      "0x3\r\nabc\r\n0\r\n\r\n",
                                      "3 \r\nabc\r\n0\r\n\r\n",
                                      "\r\n3\r\nabc\r\n",
                                      "11111111111111111\r\n",
                                      "3;a\nb\r\nabc\r\n0\r\n\r\n",
                                      "3\r\rabc\r\n0\r\n\r\n",
                                      "0\r\nT: u\n\r\n",
                                      "0\r\nT : u\r\n\r\n",
                                      "0\r\n\n"};
    char request[256];
    web.routes = routes;
    wrongs = 0;
    cadre_system *sys = web_serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(request, sizeof request, POST "Transfer-Encoding: chunked\r\n\r\n%s%s",
                 bad[i], SECOND);
        expect_refused(request, 400);
    }
    assert_int_equal(wrongs, 0);
    web_served(sys);
}

static void limits_hold(void **state)
{
    char request[1024];
    web.routes = routes;
    wrongs = 0;
    web.limits = (cadre_http_limits){
        .head = 400, .fields = 5, .target = 50, .body = 10, .requests = 1};
    cadre_system *sys = web_serve();
    snprintf(request, sizeof request, "GET /fine HTTP/1.1\r\n" HOST "X: %0400d\r\n\r\n",
             0);
    expect_refused(request, 431);
    expect_refused("GET /fine HTTP/1.1\r\n" HOST "a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n\r\n",
                   431);
    snprintf(request, sizeof request, "GET /%050d HTTP/1.1\r\n" HOST "\r\n", 0);
    expect_refused(request, 414);
    snprintf(request, sizeof request, "GET /%0300d", 0); /* and nothing more */
    expect_refused(request, 414);
    expect_refused(POST "Content-Length: 11\r\n\r\n", 413);
    expect_refused(POST "Transfer-Encoding: chunked\r\n\r\n"
                        "6\r\nabcdef\r\n5\r\nabcde\r\n",
                   413);
    snprintf(request, sizeof request,
             POST "Transfer-Encoding: chunked\r\n\r\n1;%0401d\r\n", 0);
    expect_refused(request, 431);
    snprintf(request, sizeof request,
             POST "Transfer-Encoding: chunked\r\n\r\n0\r\nA: %0401d\r\n", 0);
    expect_refused(request, 431);
    strcpy(request, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 101; i++)
        strcat(request, "A:\r\n");
    expect_refused(request, 431);
    strcpy(request, POST "Transfer-Encoding: chunked\r\n\r\n1");
    for (int i = 0; i < 205; i++)
        strcat(request, ";a");
    strcat(request, "\r\n");
    expect_refused(request, 431);
    assert_int_equal(wrongs, 0);
    web_served(sys);
    web.routes = routes;
    web.limits.head = 100;
    web_served(web_serve()); /* the others fit */
}

static void too_many_requests_are_503(void **state)
{
    web_root = root_defers;
    web.limits.requests = 1;
    atomic_store(&deferred, 0);
    cadre_system *sys = web_serve();
    int first = raw_connect(web.port), second = raw_connect(web.port);
    send_text(first, "GET / HTTP/1.1\r\n" HOST "\r\n");
    await(&deferred, 1);
    assert_int_equal(web_ask(sys).requests, 1);
    send_text(second, "GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" CLOSE);
    const char *a = web_rest(second);
    assert_int_equal(web_count(a, "HTTP/1.1 503 Service Unavailable\r\n"), 2);
    assert_int_equal(web_count(a, "\r\nRetry-After: 1\r\n"), 2);
    close(first);
    web_served(sys);
}

/* ---- time ------------------------------------------------------------------------- */

static bool has_none(void *sys) { return web_ask(sys).connections == 0; }

static int send_much(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply(self, m, 200, NULL, cadre_buf_new(NULL, 32 << 20));
}

static void slow_clients_end(void **state)
{
    static const cadre_http_route much[] = {{NULL, "/", send_much}, {0}};
    web.routes = much;
    web.limits.read = web.limits.idle = 200 * CADRE_MS;
    cadre_system *sys = web_serve();
    assert_int_equal(web_status(web_talk("GET / HTTP/1.1\r\nHos")), 408);
    assert_int_equal(web_status(web_talk(POST "Content-Length: 2\r\n\r\na")), 408);
    assert_string_equal(web_talk("\r\n\r\n"), "");
    int fd = raw_connect(web.port);
    send_text(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    await_true(has_none, sys); /* though nobody has read it */
    close(fd);
    web_served(sys);
}

static int send_some(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&deferred, 1);
    return cadre_http_reply(self, m, 200, NULL, cadre_buf_new(NULL, 8 << 20));
}

/* Asks, and asks, and reads no answer. */
static void deaf_client_is_not_read(void **state)
{
    enum { MOST = 64 << 20, PIECE = 1000 };
    static const cadre_http_route some[] = {{NULL, "/", send_some}, {0}};
    static char requests[PIECE * sizeof "GET / HTTP/1.1\r\n" HOST "\r\n"];
    for (int i = 0; i < PIECE; i++)
        strcat(requests, "GET / HTTP/1.1\r\n" HOST "\r\n");
    web.routes = some;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    atomic_store(&deferred, 0);
    for (int i = 0; i < 5; i++) /* few, but more than can be written */
        send_text(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    send_text(fd, "GET / HTTP/1.1\r\nX: ");
    await(&deferred, 5);
    size_t sent = raw_repeat_until_stuck(fd, requests, strlen(requests), MOST);
    assert_true(sent < MOST);
    close(fd);
    web_served(sys);
}

static void gone_client_cancels(void **state)
{
    web_root = root_defers;
    atomic_store(&deferred, 0);
    atomic_store(&cancelled, 0);
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
    await(&deferred, 1);
    raw_reset(fd);
    close(fd);
    await(&cancelled, 1);
    await_true(has_none, sys);
    assert_int_equal(web_ask(sys).requests, 0);
    web_served(sys);
}

/* ---- the end ---------------------------------------------------------------------- */

/* Answers /later some time after the system closes, all else at once. */
static int root_waits(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_promise promise;
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    if (m->type == &cadre_closing_type)
        return cadre_after(self, NULL, 50 * CADRE_MS, look, promise);
    if (!r)
        return cadre_http_answer(self, promise, 200, NULL, cadre_buf_new("later", 5));
    if (!cadre_http_is(r->path, "/later"))
        return fine(self, state, m);
    int err = cadre_when_closing(self, NULL);
    if (!err)
        err = cadre_defer(self, m, &promise);
    atomic_fetch_add(&deferred, 1);
    return err;
}

static void *shut_down(void *sys)
{
    int reason = cadre_system_shutdown(sys, 30 * CADRE_SECOND, 40 * CADRE_SECOND);
    return reason ? sys : NULL;
}

static void print_line(void *user, const cadre_leftover *line)
{
    print_message("%s: %s\n", line->actor, line->type->name);
}

static void drained_in_order(void **state)
{
    pthread_t thread;
    void *failed;
    atomic_store(&deferred, 0);
    web_root = root_waits;
    cadre_system *sys = web_serve();
    int idle = raw_connect(web.port), busy = raw_connect(web.port);
    int half = raw_connect(web.port);
    send_text(busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    await(&deferred, 1);
    send_text(half, "GET /now HTTP/1.1\r\n" HOST "\r\nGET /ha");
    web_expect_end(half, "fine\n");
    assert_int_equal(pthread_create(&thread, NULL, shut_down, sys), 0);
    assert_string_equal(web_rest(idle), "");
    const char *a = web_rest(busy);
    assert_int_equal(web_status(a), 200);
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(a, "\r\n\r\nlater"));
    send_text(half, "lf HTTP/1.1\r\n" HOST "\r\n");
    a = web_rest(half);
    assert_int_equal(web_status(a), 200);
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(cadre_system_report(sys, print_line, NULL), 0);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(answers_in_order),
          cmocka_unit_test(many_in_one_piece_are_answered),
          cmocka_unit_test(unanswered_is_500), cmocka_unit_test(answered_by_another),
          cmocka_unit_test(splitting_is_refused), cmocka_unit_test(header_lookup),
          cmocka_unit_test(no_smuggling), cmocka_unit_test(bad_chunks_are_refused),
          cmocka_unit_test(limits_hold), cmocka_unit_test(too_many_requests_are_503),
          cmocka_unit_test(slow_clients_end), cmocka_unit_test(one_desk_at_a_time),
          cmocka_unit_test(deaf_client_is_not_read),
          cmocka_unit_test(gone_client_cancels), cmocka_unit_test(drained_in_order));
    return RUN_TESTS();
}
