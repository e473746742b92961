/* test_watch.c: watches: the guarantees of cadre/watch.h by their names. Links have
 * test_link.c, bad input and what is rare test_watch_corners.c. */
#include "support/watching.h"

#include <errno.h>

/* ---- one_down ---- */

enum { WAYS_TO_END = 9, LATE = 3 };
static struct {
    cadre_ref who;
    uint64_t token;
    int reason;
} ends[WAYS_TO_END + LATE];

static int fail_at_once(cadre_self *self, void *state) { return CADRE_EUSER - 3; }
static const cadre_class stillborn_class = {.start = fail_at_once,
                                            .receive = note_outcome};

static void watch_in_way(cadre_self *self, int i, cadre_ref who, int reason)
{
    ends[i].who = who;
    ends[i].reason = reason;
    ends[i].token = watch_one(self, who);
}

static int watch_the_ended(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < LATE; i++)
        watch_in_way(self, WAYS_TO_END + i, ends[i].who, CADRE_EDEAD);
    return 0;
}

static void end_in_every_way(cadre_self *self)
{
    cadre_token late;
    cadre_ref me = cadre_me(self), still;
    for (int i = 0; i < 5; i++)
        watch_in_way(self, i, mortal(self), 0);
    finish_one(self, ends[0].who, CADRE_STOP);
    finish_one(self, ends[1].who, CADRE_EUSER - 1);
    assert_int_equal(cadre_stop(self, ends[2].who), 0);
    assert_int_equal(cadre_kill(self, ends[3].who, 0), 0);
    assert_int_equal(cadre_kill(self, ends[4].who, -7), 0);
    ends[1].reason = CADRE_EUSER - 1;
    ends[3].reason = CADRE_EKILLED;
    ends[4].reason = -7;
    assert_int_equal(cadre_spawn(self, &still, &stillborn_class, NULL), 0);
    watch_in_way(self, 5, still, CADRE_EUSER - 3);
    watch_in_way(self, 6, (cadre_ref){0}, CADRE_EDEAD);
    watch_in_way(self, 7, (cadre_ref){me.id + (1u << 28)},
                 CADRE_EDEAD);                                  /* a free slot */
    watch_in_way(self, 8, (cadre_ref){me.id + 1}, CADRE_EDEAD); /* a life to come */
    assert_int_equal(cadre_after(self, &late, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, late, watch_the_ended), 0);
}
static void judge_all(void)
{
    for (int i = 0; i < WAYS_TO_END + LATE; i++)
        assert_told(ends[i].token, ends[i].who, ends[i].reason);
    assert_int_equal(news.count, WAYS_TO_END + LATE);
    assert_int_equal(sums.dropped, 0);
}
static void one_down(void **state) { watching(end_in_every_way, judge_all); }

/* ---- down_comes_last ---- */

enum { TALKERS = 4, WORDS = 100 };
static uint32_t words[TALKERS], words_at_end[TALKERS];

typedef struct {
    uint32_t number;
    cadre_ref to;
} talker;

static void say(cadre_self *self, const talker *t, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(cadre_send(self, t->to, number, t->number), 0);
}
static int talk(cadre_self *self, void *state, cadre_msg *m)
{
    say(self, state, WORDS);
    return ((number *)m->body)->value ? CADRE_EUSER : CADRE_STOP;
}
static void say_farewell(cadre_self *self, void *state, int reason)
{
    say(self, state, 1);
}
static const cadre_class talker_class = {
    .state_size = sizeof(talker), .receive = talk, .stop = say_farewell};

static int listen(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n) {
        words[n->value]++;
        return 0;
    }
    for (uint32_t i = 0; i < TALKERS; i++)
        if (ends[i].token == m->token.id)
            words_at_end[i] = words[i];
    return note_down(self, state, m);
}

static void hear_them_out(cadre_self *self)
{
    memset(words, 0, sizeof words);
    cadre_become(self, listen);
    for (uint32_t i = 0; i < TALKERS; i++) {
        cadre_ref who;
        talker init = {i, cadre_me(self)};
        assert_int_equal(cadre_spawn(self, &who, &talker_class, &init), 0);
        watch_in_way(self, (int)i, who, i % 2 ? CADRE_EUSER : 0);
        assert_int_equal(cadre_send(self, who, number, i % 2), 0);
    }
}
static void judge_words(void)
{
    for (uint32_t i = 0; i < TALKERS; i++) {
        assert_told(ends[i].token, ends[i].who, ends[i].reason);
        assert_int_equal(words_at_end[i], WORDS + 1);
    }
}
static void down_comes_last(void **state) { watching(hear_them_out, judge_words); }

/* ---- down_after_release ---- */

static struct {
    bool had_stopped, child_had_stopped;
    uint32_t ticks, ticks_at_end;
    uint64_t token;
    cadre_ref who;
    int request_code;
} release;

static void note_stop(cadre_self *self, void *state, int reason)
{
    release.had_stopped = true;
}
static void note_child_stop(cadre_self *self, void *state, int reason)
{
    release.child_had_stopped = true;
}
static const cadre_class child_class = {.receive = note_outcome,
                                        .stop = note_child_stop};

static int tick(cadre_self *self, void *state, cadre_msg *m)
{
    release.ticks++;
    return 0;
}
static int owner_start(cadre_self *self, void *state)
{
    cadre_token token;
    assert_int_equal(cadre_spawn(self, NULL, &child_class, NULL), 0);
    assert_int_equal(cadre_every_as(self, &token, 10, CADRE_BODY(number, 1)), 0);
    return cadre_then(self, token, tick);
}
/* A request that it keeps, or the message that it is to fail on. */
static int own(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    return m->token.id ? cadre_defer(self, m, &promise) : CADRE_EUSER;
}
static const cadre_class owner_class = {
    .start = owner_start, .receive = own, .stop = note_stop};

static int look_around(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (f) {
        release.request_code = f->code;
        return 0;
    }
    assert_true(release.had_stopped && release.child_had_stopped);
    assert_int_equal(release.request_code, CADRE_EDEAD); /* what it owed has failed */
    release.ticks_at_end = release.ticks;
    return note_down(self, state, m);
}
static int end_owner(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send(self, release.who, number, 0);
}

static void watch_owner(cadre_self *self)
{
    cadre_token later, request;
    static const cadre_type question = {.name = "question"};
    memset(&release, 0, sizeof release);
    cadre_become(self, look_around);
    assert_int_equal(cadre_spawn(self, &release.who, &owner_class, NULL), 0);
    release.token = watch_one(self, release.who);
    assert_int_equal(
        cadre_ask_as(self, &request, release.who, CADRE_NEVER, &question, NULL), 0);
    assert_int_equal(cadre_after(self, &later, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, later, end_owner), 0);
    assert_int_equal(cadre_after(self, &later, 2 * CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, later, note_outcome), 0); /* time goes on */
}
static void judge_release(void)
{
    assert_told(release.token, release.who, CADRE_EUSER);
    assert_true(release.ticks > 0);
    assert_int_equal(release.ticks, release.ticks_at_end);
}
static void down_after_release(void **state) { watching(watch_owner, judge_release); }

/* ---- watch_is_exact ---- */

enum { WATCHES = 60 };
static uint64_t tokens[WATCHES];
static bool cancelled[WATCHES], was_told[WATCHES];

static int cancel_some(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < WATCHES; i++)
        if (!cancelled[i] && cadre_random(self) % 4 == 0) {
            int err = cadre_cancel(self, (cadre_token){tokens[i]});
            was_told[i] = times_told(tokens[i]) > 0;
            assert_int_equal(err, was_told[i] ? -ENOENT : 0);
            cancelled[i] = err == 0;
        }
    return 0;
}

static void watch_and_cancel(cadre_self *self)
{
    memset(cancelled, 0, sizeof cancelled);
    for (int i = 0; i < WATCHES; i++) {
        cadre_ref who = mortal(self);
        tokens[i] = watch_one(self, who);
        if (i % 3)
            finish_one(self, who, i % 3 == 1 ? CADRE_STOP : CADRE_EUSER);
    }
    for (cadre_time t = 0; t < 12; t++) {
        cadre_token token;
        assert_int_equal(cadre_after(self, &token, t * 400, number, 0), 0);
        assert_int_equal(cadre_then(self, token, cancel_some), 0);
    }
}
static void judge_exact(void)
{
    for (int i = 0; i < WATCHES; i++) {
        bool ends_first = i % 3 && !cancelled[i];
        assert_int_equal(times_told(tokens[i]), ends_first);
    }
}
static void watch_is_exact(void **state) { watching(watch_and_cancel, judge_exact); }

/* ---- the news goes where any outcome goes ---- */

static int note_reason(cadre_self *self, void *state, cadre_msg *m)
{
    return note_down(self, state, m);
}
static void watch_twice(cadre_self *self)
{
    cadre_ref who = mortal(self);
    cadre_token token;
    ends[0].who = who;
    tokens[0] = watch_one(self, who);
    tokens[1] = watch_one(self, who);
    assert_int_equal(cadre_watch(self, NULL, who), 0);
    assert_int_equal(cadre_watch(self, &token, who), 0);
    assert_int_equal(cadre_then(self, (cadre_token){tokens[1]}, note_reason), 0);
    assert_int_equal(cadre_cancel(self, token), 0);
    assert_int_equal(cadre_cancel(self, token), -ENOENT);
    finish_one(self, who, CADRE_EUSER);
}
static void judge_twice(void)
{
    assert_int_equal(news.count, 3);
    assert_told(tokens[0], ends[0].who, CADRE_EUSER);
    assert_told(tokens[1], ends[0].who, CADRE_EUSER);
}
static void watches_of_one_are_independent(void **state)
{
    watching(watch_twice, judge_twice);
}

int main(void)
{
    TESTS(cmocka_unit_test(one_down), cmocka_unit_test(down_comes_last),
          cmocka_unit_test(down_after_release), cmocka_unit_test(watch_is_exact),
          cmocka_unit_test(watches_of_one_are_independent));
    return RUN_TESTS();
}
