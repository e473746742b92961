/* wire.c: frames of isolated actors are the same however their bytes come, what was put
 * comes out again, and nonsense is refused.
 *
 * Fuzzed: runtime/actor/wire.c */
#include "fuzz/fuzz.h"

#include "actor/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 300 };

static struct heap heap;

/* All frames that there are; and what ends them. */
static void take_frames(struct story *story, struct wire_in *in, int *got)
{
    struct wire_head head;
    const void *body = NULL;
    while ((*got = wire_next(in, &head, &body)) == 1) {
        CHECK(head.size <= MOST);
        story_text(story, &head, sizeof head);
        char *exact = input_exact((struct input){body, head.size});
        story_text(story, exact, head.size);
        free(exact);
    }
}

/* What is written to the one end is read at the other, until there is nothing. */
static void read_on(struct story *story, struct wire_in *in, int fd, int *got)
{
    int more = 1;
    while (*got == 0 && more > 0) {
        take_frames(story, in, got);
        if (*got == 0)
            more = wire_read(in, fd);
        CHECK(more >= 0 || more == -EPIPE);
        CHECK(in->at <= in->used && in->used <= in->room);
    }
}

static void read_all(struct story *story, struct input from, struct cuts *cuts)
{
    struct wire_in in = {.heap = &heap, .most = MOST};
    int ends[2], got = 0;
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    while (from.size > 0 && got == 0) {
        struct input part =
            cuts ? cuts_next(cuts, &from) : input_take(&from, from.size);
        CHECK(write(ends[0], part.at, part.size) == (ssize_t)part.size);
        read_on(story, &in, ends[1], &got);
    }
    close(ends[0]);
    story_number(story, got);
    story_number(story, got ? 0 : (int64_t)(in.used - in.at));
    if (!got)
        CHECK(wire_read(&in, ends[1]) <= 0 && wire_read(&in, ends[1]) == -EPIPE);
    wire_in_free(&in);
    close(ends[1]);
}

/* Frames as the bytes say. */
static void put_all(struct input from, struct cuts *cuts)
{
    struct wire_out out = {.heap = &heap};
    struct story put = {0}, got = {0};
    struct wire_in in = {.heap = &heap, .most = MOST};
    int ends[2], result = 0, is_all = 0;
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    while (from.size > 0) {
        struct wire_head head = {.kind = input_byte(&from), .token = from.size};
        struct input body = cuts_next(cuts, &from);
        body.size = body.size < MOST ? body.size : MOST;
        head.size = (uint32_t)body.size;
        CHECK(!wire_put(&out, &head, body.at));
        story_text(&put, &head, sizeof head);
        story_text(&put, body.at, body.size);
    }
    while (!is_all) {
        is_all = wire_write(&out, ends[0]);
        CHECK(is_all >= 0);
        read_on(&got, &in, ends[1], &result);
        CHECK(result == 0);
    }
    CHECK(story_same(&put, &got) && in.used == in.at);
    close(ends[0]);
    close(ends[1]);
    wire_out_free(&out);
    wire_in_free(&in);
    story_free(&put);
    story_free(&got);
}

/* Sizes are mostly small: a head is 56 bytes, of which most do not matter. */
static struct input make_frames(struct story *made, struct input from)
{
    while (from.size > 0) {
        struct wire_head head = {.kind = input_byte(&from), .size = input_byte(&from)};
        if (head.kind & 128)
            head.size = (uint32_t)input_number(&from, 4);
        struct input body = input_take(&from, head.size);
        story_add(made, &head, sizeof head);
        story_add(made, body.at, body.size);
    }
    return (struct input){(uint8_t *)made->bytes, made->size};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    struct story whole = {0}, cut = {0}, made = {0};
    uint8_t how = input_byte(&in);
    struct cuts cuts = cuts_take(&in);
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    if (how & 1)
        put_all(in, &cuts);
    struct input frames = how & 2 ? in : make_frames(&made, in);
    read_all(&whole, frames, NULL);
    cuts.next = 0;
    read_all(&cut, frames, &cuts);
    CHECK(story_same(&whole, &cut));
    CHECK(heap.bytes.v == 0);
    story_free(&whole);
    story_free(&cut);
    story_free(&made);
    return 0;
}
