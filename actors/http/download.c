/* download.c: an actor that answers one request with a file.
 *
 * It opens the file, and gives it to the connection, which has the system send it. Where
 * that cannot be, as with TLS, this actor is the source of the answer's body, and reads a
 * piece when it is asked for one. An answer that meets a connection that is ending is
 * dropped, and its source not told: so whoever asks is watched. */
#include "download.h"

#include <cadre/offload.h>
#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 << 10, RANGE_SIZE = 80, FIELDS = 7 };

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
                      code == -ELOOP || code == -ENOTSUP || code == -ENXIO ||
                      code == -EISDIR;
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

static int answer_file(cadre_self *self, struct download *d, int status,
                       const cadre_http_field *fields)
{
    const cadre_http_source source = {.from = cadre_me(self), .size = d->left.size};
    int fd = d->fd, err;
    d->is_answered = true;
    if (d->request.takes_files) {
        d->fd = -1;
        err = cadre_http_answer_file(self, d->promise, status, fields, &source, fd,
                                     d->left.first);
    } else {
        err = cadre_http_answer_source(self, d->promise, status, fields, &source);
    }
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
    return d->left.size == 0 ? answer(self, d, status, f.list, NULL)
                             : answer_file(self, d, status, f.list);
}

static int on_opened(cadre_self *self, struct download *d, cadre_file_opened *opened)
{
    if (opened->status.kind != CADRE_KIND_FILE)
        return refuse(self, d, -ENOTSUP);
    d->fd = opened->fd;
    opened->fd = -1;
    validators_make(&d->validators, &opened->status);
    if (validators_match(&d->validators, &d->request))
        return answer(self, d, 304, fields_of(d).list, NULL);
    return answer_status(self, d, opened->status.size);
}

static int on_failure(cadre_self *self, struct download *d, int code)
{
    cadre_http_text path = d->request.path;
    if (d->is_answered)
        return CADRE_STOP;
    if (code == -EISDIR && path.at[path.size - 1] != '/')
        return redirect(self, d);
    return refuse(self, d, code);
}

/* ---- pieces, where the connection wants them --------------------------------------- */

/* Read on a thread of the pool, which has the descriptor meanwhile. */
typedef struct piece {
    int fd;
    uint32_t size;
    uint64_t offset;
    cadre_buf *bytes;
} piece;
static void drop_piece(void *body)
{
    piece *p = body;
    if (p->fd >= 0)
        close(p->fd);
    cadre_buf_unref(cadre_buf_move(&p->bytes));
}
static CADRE_TYPE_DROP(piece, drop_piece);

static int read_piece(void *body)
{
    piece *p = body;
    ssize_t n;
    p->bytes = cadre_buf_new(NULL, p->size);
    if (!p->bytes)
        return -ENOMEM;
    for (uint32_t done = 0; done < p->size; done += (uint32_t)n) {
        n = pread(p->fd, cadre_buf_data(p->bytes) + done, p->size - done,
                  (off_t)(p->offset + done));
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0) /* it has become shorter: the answer is cut off */
            return n < 0 ? -errno : -ENODATA;
    }
    return 0;
}

static int on_more(cadre_self *self, struct download *d, const cadre_msg *m)
{
    uint64_t size = d->left.size < PIECE ? d->left.size : PIECE;
    int fd = d->fd, err = fd < 0 ? CADRE_STOP : cadre_defer(self, m, &d->promise);
    if (err)
        return err;
    d->fd = -1;
    return cadre_offload(self, &d->token, CADRE_POOL_FILES, d->config->timeout,
                         read_piece, piece, fd, (uint32_t)size, d->left.first, NULL);
}

static int on_piece(cadre_self *self, struct download *d, piece *p)
{
    d->fd = p->fd;
    p->fd = -1;
    d->left.first += p->size;
    d->left.size -= p->size;
    const cadre_http_piece next = {.bytes = cadre_buf_move(&p->bytes),
                                   .is_last = d->left.size == 0};
    int err = cadre_answer_as(self, d->promise, &cadre_http_piece_type, &next);
    return err ? err : next.is_last ? CADRE_STOP : 0;
}

/* ---- the class -------------------------------------------------------------------- */

static int on_request(cadre_self *self, struct download *d, const cadre_msg *m)
{
    d->request = *(const cadre_http_request *)m->body;
    (void)cadre_http_share(&cadre_http_request_type, &d->request);
    int err = cadre_defer(self, m, &d->promise);
    if (!err)
        err = cadre_watch(self, NULL, m->from);
    return err ? err : cadre_file_open(self, &d->token, d->config->timeout, path_of(d));
}

static int download_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct download *d = state;
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    cadre_file_opened *opened = cadre_body(m, cadre_file_opened);
    piece *read = cadre_body(m, piece);
    if (m->type == &cadre_http_request_type)
        return on_request(self, d, m);
    if (m->type == &cadre_http_more_type)
        return on_more(self, d, m);
    if (m->type == &cadre_http_gone_type || m->type == &cadre_down_type)
        return CADRE_STOP;
    if (m->token.id != d->token.id)
        return cadre_unhandled(self, m);
    if (opened)
        return on_opened(self, d, opened);
    if (read)
        return on_piece(self, d, read);
    return failure ? on_failure(self, d, failure->code) : cadre_unhandled(self, m);
}

static void download_stop(cadre_self *self, void *state, int reason)
{
    struct download *d = state;
    cadre_http_request_type.drop(&d->request);
    cadre_buf_unref(d->path);
    if (d->fd >= 0)
        close(d->fd);
}

const cadre_class download_class = {.name = "cadre_http_download",
                                    .state_size = sizeof(struct download),
                                    .receive = download_receive,
                                    .stop = download_stop};
