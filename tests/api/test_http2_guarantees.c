/* test_http2_guarantees.c: what actors/http.h promises of HTTP/2. */
#include "support/http2.h"

#include <cadre/actors/http_events.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 100000, WINDOW = 65535, ROW = 16384 };
enum { INTERNAL_ERROR = 2, REFUSED = 7, CANCEL = 8 };

static struct http2_frame frame;

/* ---- handlers --------------------------------------------------------------------- */

static int fine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "fine\n");
}
static int closes(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"Connection", "close"}, {0}};
    return cadre_http_reply(self, m, 200, fields, NULL);
}
/* More fields than nghttp2 sends. */
static int say_too_much(cadre_self *self, void *state, cadre_msg *m)
{
    static char text[100000];
    const cadre_http_field fields[] = {{"a", text}, {0}};
    memset(text, 'x', sizeof text - 1);
    return cadre_http_reply(self, m, 200, fields, NULL);
}
static int break_down(cadre_self *self, void *state, cadre_msg *m) { return -EIO; }
static int make_up(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, cadre_http_response, .status = 101);
}

static atomic_uint deferred, cancelled, given, gone, begun, ended, code;

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

static int root_defers(cadre_self *self, void *state, cadre_msg *m)
{
    look l;
    if (m->type == &look_type)
        return is_cancelled(self, state, m);
    int err = cadre_defer(self, m, &l.promise);
    atomic_fetch_add(&deferred, 1);
    return err ? err : cadre_after_as(self, NULL, CADRE_MS, &look_type, &l);
}

/* Holds up its desk until it is told. */
static atomic_uint may_go_on;
static int hold_up(cadre_self *self, void *state, cadre_msg *m)
{
    while (!atomic_load(&may_go_on))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return fine(self, state, m);
}

/* ---- pieces ----------------------------------------------------------------------- */

/* Gives as many as are asked for. */
static int endless_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &cadre_http_gone_type) {
        atomic_fetch_add(&gone, 1);
        return CADRE_STOP;
    }
    atomic_fetch_add(&given, 1);
    return cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE));
}
static void endless_stop(cadre_self *self, void *state, int reason)
{
    atomic_fetch_add(&ended, 1);
}
static const cadre_class endless_class = {
    .name = "endless", .receive = endless_receive, .stop = endless_stop};

static int broken_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *count = state;
    return (*count)++ ? -EIO
                      : cadre_reply(self, m, cadre_http_piece,
                                    .bytes = cadre_buf_new("half", 4));
}
static const cadre_class broken_class = {
    .name = "broken", .state_size = sizeof(unsigned), .receive = broken_receive};

static int reply_with(cadre_self *self, cadre_msg *m, const cadre_class *cls)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, cls, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}
static int get_endless(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &endless_class);
}
static int get_broken(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &broken_class);
}
/* Has a source, and answers never. */
static int get_never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref source;
    cadre_promise promise;
    int err = cadre_spawn(self, &source, &endless_class, NULL);
    atomic_fetch_add(&deferred, 1);
    return err ? err : cadre_defer(self, m, &promise);
}

/* Reads one piece, then the rest when it is told, and notes why it ends. */
static int take(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_source from = ((cadre_http_request *)request->body)->source;
    bool is_last = false;
    cadre_msg m;
    cadre_token token;
    while (!is_last) {
        int err = cadre_ask(self, &token, from.from, CADRE_NEVER, cadre_http_more,
                            .key = from.key);
        if (!err)
            err = cadre_await(self, token, &m);
        const cadre_failure *failure = err ? NULL : cadre_body(&m, cadre_failure);
        if (err || failure) {
            atomic_store(&code, (unsigned)-(failure ? failure->code : err));
            return -EIO;
        }
        is_last = cadre_body(&m, cadre_http_piece)->is_last;
        atomic_fetch_add(&begun, 1);
        while (!atomic_load(&may_go_on))
            if (cadre_sleep(self, CADRE_MS))
                return -ECANCELED;
    }
    return fine(self, state, request);
}
static int refuse(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 403, "no\n");
}

/* ---- the server ------------------------------------------------------------------- */

static const cadre_http_route routes[] = {{"GET", "/", fine},
                                          {"POST", "/", fine},
                                          {"GET", "/close", closes},
                                          {"GET", "/much", say_too_much},
                                          {"GET", "/fail", break_down},
                                          {"GET", "/made-up", make_up},
                                          {"GET", "/hold", hold_up},
                                          {"GET", "/endless", get_endless},
                                          {"GET", "/broken", get_broken},
                                          {"GET", "/never", get_never},
                                          {0}};
static const cadre_http_route uploads[] = {
    {"PUT", "/take", take}, {"PUT", "/refuse", refuse}, {0}};

static cadre_system *serve(void)
{
    atomic_uint *counters[] = {&deferred, &cancelled, &given,     &gone,
                               &begun,    &ended,     &may_go_on, &code};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        atomic_store(counters[i], 0);
    web.routes = routes;
    web.uploads = uploads;
    return http2_serve();
}

/* It still answers. */
static void expect_fine(int fd, uint32_t stream)
{
    http2_expect_text(fd, stream, "fine\n");
}

static bool is_past(void *until) { return real_now() >= *(int64_t *)until; }

static void wait_for(cadre_time ns)
{
    int64_t until = real_now() + ns;
    await_true(is_past, &until);
}

/* ---- one connection, many requests ------------------------------------------------ */

/* One whose handler waits holds up no other. */
static void streams_hold_up_no_other(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/hold", 1);
    for (uint32_t id = 3; id < 100; id += 2)
        expect_fine(fd, id);
    atomic_store(&may_go_on, 1);
    http2_expect(fd, H2_HEADERS, 1, &frame);
    close(fd);
    web_served(sys);
}

static void unanswered_is_500(void **state)
{
    static const char *const paths[] = {"/fail", "/made-up"};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = http2_connect();
        http2_get(fd, paths[i], 1);
        assert_int_equal(http2_status(fd, 1), 500);
        expect_fine(fd, 3); /* its desk has started again */
        expect_fine(fd, 5);
        close(fd);
    }
    web_served(sys);
}

static void late_answer_is_504(void **state)
{
    web.limits.answer = 50 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/never", 1);
    assert_int_equal(http2_status(fd, 1), 504);
    expect_fine(fd, 3);
    close(fd);
    web_served(sys);
}

static void close_leaves_after_the_others(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/hold", 1);
    http2_get(fd, "/close", 3);
    assert_int_equal(http2_goaway(fd), 0);
    atomic_store(&may_go_on, 1);
    http2_expect(fd, H2_DATA, 1, &frame);
    http2_expect(fd, H2_GONE, 0, &frame);
    close(fd);
    web_served(sys);
}

/* ---- limits ----------------------------------------------------------------------- */

static void streams_are_limited(void **state)
{
    web.limits.streams = 2;
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/hold", 1);
    http2_get(fd, "/hold", 3);
    http2_get(fd, "/", 5);
    assert_int_equal(http2_reset(fd, 5), REFUSED);
    atomic_store(&may_go_on, 1);
    for (uint32_t sum = 0; sum < 1 + 3;
         sum += frame.type == H2_DATA ? frame.stream : 0) {
        http2_read(fd, &frame);
        assert_int_not_equal(frame.type, H2_GONE);
    }
    expect_fine(fd, 7);
    close(fd);
    web_served(sys);
}

static void too_many_requests_are_503(void **state)
{
    web.limits.requests = 1;
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/hold", 1);
    http2_get(fd, "/", 3);
    assert_int_equal(http2_status(fd, 3), 503);
    assert_int_equal(web_ask(sys).requests, 1);
    atomic_store(&may_go_on, 1);
    http2_expect(fd, H2_DATA, 1, &frame);
    close(fd);
    web_served(sys);
}

/* ---- windows ---------------------------------------------------------------------- */

/* A stream whose window is closed makes its source wait, and no other stream. */
static void slow_client_waits(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_send_number(fd, H2_WINDOW, 0, 1 << 20); /* of the connection */
    http2_get(fd, "/endless", 1);
    size_t size = 0;
    while (size < WINDOW) {
        http2_expect(fd, H2_DATA, 1, &frame);
        size += frame.size;
    }
    assert_int_equal(size, WINDOW);
    expect_fine(fd, 3);
    assert_int_equal(atomic_load(&given), 1); /* of which a part is there yet */
    http2_send_number(fd, H2_WINDOW, 1, PIECE);
    while (size < WINDOW + PIECE) {
        http2_expect(fd, H2_DATA, 1, &frame);
        size += frame.size;
    }
    assert_int_equal(size, WINDOW + PIECE);
    assert_int_equal(atomic_load(&given), 2);
    http2_send_number(fd, H2_RESET, 1, CANCEL);
    await(&gone, 1); /* and it is told */
    expect_fine(fd, 5);
    close(fd);
    web_served(sys);
}

/* Windows are opened again only as the handler takes what has come. */
static void slow_source_waits(void **state)
{
    static char bytes[ROW];
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_ask(fd, "PUT", "/take", H2_WHOLE, 1, NULL);
    http2_send(fd, H2_DATA, 0, 1, bytes, 1);
    await(&begun, 1);
    for (int i = 0; i < 3; i++)
        http2_send(fd, H2_DATA, 0, 1, bytes, ROW);
    http2_send(fd, H2_DATA, 0, 1, bytes, ROW - 2);
    http2_get(fd, "/", 3);
    do {
        http2_read(fd, &frame);
        assert_false(frame.type == H2_WINDOW && frame.stream == 1);
    } while (frame.type != H2_DATA);
    assert_int_equal(atomic_load(&begun), 1);
    atomic_store(&may_go_on, 1);
    http2_expect(fd, H2_WINDOW, 1, &frame);
    http2_send(fd, H2_DATA, H2_END, 1, bytes, 1);
    http2_expect(fd, H2_HEADERS, 1, &frame);
    close(fd);
    web_served(sys);
}

/* An upload whose window is closed holds up no other. */
static void stuck_upload_holds_up_no_other(void **state)
{
    static char bytes[ROW];
    cadre_system *sys = serve();
    int fd = http2_connect();
    for (uint32_t id = 1; id < 40;
         id += 2) { /* more than the connection's first window */
        http2_ask(fd, "PUT", "/take", H2_WHOLE, id, NULL);
        http2_send(fd, H2_DATA, 0, id, bytes, ROW);
    }
    expect_fine(fd, 41);
    atomic_store(&may_go_on, 1);
    for (uint32_t id = 1; id < 40; id += 2)
        http2_send(fd, H2_DATA, H2_END, id, NULL, 0);
    for (uint32_t id = 1; id < 40; id += 2)
        http2_get(fd, "/", id + 42);
    http2_expect(fd, H2_DATA, 81, &frame);
    close(fd);
    web_served(sys);
}

static void cut_is_seen(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/broken", 1);
    assert_int_equal(http2_reset(fd, 1), INTERNAL_ERROR);
    http2_get(fd, "/much", 3);
    assert_int_equal(http2_reset(fd, 3), INTERNAL_ERROR);
    expect_fine(fd, 5);
    close(fd);
    web_served(sys);
}

static void answer_before_the_end_refuses_the_rest(void **state)
{
    static char bytes[ROW];
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_ask(fd, "PUT", "/refuse", H2_WHOLE, 1, NULL);
    http2_send(fd, H2_DATA, 0, 1, bytes, ROW);
    assert_int_equal(http2_status(fd, 1), 403);
    assert_int_equal(http2_reset(fd, 1), 0);
    expect_fine(fd, 3);
    close(fd);
    web_served(sys);
}

/* ---- slow clients ----------------------------------------------------------------- */

static void slow_clients_end(void **state)
{
    web.limits.read = 100 * CADRE_MS;
    web.limits.idle = 100 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = http2_connect(); /* says nothing */
    assert_int_equal(http2_goaway(fd), 0);
    http2_expect(fd, H2_GONE, 0, &frame);
    close(fd);
    fd = http2_connect(); /* a head that does not end */
    http2_ask(fd, "GET", "/", H2_END, 1, NULL);
    assert_int_equal(http2_goaway(fd), H2_CALM);
    http2_expect(fd, H2_GONE, 0, &frame);
    close(fd);
    fd = http2_connect(); /* a body that does not */
    http2_ask(fd, "POST", "/", H2_WHOLE, 1, NULL);
    assert_int_equal(http2_status(fd, 1), 408);
    assert_int_equal(http2_reset(fd, 1), 0);
    close(fd);
    fd = http2_connect(); /* nor one in pieces */
    http2_ask(fd, "PUT", "/take", H2_WHOLE, 1, NULL);
    assert_int_equal(http2_status(fd, 1), 408);
    await(&code, ETIMEDOUT);
    close(fd);
    fd = http2_connect(); /* a window that stays closed */
    http2_get(fd, "/endless", 1);
    assert_int_equal(http2_reset(fd, 1), CANCEL);
    await(&gone, 1);
    close(fd);
    web_served(sys);
}

/* One that takes nothing is cut off; and so are all that were to get something. */
static void deaf_client_ends(void **state)
{
    web.limits.idle = 200 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_send_number(fd, H2_WINDOW, 0, 1 << 30);
    for (uint32_t id = 1; id < 10; id += 2) {
        http2_get(fd, "/endless", id);
        http2_send_number(fd, H2_WINDOW, id, 1 << 30);
    }
    await(&gone, 5);
    close(fd);
    web_served(sys);
}

/* Said of others, pings do not count as requests. */
static void pings_keep_nothing_open(void **state)
{
    static const char ping[8];
    web.limits.idle = 200 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = http2_connect();
    int64_t begin = real_now();
    do {
        http2_send(fd, H2_PING, 0, 0, ping, sizeof ping);
        do
            http2_read(fd, &frame);
        while (frame.type != H2_PING && frame.type != H2_GOAWAY);
        wait_for(10 * CADRE_MS);
    } while (frame.type == H2_PING && real_now() - begin < 60 * CADRE_SECOND);
    assert_int_equal(frame.type, H2_GOAWAY);
    close(fd);
    web_served(sys);
}

/* ---- the end ---------------------------------------------------------------------- */

static void gone_client_cancels(void **state)
{
    web_root = root_defers;
    cadre_system *sys = http2_serve();
    atomic_store(&deferred, 0);
    atomic_store(&cancelled, 0);
    int fd = http2_connect();
    http2_get(fd, "/", 1);
    http2_get(fd, "/", 3);
    await(&deferred, 2);
    http2_send_number(fd, H2_RESET, 1, CANCEL);
    await(&cancelled, 1);
    assert_int_equal(web_ask(sys).requests, 1);
    close(fd);
    await(&cancelled, 2);
    web_served(sys);
}

/* With all that it has at its desk. */
static void cancelled_ends_its_desk(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/never", 1);
    await(&deferred, 1);
    http2_send_number(fd, H2_RESET, 1, CANCEL);
    await(&ended, 1);
    expect_fine(fd, 3);
    close(fd);
    web_served(sys);
}

static void cut_upload_is_told(void **state)
{
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_ask(fd, "PUT", "/take", H2_WHOLE, 1, NULL);
    http2_send(fd, H2_DATA, 0, 1, "abc", 3);
    await(&begun, 1);
    atomic_store(&may_go_on, 1);
    http2_send_number(fd, H2_RESET, 1, CANCEL);
    await(&code, 1);
    expect_fine(fd, 3);
    close(fd);
    web_served(sys);
}

static void *shut_down(void *sys)
{
    int reason = cadre_system_shutdown(sys, 30 * CADRE_SECOND, 40 * CADRE_SECOND);
    return reason ? sys : NULL;
}

/* Closing, it answers what it has begun with, and says so. */
static void drained_in_order(void **state)
{
    pthread_t thread;
    void *failed;
    cadre_system *sys = serve();
    int fd = http2_connect();
    http2_get(fd, "/hold", 1);
    expect_fine(fd, 3);
    assert_int_equal(pthread_create(&thread, NULL, shut_down, sys), 0);
    assert_int_equal(http2_goaway(fd), 0);
    http2_get(fd, "/", 5); /* it may be asked elsewhere */
    atomic_store(&may_go_on, 1);
    http2_expect(fd, H2_DATA, 1, &frame);
    assert_memory_equal(frame.bytes, "fine\n", 5);
    do {
        http2_read(fd, &frame);
        assert_int_not_equal(frame.stream, 5);
    } while (frame.type != H2_GONE);
    close(fd);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(streams_hold_up_no_other),
          cmocka_unit_test(unanswered_is_500), cmocka_unit_test(late_answer_is_504),
          cmocka_unit_test(close_leaves_after_the_others),
          cmocka_unit_test(streams_are_limited),
          cmocka_unit_test(too_many_requests_are_503),
          cmocka_unit_test(slow_client_waits), cmocka_unit_test(slow_source_waits),
          cmocka_unit_test(stuck_upload_holds_up_no_other),
          cmocka_unit_test(cut_is_seen),
          cmocka_unit_test(answer_before_the_end_refuses_the_rest),
          cmocka_unit_test(slow_clients_end), cmocka_unit_test(deaf_client_ends),
          cmocka_unit_test(pings_keep_nothing_open),
          cmocka_unit_test(gone_client_cancels),
          cmocka_unit_test(cancelled_ends_its_desk),
          cmocka_unit_test(cut_upload_is_told), cmocka_unit_test(drained_in_order));
    return RUN_TESTS();
}
