/* test_watch_corners.c: watches where something is wrong, slow, many, or short; and bad
 * input. */
#include "support/effort.h"
#include "support/open.h"
#include "support/watching.h"

#include <cadre/await.h>
#include <cadre/chain.h>

#include <errno.h>
#include <stdlib.h>

static uint64_t tokens[3];
static cadre_ref target;

static void later(cadre_self *self, cadre_time delay, cadre_receive *step)
{
    cadre_token token;
    assert_int_equal(cadre_after(self, &token, delay, number, 0), 0);
    assert_int_equal(cadre_then(self, token, step), 0);
}

/* ---- what is refused ---- */

static int watch_myself(cadre_self *self, void *state)
{
    cadre_token token = {7};
    assert_int_equal(cadre_watch(self, &token, cadre_me(self)), -EINVAL);
    assert_int_equal(cadre_link(self, &token, cadre_me(self)), -EINVAL);
    assert_int_equal(token.id, 7);
    return CADRE_STOP;
}
static void play_watching_oneself(void)
{
    static const cadre_class narcissus = {.start = watch_myself,
                                          .receive = note_outcome};
    cadre_config config = quiet(1, 1);
    assert_int_equal(run(&config, &narcissus, NULL), 0);
    assert_int_equal(lines_with("of oneself"), 2);
}
static void oneself_is_refused(void **state) { misuse(play_watching_oneself); }

static cadre_self *leaked;
static int leak(cadre_self *self, void *state)
{
    leaked = self;
    return 0;
}
static bool links;
static void watch_from_elsewhere(void)
{
    static const cadre_class leaking = {.start = leak, .receive = note_outcome};
    cadre_system *sys = open_system(1, 1, &leaking);
    cadre_token token = {7};
    while (cadre_system_poll(sys, 0) > 0) {
    }
    cadre_ref root = cadre_system_root(sys);
    assert_int_equal(links ? cadre_link(leaked, &token, root)
                           : cadre_watch(leaked, &token, root),
                     -EPERM);
    assert_int_equal(token.id, 7);
    close_system(sys);
}
static void between_turns_is_refused(void **state)
{
    misuse(watch_from_elsewhere);
    links = true;
    misuse(watch_from_elsewhere);
    assert_int_equal(cadre_watch(NULL, NULL, (cadre_ref){1}), -EINVAL);
    assert_int_equal(cadre_link(NULL, NULL, (cadre_ref){1}), -EINVAL);
}

static int errors[2];
static void watch_at_the_end(cadre_self *self, void *state, int reason)
{
    errors[0] = cadre_watch(self, NULL, target);
    errors[1] = cadre_link(self, NULL, target);
}
static void end_watching(cadre_self *self)
{
    static const cadre_class late = {.receive = note_outcome, .stop = watch_at_the_end};
    cadre_ref who;
    target = cadre_me(self);
    assert_int_equal(cadre_spawn(self, &who, &late, NULL), 0);
    assert_int_equal(cadre_stop(self, who), 0);
}
static void judge_errors(void)
{
    assert_int_equal(errors[0], -ESHUTDOWN);
    assert_int_equal(errors[1], -ESHUTDOWN);
}
static void who_is_ending_cannot_watch(void **state)
{
    watching(end_watching, judge_errors);
}

/* ---- as any operation ---- */

static int note_end(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_body(m, cadre_down)->reason, CADRE_EUSER);
    return note_down(self, state, m);
}
static int pass_down(cadre_self *self, void *state, cadre_msg *m)
{
    assert_non_null(cadre_body(m, cadre_down));
    return 0;
}
static void watch_in_a_chain(cadre_self *self)
{
    cadre_token t[3], both;
    target = mortal(self);
    for (int i = 0; i < 2; i++)
        t[i] = (cadre_token){watch_one(self, target)};
    assert_int_equal(cadre_chain(self, &t[2], t[0], pass_down, NULL), 0);
    assert_int_equal(cadre_race(self, &both, &t[1], 2), 0);
    assert_int_equal(cadre_then(self, both, note_end), 0);
    tokens[0] = both.id;
    finish_one(self, target, CADRE_EUSER);
}
static void judge_one_under_token(void)
{
    assert_int_equal(news.count, 1);
    assert_told(tokens[0], target, CADRE_EUSER);
}
static void a_watch_may_be_chained(void **state)
{
    watching(watch_in_a_chain, judge_one_under_token);
}

static int await_end(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token = {watch_one(self, target)};
    cadre_msg end;
    finish_one(self, target, CADRE_EUSER);
    assert_int_equal(cadre_await(self, token, &end), 0);
    tokens[0] = end.token.id;
    return note_down(self, state, &end);
}
static void watch_and_wait(cadre_self *self)
{
    target = mortal(self);
    later(self, 1, await_end);
}
static void a_watch_may_be_awaited(void **state)
{
    watching(watch_and_wait, judge_one_under_token);
}

/* ---- the deadline of a request is not its own ---- */

static cadre_time deadline_of_news;
static int keep_and_watch(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    if (cadre_body(m, cadre_down)) {
        deadline_of_news = cadre_deadline(self);
        return 0;
    }
    assert_true(cadre_deadline(self) != CADRE_NEVER);
    (void)watch_one(self, target);
    return cadre_defer(self, m, &promise);
}
static int end_target(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_kill(self, target, 0);
}
static void ask_one_who_watches(cadre_self *self)
{
    static const cadre_class watcher = {.receive = keep_and_watch};
    static const cadre_type question = {.name = "question"};
    cadre_ref who;
    deadline_of_news = 0;
    target = mortal(self);
    assert_int_equal(cadre_spawn(self, &who, &watcher, NULL), 0);
    assert_int_equal(cadre_ask_as(self, NULL, who, CADRE_MS, &question, NULL), 0);
    later(self, 2 * CADRE_MS, end_target);
}
static void judge_deadline(void) { assert_int_equal(deadline_of_news, CADRE_NEVER); }
static void a_watch_outlasts_the_request(void **state)
{
    watching(ask_one_who_watches, judge_deadline);
}

/* ---- one that takes its time ---- */

static int sleep_closed(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_sleep(self, 5 * CADRE_MS);
}
static cadre_ref sleeper;
static const cadre_class sleeper_class = {.receive = sleep_closed};

static int bear_sleeper(cadre_self *self, void *state)
{
    assert_int_equal(cadre_spawn(self, &sleeper, &sleeper_class, NULL), 0);
    return cadre_send(self, sleeper, number, 0);
}
static int stop_now(cadre_self *self, void *state, cadre_msg *m) { return CADRE_STOP; }
static const cadre_class slow_class = {.start = bear_sleeper, .receive = stop_now};

static int watch_both(cadre_self *self, void *state, cadre_msg *m)
{
    tokens[0] = watch_one(self, target);  /* it is ending */
    tokens[1] = watch_one(self, sleeper); /* one of its handlers waits closed */
    tokens[2] = watch_one(self, sleeper);
    assert_int_equal(cadre_cancel(self, (cadre_token){tokens[2]}), 0);
    return 0;
}
static int go_on(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static void end_slowly(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, &target, &slow_class, NULL), 0);
    later(self, CADRE_MS, watch_both);
    later(self, 20 * CADRE_MS, go_on);
    assert_int_equal(cadre_send(self, target, number, 0), 0);
}
static void judge_slow(void)
{
    assert_int_equal(news.count, 2);
    assert_told(tokens[0], target, 0);
    assert_told(tokens[1], sleeper, CADRE_EPARENT);
    assert_true(news.list[0].when >= 5 * CADRE_MS);
}
static void one_that_is_ending_has_not_ended(void **state)
{
    watching(end_slowly, judge_slow);
}

/* ---- without memory ---- */

static bool is_short;
static uint32_t refused;
static void *get(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size > 0 && is_short) {
        refused++;
        return NULL;
    }
    if (new_size > 0)
        return realloc(old, new_size);
    free(old);
    return NULL;
}

enum { WITHOUT = 4000 };
static uint32_t without_memory;
static int count_news(cadre_self *self, void *state, cadre_msg *m)
{
    without_memory += cadre_body(m, cadre_down) != NULL;
    return 0;
}
static int cancel_and_end(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_token token[WITHOUT];
    if (m->type == &number_type && !is_short) {
        for (int i = 0; i < WITHOUT; i++)
            assert_int_equal(cadre_watch(self, &token[i], target), 0);
        is_short = true;
        return cadre_send(self, cadre_me(self), number, 0);
    }
    for (int i = 0; i < WITHOUT; i += 2)
        assert_int_equal(cadre_cancel(self, token[i]), 0);
    cadre_become(self, count_news);
    return cadre_kill(self, target, 0);
}
static void watch_and_run_short(cadre_self *self)
{
    target = mortal(self);
    cadre_become(self, cancel_and_end);
    assert_int_equal(cadre_send(self, cadre_me(self), number, 0), 0);
}
static void to_tell_and_to_cancel_take_no_memory(void **state)
{
    cadre_config config = quiet(1, 1);
    config.alloc = get;
    assert_int_equal(play_with(&config, watch_and_run_short), 0);
    is_short = false;
    assert_int_equal(refused, 0);
    assert_int_equal(without_memory, WITHOUT / 2);
}

/* ---- many: this would take minutes if it were quadratic ---- */

static uint64_t many;
static uint32_t counted;
static int count_end(cadre_self *self, void *state, cadre_msg *m)
{
    counted += cadre_body(m, cadre_down) != NULL;
    return 0;
}
static void cancel_every_third(cadre_self *self, const cadre_token *t)
{
    for (uint64_t i = many; i > 0; i--)
        if (i % 3 == 0)
            assert_int_equal(cadre_cancel(self, t[i - 1]), 0);
}
static void watch_one_often(cadre_self *self)
{
    cadre_token *t = malloc(many * sizeof *t);
    target = mortal(self);
    cadre_become(self, count_end);
    for (uint64_t i = 0; i < many; i++)
        assert_int_equal(cadre_watch(self, &t[i], target), 0);
    cancel_every_third(self, t);
    free(t);
    later(self, CADRE_MS, end_target);
}
static void watch_many(cadre_self *self)
{
    cadre_token *t = malloc(many * sizeof *t);
    cadre_become(self, count_end);
    for (uint64_t i = 0; i < many; i++) {
        cadre_ref who = mortal(self);
        assert_int_equal(cadre_watch(self, &t[i], who), 0);
        finish_one(self, who, CADRE_STOP);
    }
    cancel_every_third(self, t);
    free(t);
}
static int watch_the_target(cadre_self *self, void *state)
{
    return cadre_watch(self, NULL, target);
}
static void be_watched_by_many(cadre_self *self)
{
    static const cadre_class watcher = {.start = watch_the_target,
                                        .receive = count_end};
    target = mortal(self);
    for (uint64_t i = 0; i < many; i++) {
        cadre_ref who;
        assert_int_equal(cadre_spawn(self, &who, &watcher, NULL), 0);
        if (i % 3 == 2)
            assert_int_equal(cadre_stop(self, who), 0);
    }
    later(self, CADRE_SECOND, end_target);
}
static void hundred_thousand_watches(void **state)
{
    static void (*const scenes[])(cadre_self * self) = {watch_one_often, watch_many,
                                                        be_watched_by_many};
    many = 100000 / EFFORT_SLOWDOWN;
    for (unsigned i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        cadre_config config = quiet(1, i + 1);
        counted = 0;
        assert_int_equal(play_with(&config, scenes[i]), 0);
        assert_int_equal(counted, many - many / 3);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(oneself_is_refused),
          cmocka_unit_test(between_turns_is_refused),
          cmocka_unit_test(who_is_ending_cannot_watch),
          cmocka_unit_test(a_watch_may_be_chained),
          cmocka_unit_test(a_watch_may_be_awaited),
          cmocka_unit_test(a_watch_outlasts_the_request),
          cmocka_unit_test(one_that_is_ending_has_not_ended),
          cmocka_unit_test(to_tell_and_to_cancel_take_no_memory),
          cmocka_unit_test(hundred_thousand_watches));
    return RUN_TESTS();
}
