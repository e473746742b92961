/* http: a small web server.
 *
 * http PORT                     serves there until it is interrupted: try it with a
 *                               browser or curl
 * http PORT CERTIFICATE KEY     the same with TLS (HTTPS), by these two files
 * http                          tries itself: a client in the same process asks for two
 *                               pages
 *
 *   /hello/NAME   is answered at once
 *   /count        by an actor of its own, to which the request is passed on
 *   /later        when half a second has passed
 *   /countdown    in pieces, each when the one before has been taken
 *   /events       is told the time every second (curl -N)
 *   /echo         a WebSocket that says everything again
 *   /files/PATH   files of the directory that it is started in */
#include <cadre.h>

#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>
#include <cadre/actors/http_events.h>
#include <cadre/actors/http_files.h>
#include <cadre/actors/http_websocket.h>
#include <cadre/shutdown.h>
#include <cadre/tls.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- pages ------------------------------------------------------------------------- */

static int hello(cadre_self *self, void *state, cadre_msg *m)
{
    char name[64], text[80];
    cadre_http_text param = cadre_http_param(m->body, "name");
    if (cadre_http_unescape(name, sizeof name, param, false) < 0)
        return cadre_http_reply_text(self, m, 400, "what a name\n");
    snprintf(text, sizeof text, "hello, %s\n", name);
    return cadre_http_reply_text(self, m, 200, text);
}

/* What all handlers know: the actors that some requests are passed on to. */
struct context {
    cadre_ref counter, files;
};
static const struct context *context_of(const void *state)
{
    return ((const cadre_http_desk *)state)->context;
}

static int count(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, context_of(state)->counter, m);
}
static int file(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, context_of(state)->files, m);
}

typedef cadre_promise due;
static CADRE_TYPE(due);

static int on_due(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_answer(self, *(due *)m->body, 200, NULL, cadre_buf_new("!\n", 2));
}

static int later(cadre_self *self, void *state, cadre_msg *m)
{
    due promise;
    cadre_token token;
    int err = cadre_defer(self, m, &promise);
    if (!err)
        err = cadre_after_as(self, &token, CADRE_SECOND / 2, &due_type, &promise);
    return err ? err : cadre_then(self, token, on_due);
}

/* ---- a page in pieces -------------------------------------------------------------- */

static int countdown_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *left = state;
    char text[16];
    if (m->type == &cadre_http_gone_type)
        return CADRE_STOP;
    int n = snprintf(text, sizeof text, "%u\n", *left);
    int err =
        cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(text, (size_t)n),
                    .is_last = *left == 0);
    return err ? err : (*left)-- > 0 ? 0 : CADRE_STOP;
}
static const cadre_class countdown_class = {
    .name = "countdown", .state_size = sizeof(unsigned), .receive = countdown_receive};

static int countdown(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &countdown_class, &(unsigned){3});
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

/* ---- the time, every second -------------------------------------------------------- */

typedef struct {
    uint64_t second;
} tick;
static CADRE_TYPE(tick);

struct clock {
    cadre_ref events;
    uint64_t second;
};

static int clock_start(cadre_self *self, void *state)
{
    return cadre_every_as(self, NULL, CADRE_SECOND, &tick_type, &(tick){0});
}

static int clock_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct clock *me = state;
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)++me->second);
    return cadre_send(self, me->events, cadre_http_event, .id = me->second,
                      .data = cadre_buf_new(text, (size_t)n));
}
static const cadre_class clock_class = {.name = "clock",
                                        .state_size = sizeof(struct clock),
                                        .start = clock_start,
                                        .receive = clock_receive};

/* It goes on where the client says that it was cut off. */
static int events(cadre_self *self, void *state, cadre_msg *m)
{
    struct clock init = {.second = cadre_http_last_event(m->body)};
    int err = cadre_spawn(self, &init.events, &cadre_http_events_class, NULL);
    if (!err)
        err = cadre_spawn(self, NULL, &clock_class, &init);
    return err ? err : cadre_http_reply_events(self, m, init.events);
}

/* ---- a WebSocket ------------------------------------------------------------------- */

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
    return got ? cadre_reply(self, m, cadre_websocket_message,
                             .bytes = cadre_buf_move(&got->bytes),
                             .is_text = got->is_text)
               : 0;
}
static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};

static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref session;
    int err = cadre_spawn(self, &session, &echo_class, NULL);
    if (!err)
        err = cadre_http_reply_websocket(self, m, session, NULL);
    return err == -EPROTO || err == -ENOTSUP
               ? cadre_http_reply_text(self, m, 426, "a WebSocket, please\n")
               : err;
}

static const cadre_http_route routes[] = {
    {"GET", "/hello/:name", hello}, {"GET", "/count", count},
    {"GET", "/later", later},       {"GET", "/countdown", countdown},
    {"GET", "/events", events},     {"GET", "/echo", echo},
    {"GET", "/files/*", file},      {0}};

/* ---- the counter ------------------------------------------------------------------- */

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    char text[32];
    snprintf(text, sizeof text, "%u\n", ++*(unsigned *)state);
    return cadre_http_reply_text(self, m, 200, text);
}
static const cadre_class counter_class = {
    .name = "counter", .state_size = sizeof(unsigned), .receive = counter_receive};

/* ---- the root, which asks as well if there is no port ------------------------------ */

struct root {
    uint16_t port;
    cadre_tls *tls; /* or NULL */
    cadre_ref server, client;
    struct context context;
    unsigned asked;
};

static int root_start(cadre_self *self, void *state)
{
    struct root *root = state;
    const cadre_http_files files = {.root = "."};
    cadre_http config = {.port = root->port,
                         .tls = root->tls,
                         .routes = routes,
                         .context = &root->context};
    int err = cadre_spawn(self, &root->context.counter, &counter_class, NULL);
    if (!err)
        err = cadre_spawn(self, &root->context.files, &cadre_http_files_class, &files);
    if (!err)
        err = cadre_spawn(self, &root->server, &cadre_http_class, &config);
    if (!err && !root->port)
        err = cadre_spawn(self, &root->client, &cadre_http_client_class, NULL);
    if (!err && !root->port)
        err = cadre_ask(self, NULL, root->server, CADRE_SECOND, cadre_http_ask, 0);
    return err;
}

static int ask_for_page(cadre_self *self, struct root *root)
{
    static const char *const pages[] = {"/hello/w%C3%B6rld", "/countdown"};
    char url[80];
    if (root->asked == 2)
        return CADRE_STOP;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", root->port,
             pages[root->asked++]);
    return cadre_http_fetch(self, NULL, root->client, CADRE_SECOND,
                            &(cadre_http_call){.url = url});
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct root *root = state;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_http_response *r = cadre_body(m, cadre_http_response);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure)
        return failure->code;
    if (status)
        root->port = status->port;
    if (r)
        fwrite(cadre_buf_data(r->body), 1, cadre_buf_size(r->body), stdout);
    return ask_for_page(self, root);
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct root),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    char why[CADRE_TLS_WHY];
    struct root root = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0)};
    const cadre_tls_options options = {.certificate = argc > 2 ? argv[2] : NULL,
                                       .key = argc > 3 ? argv[3] : NULL};
    if (argc > 2 && cadre_tls_new(&root.tls, &options, why, sizeof why)) {
        fprintf(stderr, "http: %s\n", why);
        return 1;
    }
    int reason = cadre_serve(NULL, &root_class, &root, CADRE_SECOND, 2 * CADRE_SECOND);
    cadre_tls_free(root.tls);
    if (reason)
        fprintf(stderr, "http: %s\n", cadre_strerror(reason));
    return reason ? 1 : 0;
}
