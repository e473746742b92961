/* test_http_pieces.c: answers and uploads in pieces, as http.h promises. */
#include "support/effort.h"
#include "support/web.h"

#include <cadre/await.h>
#include <cadre/shutdown.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: here\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* More than the kernel keeps. */
enum { PIECE = 100000, MUCH = EFFORT_SLOWDOWN > 4 ? 400 : 1000, ENOUGH = 64 << 20 };

static void send_text(int fd, const char *text) { raw_send(fd, text, strlen(text)); }

static bool is_past(void *until) { return real_now() >= *(int64_t *)until; }

static void wait_for(cadre_time ns)
{
    int64_t until = real_now() + ns;
    await_true(is_past, &until);
}

/* ---- sources ---------------------------------------------------------------------- */

static atomic_uint given, gone;

/* Three pieces, one of them empty, and a trailer. */
typedef struct {
    unsigned count;
} three;

static int three_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const char *const texts[] = {"first|", "", "last"};
    static const cadre_http_field fields[] = {{"Sum", "42"}, {0}};
    three *me = state;
    if (m->type == &cadre_http_gone_type) {
        atomic_fetch_add(&gone, 1);
        return CADRE_STOP;
    }
    if (m->type != &cadre_http_more_type)
        return cadre_unhandled(self, m);
    const char *text = texts[me->count++];
    bool is_last = me->count == 3;
    cadre_buf *trailers = NULL;
    int err = is_last ? cadre_http_trailers(&trailers, fields) : 0;
    if (!err)
        err = cadre_reply(self, m, cadre_http_piece,
                          .bytes = *text ? cadre_buf_new(text, strlen(text)) : NULL,
                          .is_last = is_last, .trailers = trailers);
    return err ? err : is_last ? CADRE_STOP : 0;
}
static const cadre_class three_class = {
    .name = "three", .state_size = sizeof(three), .receive = three_receive};

/* Large ones, a given number of them. */
typedef struct {
    unsigned left;
} large;

static int large_receive(cadre_self *self, void *state, cadre_msg *m)
{
    large *me = state;
    if (m->type == &cadre_http_gone_type) {
        atomic_fetch_add(&gone, 1);
        return CADRE_STOP;
    }
    atomic_fetch_add(&given, 1);
    return cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE),
                       .is_last = --me->left == 0);
}
static const cadre_class large_class = {
    .name = "large", .state_size = sizeof(large), .receive = large_receive};

/* Gives a few pieces, or none, and then says nothing. */
typedef struct {
    unsigned left;
} quiet_one;

static int quiet_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_promise promise;
    quiet_one *me = state;
    if (m->type == &cadre_http_gone_type) {
        atomic_fetch_add(&gone, 1);
        return CADRE_STOP;
    }
    if (me->left == 0)
        return cadre_defer(self, m, &promise);
    me->left--;
    return cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE));
}
static const cadre_class quiet_class = {
    .name = "quiet", .state_size = sizeof(quiet_one), .receive = quiet_receive};

/* One, then it fails. */
static int broken_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *count = state;
    return (*count)++ ? -EIO
                      : cadre_reply(self, m, cadre_http_piece,
                                    .bytes = cadre_buf_new("half", 4));
}
static const cadre_class broken_class = {
    .name = "broken", .state_size = sizeof(unsigned), .receive = broken_receive};

/* ---- answers ---------------------------------------------------------------------- */

static int reply_with(cadre_self *self, cadre_msg *m, const cadre_class *cls,
                      const void *init, uint64_t size)
{
    cadre_http_source source = {.size = size};
    int err = cadre_spawn(self, &source.from, cls, init);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static int get_three(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &three_class, NULL, 0);
}
static int get_sized(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &three_class, NULL, 10);
}
static int get_too_much(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &three_class, NULL, 9);
}
static int get_too_little(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &three_class, NULL, 11);
}
static int get_broken(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &broken_class, NULL, 0);
}
static int get_large(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &large_class, &(large){MUCH}, (uint64_t)MUCH * PIECE);
}
static int get_chunks(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &large_class, &(large){MUCH}, 0);
}
static int get_stuck(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &quiet_class, &(quiet_one){MUCH}, 0);
}
static int get_late(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_with(self, m, &quiet_class, NULL, 0);
}
static int get_nothing(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_source none = {0}, me = {.from = cadre_me(self)};
    unsigned refused = (cadre_http_reply_source(self, m, 200, NULL, &none) == -EINVAL) +
                       (cadre_http_reply_source(self, m, 200, NULL, NULL) == -EINVAL) +
                       (cadre_http_reply_source(self, m, 204, NULL, &me) == -EINVAL) +
                       (cadre_http_reply_source(self, m, 304, NULL, &me) == -EINVAL);
    return cadre_http_reply(self, m, refused == 4 ? 204 : 500, NULL, NULL);
}
static int get_peer(cadre_self *self, void *state, cadre_msg *m)
{
    char text[64];
    const cadre_address *peer = cadre_http_peer(m->body);
    snprintf(text, sizeof text, "%s %u", peer->host, peer->port);
    return cadre_http_reply_text(self, m, 200, text);
}

static const cadre_http_route routes[] = {
    {"GET", "/three", get_three},   {"GET", "/sized", get_sized},
    {"GET", "/more", get_too_much}, {"GET", "/less", get_too_little},
    {"GET", "/broken", get_broken}, {"GET", "/large", get_large},
    {"GET", "/stuck", get_stuck},   {"GET", "/late", get_late},
    {"GET", "/chunks", get_chunks}, {"GET", "/nothing", get_nothing},
    {"GET", "/peer", get_peer},     {0}};

/* ---- uploads ---------------------------------------------------------------------- */

static atomic_uint begun, may_go_on, code;

/* The next piece, or a negative code. */
static int next_piece(cadre_self *self, const cadre_http_source *from, cadre_msg *m)
{
    cadre_token token;
    int err = cadre_ask(self, &token, from->from, CADRE_NEVER, cadre_http_more,
                        .key = from->key);
    if (!err)
        err = cadre_await(self, token, m);
    const cadre_failure *failure = err ? NULL : cadre_body(m, cadre_failure);
    return failure ? failure->code : err;
}

/* Reads all of it, and says how much that was and what its bytes add up to. */
static int sum_up(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_source from = ((cadre_http_request *)request->body)->source;
    bool is_over = !from.from.id;
    uint64_t size = 0, sum = 0;
    char text[64];
    atomic_fetch_add(&begun, 1);
    while (!is_over) {
        cadre_msg m;
        int err = next_piece(self, &from, &m);
        if (err) {
            atomic_store(&code, (unsigned)-err);
            return cadre_http_reply_text(self, request, 500, "cut\n");
        }
        const cadre_http_piece *piece = cadre_body(&m, cadre_http_piece);
        const uint8_t *bytes = cadre_buf_data(piece->bytes);
        for (size_t i = 0; i < cadre_buf_size(piece->bytes); i++)
            sum += bytes[i];
        size += cadre_buf_size(piece->bytes);
        is_over = piece->is_last;
    }
    snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)size,
             (unsigned long long)sum);
    return cadre_http_reply_text(self, request, 200, text);
}

/* The same when it is told to. */
static int sum_up_later(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&may_go_on))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return sum_up(self, state, m);
}

static int refuse(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 403, "no\n");
}

static const cadre_http_route uploads[] = {{"PUT", "/sum", sum_up},
                                           {"POST", "/sum", sum_up},
                                           {"PUT", "/later", sum_up_later},
                                           {"PUT", "/refuse", refuse},
                                           {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    web.uploads = uploads;
    atomic_store(&given, 0);
    atomic_store(&gone, 0);
    atomic_store(&begun, 0);
    atomic_store(&may_go_on, 0);
    atomic_store(&code, 0);
    return web_serve();
}

/* ---- answers in pieces ------------------------------------------------------------ */

static void pieces_are_chunks(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /three HTTP/1.1\r\n" HOST "\r\n"
                             "GET /nothing HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_null(strstr(a, "Content-Length"));
    assert_non_null(strstr(
        a, "\r\n\r\n6\r\nfirst|\r\n4\r\nlast\r\n0\r\nSum: 42\r\n\r\nHTTP/1.1 204 "));
    web_served(sys);
}

static void known_length_is_told(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /sized HTTP/1.1\r\n" HOST "\r\n"
                             "GET /sized HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "\r\nContent-Length: 10\r\n"), 2);
    assert_int_equal(web_count(a, "\r\n\r\nfirst|last"), 2);
    web_served(sys);
}

/* It knows no chunks: the end is the end. */
static void old_client_gets_pieces(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /three HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_null(strstr(a, "chunked"));
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\nfirst|last");
    web_served(sys);
}

static void head_asks_no_source(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("HEAD /sized HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "\r\nContent-Length: 10\r\n"));
    assert_string_equal(a + strlen(a) - 4, "\r\n\r\n");
    await(&gone, 1);
    web_served(sys);
}

static size_t read_until_end(int fd, size_t size)
{
    char *bytes = malloc(size);
    ssize_t n = raw_read_all(fd, bytes, size);
    free(bytes);
    assert_true(n >= 0);
    return (size_t)n;
}

static void slow_client_waits(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /large HTTP/1.1\r\n" CLOSE);
    web_expect_end(fd, "\r\n\r\n");
    unsigned before;
    do { /* until nothing moves for a while */
        before = atomic_load(&given);
        wait_for(200 * CADRE_MS);
    } while (before != atomic_load(&given));
    assert_true(before < MUCH / 2);
    assert_int_equal(read_until_end(fd, (size_t)MUCH * PIECE + 1),
                     (size_t)MUCH * PIECE);
    assert_int_equal(atomic_load(&given), MUCH);
    close(fd);
    web_served(sys);
}

static void gone_is_told(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /chunks HTTP/1.1\r\n" HOST "\r\n");
    web_expect_end(fd, "\r\n\r\n");
    raw_reset(fd);
    close(fd);
    await(&gone, 1);
    web_served(sys);
}

/* One that takes nothing is closed in time, whether its source has more or not. */
static void deaf_client_ends(void **state)
{
    static const char *const paths[] = {"/large", "/stuck"};
    char text[128];
    web.limits.idle = 200 * CADRE_MS;
    cadre_system *sys = serve();
    for (unsigned i = 0; i < 2; i++) {
        int fd = raw_connect(web.port);
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        send_text(fd, text);
        await(&gone, i + 1);
        close(fd);
    }
    web_served(sys);
}

/* Of one that waits for its source nothing is expected. */
static void late_source_has_time(void **state)
{
    char byte;
    web.limits.idle = 50 * CADRE_MS;
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    web_expect_end(fd, "\r\n\r\n");
    wait_for(400 * CADRE_MS);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(atomic_load(&gone), 0);
    close(fd);
    web_served(sys);
}

static void *shut_down(void *sys)
{
    return cadre_system_shutdown(sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND) ? sys
                                                                            : NULL;
}

static void closing_sends_all_pieces(void **state)
{
    pthread_t thread;
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(pthread_create(&thread, NULL, shut_down, sys), 0);
    wait_for(200 * CADRE_MS);
    assert_int_equal(read_until_end(fd, (size_t)MUCH * PIECE + 1),
                     (size_t)MUCH * PIECE);
    close(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    web_served(sys);
}

static void expect_cut(const char *path, const char *end)
{
    char text[1024];
    int fd = raw_connect(web.port);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    send_text(fd, text);
    web_expect_end(fd, end);
    ssize_t n = raw_read_all(fd, text, sizeof text);
    assert_int_equal(n, -ECONNRESET);
    close(fd);
}

static void cut_is_seen(void **state)
{
    cadre_system *sys = serve();
    expect_cut("/broken", "4\r\nhalf\r\n");
    expect_cut("/more", "first|");
    expect_cut("/less", "first|");
    web_served(sys);
}

static void peer_is_known(void **state)
{
    char text[64];
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    send_text(fd, "GET /peer HTTP/1.1\r\n" CLOSE);
    snprintf(text, sizeof text, "\r\n\r\n127.0.0.1 %u",
             (unsigned)(((uint8_t *)&own)[2] << 8 | ((uint8_t *)&own)[3]));
    assert_non_null(strstr(web_rest(fd), text));
    web_served(sys);
}

/* ---- uploads ---------------------------------------------------------------------- */

static void uploads_come_in_pieces(void **state)
{
    cadre_system *sys = serve();
    const char *a =
        web_talk("PUT /sum HTTP/1.1\r\nContent-Length: 3\r\n" HOST "\r\n\1\2\3"
                 "POST /sum HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n"
                 "2\r\n\1\2\r\n1\r\n\4\r\n0\r\nA: b\r\n\r\n"
                 "PUT /sum HTTP/1.1\r\nContent-Length: 0\r\n" HOST "\r\n"
                 "GET /sum HTTP/1.1\r\n" HOST "\r\n"
                 "GET /three HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "HTTP/1.1 200 "), 4);
    assert_non_null(strstr(a, "\r\n\r\n3 6\n"));
    assert_non_null(strstr(a, "\r\n\r\n3 7\n"));
    assert_non_null(strstr(a, "\r\n\r\n0 0\n"));
    assert_non_null(strstr(a, "\r\nAllow: PUT, POST\r\n"));
    web_served(sys);
}

static void slow_source_waits(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "PUT /later HTTP/1.1\r\nContent-Length: 67108864\r\n" CLOSE);
    size_t sent = raw_send_until_stuck(fd, ENOUGH);
    await(&begun, 1);
    assert_true(sent < ENOUGH);
    atomic_store(&may_go_on, 1);
    for (size_t n; sent < ENOUGH; sent += n) {
        static const char zeros[1 << 16];
        n = ENOUGH - sent < sizeof zeros ? ENOUGH - sent : sizeof zeros;
        raw_send(fd, zeros, n);
    }
    assert_non_null(strstr(web_rest(fd), "\r\n\r\n67108864 0\n"));
    web_served(sys);
}

static void continue_is_told_when_asked(void **state)
{
    char byte;
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "PUT /later HTTP/1.1\r\nContent-Length: 2\r\n"
                  "Expect: 100-continue\r\n" CLOSE);
    await(&begun, 1);
    wait_for(50 * CADRE_MS);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    atomic_store(&may_go_on, 1);
    raw_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    send_text(fd, "\1\1");
    assert_non_null(strstr(web_rest(fd), "\r\n\r\n2 2\n"));
    web_served(sys);
}

/* Without having been told to go on, or in the midst of it. */
static void answer_before_the_end_closes(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("PUT /refuse HTTP/1.1\r\nContent-Length: 2\r\n" HOST
                             "Expect: 100-continue\r\n\r\n");
    assert_int_equal(web_status(a), 403);
    assert_null(strstr(a, "100 Continue"));
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    a = web_talk("PUT /refuse HTTP/1.1\r\nContent-Length: 9\r\n" HOST "\r\nabc");
    assert_int_equal(web_status(a), 403);
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    web_served(sys);
}

static void expect_code(int expected)
{
    await(&code, 1);
    assert_int_equal(atomic_exchange(&code, 0), expected);
}

static void cut_uploads_are_told(void **state)
{
    web.limits.read = 300 * CADRE_MS;
    cadre_system *sys = serve();
    const char *a =
        web_talk("PUT /sum HTTP/1.1\r\nContent-Length: 9\r\n" HOST "\r\nabc");
    assert_int_equal(web_status(a), 408);
    expect_code(ETIMEDOUT);
    a = web_talk("PUT /sum HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST
                 "\r\n1\r\nab\r\n");
    assert_int_equal(web_status(a), 400);
    expect_code(EPROTO);
    int fd = raw_connect(web.port);
    send_text(fd, "PUT /sum HTTP/1.1\r\nContent-Length: 9\r\n" HOST "\r\nabc");
    shutdown(fd, SHUT_WR);
    assert_int_equal(web_status(web_rest(fd)), 400);
    expect_code(ECONNRESET);
    web_served(sys);
}

static void gone_uploader_is_told(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    send_text(fd, "PUT /sum HTTP/1.1\r\nContent-Length: 9\r\n" HOST "\r\nabc");
    await(&begun, 1);
    raw_reset(fd);
    close(fd);
    expect_code(ECONNRESET);
    web_served(sys);
}

/* ---- curl ------------------------------------------------------------------------- */

static void curl_agrees(void **state)
{
    static const struct {
        const char *arguments, *path, *says;
    } cases[] = {
        {"-o /dev/null -w '%{size_download}'", "/chunks", NULL}, /* all of it */
        {"-0 -o /dev/null -w '%{size_download}'", "/chunks", NULL},
        {"-o /dev/null -w '%{size_download}'", "/large", NULL},
        {"", "/sized", "first|last"},
        {"-T - </dev/null", "/sum", "0 0\n"},
        {"-H 'Expect: 100-continue' -T - <<<aa", "/sum", "3 204\n"},
        {"-H Expect: -T - <<<aa", "/sum", "3 204\n"},
        {"-d aa", "/sum", "2 194\n"},
        {"-o /dev/null -w '%{http_code}' -T /bin/bash", "/refuse", "403"},
    };
    char line[512], text[256], all[32];
    cadre_system *sys = serve();
    snprintf(all, sizeof all, "%d", PIECE * MUCH);
    bool has_curl = system("curl --version >/dev/null 2>&1") == 0;
    for (size_t i = 0; has_curl && i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line,
                 "bash -c \"curl -sS -m 60 --noproxy '*' http://127.0.0.1:%u%s %s\"",
                 web.port, cases[i].path, cases[i].arguments);
        FILE *f = popen(line, "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        int status = pclose(f);
        assert_string_equal(text, cases[i].says ? cases[i].says : all);
        assert_true(status == 0 || i == 8); /* 55: it could not send all of it */
    }
    web_served(sys);
    if (!has_curl)
        skip();
}

int main(void)
{
    TESTS(cmocka_unit_test(pieces_are_chunks), cmocka_unit_test(known_length_is_told),
          cmocka_unit_test(old_client_gets_pieces),
          cmocka_unit_test(head_asks_no_source), cmocka_unit_test(slow_client_waits),
          cmocka_unit_test(gone_is_told), cmocka_unit_test(deaf_client_ends),
          cmocka_unit_test(late_source_has_time),
          cmocka_unit_test(closing_sends_all_pieces), cmocka_unit_test(cut_is_seen),
          cmocka_unit_test(peer_is_known), cmocka_unit_test(uploads_come_in_pieces),
          cmocka_unit_test(slow_source_waits),
          cmocka_unit_test(continue_is_told_when_asked),
          cmocka_unit_test(answer_before_the_end_closes),
          cmocka_unit_test(cut_uploads_are_told),

          cmocka_unit_test(gone_uploader_is_told), cmocka_unit_test(curl_agrees));
    return RUN_TESTS();
}
