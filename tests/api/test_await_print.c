/* test_await_print.c: where handlers wait, in the log. */
#include "support/awaiting.h"

#include <errno.h>

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);

static void after(cadre_self *self, cadre_time time)
{
    assert_int_equal(cadre_sleep(self, time), 0);
}

static int wait_closed(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg answer;
    uint64_t token = ask_for(self, ((player *)state)->friend, 9 * CADRE_SECOND, 0);
    must_await(self, token, &answer);
    assert_int_equal(cadre_body(&answer, cadre_failure)->code, -ETIMEDOUT);
    assert_int_equal(cadre_receive_type(self, &tick_type, 9 * CADRE_SECOND, &answer),
                     -ETIMEDOUT);
    record_add(value_of(m));
    return 0;
}

static int wait_open(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg rung;
    assert_int_equal(cadre_after(self, &token, 9 * CADRE_SECOND, tick, 0), 0);
    must_await_open(self, token.id, &rung);
    assert_true(cadre_now(self) >= 9 * CADRE_SECOND);
    returned++;
    return 0;
}

/* How many lines there are since the last time. */
static unsigned new_lines(const char *text, unsigned *before)
{
    unsigned now = lines_with(text), more = now - *before;
    *before = now;
    return more;
}

static void ask_and_count(cadre_self *self, cadre_ref whom, const char *text,
                          unsigned expected)
{
    unsigned lines = lines_with(text), frames = lines_with("  #");
    assert_int_equal(cadre_print_waits(self, whom), 0);
    after(self, CADRE_MS);
    assert_int_equal(new_lines(text, &lines), expected);
    if (strstr(text, "no handler"))
        assert_int_equal(new_lines("  #", &frames), 0);
    else
        assert_true(new_lines("  #", &frames) > expected);
}

static cadre_ref closed_one, open_one, idle_one;

static int look(cadre_self *self, void *state, cadre_msg *m)
{
    after(self, CADRE_SECOND);
    ask_and_count(self, idle_one, "no handler waits", 1);
    ask_and_count(self, closed_one, "(player): a handler waits for an answer", 1);
    assert_true(lines_with("test_await_print") > 0); /* the program's own frames */
    after(self, 9 * CADRE_SECOND);
    ask_and_count(self, closed_one, "(player): a handler waits for tick", 1);
    assert_int_equal(cadre_print_waits(self, (cadre_ref){12345}), 0);
    record_add(2);
    return 0;
}

static int look_at_open(cadre_self *self, void *state, cadre_msg *m)
{
    after(self, CADRE_SECOND);
    ask_and_count(self, open_one, "(player): a handler waits for a timer, open", 2);
    ask_and_count(self, open_one, "(player): a handler waits for a timer, open", 2);
    assert_int_equal(returned, 0);
    return 0;
}

static void closed_scene(cadre_self *self)
{
    idle_one = serve(self, KEEP, (cadre_ref){0});
    closed_one = cast(self, wait_closed, idle_one);
    tell_number(self, closed_one, 1);
    tell_number(self, cast(self, look, (cadre_ref){0}), 1);
}

static void closed_judge(void) { assert_record(2, 1); }

static void open_scene(cadre_self *self)
{
    open_one = cast(self, wait_open, (cadre_ref){0});
    tell_number(self, open_one, 1);
    tell_number(self, open_one, 2);
    tell_number(self, cast(self, look_at_open, (cadre_ref){0}), 1);
}

static void open_judge(void) { assert_int_equal(returned, 2); }

static void waits_are_printed(void **state)
{
    awaiting(closed_scene, closed_judge);
    awaiting(open_scene, open_judge);
}

/* One that is killed while it is to print. */
static void kill_scene(cadre_self *self)
{
    open_one = cast(self, wait_open, (cadre_ref){0});
    assert_int_equal(cadre_print_waits(self, open_one), 0);
    assert_int_equal(cadre_kill(self, open_one, 0), 0);
    assert_int_equal(cadre_print_waits(self, open_one), 0);
}

static void the_dead_print_nothing(void **state)
{
    awaiting(kill_scene, NULL);
    assert_int_equal(cadre_print_waits(NULL, open_one), -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(waits_are_printed),
          cmocka_unit_test(the_dead_print_nothing));
    return RUN_TESTS();
}
