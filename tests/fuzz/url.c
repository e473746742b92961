/* url.c: urls, where an answer leads, queries, routes, and what the file server is asked
 * for: dates, tags, ranges.
 *
 * Fuzzed: actors/http/url.c actors/http/request.c actors/http/routes.c
 * Fuzzed: actors/http/validators.c actors/http/head.c actors/http/lines.c */
#include "fuzz/fuzz.h"

#include "http/head.h"
#include "http/routes.h"
#include "http/url.h"
#include "http/validators.h"
#include "http/wire.h"

#include <errno.h>

static cadre_http_text text_of(const char *bytes, size_t size)
{
    return (cadre_http_text){bytes, size};
}

static bool same(cadre_http_text a, cadre_http_text b)
{
    return a.size == b.size && (a.size == 0 || !memcmp(a.at, b.at, a.size));
}

/* The number behind the host, if there is one. */
static void check_port(const struct url *url)
{
    char *text = input_text(
        (struct input){(const uint8_t *)url->authority.at, url->authority.size});
    size_t digits = strlen(text);
    while (digits > 0 && text[digits - 1] >= '0' && text[digits - 1] <= '9')
        digits--;
    if (text[digits] && digits > 0 && text[digits - 1] == ':')
        CHECK(strtoull(text + digits, NULL, 10) == url->port);
    free(text);
}

/* Put together again it is the same, and so is where an answer from there leads. */
static void read_url(struct input in, struct input location)
{
    struct url url, again;
    char *exact = input_exact(in), *where = input_exact(location);
    int err = url_parse(&url, text_of(exact, in.size));
    CHECK(err == 0 || err == -EINVAL || err == -EPROTONOSUPPORT);
    if (!err) {
        CHECK(url.port > 0 && *url.host && strlen(url.host) <= CADRE_HOST_MAX);
        check_port(&url);
        cadre_buf *buf = url_join(&url, text_of(where, location.size));
        err = url_parse(&again, url_text(buf));
        if (location.size > 0 && *where == '/' && location.size > 1 &&
            where[1] != '/' && !err)
            CHECK(url_is_same_server(&url, &again));
        cadre_buf_unref(buf);
        struct story text = {0};
        const char *scheme = url.is_secure ? "https://" : "http://";
        story_add(&text, scheme, strlen(scheme));
        story_add(&text, url.authority.at, url.authority.size);
        story_add(&text, url.target.at, url.target.size);
        CHECK(!url_parse(&again, text_of(text.bytes, text.size)));
        CHECK(url_is_same_server(&url, &again) && same(url.target, again.target));
        story_free(&text);
    }
    free(exact);
    free(where);
}

/* What is escaped comes back, and anything fits or is refused. */
static void unescape(struct input in, bool plus, size_t room)
{
    static const char digits[] = "0123456789abcdef";
    char *exact = input_exact(in), *bytes = malloc(room + 1),
         *out = malloc(in.size + 1);
    struct story escaped = {0};
    bool has_zero = in.size > 0 && memchr(in.at, 0, in.size);
    int n = cadre_http_unescape(bytes, room, text_of(exact, in.size), plus);
    CHECK(n == -EINVAL || n == -EMSGSIZE || (n >= 0 && (size_t)n < room && !bytes[n]));
    for (size_t i = 0; i < in.size; i++)
        story_add(&escaped, (char[]){'%', digits[in.at[i] >> 4], digits[in.at[i] & 15]},
                  3);
    n = cadre_http_unescape(out, in.size + 1, text_of(escaped.bytes, escaped.size),
                            plus);
    CHECK(has_zero ? n == -EINVAL : n == (int)in.size);
    CHECK(has_zero || !memcmp(out, in.at ? in.at : (uint8_t *)"", in.size));
    story_free(&escaped);
    free(exact);
    free(bytes);
    free(out);
}

static int handler(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static bool is_within(cadre_http_text part, const char *bytes, size_t size)
{
    return !part.at || (part.at >= bytes && part.at + part.size <= bytes + size);
}

/* A request with this path and query, by a route that is the input's, too. */
static void look_up(struct input path, char *pattern, const char *name)
{
    char *exact = input_exact(path), allowed[8];
    const char *mark = path.size ? memchr(exact, '?', path.size) : NULL;
    size_t length = mark ? (size_t)(mark - exact) : path.size;
    cadre_http_request r = {.method = text_of("GET", 3),
                            .path = text_of(exact, length)};
    const cadre_http_route routes[] = {
        {"POST", pattern, handler}, {"GET", pattern, handler}, {0}};
    bool is_path;
    if (mark)
        r.query = text_of(mark + 1, path.size - length - 1);
    cadre_http_text value = cadre_http_query(&r, name);
    CHECK(!value.at || r.query.at);
    CHECK(is_within(value, r.query.at, r.query.size));
    if (routes_are_good(routes)) {
        r.route = routes_find(routes, &r, &is_path);
        CHECK(is_path == (r.route != NULL));
        CHECK(!r.route || r.route == &routes[1]);
        routes_allow(routes, &r, allowed, sizeof allowed);
        CHECK(!r.route == !*allowed);
        value = r.route ? cadre_http_param(&r, name) : (cadre_http_text){0};
        CHECK(is_within(value, exact, length));
    }
    free(exact);
}

/* Of a head whose fields the input is; only of such is it called. */
static void ask_for_part(struct input in, uint64_t size, int64_t modified)
{
    static const cadre_http_limits limits = {.head = 4096, .fields = 20, .target = 10};
    struct story head = {0};
    struct validators v;
    struct range range;
    cadre_http_request r;
    struct head_framing framing;
    size_t seen = 0;
    bool is_whole;
    validators_make(
        &v, &(cadre_file_status){.size = size, .modified = modified * CADRE_SECOND});
    CHECK(date_parse(text_of(v.date, DATE_SIZE - 1)) == v.modified);
    static const char first[] = "GET / HTTP/1.1\r\nHost:\r\n";
    story_add(&head, first, sizeof first - 1);
    story_add(&head, in.at, in.size);
    story_add(&head, "\r\n\r\n", 4);
    int err = head_scan(&limits, head.bytes, head.size, &seen, &is_whole);
    if (!err && is_whole && !head_parse(&limits, head.bytes, seen, &r, &framing)) {
        int status = range_find(&range, &v, size, &r);
        CHECK(status == 200 || status == 206 || status == 416);
        if (status == 200)
            CHECK(range.first == 0 && range.size == size);
        else if (status == 206)
            CHECK(range.size > 0 && range.first < size &&
                  range.size <= size - range.first);
        (void)validators_match(&v, &r);
        cadre_http_text list = cadre_http_header(&r, "Connection");
        CHECK(!head_has_word(list, "close") || framing.closes);
        cadre_buf_unref(r.head);
    }
    story_free(&head);
}

/* A date that is read is written, and read as the same. */
static void read_date(struct input in)
{
    char *exact = input_exact(in), text[DATE_SIZE];
    int64_t second = date_parse(text_of(exact, in.size));
    if (second >= 0) {
        wire_make_date(text, second);
        CHECK(date_parse(text_of(text, DATE_SIZE - 1)) == second);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    uint8_t how = input_byte(&in), cut = input_byte(&in);
    uint64_t number = input_number(&in, how & 8 ? 8 : 2);
    char *pattern = NULL, *name = NULL;
    switch (how & 7) {
    case 0:
        read_url(input_take(&in, cut), in);
        break;
    case 1:
        unescape(in, how & 16, cut);
        break;
    case 2:
        pattern = input_word(&in);
        name = input_word(&in);
        look_up(in, pattern, name);
        break;
    case 3:
        read_date(in);
        break;
    default:
        ask_for_part(in, number, (int64_t)(number % 9000000000));
    }
    free(pattern);
    free(name);
    return 0;
}
