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

static int set_up(void **unused)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(curl_is_answered), cmocka_unit_test(bodies_come_back),
          cmocka_unit_test(curl_refuses));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
