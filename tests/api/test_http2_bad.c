/* test_http2_bad.c: clients of HTTP/2 that mean no good: they are frames. */
#include "support/http2.h"

#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { PROTOCOL_ERROR = 1, CANCEL = 8 };

static struct http2_frame frame;

/* ---- the server ------------------------------------------------------------------- */

static int fine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "fine\n");
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

static int never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return cadre_defer(self, m, &promise);
}

static atomic_uint noted;

static int note(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&noted, 1);
    return fine(self, state, m);
}

/* Gives as many pieces as are asked for. */
static int endless_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &cadre_http_gone_type
               ? CADRE_STOP
               : cadre_reply(self, m, cadre_http_piece,
                             .bytes = cadre_buf_new(NULL, 100000));
}
static const cadre_class endless_class = {.name = "endless",
                                          .receive = endless_receive};

static int get_endless(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &endless_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static const cadre_http_route routes[] = {{"GET", "/", fine},
                                          {"POST", "/", fine},
                                          {"GET", "/hold", hold_up},
                                          {"GET", "/never", never},
                                          {"GET", "/note", note},
                                          {"GET", "/endless", get_endless},
                                          {0}};

static cadre_system *serve(void)
{
    atomic_store(&may_go_on, 0);
    web.routes = routes;
    return http2_serve();
}

/* It still answers. */
static void expect_fine(int fd, uint32_t stream)
{
    http2_expect_text(fd, stream, "fine\n");
}

static bool is_past(void *until) { return real_now() >= *(int64_t *)until; }

/* ---- what is refused -------------------------------------------------------------- */

static const char *const connection[] = {"connection", "keep-alive", NULL};
static const char *const coding[] = {"transfer-encoding", "chunked", NULL};
static const char *const upper[] = {"X-Upper", "a", NULL};
static const char *const split[] = {"x", "a\r\nb: c", NULL};
static const char *const two_lengths[] = {"content-length", "3", "content-length", "4",
                                          NULL};
static const char *const two_hosts[] = {"host", "there", NULL};
static const char *const hosts[] = {"host", "here", "host", "here", NULL};
static const char *const same_host[] = {"host", "here", NULL};

static void forbidden_fields_are_refused(void **state)
{
    static const char *const *const bad[] = {connection, coding,      upper,
                                             split,      two_lengths, hosts};
    cadre_system *sys = serve();
    int fd = http2_connect();
    uint32_t id = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++, id += 2) {
        http2_ask(fd, "GET", "/", H2_WHOLE | H2_END, id, bad[i]);
        assert_int_equal(http2_reset(fd, id), PROTOCOL_ERROR);
    }
    expect_fine(fd, id);
    close(fd);
    web_served(sys);
}

static void no_smuggling(void **state)
{
    static const struct {
        int status;
        const char *method, *path;
        const char *const *fields;
    } bad[] = {{400, "GET", "/", two_hosts},

               {200, "GET", "/", same_host},
               {400, "GET", "/#a", NULL},
               {404, "GET", "/none", NULL},
               {405, "PUT", "/", NULL},
               {501, "get", "/", NULL},
               {501, "UNHEARD-OF", "/", NULL},
               {501, "A-very-long-method-that-nobody-can-have-meant", "/", NULL}};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = http2_connect();
        http2_ask(fd, bad[i].method, bad[i].path, H2_WHOLE | H2_END, 1, bad[i].fields);
        assert_int_equal(http2_status(fd, 1), bad[i].status);
        expect_fine(fd, 3);
        close(fd);
    }
    web_served(sys);
}

static void no_preface_is_no_http2(void **state)
{
    cadre_system *sys = serve();
    static const char wrong[] = "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n";
    int fd = raw_connect(web.port);
    raw_send(fd, wrong, strlen(wrong));
    http2_expect(fd, H2_GONE, 0, &frame);
    close(fd);
    const char *a =
        web_talk("GET / HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_non_null(strstr(a, "fine\n"));
    assert_non_null(strstr(a, "HTTP/1.1 505 "));
    web_served(sys);
}

/* However it is cut, what comes is read at once. */
static void preface_comes_in_parts(void **state)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    web.limits.read = 3600 * CADRE_SECOND;
    cadre_system *sys = serve();
    for (size_t cut = 1; cut < sizeof preface - 1; cut += 8) {
        int fd = raw_connect(web.port);
        int64_t until = real_now() + 20 * CADRE_MS; /* long enough that it is read */
        raw_send(fd, preface, cut);
        await_true(is_past, &until);
        raw_send(fd, preface + cut, sizeof preface - 1 - cut);
        http2_expect(fd, H2_SETTINGS, 0, &frame);
        http2_send(fd, H2_SETTINGS, 0, 0, NULL, 0);
        expect_fine(fd, 1);
        close(fd);
    }
    web_served(sys);
}

/* ---- limits ----------------------------------------------------------------------- */

static void limits_hold(void **state)
{
    char long_text[100], path[64];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    snprintf(path, sizeof path, "/%050d", 0);
    const char *const many[] = {"a", "",  "b", "",  "c", "",  "d",
                                "",  "e", "",  "f", "",  NULL};
    const char *const large[] = {"a",       long_text, "b",       long_text, "c",
                                 long_text, "d",       long_text, NULL};
    const char *const length[] = {"content-length", "11", NULL};
    const struct {
        int status;
        const char *method, *path;
        unsigned flags;
        const char *const *fields;
    } bad[] = {{431, "GET", "/", H2_END, many},
               {431, "GET", "/", H2_END, large},
               {414, "GET", path, H2_END, NULL},
               {413, "POST", "/", 0, length}};
    web.limits =
        (cadre_http_limits){.head = 400, .fields = 5, .target = 50, .body = 10};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = http2_connect();
        http2_ask(fd, bad[i].method, bad[i].path, H2_WHOLE | bad[i].flags, 1,
                  bad[i].fields);
        assert_int_equal(http2_status(fd, 1), bad[i].status);
        if (!bad[i].flags) /* no more of it is wanted */
            assert_int_equal(http2_reset(fd, 1), 0);
        expect_fine(fd, 3);
        close(fd);
    }
    int fd = http2_connect();
    http2_ask(fd, "POST", "/", H2_WHOLE, 1, NULL);
    http2_send(fd, H2_DATA, 0, 1, long_text, 11);
    assert_int_equal(http2_status(fd, 1), 413);
    expect_fine(fd, 3);
    close(fd);
    web_served(sys);
}

/* ---- floods ----------------------------------------------------------------------- */

/* What ends a connection: the reason of its GOAWAY, unless that was read already. A
 * writer may find it closed. */
static uint32_t end_of(void (*flood)(int fd))
{
    int fd = http2_connect();
    frame.type = H2_DATA;
    flood(fd);
    uint32_t reason = frame.type == H2_GOAWAY ? frame.bytes[7] : http2_goaway(fd);
    http2_expect(fd, H2_GONE, 0, &frame);
    close(fd);
    return reason;
}

static void reset_many(int fd)
{
    for (uint32_t id = 1; id < 2000; id += 2) {
        http2_get(fd, "/hold", id);
        http2_send_number(fd, H2_RESET, id, CANCEL);
    }
}
/* Many at a time, so that it is fast also where nothing else is. */
static void reset_answered(int fd)
{
    enum { MANY = 100 };
    for (uint32_t first = 1;; first += 2 * MANY) {
        for (uint32_t id = first; id < first + 2 * MANY; id += 2)
            http2_get(fd, "/endless", id);
        for (int answers = 0; answers < MANY; answers += frame.type == H2_HEADERS) {
            http2_read(fd, &frame);
            if (frame.type == H2_GOAWAY || frame.type == H2_GONE)
                return;
        }
        for (uint32_t id = first; id < first + 2 * MANY; id += 2)
            http2_send_number(fd, H2_RESET, id, CANCEL);
    }
}
static void ping_much(int fd)
{
    static const char ping[8];
    for (int i = 0; i < 900; i++)
        http2_send(fd, H2_PING, 0, 0, ping, sizeof ping);
}
static void set_much(int fd)
{
    for (int i = 0; i < 900; i++)
        http2_send(fd, H2_SETTINGS, 0, 0, NULL, 0);
}
static void say_nothing_much(int fd)
{
    http2_ask(fd, "POST", "/", H2_WHOLE, 1, NULL);
    for (int i = 0; i < 900; i++)
        http2_send(fd, H2_DATA, 0, 1, NULL, 0);
}
/* So that the server resets them itself. */
static void ask_badly(int fd)
{
    for (uint32_t id = 1; id < 2000; id += 2)
        http2_ask(fd, "GET", "/", H2_WHOLE | H2_END, id, connection);
}
static void go_on_and_on(int fd)
{
    char bytes[64];
    size_t size = (size_t)(http2_field(bytes, "a", "b") - bytes);
    http2_ask(fd, "GET", "/", H2_END, 1, NULL);
    for (int i = 0; i < 1000; i++)
        http2_send(fd, H2_CONTINUATION, 0, 1, bytes, size);
}

/* Bytes that say that there are none. */
static void pad_much(int fd)
{
    http2_ask(fd, "POST", "/", H2_WHOLE, 1, NULL);
    for (int i = 0; i < 900; i++)
        http2_send(fd, H2_DATA, H2_PADDED, 1, "", 1);
}

static void floods_end(void **state)
{
    cadre_system *sys = serve();
    assert_int_equal(end_of(reset_many), 0);
    assert_int_equal(web_ask(sys).requests, 0);
    assert_int_equal(end_of(reset_answered), H2_CALM);
    assert_int_equal(end_of(ping_much), H2_CALM);
    assert_int_equal(end_of(set_much), H2_CALM);
    assert_int_equal(end_of(say_nothing_much), H2_CALM);
    assert_int_equal(end_of(pad_much), H2_CALM);
    assert_int_equal(end_of(ask_badly), H2_CALM);
    int fd = http2_connect();
    go_on_and_on(fd);
    do
        http2_read(fd, &frame);
    while (frame.type != H2_GONE);
    close(fd);
    atomic_store(&may_go_on, 1);
    web_served(sys);
}

/* Frames in one write, so that they are read together. */
static char *put_frame(char *at, int type, unsigned flags, unsigned stream,
                       const void *bytes, size_t size)
{
    const char head[] = {0, 0, (char)size, (char)type,  (char)flags,
                         0, 0, 0,          (char)stream};
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, bytes, size);
    return at + sizeof head + size;
}

/* As many cancelled as may be, and one more at the same time: it is either answered or
 * was never begun. */
static void none_is_begun_behind_the_end(void **state)
{
    static const char never_path[] = "\x82\x86\4\6/never\1\1a";
    static const char note_path[] = "\x82\x86\4\5/note\1\1a";
    char bytes[1024], *at = bytes;
    web.limits.streams = 1;
    cadre_system *sys = serve();
    for (int i = 0; i < 20; i++) {
        int fd = http2_connect();
        atomic_store(&noted, 0);
        at = put_frame(bytes, H2_HEADERS, H2_WHOLE | H2_END, 1, never_path,
                       sizeof never_path - 1);
        at = put_frame(at, H2_RESET, 0, 1, "\0\0\0\x8", 4);
        at = put_frame(at, H2_HEADERS, H2_WHOLE | H2_END, 3, note_path,
                       sizeof note_path - 1);
        raw_send(fd, bytes, (size_t)(at - bytes));
        http2_expect(fd, H2_GOAWAY, 0, &frame);
        uint32_t last = frame.bytes[3];
        do
            http2_read(fd, &frame);
        while (frame.type != H2_GONE);
        close(fd);
        assert_true(last >= 3 || atomic_load(&noted) == 0);
    }
    web_served(sys);
}

/* What is due while the client takes nothing is looked at now and then, not again and
 * again. */
static void late_and_deaf_costs_little(void **state)
{
    static const char most[] = "\x3f\0\0\0";
    char bytes[512], *at = bytes;
    cadre_counters before, after;
    static const char path[] = "\x82\x86\4\x8/endless\1\1a";
    web.limits.read = 100 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = http2_connect();
    at = put_frame(at, H2_WINDOW, 0, 0, most, 4);
    at = put_frame(at, H2_HEADERS, H2_WHOLE | H2_END, 1, path, sizeof path - 1);
    at = put_frame(at, H2_WINDOW, 0, 1, most, 4);
    at = put_frame(at, H2_HEADERS, H2_END, 3, path, sizeof path - 1);
    raw_send(fd, bytes, (size_t)(at - bytes));
    int64_t until = real_now() + CADRE_SECOND;
    await_true(is_past, &until);
    assert_int_equal(cadre_stats(sys, &before), 0);
    until = real_now() + CADRE_SECOND;
    await_true(is_past, &until);
    assert_int_equal(cadre_stats(sys, &after), 0);
    assert_in_range(after.handled - before.handled, 0, 200);
    close(fd);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(forbidden_fields_are_refused),
          cmocka_unit_test(no_smuggling), cmocka_unit_test(no_preface_is_no_http2),
          cmocka_unit_test(preface_comes_in_parts), cmocka_unit_test(limits_hold),
          cmocka_unit_test(floods_end), cmocka_unit_test(none_is_begun_behind_the_end),
          cmocka_unit_test(late_and_deaf_costs_little));
    return RUN_TESTS();
}
