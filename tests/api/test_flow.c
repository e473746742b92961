/* test_flow.c: who sends to one that cannot keep up is held back. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/flow.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

enum { SEEDS = 16 / EFFORT_SEEDS, MANY = 10000, TEN = 10 };

static uint64_t the_seed;
static struct {
    int64_t waiting, most; /* at the slow one */
    uint64_t handled;
    int64_t muted, named;
    int (*when_full)(cadre_self *self);
    cadre_ref slow, source;
    uint64_t left;
    int64_t at_end; /* of the source, waiting */
    bool is_muted;  /* the source was seen so, and has not gone on */
    bool is_large;  /* it sends what no pool has room for */
    cadre_ref echo; /* of whom the slow one asks something for each message; or 0 */
} plot;

static void with_seeds(void (*scene)(cadre_self *self), void (*check)(void))
{
    for (the_seed = 1; the_seed <= SEEDS; the_seed++) {
        cadre_config config = quiet(1 + (uint32_t)(the_seed % 3), the_seed);
        int (*when_full)(cadre_self * self) = plot.when_full;
        memset(&plot, 0, sizeof plot);
        plot.when_full = when_full;
        plot.left = MANY;
        assert_int_equal(play_with(&config, scene), 0);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
        check();
    }
}

static void note_muted(void *user, const cadre_mute *mute)
{
    plot.is_muted = plot.is_muted || cadre_same(mute->who, plot.source);
    plot.named += cadre_same(mute->who, plot.source) &&
                  cadre_same(mute->by, plot.slow) &&
                  strcmp(mute->who_class, "source") == 0 &&
                  strcmp(mute->by_class, "slow") == 0 && mute->waiting > 64;
}

/* ---- one is slower than the other ---- */

typedef struct {
    uint64_t value;
    char text[5000];
} large;
static CADRE_TYPE(large);

static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_same(m->from, plot.echo))
        return 0;
    if (plot.echo.id) {
        int err = cadre_ask(self, NULL, plot.echo, CADRE_NEVER, number, 1);
        assert_int_equal(err, 0);
    }
    plot.handled++;
    plot.waiting--;
    int64_t muted = cadre_muted(cadre_system_of(self), note_muted, NULL);
    if (muted > 0 && plot.muted++ == 0 && plot.when_full)
        return plot.when_full(self);
    return 0;
}
static const cadre_class slow_class = {.name = "slow", .receive = slow_receive};

/* Let go when half is left: of all the letters, so of the messages there may be fewer. */
static int early; /* when much was left; when nothing is, that is found at once */
static int send_one(cadre_self *self)
{
    static large much;
    return plot.is_large ? cadre_send_as(self, plot.slow, &large_type, &much)
                         : cadre_send(self, plot.slow, number, plot.left);
}
static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (plot.is_muted && !plot.when_full) {
        assert_in_range(plot.waiting, 0, 32);
        early += plot.waiting > TEN;
        plot.is_muted = false;
    }
    for (int i = 0; i < TEN && plot.left > 0; i++, plot.left--) {
        assert_int_equal(send_one(self), 0);
        if (++plot.waiting > plot.most)
            plot.most = plot.waiting;
    }
    return plot.left > 0 ? cadre_send(self, cadre_me(self), number, 0) : 0;
}
static void source_stop(cadre_self *self, void *state, int reason)
{
    plot.at_end = plot.waiting;
}
static int source_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 0);
}
static const cadre_class source_class = {.name = "source",
                                         .start = source_start,
                                         .receive = source_receive,
                                         .stop = source_stop};

static void open_source(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, &plot.slow, &slow_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &plot.source, &source_class, NULL), 0);
}

/* Not the 10,000: found out in time, and again each time. How many exactly is a matter of
 * chance: a simulation may run the source several times in a row. */
static void most_is_small(void)
{
    assert_int_equal(plot.handled, 2 * MANY);
    assert_true(sums.mutes > 0);
    assert_in_range(plot.most, 64, MANY / 2);
}
static void open_long(cadre_self *self)
{
    plot.left = 2 * MANY;
    open_source(self);
}
static void sender_is_held_back(void **state)
{
    plot.when_full = NULL;
    with_seeds(open_long, most_is_small);
    assert_true(early > SEEDS);
}
static void open_large(cadre_self *self)
{
    open_source(self);
    plot.is_large = true;
    plot.left = MANY / 2;
}
static void few_are_large(void)
{
    assert_int_equal(plot.handled, MANY / 2);
    assert_in_range(plot.most, 64, MANY / 4);
}
static void large_ones_count(void **state) { with_seeds(open_large, few_are_large); }

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, number, 1);
}
static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};
static void open_asker(cadre_self *self)
{
    open_long(self);
    assert_int_equal(cadre_spawn(self, &plot.echo, &echo_class, NULL), 0);
}
static void answers_are_no_room(void **state) { with_seeds(open_asker, most_is_small); }

/* ---- a chain: who is held back cannot keep up either ---- */

static int64_t between, most_between;
static int doubler_receive(cadre_self *self, void *state, cadre_msg *m)
{
    between--;
    for (int i = 0; i < 2; i++) {
        plot.waiting++;
        assert_int_equal(cadre_send(self, plot.slow, number, 0), 0);
    }
    return 0;
}
static const cadre_class doubler_class = {.name = "doubler",
                                          .receive = doubler_receive};
static int head_receive(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < TEN && plot.left > 0; i++, plot.left--) {
        assert_int_equal(cadre_send(self, *(cadre_ref *)state, number, plot.left), 0);
        if (++between > most_between)
            most_between = between;
    }
    return plot.left > 0 ? cadre_send(self, cadre_me(self), number, 0) : 0;
}
static const cadre_class head_class = {.name = "head",
                                       .state_size = sizeof(cadre_ref),
                                       .start = source_start,
                                       .receive = head_receive};
static void open_chain(cadre_self *self)
{
    cadre_ref doubler;
    between = most_between = 0;
    assert_int_equal(cadre_spawn(self, &plot.slow, &slow_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &doubler, &doubler_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &head_class, &doubler), 0);
}
static void all_are_small(void)
{
    assert_int_equal(plot.handled, 2 * MANY);
    assert_in_range(most_between, 64, MANY / 2);
}
static void chain_is_held_back(void **state)
{
    plot.when_full = NULL;
    with_seeds(open_chain, all_are_small);
}

static void it_was_named(void) { assert_true(plot.named > 0); }
static void nobody(void *user, const cadre_mute *mute) { fail(); }
static void reason_can_be_asked(void **state)
{
    plot.when_full = NULL;
    with_seeds(open_source, it_was_named);
}

/* All on one worker: what waits is in the mailbox. Who asks before each message sees a
 * new number at the beginning of a turn; it was counted at the end of the last one. */
enum { MUCH = 20000, LOOKS = 5 };
static struct {
    int64_t waiting, ended_with; /* now, and when the last message was handled */
    int64_t said;                /* the last time; at first not everything is counted */
    int looks, exact, gushes;
} tally;
static void compare(void *user, const cadre_mute *mute)
{
    int64_t said = (int64_t)mute->waiting;
    tally.looks += tally.said && said != tally.said;
    tally.exact += tally.said && said != tally.said && said == tally.ended_with;
    tally.said = said;
}
static int tally_receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)cadre_muted(cadre_system_of(self), compare, NULL);
    tally.ended_with = --tally.waiting;
    return tally.looks == LOOKS ? CADRE_STOP : 0;
}
static const cadre_class tally_class = {.name = "tally", .receive = tally_receive};
static int gush_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = *(cadre_ref *)state;
    for (int i = 0; i < (tally.waiting ? 1 : MUCH); i++)
        assert_int_equal(cadre_send(self, to, number, 0), 0);
    tally.waiting += tally.waiting ? 1 : MUCH;
    bool ends = tally.looks == LOOKS || ++tally.gushes == MUCH;
    return ends ? 0 : cadre_send(self, cadre_me(self), number, 0);
}
static const cadre_class gush_class = {.name = "gush",
                                       .state_size = sizeof(cadre_ref),
                                       .start = source_start,
                                       .receive = gush_receive};
static void open_gush(cadre_self *self)
{
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &tally_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &gush_class, &to), 0);
}
static void reason_is_exact(void **state)
{
    cadre_config config = {.workers = 1, .end_when_quiet = true};
    memset(&tally, 0, sizeof tally);
    assert_int_equal(play_with(&config, open_gush), 0);
    assert_int_equal(tally.looks, LOOKS);
    assert_int_equal(tally.exact, LOOKS);
}

/* ---- ways to go on ---- */

static int fail_now(cadre_self *self) { return CADRE_EUSER; }
static int stop_now(cadre_self *self) { return CADRE_STOP; }
static int sleep_now(cadre_self *self)
{
    int err = cadre_sleep(self, CADRE_MS);
    assert_int_equal(cadre_muted(cadre_system_of(self), nobody, NULL), 0);
    return err;
}
static void all_was_sent(void)
{
    assert_int_equal(plot.left, 0);
    assert_true(plot.muted > 0);
}
static int keeper_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.keep = true};
    assert_int_equal(cadre_spawn_with(self, &plot.slow, &slow_class, NULL, &opts), 0);
    assert_int_equal(cadre_spawn(self, &plot.source, &source_class, NULL), 0);
    return 0;
}
static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return 0; /* it stays down */
}
static const cadre_class keeper_class = {
    .name = "keeper", .start = keeper_start, .receive = keeper_receive};
static void open_kept(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, NULL, &keeper_class, NULL), 0);
}

static void muted_goes_on(void **state)
{
    static int (*const ways[])(cadre_self *) = {fail_now, stop_now, sleep_now};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        plot.when_full = ways[i];
        with_seeds(open_source, all_was_sent);
    }
    plot.when_full = fail_now;
    with_seeds(open_kept, all_was_sent);
}

static int stop_source(cadre_self *self) { return cadre_stop(self, plot.source); }
static int kill_source(cadre_self *self) { return cadre_kill(self, plot.source, 0); }
static void it_has_ended(void)
{
    early += plot.at_end > 48; /* 32, and what it sends at a time */
    assert_true(plot.left > 0);
    assert_int_equal(plot.handled, MANY - plot.left);
}
static void end_lets_go(void **state)
{
    static int (*const ways[])(cadre_self *) = {stop_source, kill_source};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        early = 0;
        plot.when_full = ways[i];
        with_seeds(open_source, it_has_ended);
        assert_true(early > SEEDS / 2);
    }
}

/* ---- circles ---- */

/* Each message that has lives left makes two; so all circles come to an end. */
enum { RING = 5, LIVES = 13 };
static cadre_ref ring[RING];
static int ring_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t lives = cadre_body(m, number)->value;
    plot.handled++;
    for (uint64_t i = 0; lives > 0 && i < 2; i++) {
        cadre_ref to = ring[cadre_random(self) % RING];
        assert_int_equal(cadre_send(self, to, number, lives - 1), 0);
    }
    return 0;
}
static const cadre_class ring_class = {.name = "ring", .receive = ring_receive};
static void open_ring(cadre_self *self)
{
    for (int i = 0; i < RING; i++)
        assert_int_equal(cadre_spawn(self, &ring[i], &ring_class, NULL), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(cadre_send(self, ring[i % RING], number, LIVES), 0);
}
static uint64_t ring_mutes;
static void ring_is_quiet(void)
{
    assert_int_equal(plot.handled, 8 * ((2u << LIVES) - 1));
    ring_mutes += sums.mutes;
}
static void circles_go_on(void **state)
{
    ring_mutes = 0;
    with_seeds(open_ring, ring_is_quiet);
    assert_true(ring_mutes > 0);
}

/* ---- who is not held back ---- */

static int self_receive(cadre_self *self, void *state, cadre_msg *m)
{
    bool *begun = state;
    plot.handled++;
    for (int i = 0; !*begun && i < MANY; i++)
        assert_int_equal(cadre_send(self, cadre_me(self), number, 1), 0);
    *begun = true;
    return 0;
}
static const cadre_class self_class = {
    .name = "self", .state_size = sizeof(bool), .receive = self_receive};

/* The answers to all of these come at once. */
static int asker_start(cadre_self *self, void *state)
{
    cadre_ref echo;
    assert_int_equal(cadre_spawn(self, &echo, &echo_class, NULL), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(cadre_ask(self, NULL, echo, CADRE_NEVER, number, 1), 0);
    return 0;
}
static int asker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    plot.handled++;
    return 0;
}
static const cadre_class asker_class = {
    .name = "asker", .start = asker_start, .receive = asker_receive};
static void open_self(cadre_self *self)
{
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &self_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &asker_class, NULL), 0);
    assert_int_equal(cadre_send(self, to, number, 0), 0);
}
static void nobody_was_muted(void)
{
    assert_int_equal(plot.handled, 2 * MANY + 1);
    assert_int_equal(sums.mutes, 0);
}
static void answers_hold_nobody(void **state)
{
    with_seeds(open_self, nobody_was_muted);
}

/* One of the two has levels, or the source a handler that waits. */
enum { SOURCE_WAITS = 2 };
static int who_is_free;
static bool has_begun;
static int waiter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg rung;
    if (has_begun)
        return source_receive(self, state, m);
    has_begun = true;
    int err = cadre_send(self, cadre_me(self), number, 0);
    if (!err)
        err = cadre_after(self, &token, 3600 * CADRE_SECOND, number, 0);
    return err ? err : cadre_await_open(self, token, &rung);
}
static const cadre_class waiter_class = {
    .name = "waiter", .start = source_start, .receive = waiter_receive};
static void open_free(cadre_self *self)
{
    const cadre_opts slow = {.levels = who_is_free == 0},
                     source = {.levels = who_is_free == 1};
    const cadre_class *class =
        who_is_free == SOURCE_WAITS ? &waiter_class : &source_class;
    has_begun = false;
    plot.left = MANY / 5;
    assert_int_equal(cadre_spawn_with(self, &plot.slow, &slow_class, NULL, &slow), 0);
    assert_int_equal(cadre_spawn_with(self, &plot.source, class, NULL, &source), 0);
}
static void nobody_was_held(void)
{
    assert_int_equal(plot.handled, MANY / 5);
    assert_int_equal(sums.mutes, 0);
}
static void waits_and_levels_hold_nobody(void **state)
{
    plot.when_full = NULL;
    for (who_is_free = 0; who_is_free <= SOURCE_WAITS; who_is_free++)
        with_seeds(open_free, nobody_was_held);
}

/* The fickle one sends to one that is flooded, and fails: the next one has not sent
 * that, and handles what it finds. */
static struct {
    cadre_ref who;
    uint64_t told, came;
} fickle;
static void not_fickle(void *user, const cadre_mute *mute)
{
    assert_false(cadre_same(mute->who, fickle.who));
}
static int lure_receive(cadre_self *self, void *state, cadre_msg *m)
{
    plot.handled++;
    int64_t muted = cadre_muted(cadre_system_of(self), not_fickle, NULL);
    if (muted == 0 || !fickle.who.id || fickle.told > fickle.came)
        return 0;
    fickle.told++;
    int err = cadre_send(self, fickle.who, number, 1);
    return err ? err : cadre_send(self, fickle.who, number, 0);
}
static int fickle_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, number)->value == 0) {
        fickle.came++;
        return 0;
    }
    int err = cadre_send(self, plot.slow, number, 0);
    return err ? err : CADRE_EUSER;
}
static int fond_start(cadre_self *self, void *state)
{
    static const cadre_class fickle_class = {.name = "fickle",
                                             .receive = fickle_receive};
    const cadre_opts opts = {.keep = true};
    return cadre_spawn_with(self, &fickle.who, &fickle_class, NULL, &opts);
}
static int fond_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_restart(self, cadre_body(m, cadre_child_down)->child);
}
static void open_fickle(cadre_self *self)
{
    static const cadre_class lure = {.name = "lure", .receive = lure_receive};
    static const cadre_class fond = {
        .name = "fond", .start = fond_start, .receive = fond_receive};
    memset(&fickle, 0, sizeof fickle);
    assert_int_equal(cadre_spawn(self, &plot.slow, &lure, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &fond, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &source_class, NULL), 0);
}
static void each_has_come(void)
{
    assert_true(fickle.told > 1);
    assert_int_equal(fickle.came, fickle.told);
    assert_int_equal(plot.handled, MANY + fickle.told);
}
static void restart_begins_anew(void **state)
{
    with_seeds(open_fickle, each_has_come);
}

/* ---- who has nothing to do ---- */

/* The errand runner floods nobody by itself: it is told to send one, again and again,
 * when the slow one is flooded by the source. */
static struct {
    cadre_ref runner;
    int told, came, held; /* how often; and seen muted */
} errand;
static void note_runner(void *user, const cadre_mute *mute)
{
    if (!cadre_same(mute->who, errand.runner))
        return;
    errand.held++;
    assert_true(errand.told > errand.came); /* it has something to do */
}
static int errand_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, number)->value == 0)
        errand.came++;
    plot.handled++;
    int64_t muted = cadre_muted(cadre_system_of(self), note_runner, NULL);
    if (muted == 0 || errand.told > errand.came)
        return 0;
    errand.told++;
    return cadre_send(self, errand.runner, number, 0);
}
static int runner_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send(self, plot.slow, number, 0);
}
static void open_errand(cadre_self *self)
{
    static const cadre_class slow = {.name = "slow", .receive = errand_receive};
    static const cadre_class runner = {.name = "runner", .receive = runner_receive};
    int held = errand.held;
    memset(&errand, 0, sizeof errand);
    errand.held = held;
    assert_int_equal(cadre_spawn(self, &plot.slow, &slow, NULL), 0);
    assert_int_equal(cadre_spawn(self, &errand.runner, &runner, NULL), 0);
    assert_int_equal(cadre_spawn(self, NULL, &source_class, NULL), 0);
}
static void all_errands_are_run(void)
{
    assert_true(errand.told > 1);
    assert_int_equal(errand.came, errand.told);
    assert_int_equal(plot.handled, MANY + errand.told);
}
static void idle_is_not_muted(void **state)
{
    errand.held = 0;
    with_seeds(open_errand, all_errands_are_run);
    assert_true(errand.held > 0); /* but it is when it gets something */
}

int main(void)
{
    TESTS(cmocka_unit_test(sender_is_held_back), cmocka_unit_test(large_ones_count),
          cmocka_unit_test(answers_are_no_room), cmocka_unit_test(chain_is_held_back),
          cmocka_unit_test(reason_can_be_asked), cmocka_unit_test(reason_is_exact),
          cmocka_unit_test(muted_goes_on), cmocka_unit_test(end_lets_go),
          cmocka_unit_test(circles_go_on), cmocka_unit_test(answers_hold_nobody),
          cmocka_unit_test(waits_and_levels_hold_nobody),
          cmocka_unit_test(restart_begins_anew), cmocka_unit_test(idle_is_not_muted));
    return RUN_TESTS();
}
