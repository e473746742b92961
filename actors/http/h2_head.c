/* h2_head.c: the fields of HTTP/2 become a head as HTTP/1.1 has it.
 *
 * What no field may have is refused by nghttp2. Its text is scanned again all the same,
 * has to have as many lines as there were fields, and to please llhttp. */
#include "h2_head.h"

#include <errno.h>
#include <llhttp.h>
#include <string.h>

static int append(struct bytes *to, cadre_http_text text)
{
    return bytes_append(to, text.at, text.size);
}
static int append_text(struct bytes *to, const char *text)
{
    return bytes_append(to, text, strlen(text));
}

static cadre_http_text text_of(const struct bytes *bytes)
{
    return (cadre_http_text){bytes_at(bytes), bytes->size};
}

/* ---- fields, as they come --------------------------------------------------------- */

static int add_line(struct bytes *to, cadre_http_text name, cadre_http_text value)
{
    int err = append(to, name);
    if (!err)
        err = append_text(to, ": ");
    if (!err)
        err = append(to, value);
    return err ? err : append_text(to, "\r\n");
}

/* A client may cut it up. */
static int add_cookie(struct h2_head *h, cadre_http_text value)
{
    int err = 0;
    if (h->has_cookie)
        err = append_text(&h->cookie, "; ");
    else
        h->count++;
    h->has_cookie = true;
    return err ? err : append(&h->cookie, value);
}

static int add_host(struct h2_head *h, cadre_http_text value)
{
    if (h->host.size > 0)
        h->status = 400;
    return append(&h->host, value);
}

/* Of those with a colon the others are of no use here. */
static int add_pseudo(struct h2_head *h, cadre_http_text name, cadre_http_text value)
{
    if (cadre_http_is(name, ":method"))
        return append(&h->method, value);
    if (cadre_http_is(name, ":path"))
        return append(&h->target, value);
    if (cadre_http_is(name, ":status"))
        return append(&h->answer, value);
    return cadre_http_is(name, ":authority") ? append(&h->authority, value) : 0;
}

int h2_head_add(struct h2_head *h, const cadre_http_limits *limits,
                cadre_http_text name, cadre_http_text value)
{
    h->size += name.size + value.size + strlen(": \r\n");
    if (h->size > limits->head || h->count >= limits->fields)
        h->status = 431;
    if (h->status)
        return 0;
    if (name.at[0] == ':')
        return add_pseudo(h, name, value);
    bool is_request = h->answer.size == 0;
    if (is_request && cadre_http_is(name, "host"))
        return add_host(h, value);
    if (is_request && cadre_http_is(name, "cookie"))
        return add_cookie(h, value);
    h->count++;
    return add_line(&h->fields, name, value);
}

/* ---- all of them ------------------------------------------------------------------ */

static int add_first_line(const struct h2_head *h, struct bytes *text)
{
    if (h->answer.size > 0) {
        int err = append_text(text, "HTTP/1.1 ");
        if (!err)
            err = append(text, text_of(&h->answer));
        return err ? err : append_text(text, "\r\n");
    }
    int err = append(text, text_of(&h->method));
    if (!err)
        err = append_text(text, " ");
    if (!err) /* CONNECT has none */
        err = append(text, text_of(h->target.size > 0 ? &h->target : &h->authority));
    return err ? err : append_text(text, " HTTP/1.1\r\n");
}

static int compose(const struct h2_head *h, struct bytes *text)
{
    const struct bytes *host = h->authority.size > 0 ? &h->authority : &h->host;
    int err = add_first_line(h, text);
    if (!err && host->size > 0)
        err = add_line(text, (cadre_http_text){"host", 4}, text_of(host));
    if (!err)
        err = append(text, text_of(&h->fields));
    if (!err && h->has_cookie)
        err = add_line(text, (cadre_http_text){"cookie", 6}, text_of(&h->cookie));
    return err ? err : append_text(text, "\r\n");
}

/* The same host twice is one host. */
static bool has_two_hosts(const struct h2_head *h)
{
    return h->authority.size > 0 && h->host.size > 0 &&
           (h->authority.size != h->host.size ||
            memcmp(bytes_at(&h->authority), bytes_at(&h->host), h->host.size) != 0);
}

static int on_complete(llhttp_t *llhttp)
{
    *(bool *)llhttp->data = true;
    return 1; /* here no body follows */
}

/* Is it one of HTTP/1.1 to llhttp, too? Not all that nghttp2 lets pass is. */
static int check(const struct bytes *text, llhttp_type_t type)
{
    static const llhttp_settings_t settings = {.on_headers_complete = on_complete};
    llhttp_t llhttp;
    bool is_head = false;
    llhttp_init(&llhttp, type, &settings);
    llhttp.data = &is_head;
    llhttp_errno_t err = llhttp_execute(&llhttp, bytes_at(text), text->size);
    if (err == HPE_INVALID_METHOD)
        return 501;
    return err == HPE_OK && is_head ? 0 : 400;
}

/* Is it one head, of so many fields? */
static int scan(const struct h2_head *h, const cadre_http_limits *limits,
                const struct bytes *text)
{
    size_t seen = 0;
    bool is_whole, has_host = h->authority.size > 0 || h->host.size > 0;
    int status = head_scan(limits, bytes_at(text), text->size, &seen, &is_whole);
    if (status)
        return status;
    bool is_one = is_whole && seen == text->size &&
                  head_count(bytes_at(text), text->size) == h->count + has_host;
    return is_one ? 0 : 400;
}

static int judge(const struct h2_head *h, const cadre_http_limits *limits,
                 const struct bytes *text, cadre_http_request *r,
                 struct head_framing *framing)
{
    int status = scan(h, limits, text);
    if (!status)
        status = head_parse(limits, bytes_at(text), text->size, r, framing);
    if (status)
        return status;
    status = check(text, HTTP_REQUEST);
    if (status)
        cadre_buf_unref(cadre_buf_move(&r->head));
    return status;
}

static int judge_answer(const struct h2_head *h, const cadre_http_limits *limits,
                        const struct bytes *text, cadre_http_request *r,
                        uint32_t *answer)
{
    struct head_framing framing;
    int status = scan(h, limits, text);
    if (!status)
        status =
            head_parse_answer(limits, bytes_at(text), text->size, r, &framing, answer);
    if (status)
        return status;
    status = check(text, HTTP_RESPONSE);
    if (status)
        cadre_buf_unref(cadre_buf_move(&r->head));
    return status;
}

/* Digits, which nghttp2 has seen to. */
static uint64_t length_of(const cadre_http_request *r)
{
    cadre_http_text text = cadre_http_header(r, "content-length");
    uint64_t length = 0;
    for (size_t i = 0; i < text.size; i++)
        length = length * 10 + (uint64_t)(text.at[i] - '0');
    return length;
}

int h2_head_parse(struct h2_head *h, const cadre_http_limits *limits,
                  cadre_http_request *r, struct head_framing *framing, uint64_t *length)
{
    int status = h->status;
    *length = 0;
    if (!status && has_two_hosts(h))
        status = 400;
    if (!status && compose(h, &h->text))
        status = 503;
    if (!status)
        status = judge(h, limits, &h->text, r, framing);
    if (!status)
        *length = length_of(r);
    return status;
}

int h2_head_parse_answer(struct h2_head *h, const cadre_http_limits *limits,
                         cadre_http_request *r, uint32_t *answer, uint64_t *length)
{
    int status = h->status;
    *length = 0;
    if (!status && compose(h, &h->text))
        status = 503;
    if (!status)
        status = judge_answer(h, limits, &h->text, r, answer);
    if (!status)
        *length = length_of(r);
    return status;
}

static void clear(struct bytes *bytes, struct bytes *kept)
{
    *kept = (struct bytes){.buf = bytes->buf};
}

void h2_head_clear(struct h2_head *h)
{
    struct h2_head kept = {0};
    clear(&h->method, &kept.method);
    clear(&h->target, &kept.target);
    clear(&h->authority, &kept.authority);
    clear(&h->host, &kept.host);
    clear(&h->cookie, &kept.cookie);
    clear(&h->fields, &kept.fields);
    clear(&h->answer, &kept.answer);
    clear(&h->text, &kept.text);
    *h = kept;
}

void h2_head_free(struct h2_head *h)
{
    bytes_free(&h->method);
    bytes_free(&h->target);
    bytes_free(&h->authority);
    bytes_free(&h->host);
    bytes_free(&h->cookie);
    bytes_free(&h->fields);
    bytes_free(&h->answer);
    bytes_free(&h->text);
}
