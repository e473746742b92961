/* download.c: an actor that answers one request with a file.
 *
 * It asks what there is; a short file is read at once, a long one opened, and this actor
 * is the source of the answer's body, which reads a piece when it is asked for one. An
 * answer that meets a connection that is ending is dropped, and its source not told: so
 * whoever asks is watched. */
#include "download.h"

#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHORT = 64 << 10, PIECE = 256 << 10, RANGE_SIZE = 80, FIELDS = 7 };

static const char *path_of(const struct download *d)
{
    return (const char *)cadre_buf_data(d->path);
}

/* ---- answers ---------------------------------------------------------------------- */

struct fields {
    cadre_http_field list[FIELDS];
    unsigned count;
};

static void add(struct fields *f, const char *name, const char *value)
{
    f->list[f->count++] = (cadre_http_field){name, value};
}

static struct fields fields_of(const struct download *d)
{
    struct fields f = {0};
    add(&f, "ETag", d->validators.tag);
    add(&f, "Last-Modified", d->validators.date);
    add(&f, "Accept-Ranges", "bytes");
    if (d->config->cache)
        add(&f, "Cache-Control", d->config->cache);
    return f;
}

/* The end, but for an answer in pieces. Nobody waits any more where this fails. */
static int answer(cadre_self *self, struct download *d, int status,
                  const cadre_http_field *fields, cadre_buf *take)
{
    d->is_answered = true;
    int err = cadre_http_answer(self, d->promise, status, fields, take);
    return err && err != -EALREADY ? err : CADRE_STOP;
}

static int refuse(cadre_self *self, struct download *d, int code)
{
    bool is_missing = code == -ENOENT || code == -ENOTDIR || code == -ENAMETOOLONG ||
                      code == -ELOOP || code == -ENOTSUP || code == -ENXIO;
    int status = is_missing                                              ? 404
                 : code == -EACCES || code == -EPERM                     ? 403
                 : code == -ENOMEM || code == -EMFILE || code == -ENFILE ? 503
                                                                         : 500;
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", status);
    return answer(self, d, status, NULL, cadre_buf_new(text, (size_t)n));
}

/* A directory has a slash behind it, or links in its index would lead elsewhere. */
static int redirect(cadre_self *self, struct download *d)
{
    cadre_http_text path = d->request.path;
    cadre_buf *there = cadre_buf_new(NULL, path.size + 2);
    if (!there)
        return -ENOMEM;
    char *at = (char *)cadre_buf_data(there);
    memcpy(at, path.at, path.size);
    at[path.size] = '/';
    const cadre_http_field fields[] = {{"Location", at}, {0}};
    int err = answer(self, d, 301, fields, NULL);
    cadre_buf_unref(there);
    return err;
}

/* ---- the file --------------------------------------------------------------------- */

/* What it says when it is open is answered: then it can be read. */
static int open_file(cadre_self *self, struct download *d)
{
    const cadre_file config = {.path = path_of(d), .use = CADRE_FILE_READ, .reads = 1};
    int err = cadre_spawn(self, &d->file, &cadre_file_class, &config);
    return err ? err
               : cadre_ask(self, &d->token, d->file, d->config->timeout, cadre_file_ask,
                           0);
}

static int answer_in_pieces(cadre_self *self, struct download *d, int status,
                            const cadre_http_field *fields)
{
    const cadre_http_source source = {.from = cadre_me(self), .size = d->left.size};
    int err = cadre_http_answer_source(self, d->promise, status, fields, &source);
    d->is_answered = true;
    return err == -EALREADY ? CADRE_STOP : err;
}

/* 200, 206 or 416, and for HEAD only that. */
static int answer_status(cadre_self *self, struct download *d, uint64_t size)
{
    char text[RANGE_SIZE];
    struct fields f = fields_of(d);
    int status = range_find(&d->left, &d->validators, size, &d->request);
    if (status == 416)
        snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
    else
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu",
                 (unsigned long long)d->left.first,
                 (unsigned long long)(d->left.first + d->left.size - 1),
                 (unsigned long long)size);
    if (status != 200)
        add(&f, "Content-Range", text);
    if (status == 416)
        return answer(self, d, 416, f.list, NULL);
    add(&f, "Content-Type", d->type);
    if (d->left.size == 0)
        return answer(self, d, status, f.list, NULL);
    if (status == 200 && size <= SHORT && !cadre_http_is(d->request.method, "HEAD"))
        return cadre_file_read(self, &d->token, d->config->timeout, path_of(d), SHORT);
    return d->file.id ? answer_in_pieces(self, d, status, f.list) : open_file(self, d);
}

/* A short one, as a whole. */
static int on_file(cadre_self *self, struct download *d, cadre_file_data *data)
{
    struct fields f = fields_of(d);
    add(&f, "Content-Type", d->type);
    return answer(self, d, 200, f.list, cadre_buf_move(&data->bytes));
}

/* Of what is there, and then of what was opened, which may be another one. */
static int on_status(cadre_self *self, struct download *d, const cadre_file_status *s)
{
    cadre_http_text path = d->request.path;
    if (s->kind == CADRE_KIND_DIRECTORY && path.at[path.size - 1] != '/')
        return redirect(self, d);
    if (s->kind != CADRE_KIND_FILE)
        return refuse(self, d, -ENOTSUP);
    validators_make(&d->validators, s);
    if (validators_match(&d->validators, &d->request))
        return answer(self, d, 304, fields_of(d).list, NULL);
    return answer_status(self, d, s->size);
}

/* ---- pieces ----------------------------------------------------------------------- */

static int on_more(cadre_self *self, struct download *d, const cadre_msg *m)
{
    uint64_t size = d->left.size < PIECE ? d->left.size : PIECE;
    int err = cadre_defer(self, m, &d->promise);
    return err ? err
               : cadre_ask(self, &d->token, d->file, d->config->timeout,
                           cadre_file_read_at, .offset = d->left.first,
                           .size = (uint32_t)size);
}

/* An empty one is that of a file that has become shorter: it is cut off. */
static int on_data(cadre_self *self, struct download *d, cadre_file_data *data)
{
    uint64_t size = cadre_buf_size(data->bytes);
    if (size == 0)
        return CADRE_STOP;
    d->left.first += size;
    d->left.size -= size;
    const cadre_http_piece piece = {.bytes = cadre_buf_move(&data->bytes),
                                    .is_last = d->left.size == 0};
    int err = cadre_answer_as(self, d->promise, &cadre_http_piece_type, &piece);
    return err ? err : piece.is_last ? CADRE_STOP : 0;
}

/* ---- the class -------------------------------------------------------------------- */

static int on_request(cadre_self *self, struct download *d, const cadre_msg *m)
{
    d->request = *(const cadre_http_request *)m->body;
    (void)cadre_http_share(&cadre_http_request_type, &d->request);
    int err = cadre_defer(self, m, &d->promise);
    if (!err)
        err = cadre_watch(self, NULL, m->from);
    return err ? err : cadre_file_stat(self, &d->token, d->config->timeout, path_of(d));
}

static int download_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct download *d = state;
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    const cadre_file_status *status = cadre_body(m, cadre_file_status);
    cadre_file_data *data = cadre_body(m, cadre_file_data);
    if (m->type == &cadre_http_request_type)
        return on_request(self, d, m);
    if (m->type == &cadre_http_more_type)
        return on_more(self, d, m);
    if (m->type == &cadre_http_gone_type || m->type == &cadre_down_type)
        return CADRE_STOP;
    if (m->token.id != d->token.id)
        return cadre_unhandled(self, m);
    if (data)
        return d->is_answered ? on_data(self, d, data) : on_file(self, d, data);
    if (status)
        return on_status(self, d, status);
    if (!failure)
        return cadre_unhandled(self, m);
    return d->is_answered ? CADRE_STOP : refuse(self, d, failure->code);
}

static void download_stop(cadre_self *self, void *state, int reason)
{
    struct download *d = state;
    cadre_http_request_type.drop(&d->request);
    cadre_buf_unref(d->path);
}

const cadre_class download_class = {.name = "cadre_http_download",
                                    .state_size = sizeof(struct download),
                                    .receive = download_receive,
                                    .stop = download_stop};
