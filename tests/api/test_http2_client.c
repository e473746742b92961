/* test_http2_client.c: the client and HTTP/2, as actors/http_client.h promises. */
#include "support/fetching.h"
#include "support/http2.h"
#include "support/tls.h"

#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- this server ------------------------------------------------------------------ */

static atomic_uint may_answer;

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    char text[512];
    cadre_http_text host = cadre_http_header(r, "Host"),
                    own = cadre_http_header(r, "X");
    snprintf(text, sizeof text, "%.*s %.*s %.*s %.*s", (int)r->method.size,
             r->method.at, (int)r->target.size, r->target.at, (int)(host.size > 0),
             host.size > 0 ? "h" : "", (int)own.size, own.at ? own.at : "");
    const cadre_http_field fields[] = {{"X-Request", text}, {"Cookie", "a"}, {0}};
    return cadre_http_reply(self, m, 200, fields, cadre_buf_move(&r->body));
}

static int redirect(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"Location", "/echo?again"}, {0}};
    return cadre_http_reply(self, m, 303, fields, NULL);
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

static int later(cadre_self *self, void *state, cadre_msg *m)
{
    while (!atomic_load(&may_answer))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return cadre_http_reply(self, m, 200, NULL, NULL);
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

static int refuse(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 403, "no");
}

static const cadre_http_route routes[] = {
    {NULL, "/echo", echo},    {NULL, "/redirect", redirect}, {"GET", "/large", large},
    {"GET", "/never", never}, {"GET", "/later", later},      {0}};
static const cadre_http_route uploads[] = {
    {"PUT", "/count", count_bytes}, {"PUT", "/refuse", refuse}, {0}};

/* NULL: there is no nghttp2. */
static cadre_system *serve(void)
{
    web.routes = routes;
    web.uploads = uploads;
    web_root = fetch_root;
    fetch_client.id = 0;
    fetch_config.h2c = true;
    atomic_store(&may_answer, 0);
    return http2_serve();
}
static void served(cadre_system *sys)
{
    web_served(sys);
    fetch_config = (cadre_http_client){0};
}

static void wait_for_requests(cadre_system *sys, uint64_t count)
{
    while (web_ask(sys).requests != count)
        ;
}

static cadre_future *begin(cadre_system *sys, const char *path, cadre_time timeout)
{
    return fetch_begin(
        sys, &(want){.call = {.url = url_of(web.port, path)}, .timeout = timeout});
}

/* ---- one exchange ----------------------------------------------------------------- */

static void requests_and_answers_are_whole(void **state)
{
    static const cadre_http_field fields[] = {{"X", "y"}, {"TE", "gzip"}, {0}};
    cadre_system *sys = serve();
    got g = fetch(sys, &(cadre_http_call){.method = "PUT",
                                          .url = url_of(web.port, "/echo?a=b"),
                                          .fields = fields,
                                          .body = cadre_buf_new("abc", 3)});
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "abc");
    const char *text = (const char *)cadre_buf_data(g.fields);
    assert_non_null(strstr(text, "x-request: PUT /echo?a=b h y\r\n"));
    assert_int_equal(fetch(sys, &(cadre_http_call){.method = "HEAD",
                                                   .url = url_of(web.port, "/echo")})
                         .status,
                     200);
    assert_int_equal(get(sys, "/none").status, 404);
    g = get(sys, "/redirect");
    assert_non_null(strstr((const char *)cadre_buf_data(g.fields), "GET /echo?again"));
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

/* Both ways, and more than there is room for in any window. */
static void pieces_go_both_ways(void **state)
{
    char all[32];
    cadre_system *sys = serve();
    got g = fetch(
        sys, &(cadre_http_call){.url = url_of(web.port, "/large"), .in_pieces = true});
    assert_int_equal(g.read, (size_t)PIECE * PIECES);
    g = fetch_end(fetch_begin(
        sys, &(want){.call = {.method = "PUT", .url = url_of(web.port, "/count")},
                     .timeout = 60 * CADRE_SECOND,
                     .sends = true}));
    snprintf(all, sizeof all, "0 %d", PIECE * PIECES);
    assert_string_equal(text_of(g), all);
    g = fetch_end(fetch_begin(
        sys, &(want){.call = {.method = "PUT", .url = url_of(web.port, "/refuse")},
                     .timeout = 60 * CADRE_SECOND,
                     .sends = true}));
    assert_int_equal(g.status, 403);
    assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void whole_body_has_a_limit(void **state)
{
    fetch_config.body = 1000000;
    cadre_system *sys = serve();
    assert_int_equal(get(sys, "/large").code, -EMSGSIZE);
    assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

/* ---- many ------------------------------------------------------------------------- */

enum { MANY = 50 };

static void answer_many(cadre_system *sys, uint32_t connections)
{
    cadre_future *f[MANY];
    for (int i = 0; i < MANY; i++)
        f[i] = begin(sys, "/later", 100 * CADRE_SECOND);
    wait_for_requests(sys, MANY);
    assert_int_equal(web_ask(sys).connections, connections);
    atomic_store(&may_answer, 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(fetch_end(f[i]).status, 200);
    assert_int_equal(web_ask(sys).connections, connections);
}

static void one_connection_is_enough(void **state)
{
    cadre_system *sys = serve();
    answer_many(sys, 1);
    served(sys);
}

static void another_is_opened_for_more(void **state)
{
    web.limits.streams = MANY / 5;
    cadre_system *sys = serve();
    assert_int_equal(get(sys, "/echo").status, 200); /* how many is known now */
    answer_many(sys, 5);
    served(sys);
}

/* Before it is known how many a server takes it is asked for them all; the others wait
 * for their turn. */
static void rest_waits(void **state)
{
    web.limits.streams = 10;
    fetch_config.connections = 1;
    cadre_system *sys = serve();
    cadre_future *f[MANY];
    for (int i = 0; i < MANY; i++)
        f[i] = begin(sys, "/later", 100 * CADRE_SECOND);
    wait_for_requests(sys, 10);
    atomic_store(&may_answer, 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(fetch_end(f[i]).status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

/* Also where all of them are asked for before it is known how many it takes. */
static void none_waits_behind_others(void **state)
{
    web.limits.streams = 10;
    cadre_system *sys = serve();
    cadre_future *f[MANY];
    for (int i = 0; i < MANY; i++)
        f[i] = begin(sys, "/later", 100 * CADRE_SECOND);
    wait_for_requests(sys, MANY);
    atomic_store(&may_answer, 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(fetch_end(f[i]).status, 200);
    served(sys);
}

/* Those for which there is no stream are too late, or given up, like others; and they
 * leave room for those behind them. */
static void waiting_ones_end_in_time(void **state)
{
    enum { FEW = 2, LATE = 10 };
    web.limits.streams = FEW;
    fetch_config.connections = 1;
    cadre_system *sys = serve();
    cadre_future *f[FEW], *late[LATE], *behind[LATE];
    for (int i = 0; i < FEW; i++)
        f[i] = begin(sys, "/later", 100 * CADRE_SECOND);
    wait_for_requests(sys, FEW);
    for (int i = 0; i < LATE; i++)
        late[i] = begin(sys, "/never", 50 * CADRE_MS);
    for (int i = 0; i < LATE; i++)
        cadre_future_free(begin(sys, "/never", 100 * CADRE_SECOND));
    for (int i = 0; i < LATE; i++)
        behind[i] = begin(sys, "/later", 100 * CADRE_SECOND);
    for (int i = 0; i < LATE; i++)
        assert_int_equal(fetch_end(late[i]).code, -ETIMEDOUT);
    atomic_store(&may_answer, 1);
    for (int i = 0; i < FEW; i++)
        assert_int_equal(fetch_end(f[i]).status, 200);
    for (int i = 0; i < LATE; i++)
        assert_int_equal(fetch_end(behind[i]).status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

/* With a server that chooses HTTP/1.1 each has a connection of its own after all. */
static void alpn_chooses(void **state)
{
    for (int i = 0; i < 3; i++) {
        web.tls = tls_with((cadre_tls_options){.certificate = "good.pem",
                                               .key = "good.key",
                                               .protocols = i ? NULL : "http/1.1"});
        fetch_config.tls = tls_calling();
        fetch_config.http1 = i == 1;
        web_root = fetch_root;
        web.routes = routes;
        fetch_client.id = 0;
        atomic_store(&may_answer, 0);
        cadre_system *sys = web_serve();
        cadre_future *f[MANY];
        for (int k = 0; k < MANY; k++)
            f[k] =
                fetch_begin(sys, &(want){.call = {.url = url_with("https", "localhost",
                                                                  web.port, "/later")},
                                         .timeout = 100 * CADRE_SECOND});
        wait_for_requests(sys, MANY);
        uint32_t connections = web_ask(sys).connections;
        assert_true(connections == MANY || (i == 2 && connections == 1));
        atomic_store(&may_answer, 1);
        for (int k = 0; k < MANY; k++)
            assert_int_equal(fetch_end(f[k]).status, 200);
        cadre_tls *tls = web.tls;
        web_served(sys);
        cadre_tls_free(tls);
        cadre_tls_free(fetch_config.tls);
        fetch_config = (cadre_http_client){0};
    }
}

/* ---- one does not touch the others ------------------------------------------------ */

static void cancel_resets_one(void **state)
{
    cadre_system *sys = serve();
    cadre_future *f = begin(sys, "/later", 100 * CADRE_SECOND);
    wait_for_requests(sys, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fetch_end(begin(sys, "/never", CADRE_MS)).code, -ETIMEDOUT);
    wait_for_requests(sys, 1); /* the server has heard of it */
    atomic_store(&may_answer, 1);
    assert_int_equal(fetch_end(f).status, 200);
    assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void slow_reader_holds_up_no_other(void **state)
{
    cadre_system *sys = serve();
    unsigned given = atomic_load(&fetch_given);
    cadre_future *f = fetch_begin(
        sys, &(want){.call = {.url = url_of(web.port, "/large"), .in_pieces = true},
                     .timeout = 60 * CADRE_SECOND,
                     .pause = CADRE_SECOND});
    while (atomic_load(&fetch_given) == given)
        ;
    for (int i = 0; i < 20; i++)
        assert_int_equal(get(sys, "/echo").status, 200);
    assert_true(atomic_load(&fetch_given) - given < PIECES / 2);
    assert_int_equal(fetch_end(f).read, (size_t)PIECE * PIECES);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

/* Who forgets the answer is left after `idle`, and the connection stays. */
static void forgotten_is_reset(void **state)
{
    fetch_config.idle = 200 * CADRE_MS;
    cadre_system *sys = serve();
    got g = fetch_end(fetch_begin(
        sys, &(want){.call = {.url = url_of(web.port, "/large"), .in_pieces = true},
                     .timeout = 60 * CADRE_SECOND,
                     .pause = 2 * CADRE_SECOND}));
    assert_true(g.code == CADRE_EDEAD || g.code == -ECONNRESET);
    wait_for_requests(sys, 0);
    while (web_ask(sys).connections > 0)
        ; /* and what is not used is closed */
    served(sys);
}

static int set_up(void **state)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(requests_and_answers_are_whole),
          cmocka_unit_test(pieces_go_both_ways),
          cmocka_unit_test(whole_body_has_a_limit),
          cmocka_unit_test(one_connection_is_enough),
          cmocka_unit_test(another_is_opened_for_more), cmocka_unit_test(rest_waits),
          cmocka_unit_test(none_waits_behind_others),
          cmocka_unit_test(waiting_ones_end_in_time), cmocka_unit_test(alpn_chooses),
          cmocka_unit_test(cancel_resets_one),
          cmocka_unit_test(slow_reader_holds_up_no_other),
          cmocka_unit_test(forgotten_is_reset));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
