/* test_http_events.c: server-sent events, as actors/http_events.h promises. */
#include "support/web.h"

#include <cadre/actors/http_events.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>
#include <cadre/watch.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define GET "GET /events HTTP/1.1\r\nHost: here\r\n"

static cadre_http_events config;
static atomic_uint asked, last_event;
static atomic_uint_fast64_t client;

static int events(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref ref;
    int err = cadre_spawn(self, &ref, &cadre_http_events_class, &config);
    atomic_store(&last_event, (unsigned)cadre_http_last_event(m->body));
    atomic_store(&client, ref.id);
    if (!err)
        err = cadre_http_reply_events(self, m, ref);
    atomic_fetch_add(&asked, 1);
    return err;
}
static const cadre_http_route routes[] = {{"GET", "/events", events}, {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    atomic_store(&asked, 0);
    return web_serve();
}

static atomic_uint ended, may_answer;

/* An actor that is nobody's child but the root's. */
static int answer_late(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref ref;
    if (m->type == &cadre_down_type) {
        atomic_fetch_add(&ended, 1);
        return 0;
    }
    atomic_fetch_add(&asked, 1);
    int err = 0;
    while (!atomic_load(&may_answer))
        err = cadre_sleep(self, CADRE_MS); /* the request is cancelled meanwhile */
    err = cadre_spawn(self, &ref, &cadre_http_events_class, &config);
    if (!err)
        err = cadre_watch(self, NULL, ref);
    if (!err)
        err = cadre_http_reply_events(self, m, ref);
    return err == -EALREADY ? 0 : err; /* nobody waits for it any more */
}

/* To whoever has asked last. */
static int tell(cadre_system *sys, cadre_http_event event)
{
    const cadre_ref to = {atomic_load(&client)};
    return cadre_tell_as(sys, to, &cadre_http_event_type, &event);
}
static int tell_text(cadre_system *sys, uint64_t id, const char *text)
{
    return tell(
        sys, (cadre_http_event){.data = cadre_buf_new(text, strlen(text)), .id = id});
}

static int ask(const char *fields)
{
    int fd = raw_connect(web.port);
    raw_send(fd, GET, strlen(GET));
    raw_send(fd, fields, strlen(fields));
    raw_send(fd, "\r\n", 2);
    await(&asked, 1);
    return fd;
}

static void events_in_order(void **state)
{
    config = (cadre_http_events){.retry = 50 * CADRE_MS};
    cadre_system *sys = serve();
    int fd = ask("Last-Event-ID: 41\r\n");
    assert_int_equal(atomic_load(&last_event), 41);
    web_expect_end(fd, "\r\n\r\n");
    web_expect_end(fd, "retry: 50\n\n\r\n");
    assert_int_equal(tell_text(sys, 42, "one"), 0);
    web_expect_end(fd, "id: 42\ndata: one\n\n\r\n");
    assert_int_equal(tell_text(sys, 0, "a\nb\r\nc\rd\n\n"), 0);
    web_expect_end(fd, "data: a\ndata: b\ndata: c\ndata: d\ndata:\ndata:\n\n\r\n");
    assert_int_equal(tell_text(sys, 0, "\n"), 0); /* an empty line, and one behind it */
    web_expect_end(fd, "data:\ndata:\n\n\r\n");
    assert_int_equal(tell(sys, (cadre_http_event){.name = "empty", .is_last = true}),
                     0);
    web_expect_end(fd, "event: empty\ndata:\n\n\r\n0\r\n\r\n");
    close(fd);
    web_served(sys);
}

static void last_event_is_a_number(void **state)
{
    static const struct {
        const char *field;
        unsigned id;
    } cases[] = {
        {"Last-Event-ID: 7\r\n", 7}, {"last-event-id: 007\r\n", 7},
        {"Last-Event-ID: x\r\n", 0}, {"Last-Event-ID: 99999999999999999999\r\n", 0},
        {"Last-Event-ID:\r\n", 0},   {"", 0}};
    config = (cadre_http_events){0};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        atomic_store(&asked, 0);
        close(ask(cases[i].field));
        assert_int_equal(atomic_load(&last_event), cases[i].id);
    }
    web_served(sys);
}

/* It is not asked for more before it has room, so what comes meanwhile is bounded. */
static void slow_client_is_ended(void **state)
{
    static char text[10000];
    config = (cadre_http_events){.bytes = 100000};
    cadre_system *sys = serve();
    int fd = ask("");
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 3000; i++)
        (void)tell(sys, (cadre_http_event){.data = cadre_buf_new(text, sizeof text)});
    web_expect_end(fd, "\r\n\r\n");
    char *all = malloc(40 << 20);
    ssize_t n = raw_read_all(fd, all, 5);
    while (n > 5 ? memcmp(all + n - 5, "0\r\n\r\n", 5) != 0 : n == 5) {
        ssize_t more = raw_read_all(fd, all + n, 1);
        assert_int_equal(more, 1);
        n++;
    }
    assert_true(n < 30000000);
    free(all);
    close(fd);
    web_served(sys);
}

static bool has_gone(void *sys) { return web_ask(sys).connections == 0; }

static void gone_client_ends_it(void **state)
{
    atomic_store(&asked, 0);
    web_root = answer_late;
    cadre_system *sys = web_serve();
    int fd = ask("");
    raw_reset(fd);
    close(fd);
    await_true(has_gone, sys);
    atomic_store(&may_answer, 1);
    await(&ended, 1);
    web_served(sys);
}

static void heartbeats_come(void **state)
{
    config = (cadre_http_events){.heartbeat = 10 * CADRE_MS};
    cadre_system *sys = serve();
    int fd = ask("");
    web_expect_end(fd, "\r\n\r\n");
    for (int i = 0; i < 3; i++)
        raw_expect(fd, "3\r\n:\n\n\r\n", 8);
    close(fd);
    web_served(sys);
}

static void *shut_down(void *sys)
{
    return cadre_system_shutdown(sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND) ? sys
                                                                            : NULL;
}

static void events_end_when_closing(void **state)
{
    pthread_t thread;
    config = (cadre_http_events){0};
    cadre_system *sys = serve();
    int fd = ask("");
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(tell_text(sys, 1, "one"), 0);
    web_expect_end(fd, "id: 1\ndata: one\n\n\r\n");
    assert_int_equal(pthread_create(&thread, NULL, shut_down, sys), 0);
    web_expect_end(fd, "0\r\n\r\n");
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    web_served(sys);
}

static void bad_name_fails(void **state)
{
    config = (cadre_http_events){0};
    cadre_system *sys = serve();
    int fd = ask("");
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(tell(sys, (cadre_http_event){.name = "a\nb"}), 0);
    assert_int_equal(raw_end(fd), -ECONNRESET);
    close(fd);
    web_served(sys);
}

static void curl_agrees(void **state)
{
    char line[256], text[256];
    config = (cadre_http_events){0};
    if (system("curl --version >/dev/null 2>&1") != 0)
        skip();
    cadre_system *sys = serve();
    snprintf(line, sizeof line,
             "curl -sSN -m 60 --noproxy '*' -H 'Last-Event-ID: 5' "
             "http://127.0.0.1:%u/events",
             web.port);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    await(&asked, 1);
    assert_int_equal(atomic_load(&last_event), 5);
    assert_int_equal(tell_text(sys, 6, "six"), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(fgets(text, sizeof text, f));
    assert_string_equal(text, "\n");
    assert_int_equal(tell(sys, (cadre_http_event){.id = 7, .is_last = true}), 0);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    assert_string_equal(text, "id: 7\ndata:\n\n");
    assert_int_equal(pclose(f), 0);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(events_in_order), cmocka_unit_test(last_event_is_a_number),
          cmocka_unit_test(slow_client_is_ended), cmocka_unit_test(gone_client_ends_it),
          cmocka_unit_test(heartbeats_come), cmocka_unit_test(events_end_when_closing),
          cmocka_unit_test(bad_name_fails), cmocka_unit_test(curl_agrees));
    return RUN_TESTS();
}
