/* test_envelope.c: a message in memory, its token, and what becomes of them. */
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

static void envelope_token_stands_aligned_behind_the_body(void **state)
{
    for (int i = 0; i < SIZES; i++) {
        const cadre_type type = {.size = sizes[i]};
        size_t at = envelope_token_at(&type);
        assert_int_equal(at % 8, 0);
        assert_in_range(at, sizes[i], sizes[i] + 7);
        assert_int_equal(envelope_size(&type, true), 32 + at + 8);
        struct envelope e = {.type = &type};
        assert_ptr_equal(envelope_token(&e), e.body + at);
    }
}

/* ---- prepared, delivered ---- */

static void envelope_prepared_holds_body_and_token(void **state)
{
    static unsigned char body[5000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i % 251);
    for (uint32_t size = 0; size < sizeof body; size += size < 200 ? 1 : 97)
        for (int with = 0; with < 2; with++) {
            const cadre_type type = {.size = size};
            struct envelope *e = NULL;
            uint64_t token = with ? TOKEN : 0;
            assert_int_equal(send_prepare(&outside, &e, token, &type, body), 0);
            assert_int_equal(envelope_has_token(e), with);
            assert_ptr_equal(e->type, &type);
            assert_true(e->from == 0);
            assert_memory_equal(e->body, body, size);
            if (with)
                assert_true(*envelope_token(e) == TOKEN);
            size_t all = envelope_size(&type, with);
            assert_int_equal(e->letter.place, all > POOL_BLOCK_MAX
                                                  ? POOL_PLACE_NONE
                                                  : pool_place_of(pool_class_of(all)));
            self_free(&outside, e);
        }
}

/* The last that fits in the pool's greatest block, without and with a token. */
static void envelope_of_the_greatest_block_goes_back_where_it_was(void **state)
{
    static char body[POOL_BLOCK_MAX];
    size_t before = 0;
    for (uint32_t less = 0; less <= 48; less++)
        for (int with = 0; with < 2; with++) {
            const cadre_type type = {.size = POOL_BLOCK_MAX - less};
            struct envelope *e = NULL;
            int err = send_prepare(&outside, &e, with ? TOKEN : 0, &type, body);
            assert_int_equal(err, 0);
            bool from_heap = 32 + POOL_BLOCK_MAX - less + (with ? 8 : 0) >
                             POOL_BLOCK_MAX; /* or a little more, for the token */
            if (!with || less % 8 == 0)
                assert_int_equal(e->letter.place == POOL_PLACE_NONE, from_heap);
            size_t held = load_relaxed(&world.heap.bytes);
            bool is_heaps = e->letter.place == POOL_PLACE_NONE;
            self_free(&outside, e);
            before = load_relaxed(&world.heap.bytes);
            assert_int_equal(held - before, is_heaps ? envelope_size(&type, with) : 0);
        }
}

static void envelope_delivered_is_for_a_life_and_keeps_its_token(void **state)
{
    for (int with = 0; with < 2; with++) {
        struct cell *a = born(&sink_class, NULL), *b = born(&sink_class, NULL);
        struct envelope *e = NULL;
        assert_int_equal(
            send_prepare(&outside, &e, with ? TOKEN : 0, &number_type, &(number){1}),
            0);
        send_deliver(&outside, e, cell_address(a));
        assert_ptr_equal(letter_of(inbox_take(&a->task.inbox, INBOX_AWAKE)),
                         &e->letter);
        assert_int_equal(envelope_has_token(e), with);
        assert_true(cell_letter_address(a, &e->letter) == cell_address(a));
        uint64_t later = address_of_life(cell_address(b), GENERATION_MAX);
        send_deliver(&outside, e, later); /* forwarded */
        assert_int_equal(envelope_has_token(e), with);
        assert_true(cell_letter_address(b, &e->letter) == later);
        if (with)
            assert_true(*envelope_token(e) == TOKEN);
        run_dry(); /* it was too early for that life */
        assert_int_equal(load_relaxed(&self.dead), with + 1);
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

static const cadre_class noter = {.name = "noter", .receive = note_token};
static const cadre_class forwarder = {.name = "forwarder", .receive = forward};
static const cadre_class stasher = {.name = "stasher", .receive = set_aside};
static const cadre_class replier = {.name = "replier", .receive = reply};

static void envelope_token_reaches_receive(void **state)
{
    struct cell *cell = born(&noter, NULL);
    tell_number(cell, 1);
    tell(cell_address(cell), TOKEN, &number_type, &(number){2});
    tell_number(cell, 3);
    run_dry(); /* its first turn, which begins with the start */
    assert_record(0, 1, TOKEN, 2, 0, 3);
    record_clear();
    tell(cell_address(cell), TOKEN, &number_type, &(number){4});
    tell_number(cell, 5);
    run_dry(); /* one like any other */
    assert_record(TOKEN, 4, 0, 5);
    assert_int_equal(load_relaxed(&self.handled), 5);
}

static void envelope_forwarded_has_its_token_still(void **state)
{
    struct cell *first = born(&forwarder, NULL), *second = born(&noter, NULL);
    next.id = cell_address(second);
    tell(cell_address(first), TOKEN, &number_type, &(number){6});
    tell_number(first, 7);
    run_dry();
    assert_record(TOKEN, 0, TOKEN, 6, 0, 7);
}

static void envelope_stashed_has_its_token_still(void **state)
{
    struct cell *cell = born(&stasher, NULL);
    for (stashes = 0; stashes < 3; stashes++) {
        int times = stashes;
        record_clear();
        tell(cell_address(cell), TOKEN, &number_type, &(number){7});
        run_dry();
        assert_record(TOKEN, 7);
        stashes = times;
    }
}

static void envelope_reply_has_the_token_of_what_it_answers(void **state)
{
    struct cell *asker = born(&noter, NULL), *other = born(&replier, NULL);
    for (int with = 0; with < 2; with++) {
        struct envelope *e = NULL;
        record_clear();
        assert_int_equal(
            send_prepare(&outside, &e, with ? TOKEN : 0, &number_type, &(number){1}),
            0);
        e->from = cell_address(asker);
        send_deliver(&outside, e, cell_address(other));
        run_dry();
        assert_record(with ? TOKEN : 0, 8);
    }
}

static void envelope_with_token_to_one_that_has_ended_is_a_dead_letter(void **state)
{
    struct cell *cell = born(&noter, NULL);
    run_dry();
    uint64_t gone =
        address_of_life(cell_address(cell), address_generation(cell_address(cell)) - 1);
    drops_clear();
    tell(gone, TOKEN, &owned_type, &(owned){0});
    run_dry();
    assert_dropped_once(1);
    assert_int_equal(record.count, 0);
    assert_int_equal(load_relaxed(&self.dead), 1);
    char text[ADDRESS_TEXT], line[64];
    snprintf(line, sizeof line, "to %s (?): it has ended", address_text(text, gone));
    assert_int_equal(lines_with(line), 1);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    TESTS(cmocka_unit_test(envelope_header_is_half_a_line),
          cmocka_unit_test(envelope_size_is_header_and_body),
          cmocka_unit_test(envelope_token_stands_aligned_behind_the_body),
          ON_STAGE(envelope_prepared_holds_body_and_token),
          ON_STAGE(envelope_of_the_greatest_block_goes_back_where_it_was),
          ON_STAGE(envelope_delivered_is_for_a_life_and_keeps_its_token),
          ON_STAGE(envelope_token_reaches_receive),
          ON_STAGE(envelope_forwarded_has_its_token_still),
          ON_STAGE(envelope_stashed_has_its_token_still),
          ON_STAGE(envelope_reply_has_the_token_of_what_it_answers),
          ON_STAGE(envelope_with_token_to_one_that_has_ended_is_a_dead_letter));
    return RUN_TESTS();
}
