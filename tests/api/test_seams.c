/* test_seams.c: kept children, links, waits and stashes, in one another's way. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/await.h>
#include <cadre/fail.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <cadre/actors/supervisor.h>

#include <errno.h>

enum { BROKEN = CADRE_EUSER - 7, WORSE = CADRE_EUSER - 8 };
enum { MAX = 4, SEEDS = 60 / EFFORT_SEEDS };

/* What an actor is to do with this very message. */
typedef int deed(cadre_self *self, cadre_msg *m);
typedef struct {
    deed *act;
} order;
static CADRE_TYPE(order);

/* ---- actors that do what they are told, and what is known of them ---- */

static struct life {
    cadre_ref ref;
    deed *at_start;
    unsigned starts, stops;
    int reason; /* of its last stop */
} lives[MAX];

static int actor_start(cadre_self *self, void *state)
{
    struct life *life = &lives[*(const uint64_t *)state];
    life->ref = cadre_me(self);
    life->starts++;
    return life->at_start ? life->at_start(self, NULL) : 0;
}

static int actor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const order *o = cadre_body(m, order);
    return o ? o->act(self, m) : 0;
}

static void actor_stop(cadre_self *self, void *state, int reason)
{
    struct life *life = &lives[*(const uint64_t *)state];
    life->stops++;
    life->reason = reason;
}

static const cadre_class actor_class = {.name = "actor",
                                        .state_size = sizeof(uint64_t),
                                        .start = actor_start,
                                        .receive = actor_receive,
                                        .stop = actor_stop};

static void tell(cadre_self *self, int i, deed *act)
{
    assert_int_equal(cadre_send(self, lives[i].ref, order, act), 0);
}

static int fail_now(cadre_self *self, cadre_msg *m) { return BROKEN; }
static int stop_now(cadre_self *self, cadre_msg *m) { return CADRE_STOP; }

/* ---- their parent, the root ---- */

static struct plot {
    void (*begin)(cadre_self *self);
    void (*down)(cadre_self *self, const cadre_child_down *down);
    unsigned downs, told;
    int reason; /* of the last cadre_down */
    char text[CADRE_DOWN_TEXT];
} plot;

static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const cadre_down *ended = cadre_body(m, cadre_down);
    if (down) {
        plot.downs++;
        memcpy(plot.text, down->text, sizeof plot.text);
        if (plot.down)
            plot.down(self, down);
    } else if (ended) {
        plot.told++;
        plot.reason = ended->reason;
    }
    return actor_receive(self, state, m);
}

static int boss_start(cadre_self *self, void *state)
{
    plot.begin(self);
    return 0;
}

static const cadre_class boss_class = {
    .name = "boss", .start = boss_start, .receive = boss_receive};

static void add_with(cadre_self *self, int i, cadre_opts opts)
{
    uint64_t id = (uint64_t)i;
    assert_int_equal(cadre_spawn_with(self, &lives[i].ref, &actor_class, &id, &opts),
                     0);
}
static void add(cadre_self *self, int i)
{
    add_with(self, i, (cadre_opts){.keep = true});
}

static void later(cadre_self *self, cadre_time delay, deed *act)
{
    assert_int_equal(cadre_after(self, NULL, delay, order, act), 0);
}

static void restart(cadre_self *self, const cadre_child_down *down)
{
    if (down->starts < 9)
        assert_int_equal(cadre_restart(self, down->child), 0);
}

/* Under several orders. */
static void play_seams(void (*begin)(cadre_self *self),
                       void (*down)(cadre_self *self, const cadre_child_down *down),
                       void (*prepare)(void), void (*judge)(void))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        config.end_when_quiet = true;
        config.batch = seed % 2 ? 1 : 0;
        memset(lives, 0, sizeof lives);
        plot = (struct plot){.begin = begin, .down = down};
        record_clear();
        if (prepare)
            prepare();
        assert_int_equal(run(&config, &boss_class, NULL), 0);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
        assert_int_equal(sums.actors, 0);
        judge();
    }
}

/* ---- nothing of a former life comes ---- */

static bool returned;

static int note_outcome(cadre_self *self, cadre_msg *m)
{
    record_add(1);
    if (lives[0].starts == 1 && !returned)
        return cadre_stash(self, m);
    return 0;
}

static int unstash_and_wait(cadre_self *self, cadre_msg *m)
{
    returned = true;
    cadre_unstash(self);
    return cadre_sleep(self, CADRE_SECOND);
}

static int set_timer(cadre_self *self, cadre_msg *m)
{
    later(self, CADRE_MS, note_outcome);
    return 0;
}

static int kill_0(cadre_self *self, cadre_msg *m)
{
    return cadre_kill(self, lives[0].ref, BROKEN);
}

static int wait_0(cadre_self *self, cadre_msg *m)
{
    tell(self, 0, unstash_and_wait);
    return 0;
}

/* A timer's message is set aside, given back, and held while a handler waits. */
static void hold_outcome(cadre_self *self)
{
    add(self, 0);
    tell(self, 0, set_timer);
    later(self, 10 * CADRE_MS, wait_0);
    later(self, 20 * CADRE_MS, kill_0);
    returned = false;
}

static void judge_held(void)
{
    assert_int_equal(lives[0].starts, 2);
    assert_record(1);
    assert_int_equal(sums.dead, 2); /* it, and what waited */
}

static void held_outcomes_end_with_their_life(void **state)
{
    play_seams(hold_outcome, restart, NULL, judge_held);
}

/* ---- what was passed on is a message like others ---- */

static int note_passed(cadre_self *self, cadre_msg *m)
{
    if (cadre_same(cadre_me(self), lives[0].ref)) {
        record_add(7);
        return 0;
    }
    return cadre_forward(self, lives[0].ref, m);
}

static int set_timer_to_pass(cadre_self *self, cadre_msg *m)
{
    later(self, CADRE_MS, note_passed);
    return 0;
}

static int restart_0(cadre_self *self, cadre_msg *m)
{
    return cadre_restart(self, lives[0].ref);
}

static void pass_on(cadre_self *self)
{
    add(self, 0);
    add(self, 1);
    tell(self, 0, fail_now);
    tell(self, 1, set_timer_to_pass);
    later(self, 10 * CADRE_MS, restart_0);
}

static void judge_passed(void)
{
    assert_record(7);
    assert_int_equal(sums.dead, 1);
}

static void outcomes_passed_on_survive(void **state)
{
    play_seams(pass_on, NULL, NULL, judge_passed);
}

static int answer_and_stash(cadre_self *self, cadre_msg *m)
{
    if (!m->token.id || lives[0].starts > 1) {
        record_add(5);
        cadre_unstash(self);
        return 0;
    }
    assert_int_equal(cadre_reply(self, m, number, 1), 0);
    return cadre_stash(self, m);
}

static int unstash(cadre_self *self, cadre_msg *m)
{
    cadre_unstash(self);
    return 0;
}

static void stash_answered(cadre_self *self)
{
    cadre_token t;
    add(self, 0);
    assert_int_equal(
        cadre_ask(self, &t, lives[0].ref, CADRE_NEVER, order, answer_and_stash), 0);
    tell(self, 0, fail_now);
    tell(self, 0, unstash);
}

static void judge_answered(void)
{
    assert_record(5);
    assert_int_equal(sums.dead, 1);
}

static void answered_requests_set_aside_survive(void **state)
{
    play_seams(stash_answered, restart, NULL, judge_answered);
}

/* ---- set aside at the end ---- */

static int wait_and_stash(cadre_self *self, cadre_msg *m)
{
    if (lives[0].starts > 1 || cadre_sleep(self, CADRE_SECOND) == 0) {
        record_add(3);
        return 0;
    }
    return cadre_stash(self, m);
}

static void ask_to_stash(cadre_self *self, bool keep)
{
    cadre_token t;
    add_with(self, 0, (cadre_opts){.keep = keep});
    assert_int_equal(
        cadre_ask(self, &t, lives[0].ref, CADRE_NEVER, order, wait_and_stash), 0);
    tell(self, 0, wait_and_stash);
    later(self, 10 * CADRE_MS, kill_0);
}
static void ask_to_stash_kept(cadre_self *self) { ask_to_stash(self, true); }
static void ask_to_stash_other(cadre_self *self) { ask_to_stash(self, false); }

static void judge_stashed_kept(void)
{
    assert_int_equal(lives[0].starts, 2);
    assert_record(3, 3);
    assert_int_equal(sums.dead, 0);
}

static void judge_stashed(void) { assert_int_equal(sums.dead, 2); }

static void stashed_while_it_ends(void **state)
{
    play_seams(ask_to_stash_other, NULL, NULL, judge_stashed);
    play_seams(ask_to_stash_kept, restart, NULL, judge_stashed_kept);
}

/* ---- who was down already is not killed for it ---- */

static void kill_then_restart(cadre_self *self, const cadre_child_down *down)
{
    if (down->starts == 1)
        assert_int_equal(cadre_kill(self, down->child, WORSE), 0);
    restart(self, down);
}

static void fail_0(cadre_self *self)
{
    add(self, 0);
    tell(self, 0, fail_now);
}

static void judge_one_restart(void)
{
    assert_int_equal(lives[0].starts, 2);
    assert_int_equal(plot.downs, 1);
}

static void a_kill_that_finds_it_down_is_over(void **state)
{
    play_seams(fail_0, kill_then_restart, NULL, judge_one_restart);
}

/* What was to fail one that is killed before does not wait for the next. */
static const cadre_child_spec specs[2] = {
    {.cls = &actor_class, .init = (const uint64_t[]){0}, .mail = CADRE_MAIL_DROP},
    {.cls = &actor_class, .init = (const uint64_t[]){1}, .mail = CADRE_MAIL_DROP},
};

static int fail_both(cadre_self *self, cadre_msg *m)
{
    tell(self, 0, fail_now);
    tell(self, 1, fail_now);
    return 0;
}

static int link_to_0(cadre_self *self, cadre_msg *m)
{
    return cadre_link(self, NULL, lives[0].ref);
}

static int fail_first(cadre_self *self, cadre_msg *m)
{
    tell(self, 0, fail_now);
    return 0;
}

static void supervise(cadre_self *self, uint8_t strategy, deed *act)
{
    cadre_supervisor all = {
        .children = specs, .count = 2, .strategy = strategy, .max_restarts = 2};
    assert_int_equal(cadre_spawn(self, NULL, &cadre_supervisor_class, &all), 0);
    later(self, CADRE_MS, act);
}

static void fail_both_at_once(cadre_self *self)
{
    supervise(self, CADRE_ONE_FOR_ALL, fail_both);
}
static void fail_both_for_one(cadre_self *self)
{
    supervise(self, CADRE_ONE_FOR_ONE, fail_both);
}
static void fail_linked(cadre_self *self)
{
    supervise(self, CADRE_ONE_FOR_ALL, fail_first);
}
static void fail_linked_for_one(cadre_self *self)
{
    supervise(self, CADRE_ONE_FOR_ONE, fail_first);
}

static void link_second(void) { lives[1].at_start = link_to_0; }

static void judge_both(void)
{
    assert_int_equal(lives[0].starts, 2);
    assert_int_equal(lives[1].starts, 2);
    assert_int_equal(lines_with("one too many"), 0);
}

static void siblings_fail_at_once(void **state)
{
    play_seams(fail_both_for_one, NULL, NULL, judge_both);
    play_seams(fail_both_at_once, NULL, NULL, judge_both);
}

static void linked_siblings_start_again(void **state)
{
    play_seams(fail_linked_for_one, NULL, link_second, judge_both);
    play_seams(fail_linked, NULL, link_second, judge_both);
}

/* ---- links and watches of who goes down ---- */

static int link_0(cadre_self *self, cadre_msg *m)
{
    return cadre_link(self, NULL, lives[0].ref);
}

static void fail_the_linked(cadre_self *self)
{
    add(self, 0);
    add_with(self, 1, (cadre_opts){.keep = false});
    tell(self, 1, link_0);
    later(self, CADRE_MS, fail_first);
}

static void judge_linker(void)
{
    assert_int_equal(lives[1].stops, 1);
    assert_int_equal(lives[1].reason, BROKEN);
    assert_int_equal(lives[0].starts, 2);
}

static int stop_first(cadre_self *self, cadre_msg *m)
{
    tell(self, 0, stop_now);
    return 0;
}
static int fail_second(cadre_self *self, cadre_msg *m)
{
    tell(self, 1, fail_now);
    return 0;
}

/* The first ends normally and is restarted; so the link is over. */
static void stop_the_linked(cadre_self *self)
{
    add(self, 0);
    add_with(self, 1, (cadre_opts){.keep = false});
    tell(self, 1, link_0);
    later(self, CADRE_MS, stop_first);
    later(self, 2 * CADRE_MS, fail_second);
}

static void judge_unlinked(void)
{
    assert_int_equal(plot.downs, 1);
    assert_int_equal(lives[0].starts, 2);
    assert_int_equal(lives[1].reason, BROKEN);
}

static void links_end_when_one_goes_down(void **state)
{
    play_seams(fail_the_linked, restart, NULL, judge_linker);
    play_seams(stop_the_linked, restart, NULL, judge_unlinked);
}

static int release_0(cadre_self *self, cadre_msg *m)
{
    assert_int_equal(plot.told, 0);
    return cadre_release(self, lives[0].ref);
}

static int watch_0(cadre_self *self, cadre_msg *m)
{
    return cadre_watch(self, NULL, lives[0].ref);
}

/* Watched while it runs, while it is down, and at the moment when it is released. */
static void watch_kept(cadre_self *self)
{
    add(self, 0);
    assert_int_equal(watch_0(self, NULL), 0);
    tell(self, 0, fail_now);
    later(self, CADRE_MS, watch_0);
    later(self, 2 * CADRE_MS, restart_0);
    later(self, 3 * CADRE_MS, fail_first);
    later(self, 5 * CADRE_MS, release_0);
    later(self, 5 * CADRE_MS, watch_0);
}

static void judge_watches(void)
{
    assert_int_equal(plot.told, 3);
    assert_int_equal(plot.downs, 2);
    assert_true(plot.reason == BROKEN || plot.reason == CADRE_EDEAD);
}

static void watches_outlast_restarts(void **state)
{
    play_seams(watch_kept, NULL, NULL, judge_watches);
}

/* ---- words ---- */

static int forget_words(cadre_self *self, cadre_msg *m)
{
    (void)cadre_fail(self, BROKEN, "these are not meant");
    return 0;
}

static void fail_without_words(cadre_self *self)
{
    add(self, 0);
    tell(self, 0, forget_words);
    tell(self, 0, fail_now);
}

static void judge_no_words(void)
{
    assert_int_equal(plot.downs, 1);
    assert_string_equal(plot.text, "");
    assert_int_equal(lines_with("not meant"), 0);
}

static void words_that_were_not_returned_are_forgotten(void **state)
{
    play_seams(fail_without_words, NULL, NULL, judge_no_words);
}

static int wait_and_fail(cadre_self *self, cadre_msg *m)
{
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), -ECANCELED);
    return cadre_fail(self, BROKEN, "too late");
}

static int kill_worse(cadre_self *self, cadre_msg *m)
{
    return cadre_kill(self, lives[0].ref, WORSE);
}

static void fail_while_ending(cadre_self *self)
{
    add(self, 0);
    tell(self, 0, wait_and_fail);
    later(self, CADRE_MS, kill_worse);
}

static void judge_killed(void)
{
    assert_int_equal(lives[0].reason, WORSE);
    assert_string_equal(plot.text, "");
}

static void words_belong_to_the_reason(void **state)
{
    play_seams(fail_while_ending, NULL, NULL, judge_killed);
}

int main(void)
{
    TESTS(cmocka_unit_test(held_outcomes_end_with_their_life),
          cmocka_unit_test(outcomes_passed_on_survive),
          cmocka_unit_test(answered_requests_set_aside_survive),
          cmocka_unit_test(stashed_while_it_ends),
          cmocka_unit_test(a_kill_that_finds_it_down_is_over),
          cmocka_unit_test(siblings_fail_at_once),
          cmocka_unit_test(linked_siblings_start_again),
          cmocka_unit_test(links_end_when_one_goes_down),
          cmocka_unit_test(watches_outlast_restarts),
          cmocka_unit_test(words_that_were_not_returned_are_forgotten),
          cmocka_unit_test(words_belong_to_the_reason));
    return RUN_TESTS();
}
