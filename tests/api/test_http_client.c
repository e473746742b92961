/* test_http_client.c: the client, as actors/http_client.h promises, against the server
 * here. */
#include "support/fetching.h"

#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>

/* ---- this server ------------------------------------------------------------------ */

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    char text[512];
    cadre_http_text auth = cadre_http_header(r, "Authorization");
    snprintf(text, sizeof text, "%.*s %.*s %.*s", (int)r->method.size, r->method.at,
             (int)r->target.size, r->target.at, (int)auth.size, auth.at ? auth.at : "");
    const char *others = cadre_http_header(r, "Content-Type").at          ? "type"
                         : cadre_http_header(r, "Proxy-Authorization").at ? "proxy"
                                                                          : "none";
    const cadre_http_field fields[] = {{"X-Request", text}, {"X-Others", others}, {0}};
    return cadre_http_reply(self, m, 200, fields, cadre_buf_move(&r->body));
}

static int redirect(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = m->body;
    char to[128], status[8];
    cadre_http_unescape(to, sizeof to, cadre_http_query(r, "to"), false);
    cadre_http_unescape(status, sizeof status, cadre_http_query(r, "status"), false);
    const cadre_http_field fields[] = {{"Location", to}, {0}};
    return cadre_http_reply(self, m, atoi(status), fields, NULL);
}

static int loop(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"Location", "loop"}, {0}};
    return cadre_http_reply(self, m, 307, fields, NULL);
}

static int large(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &fetch_large_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static int never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return cadre_defer(self, m, &promise);
}

static atomic_uint may_answer;

static int later(cadre_self *self, void *state, cadre_msg *m)
{
    while (!atomic_load(&may_answer))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return cadre_http_reply(self, m, 200, NULL, NULL);
}

/* A source that gives nothing. */
static int silent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return m->type == &cadre_http_gone_type ? CADRE_STOP
                                            : cadre_defer(self, m, &promise);
}
static const cadre_class silent_class = {.name = "silent", .receive = silent_receive};

static int silent(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &silent_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static int count_bytes(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_source from = ((cadre_http_request *)request->body)->source;
    char text[32];
    got g = {0};
    int err = from.from.id ? fetch_collect(self, from, &g) : 0;
    snprintf(text, sizeof text, "%d %zu", err, g.read);
    cadre_buf_unref(g.body);
    return cadre_http_reply_text(self, request, 200, text);
}

/* Passes on whatever the client gets. */
static int proxy(cadre_self *self, void *state, cadre_msg *request)
{
    cadre_token token;
    cadre_msg m;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/large", web.port);
    const cadre_http_call call = {.url = url, .in_pieces = true};
    int err = cadre_http_fetch(self, &token, fetch_client, CADRE_SECOND, &call);
    if (!err)
        err = cadre_await(self, token, &m);
    cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    if (!r)
        return cadre_http_reply(self, request, 502, NULL, NULL);
    err = cadre_reply_as(self, request, &cadre_http_response_type, r);
    r->fields = r->body = NULL;
    return err;
}

static const cadre_http_route routes[] = {
    {NULL, "/echo", echo},    {NULL, "/redirect", redirect}, {"GET", "/loop", loop},
    {"GET", "/large", large}, {"GET", "/proxy", proxy},      {"GET", "/never", never},
    {"GET", "/later", later}, {"GET", "/silent", silent},    {0}};
static const cadre_http_route uploads[] = {{"PUT", "/count", count_bytes}, {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    web.uploads = uploads;
    web_root = fetch_root;
    fetch_client.id = 0;
    atomic_store(&fetch_asked, 0);
    atomic_store(&may_answer, 0);
    return web_serve();
}
static void served(cadre_system *sys)
{
    (void)fetch_end(fetch_begin(sys, &(want){.timeout = 1})); /* lets the last one go */
    web_served(sys);
    fetch_config = (cadre_http_client){0};
}

static void answers_come(void **state)
{
    cadre_system *sys = serve();
    static const cadre_http_field fields[] = {{"Authorization", "me"}, {0}};
    got g = get(sys, "/echo?q");
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "");
    g = fetch(sys, &(cadre_http_call){.method = "POST",
                                      .url = url_of(web.port, "/echo#x"),
                                      .fields = fields,
                                      .body = cadre_buf_new("hello", 5)});
    assert_string_equal(text_of(g), "hello");
    cadre_http_response r = {.fields = g.fields};
    assert_true(
        cadre_http_is(cadre_http_response_header(&r, "x-request"), "POST /echo me"));
    assert_null(cadre_http_response_header(&r, "Content-Length").at);
    g = fetch(sys,
              &(cadre_http_call){.method = "HEAD", .url = url_of(web.port, "/echo")});
    assert_int_equal(g.status, 200);
    g = get(sys, "/none");
    assert_int_equal(g.status, 404);
    served(sys);
}

static void connections_are_kept(void **state)
{
    cadre_system *sys = serve();
    for (int i = 0; i < 50; i++)
        assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void no_more_than_so_many(void **state)
{
    enum { MANY = 50 };
    cadre_future *all[MANY];
    fetch_config.connections = 3;
    cadre_system *sys = serve();
    for (int i = 0; i < MANY; i++)
        all[i] = fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/echo")},
                                          .timeout = 60 * CADRE_SECOND});
    for (int i = 0; i < MANY; i++)
        assert_int_equal(fetch_end(all[i]).status, 200);
    assert_true(web_ask(sys).connections <= 3);
    served(sys);
}

static void redirects_are_followed(void **state)
{
    char path[128];
    static const struct {
        const char *method, *status, *to, *says;
    } cases[] = {
        {"GET", "302", "/echo?a", "GET /echo?a me"},
        {"GET", "301", "echo", "GET /echo me"},
        {"POST", "302", "/echo", "GET /echo me"},
        {"POST", "303", "/echo", "GET /echo me"},
        {"POST", "307", "/echo", "POST /echo me"},
        {"PUT", "308", "/echo", "PUT /echo me"},
        {"PUT", "301", "/echo", "PUT /echo me"},
        {"HEAD", "303", "/echo", "HEAD /echo me"},
    };
    static const cadre_http_field fields[] = {
        {"Authorization", "me"}, {"Proxy-Authorization", "me"}, {0}};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "/redirect?status=%s&to=%s", cases[i].status,
                 cases[i].to);
        got g = fetch(sys, &(cadre_http_call){.method = cases[i].method,
                                              .url = url_of(web.port, path),
                                              .fields = fields});
        assert_int_equal(g.status, 200);
        cadre_http_response r = {.fields = g.fields};
        assert_true(
            cadre_http_is(cadre_http_response_header(&r, "X-Request"), cases[i].says));
    }
    /* To another host, which is the same one by another name. */
    snprintf(path, sizeof path, "/redirect?status=302&to=http://localhost:%u/echo",
             web.port);
    got g =
        fetch(sys, &(cadre_http_call){.url = url_of(web.port, path), .fields = fields});
    cadre_http_response r = {.fields = g.fields};
    assert_true(
        cadre_http_is(cadre_http_response_header(&r, "X-Request"), "GET /echo"));
    assert_true(cadre_http_is(cadre_http_response_header(&r, "X-Others"), "none"));
    /* What is not sent has no type. */
    static const cadre_http_field typed[] = {{"Content-Type", "a/b"}, {0}};
    g = fetch(sys, &(cadre_http_call){
                       .method = "POST",
                       .url = url_of(web.port, "/redirect?status=302&to=/echo"),
                       .fields = typed,
                       .body = cadre_buf_new("x", 1)});
    r.fields = g.fields;
    assert_true(cadre_http_is(cadre_http_response_header(&r, "X-Others"), "none"));
    /* In a circle; not at all; to what is none. */
    assert_int_equal(get(sys, "/loop").code, -ELOOP);
    g = fetch(sys,
              &(cadre_http_call){.url = url_of(web.port, "/redirect?status=302&to=/x"),
                                 .stays = true});
    assert_int_equal(g.status, 302);
    g = get(sys, "/redirect?status=302&to=ftp://x/");
    assert_int_equal(g.code, -EINVAL);
    g = get(sys, "/redirect?status=302&to=https://x/");
    assert_int_equal(g.code, -EPROTONOSUPPORT);
    assert_non_null(strstr(g.message, "http"));
    served(sys);
}

static bool is_past(void *until) { return real_now() >= *(int64_t *)until; }

static void slow_reader_waits(void **state)
{
    cadre_system *sys = serve();
    atomic_store(&fetch_given, 0);
    cadre_future *f = fetch_begin(
        sys, &(want){.call = {.url = url_of(web.port, "/large"), .in_pieces = true},
                     .pause = 500 * CADRE_MS,
                     .timeout = 60 * CADRE_SECOND});
    int64_t until = real_now() + 250 * CADRE_MS;
    await(&fetch_given, 1);
    await_true(is_past, &until);
    assert_true(atomic_load(&fetch_given) < PIECES / 2);
    got g = fetch_end(f);
    assert_int_equal(g.code, 0);
    assert_int_equal(g.read, PIECE * PIECES);
    assert_int_equal(web_ask(sys).connections, 1);
    assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void uploads_go_in_pieces(void **state)
{
    char all[32];
    cadre_system *sys = serve();
    for (int i = 0; i < 2; i++) {
        want w = {.call = {.method = "PUT", .url = url_of(web.port, "/count")},
                  .timeout = 60 * CADRE_SECOND,
                  .sends = true};
        w.call.source.size = i ? PIECE * PIECES : 0;
        got g = fetch_end(fetch_begin(sys, &w));
        assert_int_equal(g.status, 200);
        snprintf(all, sizeof all, "0 %d", PIECE * PIECES);
        assert_string_equal(text_of(g), all);
    }
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void proxy_is_a_few_lines(void **state)
{
    cadre_system *sys = serve();
    assert_int_equal(get(sys, "/echo").status, 200); /* there is a client */
    got g = fetch(
        sys, &(cadre_http_call){.url = url_of(web.port, "/proxy"), .in_pieces = true});
    assert_int_equal(g.status, 200);
    assert_int_equal(g.read, PIECE * PIECES);
    served(sys);
}

static void limits_are_told(void **state)
{
    fetch_config.body = 1000;
    cadre_system *sys = serve();
    got g = get(sys, "/large");
    assert_int_equal(g.code, -EMSGSIZE);
    assert_non_null(strstr(g.message, "pieces"));
    served(sys);
}

static void bad_calls_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "http:",
                                      "http://",
                                      "http:///x",
                                      "http://a:0/",
                                      "http://a:99999/",
                                      "http://a:x/",
                                      "http://u@a/",
                                      "http://a/b c",
                                      "http://a/\r\nX: y",
                                      "http://[::1/",
                                      "ftp://a/"};
    static const cadre_http_field host[] = {{"Host", "x"}, {0}};
    static const cadre_http_field closes[] = {{"Connection", "close"}, {0}};
    static const cadre_http_field split[] = {{"A", "x\r\nB: y"}, {0}};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fetch(sys, &(cadre_http_call){.url = bad[i]}).code, -EINVAL);
    const char *good = url_of(web.port, "/echo");
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = "https://a/"}).code,
                     -EPROTONOSUPPORT);
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = good, .fields = host}).code,
                     -EINVAL);
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = good, .fields = closes}).code,
                     -EINVAL);
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = good, .fields = split}).code,
                     -EINVAL);
    assert_int_equal(
        fetch(sys, &(cadre_http_call){.url = good, .method = "GET /"}).code, -EINVAL);
    served(sys);
}

static bool has_none(void *sys) { return web_ask(sys).connections == 0; }

static void cancel_closes(void **state)
{
    cadre_system *sys = serve();
    got g =
        fetch_end(fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/never")},
                                           .timeout = 100 * CADRE_MS}));
    assert_int_equal(g.code, -ETIMEDOUT);
    await_true(has_none, sys);
    served(sys);
}

/* Whoever gives up while it waits for a connection gets none. */
static void late_waiter_holds_nothing(void **state)
{
    fetch_config.connections = 1;
    cadre_system *sys = serve();
    cadre_future *first =
        fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/later")},
                                 .timeout = 60 * CADRE_SECOND});
    while (web_ask(sys).requests < 1)
        ;
    got g =
        fetch_end(fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/echo")},
                                           .timeout = 20 * CADRE_MS}));
    assert_int_equal(g.code, -ETIMEDOUT);
    atomic_store(&may_answer, 1);
    assert_int_equal(fetch_end(first).status, 200);
    g = fetch_end(fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/echo")},
                                           .timeout = 10 * CADRE_SECOND}));
    assert_int_equal(g.status, 200);
    served(sys);
}

/* Nor a place to wait in, for another server: here that has two names. */
static void late_waiter_takes_no_place(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    cadre_future *held[2];
    fetch_config.connections = fetch_config.waiting = 1;
    cadre_system *sys = serve();
    for (unsigned i = 0; i < 2; i++) {
        const char *url = url_with("http", hosts[i], web.port, "/later");
        held[i] = fetch_begin(
            sys, &(want){.call = {.url = url}, .timeout = 60 * CADRE_SECOND});
        while (web_ask(sys).requests < i + 1)
            ;
    }
    want echo = {.call = {.url = url_of(web.port, "/echo")}, .timeout = 20 * CADRE_MS};
    assert_int_equal(fetch_end(fetch_begin(sys, &echo)).code, -ETIMEDOUT);
    echo = (want){.call = {.url = url_with("http", "localhost", web.port, "/echo")},
                  .timeout = 20 * CADRE_MS};
    assert_int_equal(fetch_end(fetch_begin(sys, &echo)).code, -ETIMEDOUT);
    atomic_store(&may_answer, 1);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fetch_end(held[i]).status, 200);
    served(sys);
}

/* Nor does whoever gives up while it is lent one. */
static void crossing_leases_come_back(void **state)
{
    enum { MANY = 1000 };
    fetch_config.connections = 1;
    cadre_system *sys = serve();
    const char *url = url_of(web.port, "/echo");
    for (int i = 0; i < MANY; i++) {
        (void)fetch_end(
            fetch_begin(sys, &(want){.call = {.url = url},
                                     .timeout = 1 + i % 50 * CADRE_MS / 200}));
        got g = fetch_end(fetch_begin(
            sys, &(want){.call = {.url = url}, .timeout = 10 * CADRE_SECOND}));
        assert_int_equal(g.status, 200);
    }
    served(sys);
}

/* A piece that nobody waits for any more is none that is asked for. */
static void forgotten_answer_closes(void **state)
{
    fetch_config.idle = 50 * CADRE_MS;
    cadre_system *sys = serve();
    (void)fetch_end(fetch_begin(
        sys, &(want){.call = {.url = url_of(web.port, "/silent"), .in_pieces = true},
                     .piece = 20 * CADRE_MS,
                     .timeout = 60 * CADRE_SECOND}));
    await_true(has_none, sys);
    served(sys);
}

/* ---- a thousand ------------------------------------------------------------------- */

enum { MANY = 1000, FEW = 200, SAMPLES = 100 };
static unsigned waiting;

static bool all_wait(void *sys) { return web_ask(sys).requests == waiting; }

/* As many as there is time for. */
static void many_wait_for_nobody(void **state)
{
    static cadre_future *all[MANY];
    int64_t sum = 0, most = 0;
    waiting = is_long() ? MANY : FEW;
    fetch_config.connections = MANY + 10;
    cadre_system *sys = serve();
    for (unsigned i = 0; i < waiting; i++)
        all[i] = fetch_begin(sys, &(want){.call = {.url = url_of(web.port, "/never")},
                                          .timeout = 60 * CADRE_SECOND});
    await_true(all_wait, sys);
    for (int i = 0; i < SAMPLES; i++) {
        int64_t begun = real_now();
        assert_int_equal(get(sys, "/echo").status, 200);
        int64_t took = real_now() - begun;
        most = took > most ? took : most;
        sum += took;
    }
    printf("beside %u that wait a request takes %lld us, at most %lld\n", waiting,
           (long long)(sum / SAMPLES / 1000), (long long)(most / 1000));
    for (unsigned i = 0; i < waiting; i++)
        cadre_future_free(all[i]);
    served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(answers_come), cmocka_unit_test(connections_are_kept),
          cmocka_unit_test(no_more_than_so_many),
          cmocka_unit_test(redirects_are_followed), cmocka_unit_test(slow_reader_waits),
          cmocka_unit_test(uploads_go_in_pieces),
          cmocka_unit_test(proxy_is_a_few_lines), cmocka_unit_test(limits_are_told),
          cmocka_unit_test(bad_calls_are_refused), cmocka_unit_test(cancel_closes),
          cmocka_unit_test(late_waiter_holds_nothing),
          cmocka_unit_test(late_waiter_takes_no_place),
          cmocka_unit_test(crossing_leases_come_back),
          cmocka_unit_test(forgotten_answer_closes),
          cmocka_unit_test(many_wait_for_nobody));
    return RUN_TESTS();
}
