/* http_more.c: allocation k fails, k = 1, 2, 3 ..., while this client asks this server
 * for bodies in pieces, sends some, and gets a file and events. Each call has one
 * outcome, all of it ends in time, and nothing is left allocated. */
#include "support/folder.h"
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>
#include <cadre/actors/http_events.h>
#include <cadre/actors/http_files.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static atomic_uint answers;

/* ---- the server ------------------------------------------------------------------- */

struct three {
    unsigned count;
};
static int three_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct three *me = state;
    if (m->type != &cadre_http_more_type)
        return CADRE_STOP;
    bool is_last = ++me->count == 3;
    cadre_buf *bytes = cadre_buf_new(NULL, me->count == 2 ? 10000 : 10);
    int err = bytes ? cadre_reply(self, m, cadre_http_piece, .bytes = bytes,
                                  .is_last = is_last)
                    : -ENOMEM;
    return err ? err : is_last ? CADRE_STOP : 0;
}
static const cadre_class three_class = {
    .name = "three", .state_size = sizeof(struct three), .receive = three_receive};

static int pieces(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_source source = {0};
    int err = cadre_spawn(self, &source.from, &three_class, NULL);
    return err ? err : cadre_http_reply_source(self, m, 200, NULL, &source);
}

/* Asks for the first piece, and does not wait for it. */
static int upload(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = m->body;
    cadre_token token;
    int err = 0;
    if (r->source.from.id)
        err = cadre_ask(self, &token, r->source.from, CADRE_SECOND, cadre_http_more,
                        .key = r->source.key);
    return err ? err : cadre_http_reply_text(self, m, 200, "enough\n");
}

static int events(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref ref;
    int err = cadre_spawn(self, &ref, &cadre_http_events_class, NULL);
    if (!err)
        err = cadre_http_reply_events(self, m, ref);
    return err ? err
               : cadre_send(self, ref, cadre_http_event, .id = 1, .is_last = true);
}

static const cadre_http_route routes[] = {
    {"GET", "/pieces", pieces}, {"GET", "/events", events}, {0}};
static const cadre_http_route uploads[] = {{"PUT", "/upload", upload}, {0}};

/* ---- who asks --------------------------------------------------------------------- */

enum { CALLS = 5 };
static const struct {
    const char *method, *path;
    bool in_pieces, sends;
} calls[CALLS] = {{"GET", "/pieces", true, false},
                  {"GET", "/pieces", false, false},
                  {"PUT", "/upload", false, true},
                  {"GET", "/file", false, false},
                  {"GET", "/events", true, false}};

struct root {
    cadre_ref server, client, files;
    uint16_t port;
    unsigned next;
    cadre_http_source source; /* of what is being read */
};

static int next_call(cadre_self *self, struct root *r)
{
    char url[64];
    cadre_http_call call = {0};
    if (r->next == CALLS)
        return CADRE_STOP;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", r->port, calls[r->next].path);
    call.url = url;
    call.method = calls[r->next].method;
    call.in_pieces = calls[r->next].in_pieces;
    int err = calls[r->next].sends
                  ? cadre_spawn(self, &call.source.from, &three_class, NULL)
                  : 0;
    r->next++;
    if (!err)
        err = cadre_http_fetch(self, NULL, r->client, CADRE_SECOND, &call);
    return err;
}

static int next_piece(cadre_self *self, struct root *r)
{
    return cadre_ask(self, NULL, r->source.from, CADRE_SECOND, cadre_http_more,
                     .key = r->source.key);
}

static int root_start(cadre_self *self, void *state)
{
    struct root *r = state;
    const cadre_http_files files = {.root = folder};
    cadre_http server = {
        .host = "127.0.0.1",
        .routes = routes,
        .uploads = uploads,
        .limits = {.idle = CADRE_SECOND, .read = CADRE_SECOND, .answer = CADRE_SECOND}};
    int err = cadre_spawn(self, &r->files, &cadre_http_files_class, &files);
    server.to = r->files;
    if (!err)
        err = cadre_spawn(self, &r->server, &cadre_http_class, &server);
    if (!err)
        err = cadre_spawn(self, &r->client, &cadre_http_client_class, NULL);
    if (!err)
        err = cadre_watch(self, NULL, r->server);
    if (!err)
        err = cadre_watch(self, NULL, r->client);
    return err ? err
               : cadre_ask(self, NULL, r->server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct root *r = state;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_http_response *response = cadre_body(m, cadre_http_response);
    const cadre_http_piece *piece = cadre_body(m, cadre_http_piece);
    if (m->type == &cadre_down_type)
        return -ENOMEM;
    if (status)
        r->port = status->port;
    else if (!r->port)
        return -ENOMEM;
    if (response)
        atomic_fetch_add(&answers, 1);
    if (response && response->source.from.id) {
        r->source = response->source;
        return next_piece(self, r);
    }
    return piece && !piece->is_last ? next_piece(self, r) : next_call(self, r);
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct root),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with more of HTTP", entries);
    make_folder();
    put_file(in_folder("file"), "from a file");
    unsigned before = raw_descriptors();
    sweep_both(&(struct sweep){.root = &root_class}, count, "HTTP");
    CHECK(atomic_load(&answers) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
