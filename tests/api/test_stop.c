/* test_stop.c: cadre_stop and cadre_kill: whom, when, in which order, and why. */
#include "support/support.h"

#include <errno.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* An actor that records what happens to it: 10 * id for its start, 10 * id + value for
 * a number, and, as a pair, 10 * id + 9 and its reason for its stop. */
typedef struct {
    uint64_t id;
    int result; /* of receive */
} witness;

static uint64_t of_reason(int reason) { return (uint64_t)(-reason); }

static int witness_start(cadre_self *self, void *state)
{
    record_add(((witness *)state)->id * 10);
    return 0;
}
static int witness_receive(cadre_self *self, void *state, cadre_msg *m)
{
    witness *w = state;
    record_add(w->id * 10 + cadre_body(m, number)->value);
    return w->result;
}
static void witness_stop(cadre_self *self, void *state, int reason)
{
    record_add(((witness *)state)->id * 10 + 9);
    record_add(of_reason(reason));
}
static const cadre_class witness_class = {.name = "witness",
                                          .state_size = sizeof(witness),
                                          .start = witness_start,
                                          .receive = witness_receive,
                                          .stop = witness_stop};

static cadre_ref spawn_witness(cadre_self *self, uint64_t id)
{
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &witness_class, &(witness){id, 0}), 0);
    return ref;
}

static void send_number(cadre_self *self, cadre_ref to, uint64_t value)
{
    assert_int_equal(cadre_send(self, to, number, value), 0);
}

/* Plays the scene under several orders; each must give the same record. */
#define EXPECT(scene, ...)                                                             \
    for (uint64_t seed = 1; seed <= 10; seed++) {                                      \
        cadre_config config = quiet(2, seed);                                          \
        record_clear();                                                                \
        assert_int_equal(play_with(&config, scene), 0);                                \
        assert_record(__VA_ARGS__);                                                    \
    }

/* ---- stop ---- */

static void stop_after_two(cadre_self *self)
{
    cadre_ref child = spawn_witness(self, 1);
    send_number(self, child, 1);
    send_number(self, child, 2);
    assert_int_equal(cadre_stop(self, child), 0);
    send_number(self, child, 3);
}

static void stop_comes_after_the_messages_already_there(void **state)
{
    EXPECT(stop_after_two, 10, 11, 12, 19, 0);
    assert_int_equal(sums.dead, 1);
}

static void stop_twice(cadre_self *self)
{
    cadre_ref child = spawn_witness(self, 1);
    send_number(self, child, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_stop(self, child), 0);
}

static void stop_is_idempotent(void **state) { EXPECT(stop_twice, 10, 11, 19, 0); }

static int stop_me(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stop(self, cadre_me(self)), 0);
    (void)witness_receive(self, state, m);
    return 0;
}

static void stop_itself(cadre_self *self)
{
    static const cadre_class class = {
        .state_size = sizeof(witness), .receive = stop_me, .stop = witness_stop};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, &(witness){1, 0}), 0);
    send_number(self, child, 1);
    send_number(self, child, 2);
}

static void stop_of_itself_handles_what_it_has(void **state)
{
    EXPECT(stop_itself, 11, 12, 19, 0);
}

static int stop_in_start(cadre_self *self, void *state)
{
    assert_int_equal(cadre_stop(self, cadre_me(self)), 0);
    return witness_start(self, state);
}

static void spawn_self_stopper(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .start = stop_in_start,
                                      .receive = witness_receive,
                                      .stop = witness_stop};
    assert_int_equal(cadre_spawn(self, NULL, &class, &(witness){1, 0}), 0);
}

static void stop_in_its_own_start(void **state)
{
    EXPECT(spawn_self_stopper, 10, 19, 0);
}

static void stop_nobody(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    const uint64_t ids[] = {0,         1,          UINT64_MAX,           me.id + 1,
                            me.id - 1, ~me.id,     me.id + (1ull << 28), 1ull << 56,
                            42,        1ull << 28, me.id + (5ull << 28)};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(cadre_stop(self, (cadre_ref){ids[i]}), 0);
        assert_int_equal(cadre_kill(self, (cadre_ref){ids[i]}, -1), 0);
    }
    record_add(1);
}

static void stop_of_nobody_is_no_error(void **state) { EXPECT(stop_nobody, 1); }

static cadre_ref third_party;
static int stop_stranger(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stop(self, third_party), 0);
    return 0;
}

static void let_child_stop_its_sibling(cadre_self *self)
{
    static const cadre_class class = {.receive = stop_stranger};
    cadre_ref child;
    third_party = spawn_witness(self, 1);
    assert_int_equal(cadre_spawn(self, &child, &class, NULL), 0);
    assert_int_equal(cadre_send_as(self, child, &go_type, NULL), 0);
}

static void stop_of_a_stranger(void **state)
{
    EXPECT(let_child_stop_its_sibling, 10, 19, 0);
}

/* Its child has messages when it is stopped itself. */
static int nested_start(cadre_self *self, void *state)
{
    cadre_ref child = spawn_witness(self, 2);
    send_number(self, child, 1);
    send_number(self, child, 2);
    return witness_start(self, state);
}
static const cadre_class nested_class = {.state_size = sizeof(witness),
                                         .start = nested_start,
                                         .receive = witness_receive,
                                         .stop = witness_stop};

static cadre_ref spawn_nested(cadre_self *self, int result)
{
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &nested_class, &(witness){1, result}), 0);
    return ref;
}

static void stop_nested(cadre_self *self)
{
    assert_int_equal(cadre_stop(self, spawn_nested(self, 0)), 0);
}

static void stop_lets_children_finish_and_end_first(void **state)
{
    EXPECT(stop_nested, 10, 20, 21, 22, 29, of_reason(CADRE_EPARENT), 19, 0);
}

static void stop_nested_by_result(cadre_self *self)
{
    send_number(self, spawn_nested(self, CADRE_STOP), 1);
}

static void returning_stop_lets_children_finish_and_end_first(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cadre_config config = quiet(2, seed);
        record_clear();
        assert_int_equal(play_with(&config, stop_nested_by_result), 0);
        assert_int_equal(record.count,
                         9); /* its own 11 is somewhere among the child's */
        assert_int_equal(record.values[5], 29);
        assert_int_equal(record.values[6], of_reason(CADRE_EPARENT));
        assert_int_equal(record.values[7], 19);
        assert_int_equal(record.values[8], 0);
    }
}

/* ---- kill ---- */

static void kill_with_messages(cadre_self *self)
{
    cadre_ref child = spawn_witness(self, 1);
    send_number(self, child, 1);
    send_number(self, child, 2);
    assert_int_equal(cadre_kill(self, child, -33), 0);
}

static void kill_before_start_runs_nothing(void **state)
{
    /* Under each of these orders the scene's turn ends before the child's begins. */
    EXPECT(kill_with_messages, );
    assert_int_equal(sums.dead, 2);
    assert_int_equal(sums.actors, 0);
}

static int kill_me(cadre_self *self, void *state, cadre_msg *m)
{
    witness *w = state;
    assert_int_equal(cadre_kill(self, cadre_me(self), w->result), 0);
    record_add(5); /* the message in hand is handled */
    return 0;
}

static int kill_reason;
static void send_to_self_killer(cadre_self *self)
{
    static const cadre_class class = {
        .state_size = sizeof(witness), .receive = kill_me, .stop = witness_stop};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, &(witness){1, kill_reason}), 0);
    send_number(self, child, 1);
    send_number(self, child, 2);
}

static void kill_ends_after_the_message_in_hand(void **state)
{
    kill_reason = -33;
    EXPECT(send_to_self_killer, 5, 19, 33);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(sums.dead, 1);
}

static void kill_with_0_means_killed(void **state)
{
    kill_reason = 0;
    EXPECT(send_to_self_killer, 5, 19, of_reason(CADRE_EKILLED));
}

static int kill_in_start(cadre_self *self, void *state)
{
    assert_int_equal(cadre_kill(self, cadre_me(self), -8), 0);
    return witness_start(self, state);
}

static void spawn_kills_itself_in_start(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .start = kill_in_start,
                                      .receive = witness_receive,
                                      .stop = witness_stop};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, &(witness){1, 0}), 0);
    send_number(self, child, 1);
}

static void kill_during_start_ends_after_it(void **state)
{
    EXPECT(spawn_kills_itself_in_start, 10, 19, 8);
}

static int kill_and_fail_in_start(cadre_self *self, void *state)
{
    (void)cadre_kill(self, cadre_me(self), -8);
    (void)cadre_stop(self, cadre_me(self));
    return -4;
}

static void spawn_fails_and_kills_itself(cadre_self *self)
{
    static const cadre_class class = {
        .start = kill_and_fail_in_start, .receive = nothing, .stop = witness_stop};
    assert_int_equal(cadre_spawn(self, NULL, &class, NULL), 0);
    record_add(1);
}

static void kill_in_a_start_that_fails(void **state)
{
    EXPECT(spawn_fails_and_kills_itself, 1);
    assert_int_equal(sums.actors, 0);
}

static int kill_self_twice(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stop(self, cadre_me(self)), 0);
    assert_int_equal(cadre_kill(self, cadre_me(self), -11), 0);
    assert_int_equal(cadre_kill(self, cadre_me(self), -12), 0);
    assert_int_equal(cadre_stop(self, cadre_me(self)), 0);
    return 0;
}

static void send_to_double_killer(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .receive = kill_self_twice,
                                      .stop = witness_stop};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, &(witness){1, 0}), 0);
    send_number(self, child, 1);
}

static void kill_twice_counts_the_first_reason(void **state)
{
    EXPECT(send_to_double_killer, 19, 11);
}

static int fail_now(cadre_self *self, void *state, cadre_msg *m) { return -11; }

static void avenge(cadre_self *self, void *state, int reason)
{
    assert_int_equal(cadre_kill(self, cadre_parent(self), -12), 0);
}

static int report_to_parent(cadre_self *self, void *state)
{
    return cadre_send_as(self, cadre_parent(self), &go_type, NULL);
}

static int spawn_avenger(cadre_self *self, void *state)
{
    static const cadre_class class = {
        .start = report_to_parent, .receive = nothing, .stop = avenge};
    return cadre_spawn(self, NULL, &class, NULL);
}

/* It fails at the message of its child, which then kills it with another reason. */
static void spawn_failing_parent(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .start = spawn_avenger,
                                      .receive = fail_now,
                                      .stop = witness_stop};
    assert_int_equal(cadre_spawn(self, NULL, &class, &(witness){1, 0}), 0);
}

static void kill_while_failing_keeps_the_failures_reason(void **state)
{
    EXPECT(spawn_failing_parent, 19, 11);
}

static int kill_parent(cadre_self *self, void *state)
{
    assert_int_equal(cadre_kill(self, cadre_parent(self), -21), 0);
    return witness_start(self, state);
}

static int spawn_patricide(cadre_self *self, void *state)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .start = kill_parent,
                                      .receive = nothing,
                                      .stop = witness_stop};
    assert_int_equal(cadre_spawn(self, NULL, &class, &(witness){2, 0}), 0);
    return witness_start(self, state);
}

static void play_patricide(cadre_self *self)
{
    static const cadre_class class = {.state_size = sizeof(witness),
                                      .start = spawn_patricide,
                                      .receive = nothing,
                                      .stop = witness_stop};
    assert_int_equal(cadre_spawn(self, NULL, &class, &(witness){1, 0}), 0);
}

static void kill_of_the_parent_ends_the_child_first(void **state)
{
    EXPECT(play_patricide, 10, 20, 29, of_reason(CADRE_EPARENT), 19, 21);
}

static void kill_root(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, cadre_me(self), -70), 0);
}

static void kill_of_the_root_is_the_systems_result(void **state)
{
    assert_int_equal(play(kill_root), -70);
}

static void kill_positive_scene(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, cadre_me(self), 1), -EINVAL);
    assert_int_equal(cadre_kill(self, cadre_me(self), CADRE_STOP), -EINVAL);
}
static void kill_positive(void)
{
    assert_int_equal(play(kill_positive_scene), 0); /* it lives on */
    assert_int_equal(lines_with("cadre_kill: reason 1 is positive"), 2);
}
static void kill_with_a_positive_reason_is_einval(void **state)
{
    misuse(kill_positive);
}

/* ---- stop may still send ---- */

static void farewell(cadre_self *self, void *state, int reason)
{
    assert_int_equal(cadre_send(self, cadre_parent(self), number, 7), 0);
    assert_int_equal(cadre_send(self, cadre_me(self), owned, 0), 0); /* too late */
    assert_true(cadre_now(self) > 0);
}

static int take_farewell(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, number)->value);
    return 0;
}

static void spawn_polite(cadre_self *self)
{
    static const cadre_class class = {.receive = nothing, .stop = farewell};
    cadre_ref child;
    cadre_become(self, take_farewell);
    assert_int_equal(cadre_spawn(self, &child, &class, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}

static void stop_may_still_send(void **state)
{
    drops_clear();
    EXPECT(spawn_polite, 7);
    assert_int_equal(sums.dead, 1);
}

/* ---- a deep tree ends without recursion ---- */

enum { DEEP = 100000 };
static uint32_t depth;

static int dig(cadre_self *self, void *state)
{
    static const cadre_class class = {.start = dig, .receive = nothing};
    return ++depth < DEEP ? cadre_spawn(self, NULL, &class, NULL) : 0;
}

static void start_digging(cadre_self *self) { assert_int_equal(dig(self, NULL), 0); }

static void a_tree_of_any_depth_ends(void **state)
{
    depth = 0;
    assert_int_equal(play(start_digging), 0);
    assert_int_equal(sums.spawned, DEEP);
    assert_int_equal(sums.actors, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(stop_comes_after_the_messages_already_there),
          cmocka_unit_test(stop_is_idempotent),
          cmocka_unit_test(stop_of_itself_handles_what_it_has),
          cmocka_unit_test(stop_in_its_own_start),
          cmocka_unit_test(stop_of_nobody_is_no_error),
          cmocka_unit_test(stop_of_a_stranger),
          cmocka_unit_test(stop_lets_children_finish_and_end_first),
          cmocka_unit_test(returning_stop_lets_children_finish_and_end_first),
          cmocka_unit_test(kill_before_start_runs_nothing),
          cmocka_unit_test(kill_ends_after_the_message_in_hand),
          cmocka_unit_test(kill_with_0_means_killed),
          cmocka_unit_test(kill_during_start_ends_after_it),
          cmocka_unit_test(kill_in_a_start_that_fails),
          cmocka_unit_test(kill_twice_counts_the_first_reason),
          cmocka_unit_test(kill_while_failing_keeps_the_failures_reason),
          cmocka_unit_test(kill_of_the_parent_ends_the_child_first),
          cmocka_unit_test(kill_of_the_root_is_the_systems_result),
          cmocka_unit_test(kill_with_a_positive_reason_is_einval),
          cmocka_unit_test(stop_may_still_send),
          cmocka_unit_test(a_tree_of_any_depth_ends));
    return RUN_TESTS();
}
