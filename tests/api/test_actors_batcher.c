/* test_actors_batcher.c: many become one, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/batcher.h>

#include <errno.h>

static cadre_ref batcher;
static cadre_batcher config;

/* What the receiver got. */
static struct {
    uint32_t batches, count[SCRIPT_MAX], bytes[SCRIPT_MAX];
    cadre_time times[SCRIPT_MAX];
    uint32_t items;
    uint64_t values[SCRIPT_MAX];
    char text[SCRIPT_MAX];
    size_t length;
} got;

static int take_batch(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_batch *b = cadre_body(m, cadre_batch);
    assert_non_null(b);
    assert_ptr_equal(b->type, config.type);
    assert_true(cadre_buf_size(b->buf) >= b->bytes);
    got.count[got.batches] = b->count;
    got.bytes[got.batches] = b->bytes;
    got.times[got.batches++] = cadre_now(self);
    if (b->type) {
        const number *numbers = (const number *)(void *)cadre_buf_data(b->buf);
        assert_int_equal(b->bytes, b->count * sizeof(number));
        for (uint32_t i = 0; i < b->count; i++)
            got.values[got.items++] = numbers[i].value;
    } else {
        memcpy(got.text + got.length, cadre_buf_data(b->buf), b->bytes);
        got.length += b->bytes;
    }
    return 0;
}

static void set_up(cadre_self *self)
{
    static const cadre_class taker = {.name = "taker", .receive = take_batch};
    memset(&got, 0, sizeof got);
    assert_int_equal(cadre_spawn(self, &config.to, &taker, NULL), 0);
    assert_int_equal(cadre_spawn(self, &batcher, &cadre_batcher_class, &config), 0);
}

static uint32_t amount;
static void send_some(cadre_self *self)
{
    set_up(self);
    for (uint64_t i = 0; i < amount; i++)
        assert_int_equal(cadre_send(self, batcher, number, i), 0);
}

static void check_everything(void)
{
    assert_int_equal(got.items, amount);
    for (uint32_t i = 0; i < amount; i++)
        assert_int_equal(got.values[i], i);
}

/* ---- limits ---- */

static void check_tens(void)
{
    check_everything();
    assert_int_equal(got.batches, 11);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(got.count[i], 10);
    assert_int_equal(got.count[10], 3);
    assert_true(got.times[10] - got.times[9] > 200 * CADRE_MS);
    assert_true(got.times[10] - got.times[9] < 260 * CADRE_MS);
}
static void by_count_and_time(void **state)
{
    amount = 103;
    config = (cadre_batcher){.type = &number_type, .count = 10, .time = 250 * CADRE_MS};
    play_seeds(50, NULL, send_some, check_tens);
}

static void check_bytes(void)
{
    check_everything();
    for (uint32_t i = 0; i < got.batches; i++)
        assert_true(got.bytes[i] <= config.bytes);
    assert_int_equal(got.batches, (amount + 4) / 5);
}
static void within_limits(void **state)
{
    amount = 203;
    config = (cadre_batcher){.type = &number_type, .bytes = 47}; /* five fit */
    play_seeds(50, NULL, send_some, check_bytes);
    config.bytes = 40;
    play_seeds(50, NULL, send_some, check_bytes);
}

static void check_single(void)
{
    check_everything();
    assert_int_equal(got.batches, amount);
}
static void one_item_alone_may_have_more(void **state)
{
    amount = 20;
    config = (cadre_batcher){.type = &number_type, .bytes = 3};
    play_seeds(10, NULL, send_some, check_single);
}

static uint64_t sent;
static void send_one(cadre_self *self)
{
    assert_int_equal(cadre_send(self, batcher, number, sent++), 0);
}
static void send_now_and_then(cadre_self *self)
{
    set_up(self);
    sent = 0;
    for (uint32_t i = 0; i < amount; i++)
        later(self, i * 300 * CADRE_MS, send_one);
}
/* Four come within one second of the first. */
static void check_age(void)
{
    check_everything();
    assert_int_equal(got.batches, amount / 4);
    for (uint32_t i = 0; i < got.batches; i++) {
        cadre_time first = i * 4 * 300 * CADRE_MS + CADRE_SECOND;
        assert_true(got.times[i] - got.times[0] >= first - CADRE_SECOND - 5 * CADRE_MS);
        assert_true(got.times[i] - got.times[0] <= first - CADRE_SECOND + 5 * CADRE_MS);
    }
}
static void not_too_old(void **state)
{
    amount = 40;
    config = (cadre_batcher){.type = &number_type};
    play_seeds(50, NULL, send_now_and_then, check_age);
}

/* ---- bytes ---- */

static void send_words(cadre_self *self)
{
    static const char *const words[] = {"one ", "", "two ", "three ", "four"};
    set_up(self);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_send(self, batcher, cadre_batcher_add,
                                    cadre_buf_new(words[i], strlen(words[i]))),
                         0);
    assert_int_equal(cadre_send(self, batcher, cadre_batcher_add, NULL), 0);
}
static void check_words(void)
{
    assert_memory_equal(got.text, "one two three four", 18);
    assert_int_equal(got.length, 18);
    assert_int_equal(got.batches, 2);
    assert_int_equal(got.count[0], 3);
    assert_int_equal(got.count[1], 3);
}
static void bytes_are_put_together(void **state)
{
    config = (cadre_batcher){.bytes = 12};
    play_seeds(50, NULL, send_words, check_words);
}

/* ---- on request, and at the end ---- */

static cadre_batcher_flushed flushed;
static int keep_flushed(cadre_self *self, void *state, cadre_msg *m)
{
    flushed = *cadre_body(m, cadre_batcher_flushed);
    return 0;
}
static void send_and_flush(cadre_self *self)
{
    cadre_token token;
    send_some(self);
    assert_int_equal(cadre_send(self, batcher, cadre_batcher_flush, 0), 0);
    assert_int_equal(cadre_send(self, batcher, number, amount++), 0);
    assert_int_equal(
        cadre_ask(self, &token, batcher, CADRE_NEVER, cadre_batcher_flush, 0), 0);
    assert_int_equal(cadre_then(self, token, keep_flushed), 0);
    assert_int_equal(cadre_send(self, batcher, cadre_batcher_flush, 0), 0);
}
static void seven(void) { amount = 7; }
static void check_flushed(void)
{
    check_everything();
    assert_int_equal(got.batches, 2);
    assert_int_equal(flushed.count, 1);
    assert_int_equal(flushed.code, 0);
}
static void flush_hands_on(void **state)
{
    config = (cadre_batcher){.type = &number_type, .time = CADRE_NEVER};
    play_seeds(50, seven, send_and_flush, check_flushed);
}

static void send_and_stop(cadre_self *self)
{
    send_some(self);
    assert_int_equal(cadre_stop(self, batcher), 0);
}
static void kill_it(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, batcher, 0), 0);
}
static void send_and_kill(cadre_self *self)
{
    send_some(self);
    later(self, CADRE_SECOND, kill_it);
}
static void nothing_lost(void **state)
{
    amount = 103;
    config = (cadre_batcher){.type = &number_type, .time = CADRE_NEVER};
    play_seeds(50, NULL, send_and_stop, check_everything);
    play_seeds(50, NULL, send_and_kill, check_everything);
}

static void send_wrong(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_send(self, batcher, owned, 0), 0);
    assert_int_equal(
        cadre_send(self, batcher, cadre_batcher_add, cadre_buf_new(NULL, 3)), 0);
    cadre_become(self, keep_outcome);
    (void)ask_number(self, batcher, CADRE_NEVER, 1);
}
static void check_wrong(void)
{
    assert_int_equal(got.batches, 0);
    assert_int_equal(sums.dead, 3);
    assert_int_equal(had.of[0].code, CADRE_EUNANSWERED);
    assert_owned_dropped(1);
}
static void requests_and_other_types_are_dead_letters(void **state)
{
    config = (cadre_batcher){.type = &number_type};
    play_seeds(5, NULL, send_wrong, check_wrong);
}

static void bad_config_fails_the_start(void **state)
{
    static const cadre_type empty_type = {.name = "empty"};
    cadre_ref somebody = {1};
    const cadre_batcher bad[] = {{.type = &number_type},
                                 {.to = somebody, .time = -1},
                                 {.to = somebody, .type = &owned_type},
                                 {.to = somebody, .type = &empty_type}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_batcher_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(by_count_and_time), cmocka_unit_test(within_limits),
          cmocka_unit_test(one_item_alone_may_have_more), cmocka_unit_test(not_too_old),
          cmocka_unit_test(bytes_are_put_together), cmocka_unit_test(flush_hands_on),
          cmocka_unit_test(nothing_lost),
          cmocka_unit_test(requests_and_other_types_are_dead_letters),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
