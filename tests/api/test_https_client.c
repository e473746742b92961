/* test_https_client.c: the HTTP client with TLS, as actors/http_client.h promises. */
#include "support/others.h"
#include "support/tls.h"

#include <cadre/actors/resolve.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_uint requests;

/* What it was asked with. */
static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    cadre_http_text secret = cadre_http_header(r, "Authorization");
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)secret.size, secret.at ? secret.at : "");
    const cadre_http_field fields[] = {{"X-Secret", *text ? text : "none"}, {0}};
    atomic_fetch_add(&requests, 1);
    return cadre_http_reply(self, m, 200, fields, cadre_buf_move(&r->body));
}

static int redirect(cadre_self *self, void *state, cadre_msg *m)
{
    char to[128];
    cadre_http_unescape(to, sizeof to, cadre_http_query(m->body, "to"), false);
    const cadre_http_field fields[] = {{"Location", to}, {0}};
    return cadre_http_reply(self, m, 302, fields, NULL);
}

static const cadre_http_route routes[] = {
    {"GET", "/redirect", redirect}, {NULL, "/echo", echo}, {0}};

static cadre_system *serve_with(cadre_tls *server, cadre_tls *client)
{
    web.routes = routes;
    web.tls = server;
    web_root = fetch_root;
    fetch_client.id = 0;
    fetch_config.tls = client;
    atomic_store(&requests, 0);
    return web_serve();
}
static cadre_system *serve(const char *certificate)
{
    return serve_with(tls_serving(certificate), tls_calling());
}
static void served(cadre_system *sys)
{
    cadre_tls *tls = web.tls;
    web_served(sys);
    cadre_tls_free(tls);
    cadre_tls_free(fetch_config.tls);
    fetch_config = (cadre_http_client){0};
}

static const char *secure(const char *host, const char *path)
{
    return url_with("https", host, web.port, path);
}
static got get_secure(cadre_system *sys, const char *host)
{
    return fetch(sys, &(cadre_http_call){.url = secure(host, "/echo")});
}

/* ---- who it is -------------------------------------------------------------------- */

static void hosts_are_verified(void **state)
{
    static const struct {
        const char *certificate;
        int code;
        const char *reason;
    } cases[] = {{"self", CADRE_ETLS_UNTRUSTED, "self-signed"},
                 {"stranger", CADRE_ETLS_UNTRUSTED, "issuer"},
                 {"expired", CADRE_ETLS_EXPIRED, "expired"},
                 {"early", CADRE_ETLS_EXPIRED, "not yet valid"},
                 {"other", CADRE_ETLS_NAME, "mismatch"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cadre_system *sys = serve(cases[i].certificate);
        got g = get_secure(sys, "127.0.0.1");
        assert_int_equal(g.code, cases[i].code);
        assert_non_null(strstr(g.message, i < 2   ? "vouches"
                                          : i < 4 ? "renewed"
                                                  : "host"));
        assert_int_equal(atomic_load(&requests), 0);
        assert_true(lines_with("certificate of 127.0.0.1") > 0);
        assert_true(lines_with(cases[i].reason) > 0);
        served(sys);
    }
    cadre_system *sys = serve("good");
    assert_int_equal(get_secure(sys, "127.0.0.1").status, 200);
    assert_int_equal(get_secure(sys, "localhost").status, 200);
    served(sys);
}

/* Any name is here. */
static int resolve_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_resolver_ask *ask = m->body;
    return cadre_reply(self, m, cadre_addresses, .count = 1,
                       .at = {{.host = "127.0.0.1", .port = ask->port}});
}
static const cadre_class resolver_class = {.name = "names", .receive = resolve_receive};

static int root_with_names(cadre_self *self, void *state, cadre_msg *m)
{
    int err = fetch_config.resolver.id
                  ? 0
                  : cadre_spawn(self, &fetch_config.resolver, &resolver_class, NULL);
    return err ? err : fetch_root(self, state, m);
}

/* The name that is asked for, and the one that has to be in the certificate. */
static void names_are_asked_for(void **state)
{
    const cadre_tls_name names[] = {
        {"localhost", in_folder("self.pem"), in_folder("self.key")}, {0}};
    cadre_system *sys =
        serve_with(tls_with((cadre_tls_options){
                       .certificate = "good.pem", .key = "good.key", .names = names}),
                   tls_calling());
    web_root = root_with_names;
    assert_int_equal(get_secure(sys, "127.0.0.1").status, 200);
    assert_int_equal(get_secure(sys, "x.example").code, CADRE_ETLS_NAME);
    assert_int_equal(get_secure(sys, "localhost").code, CADRE_ETLS_UNTRUSTED);
    assert_int_equal(get_secure(sys, "LocalHost.").code, CADRE_ETLS_UNTRUSTED);
    served(sys);
}

static void system_is_trusted(void **state)
{
    cadre_system *sys =
        serve_with(tls_serving("good"), tls_with((cadre_tls_options){0}));
    assert_int_equal(get_secure(sys, "localhost").code, CADRE_ETLS_UNTRUSTED);
    served(sys);
    sys = serve_with(tls_serving("self"),
                     tls_with((cadre_tls_options){.insecure = true}));
    assert_int_equal(get_secure(sys, "localhost").status, 200);
    served(sys);
}

static void client_certifies(void **state)
{
    const cadre_tls_options asks = {.certificate = "good.pem",
                                    .key = "good.key",
                                    .trust = "ca.pem",
                                    .clients = CADRE_TLS_MUST_CERTIFY};
    const cadre_tls_options alice = {
        .certificate = "alice.pem", .key = "alice.key", .trust = "ca.pem"};
    cadre_system *sys = serve_with(tls_with(asks), tls_with(alice));
    assert_int_equal(get_secure(sys, "localhost").status, 200);
    served(sys);
    sys = serve_with(tls_with(asks), tls_calling());
    got g = get_secure(sys, "localhost");
    assert_int_equal(g.code, CADRE_ETLS_REFUSED);
    assert_non_null(strstr(g.message, "accept"));
    assert_int_equal(atomic_load(&requests), 0);
    served(sys);
}

static void nothing_without_tls(void **state)
{
    cadre_system *sys = serve_with(tls_serving("good"), NULL);
    got g = get_secure(sys, "localhost");
    assert_int_equal(g.code, -EPROTONOSUPPORT);
    assert_non_null(strstr(g.message, "tls"));
    served(sys);
    /* Nor where nobody speaks it. */
    sys = serve_with(NULL, tls_calling());
    g = get_secure(sys, "localhost");
    assert_int_equal(g.code, CADRE_ETLS);
    assert_non_null(strstr(g.message, "port"));
    served(sys);
}

/* ---- connections ------------------------------------------------------------------ */

static void connections_are_kept(void **state)
{
    cadre_system *sys = serve("good");
    for (int i = 0; i < 20; i++)
        assert_int_equal(get_secure(sys, "localhost").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    /* Not for another scheme, which is not understood there. */
    assert_true(fetch(sys, &(cadre_http_call){.url = url_with("http", "localhost",
                                                              web.port, "/echo")})
                    .code != 0);
    assert_int_equal(get_secure(sys, "localhost").status, 200);
    assert_int_equal(atomic_load(&requests), 21);
    served(sys);
}

/* Of many records, and in pieces. */
static void bodies_come_back(void **state)
{
    enum { SIZE = 900000 };
    cadre_system *sys = serve("good");
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        got g = fetch(sys, &(cadre_http_call){.method = "POST",
                                              .url = secure("localhost", "/echo"),
                                              .body = cadre_buf_new(NULL, SIZE),
                                              .in_pieces = in_pieces});
        assert_int_equal(g.status, 200);
        assert_int_equal(g.read, SIZE);
    }
    served(sys);
}

/* ---- from one to the other -------------------------------------------------------- */

static const cadre_http_field secrets[] = {{"Authorization", "me"}, {0}};

static const char *secret_of(got g)
{
    static char text[64];
    cadre_http_response r = {.fields = g.fields};
    cadre_http_text value = cadre_http_response_header(&r, "X-Secret");
    assert_int_equal(g.status, 200);
    snprintf(text, sizeof text, "%.*s", (int)value.size, value.at);
    return text;
}

static got redirected(cadre_system *sys, const char *to)
{
    char path[192];
    snprintf(path, sizeof path, "/redirect?to=%s", to);
    return fetch(
        sys, &(cadre_http_call){.url = secure("localhost", path), .fields = secrets});
}

struct script {
    int listener;
    char answer[256];
};

/* Without TLS. */
static void *play_script(void *arg)
{
    struct script *s = arg;
    int fd = raw_accept(s->listener);
    web_expect_end(fd, "\r\n\r\n");
    raw_send(fd, s->answer, strlen(s->answer));
    close(fd);
    return NULL;
}

static void secrets_stay(void **state)
{
    pthread_t thread;
    struct script s;
    uint16_t port;
    s.listener = raw_listen(&port, 10);
    cadre_system *sys = serve("good");
    assert_string_equal(secret_of(redirected(sys, "/echo")), "me");
    assert_string_equal(secret_of(redirected(sys, secure("127.0.0.1", "/echo"))),
                        "none");
    /* Down to http: nobody is asked. */
    got g = redirected(sys, url_with("http", "localhost", port, "/"));
    assert_int_equal(g.code, -EACCES);
    assert_non_null(strstr(g.message, "https"));
    assert_int_equal(fcntl(s.listener, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept(s.listener, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(s.listener, F_SETFL, 0), 0);
    /* And up from there, to the same host. */
    snprintf(s.answer, sizeof s.answer,
             "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
             secure("localhost", "/echo"));
    assert_int_equal(pthread_create(&thread, NULL, play_script, &s), 0);
    g = fetch(sys, &(cadre_http_call){.url = url_with("http", "localhost", port, "/"),
                                      .fields = secrets});
    assert_string_equal(secret_of(g), "none");
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(s.listener);
    served(sys);
}

/* ---- what goes wrong on the way --------------------------------------------------- */

static bool has(const char *bytes, size_t size, const char *text)
{
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

static void silent_handshake_ends(void **state)
{
    char hello[4096];
    uint16_t port;
    int listener = raw_listen(&port, 10);
    cadre_system *sys = serve("good");
    int fd = fetch_silence(sys, listener, url_with("https", "localhost", port, "/"));
    size_t n = 0;
    for (ssize_t more = 1; more > 0; n += more > 0 ? (size_t)more : 0)
        more = read(fd, hello + n, sizeof hello - n); /* a reset, mostly */
    assert_true(n == 0 || (has(hello, n, "localhost") && has(hello, n, "http/1.1")));
    close(fd);
    served(sys);
    /* Or after the time for a handshake. */
    sys = serve_with(tls_serving("good"),
                     tls_with((cadre_tls_options){.handshake = 100 * CADRE_MS}));
    assert_int_equal(
        fetch(sys, &(cadre_http_call){.url = url_with("https", "localhost", port, "/")})
            .code,
        -ETIMEDOUT);
    close(listener);
    served(sys);
}

static struct {
    int listener;
    bool cuts;
} secure_script;

static void *play_securely(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    char bytes[1024] = "";
    SSL *peer = peer_accept(raw_accept(secure_script.listener), "good");
    for (int n = 0, more; !strstr(bytes, "\r\n\r\n"); n += more) {
        more = SSL_read(peer, bytes + n, (int)sizeof bytes - 1 - n);
        assert_true(more > 0);
    }
    peer_send(peer, answer, sizeof answer - 1);
    if (secure_script.cuts)
        peer_drop(peer);
    else
        peer_close(peer);
    return NULL;
}

static void cut_is_no_end(void **state)
{
    pthread_t thread;
    uint16_t port;
    cadre_system *sys = serve("good");
    secure_script.listener = raw_listen(&port, 10);
    for (int i = 0; i < 4; i++) {
        secure_script.cuts = i % 2;
        assert_int_equal(pthread_create(&thread, NULL, play_securely, NULL), 0);
        got g = fetch(
            sys, &(cadre_http_call){.url = url_with("https", "localhost", port, "/"),
                                    .in_pieces = i / 2});
        assert_int_equal(g.code, secure_script.cuts ? CADRE_ETLS_CUT : 0);
        if (!secure_script.cuts)
            assert_string_equal(text_of(g), "until the end");
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    close(secure_script.listener);
    served(sys);
}

/* ---- other people's --------------------------------------------------------------- */

static void nginx_agrees(void **state)
{
    uint16_t port;
    char lines[256];
    if (!has_nginx())
        skip();
    snprintf(lines, sizeof lines, "ssl_certificate %s; ssl_certificate_key %s;",
             in_folder("good.pem"), in_folder("good.key"));
    pid_t pid = start_nginx(&port, "ssl http2", lines);
    cadre_system *sys = serve("good");
    expect_folder(sys, "https", port);
    served(sys);
    end_server(pid);
}

static void python_agrees(void **state)
{
    uint16_t port;
    if (!has_python())
        skip();
    pid_t pid = start_python(&port, "good");
    cadre_system *sys = serve("good");
    expect_folder(sys, "https", port);
    served(sys);
    end_server(pid);
}

/* Its answer ends with the connection; it would agree to HTTP/2, and speak none. */
static void openssl_agrees(void **state)
{
    uint16_t port = start_s_server("-cert {}/good.pem -key {}/good.key -www "
                                   "-alpn h2,http/1.1");
    fetch_config.http1 = true;
    cadre_system *sys = serve("good");
    got g = fetch(sys,
                  &(cadre_http_call){.url = url_with("https", "localhost", port, "/")});
    assert_int_equal(g.status, 200);
    assert_true(g.read > 1000); /* a page of what was agreed on */
    served(sys);
    stop_s_server();
}

static int set_up(void **state)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(hosts_are_verified), cmocka_unit_test(names_are_asked_for),
          cmocka_unit_test(system_is_trusted), cmocka_unit_test(client_certifies),
          cmocka_unit_test(nothing_without_tls), cmocka_unit_test(connections_are_kept),
          cmocka_unit_test(bodies_come_back), cmocka_unit_test(secrets_stay),
          cmocka_unit_test(silent_handshake_ends), cmocka_unit_test(cut_is_no_end),
          cmocka_unit_test(nginx_agrees), cmocka_unit_test(python_agrees),
          cmocka_unit_test(openssl_agrees));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
