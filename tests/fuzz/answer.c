/* answer.c: what is written is read as the same: answers of a server by a client, in one
 * piece or in chunks, and requests of a client by a server.
 *
 * Fuzzed: actors/http/response.c actors/http/wire.c actors/http/pieces.c
 * Fuzzed: actors/http/call.c actors/http/url.c actors/http/parser.c actors/http/head.c
 * Fuzzed: actors/http/lines.c actors/http/bytes.c */
#include "fuzz/fuzz.h"

#include "http/client.h"
#include "http/parser.h"
#include "http/pieces.h"
#include "http/response.h"
#include "http/wire.h"

static const cadre_http_limits limits = {
    .head = 8192, .fields = 100, .target = 4096, .body = 1 << 20};

static void add_buf(struct story *to, cadre_buf *buf)
{
    story_add(to, cadre_buf_data(buf), cadre_buf_size(buf));
}

/* Two fields of the input's; free_fields(). */
static void take_fields(cadre_http_field fields[3], struct input *in)
{
    for (int i = 0; i < 2; i++)
        fields[i] = (cadre_http_field){input_word(in), input_word(in)};
    fields[2] = (cadre_http_field){0};
}

static void free_fields(const cadre_http_field fields[3])
{
    for (int i = 0; i < 2; i++) {
        free((void *)(uintptr_t)fields[i].name);
        free((void *)(uintptr_t)fields[i].value);
    }
}

/* They stand in this head, one after the other, but for what the connection is told. */
static void check_fields(const cadre_http_request *head,
                         const cadre_http_field fields[3])
{
    cadre_http_text name, value;
    unsigned at = 0;
    for (int i = 0; i < 2; i++) {
        const char *text = fields[i].value;
        if (!strcasecmp(fields[i].name, "connection"))
            continue;
        do
            CHECK(cadre_http_field_at(head, at++, &name, &value));
        while (!cadre_http_is(name, fields[i].name));
        text += strspn(text, " \t");
        size_t size = strlen(text);
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
            size--;
        CHECK(value.size == size && (size == 0 || !memcmp(value.at, text, size)));
    }
}

/* One message, with this body, and nothing behind it. */
static void read_back(struct parser *p, const struct story *wire,
                      const cadre_http_field *fields, const struct story *body)
{
    size_t used, sum = 0;
    CHECK(parser_next(p, wire->bytes, wire->size, &used) == PARSER_HEAD);
    sum += used;
    int event = parser_next(p, wire->bytes + sum, wire->size - sum, &used);
    sum += used;
    if (event == PARSER_MORE && parser_finish(p))
        event = parser_next(p, "", 0, &used);
    CHECK(event == PARSER_END && sum == wire->size);
    check_fields(&p->request, fields);
    cadre_buf *got = p->request.body;
    CHECK(cadre_buf_size(got) == body->size);
    CHECK(body->size == 0 || !memcmp(cadre_buf_data(got), body->bytes, body->size));
    parser_free(p);
}

/* ---- bodies in pieces ---------------------------------------------------------- */

/* As it goes out. A piece may be larger than what is sent along with others. */
static void write_pieces(struct story *wire, struct story *body, struct input in,
                         const cadre_http_source *source, bool has_chunks,
                         const cadre_http_field *trailers)
{
    struct pieces p;
    pieces_begin(&p, source, has_chunks);
    do {
        uint8_t size = input_byte(&in), times = size & 128 ? 50 : 1;
        struct input bytes = input_take(&in, size & 127);
        cadre_http_piece piece = {.is_last = in.size == 0};
        piece.bytes = cadre_buf_new(NULL, bytes.size * times);
        for (uint8_t i = 0; i < times && bytes.size > 0; i++)
            memcpy(cadre_buf_data(piece.bytes) + i * bytes.size, bytes.at, bytes.size);
        add_buf(body, piece.bytes);
        if (piece.is_last && cadre_http_trailers(&piece.trailers, trailers))
            piece.trailers = NULL;
        p.token.id = 1;
        CHECK(pieces_outcome(&p, &(cadre_msg){.type = &cadre_http_piece_type,
                                              .body = &piece,
                                              .token = {1}}));
        CHECK(p.code == 0);
        cadre_buf *parts[] = {p.out, p.bytes, p.tail};
        for (int i = 0; i < 3; i++) {
            add_buf(wire, parts[i]);
            cadre_buf_unref(parts[i]);
        }
        p.out = p.bytes = p.tail = NULL;
        cadre_http_piece_type.drop(&piece);
    } while (!p.is_last);
    pieces_end(NULL, &p); /* nobody has to be told */
}

/* ---- both ways ----------------------------------------------------------------- */

static void answer(struct input in, uint8_t how)
{
    struct story wire = {0}, body = {0}, rest = {0};
    struct wire_manner manner = {
        .closes = how & 4, .http10 = how & 8, .is_head = how & 16};
    struct wire_date date = {0};
    cadre_http_response r;
    struct parser p;
    cadre_http_field fields[3];
    int status = 200 + (int)(input_number(&in, 2) % 400);
    bool in_pieces = how & 32;
    take_fields(fields, &in);
    cadre_buf *take = !in_pieces && in.size ? cadre_buf_new(in.at, in.size) : NULL;
    if (take && status != 304 && !manner.is_head)
        story_add(&body, in.at, in.size);
    if (!response_make(&r, status, fields, take) &&
        !(in_pieces && (status == 204 || status == 205 || status == 304))) {
        if (in_pieces)
            r.source.from.id = 1;
        cadre_buf *head = wire_answer(&r, manner, &r.body, &date);
        add_buf(&wire, head);
        add_buf(&wire, r.body);
        if (in_pieces && !manner.is_head) {
            write_pieces(&rest, &body, in, &r.source,
                         wire_has_chunks(&r.source, manner), fields);
            story_add(&wire, rest.bytes, rest.size);
        }
        parser_init_client(&p, &limits);
        p.has_no_body = manner.is_head;
        read_back(&p, &wire, fields, &body);
        CHECK(p.answer == (uint32_t)status);
        cadre_buf_unref(head);
    }
    cadre_http_response_type.drop(&r);
    free_fields(fields);
    story_free(&wire);
    story_free(&body);
    story_free(&rest);
}

static void request(struct input in, uint8_t how)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "OPTIONS"};
    struct story wire = {0}, body = {0}, rest = {0};
    struct call call = {.source.from.id = how & 32};
    cadre_http_field fields[3];
    struct url url;
    struct parser p;
    char *text = input_word(&in);
    take_fields(fields, &in);
    strcpy(call.method, methods[how >> 2 & 3]);
    if (!url_parse(&url, (cadre_http_text){text, strlen(text)}) &&
        !cadre_http_trailers(&call.fields, fields)) {
        if (!call.source.from.id && in.size) {
            call.body = cadre_buf_new(in.at, in.size);
            story_add(&body, in.at, in.size);
        }
        static const struct proxy somebody = {.host = "proxy", .port = 8080};
        cadre_buf *head = call_head(&call, &url, how & 64 ? &somebody : NULL);
        add_buf(&wire, head);
        add_buf(&wire, call.body);
        if (call.source.from.id)
            write_pieces(&rest, &body, in, &call.source, true, fields);
        story_add(&wire, rest.bytes, rest.size);
        parser_init(&p, &limits, NULL);
        read_back(&p, &wire, fields, &body);
        cadre_buf_unref(head);
    }
    call_type.drop(&call);
    free(text);
    free_fields(fields);
    story_free(&wire);
    story_free(&body);
    story_free(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    uint8_t how = input_byte(&in);
    if (how & 1)
        answer(in, how);
    else
        request(in, how);
    return 0;
}
