/* test_spawn.c: cadre_spawn, start, and what an actor knows about itself. */
#include "support/support.h"

#include <errno.h>
#include <stdio.h>

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_type go_type = {.name = "go"};

/* ---- state ---- */

static unsigned char expected[5000];
static size_t checked_size;

static int check_state(cadre_self *self, void *state)
{
    assert_int_equal((uintptr_t)state % _Alignof(max_align_t), 0);
    assert_memory_equal(state, expected, checked_size);
    memset(state, 0xee, checked_size); /* all of it is ours */
    record_add(checked_size);
    return 0;
}

static void spawn_of_size(cadre_self *self, size_t size, const void *init)
{
    static cadre_class class = {
        .name = "sized", .start = check_state, .receive = nothing};
    class.state_size = checked_size = size;
    assert_int_equal(cadre_spawn(self, NULL, &class, init), 0);
}

static size_t size_now;
static void spawn_with_init(cadre_self *self)
{
    static unsigned char init[sizeof expected];
    memcpy(init, expected, sizeof init);
    spawn_of_size(self, size_now, init);
    memset(init, 0x55, sizeof init); /* it was copied: the child starts later */
}

static void spawn_without_init(cadre_self *self)
{
    spawn_of_size(self, size_now, NULL);
}

static const size_t state_sizes[] = {1, 8, 15, 16, 17, 24, 100, 1000, 4096, 4097, 5000};
enum { STATE_SIZES = sizeof state_sizes / sizeof state_sizes[0] };

static void spawn_copies_init(void **state)
{
    record_clear();
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (unsigned char)(i * 7 + 1);
    for (size_t i = 0; i < STATE_SIZES; i++) {
        size_now = state_sizes[i];
        assert_int_equal(play(spawn_with_init), 0);
    }
    assert_int_equal(record.count, STATE_SIZES);
}

static void spawn_without_init_zeroes_state(void **state)
{
    record_clear();
    memset(expected, 0, sizeof expected);
    for (size_t i = 0; i < STATE_SIZES; i++) {
        size_now = state_sizes[i];
        assert_int_equal(play(spawn_without_init), 0);
    }
    assert_int_equal(record.count, STATE_SIZES);
}

/* A used cell and a used block must look like new ones. */
static int brief_start(cadre_self *self, void *state)
{
    (void)check_state(self, state);
    return CADRE_STOP;
}

static int spawn_brief(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_class class = {
        .name = "brief", .start = brief_start, .receive = nothing};
    uint64_t left = cadre_body(m, number)->value;
    class.state_size = checked_size = size_now;
    assert_int_equal(cadre_spawn(self, NULL, &class, NULL), 0);
    return left > 1 ? cadre_send(self, cadre_me(self), number, left - 1) : 0;
}

static void spawn_one_after_the_other(cadre_self *self)
{
    cadre_become(self, spawn_brief);
    assert_int_equal(cadre_send(self, cadre_me(self), number, 50), 0);
}

static void spawn_in_a_used_slot_zeroes_state(void **state)
{
    memset(expected, 0, sizeof expected);
    record_clear();
    cadre_config config = quiet(1, 1);
    config.batch = 1; /* so that each has ended when the next is spawned */
    size_now = 16;    /* inside the cell */
    assert_int_equal(play_with(&config, spawn_one_after_the_other), 0);
    size_now = 24; /* beside it */
    assert_int_equal(play_with(&config, spawn_one_after_the_other), 0);
    assert_int_equal(record.count, 100);
}

static int check_no_state(cadre_self *self, void *state)
{
    assert_null(state);
    record_add(1);
    return 0;
}

static void spawn_stateless(cadre_self *self)
{
    static const cadre_class class = {.start = check_no_state, .receive = nothing};
    assert_int_equal(cadre_spawn(self, NULL, &class, "ignored"), 0);
}

static void spawn_without_state_gives_null(void **state)
{
    record_clear();
    assert_int_equal(play(spawn_stateless), 0);
    assert_record(1);
}

static void spawn_a_megabyte(cadre_self *self)
{
    static const cadre_class class = {.state_size = 1 << 20, .receive = nothing};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}

static void spawn_with_a_large_state(void **state)
{
    assert_int_equal(play(spawn_a_megabyte), 0);
}

/* ---- the order of things ---- */

static int started(cadre_self *self, void *state)
{
    record_add(1);
    return 0;
}

static int got_message(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(2);
    return 0;
}

static void stopped(cadre_self *self, void *state, int reason) { record_add(3); }

static const cadre_class diary_class = {
    .name = "diary", .start = started, .receive = got_message, .stop = stopped};

static void spawn_and_send(cadre_self *self)
{
    cadre_ref child = {0};
    assert_int_equal(cadre_spawn(self, &child, &diary_class, NULL), 0);
    assert_true(child.id != 0);
    record_add(0); /* start runs later */
    assert_int_equal(cadre_send_as(self, child, &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, child, &go_type, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}

static void start_comes_first_and_later_than_spawn(void **state)
{
    record_clear();
    assert_int_equal(play(spawn_and_send), 0);
    assert_record(0, 1, 2, 2, 3);
}

static int start_result;
static int refuse_start(cadre_self *self, void *state)
{
    record_add(1);
    return start_result;
}

static void spawn_refuser(cadre_self *self)
{
    static const cadre_class class = {.name = "refuser",
                                      .start = refuse_start,
                                      .receive = got_message,
                                      .stop = stopped};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &class, NULL), 0);
    assert_int_equal(cadre_send_as(self, child, &go_type, NULL), 0);
}

static void start_failing_calls_neither_receive_nor_stop(void **state)
{
    record_clear();
    start_result = -77;
    assert_int_equal(play(spawn_refuser), 0);
    assert_record(1);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(lines_with("(refuser) failed at its start"), 1);
}

static void start_stopping_calls_neither_receive_nor_stop(void **state)
{
    record_clear();
    start_result = CADRE_STOP;
    assert_int_equal(play(spawn_refuser), 0);
    assert_record(1);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(lines_with("failed"), 0);
}

static void start_returning_nonsense(void)
{
    record_clear();
    start_result = 2;
    assert_int_equal(play(spawn_refuser), 0);
    assert_record(1);
    assert_int_equal(lines_with("class refuser: a callback returned 2"), 1);
    assert_int_equal(lines_with("failed at its start: Invalid argument"), 1);
}

static void start_returning_any_other_value_fails(void **state)
{
    misuse(start_returning_nonsense);
}

static void root_failing_at_start_is_the_systems_result(void **state)
{
    static const cadre_class root = {.start = refuse_start, .receive = nothing};
    cadre_config config = quiet(2, 1);
    record_clear();
    start_result = -77;
    assert_int_equal(run(&config, &root, NULL), -77);
    start_result = CADRE_STOP;
    assert_int_equal(run(&config, &root, NULL), 0);
}

static void spawn_plain(cadre_self *self)
{
    static const cadre_class plain = {.receive = got_message};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &plain, NULL), 0);
    assert_int_equal(cadre_send_as(self, child, &go_type, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}

static void hooks_left_out_do_nothing(void **state)
{
    record_clear();
    assert_int_equal(play(spawn_plain), 0);
    assert_record(2);
}

/* ---- errors ---- */

static const cadre_class *bad_class;
static int spawn_error;
static void spawn_badly(cadre_self *self)
{
    cadre_ref child = {42};
    assert_int_equal(cadre_spawn(self, &child, bad_class, NULL), spawn_error);
    assert_int_equal(child.id, 42); /* written on success only */
}

static void expect_spawn_error(const cadre_class *class, int err, const char *line)
{
    bad_class = class;
    spawn_error = err;
    assert_int_equal(play(spawn_badly), 0);
    assert_int_equal(sums.spawned, 1);
    if (line)
        assert_int_equal(lines_with(line), 1);
}

static void null_class(void)
{
    expect_spawn_error(NULL, -EINVAL, "cadre_spawn: class is NULL");
}
static void no_receive(void)
{
    static const cadre_class class = {.name = "deaf"};
    expect_spawn_error(&class, -EINVAL, "cadre_spawn: class deaf has no receive");
}
static void reserved_in_use(void)
{
    static int x;
    static const cadre_class class = {
        .name = "newer", .receive = nothing, .reserved = {NULL, NULL, &x}};
    expect_spawn_error(&class, -EINVAL, "class newer: reserved is not zero");
}

static void spawn_of_null_class_is_einval(void **state) { misuse(null_class); }
static void spawn_without_receive_is_einval(void **state) { misuse(no_receive); }
static void spawn_with_reserved_is_einval(void **state) { misuse(reserved_in_use); }

static void spawn_of_too_large_state_is_emsgsize(void **state)
{
    static const cadre_class over = {.state_size = ((size_t)1 << 30) + 1,
                                     .receive = nothing};
    static const cadre_class most = {.state_size = SIZE_MAX, .receive = nothing};
    expect_spawn_error(&over, -EMSGSIZE, NULL);
    expect_spawn_error(&most, -EMSGSIZE, NULL);
}

static void spawn_beyond_memory_is_enomem(void **state)
{
    static const cadre_class big = {.state_size = 64 << 20, .receive = nothing};
    cadre_config config = quiet(2, 1);
    config.memory_max = 32 << 20;
    bad_class = &big;
    spawn_error = -ENOMEM;
    assert_int_equal(play_with(&config, spawn_badly), 0);
}

static void spawn_at_end(cadre_self *self, void *state, int reason)
{
    assert_int_equal(cadre_spawn(self, NULL, &sink_class, NULL), -ESHUTDOWN);
    record_add(9);
}

static void spawn_late_spawner(cadre_self *self)
{
    static const cadre_class late = {.receive = nothing, .stop = spawn_at_end};
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, &late, NULL), 0);
    assert_int_equal(cadre_stop(self, child), 0);
}

static void spawn_while_ending_is_eshutdown(void **state)
{
    record_clear();
    assert_int_equal(play(spawn_late_spawner), 0);
    assert_record(9);
}

/* ---- what an actor knows ---- */

static cadre_ref family[2];
static int know_parent(cadre_self *self, void *state)
{
    assert_ptr_equal(cadre_class_of(self)->start, know_parent);
    assert_true(cadre_same(cadre_parent(self), family[0]));
    assert_true(cadre_same(cadre_me(self), family[1]));
    assert_non_null(cadre_system_of(self));
    record_add(1);
    return 0;
}

static void look_around(cadre_self *self)
{
    static const cadre_class child = {.start = know_parent, .receive = nothing};
    family[0] = cadre_me(self);
    assert_true(family[0].id != 0);
    assert_int_equal(cadre_parent(self).id, 0);
    cadre_ref root = cadre_system_root(cadre_system_of(self));
    assert_true(cadre_same(root, family[0]));
    assert_int_equal(cadre_spawn(self, &family[1], &child, NULL), 0);
}

static char who[CADRE_REF_TEXT];
static int refuse(cadre_self *self, void *state, cadre_msg *m)
{
    (void)cadre_ref_text(who, cadre_me(self));
    return cadre_unhandled(self, m);
}
static void send_in_vain(cadre_self *self)
{
    static const cadre_class child = {.receive = refuse};
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &child, NULL), 0);
    assert_int_equal(cadre_send(self, ref, number, 1), 0);
}
static void address_has_the_text_of_the_log(void **state)
{
    char line[64];
    assert_int_equal(play(send_in_vain), 0);
    snprintf(line, sizeof line, " to %s (", who);
    assert_int_equal(lines_with(line), 1);
    assert_string_equal(cadre_ref_text(who, (cadre_ref){0}), "outside");
}

static void actor_knows_itself_and_its_parent(void **state)
{
    record_clear();
    assert_int_equal(play(look_around), 0);
    assert_record(1);
}

static cadre_time last_now;
static int time_passes(cadre_self *self, void *state, cadre_msg *m)
{
    assert_true(cadre_now(self) > last_now);
    record_add(1);
    return 0;
}

static void look_at_clock(cadre_self *self)
{
    last_now = cadre_now(self);
    assert_true(last_now > 0 && last_now < CADRE_SECOND); /* virtual */
    assert_int_equal(cadre_now(self), last_now);
    cadre_become(self, time_passes);
    assert_int_equal(cadre_send_as(self, cadre_me(self), &go_type, NULL), 0);
}

static void now_stands_still_in_a_turn(void **state)
{
    cadre_config config = quiet(1, 3);
    config.batch = 1;
    record_clear();
    assert_int_equal(play_with(&config, look_at_clock), 0);
    assert_record(1);
}

static void draw(cadre_self *self)
{
    for (int i = 0; i < 4; i++)
        record_add(cadre_random(self));
}

static void random_is_replayable(void **state)
{
    record_clear();
    for (uint64_t seed = 1; seed <= 2; seed++) {
        cadre_config config = quiet(2, seed);
        assert_int_equal(play_with(&config, draw), 0);
        assert_int_equal(play_with(&config, draw), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(record.values[i] == record.values[4 + i]);
        assert_true(record.values[8 + i] == record.values[12 + i]);
        assert_true(record.values[i] != record.values[8 + i]);
        assert_true(i == 0 || record.values[i] != record.values[i - 1]);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(spawn_copies_init),
          cmocka_unit_test(spawn_without_init_zeroes_state),
          cmocka_unit_test(spawn_in_a_used_slot_zeroes_state),
          cmocka_unit_test(spawn_without_state_gives_null),
          cmocka_unit_test(spawn_with_a_large_state),
          cmocka_unit_test(start_comes_first_and_later_than_spawn),
          cmocka_unit_test(start_failing_calls_neither_receive_nor_stop),
          cmocka_unit_test(start_stopping_calls_neither_receive_nor_stop),
          cmocka_unit_test(start_returning_any_other_value_fails),
          cmocka_unit_test(root_failing_at_start_is_the_systems_result),
          cmocka_unit_test(hooks_left_out_do_nothing),
          cmocka_unit_test(spawn_of_null_class_is_einval),
          cmocka_unit_test(spawn_without_receive_is_einval),
          cmocka_unit_test(spawn_with_reserved_is_einval),
          cmocka_unit_test(spawn_of_too_large_state_is_emsgsize),
          cmocka_unit_test(spawn_beyond_memory_is_enomem),
          cmocka_unit_test(spawn_while_ending_is_eshutdown),
          cmocka_unit_test(actor_knows_itself_and_its_parent),
          cmocka_unit_test(address_has_the_text_of_the_log),
          cmocka_unit_test(now_stands_still_in_a_turn),
          cmocka_unit_test(random_is_replayable));
    return RUN_TESTS();
}
