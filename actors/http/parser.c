/* parser.c: bytes become requests, or answers, by llhttp. */
#include "parser.h"

#include "routes.h"

#include <errno.h>
#include <string.h>

/* ---- what llhttp says ------------------------------------------------------------- */

static struct parser *parser_of(llhttp_t *llhttp) { return llhttp->data; }

static int stop_with(struct parser *p, int status)
{
    p->status = status;
    return HPE_USER;
}

/* So much of the body is expected without having seen it. */
static size_t at_first(const llhttp_t *llhttp)
{
    enum { MOST = 1 << 16 };
    return llhttp->content_length < MOST ? (size_t)llhttp->content_length : MOST;
}

/* Such an answer has no body. */
static bool is_empty(uint32_t status)
{
    return status < 200 || status == 204 || status == 304;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct parser *p = parser_of(llhttp);
    llhttp->upgrade = 0; /* not here: the request is one like others */
    p->in_body = true;
    p->length = p->framing.has_length ? llhttp->content_length : 0;
    if (p->is_client && (p->has_no_body || is_empty(p->answer)))
        return 1; /* whatever its fields say */
    if (p->is_upload)
        return 0;
    if (p->framing.has_length && llhttp->content_length > p->limits->body)
        p->status = 413;
    else if (p->framing.has_length && bytes_reserve(&p->body, at_first(llhttp)))
        p->status = 503;
    return p->status ? -1 : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct parser *p = parser_of(llhttp);
    if (!p->is_upload && size > p->limits->body - p->body.size)
        return stop_with(p, 413);
    return bytes_append(&p->body, at, size) ? stop_with(p, 503) : 0;
}

/* Trailers, and extensions of chunks: nobody wants them. */
static int on_extra(llhttp_t *llhttp, const char *at, size_t size)
{
    struct parser *p = parser_of(llhttp);
    p->extra += p->in_body ? size : 0;
    return p->extra > p->limits->head ? stop_with(p, 431) : 0;
}

/* What is between them counts, too. */
static int on_trailer(llhttp_t *llhttp)
{
    return on_extra(llhttp, "", strlen(":\r\n"));
}
static int on_extension(llhttp_t *llhttp) { return on_extra(llhttp, "", strlen(";")); }

static int on_message_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->is_over = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_header_field = on_extra,
    .on_header_value = on_extra,
    .on_chunk_extension_name = on_extra,
    .on_chunk_extension_value = on_extra,
    .on_header_value_complete = on_trailer,
    .on_chunk_extension_name_complete = on_extension,
    .on_message_complete = on_message_complete,
};

/* ---- one request ------------------------------------------------------------------ */

void parser_init(struct parser *p, const cadre_http_limits *limits,
                 const cadre_http_route *uploads)
{
    *p = (struct parser){
        .limits = limits, .uploads = uploads, .body.most = limits->body};
}

void parser_init_client(struct parser *p, const cadre_http_limits *limits)
{
    parser_init(p, limits, NULL);
    p->is_client = true;
}

void parser_free(struct parser *p)
{
    cadre_buf_unref(cadre_buf_move(&p->request.head));
    cadre_buf_unref(cadre_buf_move(&p->request.body));
    bytes_free(&p->body);
}

/* llhttp lets trailers end with a mere LF. */
static bool ends_well(const struct parser *p, const char *at, size_t used)
{
    return !p->framing.is_chunked ||
           (used > 0 && (used > 1 ? at[used - 2] : p->last) == '\r');
}

/* What llhttp says of these bytes: 0, or a status. *used as below. */
static int execute_once(struct parser *p, const char *at, size_t size, size_t *used)
{
    llhttp_errno_t err = llhttp_execute(&p->llhttp, at, size);
    *used = size;
    if (err == HPE_PAUSED && p->is_over) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - at);
        return ends_well(p, at, *used) ? 0 : 400;
    }
    p->last = at[size - 1];
    if (err == HPE_OK)
        return 0;
    if (p->status)
        return p->status;
    return err == HPE_INVALID_METHOD ? 501 : 400;
}

/* Returns 0, or the status. *used as below. What is in front of a wrong byte is counted
 * only behind it, if at all: so that what was first too much is told to be so, however
 * the bytes are cut, these are looked at again one by one. */
static int execute(struct parser *p, const char *at, size_t size, size_t *used)
{
    const llhttp_t before = p->llhttp;
    const size_t body = p->body.size, extra = p->extra;
    const bool has_chunks = p->in_body && p->framing.is_chunked;
    int status = execute_once(p, at, size, used);
    if (status != 400 || !has_chunks || p->is_over)
        return status;
    p->llhttp = before;
    p->body.size = body;
    p->extra = extra;
    for (size_t i = 0, one; i < size; i++)
        if ((status = execute_once(p, at + i, 1, &one)))
            return status;
    return 400;
}

/* Takes the head apart, and has llhttp ready for it. */
static int begin(struct parser *p, const char *at, size_t size)
{
    bool is_path;
    if (p->is_client) {
        llhttp_init(&p->llhttp, HTTP_RESPONSE, &settings);
        p->llhttp.data = p;
        return head_parse_answer(p->limits, at, size, &p->request, &p->framing,
                                 &p->answer);
    }
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    int status = head_parse(p->limits, at, size, &p->request, &p->framing);
    p->is_upload = !status && routes_find(p->uploads, &p->request, &is_path);
    return status;
}

/* Is it how HTTP/2 begins? So chosen that it is refused as a head of HTTP/1.1. */
static bool is_preface(const struct parser *p, const char *at, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\n";
    return !p->has_begun && !p->is_client && size == sizeof preface - 1 &&
           memcmp(at, preface, size) == 0;
}

static int next_head(struct parser *p, const char *at, size_t size, size_t *used)
{
    bool is_whole;
    size_t blank = 0;
    if (p->seen == 0) /* an empty line in front is a slip that some clients make */
        while (size - blank >= 2 && at[blank] == '\r' && at[blank + 1] == '\n')
            blank += 2;
    int status = head_scan(p->limits, at + blank, size - blank, &p->seen, &is_whole);
    *used = blank;
    if (status || !is_whole)
        return status;
    size_t length = p->seen, unused;
    p->seen = 0;
    *used += length;
    status = begin(p, at + blank, length);
    if (status == 505 && is_preface(p, at, length)) {
        *used = 0;
        return PARSER_HTTP2;
    }
    if (status)
        return status;
    p->has_begun = true;
    p->keeps = !p->framing.closes && (!p->framing.http10 || p->framing.keeps);
    status = execute(p, at + blank, length, &unused);
    if (!status && (!p->in_body || unused != length))
        status = 400; /* what is a head to one of us is none to the other */
    return status ? status : PARSER_HEAD;
}

static int finish(struct parser *p)
{
    bool has_body = p->body.size > 0;
    p->request.body = bytes_take(&p->body);
    if (has_body && !p->request.body)
        return 503;
    p->in_body = p->is_over = false;
    p->extra = 0;
    return PARSER_END;
}

int parser_next(struct parser *p, const char *at, size_t size, size_t *used)
{
    int status = 0;
    *used = 0;
    if (!p->in_body)
        return size > 0 ? next_head(p, at, size, used) : PARSER_MORE;
    if (!p->is_over && size > 0)
        status = execute(p, at, size, used);
    if (status)
        return status;
    return p->is_over ? finish(p) : PARSER_MORE;
}

bool parser_finish(struct parser *p)
{
    if (!p->in_body || p->is_over)
        return p->in_body;
    (void)llhttp_finish(&p->llhttp);
    p->keeps = false;
    return p->is_over;
}
