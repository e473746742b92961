/* fuzz.h: what the targets of the fuzzer share.
 *
 * A target is one file, with a LLVMFuzzerTestOneInput(), which gets any bytes: the first
 * are decisions, as where to cut the others. Its head names the sources that are compiled
 * for the fuzzer, behind `Fuzzed:`; whatever else these need is that of clang's flavour.
 * It checks what must be true of every input, not only that nothing crashes. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A property that must hold for every input. */
#define CHECK(condition)                                                               \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: FAILED: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                                   \
        }                                                                              \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* ---- input: decisions first, then what is left --------------------------------- */

struct input {
    const uint8_t *at;
    size_t size;
};

/* 0 when there are no more. */
static inline uint8_t input_byte(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->at++;
}

static inline uint64_t input_number(struct input *in, unsigned bytes)
{
    uint64_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | input_byte(in);
    return number;
}

static inline struct input input_take(struct input *in, size_t size)
{
    struct input part = {in->at, size < in->size ? size : in->size};
    in->at += part.size;
    in->size -= part.size;
    return part;
}

/* A copy in memory of just that size, so that a step beyond it is seen. free() it. */
static inline char *input_exact(struct input in)
{
    char *bytes = malloc(in.size ? in.size : 1);
    if (in.size > 0)
        memcpy(bytes, in.at, in.size);
    return bytes;
}

/* The same up to a zero, with one: the text ends there. */
static inline char *input_text(struct input in)
{
    const uint8_t *zero = in.size ? memchr(in.at, 0, in.size) : NULL;
    size_t length = zero ? (size_t)(zero - in.at) : in.size;
    char *text = malloc(length + 1);
    if (length > 0)
        memcpy(text, in.at, length);
    text[length] = 0;
    return text;
}

/* A text up to a zero or the end, taken off. free() it. */
static inline char *input_word(struct input *in)
{
    char *text = input_text(*in);
    (void)input_take(in, strlen(text) + 1);
    return text;
}

/* ---- cuts: where the bytes are taken apart ------------------------------------- */

struct cuts {
    uint8_t sizes[4]; /* one after the other, again and again; 0: to the end */
    unsigned next, scale;
};

static inline struct cuts cuts_take(struct input *in)
{
    struct cuts cuts = {.scale = 1};
    for (unsigned i = 0; i < sizeof cuts.sizes; i++)
        cuts.sizes[i] = input_byte(in);
    return cuts;
}

static inline struct input cuts_next(struct cuts *cuts, struct input *in)
{
    size_t size = cuts->sizes[cuts->next++ % sizeof cuts->sizes] * (size_t)cuts->scale;
    return input_take(in, size ? size : in->size);
}

/* ---- story: what has come out, to compare it with another ---------------------- */

struct story {
    char *bytes;
    size_t size, room;
};

static inline void story_add(struct story *story, const void *bytes, size_t size)
{
    if (size > story->room - story->size) {
        story->room = 2 * story->room + size;
        story->bytes = realloc(story->bytes, story->room);
    }
    if (size > 0)
        memcpy(story->bytes + story->size, bytes, size);
    story->size += size;
}

/* With its size, so that two texts are not one. */
static inline void story_text(struct story *story, const void *bytes, size_t size)
{
    story_add(story, &size, sizeof size);
    story_add(story, bytes, size);
}

static inline void story_number(struct story *story, int64_t number)
{
    story_add(story, &number, sizeof number);
}

static inline bool story_same(const struct story *a, const struct story *b)
{
    return a->size == b->size && (a->size == 0 || !memcmp(a->bytes, b->bytes, a->size));
}

static inline void story_free(struct story *story) { free(story->bytes); }

#endif
