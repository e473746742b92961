/* test_wire.c: frames go through a stream in pieces, and nonsense is seen. */
#include "actor/wire.h"

#include "support/support.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20 };

static struct heap heap;
static struct wire_out out;
static struct wire_in in;
static int ends[2];

static int open_wire(void **state)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    out = (struct wire_out){.heap = &heap};
    in = (struct wire_in){.heap = &heap, .most = MOST};
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static int close_wire(void **state)
{
    wire_out_free(&out);
    wire_in_free(&in);
    close(ends[0]);
    close(ends[1]);
    return heap.bytes.v == 0 ? 0 : -1;
}

/* Reads until there is a frame, or nothing to read. */
static int next(struct wire_head *head, const void **body)
{
    int got;
    while ((got = wire_next(&in, head, body)) == 0 &&
           (got = wire_read(&in, ends[1])) == 1)
        continue;
    return got;
}

static void wire_frames_keep_their_order_and_bodies(void **state)
{
    struct wire_head head = {.kind = WIRE_LOG};
    const void *body;
    for (uint32_t i = 0; i < 1000; i++) {
        head.token = i;
        head.size = i % 3 ? sizeof i : 0;
        assert_int_equal(wire_put(&out, &head, &i), 0);
    }
    assert_true(wire_write(&out, ends[0]));
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(next(&head, &body), 1);
        assert_int_equal(head.token, i);
        assert_int_equal(head.size, i % 3 ? sizeof i : 0);
        if (head.size)
            assert_memory_equal(body, &i, sizeof i);
    }
    assert_int_equal(next(&head, &body), 0);
}

static void wire_large_frame_comes_in_pieces(void **state)
{
    static unsigned char bytes[MOST];
    struct wire_head head = {.kind = WIRE_LOG, .size = MOST};
    const void *body;
    memset(bytes, 7, sizeof bytes);
    assert_int_equal(wire_put(&out, &head, bytes), 0);
    assert_false(wire_write(&out, ends[0])); /* there is no room for all of it */
    int got;
    while ((got = next(&head, &body)) == 0)
        (void)wire_write(&out, ends[0]);
    assert_int_equal(got, 1);
    assert_memory_equal(body, bytes, sizeof bytes);
}

static void wire_too_large_frame_is_refused(void **state)
{
    struct wire_head head = {.kind = WIRE_LOG, .size = MOST + 1};
    const void *body;
    assert_int_equal(write(ends[0], &head, sizeof head), sizeof head);
    assert_int_equal(next(&head, &body), -EINVAL);
    memset(&head, 0xff, sizeof head);
    in.at = in.used = 0;
    in.is_empty = false;
    assert_int_equal(write(ends[0], &head, sizeof head), sizeof head);
    assert_int_equal(next(&head, &body), -EINVAL);
}

static void wire_end_comes_after_all_frames(void **state)
{
    struct wire_head head = {.kind = WIRE_RESTS, .token = 5};
    const void *body;
    assert_int_equal(wire_put(&out, &head, NULL), 0);
    assert_true(wire_write(&out, ends[0]));
    shutdown(ends[0], SHUT_RDWR);
    assert_int_equal(next(&head, &body), 1);
    assert_int_equal(next(&head, &body), 0); /* it did not look */
    assert_int_equal(next(&head, &body), -EPIPE);
    assert_int_equal(wire_skip(ends[1]), -EPIPE);
    assert_int_equal(wire_put(&out, &head, NULL), 0);
    assert_true(wire_write(&out, ends[0])); /* to nobody */
}

static void wire_without_memory_says_so(void **state)
{
    struct wire_head head = {.kind = WIRE_RESTS};
    heap.max = 0;
    assert_int_equal(wire_put(&out, &head, NULL), CADRE_EFULL);
    assert_int_equal(wire_read(&in, ends[1]), CADRE_EFULL);
    assert_int_equal(write(ends[0], &head, sizeof head), sizeof head);
    assert_int_equal(wire_skip(ends[1]), 1);
    heap.max = SIZE_MAX;
    assert_int_equal(wire_put(&out, &head, NULL), 0);
    assert_int_equal(wire_write(&out, -1), -ENOMEM); /* or whatever else it says */
}

#define WIRE_TEST(f) cmocka_unit_test_setup_teardown(f, open_wire, close_wire)
int main(void)
{
    TESTS(WIRE_TEST(wire_frames_keep_their_order_and_bodies),
          WIRE_TEST(wire_large_frame_comes_in_pieces),
          WIRE_TEST(wire_too_large_frame_is_refused),
          WIRE_TEST(wire_end_comes_after_all_frames),
          WIRE_TEST(wire_without_memory_says_so));
    return RUN_TESTS();
}
