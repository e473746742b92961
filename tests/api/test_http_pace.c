/* test_http_pace.c: clients that are slow, and those that the server has to wait for. */
#include "support/web.h"

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

static const cadre_http_route routes[] = {
    {NULL, "/fine", fine}, {"GET", "/much", send_much}, {"GET", "/late", be_late}, {0}};

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

int main(void)
{
    TESTS(cmocka_unit_test(steady_reader_gets_all),
          cmocka_unit_test(closing_one_that_reads_nothing_ends),
          cmocka_unit_test(waiting_requests_are_not_late),
          cmocka_unit_test(many_before_the_end_are_answered),
          cmocka_unit_test(continue_behind_a_late_answer));
    return RUN_TESTS();
}
