/* test_http_proxy.c: the HTTP client behind proxies, as actors/http_client.h promises:
 * tinyproxy, and one that says anything. */
#include "support/http2.h"
#include "support/others.h"
#include "support/tls.h"

#include <cadre/await.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    bool knows = cadre_http_header(r, "Proxy-Authorization").at;
    cadre_http_text via = cadre_http_header(r, "Via");
    const cadre_http_field fields[] = {{"X-Saw", knows    ? "secret"
                                                 : via.at ? "via"
                                                          : "nothing"},
                                       {0}};
    return cadre_http_reply(self, m, 200, fields, cadre_buf_move(&r->body));
}

static atomic_uint may_answer;

static int later(cadre_self *self, void *state, cadre_msg *m)
{
    while (!atomic_load(&may_answer))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return echo(self, state, m);
}

static const cadre_http_route routes[] = {
    {NULL, "/echo", echo}, {"GET", "/later", later}, {0}};

/* NULL: without TLS. */
static cadre_system *serve(const char *certificate)
{
    web.routes = routes;
    web.tls = certificate ? tls_serving(certificate) : NULL;
    web_root = fetch_root;
    fetch_client.id = 0;
    fetch_config.tls = tls_calling();
    return web_serve();
}
static void served(cadre_system *sys)
{
    cadre_tls *tls = web.tls;
    web_served(sys);
    cadre_tls_free(tls);
    cadre_tls_free(fetch_config.tls);
    fetch_config = (cadre_http_client){0};
}

static const char *saw(got g)
{
    static char text[64];
    cadre_http_response r = {.fields = g.fields};
    assert_int_equal(g.code, 0);
    assert_int_equal(g.status, 200);
    cadre_http_text value = cadre_http_response_header(&r, "X-Saw");
    snprintf(text, sizeof text, "%.*s", (int)value.size, value.at);
    return text;
}

static got ask(cadre_system *sys, const char *scheme)
{
    return fetch(sys, &(cadre_http_call){
                          .url = url_with(scheme, "localhost", web.port, "/echo")});
}

/* ---- one that says anything ------------------------------------------------------- */

static struct script {
    int listener;
    const char *answer;
    char heard[2048]; /* of the last one */
} script;

static void *play_script(void *arg)
{
    size_t n = 0;
    int fd = raw_accept(script.listener);
    memset(script.heard, 0, sizeof script.heard);
    while (!strstr(script.heard, "\r\n\r\n")) {
        ssize_t more = read(fd, script.heard + n, sizeof script.heard - 1 - n);
        assert_true(more > 0);
        n += (size_t)more;
    }
    raw_send(fd, script.answer, strlen(script.answer));
    (void)shutdown(fd, SHUT_WR);
    for (ssize_t more = 1; more > 0;
         n += more > 0 ? (size_t)more : 0) /* till it goes */
        more = read(fd, script.heard + n, sizeof script.heard - 1 - n);
    close(fd);
    return NULL;
}

/* What comes of a call through it. */
static got play_at_proxy(cadre_system *sys, const char *answer,
                         const cadre_http_call *c)
{
    pthread_t thread;
    script.answer = answer;
    assert_int_equal(pthread_create(&thread, NULL, play_script, NULL), 0);
    got g = fetch(sys, c);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return g;
}

static const char *script_url(const char *user)
{
    static char text[64];
    uint16_t port;
    script.listener = raw_listen(&port, 10);
    snprintf(text, sizeof text, "http://%s127.0.0.1:%u", user, port);
    return text;
}

static const cadre_http_field secrets[] = {{"Authorization", "me"}, {0}};

static void proxy_sees_no_secret(void **state)
{
    static const char refused[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
    fetch_config.proxy = script_url("user:pass@");
    cadre_system *sys = serve("good");
    got g = play_at_proxy(
        sys, refused,
        &(cadre_http_call){.url = "https://LocalHost/x?y", .fields = secrets});
    assert_int_equal(g.code, -EACCES);
    assert_string_equal(script.heard,
                        "CONNECT localhost:443 HTTP/1.1\r\n"
                        "Host: localhost:443\r\n"
                        "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
    g = play_at_proxy(sys, refused, &(cadre_http_call){.url = "https://[::1]:8/"});
    assert_memory_equal(script.heard, "CONNECT [::1]:8 HTTP/1.1\r\n", 26);
    close(script.listener);
    served(sys);
}

/* By its whole url, with our user, or the caller's. */
static void proxy_is_told_where(void **state)
{
    static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static const cadre_http_field own[] = {{"Proxy-Authorization", "mine"}, {0}};
    fetch_config.proxy = script_url("user:pass@");
    cadre_system *sys = serve(NULL);
    const cadre_http_call c = {.method = "POST", .url = "http://A.example:8?x#y"};
    assert_string_equal(text_of(play_at_proxy(sys, fine, &c)), "ok");
    assert_string_equal(script.heard, "POST http://A.example:8/?x HTTP/1.1\r\n"
                                      "Host: A.example:8\r\n"
                                      "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"
                                      "Content-Length: 0\r\n\r\n");
    (void)play_at_proxy(sys, fine,
                        &(cadre_http_call){.method = "POST",
                                           .url = "http://a.example/",
                                           .fields = own});
    assert_string_equal(script.heard, "POST http://a.example/ HTTP/1.1\r\n"
                                      "Host: a.example\r\n"
                                      "Proxy-Authorization: mine\r\n"
                                      "Content-Length: 0\r\n\r\n");
    /* It may answer by itself. */
    static const char asks[] =
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(play_at_proxy(sys, asks, &c).status, 407);
    close(script.listener);
    served(sys);
    /* Those that go to the server itself do not say it. */
    fetch_config.proxy = "http://user:pass@127.0.0.1:1";
    fetch_config.no_proxy = "localhost";
    sys = serve(NULL);
    assert_string_equal(saw(ask(sys, "http")), "nothing");
    got g = fetch(
        sys, &(cadre_http_call){.url = url_with("http", "localhost", web.port, "/echo"),
                                .fields = own});
    assert_string_equal(saw(g), "nothing");
    served(sys);
}

static void refusals_are_told(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 99\r\n\r\n",
         -EACCES, "407"},
        {"HTTP/1.0 403 No\r\n\r\n<html>", -EACCES, "403"},
        {"HTTP/1.1 502 Bad\r\n\r\n", -EHOSTUNREACH, "502"},
        {"HTTP/1.1 503 Bad\r\n\r\n", -EHOSTUNREACH, "502"},
        {"HTTP/1.1 100 On\r\n\r\nHTTP/1.1 504 Bad\r\n\r\n", -EHOSTUNREACH, "proxy"},
        {"HTTP/1.1 500 Bad\r\nTransfer-Encoding: chunked\r\n\r\n", -ECONNREFUSED,
         "proxy"},
        {"HTTP/1.1 301 There\r\nLocation: https://x/\r\n\r\n", -ECONNREFUSED, "proxy"},
        {"SSH-2.0-x\r\n\r\n", -EPROTO, "proxy"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", -EPROTO, "proxy"},
        {"HTTP/1.1 2", -ECONNRESET, "proxy"},
        {"", -ECONNRESET, "proxy"},
    };
    fetch_config.proxy = script_url("");
    fetch_config.retries = 0;
    cadre_system *sys = serve("good");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        got g = play_at_proxy(
            sys, cases[i].answer,
            &(cadre_http_call){.method = "POST", .url = "https://localhost/"});
        assert_int_equal(g.code, cases[i].code);
        assert_non_null(strstr(g.message, cases[i].says));
    }
    close(script.listener);
    served(sys);
}

/* A proxy that is not there, one that says nothing, one that opens no way to TLS. */
static void proxies_that_fail_are_told(void **state)
{
    char url[64];
    uint16_t port;
    close(raw_listen(&port, 1));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    fetch_config.proxy = url;
    cadre_system *sys = serve("good");
    for (int i = 0; i < 2; i++) {
        got g = ask(sys, i ? "http" : "https");
        assert_int_equal(g.code, -ECONNREFUSED);
        assert_non_null(strstr(g.message, "proxy"));
    }
    served(sys);
    fetch_config.proxy = "http://no.such.name.invalid";
    sys = serve("good");
    assert_non_null(strstr(ask(sys, "https").message, "proxy"));
    served(sys);
    fetch_config.proxy = script_url("");
    sys = serve("good");
    close(fetch_silence(sys, script.listener, "https://localhost/"));
    close(script.listener);
    served(sys);
    fetch_config.proxy = script_url("");
    sys = serve("good");
    got g = play_at_proxy(
        sys, "HTTP/1.1 200 OK\r\n\r\n",
        &(cadre_http_call){.method = "POST", .url = "https://localhost/"});
    assert_int_equal(g.code, CADRE_ETLS_CUT);
    close(script.listener);
    served(sys);
}

static void bad_proxies_are_refused(void **state)
{
    static const char *const bad[] = {"", "socks5://a", "http://a/b", "http://a:0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fetch_config.proxy = bad[i];
        cadre_system *sys = serve(NULL);
        assert_true(ask(sys, "http").code != 0);
        assert_true(lines_with("proxy is no http://") > 0);
        served(sys);
    }
}

static void environment_is_asked_for(void **state)
{
    char url[64];
    uint16_t port;
    close(raw_listen(&port, 1));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    assert_int_equal(setenv("http_proxy", url, 1), 0);
    for (int i = 0; i < 3; i++) {
        fetch_config.environment = i > 0;
        if (i == 2)
            assert_int_equal(setenv("no_proxy", "localhost", 1), 0);
        cadre_system *sys = serve(NULL);
        assert_int_equal(ask(sys, "http").code, i == 1 ? -ECONNREFUSED : 0);
        served(sys);
    }
    assert_int_equal(unsetenv("http_proxy") + unsetenv("no_proxy"), 0);
}

/* ---- tinyproxy -------------------------------------------------------------------- */

static pid_t tinyproxy;

static bool is_there(void *port)
{
    int fd = raw_socket(), err = raw_connect_socket(fd, *(uint16_t *)port);
    close(fd);
    return err == 0;
}

/* With this user in front; it is there when this returns. */
static bool begin_proxy(const char *user, const char *lines)
{
    static char url[64];
    uint16_t port;
    if (!has_tinyproxy()) {
        print_message("tinyproxy is not installed: left out\n");
        return false;
    }
    tinyproxy = start_tinyproxy(&port, lines);
    await_true(is_there, &port);
    snprintf(url, sizeof url, "http://%s127.0.0.1:%u", user, port);
    fetch_config.proxy = url;
    return true;
}

static void tinyproxy_agrees(void **state)
{
    if (!begin_proxy("", ""))
        skip();
    cadre_system *sys = serve(NULL);
    for (int i = 0; i < 3; i++)
        assert_string_equal(saw(ask(sys, "http")), "via");
    served(sys);
    end_server(tinyproxy);
}

/* The way through is kept; what goes through it is nobody's business. */
static void tinyproxy_opens_ways(void **state)
{
    enum { SIZE = 300000 };
    if (!begin_proxy("me:secret@", "BasicAuth me secret\n"))
        skip();
    cadre_system *sys = serve("good");
    for (int i = 0; i < 5; i++)
        assert_string_equal(saw(ask(sys, "https")), "nothing");
    assert_int_equal(web_ask(sys).connections, 1);
    got g = fetch(sys, &(cadre_http_call){
                           .method = "POST",
                           .url = url_with("https", "localhost", web.port, "/echo"),
                           .body = cadre_buf_new(NULL, SIZE),
                           .in_pieces = true});
    assert_int_equal(g.read, SIZE);
    served(sys);
    end_server(tinyproxy);
}

/* All that HTTP/2 does is done within it. */
static void many_share_a_way(void **state)
{
    enum { MANY = 30 };
    cadre_system *sys = serve(NULL);
    bool has_http2 = !http2_is_missing();
    served(sys);
    if (!has_http2 || !begin_proxy("", ""))
        skip();
    cadre_future *f[MANY];
    atomic_store(&may_answer, 0);
    sys = serve("good");
    for (int i = 0; i < MANY; i++)
        f[i] = fetch_begin(sys, &(want){.call = {.url = url_with("https", "localhost",
                                                                 web.port, "/later")},
                                        .timeout = 100 * CADRE_SECOND});
    while (web_ask(sys).requests < MANY)
        ;
    atomic_store(&may_answer, 1);
    for (int i = 0; i < MANY; i++)
        assert_string_equal(saw(fetch_end(f[i])), "nothing");
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
    end_server(tinyproxy);
}

static void tinyproxy_wants_a_user(void **state)
{
    static const char *const wrong[] = {"", "me:wrong@"};
    for (int i = 0; i < 2; i++) {
        if (!begin_proxy(wrong[i], "BasicAuth me secret\n"))
            skip();
        cadre_system *sys = serve("good");
        got g = ask(sys, "https");
        assert_int_equal(g.code, -EACCES);
        assert_non_null(strstr(g.message, "password"));
        g = ask(sys, "http");
        assert_int_equal(g.status, i == 0 ? 407 : 401);
        served(sys);
        end_server(tinyproxy);
    }
}

static void hosts_are_verified_behind_it(void **state)
{
    if (!begin_proxy("", ""))
        skip();
    cadre_system *sys = serve("other");
    assert_int_equal(ask(sys, "https").code, CADRE_ETLS_NAME);
    served(sys);
    end_server(tinyproxy);
}

static int set_up(void **state)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(proxy_sees_no_secret), cmocka_unit_test(proxy_is_told_where),
          cmocka_unit_test(refusals_are_told),
          cmocka_unit_test(proxies_that_fail_are_told),
          cmocka_unit_test(bad_proxies_are_refused),
          cmocka_unit_test(environment_is_asked_for),
          cmocka_unit_test(tinyproxy_agrees), cmocka_unit_test(tinyproxy_opens_ways),
          cmocka_unit_test(many_share_a_way), cmocka_unit_test(tinyproxy_wants_a_user),
          cmocka_unit_test(hosts_are_verified_behind_it));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
