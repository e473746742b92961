/* test_name.c: actors that are found by name. */
#include "support/open.h"
#include "support/support.h"

#include <cadre/name.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

static cadre_ref where(cadre_self *self, const char *name)
{
    return cadre_whereis(self, name);
}

/* ---- one actor ---- */

static void have_names(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    assert_int_equal(where(self, "a").id, 0);
    assert_int_equal(cadre_register(self, "a"), 0);
    assert_true(cadre_same(where(self, "a"), me));
    assert_int_equal(cadre_register(self, "a"), -EEXIST);
    assert_int_equal(cadre_register(self, "A"), 0); /* byte by byte */
    assert_true(cadre_same(where(self, "A"), me));
    assert_int_equal(cadre_unregister(self, "a"), 0);
    assert_int_equal(cadre_unregister(self, "a"), -ENOENT);
    assert_int_equal(where(self, "a").id, 0);
    assert_true(cadre_same(where(self, "A"), me));
    assert_true(cadre_same(cadre_system_whereis(cadre_system_of(self), "A"), me));
    assert_int_equal(cadre_register(self, "a"), 0);
}
static void names_come_and_go(void **state) { assert_int_equal(play(have_names), 0); }

static void ask_for_impossible_names(cadre_self *self)
{
    char text[CADRE_NAME_MAX + 2] = {0};
    memset(text, 'x', CADRE_NAME_MAX);
    assert_int_equal(cadre_register(self, text), 0);
    assert_true(cadre_same(where(self, text), cadre_me(self)));
    text[CADRE_NAME_MAX] = 'x';
    assert_int_equal(where(self, NULL).id, 0);
    assert_int_equal(where(self, "").id, 0);
    assert_int_equal(where(self, text).id, 0);
    assert_int_equal(where(self, "\xff").id, 0);
    assert_int_equal(cadre_unregister(self, ""), -ENOENT);
    assert_int_equal(cadre_unregister(self, text), -ENOENT);
    assert_int_equal(cadre_unregister(self, "\n"), -ENOENT);
    assert_int_equal(cadre_unregister(self, "nobody"), -ENOENT);
    assert_int_equal(lines_with(""), 0);
}
static void nobody_has_an_impossible_name(void **state)
{
    assert_int_equal(play(ask_for_impossible_names), 0);
}

/* ---- more actors ---- */

typedef struct {
    const char *name;
    int expected, result; /* of its registration; of its start */
} named;
static atomic_uint stopped;
static int named_start(cadre_self *self, void *state)
{
    named *n = state;
    assert_int_equal(cadre_register(self, n->name), n->expected);
    return n->result;
}
/* It has its names until it has ended, and gets no more. */
static void named_stop(cadre_self *self, void *state, int reason)
{
    named *n = state;
    bool mine = cadre_same(where(self, n->name), cadre_me(self));
    assert_int_equal(mine, n->expected == 0);
    assert_int_equal(cadre_register(self, "too late"), -ESHUTDOWN);
    assert_int_equal(cadre_unregister(self, "too late"), -ENOENT);
    stopped++;
}
static int named_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &number_type ? (int)cadre_body(m, number)->value - 100 : 0;
}
static const cadre_class named_class = {.name = "named",
                                        .state_size = sizeof(named),
                                        .start = named_start,
                                        .receive = named_receive,
                                        .stop = named_stop};

static int step;
static cadre_ref first, second;
static cadre_ref spawn_named(cadre_self *self, int expected, int result)
{
    cadre_ref ref;
    named init = {"n", expected, result};
    assert_int_equal(cadre_spawn(self, &ref, &named_class, &init), 0);
    return ref;
}
/* Each step when everything else has come to rest. */
static int go_on(cadre_self *self, void *state, cadre_msg *m)
{
    switch (step++) {
    case 0:
        assert_true(cadre_same(where(self, "n"), first));
        assert_int_equal(cadre_unregister(self, "n"), -ENOENT); /* another's */
        second = spawn_named(self, -EEXIST, 0);
        break;
    case 1:
        assert_int_equal(cadre_stop(self, second), 0);
        break;
    case 2:
        assert_true(cadre_same(where(self, "n"), first)); /* and not the second's */
        assert_int_equal(cadre_send(self, first, number, 93), 0); /* it fails */
        break;
    case 3:
        assert_int_equal(where(self, "n").id, 0);
        assert_int_equal(stopped, 2);
        (void)spawn_named(self, 0, -5);
        break;
    case 4: /* its start failed: no stop, and no name */
        assert_int_equal(where(self, "n").id, 0);
        assert_int_equal(stopped, 2);
        return cadre_register(self, "n");
    }
    return cadre_after(self, NULL, CADRE_MS, contact, {0});
}
static void begin(cadre_self *self)
{
    step = 0;
    stopped = 0;
    first = spawn_named(self, 0, 0);
    cadre_become(self, go_on);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, contact, {0}), 0);
}
static void names_end_with_their_actor(void **state)
{
    cadre_config config = quiet(1, 1);
    for (uint64_t seed = 1; seed < 20; seed++) {
        config.seed = seed;
        config.workers = 1;
        assert_int_equal(play_with(&config, begin), 0);
        assert_int_equal(step, 5);
    }
}

/* ---- those who end first ---- */

/* The parent is told of a child's end last of all, so whoever has no children left finds
 * none of their names. */
enum { FAMILY = 50 };
static void parent_stop(cadre_self *self, void *state, int reason)
{
    char name[32];
    for (int i = 0; i < FAMILY; i++) {
        snprintf(name, sizeof name, "child %d", i);
        if (where(self, name).id == 0)
            stopped++;
    }
}
static int child_start(cadre_self *self, void *state)
{
    char name[32];
    snprintf(name, sizeof name, "child %d", *(int *)state);
    return cadre_register(self, name);
}
static const cadre_class child_class = {
    .state_size = sizeof(int), .start = child_start, .receive = named_receive};
static int parent_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < FAMILY; i++)
        err = cadre_spawn(self, NULL, &child_class, &i);
    return err;
}
static const cadre_class parent_class = {
    .start = parent_start, .receive = named_receive, .stop = parent_stop};
static void end_family(const cadre_config *given)
{
    cadre_config config = *given;
    config.end_when_quiet = true;
    stopped = 0;
    assert_int_equal(run(&config, &parent_class, NULL), 0);
    assert_int_equal(stopped, FAMILY);
}
static void freed_before_down(void **state) { every_way(end_family); }

/* ---- from outside ---- */

static cadre_ref listed[8];
static unsigned count;
static void list(void *user, const char *name, cadre_ref owner)
{
    cadre_system *sys = user;
    assert_true(cadre_same(cadre_system_whereis(sys, name), owner));
    assert_true(count < 8);
    listed[count++] = owner;
}
static int name_oneself(cadre_self *self, void *state)
{
    int err = cadre_register(self, "the root");
    if (!err)
        err = cadre_register(self, "a name that is longer than sixteen bytes");
    return err;
}
static void named_from_outside(void **state)
{
    static const cadre_class root = {.start = name_oneself, .receive = named_receive};
    cadre_system *sys = open_system(1, 1, &root);
    assert_int_equal(cadre_system_names(sys, list, sys), 0);
    assert_int_equal(cadre_system_whereis(sys, "the root").id, 0); /* not started */
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_true(
        cadre_same(cadre_system_whereis(sys, "the root"), cadre_system_root(sys)));
    count = 0;
    assert_int_equal(cadre_system_names(sys, list, sys), 2);
    assert_int_equal(count, 2);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_whereis(sys, "the root").id, 0);
    assert_int_equal(cadre_system_names(sys, list, sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(cadre_system_whereis(sys, "the root").id, 0);
    assert_int_equal(cadre_system_names(sys, list, sys), -EINVAL);
    assert_int_equal(cadre_system_whereis(NULL, "x").id, 0);
    assert_int_equal(cadre_system_names(NULL, list, NULL), -EINVAL);
}

/* Two systems, the same names. */
static void systems_have_their_own(void **state)
{
    static const cadre_class root = {.start = name_oneself, .receive = named_receive};
    cadre_system *a = open_system(1, 1, &root), *b = open_system(1, 2, &root);
    while (cadre_system_poll(a, 0) > 0 || cadre_system_poll(b, 0) > 0) {
    }
    assert_true(cadre_same(cadre_system_whereis(a, "the root"), cadre_system_root(a)));
    assert_true(cadre_same(cadre_system_whereis(b, "the root"), cadre_system_root(b)));
    close_system(a);
    close_system(b);
}

/* ---- 12, 13, 17: what is refused ---- */

static const char *bad_name;
static void register_badly(cadre_self *self)
{
    assert_int_equal(cadre_register(self, bad_name), -EINVAL);
}
static void play_bad_name(void)
{
    assert_int_equal(play(register_badly), 0);
    assert_int_equal(lines_with("cadre_register: the name "), 1);
    assert_int_equal(lines_with("\n") + lines_with("\x1b") + lines_with("\xe2"), 0);
}
static void row_12_bad_names(void **state)
{
    char text[CADRE_NAME_MAX + 2] = {0};
    memset(text, 'x', CADRE_NAME_MAX + 1);
    const char *const names[] = {NULL,
                                 "",
                                 text,
                                 "a\nb",
                                 "\x1b[2J",
                                 "\xff",
                                 "\xc0\xaf",
                                 "abc\xe2\x80\xae"
                                 "def",
                                 "\xc2\x85",
                                 "x\x7f",
                                 "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bad_name = names[i];
        misuse(play_bad_name);
    }
}

static void unregister_null(cadre_self *self)
{
    assert_int_equal(cadre_unregister(self, NULL), -EINVAL);
}
static void play_unregister_null(void)
{
    assert_int_equal(play(unregister_null), 0);
    assert_int_equal(lines_with("cadre_unregister: the name is NULL"), 1);
}
static void row_12_unregister_null(void **state) { misuse(play_unregister_null); }

static cadre_self *leaked;
static int leak(cadre_self *self, void *state)
{
    leaked = self;
    return cadre_register(self, "mine");
}
static void use_leaked_self(void)
{
    static const cadre_class leaking = {.start = leak, .receive = named_receive};
    cadre_system *sys = open_system(1, 1, &leaking);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    if (step == 0)
        assert_int_equal(cadre_register(leaked, "x"), -EPERM);
    else if (step == 1)
        assert_int_equal(cadre_unregister(leaked, "mine"), -EPERM);
    else
        assert_int_equal(cadre_whereis(leaked, "mine").id, 0);
    assert_int_equal(lines_with("called outside the actor's callback"), 1);
    assert_int_not_equal(cadre_system_whereis(sys, "mine").id, 0);
    close_system(sys);
}
static void row_17_names_between_turns(void **state)
{
    for (step = 0; step < 3; step++)
        misuse(use_leaked_self);
    assert_int_equal(cadre_register(NULL, "x"), -EINVAL);
    assert_int_equal(cadre_unregister(NULL, "x"), -EINVAL);
    assert_int_equal(cadre_whereis(NULL, "x").id, 0);
}

static void visit_with_null(void)
{
    cadre_system *sys = open_system(1, 1, &sink_class);
    assert_int_equal(cadre_system_names(sys, NULL, NULL), -EINVAL);
    close_system(sys);
}
static void visit_is_null(void **state) { misuse(visit_with_null); }

int main(void)
{
    TESTS(cmocka_unit_test(names_come_and_go),
          cmocka_unit_test(nobody_has_an_impossible_name),
          cmocka_unit_test(names_end_with_their_actor),
          cmocka_unit_test(freed_before_down), cmocka_unit_test(named_from_outside),
          cmocka_unit_test(systems_have_their_own), cmocka_unit_test(row_12_bad_names),
          cmocka_unit_test(row_12_unregister_null),
          cmocka_unit_test(row_17_names_between_turns),
          cmocka_unit_test(visit_is_null));
    return RUN_TESTS();
}
