/* http.c: requests and answers are read the same however they are cut, and within limits.
 *
 * Fuzzed: actors/http/parser.c actors/http/head.c actors/http/lines.c
 * Fuzzed: actors/http/bytes.c actors/http/routes.c llhttp */
#include "fuzz/fuzz.h"

#include "http/parser.h"

static const cadre_http_limits limits = {
    .head = 600, .fields = 8, .target = 80, .body = 100};

static int handler(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_http_route uploads[] = {{"PUT", "/up/:x", handler}, {0}};

enum { CLIENT = 1, EMPTY = 2, UPLOADS = 4 };

struct reading {
    struct parser parser;
    struct story story;
    struct story body; /* of an upload, whose pieces may be any */
    uint8_t how;
    int event;
};

static void tell(struct story *story, cadre_http_text text)
{
    story_number(story, text.at != NULL);
    story_text(story, text.at, text.size);
}

static void take_piece(struct reading *r)
{
    cadre_buf *piece = parser_take(&r->parser);
    story_add(&r->body, cadre_buf_data(piece), cadre_buf_size(piece));
    cadre_buf_unref(piece);
}

static void tell_message(struct reading *r)
{
    cadre_http_request *request = &r->parser.request;
    cadre_http_text name, value;
    unsigned count = 0;
    story_number(&r->story, r->parser.answer);
    story_number(&r->story, r->parser.keeps);
    tell(&r->story, request->method);
    tell(&r->story, request->target);
    tell(&r->story, request->path);
    tell(&r->story, request->query);
    for (; cadre_http_field_at(request, count, &name, &value); count++) {
        tell(&r->story, name);
        tell(&r->story, value);
    }
    CHECK(count <= limits.fields && request->target.size <= limits.target);
    if (r->parser.is_upload)
        story_add(&r->body, cadre_buf_data(request->body),
                  cadre_buf_size(request->body));
    else
        CHECK(cadre_buf_size(request->body) <= limits.body);
    tell(&r->story, r->parser.is_upload /* which has none, or its last piece */
                        ? (cadre_http_text){0}
                        : (cadre_http_text){(char *)cadre_buf_data(request->body),
                                            cadre_buf_size(request->body)});
    story_text(&r->story, r->body.bytes, r->body.size);
    r->body.size = 0;
    cadre_buf_unref(cadre_buf_move(&request->head));
    cadre_buf_unref(cadre_buf_move(&request->body));
}

static void begin(struct reading *r, uint8_t how)
{
    *r = (struct reading){.how = how, .event = PARSER_MORE};
    if (how & CLIENT)
        parser_init_client(&r->parser, &limits);
    else
        parser_init(&r->parser, &limits, how & UPLOADS ? uploads : NULL);
    r->parser.has_no_body = how & EMPTY;
}

/* Returns how many bytes were read: the others are to come again, with more. */
static size_t give(struct reading *r, struct input in)
{
    size_t sum = 0;
    do {
        size_t used;
        struct input rest = {in.at + sum, in.size - sum};
        char *exact = input_exact(rest);
        r->event = parser_next(&r->parser, exact, rest.size, &used);
        free(exact);
        CHECK(used <= rest.size);
        sum += used;
        if (r->event == PARSER_END)
            tell_message(r);
        else if (r->parser.in_body && r->parser.is_upload)
            take_piece(r);
    } while (r->event == PARSER_HEAD || r->event == PARSER_END);
    CHECK(r->event == PARSER_MORE || r->event == PARSER_HTTP2 ||
          (r->event >= 400 && r->event < 600));
    CHECK(r->parser.seen <= limits.head);
    return sum;
}

static void end(struct reading *r)
{
    size_t used;
    if (r->event == PARSER_MORE && parser_finish(&r->parser)) {
        r->event = parser_next(&r->parser, "", 0, &used);
        CHECK(r->event == PARSER_END);
        tell_message(r);
    }
    story_number(&r->story, r->event);
    parser_free(&r->parser);
    story_free(&r->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size}, all;
    uint8_t how = input_byte(&in);
    struct cuts cuts = cuts_take(&in);
    struct reading whole, cut;
    all = in;
    begin(&whole, how);
    (void)give(&whole, all);
    end(&whole);
    begin(&cut, how);
    for (size_t read = 0, come = 0; cut.event == PARSER_MORE && come < all.size;) {
        come += cuts_next(&cuts, &in).size;
        read += give(&cut, (struct input){all.at + read, come - read});
    }
    end(&cut);
    CHECK(story_same(&whole.story, &cut.story));
    story_free(&whole.story);
    story_free(&cut.story);
    return 0;
}
