/* test_https.c: the HTTP server with TLS, asked by curl. */
#include "support/tls.h"
#include "support/web.h"

#include <stdio.h>

#define CURL "curl -sS -m 60 --noproxy '*' -w ' %%{http_code} %%{exitcode}' 2>&1 "

static int hello(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "hello");
}

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    return cadre_http_reply(self, m, 200, NULL, cadre_buf_move(&r->body));
}

static const cadre_http_route routes[] = {
    {"GET", "/", hello}, {"POST", "/echo", echo}, {0}};

static cadre_system *serve(const char *certificate)
{
    web.routes = routes;
    web.tls = tls_serving(certificate);
    return web_serve();
}

static void served(cadre_system *sys)
{
    cadre_tls *tls = web.tls;
    web_served(sys);
    cadre_tls_free(tls);
}

static void curl_is_answered(void **unused)
{
    cadre_system *sys = serve("good");
    assert_string_equal(says(CURL "--cacert {}/ca.pem https://127.0.0.1:%u/", web.port),
                        "hello 200 0");
    assert_string_equal(says(CURL "--cacert {}/ca.pem --resolve localhost:%u:127.0.0.1 "
                                  "https://localhost:%u/",
                             web.port, web.port),
                        "hello 200 0");
    assert_non_null(strstr(says(CURL "http://127.0.0.1:%u/", web.port), " 000 "));
    served(sys);
}

/* Several on one connection, and bodies of many records. */
static void bodies_come_back(void **unused)
{
    cadre_system *sys = serve("good");
    assert_string_equal(
        says("head -c 900000 /dev/urandom >{}/body && curl -sS -m 60 --noproxy '*' "
             "--cacert {}/ca.pem --data-binary @{}/body -o {}/1 "
             "https://127.0.0.1:%u/echo --next --cacert {}/ca.pem "
             "--data-binary @{}/body -o {}/2 -w '%%{num_connects}' "
             "https://127.0.0.1:%u/echo 2>&1 && "
             "cmp {}/body {}/1 && cmp {}/body {}/2",
             web.port, web.port),
        "0");
    served(sys);
}

static void curl_refuses(void **unused)
{
    static const char *const bad[] = {"self", "stranger", "expired", "other"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cadre_system *sys = serve(bad[i]);
        assert_non_null(
            strstr(says(CURL "--cacert {}/ca.pem https://127.0.0.1:%u/", web.port),
                   " 000 60"));
        assert_non_null(
            strstr(says(CURL "-k https://127.0.0.1:%u/", web.port), "hello 200 0"));
        served(sys);
    }
}

/* The version that curl gets. */
static const char *version(const char *arguments)
{
    return says("curl -sS -m 60 --noproxy '*' --cacert {}/ca.pem -o {}/1 "
                "-w '%%{http_version} %%{exitcode}' https://127.0.0.1:%u/ %s 2>&1",
                web.port, arguments);
}

/* HTTP/2 where both have it, unless the configuration says otherwise. */
static void protocol_is_agreed_on(void **unused)
{
    cadre_system *sys = serve("good");
    const char *best = version("");
    assert_true(strcmp(best, "2 0") == 0 || strcmp(best, "1.1 0") == 0);
    bool has_both = *best == '2';
    assert_string_equal(version("--http1.1"), "1.1 0");
    assert_string_equal(version("--no-alpn"), "1.1 0");
    assert_non_null(strstr(says("openssl s_client -connect 127.0.0.1:%u -alpn spdy "
                                "</dev/null 2>&1",
                                web.port),
                           "no application protocol"));
    served(sys);
    web.routes = routes;
    web.tls = tls_with((cadre_tls_options){
        .certificate = "good.pem", .key = "good.key", .protocols = "http/1.1"});
    sys = web_serve();
    assert_string_equal(version(""), "1.1 0");
    served(sys);
    if (!has_both)
        skip();
}

/* Over one connection: h2load's is by ALPN. */
static void many_over_http2(void **unused)
{
    cadre_system *sys = serve("good");
    const char *said =
        says("h2load -n 2000 -c 3 -m 30 https://127.0.0.1:%u/ 2>&1", web.port);
    bool has_both = strstr(said, "Application protocol: h2");
    if (has_both)
        assert_non_null(strstr(said, "2000 succeeded, 0 failed, 0 errored"));
    served(sys);
    if (!has_both)
        skip();
}

static int set_up(void **unused)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(curl_is_answered), cmocka_unit_test(bodies_come_back),
          cmocka_unit_test(curl_refuses), cmocka_unit_test(protocol_is_agreed_on),
          cmocka_unit_test(many_over_http2));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
