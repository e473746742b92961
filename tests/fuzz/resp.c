/* resp.c: the server for clients of Redis reads the same commands however they are cut,
 * and reads what it writes.
 *
 * Fuzzed: actors/resp/parse.c actors/resp/reply.c actors/text.c actors/framing.c */
#include "fuzz/fuzz.h"

#include "resp/parse.h"
#include "resp/reply.h"

static void tell_args(struct story *story, const cadre_frame *frame)
{
    cadre_buf *rewritten;
    struct args args = resp_args(frame->bytes, frame->size, &rewritten);
    const uint8_t *end = rewritten
                             ? cadre_buf_data(rewritten) + cadre_buf_size(rewritten)
                             : frame->bytes + frame->size;
    story_number(story, args.left);
    while (args.left > 0) {
        cadre_resp_slice word = resp_next(&args);
        CHECK(word.bytes + word.size + 2 <= end && args.at <= end);
        story_text(story, word.bytes, word.size);
    }
    cadre_buf_unref(rewritten);
}

static void read_all(struct story *story, struct input in, struct cuts *cuts)
{
    cadre_framing framing = {.measure = resp_measure, .max = RESP_COMMAND_MAX};
    char text[RESP_WHY];
    int got = 0;
    while (got >= 0 && in.size > 0) {
        struct input part = cuts ? cuts_next(cuts, &in) : input_take(&in, in.size);
        cadre_frame frame;
        got = cadre_framing_put(&framing, cadre_buf_new(part.at, part.size));
        while (got >= 0 && (got = cadre_framing_next(&framing, &frame)) > 0)
            if (frame.size > 0)
                tell_args(story, &frame);
    }
    story_number(story, got);
    const char *why = got < 0 ? resp_why(&framing, got, text) : "";
    story_text(story, why, strlen(why));
    cadre_framing_clear(&framing);
}

/* A number that is one is written as it was read. */
static void read_number(struct input in)
{
    char *exact = input_exact(in), room[24];
    cadre_resp_slice slice = {(const uint8_t *)exact, in.size};
    int64_t number;
    if (cadre_resp_number(slice, &number)) {
        cadre_resp_slice text = cadre_resp_digits(room, number);
        CHECK(text.size == in.size && !memcmp(text.bytes, in.at, in.size));
    }
    free(exact);
}

/* Words that were written are those that are read. */
static void write_words(struct input in)
{
    struct text text = {.bytes = NULL};
    struct story words = {0}, back = {0};
    uint32_t count = 1 + input_byte(&in) % 8;
    story_number(&words, count);
    reply_head(&text, '*', count);
    for (uint32_t i = 0; i < count; i++) {
        struct input word = input_take(&in, input_byte(&in));
        reply_bulk(&text, word.at, word.size);
        story_text(&words, word.at, word.size);
    }
    story_number(&words, 0);
    story_text(&words, "", 0);
    read_all(&back, (struct input){text.bytes, text.size}, NULL);
    CHECK(story_same(&words, &back));
    story_free(&words);
    story_free(&back);
    text_free(&text);
}

/* Bytes so many times, but for those that a command is made of: so lines become longer
 * than they may be. */
static uint8_t *stretch(struct input *in, size_t times)
{
    struct story out = {0};
    for (size_t i = 0; i < in->size; i++)
        for (size_t n = in->at[i] > '9' ? times : 1; n > 0; n--)
            story_add(&out, &in->at[i], 1);
    *in = (struct input){(uint8_t *)out.bytes, out.size};
    return (uint8_t *)out.bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    struct story whole = {0}, cut = {0};
    uint8_t how = input_byte(&in), *stretched = NULL;
    struct cuts cuts = cuts_take(&in);
    read_number(in);
    write_words(in);
    if (how == 'S') {
        in = input_take(&in, 12);
        cuts.scale = 300;
        stretched = stretch(&in, 7000);
    }
    read_all(&whole, in, NULL);
    read_all(&cut, in, &cuts);
    CHECK(story_same(&whole, &cut));
    story_free(&whole);
    story_free(&cut);
    free(stretched);
    return 0;
}
