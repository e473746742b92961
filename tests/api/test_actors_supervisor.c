/* test_actors_supervisor.c: trees that heal, in virtual time. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/actors/supervisor.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

enum { CHILDREN = 5, EVENTS_MAX = 4096, SEEDS = 40 / EFFORT_SEEDS };

/* What has happened, in order: 's' start, 'x' stop, 'm' a message, 'D' the supervisor is
 * down; to whom. */
static struct {
    char what;
    uint32_t id;
    int code;
    cadre_time at;
} events[EVENTS_MAX];
static uint32_t happened;
static uint32_t start_fails[CHILDREN]; /* the next so many times */
static cadre_ref addresses[CHILDREN];

static void note(cadre_self *self, char what, uint32_t id, int code)
{
    assert_true(happened < EVENTS_MAX);
    events[happened].what = what;
    events[happened].id = id;
    events[happened].code = code;
    events[happened++].at = cadre_now(self);
}

/* happened_since(0, "s0 s1 "): that, and nothing else, apart from messages. */
static void assert_happened_since(uint32_t from, const char *what)
{
    char text[3 * EVENTS_MAX + 1] = "";
    size_t used = 0;
    for (uint32_t i = from; i < happened; i++)
        if (events[i].what != 'm')
            used += (size_t)snprintf(text + used, sizeof text - used, "%c%u ",
                                     events[i].what, events[i].id);
    assert_string_equal(text, what);
}

/* ---- children -------------------------------------------------------------------- */

/* What a child is told to do: to return this. Or, late, to be ready. */
typedef struct {
    int result;
    bool ready;
} deed;
static CADRE_TYPE(deed);

struct child {
    uint32_t id;
};

static int child_start(cadre_self *self, void *state)
{
    const struct child *me = state;
    note(self, 's', me->id, 0);
    addresses[me->id] = cadre_me(self);
    if (start_fails[me->id] > 0) {
        start_fails[me->id]--;
        return -EIO;
    }
    return 0;
}
static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const struct child *me = state;
    const deed *d = cadre_body(m, deed);
    if (!d)
        return cadre_unhandled(self, m);
    note(self, 'm', me->id, d->result);
    if (d->ready)
        return cadre_send(self, cadre_parent(self), cadre_ready, 0);
    return d->result;
}
static void child_stop(cadre_self *self, void *state, int reason)
{
    note(self, 'x', ((const struct child *)state)->id, reason);
}
static const cadre_class child = {.name = "child",
                                  .state_size = sizeof(struct child),
                                  .start = child_start,
                                  .receive = child_receive,
                                  .stop = child_stop};

static const struct child inits[CHILDREN] = {{0}, {1}, {2}, {3}, {4}};
static cadre_child_spec specs[CHILDREN];
static cadre_supervisor config;

/* ---- the play -------------------------------------------------------------------- */

/* The root has one supervisor, and a list of deeds by time. Each test has its own. */
struct act {
    cadre_time at;
    void (*act)(cadre_self *self);
};
static const struct act *acts;
static cadre_ref supervisor;
static int down_reason;
static char down_text[CADRE_DOWN_TEXT];

typedef struct {
    uint32_t act;
} cue;
static CADRE_TYPE(cue);

/* Answers to the root: the last one. */
static struct {
    uint32_t count;
    cadre_ref child;
    int code;
    cadre_time at;
} answer;

static int root_start(cadre_self *self, void *state)
{
    static const cadre_opts opts = {.keep = true, .announce = true};
    for (uint32_t i = 0; acts && acts[i].act; i++)
        assert_int_equal(cadre_after(self, NULL, acts[i].at, cue, i), 0);
    assert_int_equal(
        cadre_spawn_with(self, &supervisor, &cadre_supervisor_class, &config, &opts),
        0);
    return 0;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cue *c = cadre_body(m, cue);
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const cadre_child *is = cadre_body(m, cadre_child);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (c)
        acts[c->act].act(self);
    if (down) {
        down_reason = down->reason;
        memcpy(down_text, down->text, sizeof down_text);
        note(self, 'D', 0, down->reason);
    }
    if (is || failure) {
        answer.count++;
        answer.child = is ? is->ref : (cadre_ref){0};
        answer.code = is ? 0 : failure->code;
        answer.at = cadre_now(self);
    }
    return 0;
}
static const cadre_class root = {.start = root_start, .receive = root_receive};

static void reset(void)
{
    happened = 0;
    down_reason = 1;
    memset(&answer, 0, sizeof answer);
    memset(start_fails, 0, sizeof start_fails);
    for (uint32_t i = 0; i < CHILDREN; i++)
        specs[i] = (cadre_child_spec){.cls = &child, .init = &inits[i]};
    config = (cadre_supervisor){.children = specs, .count = CHILDREN};
}

static void play_acts(uint64_t seed, const struct act *list)
{
    acts = list;
    cadre_config c = quiet((uint32_t)(seed % 3) + 1, seed);
    c.end_when_quiet = true;
    assert_int_equal(run(&c, &root, NULL), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}

#define BEGIN "s0 s1 s2 s3 s4 "
#define END "x4 x3 x2 x1 x0 "

static void tell_child(cadre_self *self, uint32_t id, int result)
{
    assert_int_equal(cadre_send(self, addresses[id], deed, .result = result), 0);
}
static void fail_2(cadre_self *self) { tell_child(self, 2, -EIO); }
static void end_2(cadre_self *self) { tell_child(self, 2, CADRE_STOP); }

/* ---- order ----------------------------------------------------------------------- */

static void make_2_ready(cadre_self *self)
{
    assert_happened_since(0, "s0 s1 s2 ");
    assert_int_equal(cadre_send(self, addresses[2], deed, .ready = true), 0);
}

static void starts_in_order(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, make_2_ready}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        play_acts(seed, NULL);
        assert_happened_since(0, BEGIN END);
        reset();
        specs[2].late = true;
        play_acts(seed, list);
        assert_happened_since(0, BEGIN END);
        for (uint8_t s = CADRE_ONE_FOR_ONE; s <= CADRE_REST_FOR_ONE; s++) {
            reset();
            start_fails[1] = 2;
            config.strategy = s;
            config.backoff = CADRE_SECOND; /* for which those behind it wait, too */
            play_acts(seed, NULL);
            assert_happened_since(0, s == CADRE_ONE_FOR_ALL
                                         ? "s0 s1 x0 s0 s1 x0 " BEGIN END
                                         : "s0 s1 s1 s1 s2 s3 s4 " END);
        }
    }
}

static void ends_in_reverse(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        play_acts(seed, NULL);
        for (uint32_t i = 0; i < CHILDREN; i++)
            assert_int_equal(events[CHILDREN + i].id, CHILDREN - 1 - i);
    }
}

/* ---- strategies ------------------------------------------------------------------ */

static void strategy_is_kept(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_2}, {0}};
    static const char *const expected[] = {
        [CADRE_ONE_FOR_ONE] = BEGIN "x2 s2 " END,
        [CADRE_ONE_FOR_ALL] = BEGIN "x2 x4 x3 x1 x0 " BEGIN END,
        [CADRE_REST_FOR_ONE] = BEGIN "x2 x4 x3 s2 s3 s4 " END,
    };
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (uint8_t s = CADRE_ONE_FOR_ONE; s <= CADRE_REST_FOR_ONE; s++)
            for (int backs_off = 0; backs_off < 2; backs_off++) {
                reset();
                config.strategy = s;
                config.backoff = backs_off * CADRE_SECOND;
                play_acts(seed, list);
                assert_happened_since(0, expected[s]);
            }
}

/* Both at once: the second one is to end anyway, and is not counted. */
static void fail_1_and_3(cadre_self *self)
{
    tell_child(self, 1, -EIO);
    tell_child(self, 3, -EIO);
}
static void several_fail_at_once(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_1_and_3}, {0}};
    for (uint64_t seed = 1; seed <= 4 * SEEDS; seed++) {
        reset();
        config.strategy = CADRE_ONE_FOR_ALL;
        config.max_restarts = 2;
        play_acts(seed, list);
        /* Which of them came first, and whether the last one was ended before the
         * supervisor heard of the second, is chance; but all are there again. */
        assert_int_equal(down_reason, 1);
        assert_true(happened >= 4 * CHILDREN);
        assert_happened_since(happened - 2 * CHILDREN, BEGIN END);
    }
}

/* ---- when ------------------------------------------------------------------------ */

static void when_is_kept(void **state)
{
    static const struct act ends[] = {{CADRE_SECOND, end_2}, {0}};
    static const struct act fails[] = {{CADRE_SECOND, fail_2}, {0}};
    static const bool again[][2] = {[CADRE_PERMANENT] = {true, true},
                                    [CADRE_TRANSIENT] = {false, true},
                                    [CADRE_TEMPORARY] = {false, false}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (uint8_t when = CADRE_PERMANENT; when <= CADRE_TEMPORARY; when++)
            for (int failed = 0; failed < 2; failed++) {
                reset();
                specs[2].when = when;
                play_acts(seed, failed ? fails : ends);
                assert_happened_since(0, again[when][failed] ? BEGIN "x2 s2 " END
                                                             : BEGIN "x2 x4 x3 x1 x0 ");
            }
}

/* Ended for the sake of another: a temporary one is not made again. */
static void temporary_ones_end_with_others(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_2}, {0}};
    reset();
    config.strategy = CADRE_REST_FOR_ONE;
    specs[3].when = CADRE_TEMPORARY;
    play_acts(7, list);
    assert_happened_since(0, BEGIN "x2 x4 x3 s2 s4 x4 x2 x1 x0 ");
}

/* ---- how often, and when --------------------------------------------------------- */

static void fail_2_often(cadre_self *self)
{
    for (int i = 0; i < 4; i++)
        fail_2(self);
}

static void restarts_are_bounded(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_2_often}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset(); /* 3 within 5 s */
        play_acts(seed, list);
        assert_happened_since(0, BEGIN "x2 s2 x2 s2 x2 s2 x2 x4 x3 x1 x0 D0 ");
        assert_int_equal(down_reason, CADRE_ERESTARTS);
        assert_non_null(strstr(down_text, "child 2 (child) is the one too many"));
        reset();
        config.max_restarts = 4;
        play_acts(seed, list);
        assert_happened_since(0, BEGIN "x2 s2 x2 s2 x2 s2 x2 s2 " END);
    }
}

static void old_restarts_do_not_count(void **state)
{
    static const struct act list[] = {{1 * CADRE_SECOND, fail_2},
                                      {2 * CADRE_SECOND, fail_2},
                                      {3 * CADRE_SECOND, fail_2},
                                      {6 * CADRE_SECOND + CADRE_MS, fail_2},
                                      {0}};
    reset();
    play_acts(7, list);
    assert_int_equal(down_reason, 1);
    reset();
    config.within = 6 * CADRE_SECOND;
    play_acts(7, list);
    assert_int_equal(down_reason, CADRE_ERESTARTS);
}

static void backs_off(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_2_often}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        cadre_time due = 100 * CADRE_MS, ended = 0;
        reset();
        config.max_restarts = 10;
        config.backoff = due;
        config.backoff_max = 300 * CADRE_MS;
        play_acts(seed, list);
        uint32_t restarts = 0;
        for (uint32_t i = CHILDREN; i < happened; i++) {
            if (events[i].what == 'x')
                ended = events[i].at;
            if (events[i].what != 's')
                continue;
            assert_true(events[i].at - ended >= due / 2);
            assert_true(events[i].at - ended <= due + 2 * CADRE_MS);
            due = 2 * due > config.backoff_max ? config.backoff_max : 2 * due;
            restarts++;
        }
        assert_int_equal(restarts, 4);
    }
}

static void starts_that_fail_count(void **state)
{
    reset();
    start_fails[1] = 3;
    play_acts(7, NULL);
    assert_happened_since(0, "s0 s1 s1 s1 s1 s2 s3 s4 " END);
    reset();
    start_fails[1] = 4;
    play_acts(7, NULL);
    assert_happened_since(0, "s0 s1 s1 s1 s1 x0 D0 ");
}

static void start_times_out(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        specs[1].late = true;
        config.start_timeout = CADRE_SECOND;
        play_acts(seed, NULL);
        assert_happened_since(0, "s0 s1 x1 s1 x1 s1 x1 s1 x1 x0 D0 ");
        assert_int_equal(events[2].code, -ETIMEDOUT);
        assert_int_equal(down_reason, CADRE_ERESTARTS);
    }
}

/* ---- what it is asked ------------------------------------------------------------ */

static void ask_for(cadre_self *self, uint32_t index)
{
    assert_int_equal(
        cadre_ask(self, NULL, supervisor, CADRE_NEVER, cadre_which_child, index), 0);
}
static void ask_for_2(cadre_self *self) { ask_for(self, 2); }
static void ask_for_5(cadre_self *self) { ask_for(self, CHILDREN); }

static void half_born_is_hidden(void **state)
{
    static const struct act list[] = {
        {0, ask_for_2}, {CADRE_SECOND, make_2_ready}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        specs[2].late = true;
        play_acts(seed, list);
        assert_int_equal(answer.count, 1);
        assert_true(cadre_same(answer.child, addresses[2]));
        assert_true(answer.at >= CADRE_SECOND);
    }
}

static void addresses_are_told(void **state)
{
    static const struct act good[] = {
        {CADRE_SECOND, fail_2}, {2 * CADRE_SECOND, ask_for_2}, {0}};
    static const struct act bad[] = {{CADRE_SECOND, ask_for_5}, {0}};
    static const struct act gone[] = {
        {CADRE_SECOND, end_2}, {2 * CADRE_SECOND, ask_for_2}, {0}};
    reset();
    play_acts(7, good);
    assert_true(cadre_same(answer.child, addresses[2]));
    reset();
    play_acts(7, bad);
    assert_int_equal(answer.code, -ENOENT);
    reset();
    specs[2].when = CADRE_TRANSIENT;
    play_acts(7, gone);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.code, -ENOENT);
}

static cadre_child_spec added;
static void add_one(cadre_self *self)
{
    assert_int_equal(
        cadre_ask(self, NULL, supervisor, CADRE_NEVER, cadre_add_child, added), 0);
}
static void remove_answered(cadre_self *self)
{
    assert_int_equal(cadre_ask(self, NULL, supervisor, CADRE_NEVER, cadre_remove_child,
                               answer.child),
                     0);
}
static void fail_answered(cadre_self *self)
{
    assert_int_equal(cadre_send(self, answer.child, deed, .result = -EIO), 0);
}

static void children_come_and_go(void **state)
{
    static const struct act list[] = {{1 * CADRE_SECOND, add_one},
                                      {2 * CADRE_SECOND, fail_answered},
                                      {3 * CADRE_SECOND, remove_answered},
                                      {4 * CADRE_SECOND, add_one},
                                      {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (uint8_t s = CADRE_ONE_FOR_ONE; s <= CADRE_REST_FOR_ONE; s++) {
            reset();
            config.count = 1;
            config.strategy = s;
            added = (cadre_child_spec){.cls = &child, .init = &inits[4]};
            play_acts(seed, list);
            assert_happened_since(0, s == CADRE_ONE_FOR_ALL
                                         ? "s0 s4 x4 x0 s0 s4 x4 s4 x4 x0 "
                                         : "s0 s4 x4 s4 x4 s4 x4 x0 ");
            assert_int_equal(answer.count, 3);
            assert_int_equal(answer.code, 0);
        }
}

static void additions_that_fail_are_answered(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, add_one}, {0}};
    static const struct act remove[] = {{CADRE_SECOND, remove_answered}, {0}};
    static const cadre_class huge = {
        .name = "huge", .state_size = SIZE_MAX, .receive = child_receive};
    static const struct {
        cadre_child_spec spec;
        int code;
    } bad[] = {{{.cls = NULL}, -EINVAL},
               {{.cls = &child, .when = 3}, -EINVAL},
               {{.cls = &child, .mail = 3}, -EINVAL},
               {{.cls = &huge}, -EMSGSIZE}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reset();
        added = bad[i].spec;
        play_acts(7, list);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.code, bad[i].code);
        assert_happened_since(0, BEGIN END);
    }
    reset();
    start_fails[4] = 1;
    config.count = 1;
    added =
        (cadre_child_spec){.cls = &child, .init = &inits[4], .when = CADRE_TEMPORARY};
    play_acts(7, list);
    assert_int_equal(answer.code, CADRE_EDEAD);
    reset();
    play_acts(7, remove); /* nobody */
    assert_int_equal(answer.code, -ENOENT);
}

/* The order is that of coming, whoever has gone between. */
static void remove_2_and_3(cadre_self *self)
{
    for (uint32_t id = 2; id <= 3; id++) {
        answer.child = addresses[id];
        remove_answered(self);
    }
}
static void add_numbered(cadre_self *self, uint32_t id)
{
    added = (cadre_child_spec){.cls = &child, .init = &inits[id]};
    add_one(self);
}
static void add_2(cadre_self *self) { add_numbered(self, 2); }
static void add_3(cadre_self *self) { add_numbered(self, 3); }
static void add_4(cadre_self *self) { add_numbered(self, 4); }
static void fail_4(cadre_self *self) { tell_child(self, 4, -EIO); }

static void order_outlasts_those_who_go(void **state)
{
    static const struct act list[] = {
        {1 * CADRE_SECOND, add_2},  {2 * CADRE_SECOND, add_3},
        {3 * CADRE_SECOND, add_4},  {4 * CADRE_SECOND, remove_2_and_3},
        {5 * CADRE_SECOND, add_3},  {6 * CADRE_SECOND, add_2},
        {7 * CADRE_SECOND, fail_4}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        config.count = 1;
        config.strategy = CADRE_REST_FOR_ONE;
        play_acts(seed, list);
        uint32_t from = 0;
        while (from < happened && events[from].at < 5 * CADRE_SECOND)
            from++;
        assert_happened_since(from, "s3 s2 x4 x2 x3 s4 s3 s2 x2 x3 x4 x0 ");
    }
}

/* ---- trees ----------------------------------------------------------------------- */

/* Two levels: the lower one gives up, and is started again by the upper one. */
static void supervisors_are_supervised(void **state)
{
    static const struct act list[] = {{CADRE_SECOND, fail_2_often}, {0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        reset();
        cadre_supervisor below = {.children = specs + 1, .count = 2, .late = true};
        cadre_child_spec top[3] = {
            {.cls = &child, .init = &inits[0]},
            {.cls = &cadre_supervisor_class, .init = &below, .late = true},
            {.cls = &child, .init = &inits[3]}};
        config.children = top;
        config.count = 3;
        play_acts(seed, list);
        /* What the fourth time takes with it is made again: at new addresses. */
        assert_happened_since(0, "s0 s1 s2 s3 x2 s2 x2 s2 x2 s2 x2 x1 s1 s2 "
                                 "x3 x2 x1 x0 ");
    }
}

static void bad_configs_are_refused(void **state)
{
    static const cadre_child_spec no_class = {0};
    const cadre_supervisor bad[] = {{.children = NULL, .count = 1},
                                    {.children = &no_class, .count = 1},
                                    {.strategy = 3},
                                    {.within = -1},
                                    {.backoff = -1},
                                    {.backoff_max = -1},
                                    {.start_timeout = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reset();
        config = bad[i];
        play_acts(7, NULL);
        assert_happened_since(0, "D0 ");
        assert_int_equal(down_reason, -EINVAL);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(starts_in_order), cmocka_unit_test(ends_in_reverse),
          cmocka_unit_test(strategy_is_kept), cmocka_unit_test(several_fail_at_once),
          cmocka_unit_test(when_is_kept),
          cmocka_unit_test(temporary_ones_end_with_others),
          cmocka_unit_test(restarts_are_bounded),
          cmocka_unit_test(old_restarts_do_not_count), cmocka_unit_test(backs_off),
          cmocka_unit_test(starts_that_fail_count), cmocka_unit_test(start_times_out),
          cmocka_unit_test(half_born_is_hidden), cmocka_unit_test(addresses_are_told),
          cmocka_unit_test(children_come_and_go),
          cmocka_unit_test(additions_that_fail_are_answered),
          cmocka_unit_test(order_outlasts_those_who_go),
          cmocka_unit_test(supervisors_are_supervised),
          cmocka_unit_test(bad_configs_are_refused));
    return RUN_TESTS();
}
