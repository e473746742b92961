/* test_fail_events.c: what the report of a failure says of the time before. */
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

/* ---- the line ---- */

static char lately[600]; /* the last one */
static atomic_uint latelies;
static void keep_lately(void *user, int level, const char *line)
{
    if (strncmp(line, "  lately: ", 10) != 0)
        return;
    snprintf(lately, sizeof lately, "%s", line);
    atomic_fetch_add(&latelies, 1);
}

static void assert_lately(const char *const *texts, int count)
{
    const char *at = lately;
    for (int i = 0; i < count; i++) {
        const char *found = strstr(at, texts[i]);
        if (!found)
            print_message("`%s` is not at its place in\n%s\n", texts[i], lately);
        assert_non_null(found);
        at = found + strlen(texts[i]);
    }
}
#define LATELY(...)                                                                    \
    assert_lately((const char *const[]){__VA_ARGS__},                                  \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Handlers on a worker's thread may not assert. */
static atomic_uint refused;
static void must(int err) { atomic_fetch_add(&refused, err != 0); }

static cadre_config config;
static void be_quiet(uint32_t workers, uint64_t seed)
{
    config = (cadre_config){.workers = workers, .seed = seed, .log = keep_lately};
    lately[0] = '\0';
    latelies = 0;
}

static void play_one(void (*scene)(cadre_self *self))
{
    refused = 0;
    assert_int_equal(play_with(&config, scene), 0);
    assert_int_equal(refused, 0);
}

/* ---- what happened to it ---- */

typedef struct {
    int n;
} tick;
typedef struct {
    int n;
} call;
static CADRE_TYPE(tick);
static CADRE_TYPE(call);

static int nothing(void *body) { return 0; }

/* Each brings on the next: a timer, a request to nobody, a call. */
static int go_through_all(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, tick))
        return cadre_ask(self, NULL, (cadre_ref){0}, CADRE_SECOND, tick, 0);
    if (m->type == &cadre_failure_type)
        return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_SECOND, nothing, call,
                             0);
    return cadre_body(m, number) ? cadre_after(self, NULL, CADRE_MS, tick, 0)
                                 : cadre_fail(self, -EIO, "at last");
}
static const cadre_class clerk = {.name = "clerk", .receive = go_through_all};

static void employ(cadre_self *self)
{
    cadre_ref child;
    must(cadre_spawn(self, &child, &clerk, NULL));
    must(cadre_send(self, child, number, 1));
}

static void failure_has_events(void **state)
{
    be_quiet(1, 7); /* messages, too */
    play_one(employ);
    LATELY("  lately: ", " ms ago ", " has a timer: tick; ", " took tick from ",
           ": an operation failed (-5000); ", " took cadre_failure from ",
           ": an offloaded call came back; ");
    be_quiet(1, 0);
    play_one(employ);
    LATELY("  lately: ", " was spawned: clerk by ", " has a timer: tick; ",
           ": an operation failed (-5000); ", ": an offloaded call came back");
    assert_null(strstr(lately, " took "));
    assert_int_equal(latelies, 1);
}

static int give_up(cadre_self *self, void *state, cadre_msg *m) { return -EIO; }
static const cadre_class failing = {.name = "failing", .receive = give_up};

static void have_one_fail(cadre_self *self)
{
    cadre_ref child;
    must(cadre_spawn(self, &child, &failing, NULL));
    for (int i = 0; i < 100; i++)
        must(cadre_spawn(self, NULL, &sink_class, NULL));
    must(cadre_send(self, child, number, 1));
}

static void events_of_others_are_left_out(void **state)
{
    be_quiet(1, 0);
    play_one(have_one_fail);
    assert_int_equal(latelies, 0); /* a hundred events that were of others */
}

static void messages_are_events_on_request(void **state)
{
    be_quiet(1, 0);
    config.record_messages = true;
    play_one(have_one_fail);
    LATELY("  lately: ", " took number from ");
}

static int die(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    return n && n->value == 3 ? -EIO : cadre_unhandled(self, m);
}

static void send_some(cadre_self *self)
{
    static const cadre_class class = {.name = "mute", .receive = die};
    cadre_ref child;
    must(cadre_spawn(self, &child, &class, NULL));
    for (uint64_t i = 0; i < 4; i++)
        must(cadre_send(self, child, number, i));
}

static void dead_letters_are_events(void **state)
{
    be_quiet(1, 0);
    play_one(send_some);
    LATELY(" did not take number from ", " did not take number from ");
}

/* ---- how often it has started ---- */

static int restart_twice(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return 0;
    if (down->starts == 3)
        return cadre_release(self, down->child);
    must(cadre_restart(self, down->child));
    return cadre_send(self, down->child, number, 1);
}

static int keep_one(cadre_self *self, void *state)
{
    cadre_ref child;
    must(cadre_spawn_with(self, &child, &failing, NULL, &(cadre_opts){.keep = true}));
    return cadre_send(self, child, number, 1);
}

static void keep(cadre_self *self)
{
    static const cadre_class parent = {.start = keep_one, .receive = restart_twice};
    must(cadre_spawn(self, NULL, &parent, NULL));
}

static void failure_has_starts(void **state)
{
    cadre_config logged = quiet(1, 7);
    assert_int_equal(play_with(&logged, keep), 0);
    assert_int_equal(lines_with("(failing) failed on number"), 3);
    assert_int_equal(lines_with("has started "), 2);
    assert_int_equal(lines_with("; has started 2 times"), 1);
    assert_int_equal(lines_with("; has started 3 times"), 1);
    be_quiet(1, 0);
    play_one(keep);
    LATELY(" was spawned: failing by ", " failed (-5) on number; ",
           " starts again, start 2; ", " failed (-5) on number; ",
           " starts again, start 3");
}

int main(void)
{
    TESTS(cmocka_unit_test(failure_has_events),
          cmocka_unit_test(events_of_others_are_left_out),
          cmocka_unit_test(messages_are_events_on_request),
          cmocka_unit_test(dead_letters_are_events),
          cmocka_unit_test(failure_has_starts));
    return RUN_TESTS();
}
