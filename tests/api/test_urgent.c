/* test_urgent.c: messages that go before others. */
#include "support/asking.h"
#include "support/open.h"

#include <cadre/await.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>
#include <cadre/urgent.h>

#include <errno.h>

/* The numbers that are urgent begin here. */
enum { MANY = 100, FEW = 10, URGENT = 1000 };

static struct {
    uint32_t count;
    uint64_t numbers[4 * MANY];
} handled;

static int note(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n)
        handled.numbers[handled.count++] = n->value;
    return 0;
}

/* ---- the scenes -------------------------------------------------------------------- */

static cadre_opts opts;
static cadre_class working;
static cadre_ref worker;

static int clear(void **state)
{
    opts = (cadre_opts){.levels = true};
    working = (cadre_class){.name = "worker", .receive = note};
    handled.count = 0;
    return 0;
}
#define CLEAN(test) cmocka_unit_test_setup(test, clear)

static void spawn_worker(cadre_self *self)
{
    handled.count = 0;
    assert_int_equal(cadre_spawn_with(self, &worker, &working, NULL, &opts), 0);
}

static int send_urgent(cadre_self *self, uint64_t n)
{
    return cadre_send_urgent_as(self, worker, CADRE_BODY(number, URGENT + n));
}

/* Many, and an urgent one behind every tenth. */
static void send_both(cadre_self *self)
{
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(cadre_send(self, worker, number, i), 0);
        if (i % 10 == 9)
            assert_int_equal(send_urgent(self, i / 10), 0);
    }
}

static void spawn_and_send(cadre_self *self)
{
    spawn_worker(self);
    send_both(self);
}

/* From the nth on so many handled numbers follow each other. */
static void assert_row(uint32_t n, uint64_t first, uint32_t count)
{
    assert_true(n + count <= handled.count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(handled.numbers[n + i], first + i);
}

static void everywhere(void (*scene)(cadre_self *self), void (*judge)(void))
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cadre_config config = quiet((uint32_t)(1 + seed % 3), seed);
        assert_int_equal(play_with(&config, scene), 0);
        judge();
    }
}

/* ---- what comes first -------------------------------------------------------------- */

static void judge_first(void)
{
    assert_int_equal(handled.count, MANY + FEW);
    assert_row(0, URGENT, FEW);
    assert_row(FEW, 0, MANY);
}

static void urgent_goes_first(void **state) { everywhere(spawn_and_send, judge_first); }

static void judge_order(void)
{
    assert_int_equal(handled.count, MANY + FEW);
    for (uint32_t i = 0; i < handled.count; i++)
        assert_int_equal(handled.numbers[i],
                         i % 11 == 10 ? URGENT + i / 11 : i - i / 11);
}

static void without_levels_all_are_alike(void **state)
{
    opts = (cadre_opts){0};
    everywhere(spawn_and_send, judge_order);
}

/* One that handles the fifth sends itself something urgent. */
static int send_itself(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note(self, state, m);
    return cadre_body(m, number)->value == 5 ? send_urgent(self, FEW) : 0;
}

static void judge_own(void)
{
    assert_int_equal(handled.count, MANY + FEW + 1);
    assert_row(FEW, 0, 6);
    assert_int_equal(handled.numbers[FEW + 6], URGENT + FEW);
    assert_row(FEW + 7, 6, MANY - 6);
}

static void own_goes_first(void **state)
{
    working.receive = send_itself;
    everywhere(spawn_and_send, judge_own);
}

/* ---- while a handler waits --------------------------------------------------------- */

static int sleep_first(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note(self, state, m);
    return cadre_body(m, number)->value == URGENT ? cadre_sleep(self, CADRE_MS) : 0;
}

static void send_rest(cadre_self *self)
{
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(cadre_send(self, worker, number, i), 0);
    for (uint64_t i = 1; i < FEW; i++)
        assert_int_equal(send_urgent(self, i), 0);
}

static void send_while_it_sleeps(cadre_self *self)
{
    spawn_worker(self);
    assert_int_equal(send_urgent(self, 0), 0);
    send_rest(self);
}

static void held_come_first(void **state)
{
    working.receive = sleep_first;
    everywhere(send_while_it_sleeps, judge_first);
}

/* A front passes on what it gets while the worker sleeps. */
static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_forward(self, *(cadre_ref *)state, m);
}

static void send_by_a_front(cadre_self *self)
{
    static const cadre_class front = {
        .name = "front", .state_size = sizeof(cadre_ref), .receive = pass_on};
    spawn_worker(self);
    assert_int_equal(send_urgent(self, 0), 0);
    assert_int_equal(cadre_spawn(self, &worker, &front, &worker), 0);
    send_rest(self);
}

static void passed_on_is_urgent(void **state)
{
    working.receive = sleep_first;
    everywhere(send_by_a_front, judge_first);
}

static int want_owned(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg wanted;
    (void)note(self, state, m);
    if (cadre_body(m, number)->value != URGENT)
        return 0;
    assert_int_equal(cadre_receive_type(self, &owned_type, CADRE_SECOND, &wanted), 0);
    assert_int_equal(handled.count, 1);
    return 0;
}

static void send_wanted(cadre_self *self)
{
    send_while_it_sleeps(self);
    assert_int_equal(cadre_send_urgent_as(self, worker, CADRE_BODY(owned, .id = 0)), 0);
    assert_int_equal(send_urgent(self, FEW), 0);
}

static void judge_wanted(void)
{
    assert_int_equal(handled.count, MANY + FEW + 1);
    assert_row(0, URGENT, FEW + 1); /* those before it, and the one behind it */
    assert_row(FEW + 1, 0, MANY);
}

static void urgent_can_be_waited_for(void **state)
{
    working.receive = want_owned;
    everywhere(send_wanted, judge_wanted);
}

/* What was set aside comes back, and is held by a wait for what is in the middle. */
static int set_aside(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg wanted;
    const number *n = cadre_body(m, number);
    if (*(int *)state == 0 && (!n || n->value != MANY))
        return cadre_stash(self, m);
    (void)note(self, state, m);
    if (++*(int *)state > 1)
        return 0;
    cadre_unstash(self);
    return cadre_receive_type(self, &owned_type, CADRE_SECOND, &wanted);
}

static void send_to_be_set_aside(cadre_self *self)
{
    spawn_worker(self);
    assert_int_equal(cadre_send(self, worker, number, 0), 0);
    assert_int_equal(cadre_send(self, worker, owned, 0), 0);
    assert_int_equal(cadre_send(self, worker, number, 1), 0);
    assert_int_equal(cadre_send(self, worker, number, MANY), 0);
}

static void judge_given_back(void)
{
    assert_int_equal(handled.count, 3);
    assert_int_equal(handled.numbers[0], MANY);
    assert_row(1, 0, 2);
}

static void given_back_keep_their_order(void **state)
{
    opts.levels = false;
    working.receive = set_aside;
    working.state_size = sizeof(int);
    everywhere(send_to_be_set_aside, judge_given_back);
}

/* ---- requests, and threads --------------------------------------------------------- */

static int serve_numbers(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note(self, state, m);
    return m->token.id ? cadre_reply(self, m, number, handled.count) : 0;
}

static int asker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->token.id)
        assert_int_equal(cadre_body(m, number)->value, FEW + 1);
    return CADRE_STOP;
}

static int asker_start(cadre_self *self, void *state)
{
    spawn_and_send(self);
    cadre_token token;
    return cadre_ask_urgent_as(self, &token, worker, CADRE_SECOND,
                               CADRE_BODY(number, URGENT + FEW));
}

static void requests_go_first(void **state)
{
    static const cadre_class asker = {.start = asker_start, .receive = asker_receive};
    working.receive = serve_numbers;
    cadre_config config = quiet(1, 1);
    assert_int_equal(run(&config, &asker, NULL), 0);
    assert_row(0, URGENT, FEW + 1);
}

static atomic_uint is_there, is_held, goes_on, amount;
static int hold_thread(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_store(&is_held, 1);
    while (handled.count == 0 && !atomic_load(&goes_on))
        ;
    (void)note(self, state, m);
    atomic_fetch_add(&amount, 1);
    return 0;
}

static int holder_start(cadre_self *self, void *state)
{
    int err = cadre_spawn_with(self, &worker, &working, NULL, &opts);
    atomic_store(&is_there, 1);
    return err;
}

static void told_goes_first(void **state)
{
    const cadre_class holder = {.start = holder_start, .receive = note};
    working.receive = hold_thread;
    is_there = is_held = goes_on = amount = 0;
    cadre_system *sys = open_system(2, 0, &holder);
    await(&is_there, 1);
    assert_int_equal(cadre_tell(sys, worker, number, 0), 0);
    await(&is_held, 1);
    for (uint64_t i = 1; i <= MANY; i++)
        assert_int_equal(cadre_tell(sys, worker, number, i), 0);
    assert_int_equal(cadre_tell_urgent_as(sys, worker, CADRE_BODY(number, URGENT)), 0);
    atomic_store(&goes_on, 1);
    await(&amount, MANY + 2);
    close_system(sys);
    assert_int_equal(handled.numbers[1], URGENT);
    assert_row(2, 1, MANY);
}

/* The worker waits for its peer, which asks the worker. */
static cadre_ref peer;
static int ask_peer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg answer;
    if (cadre_body(m, number)->value == URGENT)
        return cadre_reply(self, m, number, 0);
    int err = cadre_ask(self, &token, peer, CADRE_SECOND, number, 0);
    return err ? err : cadre_await(self, token, &answer);
}

static int ask_worker(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg answer;
    int err = cadre_ask_urgent_as(self, &token, worker, CADRE_SECOND,
                                  CADRE_BODY(number, URGENT));
    return err ? err : cadre_await(self, token, &answer);
}

static void wait_for_each_other(cadre_self *self)
{
    static const cadre_class peer_class = {.name = "peer", .receive = ask_worker};
    spawn_worker(self);
    assert_int_equal(cadre_spawn(self, &peer, &peer_class, NULL), 0);
    assert_int_equal(cadre_send(self, worker, number, 0), 0);
}

static void judge_circle(void) { assert_int_equal(lines_with("deadlock: "), 1); }

static void circles_are_named(void **state)
{
    working.receive = ask_peer;
    everywhere(wait_for_each_other, judge_circle);
}

/* Cancelled while the worker sleeps; it defers the request afterwards. */
static bool was_deferred, is_awaited;
static int sleep_and_defer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *promise = state;
    if (!m->token.id)
        return cadre_sleep(self, CADRE_MS);
    if (was_deferred) { /* the timer */
        is_awaited = cadre_is_awaited(self, *promise);
        return 0;
    }
    was_deferred = true;
    int err = cadre_defer(self, m, promise);
    return err ? err : cadre_after_as(self, NULL, CADRE_MS, CADRE_BODY(number, 0));
}

static int canceller_start(cadre_self *self, void *state)
{
    int err =
        cadre_ask_urgent_as(self, state, worker, CADRE_SECOND, CADRE_BODY(number, 1));
    return err ? err : cadre_after_as(self, NULL, CADRE_MS / 2, CADRE_BODY(number, 0));
}

static int canceller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_cancel(self, *(cadre_token *)state);
}

static void ask_and_cancel(cadre_self *self)
{
    static const cadre_class canceller = {.state_size = sizeof(cadre_token),
                                          .start = canceller_start,
                                          .receive = canceller_receive};
    was_deferred = false;
    is_awaited = true;
    spawn_worker(self);
    assert_int_equal(send_urgent(self, 0), 0);
    assert_int_equal(cadre_spawn(self, NULL, &canceller, NULL), 0);
}

static void judge_cancelled(void) { assert_true(was_deferred && !is_awaited); }

static void cancel_follows_held_ones(void **state)
{
    working.receive = sleep_and_defer;
    working.state_size = sizeof(cadre_promise);
    everywhere(ask_and_cancel, judge_cancelled);
}

/* ---- limits, ends, restarts -------------------------------------------------------- */

static const cadre_limit *limit_of(enum cadre_overflow overflow)
{
    static cadre_limit limit;
    limit = (cadre_limit){.mailbox_max = FEW, .overflow = (uint8_t)overflow};
    return &limit;
}

static void send_too_many(cadre_self *self)
{
    spawn_worker(self);
    for (uint64_t i = 0; i < FEW; i++)
        assert_int_equal(cadre_send(self, worker, number, i), 0);
    int err = opts.limit->overflow == CADRE_REFUSE ? CADRE_EFULL : 0;
    assert_int_equal(send_urgent(self, 0), err);
}

static void judge_refused(void)
{
    assert_int_equal(handled.count, FEW);
    assert_int_equal(sums.dropped, 0);
}

static void judge_dropped(void)
{
    assert_int_equal(handled.count, FEW);
    assert_int_equal(handled.numbers[0], URGENT);
    assert_row(1, 1, FEW - 1); /* the oldest one gave way */
    assert_int_equal(sums.dropped, 1);
}

static void urgent_is_conserved(void **state)
{
    opts.limit = limit_of(CADRE_REFUSE);
    everywhere(send_too_many, judge_refused);
    opts.limit = limit_of(CADRE_DROP_OLDEST);
    everywhere(send_too_many, judge_dropped);
}

static void stop_in_between(cadre_self *self)
{
    spawn_and_send(self);
    assert_int_equal(cadre_stop(self, worker), 0);
    assert_int_equal(cadre_send(self, worker, number, MANY), 0);
    assert_int_equal(send_urgent(self, FEW), 0);
}

static void judge_stopped(void)
{
    assert_int_equal(handled.count, MANY + FEW + 1);
    assert_row(0, URGENT, FEW + 1);
    assert_int_equal(sums.dead, 1);
}

static void stop_is_obeyed_in_its_place(void **state)
{
    everywhere(stop_in_between, judge_stopped);
}

static void kill_afterwards(cadre_self *self)
{
    spawn_and_send(self);
    assert_int_equal(cadre_kill(self, worker, 0), 0);
    assert_int_equal(send_urgent(self, FEW), 0);
}

static void judge_killed(void)
{
    assert_int_equal(handled.count, 0);
    assert_int_equal(sums.dead, MANY + FEW + 1);
}

static void kill_goes_before_all(void **state)
{
    everywhere(kill_afterwards, judge_killed);
}

/* While the worker sleeps, and holds all the rest. */
static int kill_worker(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_kill(self, worker, 0);
}

static int killer_start(cadre_self *self, void *state)
{
    return cadre_after_as(self, NULL, CADRE_MS / 2, CADRE_BODY(number, 0));
}

static void kill_while_it_sleeps(cadre_self *self)
{
    static const cadre_class killer = {.start = killer_start, .receive = kill_worker};
    send_while_it_sleeps(self);
    assert_int_equal(cadre_spawn(self, NULL, &killer, NULL), 0);
}

static void judge_held(void)
{
    assert_int_equal(handled.count, 1);
    assert_int_equal(sums.dead, MANY + FEW); /* also what it had in hand */
}

static void held_are_dead_letters(void **state)
{
    working.receive = sleep_first;
    everywhere(kill_while_it_sleeps, judge_held);
}

/* Fails on the first; its parent starts it again. */
static int fail_once(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note(self, state, m);
    return handled.count == 1 ? CADRE_EUSER : 0;
}

static int parent_start(cadre_self *self, void *state)
{
    spawn_and_send(self);
    return 0;
}

static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, cadre_child_down))
        return cadre_restart(self, worker);
    return cadre_unhandled(self, m);
}

static void urgent_survives_a_restart(void **state)
{
    static const cadre_class parent = {.start = parent_start,
                                       .receive = parent_receive};
    working.receive = fail_once;
    opts.keep = true;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cadre_config config = quiet((uint32_t)(1 + seed % 3), seed);
        config.end_when_quiet = true;
        assert_int_equal(run(&config, &parent, NULL), 0);
        judge_first();
    }
}

static void urgent_is_retried(void **state)
{
    static const cadre_class parent = {.start = parent_start,
                                       .receive = parent_receive};
    working.receive = fail_once;
    opts.keep = true;
    opts.mail = CADRE_MAIL_RETRY;
    cadre_config config = quiet(1, 1);
    config.end_when_quiet = true;
    assert_int_equal(run(&config, &parent, NULL), 0);
    assert_int_equal(handled.count, MANY + FEW + 1);
    assert_int_equal(handled.numbers[0], URGENT);
    assert_row(1, URGENT, FEW);
}

/* ---- bad input --------------------------------------------------------------------- */

static void send_badly(cadre_self *self)
{
    static const cadre_type huge = {.name = "huge", .size = UINT32_MAX};
    cadre_token token;
    assert_int_equal(cadre_send_urgent_as(self, cadre_me(self), &huge, &huge),
                     -EMSGSIZE);
    assert_int_equal(cadre_send_urgent_as(self, cadre_me(self), NULL, NULL), -EINVAL);
    assert_int_equal(
        cadre_ask_urgent_as(self, &token, (cadre_ref){0}, 0, CADRE_BODY(number, 1)),
        -EINVAL);
}
static void play_badly(void) { assert_int_equal(play(send_badly), 0); }
static void bad_input_is_refused(void **state) { misuse(play_badly); }

int main(void)
{
    TESTS(CLEAN(urgent_goes_first), CLEAN(without_levels_all_are_alike),
          CLEAN(own_goes_first), CLEAN(passed_on_is_urgent), CLEAN(held_come_first),
          CLEAN(urgent_can_be_waited_for), CLEAN(requests_go_first),
          CLEAN(told_goes_first), CLEAN(urgent_is_conserved),
          CLEAN(stop_is_obeyed_in_its_place), CLEAN(kill_goes_before_all),
          CLEAN(held_are_dead_letters), CLEAN(circles_are_named),
          CLEAN(urgent_survives_a_restart), CLEAN(urgent_is_retried),
          CLEAN(given_back_keep_their_order), CLEAN(cancel_follows_held_ones),
          CLEAN(bad_input_is_refused));
    return RUN_TESTS();
}
