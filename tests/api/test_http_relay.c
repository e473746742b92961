/* test_http_relay.c: requests that are passed on, as actors/http_relay.h promises. */
#include "support/fetching.h"

#include <cadre/actors/http_relay.h>
#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- a server behind, and one before it, which are one --------------------------- */

/* Says what it was asked. */
static int tell(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = m->body;
    char text[1024];
    cadre_http_text name, value;
    int used = snprintf(text, sizeof text, "%.*s %.*s\n", (int)r->method.size,
                        r->method.at, (int)r->target.size, r->target.at);
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%.*s: %.*s\n",
                         (int)name.size, name.at, (int)value.size, value.at);
    snprintf(text + used, sizeof text - (size_t)used, "and %.*s\n",
             (int)cadre_buf_size(r->body), (char *)cadre_buf_data(r->body));
    return cadre_http_reply_text(self, m, 200, text);
}

static int large(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &fetch_large_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static char behind[64]; /* where requests go */

/* Asks a relay, and answers with what comes of it. */
static int via(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_relay config = {.client = fetch_client, .url = behind};
    cadre_http_request copy = *(cadre_http_request *)m->body;
    cadre_ref relay;
    cadre_token token;
    cadre_msg outcome;
    int err = cadre_spawn(self, &relay, &cadre_http_relay_class, &config);
    if (!err)
        err = cadre_http_share(m->type, &copy);
    if (!err)
        err = cadre_ask_as(self, &token, relay, 60 * CADRE_SECOND, m->type, &copy);
    if (!err)
        err = cadre_await(self, token, &outcome);
    if (err)
        return err;
    const cadre_failure *failure = cadre_body(&outcome, cadre_failure);
    err = failure ? cadre_http_reply_failure(self, m, failure)
                  : cadre_http_pass_on(self, m, &outcome);
    return err ? err : cadre_stop(self, relay);
}

static const cadre_http_route routes[] = {
    {"GET", "/behind/large", large}, {NULL, "/behind/*", tell}, {NULL, "/*", via}, {0}};

static const cadre_http_route uploads[] = {{"PUT", "/up", via}, {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    web_root = fetch_root;
    fetch_client.id = 0;
    cadre_system *sys = web_serve();
    snprintf(behind, sizeof behind, "http://127.0.0.1:%u/behind", web.port);
    assert_int_equal(get(sys, "/behind/").status, 200); /* now there is a client */
    return sys;
}
static void served(cadre_system *sys)
{
    (void)fetch_end(fetch_begin(sys, &(want){.timeout = 1})); /* lets the last one go */
    web_served(sys);
}

static bool has(const char *answer, const char *line)
{
    return web_count(answer, line);
}

/* ---- tests ------------------------------------------------------------------------ */

static void same_is_asked(void **state)
{
    cadre_system *sys = serve();
    const char *answer = web_talk("DELETE /a%20b?q=1&r HTTP/1.1\r\nHost: me:1\r\n"
                                  "X-Mine: kept\r\nContent-Length: 4\r\n"
                                  "Connection: close\r\n\r\ntext");
    assert_int_equal(web_status(answer), 200);
    assert_true(has(answer, "DELETE /behind/a%20b?q=1&r\n"));
    assert_true(has(answer, "\nX-Mine: kept\n"));
    assert_true(has(answer, "\nand text\n"));
    served(sys);
}

/* Some send what no url may have; an absolute target need not have a path. */
static void targets_stay_whole(void **state)
{
    cadre_system *sys = serve();
    const char *answer = web_talk("GET /a|b?{\"c\"}^`<d> HTTP/1.1\r\nHost: me\r\n"
                                  "Connection: close\r\n\r\n");
    assert_int_equal(web_status(answer), 200);
    assert_true(has(answer, "GET /behind/a%7Cb?%7B%22c%22%7D%5E%60%3Cd%3E\n"));
    answer = web_talk("GET http://me?q=1 HTTP/1.1\r\nHost: me\r\n"
                      "Connection: close\r\n\r\n");
    assert_true(has(answer, "GET /behind/?q=1\n"));
    served(sys);
}

static int via_all(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, cadre_http_request) ? via(self, state, m)
                                             : fetch_root(self, state, m);
}

/* What is asked of the server as a whole is not asked of another host. */
static void star_is_no_path(void **state)
{
    web_root = via_all;
    fetch_client.id = 0;
    cadre_system *sys = web_serve();
    snprintf(behind, sizeof behind, "http://127.0.0.1"); /* and a star */
    assert_int_equal(
        fetch(sys, &(cadre_http_call){.url = "http://x", .method = "x"}).code, -EINVAL);
    const char *answer =
        web_talk("OPTIONS * HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n");
    assert_int_equal(web_status(answer), 400);
    served(sys);
}

/* Also where nobody waits for the end of it. */
static void uploads_are_passed_on(void **state)
{
    web.uploads = uploads;
    cadre_system *sys = serve();
    const char *answer = web_talk("PUT /up HTTP/1.1\r\nHost: me\r\n"
                                  "Connection: close\r\nContent-Length: 4\r\n\r\ntext");
    assert_true(has(answer, "PUT /behind/up\n"));
    assert_true(has(answer, "\nand text\n"));
    answer = web_talk("PUT /up HTTP/1.1\r\nHost: me\r\nConnection: close\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n");
    assert_true(has(answer, "\nand text\n"));
    served(sys);
}

/* Each line of a field counts. */
static void lines_are_one_field(void **state)
{
    cadre_system *sys = serve();
    const char *answer =
        web_talk("GET / HTTP/1.1\r\nHost: me\r\nConnection: close\r\n"
                 "Connection: X-Private\r\nX-Private: 1\r\nX-Forwarded-For: 1.2.3.4\r\n"
                 "X-Forwarded-For:\r\nX-Forwarded-For: 5.6.7.8\r\n\r\n");
    assert_int_equal(web_status(answer), 200);
    assert_false(has(answer, "X-Private"));
    assert_true(has(answer, "\nX-Forwarded-For: 1.2.3.4, 5.6.7.8, 127.0.0.1\n"));
    served(sys);
}

static void hops_are_separate(void **state)
{
    cadre_system *sys = serve();
    const char *answer =
        web_talk("GET / HTTP/1.1\r\nHost: me:1\r\nConnection: X-Private, close\r\n"
                 "X-Private: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
                 "Proxy-Authorization: me\r\nX-Forwarded-For: 1.2.3.4\r\n"
                 "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n\r\n");
    assert_int_equal(web_status(answer), 200);
    assert_false(has(answer, "X-Private"));
    assert_false(has(answer, "Keep-Alive"));
    assert_false(has(answer, "TE:"));
    assert_false(has(answer, "Upgrade"));
    assert_false(has(answer, "Proxy-Authorization"));
    assert_false(has(answer, "\nForwarded"));
    assert_false(has(answer, "X-Real-IP"));
    assert_true(has(answer, "\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\n"));
    assert_true(has(answer, "\nX-Forwarded-Host: me:1\n"));
    assert_true(has(answer, "\nX-Forwarded-Proto: http\n"));
    served(sys);
}

static bool is_past(void *arg) { return real_now() > *(int64_t *)arg; }

static void answer_passes_by(void **state)
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
    served(sys);
}

static void what_is_too_much_is_refused(void **state)
{
    enum { SIZE = 30 << 10 };
    static char request[SIZE + 128];
    web.limits.head = SIZE + 128;
    cadre_system *sys = serve();
    int used = snprintf(request, sizeof request,
                        "GET / HTTP/1.1\r\nHost: me\r\nConnection: close\r\nX: ");
    memset(request + used, 'x', SIZE);
    memcpy(request + used + SIZE, "\r\n\r\n", 5);
    const char *answer = web_talk(request);
    assert_int_equal(web_status(answer), 400);
    assert_true(has(answer, "\r\n400: "));
    served(sys);
}

static void nobody_behind_is_502(void **state)
{
    cadre_system *sys = serve();
    uint16_t port;
    close(raw_listen(&port, 1)); /* nobody's */
    snprintf(behind, sizeof behind, "http://127.0.0.1:%u", port);
    const char *answer =
        web_talk("GET / HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n");
    assert_int_equal(web_status(answer), 502);
    assert_true(has(answer, "is a server running there"));
    served(sys);
}

static void bad_configs_are_refused(void **state)
{
    const cadre_ref somebody = {.id = 1};
    const cadre_http_relay bad[] = {
        {.url = "http://h"},
        {.client = somebody},
        {.client = somebody, .url = "http://h", .timeout = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cadre_run(NULL, &cadre_http_relay_class, &bad[i]), -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(same_is_asked), cmocka_unit_test(targets_stay_whole),
          cmocka_unit_test(star_is_no_path), cmocka_unit_test(uploads_are_passed_on),
          cmocka_unit_test(lines_are_one_field), cmocka_unit_test(hops_are_separate),
          cmocka_unit_test(answer_passes_by),
          cmocka_unit_test(what_is_too_much_is_refused),
          cmocka_unit_test(nobody_behind_is_502),
          cmocka_unit_test(bad_configs_are_refused));
    return RUN_TESTS();
}
