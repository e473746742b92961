/* test_http2.c: the HTTP server, asked over HTTP/2 by curl and by nghttp2's clients. */
#include "support/effort.h"
#include "support/http2.h"

#include <cadre/actors/http_events.h>
#include <cadre/await.h>

#include <errno.h>
#include <stdio.h>

enum { PIECE = 100000, MUCH = 200 };

/* ---- handlers --------------------------------------------------------------------- */

static int fine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "fine\n");
}

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    return cadre_http_reply(self, m, 201, NULL, cadre_buf_move(&r->body));
}

/* What it was asked, line by line. */
static int tell(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    static const cadre_http_field fields[] = {
        {"X-Upper", "Case"}, {"Keep-Alive", "timeout=5"}, {0}};
    char text[512];
    cadre_http_text name, value, param = cadre_http_param(r, "name");
    int n = snprintf(text, sizeof text, "%.*s %.*s?%.*s %.*s\n", (int)r->method.size,
                     r->method.at, (int)r->path.size, r->path.at, (int)r->query.size,
                     r->query.at, (int)param.size, param.at);
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++)
        if (!cadre_http_is(name, "user-agent") && !cadre_http_is(name, "host"))
            n += snprintf(text + n, sizeof text - (size_t)n, "%.*s=%.*s\n",
                          (int)name.size, name.at, (int)value.size, value.at);
    return cadre_http_reply(self, m, 200, fields, cadre_buf_new(text, (size_t)n));
}

static int defer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err ? err
               : cadre_http_answer(self, promise, 200, NULL, cadre_buf_new("late", 4));
}

/* ---- pieces ----------------------------------------------------------------------- */

/* So many large ones, and a trailer. */
typedef struct {
    unsigned left;
} large;

static int large_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_http_field fields[] = {{"Sum", "42"}, {0}};
    large *me = state;
    cadre_buf *trailers = NULL;
    if (m->type != &cadre_http_more_type)
        return CADRE_STOP;
    bool is_last = --me->left == 0;
    int err = is_last ? cadre_http_trailers(&trailers, fields) : 0;
    if (!err)
        err =
            cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE),
                        .is_last = is_last, .trailers = trailers);
    return err ? err : is_last ? CADRE_STOP : 0;
}
static const cadre_class large_class = {
    .name = "large", .state_size = sizeof(large), .receive = large_receive};

static int reply_large(cadre_self *self, cadre_msg *m, uint64_t size)
{
    cadre_http_source source = {.size = size};
    int err = cadre_spawn(self, &source.from, &large_class, &(large){MUCH});
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}
static int get_large(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_large(self, m, 0);
}
static int get_sized(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_large(self, m, (uint64_t)MUCH * PIECE);
}
static int get_short(cadre_self *self, void *state, cadre_msg *m)
{
    return reply_large(self, m, (uint64_t)MUCH * PIECE + 1);
}

static int get_events(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref events;
    int err = cadre_spawn(self, &events, &cadre_http_events_class, NULL);
    if (!err)
        err = cadre_http_reply_events(self, m, events);
    if (!err)
        err = cadre_send(self, events, cadre_http_event, .id = 5);
    return err ? err : cadre_send(self, events, cadre_http_event, .is_last = true);
}

/* Reads all of it, and says how much that was and what its bytes add up to. */
static int sum_up(cadre_self *self, void *state, cadre_msg *request)
{
    const cadre_http_source from = ((cadre_http_request *)request->body)->source;
    uint64_t size = 0, sum = 0;
    char text[64];
    cadre_msg m;
    cadre_token token;
    for (bool is_over = !from.from.id; !is_over;) {
        int err = cadre_ask(self, &token, from.from, CADRE_NEVER, cadre_http_more,
                            .key = from.key);
        if (!err)
            err = cadre_await(self, token, &m);
        const cadre_http_piece *piece = err ? NULL : cadre_body(&m, cadre_http_piece);
        if (!piece)
            return -EIO;
        const uint8_t *bytes = cadre_buf_data(piece->bytes);
        for (size_t i = 0; i < cadre_buf_size(piece->bytes); i++)
            sum += bytes[i];
        size += cadre_buf_size(piece->bytes);
        is_over = piece->is_last;
    }
    snprintf(text, sizeof text, "%llu %llu %llu\n", (unsigned long long)from.size,
             (unsigned long long)size, (unsigned long long)sum);
    return cadre_http_reply_text(self, request, 200, text);
}

static int refuse(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 403, "no\n");
}

/* ---- the server ------------------------------------------------------------------- */

static const cadre_http_route routes[] = {{"GET", "/", fine},
                                          {"POST", "/echo", echo},
                                          {NULL, "/tell/:name", tell},
                                          {"GET", "/defer", defer},
                                          {"GET", "/large", get_large},
                                          {"GET", "/sized", get_sized},
                                          {"GET", "/short", get_short},
                                          {"GET", "/events", get_events},
                                          {0}};
static const cadre_http_route uploads[] = {
    {NULL, "/sum", sum_up}, {"PUT", "/refuse", refuse}, {0}};

/* NULL: there is no nghttp2, or no such program. */
static cadre_system *serve(const char *program)
{
    char line[64];
    snprintf(line, sizeof line, "%s --version >/dev/null 2>&1", program);
    if (system(line) != 0)
        skip();
    web.routes = routes;
    web.uploads = uploads;
    return http2_serve();
}

/* What a command says; %u in it stands for the port. */
static const char *say(const char *command)
{
    static char text[1 << 16];
    char line[1024];
    snprintf(line, sizeof line, "%s", command);
    for (char *at; (at = strstr(line, "PORT"));) {
        char rest[1024];
        strcpy(rest, at + strlen("PORT"));
        snprintf(at, sizeof line - (size_t)(at - line), "%u%s", web.port, rest);
    }
    FILE *f = popen(line, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    (void)pclose(f);
    return text;
}

#define CURL "curl -sS -m 60 --noproxy '*' --http2-prior-knowledge "
#define URL " http://127.0.0.1:PORT"

/* ---- whole requests and answers --------------------------------------------------- */

static void curl_agrees(void **state)
{
    static const struct {
        const char *command, *says;
    } cases[] = {
        {CURL URL "/ -w '%{http_version} %{http_code}'", "fine\n2 200"},
        {CURL URL "/ -I -o /dev/null -w '%{size_download} %{http_code}'", "0 200"},
        {CURL URL "/none -o /dev/null -w '%{http_code}'", "404"},
        {CURL URL "/ -d x -o /dev/null -w '%{http_code}'", "405"},
        {CURL URL "/defer", "late"},
        {CURL URL "/echo -d abc -w ' %{http_code}'", "abc 201"},
        {CURL URL "/echo -d '' -w ' %{http_code}'", " 201"},
        {CURL URL "/echo -H 'Expect: 100-continue' -d abc", "abc"},
        {CURL "'http://127.0.0.1:PORT/tell/you?a=b' -H 'X-Y: z' -b 'c=d; e=f' "
              "-H 'Accept:' -X PUT",
         "PUT /tell/you?a=b you\nx-y=z\ncookie=c=d; e=f\n"},
        {CURL URL "/tell/you -D - -o /dev/null | tr -d '\\r' | grep -v '^date: '",
         "HTTP/2 200 \ncontent-length: 30\nx-upper: Case\n\n"},
        {"curl -sS --noproxy '*' " URL "/ -w '%{http_version}'", "fine\n1.1"},
    };
    cadre_system *sys = serve("curl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(say(cases[i].command), cases[i].says);
    web_served(sys);
}

/* Large in both directions: windows are opened as bytes are taken. */
static void bodies_come_back(void **state)
{
    cadre_system *sys = serve("curl");
    assert_string_equal(say("f=$(mktemp) && head -c 900000 /dev/urandom >$f && " CURL
                            "--data-binary @$f" URL
                            "/echo | cmp - $f && echo same; rm $f"),
                        "same\n");
    web_served(sys);
}

/* ---- pieces ----------------------------------------------------------------------- */

static void pieces_go_both_ways(void **state)
{
    static const struct {
        const char *command, *says;
    } cases[] = {
        {CURL URL "/large -o /dev/null -w '%{size_download} %{http_code}'",
         "20000000 200"},
        {CURL URL "/sized -o /dev/null -w '%{size_download} %{http_code}'",
         "20000000 200"},
        {CURL URL "/short -o /dev/null -w ' %{exitcode}' 2>/dev/null", " 92"},
        {CURL URL "/large -D - -o /dev/null | tr -d '\\r' | grep -v '^date: '",
         "HTTP/2 200 \n\nsum: 42\n"},
        {CURL URL "/sized -I | grep content-length | tr -d '\\r'",
         "content-length: 20000000\n"},
        {CURL URL "/events", "id: 5\ndata:\n\ndata:\n\n"},
        {"printf aa | " CURL "-T -" URL "/sum", "0 2 194\n"},
        {CURL "-d aa" URL "/sum", "2 2 194\n"},
        {CURL "-X POST" URL "/sum", "0 0 0\n"},
        {CURL "-H 'Expect: 100-continue' -d aa" URL "/sum", "2 2 194\n"},
        {"head -c 3000000 /dev/zero | tr '\\0' '\\1' | " CURL "-T -" URL "/sum",
         "0 3000000 3000000\n"},
    };
    cadre_system *sys = serve("curl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(say(cases[i].command), cases[i].says);
    web_served(sys);
}

/* ---- many ------------------------------------------------------------------------- */

static void nghttp_agrees(void **state)
{
    cadre_system *sys = serve("nghttp");
    const char *both = say("nghttp" URL "/ " URL "/defer");
    assert_non_null(strstr(both, "fine\n"));
    assert_non_null(strstr(both, "late"));
    assert_non_null(strstr(say("nghttp -nv" URL "/large | grep 'sum: '"), "sum: 42"));
    /* Refused before it was there: it has the answer, and is told to stop. */
    const char *a = say("f=$(mktemp) && head -c 3000000 /dev/zero >$f && nghttp -nv "
                        "-H ':method: PUT' -d $f" URL "/refuse; rm $f");
    assert_non_null(strstr(a, ":status: 403"));
    assert_non_null(strstr(a, "(error_code=NO_ERROR(0x00))"));
    web_served(sys);
}

static void h2load_loses_none(void **state)
{
    cadre_system *sys = serve("h2load");
    bool is_slow = EFFORT_SLOWDOWN > 4;
    assert_non_null(strstr(is_slow
                               ? say("h2load -n 300 -c 4 -m 50" URL "/ " URL "/defer")
                               : say("h2load -n 3000 -c 4 -m 50" URL "/ " URL "/defer"),
                           is_slow ? "300 succeeded, 0 failed, 0 errored"
                                   : "3000 succeeded, 0 failed, 0 errored"));
    assert_non_null(strstr(say("h2load -n 12 -c 3 -m 4 " URL "/large " URL "/sized"),
                           "12 succeeded, 0 failed, 0 errored"));
    assert_int_equal(web_ask(sys).requests, 0);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(curl_agrees), cmocka_unit_test(bodies_come_back),
          cmocka_unit_test(pieces_go_both_ways), cmocka_unit_test(nghttp_agrees),
          cmocka_unit_test(h2load_loses_none));
    return RUN_TESTS();
}
