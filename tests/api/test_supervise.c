/* test_supervise.c: children that go down, are restarted, or are released. */
#include "support/support.h"

#include <cadre/account.h>
#include <cadre/ask.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>

/* ---- a child that does what the numbers say ---- */

enum { FAIL = 100, STOP, STASH, UNSTASH, FAIL_ONCE, LATER, DEFER, BECOME, SPAWN };
enum { BROKEN = CADRE_EUSER - 7 };
enum { DOWN = 1000, UP = 2000, ENDED = 3000, STATE = 4000, OTHER = 5000 };

typedef struct {
    uint64_t value; /* 7 at the start of each life */
    uint64_t fill[6];
} child;

static bool failed_once, fails_at_start;

static int other_receive(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(OTHER + cadre_body(m, number)->value);
    return 0;
}

static int child_start(cadre_self *self, void *state)
{
    child *c = state;
    assert_int_equal(c->value, 7);
    for (int i = 0; i < 6; i++)
        assert_int_equal(c->fill[i], 0);
    memset(c, 0xee, sizeof *c);
    return fails_at_start ? BROKEN : 0;
}

static int child_does(cadre_self *self, cadre_msg *m, uint64_t value)
{
    cadre_promise promise;
    switch (value) {
    case FAIL:
        return BROKEN;
    case STOP:
        return CADRE_STOP;
    case FAIL_ONCE:
        record_add(value);
        if (failed_once)
            return 0;
        failed_once = true;
        return BROKEN;
    case UNSTASH:
        cadre_unstash(self);
        return 0;
    case LATER:
        return cadre_after(self, NULL, CADRE_MS, number, 1);
    case DEFER:
        return cadre_defer(self, m, &promise);
    case BECOME:
        cadre_become(self, other_receive);
        return 0;
    case SPAWN:
        return cadre_spawn(self, NULL, &sink_class, NULL);
    default:
        record_add(value);
        return 0;
    }
}

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t value = cadre_body(m, number)->value;
    if (value > STATE) { /* to be set aside once */
        cadre_body(m, number)->value -= STATE;
        return cadre_stash(self, m);
    }
    if (m->token.id && value < FAIL)
        assert_int_equal(cadre_reply(self, m, number, value), 0);
    return child_does(self, m, value);
}

static void child_stop(cadre_self *self, void *state, int reason)
{
    record_add(ENDED + (uint64_t)(reason == 0 ? 0 : reason == BROKEN ? 1 : 2));
}

static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(child),
                                        .start = child_start,
                                        .receive = child_receive,
                                        .stop = child_stop};

/* ---- the parent: the root ---- */

static struct {
    void (*begin)(cadre_self *self);
    void (*down)(cadre_self *self, const cadre_child_down *down);
    void (*later)(cadre_self *self);
    cadre_opts opts;
    cadre_ref child;
    int left; /* restarts */
} plot;

static int boss_start(cadre_self *self, void *state)
{
    plot.begin(self);
    return 0;
}

static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down) {
        assert_true(cadre_same(m->from, down->child));
        record_add(DOWN + down->starts);
        plot.down(self, down);
    } else if (cadre_body(m, cadre_child_up)) {
        assert_true(cadre_same(m->from, cadre_body(m, cadre_child_up)->child));
        record_add(UP);
    } else if (cadre_body(m, cadre_failure)) {
        assert_int_equal(cadre_body(m, cadre_failure)->code, CADRE_EDEAD);
        record_add(9999);
    } else {
        record_add(cadre_body(m, number)->value);
        if (plot.later)
            plot.later(self);
    }
    return 0;
}

static const cadre_class boss_class = {
    .name = "boss", .start = boss_start, .receive = boss_receive};

static void spawn_child(cadre_self *self)
{
    static const child init = {.value = 7};
    assert_int_equal(
        cadre_spawn_with(self, &plot.child, &child_class, &init, &plot.opts), 0);
}

static void say(cadre_self *self, uint64_t value)
{
    assert_int_equal(cadre_send(self, plot.child, number, value), 0);
}

static void again(cadre_self *self, const cadre_child_down *down)
{
    if (plot.left-- > 0)
        assert_int_equal(cadre_restart(self, down->child), 0);
}

/* Plays it under several orders; each must give the same record. */
static void play_plot(uint64_t seed, cadre_opts opts, void (*begin)(cadre_self *self),
                      void (*down)(cadre_self *self, const cadre_child_down *down),
                      int left)
{
    cadre_config config = quiet(1 + seed % 3, seed);
    config.end_when_quiet = true;
    config.batch = seed % 2 ? 1 : 0;
    plot.begin = begin;
    plot.down = down;
    plot.opts = opts;
    plot.left = left;
    failed_once = false;
    record_clear();
    assert_int_equal(run(&config, &boss_class, NULL), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.actors, 0);
}
#define KEPT(...) ((cadre_opts){.keep = true, __VA_ARGS__})
#define EXPECT(opts, begin, down, left, ...)                                           \
    for (uint64_t seed = 1; seed <= 30; seed++) {                                      \
        play_plot(seed, opts, begin, down, left);                                      \
        assert_record(__VA_ARGS__);                                                    \
    }

/* ---- the guarantees ---- */

static void fail_between(cadre_self *self)
{
    spawn_child(self);
    say(self, 1);
    say(self, FAIL);
    say(self, 2);
    say(self, FAIL);
    say(self, 3);
}

static void address_survives(void **state)
{
    EXPECT(KEPT(0), fail_between, again, 2, 1, ENDED + 1, DOWN + 1, 2, ENDED + 1,
           DOWN + 2, 3, ENDED + 2);
    assert_int_equal(sums.dead, 2);
    assert_int_equal(sums.spawned, 2);
    assert_int_equal(lines_with("(child) failed on number"), 2);
}

static void more_meanwhile(cadre_self *self, const cadre_child_down *down)
{
    say(self, 5);
    again(self, down);
    say(self, 6);
}

static void with_stash(cadre_self *self)
{
    spawn_child(self);
    say(self, STATE + 1);
    say(self, STATE + 2);
    say(self, UNSTASH);
    say(self, FAIL);
    say(self, 4);
}

static void stashed_still(cadre_self *self)
{
    spawn_child(self);
    say(self, SPAWN); /* its end takes a while */
    say(self, STATE + 1);
    say(self, STATE + 2);
    say(self, FAIL);
    say(self, 4);
}

static void mail_survives(void **state)
{
    EXPECT(KEPT(0), with_stash, more_meanwhile, 1, 1, 2, ENDED + 1, DOWN + 1, 4, 5, 6,
           ENDED + 2);
    EXPECT(KEPT(0), stashed_still, more_meanwhile, 1, ENDED + 1, DOWN + 1, 1, 2, 4, 5,
           6, ENDED + 2);
    assert_int_equal(sums.dead, 1);
}

static void mail_is_dropped(void **state)
{
    EXPECT(KEPT(.mail = CADRE_MAIL_DROP), with_stash, more_meanwhile, 1, 1, 2,
           ENDED + 1, DOWN + 1, 6, ENDED + 2);
    assert_int_equal(sums.dead, 3);
    EXPECT(KEPT(.mail = CADRE_MAIL_DROP), stashed_still, more_meanwhile, 1, ENDED + 1,
           DOWN + 1, 6, ENDED + 2);
    assert_int_equal(sums.dead, 5);
}

static void retry(cadre_self *self)
{
    spawn_child(self);
    say(self, 1);
    say(self, STATE + 2);
    say(self, FAIL_ONCE);
    say(self, 3);
}

static void message_is_retried(void **state)
{
    EXPECT(KEPT(.mail = CADRE_MAIL_RETRY), retry, more_meanwhile, 1, 1, FAIL_ONCE,
           ENDED + 1, DOWN + 1, FAIL_ONCE, 2, 3, 5, 6, ENDED + 2);
    assert_int_equal(sums.dead, 0);
    EXPECT(KEPT(0), retry, more_meanwhile, 1, 1, FAIL_ONCE, ENDED + 1, DOWN + 1, 2, 3,
           5, 6, ENDED + 2);
    assert_int_equal(sums.dead, 1);
}

static void stop_and_kill(cadre_self *self)
{
    spawn_child(self);
    say(self, 1);
    assert_int_equal(cadre_stop(self, plot.child), 0);
    assert_int_equal(cadre_stop(self, plot.child), 0);
    say(self, 2);
    say(self, STOP);
}

/* A kill that comes while it is down meets the next one, before its start. */
static void kill_while_down(cadre_self *self, const cadre_child_down *down)
{
    assert_int_equal(cadre_restart(self, down->child), down->starts > 9 ? -1 : 0);
    assert_int_equal(cadre_restart(self, down->child), -ENOENT);
    if (down->starts == 2) {
        assert_int_equal(cadre_kill(self, down->child, BROKEN), 0);
        assert_int_equal(cadre_kill(self, down->child, BROKEN - 1), 0);
    }
    if (down->starts == 3) {
        assert_int_equal(down->reason, BROKEN);
        say(self, 3);
    }
}

static void down_told_once(void **state)
{
    /* Stopped; by itself; killed before its start or after it. */
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play_plot(seed, KEPT(0), stop_and_kill, kill_while_down, 0);
        uint64_t downs = 0;
        for (size_t i = 0; i < record.count; i++)
            downs += record.values[i] / 1000 == 1;
        assert_int_equal(downs, 3);
        assert_int_equal(record.values[record.count - 2], 3);
    }
}

static void busy_life(cadre_self *self)
{
    spawn_child(self);
    say(self, LATER);
    say(self, SPAWN);
    say(self, FAIL);
    say(self, BECOME);
    say(self, 1);
    say(self, FAIL);
}

static void kill_that(cadre_self *self, const cadre_child_down *down)
{
    again(self, down);
    if (down->starts == 1)
        assert_int_equal(cadre_after(self, NULL, 9 * CADRE_MS, number, 77), 0);
}

static void restart_is_fresh(void **state)
{
    EXPECT(KEPT(0), busy_life, kill_that, 2, ENDED + 1, DOWN + 1, OTHER + 1,
           OTHER + FAIL, 77, ENDED + 2);
}

static void ask_it(cadre_self *self)
{
    cadre_token t;
    assert_int_equal(cadre_ask(self, &t, plot.child, CADRE_NEVER, number, 4), 0);
}

static void release(cadre_self *self, const cadre_child_down *down)
{
    assert_int_equal(cadre_release(self, down->child), 0);
    assert_int_equal(cadre_release(self, down->child), -ENOENT);
    assert_int_equal(cadre_restart(self, down->child), -ENOENT);
    ask_it(self);
}

static void restart_and_release(cadre_self *self, const cadre_child_down *down)
{
    assert_int_equal(cadre_restart(self, down->child), 0);
    release(self, down);
}

static void release_at_once(cadre_self *self)
{
    spawn_child(self);
    say(self, 1);
    assert_int_equal(cadre_release(self, plot.child), 0);
    assert_int_equal(cadre_restart(self, plot.child), -ENOENT);
    say(self, FAIL);
}

static void fails_before_release(cadre_self *self)
{
    spawn_child(self);
    say(self, FAIL);
    say(self, 1);
    assert_int_equal(cadre_stop(self, plot.child), 0);
    assert_int_equal(cadre_stop_in_order(self), 0);
}

static void released_for_good(void **state)
{
    /* What waits becomes dead letters: 1, or 2 and 3; requests fail. */
    EXPECT(KEPT(0), fails_before_release, release, 1, ENDED + 1, DOWN + 1, 9999);
    assert_int_equal(sums.dead, 3);
    EXPECT(KEPT(0), release_at_once, again, 1, 1, ENDED);
    assert_int_equal(sums.dead, 1);
    EXPECT(KEPT(0), fails_before_release, restart_and_release, 1, ENDED + 1, DOWN + 1,
           1, ENDED, 9999);
    /* Nobody decides: it ends with its parent. */
    EXPECT(KEPT(0), fails_before_release, again, 0, ENDED + 1, DOWN + 1);
    assert_int_equal(sums.dead, 2);
}

static void requests(cadre_self *self)
{
    cadre_token t;
    spawn_child(self);
    assert_int_equal(cadre_ask(self, &t, plot.child, CADRE_NEVER, number, DEFER), 0);
    assert_int_equal(cadre_ask(self, &t, plot.child, CADRE_NEVER, number, FAIL), 0);
    assert_int_equal(cadre_ask(self, &t, plot.child, CADRE_NEVER, number, 5), 0);
}

/* Those in hand and deferred fail; the one that waits is answered. */
static void requests_are_answered_by_the_next_one(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        play_plot(seed, KEPT(0), requests, again, 1);
        unsigned failures = 0, answers = 0;
        for (size_t i = 0; i < record.count; i++) {
            failures += record.values[i] == 9999;
            answers += record.values[i] == 5;
        }
        assert_int_equal(failures, 2);
        assert_int_equal(answers, 2); /* here, and there */
        play_plot(seed, KEPT(.mail = CADRE_MAIL_RETRY), requests, again, 3);
        failures = 0;
        for (size_t i = 0; i < record.count; i++)
            failures += record.values[i] == 9999;
        assert_int_equal(failures, 1); /* the others wait until nobody wants to know */
    }
}

static void start_at_last(cadre_self *self, const cadre_child_down *down)
{
    fails_at_start = down->starts < 3;
    again(self, down);
}

static void spawn_one(cadre_self *self)
{
    fails_at_start = plot.left > 1;
    spawn_child(self);
    say(self, 1);
}

static void up_after_start(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        play_plot(seed, KEPT(.announce = true), spawn_one, start_at_last, 9);
        assert_int_equal(record.values[0], DOWN + 1);
        assert_int_equal(record.values[1], DOWN + 2);
        assert_int_equal(record.values[2], DOWN + 3);
        assert_int_equal(record.values[3] + record.values[4], UP + 1);
        assert_int_equal(record.count, 6);
        play_plot(seed, (cadre_opts){.announce = true}, spawn_one, start_at_last, 0);
        assert_int_equal(record.values[0] + record.values[1], UP + 1);
        assert_int_equal(record.count, 3);
    }
    assert_int_equal(lines_with("dead letter"), 0);
}

/* ---- the order of ending ---- */

typedef struct {
    uint64_t id;
    int depth;
} node;

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, number)->value == FAIL ? BROKEN : 0;
}
static void node_stop(cadre_self *self, void *state, int reason)
{
    record_add(((node *)state)->id);
}
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    for (uint64_t i = 1; n->depth < 2 && i <= 3; i++) {
        node init = {n->id * 10 + i, n->depth + 1};
        const cadre_opts opts = {.keep = i != 2};
        assert_int_equal(cadre_spawn_with(self, NULL, &node_class, &init, &opts), 0);
    }
    return cadre_stop_in_order(self);
}

static void end_tree(cadre_self *self)
{
    const cadre_opts opts = {.keep = true};
    cadre_ref ref;
    assert_int_equal(cadre_spawn_with(self, &ref, &node_class, &(node){1, 0}, &opts),
                     0);
    plot.child = ref;
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, FAIL), 0);
}

static void fail_tree(cadre_self *self) { say(self, FAIL); }
static void stop_tree(cadre_self *self)
{
    assert_int_equal(cadre_stop(self, plot.child), 0);
}

/* Those that fail to end by themselves are killed one by one, too. */
static void one_by_one(void **state)
{
#define TREE 133, 132, 131, 13, 123, 122, 121, 12, 113, 112, 111, 11, 1
    plot.later = stop_tree;
    EXPECT(KEPT(0), end_tree, again, 0, FAIL, TREE, DOWN + 1);
    plot.later = fail_tree;
    EXPECT(KEPT(0), end_tree, again, 1, FAIL, TREE, DOWN + 1, TREE);
    plot.later = NULL;
}

/* ---- what is refused ---- */

static cadre_ref grandchild;
static int has_child_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.keep = true};
    return cadre_spawn_with(self, &grandchild, &sink_class, NULL, &opts);
}
static const cadre_class has_child_class = {
    .name = "has child", .start = has_child_start, .receive = other_receive};

static void refused(cadre_self *self)
{
    const cadre_opts plain = {0}, kept = {.keep = true};
    cadre_ref ref, me = cadre_me(self);
    assert_int_equal(cadre_spawn_with(self, &ref, &sink_class, NULL, NULL), 0);
    assert_int_equal(cadre_restart(self, ref), -ENOENT);
    assert_int_equal(cadre_spawn_with(self, &ref, &sink_class, NULL, &plain), 0);
    assert_int_equal(cadre_restart(self, ref), -ENOENT);
    assert_int_equal(cadre_release(self, ref), -ENOENT);
    assert_int_equal(cadre_spawn_with(self, NULL, &sink_class, NULL, &kept), 0);
    assert_int_equal(cadre_spawn_with(self, &ref, &sink_class, NULL, &kept), 0);
    assert_int_equal(cadre_restart(self, ref), -ENOENT); /* it is not down */
    const uint64_t ids[] = {0, 1, UINT64_MAX, me.id, me.id + 1, ref.id + 1, ref.id - 1};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(cadre_restart(self, (cadre_ref){ids[i]}), -ENOENT);
        assert_int_equal(cadre_release(self, (cadre_ref){ids[i]}), -ENOENT);
    }
    assert_int_equal(cadre_spawn_with(self, NULL, &has_child_class, NULL, &kept), 0);
    assert_int_equal(
        cadre_spawn_with(self, NULL, &sink_class, NULL, &(cadre_opts){.pinned = true}),
        -EAGAIN);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, 0), 0);
    record_add(1);
}

static int refuser_start(cadre_self *self, void *state)
{
    refused(self);
    return 0;
}
static int refuser_receive(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_restart(self, grandchild), -ENOENT);
    assert_int_equal(cadre_release(self, grandchild), -ENOENT);
    record_add(2);
    return 0;
}

static void of_others_or_nobody_is_refused(void **state)
{
    static const cadre_class refuser_class = {.start = refuser_start,
                                              .receive = refuser_receive};
    cadre_config config = quiet(2, 1);
    config.end_when_quiet = true;
    record_clear();
    assert_int_equal(run(&config, &refuser_class, NULL), 0);
    assert_record(1, 2);
}

static cadre_opts bad;
static void spawn_badly(cadre_self *self)
{
    cadre_ref ref = {77};
    assert_int_equal(cadre_spawn_with(self, &ref, &sink_class, NULL, &bad), -EINVAL);
    assert_int_equal(ref.id, 77);
}
static void play_badly(void) { assert_int_equal(play(spawn_badly), 0); }

static void bad_options_are_refused(void **state)
{
    static int x;
    static const cadre_budget budget = {.messages = 1};
    const cadre_opts all[] = {{.keep = true, .mail = 3},
                              {.mail = CADRE_MAIL_DROP},
                              {.reserved = {&x}},
                              {.isolated = true, .budget = &budget}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bad = all[i];
        misuse(play_badly);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(address_survives), cmocka_unit_test(mail_survives),
          cmocka_unit_test(mail_is_dropped), cmocka_unit_test(message_is_retried),
          cmocka_unit_test(down_told_once), cmocka_unit_test(restart_is_fresh),
          cmocka_unit_test(released_for_good),
          cmocka_unit_test(requests_are_answered_by_the_next_one),
          cmocka_unit_test(up_after_start), cmocka_unit_test(one_by_one),
          cmocka_unit_test(of_others_or_nobody_is_refused),
          cmocka_unit_test(bad_options_are_refused));
    return RUN_TESTS();
}
