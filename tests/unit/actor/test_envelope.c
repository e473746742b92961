/* test_envelope.c: a message in memory, its tail, and what becomes of them. */
#include "actor/envelope.h"

#include "support/support.h"
#include "unit/actor/stage.h"

#include <stdio.h>

enum { TOKEN_LOW = 77 };
#define TOKEN (UINT64_C(0xfedcba9800000000) + TOKEN_LOW)

static const uint32_t sizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 80, 81, 96, 97, 1000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- the form ---- */

static void envelope_header_is_half_a_line(void **state)
{
    assert_int_equal(sizeof(struct envelope), 32);
    assert_int_equal(offsetof(struct envelope, body), 32);
    assert_int_equal(offsetof(struct envelope, letter), 0);
    assert_int_equal(sizeof(((struct letter *)0)->to), 4);
}

static void envelope_size_is_header_and_body(void **state)
{
    for (int i = 0; i < SIZES; i++) {
        const cadre_type type = {.size = sizes[i]};
        assert_int_equal(envelope_size(&type, false), 32 + sizes[i]);
    }
}

/* It may become a failure, whatever its body was: there is room for one. */
static void envelope_tail_stands_aligned_behind_the_body(void **state)
{
    assert_int_equal(sizeof(struct envelope_tail), 24);
    for (int i = 0; i < SIZES; i++) {
        const cadre_type type = {.size = sizes[i]};
        size_t at = envelope_tail_at(&type);
        assert_int_equal(at % 8, 0);
        assert_in_range(at, sizes[i], sizes[i] + 7);
        size_t room = at > sizeof(cadre_failure) ? at : sizeof(cadre_failure);
        assert_int_equal(envelope_size(&type, true), 32 + room + 24);
        struct envelope e = {.type = &type};
        assert_ptr_equal(envelope_tail(&e), e.body + at);
    }
}

/* ---- prepared, delivered ---- */

static const enum letter_kind kinds[] = {0, LETTER_TOKEN, LETTER_OUTCOME, LETTER_CANCEL,
                                         LETTER_ANSWER};
enum { LETTER_KINDS = sizeof kinds / sizeof kinds[0] };

static void assert_prepared(enum letter_kind kind, uint32_t size, const void *body)
{
    const cadre_type type = {.size = size};
    struct envelope *e = NULL;
    size_t all = envelope_size(&type, kind != 0);
    assert_int_equal(send_prepare(&outside, &e, kind, &type, body), 0);
    assert_int_equal(letter_kind(&e->letter), kind);
    assert_int_equal(envelope_has_tail(e), kind != 0);
    assert_ptr_equal(e->type, &type);
    assert_true(e->from == 0);
    assert_memory_equal(e->body, body, size);
    if (kind != 0) {
        assert_true(envelope_tail(e)->token == 0);
        assert_true(envelope_tail(e)->deadline == CADRE_NEVER);
        assert_int_equal(envelope_tail(e)->bytes, all);
    }
    assert_int_equal(e->letter.place, all > POOL_BLOCK_MAX
                                          ? POOL_PLACE_NONE
                                          : pool_place_of(pool_class_of(all)));
    self_free(&outside, e);
}

static void envelope_prepared_holds_body_and_tail(void **state)
{
    static unsigned char body[5000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i % 251);
    for (uint32_t size = 0; size < sizeof body; size += size < 200 ? 1 : 97)
        for (int k = 0; k < LETTER_KINDS; k++)
            assert_prepared(kinds[k], size, body);
}

/* The last that fits in the pool's greatest block, without and with a tail. */
static void envelope_of_the_greatest_block_goes_back_where_it_was(void **state)
{
    static char body[POOL_BLOCK_MAX];
    size_t before = 0;
    for (uint32_t less = 0; less <= 72; less++)
        for (int with = 0; with < 2; with++) {
            uint32_t size = POOL_BLOCK_MAX - less;
            const cadre_type type = {.size = size};
            struct envelope *e = NULL;
            int err = send_prepare(&outside, &e, with ? LETTER_TOKEN : 0, &type, body);
            assert_int_equal(err, 0);
            bool from_heap =
                32 + (with ? (size + 7) / 8 * 8 + 24 : size) > POOL_BLOCK_MAX;
            assert_int_equal(e->letter.place == POOL_PLACE_NONE, from_heap);
            size_t held = load_relaxed(&world.heap.bytes);
            self_free(&outside, e);
            before = load_relaxed(&world.heap.bytes);
            assert_int_equal(held - before, from_heap ? envelope_size(&type, with) : 0);
        }
}

static void envelope_delivered_is_for_a_life_and_keeps_its_tail(void **state)
{
    for (int with = 0; with < 2; with++) {
        struct cell *a = born(&sink_class, NULL), *b = born(&sink_class, NULL);
        struct envelope *e = NULL;
        assert_int_equal(send_prepare(&outside, &e, with ? LETTER_TOKEN : 0,
                                      &number_type, &(number){1}),
                         0);
        e->from = cell_address(a);
        if (with)
            envelope_tail(e)->token = TOKEN;
        send_deliver(&outside, e, cell_address(a));
        assert_ptr_equal(letter_of(inbox_take(&a->task.inbox, INBOX_AWAKE)),
                         &e->letter);
        assert_int_equal(envelope_has_tail(e), with);
        assert_true(cell_letter_address(a, &e->letter) == cell_address(a));
        uint64_t later = address_of_life(cell_address(b), GENERATION_MAX);
        send_deliver(&outside, e, later); /* forwarded */
        assert_int_equal(envelope_has_tail(e), with);
        assert_true(cell_letter_address(b, &e->letter) == later);
        if (with)
            assert_true(envelope_tail(e)->token == TOKEN);
        run_dry(); /* it was too early for that life */
        assert_int_equal(load_relaxed(&self.dead), with + 1);
        assert_int_equal(load_relaxed(&self.dropped), with); /* a has not asked */
    }
}

/* ---- received ---- */

static cadre_ref next; /* where forwarder and replier send it, after so many stashes */
static int stashes;

static int note_token(cadre_self *s, void *state, cadre_msg *m)
{
    record_add(m->token.id);
    record_add(((const number *)m->body)->value);
    return 0;
}

static int forward(cadre_self *s, void *state, cadre_msg *m)
{
    record_add(m->token.id);
    return cadre_forward(s, next, m);
}

static int set_aside(cadre_self *s, void *state, cadre_msg *m)
{
    if (stashes-- <= 0)
        return note_token(s, state, m);
    assert_int_equal(cadre_stash(s, m), 0);
    cadre_unstash(s);
    return 0;
}

static int reply(cadre_self *s, void *state, cadre_msg *m)
{
    return cadre_reply_as(s, m, &number_type, &(number){8});
}

static cadre_token asked;

/* 1: asks, 2: sends, and notes the answer to either. */
static int ask(cadre_self *s, void *state, cadre_msg *m)
{
    uint64_t value = ((const number *)m->body)->value;
    if (value > 2)
        return note_token(s, state, m);
    asked.id = 0;
    return value == 1
               ? cadre_ask_as(s, &asked, next, CADRE_NEVER, &number_type, m->body)
               : cadre_send_as(s, next, &number_type, m->body);
}

static const cadre_class noter = {.name = "noter", .receive = note_token};
static const cadre_class forwarder = {.name = "forwarder", .receive = forward};
static const cadre_class stasher = {.name = "stasher", .receive = set_aside};
static const cadre_class replier = {.name = "replier", .receive = reply};
static const cadre_class asker = {.name = "asker", .receive = ask};

static void request(const struct cell *from, const struct cell *to, uint64_t value)
{
    write_to(from, cell_address(to), LETTER_TOKEN, TOKEN, &number_type,
             &(number){value});
}

static void envelope_token_reaches_receive(void **state)
{
    struct cell *cell = born(&noter, NULL), *from = born(&sink_class, NULL);
    tell_number(cell, 1);
    request(from, cell, 2);
    tell_number(cell, 3);
    run_dry(); /* its first turn, which begins with the start */
    assert_record(0, 1, TOKEN, 2, 0, 3);
    record_clear();
    request(from, cell, 4);
    tell_number(cell, 5);
    run_dry(); /* one like any other */
    assert_record(TOKEN, 4, 0, 5);
    assert_int_equal(load_relaxed(&self.handled), 5);
    assert_int_equal(load_relaxed(&self.dropped), 2); /* that there is no answer */
}

static void envelope_forwarded_has_its_token_still(void **state)
{
    struct cell *first = born(&forwarder, NULL), *second = born(&noter, NULL);
    next.id = cell_address(second);
    request(second, first, 6);
    tell_number(first, 7);
    run_dry();
    assert_record(TOKEN, 0, TOKEN, 6, 0, 7);
}

static void envelope_stashed_has_its_token_still(void **state)
{
    struct cell *cell = born(&stasher, NULL), *from = born(&sink_class, NULL);
    for (stashes = 0; stashes < 3; stashes++) {
        int times = stashes;
        record_clear();
        request(from, cell, 7);
        run_dry();
        assert_record(TOKEN, 7);
        stashes = times;
    }
    assert_int_equal(load_relaxed(&self.dropped), 3);
}

static void envelope_reply_has_the_token_of_what_it_answers(void **state)
{
    struct cell *cell = born(&asker, NULL), *other = born(&replier, NULL);
    next.id = cell_address(other);
    for (uint64_t how = 1; how <= 2; how++) {
        record_clear();
        tell_number(cell, how);
        run_dry();
        assert_int_equal(asked.id != 0, how == 1);
        assert_record(asked.id, 8);
    }
}

static void envelope_with_token_to_one_that_has_ended_is_a_dead_letter(void **state)
{
    struct cell *cell = born(&noter, NULL);
    run_dry();
    uint64_t gone =
        address_of_life(cell_address(cell), address_generation(cell_address(cell)) - 1);
    drops_clear();
    write_to(cell, gone, LETTER_TOKEN, TOKEN, &owned_type, &(owned){0});
    run_dry();
    assert_dropped_once(1);
    assert_int_equal(record.count, 0);
    assert_int_equal(load_relaxed(&self.dead), 1);
    assert_int_equal(load_relaxed(&self.dropped), 1); /* nobody had asked */
    char text[ADDRESS_TEXT], line[64];
    snprintf(line, sizeof line, "to %s (?): it has ended", address_text(text, gone));
    assert_int_equal(lines_with(line), 1);
}

/* It becomes its own failure, where it is, and is freed with all that it was. */
static void envelope_of_a_request_that_fails_is_that_of_the_failure(void **state)
{
    static const unsigned char body[POOL_BLOCK_MAX];
    struct cell *from = born(&sink_class, NULL);
    run_dry();
    for (int i = 0; i < SIZES + 1; i++) {
        const cadre_type type = {.size = i < SIZES ? sizes[i] : POOL_BLOCK_MAX};
        struct envelope *e = NULL;
        size_t before = load_relaxed(&world.heap.bytes);
        assert_int_equal(send_prepare(&outside, &e, LETTER_TOKEN, &type, body), 0);
        e->from = cell_address(from);
        envelope_tail(e)->token = TOKEN;
        send_dead(&outside, e, 99, NULL, DEAD_NOBODY);
        assert_ptr_equal(letter_of(load_relaxed(&from->task.inbox.newest)), &e->letter);
        assert_int_equal(letter_kind(&e->letter), LETTER_ANSWER);
        assert_ptr_equal(e->type, &cadre_failure_type);
        assert_int_equal(((cadre_failure *)(void *)e->body)->code, CADRE_EDEAD);
        assert_true(((cadre_failure *)(void *)e->body)->origin.id == 99);
        assert_true(e->from == 99 && envelope_tail(e)->token == TOKEN);
        run_dry();
        if (i == SIZES)
            assert_int_equal(load_relaxed(&world.heap.bytes), before);
    }
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    TESTS(cmocka_unit_test(envelope_header_is_half_a_line),
          cmocka_unit_test(envelope_size_is_header_and_body),
          cmocka_unit_test(envelope_tail_stands_aligned_behind_the_body),
          ON_STAGE(envelope_prepared_holds_body_and_tail),
          ON_STAGE(envelope_of_the_greatest_block_goes_back_where_it_was),
          ON_STAGE(envelope_delivered_is_for_a_life_and_keeps_its_tail),
          ON_STAGE(envelope_token_reaches_receive),
          ON_STAGE(envelope_forwarded_has_its_token_still),
          ON_STAGE(envelope_stashed_has_its_token_still),
          ON_STAGE(envelope_reply_has_the_token_of_what_it_answers),
          ON_STAGE(envelope_with_token_to_one_that_has_ended_is_a_dead_letter),
          ON_STAGE(envelope_of_a_request_that_fails_is_that_of_the_failure));
    return RUN_TESTS();
}
