/* test_account.c: what actors use is counted, and a budget holds. */
#include "support/support.h"

#include <cadre/arena.h>
#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/chain.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>

/* ---- an actor with a budget, and what it did --------------------------------------- */

typedef struct {
    int none;
} wake;
static CADRE_TYPE(wake);

static cadre_budget budget;
static uint32_t amount;        /* of numbers that it is sent */
static cadre_receive *conduct; /* its receive */
static cadre_ref worker_ref;
static cadre_usage usage; /* what is in its account, at the end of the scene */
static cadre_time end_of_scene;
static int down_reason;
static cadre_time down_at;

static struct {
    uint32_t count;
    cadre_time times[4096];
} handled; /* numbers */

static int note_time(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, number))
        handled.times[handled.count++] = cadre_now(self);
    return 0;
}

/* Looks at the account after a while, then ends it all. */
static int watcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    if (down) {
        down_reason = down->reason;
        down_at = cadre_now(self);
        return 0;
    }
    int err = cadre_usage_of(cadre_system_of(self), worker_ref, &usage);
    assert_int_equal(err, down_reason == 1 ? 0 : -ENOENT);
    return CADRE_STOP;
}

static cadre_class working;
static void (*also)(cadre_self *self); /* what the scene does besides */
static int watcher_start(cadre_self *self, void *state)
{
    cadre_opts opts = {.budget = &budget};
    assert_int_equal(cadre_spawn_with(self, &worker_ref, &working, NULL, &opts), 0);
    assert_int_equal(cadre_watch(self, NULL, worker_ref), 0);
    for (uint64_t i = 0; i < amount; i++)
        assert_int_equal(cadre_send(self, worker_ref, number, i), 0);
    if (also)
        also(self);
    return cadre_after(self, NULL, end_of_scene, wake, 0);
}
static const cadre_class watcher = {.start = watcher_start, .receive = watcher_receive};

static int clear(void **state)
{
    budget = (cadre_budget){0};
    working = (cadre_class){.name = "hog"};
    conduct = note_time;
    amount = 0;
    also = NULL;
    end_of_scene = 1000 * CADRE_SECOND;
    handled.count = 0;
    return 0;
}

/* Simulated, with one worker. */
static void simulate_with(uint64_t seed)
{
    cadre_config config = quiet(1, seed);
    down_reason = 1;
    usage = (cadre_usage){0};
    handled.count = 0;
    working.receive = conduct;
    assert_int_equal(run(&config, &watcher, NULL), 0);
}
static void simulate(void) { simulate_with(7); }

/* ---- what is counted --------------------------------------------------------------- */

static void messages_are_exact(void **state)
{
    static const uint32_t amounts[] = {0, 1, 2, 63, 128, 129, 1000, 4000};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        amount = amounts[i];
        for (uint64_t seed = 1; seed <= 5; seed++) {
            simulate_with(seed);
            assert_int_equal(usage.messages, amount);
            assert_int_equal(handled.count, amount);
            assert_int_equal(usage.who.id, worker_ref.id);
            assert_string_equal(usage.actor, "hog");
            assert_int_equal(usage.time + usage.rested + (int64_t)usage.overs, 0);
        }
    }
}

static int take_and_give(cadre_self *self, void *state, cadre_msg *m)
{
    static void *kept;
    const number *n = cadre_body(m, number);
    if (n && n->value == 0)
        kept = cadre_alloc(self, 5000);
    else if (n)
        cadre_dealloc(self, kept);
    return n && n->value == 2 ? cadre_alloc(self, 300) == NULL : 0;
}

static void memory_is_exact(void **state)
{
    conduct = take_and_give;
    working.state_size = 1000;
    static const uint64_t bytes[] = {1000, 6032, 1000};
    for (amount = 0; amount < 3; amount++) {
        simulate();
        assert_int_equal(usage.bytes, bytes[amount]);
        assert_int_equal(usage.bytes_max, amount == 0 ? 1000 : 6032);
    }
}

static int sleep_long(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_sleep(self, 10 * CADRE_SECOND);
}

static void waits_are_not_counted(void **state)
{
    conduct = sleep_long;
    amount = 3;
    simulate();
    assert_int_equal(usage.messages, 3);
    assert_int_equal(usage.time, 0);
}

/* A step is no handler: it is not counted, and does not rest. */
static uint32_t steps;
static int take_step(cadre_self *self, void *state, cadre_msg *m)
{
    steps++;
    return 0;
}
static int lead_to_step(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    int err = cadre_after(self, &token, CADRE_MS, wake, 0);
    return err ? err : cadre_chain(self, NULL, token, take_step, NULL);
}

static void steps_are_not_counted(void **state)
{
    conduct = lead_to_step;
    budget = (cadre_budget){.messages = 3, .over = CADRE_OVER_THROTTLE};
    amount = 9;
    steps = 0;
    simulate();
    assert_int_equal(steps, 9);
    assert_int_equal(usage.messages, 9);
    assert_int_equal(lines_with("in a step"), 0);
}

/* One that has become another, and wants to know of silence; and outcomes. */
static uint32_t changed, outcomes;
static int count_changed(cadre_self *self, void *state, cadre_msg *m)
{
    changed++;
    return 0;
}
static int count_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    outcomes++;
    return 0;
}
static int change(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    const number *n = cadre_body(m, number);
    if (n->value == 1)
        return cadre_when_idle_as(self, NULL, CADRE_SECOND, &wake_type, &(wake){0});
    if (n->value == 2) {
        int err = cadre_after(self, &token, CADRE_MS, wake, 0);
        return err ? err : cadre_then(self, token, count_outcome);
    }
    if (n->value == 3)
        cadre_become(self, count_changed);
    return 0;
}

static void what_it_becomes_is_counted(void **state)
{
    conduct = change;
    amount = 10;
    changed = outcomes = 0;
    end_of_scene = CADRE_SECOND / 2;
    simulate();
    assert_int_equal(changed, 6);
    assert_int_equal(outcomes, 1);
    assert_int_equal(usage.messages, 11);
}

/* ---- budgets ----------------------------------------------------------------------- */

static void throttled_by_messages(void **state)
{
    enum { MOST = 10 };
    budget = (cadre_budget){.messages = MOST, .over = CADRE_OVER_THROTTLE};
    amount = 105;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        simulate_with(seed);
        assert_int_equal(handled.count, amount);
        for (uint32_t i = 0; i + MOST < amount; i += MOST)
            assert_true(handled.times[i + MOST] - handled.times[i] >= CADRE_SECOND);
        assert_true(handled.times[amount - 1] < 11 * CADRE_SECOND);
        assert_true(usage.rested >= 10 * CADRE_SECOND - CADRE_MS);
        assert_int_equal(usage.messages, amount);
        assert_int_equal(usage.overs, 10);
        assert_false(usage.rests);
        assert_int_equal(lines_with("(hog) is over its budget: 10 messages, of 10 in "
                                    "1000000 us; it is held back"),
                         10);
    }
}

static void over_is_logged(void **state)
{
    budget = (cadre_budget){.messages = 10};
    amount = 35;
    simulate();
    assert_int_equal(handled.count, 35);
    assert_int_equal(usage.overs, 1);
    assert_int_equal(lines_with("(hog) is over its budget: 10 messages, of 10"), 1);
    budget.messages = 35;
    simulate();
    assert_int_equal(usage.overs, 0);
    assert_int_equal(lines_with("over its budget"), 0);
}

static void over_ends(void **state)
{
    budget = (cadre_budget){.messages = 10, .over = CADRE_OVER_FAIL};
    amount = 35;
    simulate();
    assert_int_equal(down_reason, CADRE_EBUDGET);
    assert_int_equal(handled.count, 11);
    budget.over = CADRE_OVER_STOP;
    simulate();
    assert_int_equal(down_reason, 0);
    assert_int_equal(handled.count, 35); /* what it had */
}

static int gets;
static int get_much(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < 10; i++)
        gets += cadre_alloc(self, 1000) != NULL;
    return 0;
}

static void memory_has_a_budget(void **state)
{
    static const int most[] = {20, 4, 4, 4};
    static const int ends[] = {1, 1, 0, CADRE_EBUDGET};
    for (uint8_t over = CADRE_OVER_WARN; over <= CADRE_OVER_FAIL; over++) {
        conduct = get_much;
        budget = (cadre_budget){.bytes = 5000, .over = over};
        amount = 2;
        gets = 0;
        simulate();
        assert_int_equal(gets, most[over]);
        assert_int_equal(down_reason, ends[over]);
        assert_int_equal(lines_with(" bytes held, of 5000"), 1);
        if (ends[over] == 1)
            assert_int_equal(usage.overs, 1);
    }
}

static int get_much_and_free(cadre_self *self, void *state, cadre_msg *m)
{
    (void)cadre_dealloc(self, cadre_alloc(self, 6000));
    return 0;
}

static void memory_is_told_of_again(void **state)
{
    conduct = get_much_and_free;
    budget = (cadre_budget){.bytes = 5000};
    amount = 3;
    simulate();
    assert_int_equal(usage.overs, 3);
    assert_int_equal(usage.bytes, 0);
}

static int told_of[3];
static void be_told(void *user, enum cadre_resource what, const cadre_usage *u)
{
    assert_ptr_equal(user, &told_of);
    assert_int_equal(u->who.id, worker_ref.id);
    assert_int_equal(u->messages, 10);
    told_of[what]++;
}

static void told_is_called(void **state)
{
    budget = (cadre_budget){.messages = 10, .told = be_told, .user = &told_of};
    amount = 35;
    memset(told_of, 0, sizeof told_of);
    simulate();
    assert_int_equal(told_of[CADRE_MESSAGES], 1);
    assert_int_equal(told_of[CADRE_TIME] + told_of[CADRE_MEMORY], 0);
}

/* ---- one that rests ---------------------------------------------------------------- */

static bool rested;
static int look_and_kill(cadre_self *self, void *state, cadre_msg *m)
{
    int err = cadre_usage_of(cadre_system_of(self), worker_ref, &usage);
    rested = !err && usage.rests && usage.messages == 10;
    return cadre_kill(self, worker_ref, -EIO);
}
static void kill_soon(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_after(self, &token, CADRE_SECOND / 2, wake, 0), 0);
    assert_int_equal(cadre_then(self, token, look_and_kill), 0);
}

static void control_comes(void **state)
{
    budget = (cadre_budget){.messages = 10, .over = CADRE_OVER_THROTTLE};
    amount = 35;
    also = kill_soon;
    simulate();
    assert_true(rested);
    assert_int_equal(down_reason, -EIO);
    assert_int_equal(handled.count, 11); /* the one in its hand is handled yet */
    assert_true(down_at < CADRE_SECOND);
}

/* ---- over restarts ----------------------------------------------------------------- */

static int fail_on_third(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    return n && n->value == 3 ? -EIO : 0;
}
static int restart_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down)
        return cadre_restart(self, down->child);
    assert_int_equal(cadre_usage_of(cadre_system_of(self), worker_ref, &usage), 0);
    return CADRE_STOP;
}
static int restart_start(cadre_self *self, void *state)
{
    static const cadre_class class = {
        .name = "phoenix", .state_size = 100, .receive = fail_on_third};
    cadre_opts opts = {.keep = true, .budget = &budget};
    assert_int_equal(cadre_spawn_with(self, &worker_ref, &class, NULL, &opts), 0);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(cadre_send(self, worker_ref, number, i), 0);
    return cadre_after(self, NULL, CADRE_SECOND, wake, 0);
}

static void figures_outlive_a_restart(void **state)
{
    static const cadre_class parent = {.start = restart_start,
                                       .receive = restart_receive};
    cadre_config config = quiet(2, 7);
    assert_int_equal(run(&config, &parent, NULL), 0);
    assert_int_equal(usage.messages, 10);
    assert_int_equal(usage.bytes, 100);
}

/* It is ended by its budget, and again in each life that its parent gives it. */
static uint32_t lives;
static int count_message(cadre_self *self, void *state, cadre_msg *m)
{
    handled.count++;
    return 0;
}
static int reviver_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return CADRE_STOP;
    assert_int_equal(down->reason, CADRE_EBUDGET);
    return ++lives < 4 ? cadre_restart(self, down->child) : 0;
}
static int reviver_start(cadre_self *self, void *state)
{
    static const cadre_class class = {.name = "phoenix", .receive = count_message};
    cadre_opts opts = {.keep = true, .budget = &budget};
    assert_int_equal(cadre_spawn_with(self, &worker_ref, &class, NULL, &opts), 0);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(cadre_send(self, worker_ref, number, i), 0);
    return cadre_after(self, NULL, CADRE_SECOND, wake, 0);
}

static void each_life_is_ended(void **state)
{
    static const cadre_class parent = {.start = reviver_start,
                                       .receive = reviver_receive};
    cadre_config config = quiet(1, 7);
    lives = 0;
    budget = (cadre_budget){
        .window = 3600 * CADRE_SECOND, .messages = 10, .over = CADRE_OVER_FAIL};
    assert_int_equal(run(&config, &parent, NULL), 0);
    assert_int_equal(lives, 4);
    assert_int_equal(handled.count, 4 * 11);
}

/* ---- who may ask ------------------------------------------------------------------- */

static void count_bytes(void *user, const cadre_usage *u)
{
    *(uint64_t *)user += u->bytes;
}
static void ask_for_all(cadre_self *self)
{
    static const cadre_class class = {.state_size = 7, .receive = note_time};
    cadre_system *sys = cadre_system_of(self);
    cadre_opts opts = {.budget = &budget};
    cadre_ref child;
    uint64_t sum = 0;
    assert_int_equal(cadre_usage_visit(sys, count_bytes, &sum), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(cadre_spawn_with(self, &child, &class, NULL, &opts), 0);
    assert_int_equal(cadre_usage_of(sys, child, &usage), 0);
    assert_int_equal(cadre_usage_visit(sys, count_bytes, &sum), 1000);
    assert_int_equal(sum, 7000);
    assert_int_equal(cadre_usage_of(sys, cadre_me(self), &usage), -ENOENT);
    assert_int_equal(cadre_usage_of(sys, (cadre_ref){0}, &usage), -ENOENT);
    assert_int_equal(cadre_usage_of(sys, child, NULL), -EINVAL);
    assert_int_equal(cadre_usage_of(NULL, child, &usage), -EINVAL);
    assert_int_equal(cadre_usage_visit(sys, NULL, NULL), -EINVAL);
}

static void all_accounts_are_visited(void **state)
{
    assert_int_equal(play(ask_for_all), 0);
}

/* ---- misuse ------------------------------------------------------------------------ */

static void spawn_badly(cadre_self *self)
{
    cadre_ref child = {5};
    cadre_opts opts = {.budget = &budget};
    assert_int_equal(cadre_spawn_with(self, &child, &sink_class, NULL, &opts), -EINVAL);
    assert_int_equal(child.id, 5);
}
static void play_badly(void) { assert_int_equal(play(spawn_badly), 0); }

static void bad_budgets_are_refused(void **state)
{
    const cadre_budget bad[] = {{.window = -1},
                                {.window = 3601 * CADRE_SECOND},
                                {.time = -1},
                                {.time = CADRE_SECOND + 1},
                                {.window = CADRE_MS, .time = CADRE_MS + 1},
                                {.over = CADRE_OVER_FAIL + 1},
                                {.reserved = {&budget}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        budget = bad[i];
        misuse(play_badly);
    }
}

#define CLEAN(test) cmocka_unit_test_setup(test, clear)

int main(void)
{
    TESTS(CLEAN(messages_are_exact), CLEAN(memory_is_exact),
          CLEAN(waits_are_not_counted), CLEAN(what_it_becomes_is_counted),
          CLEAN(throttled_by_messages), CLEAN(over_is_logged), CLEAN(over_ends),
          CLEAN(memory_has_a_budget), CLEAN(memory_is_told_of_again),
          CLEAN(told_is_called), CLEAN(control_comes), CLEAN(figures_outlive_a_restart),
          CLEAN(all_accounts_are_visited), CLEAN(each_life_is_ended),
          CLEAN(steps_are_not_counted), CLEAN(bad_budgets_are_refused));
    return RUN_TESTS();
}
