/* test_actors_framing.c: frames out of buffers, wherever those are cut. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/support.h"

#include <cadre/actors/framing.h>

#include <errno.h>

enum { STREAM_MAX = 4096, ROOM = 5 * STREAM_MAX };

struct bytes {
    uint8_t at[ROOM]; /* of a stream STREAM_MAX */
    size_t size;
};

/* What came out: the frames, each with its size in front, and how it ended. */
struct outcome {
    struct bytes frames;
    unsigned count;
    int end;
    size_t left;
};

static void append(struct bytes *to, const void *bytes, size_t size)
{
    assert_true(to->size + size <= ROOM);
    memcpy(to->at + to->size, bytes, size);
    to->size += size;
}

static void note(struct outcome *got, const uint8_t *bytes, size_t size)
{
    uint32_t n = (uint32_t)size;
    append(&got->frames, &n, sizeof n);
    append(&got->frames, bytes, size);
    got->count++;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->frames.size, b->frames.size);
    assert_memory_equal(a->frames.at, b->frames.at, a->frames.size);
    assert_int_equal(a->end, b->end);
    if (a->end == 0) /* how much of a stream that is refused was looked at is open */
        assert_int_equal(a->left, b->left);
}

/* ---- a simple reference: the whole stream is there ---- */

/* Returns the bytes of the frame at `at` with all that belongs to it, 0 or an error. */
static int64_t reference_one(const cadre_framing *f, const uint8_t *at, size_t size,
                             size_t *head, size_t *tail)
{
    uint64_t length = 0;
    *head = *tail = 0;
    if (f->measure == cadre_framing_fixed)
        return size < f->size ? 0 : (int64_t)f->size;
    if (f->measure == cadre_framing_prefixed) {
        *head = f->prefix;
        for (size_t i = 0; i < f->prefix && i < size; i++)
            length |= (uint64_t)at[i]
                      << 8 * (f->little_endian ? i : (size_t)f->prefix - 1 - i);
        if (size < f->prefix)
            return 0;
        if (length > f->max)
            return -EMSGSIZE;
        return size - f->prefix < length ? 0 : (int64_t)(length + f->prefix);
    }
    for (size_t i = 0; i < size; i++)
        if (at[i] == '\n') {
            *tail = i > 0 && at[i - 1] == '\r' ? 2 : 1;
            return i + 1 - *tail > f->max ? -EMSGSIZE : (int64_t)i + 1;
        }
    return size > f->max + 1 ? -EMSGSIZE : 0;
}

static void reference(const cadre_framing *like, const struct bytes *s,
                      struct outcome *got)
{
    size_t at = 0, head, tail;
    int64_t whole = 0;
    *got = (struct outcome){.count = 0};
    while (at < s->size &&
           (whole = reference_one(like, s->at + at, s->size - at, &head, &tail)) > 0) {
        note(got, s->at + at + head, (size_t)whole - head - tail);
        at += (size_t)whole;
    }
    got->end = whole < 0 ? (int)whole : 0;
    got->left = s->size - at;
}

/* ---- the same in pieces ---- */

static void put(cadre_framing *f, const void *bytes, size_t size)
{
    (void)!cadre_framing_put(f, cadre_buf_new(bytes, size));
}

static void take(cadre_framing *f, struct outcome *got, unsigned most)
{
    cadre_frame frame;
    got->end = 1;
    while (most-- > 0 && (got->end = cadre_framing_next(f, &frame)) > 0)
        note(got, frame.bytes, frame.size);
}

/* Cuts the stream at these places, ending with its size. After each piece `some` frames
 * are taken, all after the last. */
static void in_pieces(const cadre_framing *like, const struct bytes *s,
                      const size_t *cuts, unsigned some, struct outcome *got)
{
    cadre_framing f = *like;
    *got = (struct outcome){.count = 0};
    for (size_t from = 0; from < s->size; from = *cuts++) {
        put(&f, s->at + from, *cuts - from);
        take(&f, got, *cuts == s->size ? UINT32_MAX : some);
    }
    got->left = cadre_framing_left(&f);
    cadre_framing_clear(&f);
}

/* ---- streams ---- */

enum { KINDS = 12 };

static cadre_framing kind(unsigned i)
{
    static const uint8_t prefixes[] = {1, 2, 4, 8};
    if (i < 8)
        return (cadre_framing){.measure = cadre_framing_prefixed,
                               .prefix = prefixes[i % 4],
                               .little_endian = i >= 4,
                               .max = 200};
    if (i < 10)
        return (cadre_framing){
            .measure = cadre_framing_fixed, .size = i == 8 ? 1 : 7, .max = 200};
    return (cadre_framing){.measure = cadre_framing_lines, .max = 200};
}

static void add_frame(const cadre_framing *f, struct bytes *s, struct dice *dice)
{
    uint8_t bytes[256];
    size_t size = dice_below(dice, dice_once_in(dice, 4) ? 201 : 12);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)("ab\r\0c"[dice_below(dice, 5)]);
    if (f->measure == cadre_framing_prefixed) {
        cadre_buf *buf;
        assert_int_equal(cadre_framing_wrap(f, &buf, bytes, size), 0);
        append(s, cadre_buf_data(buf), cadre_buf_size(buf));
        cadre_buf_unref(buf);
        return;
    }
    append(s, bytes, size);
    if (f->measure == cadre_framing_lines)
        append(s, "\r\n", 2);
}

static void make_stream(const cadre_framing *f, struct bytes *s, unsigned frames,
                        struct dice *dice)
{
    s->size = 0;
    for (unsigned i = 0; i < frames; i++)
        add_frame(f, s, dice);
    s->size -= s->size > 2 ? dice_below(dice, 3) : 0; /* sometimes it is cut off */
}

static void cut_at_random(size_t *cuts, size_t size, struct dice *dice)
{
    uint32_t largest = 1 + dice_below(dice, 1 + dice_below(dice, 300));
    for (size_t at = 0; at < size; *cuts++ = at) {
        size_t n = 1 + dice_below(dice, largest);
        at = size - at < n ? size : at + n;
    }
}

static void every_split(const cadre_framing *f, const struct bytes *s)
{
    struct outcome whole, got;
    reference(f, s, &whole);
    for (size_t a = 1; a < s->size; a++) {
        in_pieces(f, s, (size_t[]){a, s->size}, UINT32_MAX, &got);
        assert_same(&got, &whole);
        for (size_t b = a + 1; b < s->size; b += 1 + s->size * EFFORT_SLOWDOWN / 50) {
            in_pieces(f, s, (size_t[]){a, b, s->size}, (unsigned)(b % 3), &got);
            assert_same(&got, &whole);
        }
    }
}

static void random_splits(const cadre_framing *f, const struct bytes *s,
                          struct dice *dice)
{
    static size_t cuts[STREAM_MAX];
    struct outcome whole, got;
    reference(f, s, &whole);
    for (unsigned i = 0; i < 4; i++) {
        unsigned some = dice_once_in(dice, 2) ? UINT32_MAX : dice_below(dice, 3);
        cut_at_random(cuts, s->size, dice);
        in_pieces(f, s, cuts, some, &got);
        assert_same(&got, &whole);
    }
}

static void splits_do_not_matter(void **state)
{
    struct bytes s;
    for (unsigned k = 0; k < KINDS; k++) {
        const cadre_framing f = kind(k);
        struct dice dice = dice_new(k, 1);
        make_stream(&f, &s, 6, &dice);
        every_split(&f, &s);
        for (uint64_t i = 0; i < effort(200, 20000); i++) {
            make_stream(&f, &s, 1 + dice_below(&dice, 18), &dice);
            random_splits(&f, &s, &dice);
        }
    }
}

/* Bytes that nobody meant: nothing but an outcome, and the same one for any split. */
static void mutated_streams_end_as_whole_ones(void **state)
{
    struct bytes s;
    struct dice dice = dice_new(7, 2);
    for (uint64_t i = 0; i < effort(4000, 400000); i++) {
        const cadre_framing f = kind(dice_below(&dice, KINDS));
        make_stream(&f, &s, 1 + dice_below(&dice, 10), &dice);
        for (uint32_t n = 1 + dice_below(&dice, 4); n > 0 && s.size > 0; n--)
            s.at[dice_below(&dice, (uint32_t)s.size)] = (uint8_t)dice_next(&dice);
        random_splits(&f, &s, &dice);
    }
}

/* ---- what is copied ---- */

static void bytes_are_not_copied(void **state)
{
    cadre_framing f = {.measure = NULL};
    cadre_frame frame;
    cadre_buf *one = cadre_buf_new("a\nbb\nccc", 8),
              *two = cadre_buf_new("c\ndd\ne", 6);
    put(&f, "", 0);
    assert_int_equal(cadre_framing_put(&f, cadre_buf_ref(one)), 0);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_ptr_equal(frame.bytes, cadre_buf_data(one));
    assert_ptr_equal(frame.buf, one);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_ptr_equal(frame.bytes, cadre_buf_data(one) + 2);
    assert_int_equal(cadre_framing_next(&f, &frame), 0);
    assert_int_equal(cadre_framing_put(&f, cadre_buf_ref(two)), 0);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_int_equal(frame.size, 4);
    assert_memory_equal(frame.bytes, "cccc", 4);
    cadre_buf *kept = cadre_buf_ref(frame.buf); /* this one straddles them */
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_ptr_equal(frame.bytes, cadre_buf_data(two) + 2);
    assert_int_equal(cadre_framing_next(&f, &frame), 0);
    assert_int_equal(cadre_framing_left(&f), 1);
    assert_memory_equal(cadre_buf_data(kept), "cccc", 4);
    cadre_framing_clear(&f);
    assert_int_equal(cadre_framing_left(&f), 0);
    cadre_buf_unref(kept);
    cadre_buf_unref(one);
    cadre_buf_unref(two);
}

/* ---- limits ---- */

/* What comes of these bytes at once, and one by one. */
static int outcome_of(const cadre_framing *like, const void *bytes, size_t size)
{
    static size_t cuts[STREAM_MAX];
    struct bytes s = {.size = 0};
    struct outcome one, many;
    append(&s, bytes, size);
    for (size_t i = 0; i < size; i++)
        cuts[i] = i + 1;
    in_pieces(like, &s, (size_t[]){size}, 0, &one);
    in_pieces(like, &s, cuts, UINT32_MAX, &many);
    assert_int_equal(one.end, many.end);
    return many.end < 0 ? many.end : (int)many.count;
}

static void limits_are_exact(void **state)
{
    char text[CADRE_FRAMING_TEXT];
    const cadre_framing lines = {.max = 3};
    assert_int_equal(outcome_of(&lines, "abc\nabc\r\n", 9), 2);
    assert_int_equal(outcome_of(&lines, "abcd\n", 5), -EMSGSIZE);
    assert_int_equal(outcome_of(&lines, "abcd\r\n", 6), -EMSGSIZE);
    assert_int_equal(outcome_of(&lines, "abcde", 5), -EMSGSIZE); /* it need not end */
    assert_string_equal(cadre_framing_why(&lines, -EMSGSIZE, text),
                        "a frame is longer than 3 bytes");
    assert_string_equal(cadre_framing_why(&lines, -ENOMEM, text),
                        cadre_strerror(-ENOMEM));
    for (unsigned i = 0; i < 8; i++) {
        cadre_framing f = kind(i);
        uint8_t head[8 + 3] = {0};
        f.max = 3;
        int n = cadre_framing_head(&f, head, 3);
        assert_int_equal(outcome_of(&f, head, (size_t)n + 3), 1);
        head[f.little_endian ? 0 : n - 1]++;
        assert_int_equal(outcome_of(&f, head, (size_t)n + 3), -EMSGSIZE);
        memset(head, 0xff, sizeof head);
        assert_int_equal(outcome_of(&f, head, (size_t)n), -EMSGSIZE);
        assert_int_equal(cadre_framing_head(&f, head, 4), -EMSGSIZE);
    }
    const cadre_framing usual = {.measure = NULL};
    assert_string_equal(cadre_framing_why(&usual, -EMSGSIZE, text),
                        "a frame is longer than 65536 bytes");
}

static void limits_of_prefixes_are_their_numbers(void **state)
{
    cadre_framing f = {.measure = cadre_framing_prefixed, .prefix = 1, .max = SIZE_MAX};
    uint8_t head[8];
    assert_int_equal(cadre_framing_head(&f, head, 255), 1);
    assert_int_equal(cadre_framing_head(&f, head, 256), -EMSGSIZE);
    f.prefix = 8;
    assert_int_equal(cadre_framing_head(&f, head, SIZE_MAX), 8);
    assert_int_equal(outcome_of(&f, head, 8), -EMSGSIZE); /* no size in int64_t */
}

static void memory_follows_bytes(void **state)
{
    cadre_framing f = {
        .measure = cadre_framing_prefixed, .prefix = 8, .max = SIZE_MAX / 4};
    cadre_frame frame;
    uint8_t head[8];
    assert_int_equal(cadre_framing_head(&f, head, SIZE_MAX / 4), 8);
    put(&f, head, 8); /* so much memory there is not: whoever asks for it fails */
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(cadre_framing_next(&f, &frame), 0);
        put(&f, "some bytes", 10);
    }
    assert_int_equal(cadre_framing_left(&f), 10008);
    cadre_framing_clear(&f);
    f = (cadre_framing){.measure = cadre_framing_prefixed, .prefix = 4};
    (void)!cadre_framing_head(&f, head, 60000);
    put(&f, head, 4);
    for (size_t came = 4; came < 60000; came += 100) {
        assert_int_equal(cadre_framing_next(&f, &frame), 0);
        put(&f, memset((char[100]){0}, 'x', 100), 100);
    }
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_true(cadre_buf_size(frame.buf) <= 60004);
    cadre_framing_clear(&f);
}

/* ---- cost ---- */

static struct {
    const uint8_t *where;
    unsigned moves;
    uint64_t looked;
} watch;

static int64_t watched_lines(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    watch.moves += bytes != watch.where;
    watch.where = bytes;
    watch.looked += size - framing->seen[0];
    return cadre_framing_lines(framing, bytes, size);
}

static void cost_follows_bytes(void **state)
{
    enum { LONG_LINE = 1 << 16 };
    cadre_framing f = {.measure = watched_lines};
    cadre_frame frame;
    memset(&watch, 0, sizeof watch);
    for (unsigned i = 0; i < LONG_LINE; i++) {
        put(&f, "x", 1);
        assert_int_equal(cadre_framing_next(&f, &frame), 0);
    }
    assert_int_equal(watch.looked, LONG_LINE);
    assert_true(watch.moves <= 20); /* each time there is twice the room */
    put(&f, "\n", 1);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_int_equal(frame.size, LONG_LINE);
    cadre_framing_clear(&f);
}

/* ---- other uses ---- */

/* A line says how many bytes follow it. */
static void framing_changes_between_frames(void **state)
{
    cadre_framing f = {.max = 100};
    cadre_frame frame;
    put(&f, "5\r\na\nb\ncst", 10);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_memory_equal(frame.bytes, "5", 1);
    f.measure = cadre_framing_fixed;
    f.size = 5;
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_memory_equal(frame.bytes, "a\nb\nc", 5);
    f.measure = NULL;
    put(&f, "op\n", 3);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_int_equal(frame.size, 4);
    assert_memory_equal(frame.bytes, "stop", 4);
    assert_int_equal(cadre_framing_next(&f, &frame), 0);
    cadre_framing_clear(&f);
}

static int64_t refuse(cadre_framing *framing, const uint8_t *bytes, size_t size)
{
    return CADRE_EUSER - 3;
}

static int64_t less_than_its_ends(cadre_framing *framing, const uint8_t *bytes,
                                  size_t size)
{
    framing->head = framing->tail = 2;
    return 3;
}

static void framing_errors_remain(void **state)
{
    cadre_frame frame;
    cadre_framing f = {.measure = refuse};
    assert_int_equal(cadre_framing_next(&f, &frame), 0); /* nobody has asked yet */
    put(&f, "abc", 3);
    assert_int_equal(cadre_framing_next(&f, &frame), CADRE_EUSER - 3);
    f.measure = NULL;
    assert_int_equal(cadre_framing_put(&f, cadre_buf_new("\n", 1)), CADRE_EUSER - 3);
    assert_int_equal(cadre_framing_next(&f, &frame), CADRE_EUSER - 3);
    cadre_framing_clear(&f);
    put(&f, "\n", 1);
    assert_int_equal(cadre_framing_next(&f, &frame), 1);
    assert_int_equal(frame.size, 0);
    cadre_framing_clear(&f);
}

static void framing_of_nothing_sensible_is_refused(void **state)
{
    uint8_t head[8];
    cadre_buf *buf;
    const cadre_framing odd = {.measure = cadre_framing_prefixed, .prefix = 3};
    const cadre_framing none = {.measure = cadre_framing_fixed};
    const cadre_framing over = {.measure = cadre_framing_fixed, .size = 11, .max = 10};
    const cadre_framing ends = {.measure = less_than_its_ends};
    assert_int_equal(outcome_of(&odd, "abc", 3), -EINVAL);
    assert_int_equal(outcome_of(&none, "abc", 3), -EINVAL);
    assert_int_equal(outcome_of(&over, "abc", 3), -EINVAL);
    assert_int_equal(outcome_of(&ends, "abc", 3), -EINVAL);
    assert_int_equal(cadre_framing_head(&odd, head, 1), -EINVAL);
    assert_int_equal(cadre_framing_wrap(&odd, &buf, "", 0), -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(splits_do_not_matter),
          cmocka_unit_test(mutated_streams_end_as_whole_ones),
          cmocka_unit_test(bytes_are_not_copied), cmocka_unit_test(limits_are_exact),
          cmocka_unit_test(limits_of_prefixes_are_their_numbers),
          cmocka_unit_test(memory_follows_bytes), cmocka_unit_test(cost_follows_bytes),
          cmocka_unit_test(framing_changes_between_frames),
          cmocka_unit_test(framing_errors_remain),
          cmocka_unit_test(framing_of_nothing_sensible_is_refused));
    return RUN_TESTS();
}
