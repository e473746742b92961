/* framing.c: frames are the same however the bytes are cut, and what a frame was made of
 * comes out of it.
 *
 * Fuzzed: actors/framing.c */
#include "fuzz/fuzz.h"

#include <cadre/actors/framing.h>

/* All that comes out, up to the end or an error. */
static void read_all(struct story *story, cadre_framing framing, struct input in,
                     struct cuts *cuts)
{
    size_t put = 0, out = 0, max = framing.max;
    int got = 0;
    while (got >= 0 && in.size > 0) {
        struct input part = cuts ? cuts_next(cuts, &in) : input_take(&in, in.size);
        cadre_frame frame;
        put += part.size;
        got = cadre_framing_put(&framing, cadre_buf_new(part.at, part.size));
        while (got >= 0 && (got = cadre_framing_next(&framing, &frame)) > 0) {
            CHECK(frame.size <= max);
            story_text(story, frame.bytes, frame.size);
            out += frame.size;
        }
        CHECK(out + cadre_framing_left(&framing) <= put);
    }
    story_number(story, got);
    if (got >= 0)
        story_number(story, (int64_t)cadre_framing_left(&framing));
    else
        CHECK(cadre_framing_next(&framing, &(cadre_frame){0}) == got);
    cadre_framing_clear(&framing);
}

/* What was wrapped comes out again. */
static void wrap(cadre_framing framing, struct input in)
{
    cadre_buf *buf;
    cadre_frame frame;
    int err = cadre_framing_wrap(&framing, &buf, in.at, in.size);
    uint64_t most =
        framing.prefix < 8 ? (UINT64_C(1) << 8 * framing.prefix) - 1 : SIZE_MAX;
    CHECK(err >= 0 == (in.size <= framing.max && in.size <= most));
    if (err < 0)
        return;
    CHECK(!cadre_framing_put(&framing, buf));
    CHECK(cadre_framing_next(&framing, &frame) == 1 && frame.size == in.size);
    CHECK(frame.size == 0 || !memcmp(frame.bytes, in.at, in.size));
    CHECK(cadre_framing_left(&framing) == 0);
    cadre_framing_clear(&framing);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static cadre_measure *const measures[] = {NULL, cadre_framing_prefixed,
                                              cadre_framing_fixed};
    struct input in = {bytes, size};
    struct story whole = {0}, cut = {0};
    uint8_t how = input_byte(&in);
    cadre_framing framing = {.measure = measures[how % 3],
                             .prefix = (uint8_t)(1 << (how >> 2) % 4),
                             .little_endian = how & 16,
                             .max = 1 + (size_t)input_byte(&in) * (how & 32 ? 16 : 1)};
    framing.size = 1 + input_byte(&in) % framing.max;
    struct cuts cuts = cuts_take(&in);
    read_all(&whole, framing, in, NULL);
    read_all(&cut, framing, in, &cuts);
    CHECK(story_same(&whole, &cut));
    framing.measure = cadre_framing_prefixed;
    wrap(framing, in);
    story_free(&whole);
    story_free(&cut);
    return 0;
}
