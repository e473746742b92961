/* test_http_pace.c: clients that are slow, and those that the server has to wait for. */
#include "support/http2.h"

#include <cadre/await.h>
#include <cadre/timer.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: here\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"
#define FINE "GET /fine HTTP/1.1\r\n" HOST "\r\n"

enum { PIECE = 1 << 20, PIECES = 32 };

static atomic_uint asked;

static int fine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "fine\n");
}
static int send_much(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&asked, 1);
    return cadre_http_reply(self, m, 200, NULL,
                            cadre_buf_new(NULL, (size_t)PIECES * PIECE));
}

typedef struct {
    cadre_promise promise;
} late;
static CADRE_TYPE(late);

static int answer_late(cadre_self *self, void *state, cadre_msg *m)
{
    const late *l = cadre_body(m, late);
    return cadre_http_answer(self, l->promise, 200, NULL, cadre_buf_new("late\n", 5));
}

/* Answers after 1.5 seconds. */
static int be_late(cadre_self *self, void *state, cadre_msg *m)
{
    late l;
    cadre_token timer;
    int err = cadre_defer(self, m, &l.promise);
    if (!err)
        err = cadre_after_as(self, &timer, 1500 * CADRE_MS, &late_type, &l);
    return err ? err : cadre_then(self, timer, answer_late);
}

static const cadre_http_route routes[] = {{NULL, "/fine", fine},
                                          {"GET", "/", fine},
                                          {"GET", "/much", send_much},
                                          {"GET", "/late", be_late},
                                          {0}};

/* ---- uploads ---------------------------------------------------------------------- */

/* Takes no piece, one or all, as its path says, and answers as its query says. */
static int upload(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_request *r = request->body;
    const cadre_http_source from = r->source;
    bool takes_all = cadre_http_is(cadre_http_param(r, "what"), "all");
    bool answers = r->query.size > 0, goes_on = !cadre_http_is(r->path, "/up/none");
    cadre_promise never;
    while (goes_on) {
        cadre_token token;
        cadre_msg m;
        int err = cadre_ask(self, &token, from.from, CADRE_NEVER, cadre_http_more,
                            .key = from.key);
        if (!err)
            err = cadre_await(self, token, &m);
        const cadre_http_piece *piece = err ? NULL : cadre_body(&m, cadre_http_piece);
        goes_on = takes_all && piece && !piece->is_last;
    }
    return answers ? cadre_http_reply_text(self, request, 200, "all\n")
                   : cadre_defer(self, request, &never);
}
static const cadre_http_route uploads[] = {{"PUT", "/up/:what", upload}, {0}};

static void send_text(int fd, const char *text) { raw_send(fd, text, strlen(text)); }

static bool is_over(void *until) { return real_now() >= *(int64_t *)until; }

static void wait_for(cadre_time ns)
{
    int64_t until = real_now() + ns;
    await_true(is_over, &until);
}

static bool has_none(void *sys) { return web_ask(sys).connections == 0; }

/* ---- who reads slowly ------------------------------------------------------------- */

/* Reads the head, and the body piece by piece. */
static void read_much(int fd, cadre_time pause)
{
    char *piece = malloc(PIECE);
    web_expect_end(fd, "\r\n\r\n");
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(raw_read_all(fd, piece, PIECE), PIECE);
        wait_for(pause);
    }
    free(piece);
}

/* Each takes longer than the limit for one that does nothing; and the last one, when
 * there is time for it, than any grace. */
static void steady_reader_gets_all(void **state)
{
    cadre_time pause = is_long() ? 1200 * CADRE_MS : 100 * CADRE_MS;
    web.routes = routes;
    web.limits.idle = 20 * pause;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /much HTTP/1.1\r\n" HOST "\r\n");
    read_much(fd, pause);
    send_text(fd, "GET /much HTTP/1.1\r\n" CLOSE);
    read_much(fd, pause);
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    web_served(sys);
}

/* Also where the answer was the last one. */
static void closing_one_that_reads_nothing_ends(void **state)
{
    web.routes = routes;
    web.limits.idle = 200 * CADRE_MS;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    atomic_store(&asked, 0);
    send_text(fd, "GET /much HTTP/1.1\r\n" CLOSE);
    await(&asked, 1);
    int64_t begin = real_now();
    await_true(has_none, sys);
    assert_true(real_now() - begin < 20 * CADRE_SECOND);
    close(fd);
    web_served(sys);
}

/* Whole requests behind answers that are not read are not late. */
static void waiting_requests_are_not_late(void **state)
{
    enum { MUCH = 3 };
    web.routes = routes;
    web.limits.read = CADRE_SECOND;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    atomic_store(&asked, 0);
    for (int i = 0; i < MUCH; i++)
        send_text(fd, "GET /much HTTP/1.1\r\n" HOST "\r\n");
    await(&asked, MUCH);
    send_text(fd, "GET /fi"); /* it waits, and what comes behind it */
    wait_for(50 * CADRE_MS);
    send_text(fd, "ne HTTP/1.1\r\n" HOST "\r\n" FINE "GET /fine HTTP/1.1\r\n" CLOSE);
    wait_for(1500 * CADRE_MS);
    for (int i = 0; i < MUCH; i++)
        read_much(fd, 0);
    assert_int_equal(web_count(web_rest(fd), "fine\n"), 3);
    web_served(sys);
}

/* ---- who waits for the server ----------------------------------------------------- */

/* More than are under way at a time, from one that sends no more. */
static void many_before_the_end_are_answered(void **state)
{
    enum { MANY = 20, CLIENTS = 50 };
    char all[MANY * sizeof FINE] = "";
    int fds[CLIENTS];
    web.routes = routes;
    cadre_system *sys = web_serve();
    for (int i = 0; i < MANY; i++)
        strcat(all, FINE);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = raw_connect(web.port);
        send_text(fds[i], all);
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(web_count(web_rest(fds[i]), "fine\n"), MANY);
    web_served(sys);
}

/* One that is to be told to go on is not late before that. */
static void continue_behind_a_late_answer(void **state)
{
    web.routes = routes;
    web.limits.read = CADRE_SECOND;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /late HTTP/1.1\r\n" HOST "\r\nPOST /fine HTTP/1.1\r\n"
                  "Content-Length: 2\r\nExpect: 100-continue\r\n" CLOSE);
    web_expect_end(fd, "\r\n\r\nlate\n");
    raw_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    send_text(fd, "ok");
    assert_int_equal(web_status(web_rest(fd)), 200);
    web_served(sys);
}

/* The time is the handler's: to ask for the next piece, or to answer. */
static void unanswered_upload_is_504(void **state)
{
    static const char *const silent[] = {"none", "one"};
    char text[200];
    web.routes = routes;
    web.uploads = uploads;
    web.limits.answer = CADRE_SECOND;
    cadre_system *sys = web_serve();
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "PUT /up/%s HTTP/1.1\r\nContent-Length: 9\r\n" HOST "\r\nabc",
                 silent[i]);
        const char *a = web_talk(text);
        assert_int_equal(web_status(a), 504);
        assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    }
    const char *a = web_talk("PUT /up/all HTTP/1.1\r\nContent-Length: 3\r\n" HOST
                             "\r\nabcGET /fine HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_status(a), 504); /* and it goes on, as all of it was read */
    assert_non_null(strstr(a, "\r\n\r\nfine\n"));
    web_served(sys);
}

/* What its client takes is not counted. */
static void slow_upload_has_time(void **state)
{
    web.routes = routes;
    web.uploads = uploads;
    web.limits.answer = CADRE_SECOND;
    cadre_system *sys = web_serve();
    int fd = raw_connect(web.port);
    send_text(fd, "PUT /up/all?answer HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "a");
    wait_for(1500 * CADRE_MS);
    send_text(fd, "aa");
    assert_int_equal(web_status(web_rest(fd)), 200);
    web_served(sys);
}

/* ---- the same by HTTP/2 ----------------------------------------------------------- */

static cadre_system *serve_http2(void)
{
    web.routes = routes;
    web.uploads = uploads;
    web.limits.answer = CADRE_SECOND;
    return http2_serve();
}

static void put(int fd, const char *path, uint32_t stream, unsigned flags)
{
    http2_ask(fd, "PUT", path, H2_WHOLE, stream, NULL);
    http2_send(fd, H2_DATA, flags, stream, "abc", 3);
}

/* It costs the one, and no other of the connection. */
static void unanswered_upload_by_http2_is_504(void **state)
{
    static const char *const silent[] = {"/up/none", "/up/one", "/up/all"};
    cadre_system *sys = serve_http2();
    for (int i = 0; i < 3; i++) {
        int fd = http2_connect();
        put(fd, silent[i], 1, i == 2 ? H2_END : 0);
        assert_int_equal(http2_status(fd, 1), 504);
        if (i < 2)
            assert_int_equal(http2_reset(fd, 1), 0);
        assert_int_equal(web_ask(sys).requests, 0);
        http2_expect_text(fd, 3, "fine\n");
        close(fd);
    }
    web_served(sys);
}

static void slow_upload_by_http2_has_time(void **state)
{
    cadre_system *sys = serve_http2();
    int fd = http2_connect();
    put(fd, "/up/all?answer", 1, 0);
    wait_for(1500 * CADRE_MS);
    http2_send(fd, H2_DATA, H2_END, 1, "aa", 2);
    assert_int_equal(http2_status(fd, 1), 200);
    close(fd);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(steady_reader_gets_all),
          cmocka_unit_test(closing_one_that_reads_nothing_ends),
          cmocka_unit_test(waiting_requests_are_not_late),
          cmocka_unit_test(many_before_the_end_are_answered),
          cmocka_unit_test(continue_behind_a_late_answer),
          cmocka_unit_test(unanswered_upload_is_504),
          cmocka_unit_test(slow_upload_has_time),
          cmocka_unit_test(unanswered_upload_by_http2_is_504),
          cmocka_unit_test(slow_upload_by_http2_has_time));
    return RUN_TESTS();
}
