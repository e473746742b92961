/* test_stash.c: forward, stash, unstash, become and dispatch. */
#include "support/support.h"

#include <cadre/dispatch.h>

#include <errno.h>

static const cadre_type go_type = {.name = "go"};
static const cadre_type end_type = {.name = "end"};

/* Sends the numbers first .. last to `to`. */
static void send_numbers(cadre_self *self, cadre_ref to, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++)
        assert_int_equal(cadre_send(self, to, number, i), 0);
}

/* ---- forward ---- */

static cadre_ref client, backend;

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(cadre_same(m->from, client)); /* not the one that passed it on */
    return cadre_reply(self, m, number, cadre_body(m, number)->value * 2);
}

static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_forward(self, backend, m), 0);
    assert_null(m->body);
    return 0;
}

static int take_answer(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(cadre_same(m->from, backend));
    record_add(cadre_body(m, number)->value);
    return 0;
}

static void ask_through(cadre_self *self)
{
    static const cadre_class answering = {.receive = answer};
    static const cadre_class passing = {.receive = pass_on};
    cadre_ref front;
    client = cadre_me(self);
    cadre_become(self, take_answer);
    assert_int_equal(cadre_spawn(self, &backend, &answering, NULL), 0);
    assert_int_equal(cadre_spawn(self, &front, &passing, NULL), 0);
    send_numbers(self, front, 1, 3);
}

static void forward_keeps_the_sender(void **state)
{
    record_clear();
    assert_int_equal(play(ask_through), 0);
    assert_record(2, 4, 6);
    assert_int_equal(sums.accepted, 9);
    assert_int_equal(sums.handled, 9);
}

/* Moves an owned body and then fails, or forwards a second time. */
static int second_try;
static int move_badly(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg copy = *m;
    switch (second_try) {
    case 0: /* forward twice */
        assert_int_equal(cadre_forward(self, client, m), 0);
        assert_int_equal(cadre_forward(self, client, m), -EINVAL);
        break;
    case 1: /* forward what was stashed */
        assert_int_equal(cadre_stash(self, m), 0);
        assert_int_equal(cadre_forward(self, client, m), -EINVAL);
        break;
    case 2: /* stash what was forwarded, with a copy of the view */
        assert_int_equal(cadre_forward(self, client, m), 0);
        assert_int_equal(cadre_stash(self, &copy), -EINVAL);
        break;
    case 3:
        assert_int_equal(cadre_forward(self, client, NULL), -EINVAL);
        break;
    case 4:
        assert_int_equal(cadre_stash(self, NULL), -EINVAL);
        break;
    }
    record_add(1);
    return 0;
}

static void send_to_mover(cadre_self *self)
{
    static const cadre_class mover = {.name = "mover", .receive = move_badly};
    cadre_ref to;
    client = cadre_me(self);
    assert_int_equal(cadre_spawn(self, &to, &mover, NULL), 0);
    assert_int_equal(cadre_send(self, to, owned, 0), 0);
}

static void move_twice(void)
{
    record_clear();
    drops_clear();
    assert_int_equal(play(send_to_mover), 0);
    assert_record(1);
    assert_dropped_once(1);
    assert_int_equal(lines_with("m is not the message in hand, or was passed on"), 1);
    assert_int_equal(sums.accepted, sums.handled + sums.dead);
}

static void forward_twice_is_einval(void **state)
{
    second_try = 0;
    misuse(move_twice);
}
static void forward_after_stash_is_einval(void **state)
{
    second_try = 1;
    misuse(move_twice);
}
static void stash_after_forward_is_einval(void **state)
{
    second_try = 2;
    misuse(move_twice);
}
static void forward_of_null_is_einval(void **state)
{
    second_try = 3;
    misuse(move_twice);
}
static void stash_of_null_is_einval(void **state)
{
    second_try = 4;
    misuse(move_twice);
}

static int forward_and_fail(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_forward(self, client, m), 0);
    return -6;
}

static int take_owned(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, owned)->id);
    return 0;
}

static void send_to_failing_forwarder(cadre_self *self)
{
    static const cadre_class class = {.receive = forward_and_fail};
    cadre_ref to;
    client = cadre_me(self);
    cadre_become(self, take_owned);
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    assert_int_equal(cadre_send(self, to, owned, 0), 0);
}

static void what_was_forwarded_survives_the_forwarders_failure(void **state)
{
    record_clear();
    drops_clear();
    assert_int_equal(play(send_to_failing_forwarder), 0);
    assert_record(0);
    assert_dropped_once(1);
    assert_int_equal(sums.accepted, 2);
    assert_int_equal(sums.dead, 1);
}

/* ---- stash ---- */

/* Sets numbers aside until `go`, then records all it gets. */
static int open_gate(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, number))
        record_add(cadre_body(m, number)->value);
    return m->type == &end_type ? CADRE_STOP : 0;
}

static int closed_gate(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &go_type) {
        cadre_unstash(self);
        cadre_become(self, open_gate);
        return 0;
    }
    assert_int_equal(cadre_stash(self, m), 0);
    assert_null(m->body);
    return 0;
}
static const cadre_class gate_class = {.name = "gate", .receive = closed_gate};

static void send_through_gate(cadre_self *self)
{
    cadre_ref gate;
    assert_int_equal(cadre_spawn(self, &gate, &gate_class, NULL), 0);
    send_numbers(self, gate, 1, 100);
    assert_int_equal(cadre_send_as(self, gate, &go_type, NULL), 0);
    send_numbers(self, gate, 101, 120);
}

static void unstash_gives_back_in_order_before_any_other(void **state)
{
    static const uint32_t batches[] = {1, 2, 3, 63, 0, 1000};
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            cadre_config config = quiet(2, seed);
            config.batch = batches[b];
            record_clear();
            assert_int_equal(play_with(&config, send_through_gate), 0);
            assert_int_equal(record.count, 120);
            for (uint64_t i = 0; i < 120; i++)
                assert_int_equal(record.values[i], i + 1);
            assert_int_equal(sums.handled, 121);
            assert_int_equal(sums.pending, 0);
        }
}

/* Sets each number aside as often as its value says. */
static int reluctant(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    if (!n) {
        cadre_unstash(self);
        return 0;
    }
    record_add(n->value);
    if (n->value % 10 == 0)
        return 0;
    n->value--;
    int err = cadre_stash(self, m);
    if (n->value % 10 == 0)
        cadre_unstash(self);
    return err;
}

static void send_to_reluctant(cadre_self *self)
{
    static const cadre_class class = {.receive = reluctant};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    send_numbers(self, to, 12, 12);
    send_numbers(self, to, 21, 21);
    send_numbers(self, to, 30, 30);
}

static void unstash_in_a_message_given_back(void **state)
{
    record_clear();
    assert_int_equal(play(send_to_reluctant), 0);
    /* 12 waits as 11; 21 as 20, and frees both; 11 as 10, and frees it behind 20. */
    assert_record(12, 21, 11, 10, 20, 30);
}

static int end_now;
static int stash_then(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stash(self, m), 0);
    return end_now;
}

static void send_to_stasher(cadre_self *self)
{
    static const cadre_class stasher = {.name = "stasher", .receive = stash_then};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &stasher, NULL), 0);
    for (uint32_t id = 0; id < 3; id++)
        assert_int_equal(cadre_send(self, to, owned, id), 0);
    assert_int_equal(cadre_stop(self, to), 0);
}

static void stash_left_at_the_end_becomes_dead_letters(void **state)
{
    for (end_now = -1; end_now <= 1; end_now++) {
        drops_clear();
        assert_int_equal(play(send_to_stasher), 0);
        assert_dropped_once(3);
        assert_int_equal(sums.dead, 3);
        assert_int_equal(sums.handled, 0);
    }
}

static void end_behind_gate(cadre_self *self)
{
    cadre_ref gate;
    assert_int_equal(cadre_spawn(self, &gate, &gate_class, NULL), 0);
    send_numbers(self, gate, 1, 2);
    assert_int_equal(cadre_send_as(self, gate, &end_type, NULL), 0);
    send_numbers(self, gate, 3, 4);
    assert_int_equal(cadre_send_as(self, gate, &go_type, NULL), 0);
    send_numbers(self, gate, 5, 5);
}

static void stop_among_messages_given_back_leaves_dead_letters(void **state)
{
    record_clear();
    assert_int_equal(play(end_behind_gate), 0);
    assert_record(1, 2);
    assert_int_equal(sums.dead, 3);
}

static void stash_pending_scene(cadre_self *self)
{
    static const cadre_class stasher = {.receive = stash_then};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &stasher, NULL), 0);
    send_numbers(self, to, 1, 5);
}

static void what_is_set_aside_counts_as_pending(void **state)
{
    static const cadre_class root = {.receive = stash_then};
    cadre_config config = quiet(2, 1);
    cadre_system *sys;
    end_now = 0;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.pending, 5);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(play(stash_pending_scene), 0); /* nor does it keep it from quiet */
}

static void unstash_nothing_scene(cadre_self *self) { cadre_unstash(self); }

static void unstash_of_nothing_is_nothing(void **state)
{
    assert_int_equal(play(unstash_nothing_scene), 0);
}

/* ---- become ---- */

static int second_behaviour(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(200 + cadre_body(m, number)->value);
    cadre_become(self, NULL); /* the class's own */
    return 0;
}

static int first_behaviour(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(100 + cadre_body(m, number)->value);
    cadre_become(self, second_behaviour);
    return 0;
}

static void send_to_changing(cadre_self *self)
{
    static const cadre_class class = {.receive = first_behaviour};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    send_numbers(self, to, 1, 4);
}

static void become_changes_the_next_message(void **state)
{
    record_clear();
    assert_int_equal(play(send_to_changing), 0);
    assert_record(101, 202, 103, 204);
}

/* ---- dispatch ---- */

static int on_number(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, number)->value);
    assert_ptr_equal(state, NULL);
    return 0;
}
static int on_number_again(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(99);
    return 0;
}
static int on_end(cadre_self *self, void *state, cadre_msg *m) { return CADRE_STOP; }

static int by_table(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on table[] = {{&number_type, on_number},
                                     {&end_type, on_end},
                                     {&number_type, on_number_again},
                                     {NULL, NULL}};
    assert_int_equal(cadre_dispatch(NULL, state, m, table), -EINVAL);
    assert_int_equal(cadre_dispatch(self, state, NULL, table), -EINVAL);
    assert_int_equal(cadre_dispatch(self, state, m, NULL), -EINVAL);
    return cadre_dispatch(self, state, m, table);
}

static void send_to_table(cadre_self *self)
{
    static const cadre_class class = {.name = "table", .receive = by_table};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &class, NULL), 0);
    send_numbers(self, to, 7, 8);
    assert_int_equal(cadre_send_as(self, to, &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, to, &end_type, NULL), 0);
    send_numbers(self, to, 9, 9);
}

static void dispatch_calls_the_first_entry_of_the_type(void **state)
{
    record_clear();
    assert_int_equal(play(send_to_table), 0);
    assert_record(7, 8);
    assert_int_equal(sums.handled, 3);
    assert_int_equal(sums.dead,
                     2); /* the one without an entry, the one after the end */
    assert_int_equal(lines_with("dead letter: go"), 1);
}

int main(void)
{
    TESTS(cmocka_unit_test(forward_keeps_the_sender),
          cmocka_unit_test(forward_twice_is_einval),
          cmocka_unit_test(forward_after_stash_is_einval),
          cmocka_unit_test(stash_after_forward_is_einval),
          cmocka_unit_test(forward_of_null_is_einval),
          cmocka_unit_test(stash_of_null_is_einval),
          cmocka_unit_test(what_was_forwarded_survives_the_forwarders_failure),
          cmocka_unit_test(unstash_gives_back_in_order_before_any_other),
          cmocka_unit_test(unstash_in_a_message_given_back),
          cmocka_unit_test(stash_left_at_the_end_becomes_dead_letters),
          cmocka_unit_test(stop_among_messages_given_back_leaves_dead_letters),
          cmocka_unit_test(what_is_set_aside_counts_as_pending),
          cmocka_unit_test(unstash_of_nothing_is_nothing),
          cmocka_unit_test(become_changes_the_next_message),
          cmocka_unit_test(dispatch_calls_the_first_entry_of_the_type));
    return RUN_TESTS();
}
