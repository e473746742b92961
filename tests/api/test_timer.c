/* test_timer.c: timers in virtual time: the guarantees of cadre/timer.h by their names,
 * every error, and what is dropped when. */
#include "support/asking.h"
#include "support/effort.h"

#include <errno.h>

static uint64_t token;
static cadre_time begin;

typedef struct {
    uint32_t number;
    cadre_time due;
} tick;
static CADRE_TYPE(tick);

/* ---- never_early, timers_in_order ---- */

enum { MANY = 100000, GRAIN = 1024 };
static uint32_t many; /* fewer under a sanitizer */
static struct {
    uint32_t count, early, disordered, worst;
    cadre_time last;
} came;

static int take_tick(cadre_self *self, void *state, cadre_msg *m)
{
    const tick *t = cadre_body(m, tick);
    cadre_time now = cadre_now(self);
    came.count++;
    came.early += now < t->due;
    came.disordered += t->due + GRAIN < came.last;
    came.last = came.last > t->due ? came.last : t->due;
    if (now - t->due > came.worst)
        came.worst = (uint32_t)(now - t->due);
    return 0;
}
static void set_many(cadre_self *self)
{
    cadre_become(self, take_tick);
    memset(&came, 0, sizeof came);
    begin = cadre_now(self);
    for (uint32_t i = 0; i < many; i++) {
        cadre_time delay = (cadre_time)(cadre_random(self) % (uint64_t)CADRE_SECOND);
        if (i % 3 == 0)
            delay *= 1000; /* minutes */
        assert_int_equal(cadre_after(self, NULL, delay, tick, i, begin + delay), 0);
    }
}
static void many_timers(void **state)
{
    cadre_config config = quiet(1, 3);
    many = (uint32_t)effort(MANY, MANY);
    assert_int_equal(play_with(&config, set_many), 0);
    assert_int_equal(came.count, many);
    assert_int_equal(came.early, 0);
    assert_int_equal(came.disordered, 0);
    assert_int_equal(sums.accepted, many);
    assert_int_equal(sums.handled, many);
}

static void set_some(cadre_self *self)
{
    cadre_become(self, take_tick);
    memset(&came, 0, sizeof came);
    begin = cadre_now(self);
    for (uint32_t i = 0; i < 500; i++) {
        cadre_time delay = (cadre_time)(cadre_random(self) % 50) * CADRE_MS / 3;
        assert_int_equal(cadre_after(self, NULL, delay, tick, i, begin + delay), 0);
    }
}
static void judge_some(void)
{
    assert_int_equal(came.count, 500);
    assert_int_equal(came.early, 0);
    assert_true(came.worst <= CADRE_MS);
}
static void never_early(void **state) { asking(set_some, judge_some, 0); }

static void judge_order(void)
{
    judge_some();
    assert_int_equal(came.disordered, 0);
}
static void timers_in_order(void **state) { asking(set_some, judge_order, 0); }

/* Those due at the same time come in the order in which they were set. */
static void set_at_once(cadre_self *self)
{
    record_clear();
    for (uint64_t i = 1; i <= 4; i++)
        assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, i), 0);
    assert_int_equal(cadre_after(self, NULL, 0, number, 0), 0);
}
static int record_number(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, number)->value);
    return 0;
}
static void set_at_once_and_record(cadre_self *self)
{
    cadre_become(self, record_number);
    set_at_once(self);
}
static void judge_at_once(void) { assert_record(0, 1, 2, 3, 4); }
static void timers_of_one_time_keep_their_order(void **state)
{
    asking(set_at_once_and_record, judge_at_once, 0);
}

/* A timer of 0 lets others have their turn: what was sent before it, at least. */
static void set_zero(cadre_self *self)
{
    record_clear();
    cadre_become(self, record_number);
    assert_int_equal(cadre_send(self, cadre_me(self), number, 1), 0);
    assert_int_equal(cadre_after(self, NULL, 0, number, 2), 0);
}
static void judge_zero(void)
{
    assert_int_equal(record.count, 2);
    assert_int_equal(record.values[0] + record.values[1], 3);
}
static void delay_of_zero(void **state) { asking(set_zero, judge_zero, 0); }

/* Handlers that take about as long as the timers, in one turn: real time, of which
 * nothing is asserted but its order. */
enum { LONG_TICKS = 300, LONG_NS = 200000 };
static atomic_uint long_ticks, long_early;
static int take_long(cadre_self *self, void *state, cadre_msg *m)
{
    const tick *t = cadre_body(m, tick);
    cadre_time now = cadre_now(self),
               delay = (cadre_time)(cadre_random(self) % LONG_NS);
    int64_t end = real_now() + (int64_t)(cadre_random(self) % LONG_NS);
    while (real_now() < end) {
    }
    if (t) {
        atomic_fetch_add(&long_early, now < t->due);
        return atomic_fetch_add(&long_ticks, 1) == LONG_TICKS ? CADRE_STOP : 0;
    }
    int err = cadre_after(self, NULL, delay, tick, 0, now + delay);
    return err ? err : cadre_send(self, cadre_me(self), go, 0);
}
static int start_long(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), go, 0);
}
static void never_early_within_a_turn(void **state)
{
    static const cadre_class slow = {.start = start_long, .receive = take_long};
    cadre_config config = quiet(1, 0);
    atomic_store(&long_ticks, 0);
    atomic_store(&long_early, 0);
    assert_int_equal(run(&config, &slow, NULL), 0);
    assert_int_equal(atomic_load(&long_early), 0);
}

/* ---- bodies, tokens ---- */

static void set_with_bodies(cadre_self *self)
{
    large l = large_of(1);
    cadre_token t;
    assert_int_equal(cadre_after(self, &t, CADRE_MS, owned, 0), 0);
    token = t.id;
    assert_int_equal(cadre_after_as(self, NULL, 2 * CADRE_MS, &large_type, &l), 0);
}
static void judge_bodies(void)
{
    assert_int_equal(outcomes.count, 2);
    assert_answered(0, token, 0);
    assert_int_equal(outcomes.list[0].from.id, outcomes.list[1].from.id);
    assert_true(outcomes.list[0].from.id != 0); /* from oneself */
    assert_int_equal(outcomes.list[1].id, 1);
}
static void body_is_dropped_after_its_message(void **state)
{
    asking(set_with_bodies, judge_bodies, 2);
}

static void set_and_cancel(cadre_self *self)
{
    large l = large_of(1);
    cadre_token t;
    assert_int_equal(cadre_after(self, &t, CADRE_MS, owned, 0), 0);
    assert_int_equal(cadre_cancel(self, t), 0);
    assert_int_equal(drops[0], 1);
    assert_int_equal(cadre_cancel(self, t), -ENOENT);
    assert_int_equal(cadre_after_as(self, &t, 2 * CADRE_MS, &large_type, &l), 0);
    assert_int_equal(cadre_cancel(self, t), 0);
    assert_int_equal(drops[1], 1);
    assert_int_equal(cadre_every(self, &t, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_cancel(self, t), 0);
    assert_int_equal(cadre_when_idle_as(self, &t, CADRE_MS, CADRE_BODY(number, 0)), 0);
    assert_int_equal(cadre_cancel(self, t), 0);
    assert_int_equal(cadre_cancel(self, t), -ENOENT);
}
static void judge_nothing(void)
{
    assert_int_equal(outcomes.count, 0);
    assert_int_equal(sums.accepted, 0);
}
static void cancelled_before_its_time(void **state)
{
    asking(set_and_cancel, judge_nothing, 2);
}

static int end_with_timers(cadre_self *self, void *state)
{
    large l = large_of(1);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, owned, 0), 0);
    assert_int_equal(cadre_after_as(self, NULL, CADRE_SECOND, &large_type, &l), 0);
    assert_int_equal(cadre_every(self, NULL, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_when_idle_as(self, NULL, CADRE_MS, CADRE_BODY(number, 0)),
                     0);
    return *(int *)state;
}
static void spawn_those_that_end(cadre_self *self)
{
    static const cadre_class ending = {
        .state_size = sizeof(int), .start = end_with_timers, .receive = note_outcome};
    int how = CADRE_STOP;
    assert_int_equal(cadre_spawn(self, NULL, &ending, &how), 0);
}
static void timers_end_with_their_actor(void **state)
{
    asking(spawn_those_that_end, judge_nothing, 2);
}

/* ---- cancel_is_exact ---- */

/* All rang at the same time: their messages wait while the first is handled. */
static cadre_token three[3];
static int cancel_the_others(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note_outcome(self, state, m);
    assert_int_equal(m->token.id, three[0].id);
    assert_int_equal(cadre_cancel(self, three[0]), -ENOENT);
    assert_int_equal(cadre_cancel(self, three[2]), 0);
    assert_int_equal(drops[2], 1);
    assert_int_equal(cadre_cancel(self, three[1]), 0);
    assert_int_equal(cadre_cancel(self, three[1]), -ENOENT);
    return 0;
}
static void set_three(cadre_self *self)
{
    cadre_become(self, cancel_the_others);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(cadre_after(self, &three[i], CADRE_MS, owned, i), 0);
}
static void judge_three(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(sums.accepted, 1);
}
static void cancel_is_exact(void **state) { asking(set_three, judge_three, 3); }

/* ---- every_keeps_its_grid ---- */

enum { PERIOD = 1000000, TICKS = 500 }; /* enough for any drift to show */
static cadre_token grid;
static int be_slow_now_and_then(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_time now = cadre_now(self);
    assert_int_equal(m->token.id, grid.id);
    assert_int_equal(cadre_body(m, number)->value, 42);
    assert_true(now > came.last);
    came.early += now < begin + PERIOD * (cadre_time)(came.count + 1);
    assert_true(now - begin >= PERIOD && (now - begin) % PERIOD < PERIOD / 10);
    came.last = now;
    cadre_body(m, number)->value = 7; /* its own copy */
    return ++came.count == TICKS ? cadre_cancel(self, grid) : 0;
}
static void set_grid(cadre_self *self)
{
    memset(&came, 0, sizeof came);
    begin = cadre_now(self);
    cadre_become(self, be_slow_now_and_then);
    assert_int_equal(cadre_every(self, &grid, PERIOD, number, 42), 0);
}
static void judge_grid(void)
{
    assert_int_equal(came.count, TICKS);
    assert_int_equal(came.early, 0);
    assert_true(came.last < begin + (TICKS + 1) * (cadre_time)PERIOD);
}

/* Others keep the one worker busy for many periods: nothing is made up for. */
static uint32_t hogs;
static int hog(cadre_self *self, void *state, cadre_msg *m)
{
    return hogs-- > 0 ? cadre_send(self, cadre_me(self), number, 1) : 0;
}
static void set_grid_beside_hog(cadre_self *self)
{
    static const cadre_class hogging = {.receive = hog};
    cadre_ref ref;
    hogs = 20000;
    set_grid(self);
    assert_int_equal(cadre_spawn(self, &ref, &hogging, NULL), 0);
    assert_int_equal(cadre_send(self, ref, number, 1), 0);
}
static void every_keeps_its_grid(void **state)
{
    asking(set_grid, judge_grid, 0);
    asking(set_grid_beside_hog, judge_grid, 0);
}

/* Its handler takes longer than a period: at most one message waits, on the grid. */
static int ticks_and_goes;
static int let_time_pass(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &go_type)
        return 0;
    came.count++;
    record_add((uint64_t)(cadre_now(self) - begin) / PERIOD);
    return came.count == 3 ? cadre_cancel(self, grid) : 0;
}
static int stash_until_go(cadre_self *self, void *state, cadre_msg *m)
{
    ticks_and_goes++;
    if (m->type == &go_type) {
        cadre_become(self, let_time_pass);
        assert_int_equal(ticks_and_goes, 11); /* each tick has come */
        cadre_unstash(self);
        return 0;
    }
    return cadre_stash(self, m);
}
static void set_grid_and_stash(cadre_self *self)
{
    ticks_and_goes = 0;
    memset(&came, 0, sizeof came);
    record_clear();
    begin = cadre_now(self);
    cadre_become(self, stash_until_go);
    assert_int_equal(cadre_every(self, &grid, PERIOD, number, 42), 0);
    assert_int_equal(cadre_after(self, NULL, 10 * PERIOD + PERIOD / 2, go, 0), 0);
}
static void judge_stashed_ticks(void) { assert_int_equal(came.count, 10); }
static void ticks_may_be_set_aside(void **state)
{
    asking(set_grid_and_stash, judge_stashed_ticks, 0);
}

/* ---- when_idle ---- */

static int note_idle(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    record_add((uint64_t)((cadre_now(self) - begin) / CADRE_MS) * 10 + n->value);
    return 0;
}
/* Messages at 2, 4 and 30 ms; silence of 10 ms after 4 and after 30. */
static void set_idle(cadre_self *self)
{
    cadre_token t;
    record_clear();
    begin = cadre_now(self);
    cadre_become(self, note_idle);
    assert_int_equal(cadre_when_idle_as(self, &t, 10 * CADRE_MS, CADRE_BODY(number, 9)),
                     0);
    token = t.id;
    assert_int_equal(cadre_after(self, NULL, 2 * CADRE_MS, number, 1), 0);
    assert_int_equal(cadre_after(self, NULL, 4 * CADRE_MS, number, 2), 0);
    assert_int_equal(cadre_after(self, NULL, 30 * CADRE_MS, number, 3), 0);
}
static void judge_idle(void) { assert_record(21, 42, 149, 303, 409); }
static void when_idle_comes_after_each_silence(void **state)
{
    asking(set_idle, judge_idle, 0);
}

static void set_idle_alone(cadre_self *self)
{
    record_clear();
    begin = cadre_now(self);
    cadre_become(self, note_idle);
    assert_int_equal(
        cadre_when_idle_as(self, NULL, 10 * CADRE_MS, CADRE_BODY(number, 9)), 0);
}
static void judge_idle_alone(void) { assert_record(109); }
static void when_idle_comes_once_in_a_long_silence(void **state)
{
    asking(set_idle_alone, judge_idle_alone, 0);
}

/* An outcome that goes elsewhere is a message, too. */
static int note_then(cadre_self *self, void *state, cadre_msg *m)
{
    record_add((uint64_t)((cadre_now(self) - begin) / CADRE_MS) * 10 + 8);
    return 0;
}
static void set_idle_and_then(cadre_self *self)
{
    cadre_token t;
    set_idle_alone(self);
    assert_int_equal(cadre_after(self, &t, 5 * CADRE_MS, number, 1), 0);
    assert_int_equal(cadre_then(self, t, note_then), 0);
}
static void judge_idle_and_then(void) { assert_record(58, 159); }
static void when_idle_hears_what_goes_to_then(void **state)
{
    asking(set_idle_and_then, judge_idle_and_then, 0);
}

static int note_idle_too(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_become(self, NULL); /* what was there before `play` has changed it */
    return note_idle(self, state, m);
}
static void set_idle_and_become(cadre_self *self)
{
    set_idle_alone(self);
    cadre_become(self, note_idle_too);
    assert_int_equal(cadre_after(self, NULL, 5 * CADRE_MS, number, 1), 0);
}
static void judge_idle_and_become(void) { assert_record(51); } /* the rest is ignored */
static void when_idle_stays_when_it_becomes_another(void **state)
{
    asking(set_idle_and_become, judge_idle_and_become, 0);
    assert_int_equal(sums.handled, 2);
}

static void set_idle_twice(cadre_self *self)
{
    cadre_token first, second;
    record_clear();
    begin = cadre_now(self);
    cadre_become(self, note_idle);
    assert_int_equal(
        cadre_when_idle_as(self, &first, 10 * CADRE_MS, CADRE_BODY(number, 9)), 0);
    assert_int_equal(
        cadre_when_idle_as(self, &second, 20 * CADRE_MS, CADRE_BODY(number, 8)), 0);
    assert_int_equal(cadre_cancel(self, first), -ENOENT);
    assert_int_equal(cadre_after(self, NULL, 40 * CADRE_MS, number, 1), 0);
}
static void judge_idle_twice(void) { assert_record(208, 401, 608); }
static void when_idle_replaces_the_one_before(void **state)
{
    asking(set_idle_twice, judge_idle_twice, 0);
}

/* ---- refusals ---- */

static const cadre_type huge_type = {.name = "huge", .size = CADRE_BODY_MAX + 1};
static void set_impossible(cadre_self *self)
{
    cadre_token t = {77};
    owned o = {0};
    number n = {0};
    cadre_time now = cadre_now(self);
    assert_int_equal(cadre_after_as(self, &t, CADRE_NEVER, &owned_type, &o), -ERANGE);
    assert_int_equal(drops[0], 1);
    assert_int_equal(cadre_after(self, &t, CADRE_NEVER - now + 1, number, 0), -ERANGE);
    assert_int_equal(cadre_every(self, &t, CADRE_NEVER, number, 0), -ERANGE);
    assert_int_equal(cadre_when_idle_as(self, &t, CADRE_NEVER, CADRE_BODY(number, 0)),
                     -ERANGE);
    assert_int_equal(cadre_after_as(self, &t, 1, &huge_type, &n), -EMSGSIZE);
    assert_int_equal(cadre_every_as(self, &t, 1, &huge_type, &n), -EMSGSIZE);
    assert_int_equal(cadre_when_idle_as(self, &t, 1, &huge_type, &n), -EMSGSIZE);
    assert_int_equal(t.id, 77);
}
static void impossible_timers_are_refused(void **state)
{
    asking(set_impossible, judge_nothing, 1);
}

/* The end of time: it is accepted, and never comes; nor does it keep a system awake. */
static int cancel_last(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
    return 0;
}
static void set_last(cadre_self *self)
{
    cadre_token t;
    cadre_become(self, cancel_last);
    cadre_time rest = CADRE_NEVER - cadre_now(self);
    assert_int_equal(cadre_after(self, &t, rest - 1, owned, 0), 0);
    token = t.id;
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, 1), 0);
}
static void judge_last(void) { assert_int_equal(sums.accepted, 1); }
static void timer_at_the_end_of_time(void **state) { asking(set_last, judge_last, 1); }

static int misuse_case;
static void misuse_timer(cadre_self *self)
{
    cadre_token t = {77};
    owned o = {0};
    number n = {0};
    int err = -1;
    const bool drops_it = misuse_case == 0 || misuse_case == 4 || misuse_case == 7;
    switch (misuse_case) {
    case 0:
        err = cadre_after_as(self, &t, -1, &owned_type, &o);
        break;
    case 1:
        err = cadre_after_as(self, &t, INT64_MIN, &number_type, &n);
        break;
    case 2:
        err = cadre_every_as(self, &t, 0, &number_type, &n);
        break;
    case 3:
        err = cadre_every_as(self, &t, -5, &number_type, &n);
        break;
    case 4:
        err = cadre_every_as(self, &t, 5, &owned_type, &o);
        break;
    case 5:
        err = cadre_when_idle_as(self, &t, 0, &number_type, &n);
        break;
    case 6:
        err = cadre_after_as(self, &t, 5, NULL, &n);
        break;
    case 7:
        err = cadre_when_idle_as(self, &t, 5, &owned_type, &o);
        break;
    default:
        err = cadre_after_as(self, &t, 5, &number_type, NULL);
    }
    assert_int_equal(err, -EINVAL);
    assert_int_equal(t.id, 77);
    assert_int_equal(drops[0], drops_it);
}
static void misuse_once(void)
{
    drops_clear();
    assert_int_equal(play(misuse_timer), 0);
    assert_int_equal(lines_with("cadre_"), 1);
    assert_int_equal(sums.accepted, 0);
}
static void misused_timers_are_refused(void **state)
{
    for (misuse_case = 0; misuse_case < 9; misuse_case++)
        misuse(misuse_once);
    owned o = {0};
    drops_clear();
    assert_int_equal(cadre_after_as(NULL, NULL, 1, &owned_type, &o), -EINVAL);
    assert_dropped_once(1);
}

int main(void)
{
    TESTS(cmocka_unit_test(many_timers), cmocka_unit_test(never_early),
          cmocka_unit_test(never_early_within_a_turn),
          cmocka_unit_test(timers_in_order),
          cmocka_unit_test(timers_of_one_time_keep_their_order),
          cmocka_unit_test(delay_of_zero),
          cmocka_unit_test(body_is_dropped_after_its_message),
          cmocka_unit_test(cancelled_before_its_time),
          cmocka_unit_test(timers_end_with_their_actor),
          cmocka_unit_test(cancel_is_exact), cmocka_unit_test(every_keeps_its_grid),
          cmocka_unit_test(ticks_may_be_set_aside),
          cmocka_unit_test(when_idle_comes_after_each_silence),
          cmocka_unit_test(when_idle_comes_once_in_a_long_silence),
          cmocka_unit_test(when_idle_hears_what_goes_to_then),
          cmocka_unit_test(when_idle_stays_when_it_becomes_another),
          cmocka_unit_test(when_idle_replaces_the_one_before),
          cmocka_unit_test(impossible_timers_are_refused),
          cmocka_unit_test(timer_at_the_end_of_time),
          cmocka_unit_test(misused_timers_are_refused));
    return RUN_TESTS();
}
