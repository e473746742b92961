/* http: a small web server.
 *
 * http PORT                     serves there until it is interrupted: try it with a
 *                               browser or curl
 * http PORT CERTIFICATE KEY     the same with TLS (HTTPS), by these two files
 * http                          tries itself: a client in the same process asks for a
 *                               page
 *
 *   /hello/NAME   is answered at once
 *   /count        by an actor of its own, to which the request is passed on
 *   /later        when half a second has passed */
#include <cadre.h>

#include <cadre/actors/http.h>
#include <cadre/shutdown.h>
#include <cadre/tcp.h>
#include <cadre/tls.h>
#include <cadre/timer.h>

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

static int count(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_desk *desk = state;
    return cadre_forward(self, *(const cadre_ref *)desk->context, m);
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

static const cadre_http_route routes[] = {{"GET", "/hello/:name", hello},
                                          {"GET", "/count", count},
                                          {"GET", "/later", later},
                                          {0}};

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
    cadre_ref counter, server;
};

static int root_start(cadre_self *self, void *state)
{
    struct root *root = state;
    cadre_http config = {.port = root->port,
                         .tls = root->tls,
                         .routes = routes,
                         .context = &root->counter};
    int err = cadre_spawn(self, &root->counter, &counter_class, NULL);
    if (!err)
        err = cadre_spawn(self, &root->server, &cadre_http_class, &config);
    if (!err && !root->port)
        err = cadre_ask(self, NULL, root->server, CADRE_SECOND, cadre_http_ask, 0);
    return err;
}

static int ask_for_page(cadre_self *self, uint16_t port)
{
    static const char request[] = "GET /hello/w%C3%B6rld HTTP/1.0\r\n\r\n";
    cadre_stream stream;
    int err = cadre_tcp_connect(self, &stream, "127.0.0.1", port, CADRE_SECOND, NULL);
    return err ? err : cadre_stream_write(self, stream, request, sizeof request - 1);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (status)
        return ask_for_page(self, status->port);
    if (data) { /* an answer as short as this one comes in one piece */
        const char *at = (const char *)cadre_buf_data(data->buf);
        const char *end = at + cadre_buf_size(data->buf), *body = end;
        while (body > at && body[-1] != '\r')
            body--;
        fwrite(body + 1, 1, (size_t)(end - body) - 1, stdout);
    }
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
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
