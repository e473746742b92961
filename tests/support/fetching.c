/* fetching.c: actors that ask servers, for a test that is none. */
#include "support/fetching.h"

#include <cadre/await.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- a long body ------------------------------------------------------------------ */

atomic_uint fetch_given;

static int large_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *count = state;
    if (m->type == &cadre_http_gone_type)
        return CADRE_STOP;
    atomic_fetch_add(&fetch_given, 1);
    return cadre_reply(self, m, cadre_http_piece, .bytes = cadre_buf_new(NULL, PIECE),
                       .is_last = ++*count == PIECES);
}
const cadre_class fetch_large_class = {
    .name = "large", .state_size = sizeof(unsigned), .receive = large_receive};

/* ---- whoever asks ----------------------------------------------------------------- */

CADRE_TYPE(want);

static void drop_got(void *body)
{
    cadre_buf_unref(((got *)body)->fields);
    cadre_buf_unref(((got *)body)->body);
}
static CADRE_TYPE_DROP(got, drop_got);

cadre_http_client fetch_config;
cadre_ref fetch_client;
atomic_uint fetch_asked;

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
int fetch_collect(cadre_self *self, cadre_http_source source, got *g)
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

/* One of them, for so long. */
static int ask_for_piece(cadre_self *self, cadre_http_source source, cadre_time timeout)
{
    cadre_token token;
    cadre_msg m;
    int err = cadre_ask(self, &token, source.from, timeout, cadre_http_more,
                        .key = source.key);
    return err ? err : cadre_await(self, token, &m);
}

static int asker_receive(cadre_self *self, void *state, cadre_msg *request)
{
    const want *w = cadre_body(request, want);
    cadre_token token;
    cadre_msg m;
    got g = {0};
    cadre_http_call call = w->call;
    call.url = *w->url ? w->url : call.url;
    int err =
        w->sends ? cadre_spawn(self, &call.source.from, &fetch_large_class, NULL) : 0;
    if (!err)
        err = cadre_http_fetch(self, &token, fetch_client, w->timeout, &call);
    atomic_fetch_add(&fetch_asked, 1);
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
        if (!err && w->piece)
            err = ask_for_piece(self, source, w->piece);
        else if (!err && source.from.id)
            err = fetch_collect(self, source, &g);
    }
    g.code = failure ? failure->code : err;
    g.message = failure ? failure->message : NULL;
    err = cadre_reply_as(self, request, &got_type, &g);
    return err ? err : CADRE_STOP;
}
static const cadre_class asker_class = {.name = "asker", .receive = asker_receive};

int fetch_root(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref asker;
    int err = fetch_client.id ? 0
                              : cadre_spawn(self, &fetch_client,
                                            &cadre_http_client_class, &fetch_config);
    if (!err)
        err = cadre_spawn(self, &asker, &asker_class, NULL);
    return err ? err : cadre_forward(self, asker, m);
}

cadre_future *fetch_begin(cadre_system *sys, const want *w)
{
    cadre_future *f;
    want copy = *w;
    if (w->call.url)
        snprintf(copy.url, sizeof copy.url, "%s", w->call.url);
    assert_int_equal(cadre_call_as(sys, &f, web_root_ref, &want_type, &copy), 0);
    return f;
}

got fetch_end(cadre_future *f)
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

got fetch(cadre_system *sys, const cadre_http_call *call)
{
    return fetch_end(
        fetch_begin(sys, &(want){.call = *call, .timeout = 60 * CADRE_SECOND}));
}

int fetch_silence(cadre_system *sys, int listener, const char *url)
{
    int fd = -1;
    want w = {.timeout = 100 * CADRE_MS};
    snprintf(w.url, sizeof w.url, "%s", url);
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    for (; fd < 0; w.timeout *= 2) {
        assert_int_equal(fetch_end(fetch_begin(sys, &w)).code, -ETIMEDOUT);
        fd = accept(listener, NULL, NULL);
    }
    assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
    return fd;
}

const char *url_with(const char *scheme, const char *host, uint16_t port,
                     const char *path)
{
    static char texts[4][256];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s://%s:%u%s", scheme, host, port, path);
    return text;
}
const char *url_of(uint16_t port, const char *path)
{
    return url_with("http", "127.0.0.1", port, path);
}
got get(cadre_system *sys, const char *path)
{
    return fetch(sys, &(cadre_http_call){.url = url_of(web.port, path)});
}
