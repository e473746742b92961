/* test_http_client.c: the client, as actors/http_client.h promises, against this server,
 * Python's, and one that says anything. */
#include "support/folder.h"
#include "support/web.h"

#include <cadre/actors/http_client.h>
#include <cadre/await.h>
#include <cadre/future.h>
#include <cadre/timer.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a long body ------------------------------------------------------------------ */

enum { PIECE = 100000, PIECES = 1000 };
static atomic_uint given;

static int large_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *count = state;
    if (m->type == &cadre_http_gone_type)
        return CADRE_STOP;
    atomic_fetch_add(&given, 1);
    return cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE),
                       .is_last = ++*count == PIECES);
}
static const cadre_class large_class = {
    .name = "large", .state_size = sizeof(unsigned), .receive = large_receive};

/* ---- whoever asks ----------------------------------------------------------------- */

typedef struct {
    cadre_http_call call;
    char url[256]; /* of the call; empty: it is good for ever */
    cadre_time timeout;
    cadre_time pause; /* before the first piece */
    bool sends;       /* a long body, in pieces */
} want;
static CADRE_TYPE(want);

typedef struct {
    uint32_t status;
    int code;
    const char *message;
    cadre_buf *fields, *body;
    uint64_t size; /* that was told */
    size_t read;   /* of the body */
} got;
static void drop_got(void *body)
{
    cadre_buf_unref(((got *)body)->fields);
    cadre_buf_unref(((got *)body)->body);
}
static CADRE_TYPE_DROP(got, drop_got);

static cadre_http_client config;
static cadre_ref client;
static atomic_uint asked;

enum { KEPT = 4096 };

/* Behind what there is, as far as it is text; there is a zero behind that. */
static void append(got *g, cadre_buf *more)
{
    size_t add = cadre_buf_size(more), size = g->read;
    g->read += add;
    if (!g->body)
        g->body = cadre_buf_new(NULL, KEPT);
    if (add > 0 && size + add < KEPT)
        memcpy(cadre_buf_data(g->body) + size, cadre_buf_data(more), add);
}

/* All pieces. */
static int collect(cadre_self *self, cadre_http_source source, got *g)
{
    bool is_last = false;
    while (!is_last) {
        cadre_token token;
        cadre_msg m;
        int err = cadre_ask(self, &token, source.from, 60 * CADRE_SECOND,
                            cadre_http_more, .key = source.key);
        if (!err)
            err = cadre_await(self, token, &m);
        if (err)
            return err;
        const cadre_http_piece *piece = cadre_body(&m, cadre_http_piece);
        if (!piece)
            return cadre_body(&m, cadre_failure)->code;
        append(g, piece->bytes);
        is_last = piece->is_last;
    }
    return 0;
}

static int asker_receive(cadre_self *self, void *state, cadre_msg *request)
{
    const want *w = cadre_body(request, want);
    cadre_token token;
    cadre_msg m;
    got g = {0};
    cadre_http_call call = w->call;
    call.url = *w->url ? w->url : call.url;
    int err = w->sends ? cadre_spawn(self, &call.source.from, &large_class, NULL) : 0;
    if (!err)
        err = cadre_http_fetch(self, &token, client, w->timeout, &call);
    atomic_fetch_add(&asked, 1);
    if (!err)
        err = cadre_await(self, token, &m);
    cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    const cadre_failure *failure = err ? NULL : cadre_body(&m, cadre_failure);
    if (r) {
        g.status = r->status;
        const cadre_http_source source = r->source; /* m is another one soon */
        g.size = source.size;
        g.fields = cadre_buf_move(&r->fields);
        if (!source.from.id)
            append(&g, r->body);
        else if (w->pause)
            err = cadre_sleep(self, w->pause);
        if (!err && source.from.id)
            err = collect(self, source, &g);
    }
    g.code = failure ? failure->code : err;
    g.message = failure ? failure->message : NULL;
    err = cadre_reply_as(self, request, &got_type, &g);
    return err ? err : CADRE_STOP;
}
static const cadre_class asker_class = {.name = "asker", .receive = asker_receive};

static int root_starts_client(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref asker;
    int err =
        client.id ? 0 : cadre_spawn(self, &client, &cadre_http_client_class, &config);
    if (!err)
        err = cadre_spawn(self, &asker, &asker_class, NULL);
    return err ? err : cadre_forward(self, asker, m);
}

static cadre_future *begin(cadre_system *sys, const want *w)
{
    cadre_future *f;
    want copy = *w;
    if (w->call.url)
        snprintf(copy.url, sizeof copy.url, "%s", w->call.url);
    assert_int_equal(cadre_call_as(sys, &f, web_root_ref, &want_type, &copy), 0);
    return f;
}

static got end(cadre_future *f)
{
    static got last;
    cadre_msg m;
    drop_got(&last);
    last = (got){0};
    assert_int_equal(cadre_future_wait(f, 100 * CADRE_SECOND, &m), 0);
    got *g = cadre_body(&m, got);
    assert_non_null(g);
    last = *g;
    g->fields = g->body = NULL;
    cadre_future_free(f);
    return last;
}

/* The outcome, valid until the next. */
static got fetch(cadre_system *sys, const cadre_http_call *call)
{
    return end(begin(sys, &(want){.call = *call, .timeout = 60 * CADRE_SECOND}));
}

static const char *url_of(uint16_t port, const char *path)
{
    static char texts[4][256];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "http://127.0.0.1:%u%s", port, path);
    return text;
}
static got get(cadre_system *sys, const char *path)
{
    return fetch(sys, &(cadre_http_call){.url = url_of(web.port, path)});
}
#define text_of(g) ((const char *)cadre_buf_data((g).body))

/* ---- this server ------------------------------------------------------------------ */

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    char text[512];
    cadre_http_text auth = cadre_http_header(r, "Authorization");
    snprintf(text, sizeof text, "%.*s %.*s %.*s", (int)r->method.size, r->method.at,
             (int)r->target.size, r->target.at, (int)auth.size, auth.at ? auth.at : "");
    const cadre_http_field fields[] = {{"X-Request", text}, {0}};
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
    int err = cadre_spawn(self, &source.from, &large_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

static int never(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return cadre_defer(self, m, &promise);
}

static int count_bytes(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_source from = ((cadre_http_request *)request->body)->source;
    char text[32];
    got g = {0};
    int err = from.from.id ? collect(self, from, &g) : 0;
    snprintf(text, sizeof text, "%d %zu", err, g.read);
    drop_got(&g);
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
    int err = cadre_http_fetch(self, &token, client, CADRE_SECOND, &call);
    if (!err)
        err = cadre_await(self, token, &m);
    cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    if (!r)
        return cadre_http_reply(self, request, 502, NULL, NULL);
    err = cadre_reply_as(self, request, &cadre_http_response_type, r);
    r->fields = r->body = NULL;
    return err;
}

static const cadre_http_route routes[] = {{NULL, "/echo", echo},
                                          {NULL, "/redirect", redirect},
                                          {"GET", "/loop", loop},
                                          {"GET", "/large", large},
                                          {"GET", "/proxy", proxy},
                                          {"GET", "/never", never},
                                          {0}};
static const cadre_http_route uploads[] = {{"PUT", "/count", count_bytes}, {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    web.uploads = uploads;
    web_root = root_starts_client;
    client.id = 0;
    atomic_store(&asked, 0);
    return web_serve();
}
static void served(cadre_system *sys)
{
    (void)end(begin(sys, &(want){.timeout = 1})); /* lets the last one go */
    web_served(sys);
    config = (cadre_http_client){0};
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
    config.connections = 3;
    cadre_system *sys = serve();
    for (int i = 0; i < MANY; i++)
        all[i] = begin(sys, &(want){.call = {.url = url_of(web.port, "/echo")},
                                    .timeout = 60 * CADRE_SECOND});
    for (int i = 0; i < MANY; i++)
        assert_int_equal(end(all[i]).status, 200);
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
    static const cadre_http_field fields[] = {{"Authorization", "me"}, {0}};
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
    atomic_store(&given, 0);
    cadre_future *f = begin(
        sys, &(want){.call = {.url = url_of(web.port, "/large"), .in_pieces = true},
                     .pause = 500 * CADRE_MS,
                     .timeout = 60 * CADRE_SECOND});
    int64_t until = real_now() + 250 * CADRE_MS;
    await(&given, 1);
    await_true(is_past, &until);
    assert_true(atomic_load(&given) < PIECES / 2);
    got g = end(f);
    assert_int_equal(g.code, 0);
    assert_int_equal(g.read, PIECE * PIECES);
    assert_int_equal(web_ask(sys).connections, 1);
    assert_int_equal(get(sys, "/echo").status, 200);
    assert_int_equal(web_ask(sys).connections, 1);
    served(sys);
}

static void uploads_go_in_pieces(void **state)
{
    cadre_system *sys = serve();
    for (int i = 0; i < 2; i++) {
        want w = {.call = {.method = "PUT", .url = url_of(web.port, "/count")},
                  .timeout = 60 * CADRE_SECOND,
                  .sends = true};
        w.call.source.size = i ? PIECE * PIECES : 0;
        got g = end(begin(sys, &w));
        assert_int_equal(g.status, 200);
        assert_string_equal(text_of(g), "0 100000000");
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
    config.body = 1000;
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
    static const cadre_http_field split[] = {{"A", "x\r\nB: y"}, {0}};
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fetch(sys, &(cadre_http_call){.url = bad[i]}).code, -EINVAL);
    const char *good = url_of(web.port, "/echo");
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = "https://a/"}).code,
                     -EPROTONOSUPPORT);
    assert_int_equal(fetch(sys, &(cadre_http_call){.url = good, .fields = host}).code,
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
    got g = end(begin(sys, &(want){.call = {.url = url_of(web.port, "/never")},
                                   .timeout = 100 * CADRE_MS}));
    assert_int_equal(g.code, -ETIMEDOUT);
    await_true(has_none, sys);
    served(sys);
}

/* ---- one that says anything ------------------------------------------------------- */

struct script {
    int listener;
    const char *const *answers; /* one for each connection; NULL ends them */
    atomic_uint requests;
};

static void *play_script(void *arg)
{
    struct script *s = arg;
    for (const char *const *a = s->answers; *a; a++) {
        int fd = raw_accept(s->listener);
        web_expect_end(fd, "\r\n\r\n");
        atomic_fetch_add(&s->requests, 1);
        raw_send(fd, *a, strlen(*a));
        close(fd);
    }
    return NULL;
}

static struct script script;

/* What comes of a call to it; *requests: how many it has seen. */
static got play_answers(cadre_system *sys, const char *const *answers,
                        const cadre_http_call *call, unsigned *requests)
{
    pthread_t thread;
    uint16_t port;
    cadre_http_call c = *call;
    script.answers = answers;
    script.listener = raw_listen(&port, 10);
    atomic_store(&script.requests, 0);
    c.url = url_of(port, "/");
    assert_int_equal(pthread_create(&thread, NULL, play_script, &script), 0);
    got g = fetch(sys, &c);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(script.listener);
    *requests = atomic_load(&script.requests);
    return g;
}

static void broken_is_tried_again(void **state)
{
    static const char *const twice[] = {"", "HTTP/1.1 2", "HTTP/1.1 200 \r\n\r\nfine",
                                        NULL};
    static const char *const once[] = {"", NULL};
    static const char *const ever[] = {"", "", "", NULL};
    unsigned requests;
    cadre_system *sys = serve();
    got g = play_answers(sys, twice, &(cadre_http_call){.method = "PUT"}, &requests);
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "fine");
    g = play_answers(sys, once, &(cadre_http_call){.method = "POST"}, &requests);
    assert_int_equal(g.code, -ECONNRESET);
    assert_int_equal(requests, 1);
    g = play_answers(sys, ever, &(cadre_http_call){0}, &requests);
    assert_int_equal(g.code, -ECONNRESET);
    assert_int_equal(requests, 3);
    assert_non_null(g.message);
    served(sys);
}

static void answers_are_checked(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, "ok"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 0, "until the end"},
        {"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0,
         "ok"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         0, "ok"},
        {"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", 0, ""},
        {"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", -EPROTO,
         NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nok\r\n0\r\n\r\n",
         -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nok", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", -EPROTO, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx\r\n", -EPROTO, NULL},
        {"HTTP/1.1 20 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/1.1 2000 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/2 200 OK\r\n\r\n", -EPROTO, NULL},
        {"HTTP/1.1 101 Switching\r\n\r\n", -EPROTO, NULL},
        {"SSH-2.0-x\r\n\r\n", -EPROTO, NULL},
    };
    unsigned requests;
    cadre_system *sys = serve();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
            const char *const answers[] = {cases[i].answer, NULL};
            got g = play_answers(
                sys, answers,
                &(cadre_http_call){.method = "POST", .in_pieces = in_pieces},
                &requests);
            assert_int_equal(g.code, cases[i].code);
            if (cases[i].body)
                assert_string_equal(text_of(g), cases[i].body);
        }
    served(sys);
}

/* A body that is cut off is none. */
static void truncated_answers_fail(void **state)
{
    static const char *const lengths[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", NULL};
    static const char *const chunks[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", NULL};
    unsigned requests;
    cadre_system *sys = serve();
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        const cadre_http_call call = {.method = "POST", .in_pieces = in_pieces};
        assert_int_equal(play_answers(sys, lengths, &call, &requests).code,
                         -ECONNRESET);
        assert_int_equal(play_answers(sys, chunks, &call, &requests).code, -ECONNRESET);
    }
    served(sys);
}

static void failures_have_remedies(void **state)
{
    uint16_t port;
    int fd = raw_listen(&port, 1);
    close(fd);
    cadre_system *sys = serve();
    got g = fetch(sys, &(cadre_http_call){.url = url_of(port, "/")});
    assert_int_equal(g.code, -ECONNREFUSED);
    assert_non_null(strstr(g.message, "running there"));
    g = fetch(sys, &(cadre_http_call){.url = "http://no.such.name.invalid/"});
    assert_true(g.code == -ENXIO || g.code == -EAGAIN);
    assert_non_null(g.message);
    served(sys);
}

/* ---- a thousand ------------------------------------------------------------------- */

static void many_wait_for_nobody(void **state)
{
    enum { MANY = 1000, SAMPLES = 200 };
    static cadre_future *all[MANY];
    cadre_time most = 0;
    config.connections = MANY + 10;
    cadre_system *sys = serve();
    for (int i = 0; i < MANY; i++)
        all[i] = begin(sys, &(want){.call = {.url = url_of(web.port, "/never")},
                                    .timeout = 60 * CADRE_SECOND});
    await(&asked, MANY);
    while (web_ask(sys).requests < MANY)
        ;
    int64_t sum = 0;
    for (int i = 0; i < SAMPLES; i++) {
        int64_t begin_at = real_now();
        assert_int_equal(get(sys, "/echo").status, 200);
        int64_t took = real_now() - begin_at;
        most = took > most ? took : most;
        sum += took;
    }
    printf("beside %d that wait a request takes %lld us, at most %lld\n", MANY,
           (long long)(sum / SAMPLES / 1000), (long long)(most / 1000));
    for (int i = 0; i < MANY; i++)
        cadre_future_free(all[i]);
    served(sys);
}

/* ---- Python's --------------------------------------------------------------------- */

static pid_t start_python(uint16_t *port)
{
    int fd = raw_listen(port, 1); /* a free one, most likely still so in a moment */
    close(fd);
    char text[16];
    snprintf(text, sizeof text, "%u", *port);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("python3", "python3", "-m", "http.server", text, "--bind", "127.0.0.1",
               "--directory", folder, "--protocol", "HTTP/1.1", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void python_agrees(void **state)
{
    uint16_t port;
    if (system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' "
               ">/dev/null 2>&1") != 0)
        skip();
    make_folder();
    put_file(in_folder("a"), "from python");
    pid_t pid = start_python(&port);
    cadre_system *sys = serve();
    got g;
    int64_t until = real_now() + 60 * CADRE_SECOND;
    do
        g = fetch(sys, &(cadre_http_call){.url = url_of(port, "/a")});
    while (g.code == -ECONNREFUSED && real_now() < until);
    assert_int_equal(g.status, 200);
    assert_string_equal(text_of(g), "from python");
    for (int i = 0; i < 20; i++) {
        g = fetch(sys,
                  &(cadre_http_call){.url = url_of(port, "/a"), .in_pieces = i % 2});
        assert_string_equal(text_of(g), "from python");
        g = fetch(sys, &(cadre_http_call){.url = url_of(port, "/none")});
        assert_int_equal(g.status, 404);
        g = fetch(sys, &(cadre_http_call){.method = "HEAD", .url = url_of(port, "/a")});
        assert_int_equal(g.status, 200);
        assert_int_equal(g.size, 11);
    }
    served(sys);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    TESTS(
        cmocka_unit_test(answers_come), cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(no_more_than_so_many),
        cmocka_unit_test(redirects_are_followed), cmocka_unit_test(slow_reader_waits),
        cmocka_unit_test(uploads_go_in_pieces), cmocka_unit_test(proxy_is_a_few_lines),
        cmocka_unit_test(limits_are_told), cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(cancel_closes), cmocka_unit_test(broken_is_tried_again),
        cmocka_unit_test(answers_are_checked), cmocka_unit_test(truncated_answers_fail),
        cmocka_unit_test(failures_have_remedies),
        cmocka_unit_test(many_wait_for_nobody), cmocka_unit_test(python_agrees));
    return RUN_TESTS();
}
