/* test_send.c: send and reply: bodies, errors, dead letters, and what is dropped. */
#include "support/support.h"

#include <errno.h>

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_type go_type = {.name = "go"};

/* ---- bodies ---- */

static unsigned char *body_sent;
static cadre_type sized_type = {.name = "sized"};

static int check_body(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &sized_type);
    assert_int_equal((uintptr_t)m->body % _Alignof(max_align_t), 0);
    assert_memory_equal(m->body, body_sent, sized_type.size);
    memset(m->body, 0xdd, sized_type.size); /* the receiver's alone */
    record_add(sized_type.size);
    return 0;
}

static void send_sized_body(cadre_self *self)
{
    static const cadre_class class = {.name = "reader", .receive = check_body};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    assert_int_equal(cadre_send_as(self, to, &sized_type, body_sent), 0);
    assert_int_equal(cadre_send_as(self, to, &sized_type, body_sent), 0);
}

static void send_copies_bodies_of_any_size(void **state)
{
    static const uint32_t sizes[] = {
        0,  1,    2,    3,    4,    5,       7,
        8,  9,    16,   24,   63,   64,      1000,
        80, 4048, 4049, 4096, 4097, 1 << 20, CADRE_BODY_MAX};
    record_clear();
    body_sent = malloc(CADRE_BODY_MAX);
    for (size_t i = 0; i < CADRE_BODY_MAX; i++)
        body_sent[i] = (unsigned char)(i * 31 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sized_type.size = sizes[i];
        assert_int_equal(play(send_sized_body), 0);
    }
    free(body_sent);
    assert_int_equal(record.count, 2 * sizeof sizes / sizeof sizes[0]);
}

static int expect_empty(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &go_type);
    record_add(cadre_body(m, number) == NULL);
    return 0;
}

static void send_empty_bodies(cadre_self *self)
{
    cadre_become(self, expect_empty);
    assert_int_equal(cadre_send_as(self, cadre_me(self), &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, cadre_me(self), &go_type, "ignored"), 0);
}

static void send_of_size_0_takes_any_body(void **state)
{
    record_clear();
    assert_int_equal(play(send_empty_bodies), 0);
    assert_record(1, 1);
}

/* ---- sender and reply ---- */

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    assert_true(cadre_same(m->from, cadre_parent(self)));
    assert_int_equal(m->token.id, 0);
    return cadre_reply(self, m, number, n->value + 1);
}

static cadre_ref echo_ref;
static int take_answer(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(cadre_same(m->from, echo_ref));
    record_add(cadre_body(m, number)->value);
    return 0;
}

static void ask_echo(cadre_self *self)
{
    static const cadre_class echo = {.name = "echo", .receive = echo_receive};
    cadre_become(self, take_answer);
    assert_int_equal(cadre_spawn(self, &echo_ref, &echo, NULL), 0);
    assert_int_equal(cadre_send(self, echo_ref, number, 41), 0);
}

static void reply_goes_to_the_sender(void **state)
{
    record_clear();
    assert_int_equal(play(ask_echo), 0);
    assert_record(42);
}

static int answer_outside(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(m->from.id, 0);
    assert_int_equal(cadre_reply(self, m, owned, 0), 0);
    return CADRE_STOP;
}

static void reply_to_outside_is_a_dead_letter(void **state)
{
    static const cadre_class root = {.receive = answer_outside};
    cadre_config config = quiet(1, 1);
    cadre_system *sys;
    drops_clear();
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(sums.dead, 1);
    assert_dropped_once(1);
}

/* ---- what receive returns ---- */

static int result_of_receive;
static int receive_once(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, owned)->id);
    return result_of_receive;
}

static void note_reason(cadre_self *self, void *state, int reason)
{
    record_add((uint64_t)(reason + 1000));
}

static void send_two(cadre_self *self)
{
    static const cadre_class class = {
        .name = "brittle", .receive = receive_once, .stop = note_reason};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    assert_int_equal(cadre_send(self, to, owned, 0), 0);
    assert_int_equal(cadre_send(self, to, owned, 1), 0);
}

static void receive_result(int result)
{
    result_of_receive = result;
    record_clear();
    drops_clear();
    assert_int_equal(play(send_two), 0);
    assert_dropped_once(2);
    assert_int_equal(sums.accepted, 2);
}

static void receive_returning_0_goes_on(void **state)
{
    receive_result(0);
    assert_record(0, 1, 1000 + CADRE_EPARENT + 0 * sums.dead);
    assert_int_equal(sums.handled, 2);
}

static void receive_returning_stop_leaves_dead_letters(void **state)
{
    receive_result(CADRE_STOP);
    assert_record(0, 1000);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(lines_with("owned from"), 1);
    assert_int_equal(lines_with("(brittle): it"), 1);
}

static void receive_failing_makes_its_message_a_dead_letter_too(void **state)
{
    receive_result(-5);
    assert_record(0, 995);
    assert_int_equal(sums.handled, 0);
    assert_int_equal(sums.dead, 2);
    assert_int_equal(lines_with("(brittle) failed on owned: Input/output error (-5)"),
                     1);
    assert_int_equal(lines_with("it failed on this message"), 1);
}

static void return_nonsense(void)
{
    receive_result(2);
    assert_record(0, 1000 - EINVAL);
    assert_int_equal(lines_with("class brittle: a callback returned 2"), 1);
}

static void receive_returning_any_other_value_fails(void **state)
{
    misuse(return_nonsense);
}

/* ---- dead letters ---- */

static int not_mine(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}

static void send_unexpected(cadre_self *self)
{
    static const cadre_class class = {.name = "fussy", .receive = not_mine};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    assert_int_equal(cadre_send(self, to, owned, 0), 0);
}

static void unhandled_is_a_dead_letter(void **state)
{
    drops_clear();
    assert_int_equal(play(send_unexpected), 0);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(sums.handled, 0);
    assert_dropped_once(1);
    assert_int_equal(lines_with("(fussy): it does not expect this type"), 1);
}

static void send_to_nobody(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    assert_int_equal(cadre_send(self, (cadre_ref){0}, owned, 0), 0);
    assert_int_equal(cadre_send(self, (cadre_ref){UINT64_MAX}, owned, 1), 0);
    assert_int_equal(cadre_send(self, (cadre_ref){me.id + 1}, owned, 2), 0);
    assert_int_equal(cadre_send(self, (cadre_ref){me.id + (1 << 28)}, owned, 3), 0);
    assert_int_equal(
        cadre_send(self, (cadre_ref){me.id ^ (UINT64_C(1) << 60)}, owned, 4), 0);
}

static void send_to_nobody_is_a_dead_letter_and_no_error(void **state)
{
    drops_clear();
    assert_int_equal(play(send_to_nobody), 0);
    assert_int_equal(sums.dead, 5);
    assert_dropped_once(5);
}

static void send_many_dead(cadre_self *self)
{
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(cadre_send(self, (cadre_ref){0}, number, i), 0);
}

static void dead_letters_are_logged_at_a_limited_rate(void **state)
{
    assert_int_equal(play(send_many_dead), 0); /* within a virtual second */
    assert_int_equal(sums.dead, 100);
    assert_int_equal(lines_with("dead letter: number from"), 10);
}

/* ---- errors, and what a failed call drops ---- */

static uint32_t next_id;
static void drop_next(void *body) { atomic_fetch_add(&drops[*(uint32_t *)body], 1); }
static const cadre_type big_type = {
    .name = "big", .size = CADRE_BODY_MAX + 1, .drop = drop_next};
static const cadre_type huge_type = {
    .name = "huge", .size = UINT32_MAX, .drop = drop_next};
static const cadre_type fat_type = {.name = "fat", .size = 8 << 20, .drop = drop_next};

static void send_too_big(cadre_self *self)
{
    cadre_msg outside = {.from = cadre_me(self)};
    uint32_t *body = calloc(1, CADRE_BODY_MAX + 1);
    for (uint32_t id = 0; id < 4; id++) {
        const cadre_type *type = id % 2 ? &huge_type : &big_type;
        *body = id;
        assert_int_equal(id < 2 ? cadre_send_as(self, cadre_me(self), type, body)
                                : cadre_reply_as(self, &outside, type, body),
                         -EMSGSIZE);
    }
    free(body);
}

static void send_over_the_size_limit_is_emsgsize(void **state)
{
    drops_clear();
    assert_int_equal(play(send_too_big), 0);
    assert_int_equal(sums.accepted, 0);
    assert_dropped_once(4);
}

static int fat_error;
static int forward_fat(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &fat_type)
        return 0;
    assert_int_equal(cadre_forward(self, cadre_parent(self), m),
                     0); /* nothing is copied */
    assert_null(m->body);
    return 0;
}

static int stash_fat(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stash(self, m), 0);
    return 0;
}

/* Of two fat messages one fits; then no other, but it can be passed on. */
static void send_beyond_memory(cadre_self *self)
{
    static const cadre_class forwarder = {.receive = forward_fat};
    static const cadre_class stasher = {.receive = stash_fat};
    cadre_msg to_me = {.from = cadre_me(self)};
    cadre_ref to;
    uint32_t *body = calloc(1, fat_type.size);
    *body = next_id++;
    assert_int_equal(cadre_spawn(self, &to, next_id % 2 ? &forwarder : &stasher, NULL),
                     0);
    assert_int_equal(cadre_send_as(self, to, &fat_type, body), 0);
    *body = next_id++;
    assert_int_equal(cadre_send_as(self, to, &fat_type, body), fat_error);
    *body = next_id++;
    assert_int_equal(cadre_reply_as(self, &to_me, &fat_type, body), fat_error);
    assert_int_equal(cadre_stop(self, to), 0); /* always works */
    free(body);
}

static void failing_calls_at_the_memory_limit_drop_once(void **state)
{
    cadre_config config = quiet(1, 1);
    config.memory_max = 12 << 20;
    drops_clear();
    fat_error = CADRE_EFULL;
    next_id = 0;
    assert_int_equal(play_with(&config, send_beyond_memory), 0); /* forwards */
    assert_int_equal(play_with(&config, send_beyond_memory), 0); /* stashes */
    assert_int_equal(sums.accepted, sums.handled + sums.dead);
    assert_dropped_once(6);
}

static void *fails_when_large(void *user, void *old, size_t old_size, size_t new_size)
{
    size_t *left = user;
    if (new_size == 0) {
        *left += old_size;
        free(old);
        return NULL;
    }
    if (new_size > *left)
        return NULL;
    *left -= new_size;
    return realloc(old, new_size);
}

static void failing_calls_out_of_memory_drop_once(void **state)
{
    size_t left = 12 << 20;
    cadre_config config = quiet(1, 1);
    config.alloc = fails_when_large;
    config.alloc_user = &left;
    drops_clear();
    fat_error = -ENOMEM;
    next_id = 0;
    assert_int_equal(play_with(&config, send_beyond_memory), 0);
    assert_int_equal(play_with(&config, send_beyond_memory), 0);
    assert_dropped_once(6);
    assert_int_equal(left, 12 << 20); /* sizes are given back when freeing */
}

/* ---- handled ones ---- */

static const cadre_type large_type = {.name = "large", .size = 1 << 20};
static uint64_t bytes_before;
static cadre_ref looker;

static uint64_t bytes_held(cadre_self *self)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(cadre_system_of(self), &c), 0);
    return c.bytes;
}

static int take_large(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send(self, looker, number, 1); /* who looks when this has returned */
}

static int look_at_bytes(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(bytes_held(self) < bytes_before + large_type.size);
    record_add(1);
    return 0;
}

static void send_large_then_look(cadre_self *self)
{
    static const cadre_class taker_class = {.receive = take_large};
    static const cadre_class looker_class = {.receive = look_at_bytes};
    cadre_ref taker;
    void *body = calloc(1, large_type.size);
    assert_int_equal(cadre_spawn(self, &looker, &looker_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &taker, &taker_class, NULL), 0);
    bytes_before = bytes_held(self);
    assert_int_equal(cadre_send_as(self, taker, &large_type, body), 0);
    free(body);
}

static void handled_ones_of_any_size_hold_no_memory(void **state)
{
    cadre_config config = quiet(1, 0);
    record_clear();
    assert_int_equal(play_with(&config, send_large_then_look), 0);
    assert_record(1);
}

static void stop_with_owned_left(cadre_self *self)
{
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &sink_class, NULL), 0);
    assert_int_equal(cadre_stop(self, to), 0);
    assert_int_equal(cadre_send(self, to, owned, 0), 0);
    assert_int_equal(cadre_send(self, cadre_me(self), owned, 1), 0);
    assert_int_equal(cadre_kill(self, cadre_me(self), -1), 0);
}

static void dead_letters_drop_once(void **state)
{
    drops_clear();
    assert_int_equal(play(stop_with_owned_left), -1);
    assert_int_equal(sums.dead, 2);
    assert_dropped_once(2);
}

/* ---- misuse ---- */

static void null_type_scene(cadre_self *self)
{
    assert_int_equal(cadre_send_as(self, cadre_me(self), NULL, "body"), -EINVAL);
}
static void null_type(void)
{
    assert_int_equal(play(null_type_scene), 0);
    assert_int_equal(lines_with("cadre_send: type is NULL"), 1);
    assert_int_equal(sums.accepted, 0);
}
static void send_of_null_type_is_einval(void **state) { misuse(null_type); }

static void null_body_scene(cadre_self *self)
{
    assert_int_equal(cadre_send_as(self, cadre_me(self), &number_type, NULL), -EINVAL);
}
static void null_body(void)
{
    assert_int_equal(play(null_body_scene), 0);
    assert_int_equal(lines_with("cadre_send: body is NULL, but type number has 8"), 1);
    assert_int_equal(sums.accepted, 0);
}
static void send_of_null_body_is_einval(void **state) { misuse(null_body); }

static void reply_null_scene(cadre_self *self)
{
    assert_int_equal(cadre_reply(self, NULL, owned, 0), -EINVAL);
}
static void reply_null(void)
{
    drops_clear();
    assert_int_equal(play(reply_null_scene), 0);
    assert_int_equal(lines_with("cadre_reply: m is NULL"), 1);
    assert_dropped_once(1);
}
static void reply_to_null_is_einval(void **state) { misuse(reply_null); }

static void send_without_self_is_einval(void **state)
{
    drops_clear();
    assert_int_equal(cadre_send(NULL, (cadre_ref){0}, owned, 0), -EINVAL);
    assert_int_equal(cadre_reply(NULL, NULL, owned, 1), -EINVAL);
    assert_int_equal(cadre_forward(NULL, (cadre_ref){0}, NULL), -EINVAL);
    assert_int_equal(cadre_stash(NULL, NULL), -EINVAL);
    assert_int_equal(cadre_spawn(NULL, NULL, &sink_class, NULL), -EINVAL);
    assert_int_equal(cadre_stop(NULL, (cadre_ref){0}), -EINVAL);
    assert_int_equal(cadre_kill(NULL, (cadre_ref){0}, 0), -EINVAL);
    assert_int_equal(cadre_me(NULL).id, 0);
    assert_int_equal(cadre_parent(NULL).id, 0);
    assert_null(cadre_system_of(NULL));
    assert_int_equal(cadre_now(NULL), 0);
    cadre_unstash(NULL);
    cadre_become(NULL, nothing);
    assert_int_equal(cadre_unhandled(NULL, NULL), 0);
    assert_dropped_once(2);
}

int main(void)
{
    TESTS(cmocka_unit_test(send_copies_bodies_of_any_size),
          cmocka_unit_test(send_of_size_0_takes_any_body),
          cmocka_unit_test(reply_goes_to_the_sender),
          cmocka_unit_test(reply_to_outside_is_a_dead_letter),
          cmocka_unit_test(receive_returning_0_goes_on),
          cmocka_unit_test(receive_returning_stop_leaves_dead_letters),
          cmocka_unit_test(receive_failing_makes_its_message_a_dead_letter_too),
          cmocka_unit_test(receive_returning_any_other_value_fails),
          cmocka_unit_test(unhandled_is_a_dead_letter),
          cmocka_unit_test(send_to_nobody_is_a_dead_letter_and_no_error),
          cmocka_unit_test(dead_letters_are_logged_at_a_limited_rate),
          cmocka_unit_test(send_over_the_size_limit_is_emsgsize),
          cmocka_unit_test(failing_calls_at_the_memory_limit_drop_once),
          cmocka_unit_test(failing_calls_out_of_memory_drop_once),
          cmocka_unit_test(handled_ones_of_any_size_hold_no_memory),
          cmocka_unit_test(dead_letters_drop_once),
          cmocka_unit_test(send_of_null_type_is_einval),
          cmocka_unit_test(send_of_null_body_is_einval),
          cmocka_unit_test(reply_to_null_is_einval),
          cmocka_unit_test(send_without_self_is_einval));
    return RUN_TESTS();
}
