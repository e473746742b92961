/* test_fail.c: failing with words, and the report that is made of it. */
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/fail.h>
#include <cadre/timer.h>

#include <errno.h>

enum { NO_ROUTE = CADRE_EUSER - 3 };

static cadre_ref spawn(cadre_self *self, const cadre_class *class)
{
    cadre_ref child;
    assert_int_equal(cadre_spawn(self, &child, class, NULL), 0);
    return child;
}

static int fail_by_words(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_fail(self, NO_ROUTE, "no route to %s, port %d", "example.org", 80);
}
static const cadre_class router = {.name = "router", .receive = fail_by_words};

static void send_to_router(cadre_self *self)
{
    assert_int_equal(cadre_send(self, spawn(self, &router), number, 1), 0);
}

static void failure_has_words(void **state)
{
    assert_int_equal(play(send_to_router), 0);
    assert_int_equal(lines_with("(router) failed on number: no route to example.org, "
                                "port 80: "),
                     1);
    assert_int_equal(lines_with("(-10003)"), 1);
}

static int fail_otherwise(cadre_self *self, void *state, cadre_msg *m)
{
    (void)cadre_fail(self, NO_ROUTE, "forgotten");
    return -EIO;
}

static int fail_later(cadre_self *self, void *state, cadre_msg *m) { return NO_ROUTE; }

/* The words of another failure: of the same code, by another actor. */
static void fail_twice(cadre_self *self)
{
    static const cadre_class first = {.name = "first", .receive = fail_otherwise};
    static const cadre_class second = {.name = "second", .receive = fail_later};
    assert_int_equal(cadre_send(self, spawn(self, &first), number, 1), 0);
    assert_int_equal(cadre_send(self, spawn(self, &second), number, 1), 0);
}

static void words_of_others_are_not_used(void **state)
{
    cadre_config config = quiet(1, 7);
    assert_int_equal(play_with(&config, fail_twice), 0);
    assert_int_equal(lines_with("(first) failed on number: Input/output error"), 1);
    assert_int_equal(lines_with("(second) failed on number: "), 1);
    assert_int_equal(lines_with("forgotten"), 0);
}

static int start_in_words(cadre_self *self, void *state)
{
    return cadre_fail(self, -ENOENT, "%s", (const char *)state);
}

static void start_badly(cadre_self *self)
{
    static const cadre_class class = {.name = "late",
                                      .state_size = 400,
                                      .start = start_in_words,
                                      .receive = fail_later};
    char text[400];
    memset(text, 'x', sizeof text);
    /* 199 bytes, then characters of two: the 200 end within the first of them. */
    for (size_t i = 199; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 1] = '\0';
    assert_int_equal(cadre_spawn(self, NULL, &class, text), 0);
}

static void words_are_cut_at_a_character(void **state)
{
    assert_int_equal(play(start_badly), 0);
    assert_int_equal(lines_with("(late) failed at its start: xxx"), 1);
    assert_int_equal(lines_with("x: No such file or directory (-2)"), 1);
    assert_int_equal(lines_with("\xc3"), 0);
}

/* A chain of eight generations; the last one fails, with things left over. */
static int descend(cadre_self *self, void *state)
{
    static const cadre_class class = {.name = "heir",
                                      .state_size = sizeof(int),
                                      .start = descend,
                                      .receive = fail_later};
    int left = *(int *)state - 1;
    if (left > 0)
        return cadre_spawn(self, NULL, &class, &left);
    assert_int_equal(cadre_after(self, NULL, CADRE_SECOND, number, 1), 0);
    assert_int_equal(cadre_spawn(self, NULL, &sink_class, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cadre_send(self, cadre_me(self), number, 1), 0);
    return 0;
}

static void found_a_house(cadre_self *self)
{
    static const cadre_class class = {.name = "heir",
                                      .state_size = sizeof(int),
                                      .start = descend,
                                      .receive = fail_later};
    assert_int_equal(cadre_spawn(self, NULL, &class, &(int){8}), 0);
}

static void fail_below(cadre_self *self)
{
    static const cadre_class parent = {.name = "parent",
                                       .state_size = sizeof(int),
                                       .start = descend,
                                       .receive = fail_later};
    assert_int_equal(cadre_spawn(self, NULL, &parent, &(int){2}), 0);
}

static void failure_has_a_path(void **state)
{
    cadre_config config = quiet(1, 7);
    assert_int_equal(play_with(&config, fail_below), 0);
    assert_int_equal(lines_with("(parent), of "), 1);
    assert_int_equal(lines_with("message from "), 1);
    assert_int_equal(lines_with("; leaves 2 messages, 1 child, 1 operation"), 1);
    assert_int_equal(lines_with(", of others"), 0);
    assert_int_equal(play(found_a_house), 0);
    assert_int_equal(lines_with(", of others"), 1);
}

static int root_fails(cadre_self *self, void *state) { return -EIO; }

static void root_has_no_parent(void **state)
{
    static const cadre_class root = {.start = root_fails, .receive = fail_later};
    cadre_config config = quiet(1, 7);
    assert_int_equal(run(&config, &root, NULL), -EIO);
    assert_int_equal(lines_with("  the root; leaves 0 messages, 0 children, "
                                "0 operations"),
                     1);
}

static void fail_a_hundred_times(cadre_self *self)
{
    static const cadre_class class = {
        .name = "late", .start = root_fails, .receive = fail_later};
    for (int i = 0; i < 100; i++)
        (void)spawn(self, &class);
}

static void reports_are_limited(void **state)
{
    assert_int_equal(play(fail_a_hundred_times), 0);
    assert_int_equal(lines_with("failed at its start"), 10);
}

/* ---- misuse ---- */

static int give_a_positive_code(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_fail(self, 3, "three"), -EINVAL);
    return 0;
}
static int give_zero(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_fail(self, 0, "zero"), -EINVAL);
    return 0;
}
static int give_no_words(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_fail(self, -EIO, NULL), -EINVAL);
    return 0;
}

static cadre_receive *misused;
static void send_misuse(cadre_self *self)
{
    const cadre_class class = {.receive = misused};
    static cadre_class kept;
    kept = class;
    assert_int_equal(cadre_send(self, spawn(self, &kept), number, 1), 0);
}
static void play_misuse(void)
{
    assert_int_equal(play(send_misuse), 0);
    assert_int_equal(sums.handled, 1);
}

static void bad_codes_are_refused(void **state)
{
    cadre_receive *const all[] = {give_a_positive_code, give_zero, give_no_words};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        misused = all[i];
        misuse(play_misuse);
    }
    assert_int_equal(cadre_fail(NULL, -EIO, "from nowhere"), -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(failure_has_words),
          cmocka_unit_test(words_of_others_are_not_used),
          cmocka_unit_test(words_are_cut_at_a_character),
          cmocka_unit_test(failure_has_a_path), cmocka_unit_test(root_has_no_parent),
          cmocka_unit_test(reports_are_limited),
          cmocka_unit_test(bad_codes_are_refused));
    return RUN_TESTS();
}
