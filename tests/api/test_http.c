/* test_http.c: requests, routes and answers, over real sockets. */
#include "support/web.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int hello(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    char name[32], text[64];
    int n = cadre_http_unescape(name, sizeof name, cadre_http_param(r, "name"), false);
    if (n < 0)
        return cadre_http_reply_text(self, m, 400, "what?\n");
    snprintf(text, sizeof text, "hello %s\n", name);
    return cadre_http_reply_text(self, m, 200, text);
}

/* Says what the request was. */
static int show(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    cadre_http_text rest = cadre_http_param(r, "*"), q = cadre_http_query(r, "q");
    cadre_http_text host = cadre_http_header(r, "hOST");
    char text[512];
    snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s|%.*s|%zu", (int)r->method.size,
             r->method.at, (int)r->path.size, r->path.at, (int)rest.size,
             rest.at ? rest.at : "", q.at ? (int)q.size : 1, q.at ? q.at : "-",
             (int)host.size, host.at, cadre_buf_size(r->body));
    return cadre_http_reply_text(self, m, 200, text);
}

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    return cadre_http_reply(self, m, 200, NULL, cadre_buf_move(&r->body));
}

static const cadre_http_route routes[] = {{"GET", "/hello/:name", hello},
                                          {NULL, "/show/*", show},
                                          {"POST", "/echo", echo},
                                          {"PUT", "/echo", echo},
                                          {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    return web_serve();
}

#define CLOSE "Host: here\r\nConnection: close\r\n\r\n"

static void route_params_are_found(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /hello/J%c3%b6rg HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_status(a), 200);
    assert_non_null(strstr(a, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(a, "\r\nContent-Length: 12\r\n"));
    assert_non_null(strstr(a, " GMT\r\n"));
    assert_non_null(strstr(a, "\r\n\r\nhello J\xc3\xb6rg\n"));
    a = web_talk("GET /show/a/b?p=1&q=2 HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "GET|/show/a/b|a/b|2|here|0"));
    a = web_talk("GET /show/ HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "GET|/show/||-|here|0"));
    a = web_talk("GET http://HERE/show/x?q HTTP/1.1\r\n" CLOSE);
    assert_non_null(strstr(a, "GET|/show/x|x||here|0"));
    web_served(sys);
}

static void unknown_path_is_404_and_method_405(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
                             "GET /hello/ HTTP/1.1\r\nHost: a\r\n\r\n"
                             "GET /show HTTP/1.1\r\nHost: a\r\n\r\n"
                             "GET /echo HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "HTTP/1.1 404 Not Found\r\n"), 3);
    assert_int_equal(web_count(a, "HTTP/1.1 405 Method Not Allowed\r\n"), 1);
    assert_non_null(strstr(a, "\r\nAllow: POST, PUT\r\n"));
    web_served(sys);
}

static void head_has_no_body(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("HEAD /hello/you HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_status(a), 200);
    assert_non_null(strstr(a, "\r\nContent-Length: 10\r\n"));
    assert_string_equal(a + strlen(a) - 4, "\r\n\r\n");
    web_served(sys);
}

static void bodies_come_whole(void **state)
{
    cadre_system *sys = serve();
    const char *a =
        web_talk("POST /echo HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\n\r\n"
                 "abcdePOST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                 "Host: a\r\n\r\n3;x=y\r\nfgh\r\n2\r\nij\r\n0\r\nT: u\r\n\r\n"
                 "POST /echo HTTP/1.1\r\n" CLOSE);
    assert_int_equal(web_count(a, "HTTP/1.1 200 OK\r\n"), 3);
    assert_non_null(strstr(a, "\r\n\r\nabcdeHTTP"));
    assert_non_null(strstr(a, "\r\n\r\nfghijHTTP"));
    assert_non_null(strstr(a, "\r\nContent-Length: 0\r\n"));
    web_served(sys);
}

static void long_body_comes_back(void **state)
{
    enum { SIZE = 700000 };
    char *sent = malloc(SIZE), *got = malloc(SIZE);
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7 + i / 251);
    const char head[] =
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 700000\r\n\r\n";
    raw_send(fd, head, strlen(head));
    raw_send(fd, sent, SIZE);
    web_expect_end(fd, "\r\n\r\n");
    assert_int_equal(raw_read_all(fd, got, SIZE), SIZE);
    assert_memory_equal(got, sent, SIZE);
    close(fd);
    free(sent);
    free(got);
    web_served(sys);
}

static void expect_continue_is_told(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                        "Expect: 100-continue\r\n\r\n";
    raw_send(fd, head, strlen(head));
    raw_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    raw_send(fd, "ok", 2);
    web_expect_end(fd, "\r\n\r\nok");
    close(fd);
    assert_int_equal(
        web_status(web_talk("POST /echo HTTP/1.1\r\nExpect: much\r\n" CLOSE)), 417);
    web_served(sys);
}

static void old_clients_are_served(void **state)
{
    cadre_system *sys = serve();
    const char *a = web_talk("GET /hello/you HTTP/1.0\r\n\r\n");
    assert_int_equal(web_status(a), 200);
    assert_non_null(strstr(a, "\r\nConnection: close\r\n"));
    a = web_talk("GET /hello/you HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
                 "GET /hello/you HTTP/1.0\r\n\r\n");
    assert_int_equal(web_count(a, "HTTP/1.1 200 OK\r\n"), 2);
    assert_int_equal(web_count(a, "\r\nConnection: keep-alive\r\n"), 1);
    web_served(sys);
}

static void one_that_sends_no_more_gets_its_answers(void **state)
{
    cadre_system *sys = serve();
    int fd = raw_connect(web.port);
    const char two[] = "\r\nGET /hello/a HTTP/1.1\r\nHost: a\r\n\r\n"
                       "GET /hello/b HTTP/1.1\r\nHost: a\r\n\r\nGET /hel";
    raw_send(fd, two, strlen(two));
    shutdown(fd, SHUT_WR);
    const char *a = web_rest(fd);
    assert_int_equal(web_count(a, "HTTP/1.1 200 OK\r\n"), 2);
    assert_non_null(strstr(a, "hello b\n"));
    web_served(sys);
}

/* ---- curl ------------------------------------------------------------------------- */

/* What curl says: into text, of 256 bytes. */
static void curl(const char *arguments, char *text)
{
    char line[512];
    snprintf(line, sizeof line, "curl -sS -m 60 --noproxy '*' %s http://127.0.0.1:%u%s",
             arguments, web.port, "/echo");
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, 255, f);
    text[n] = '\0';
    assert_int_equal(pclose(f), 0);
}

static void curl_agrees(void **state)
{
    char text[256];
    cadre_system *sys = serve();
    if (system("curl --version >/dev/null 2>&1") != 0) {
        web_served(sys);
        skip();
    }
    curl("-d abc", text);
    assert_string_equal(text, "abc");
    curl("-H 'Transfer-Encoding: chunked' -d abcd", text);
    assert_string_equal(text, "abcd");
    curl("-0 -d abcde", text);
    assert_string_equal(text, "abcde");
    curl("-H 'Expect: 100-continue' -T - </etc/hostname -o /dev/null -w '%{http_code}'",
         text);
    assert_string_equal(text, "200");
    curl("-I -o /dev/null -w '%{http_code} %{num_connects}'", text);
    assert_string_equal(text, "405 1");
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(route_params_are_found),
          cmocka_unit_test(unknown_path_is_404_and_method_405),
          cmocka_unit_test(head_has_no_body), cmocka_unit_test(bodies_come_whole),
          cmocka_unit_test(long_body_comes_back),
          cmocka_unit_test(expect_continue_is_told),
          cmocka_unit_test(old_clients_are_served),
          cmocka_unit_test(one_that_sends_no_more_gets_its_answers),
          cmocka_unit_test(curl_agrees));
    return RUN_TESTS();
}
