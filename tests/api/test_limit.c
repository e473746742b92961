/* test_limit.c: mailboxes that take only so much. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/apply.h>
#include <cadre/ask.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>

/* The seeds of every test: on one worker and on several, batches long and short. */
enum { SEEDS = 40 / EFFORT_SEEDS };

static uint64_t the_seed;
static void with_seeds(void (*scene)(cadre_self *self), void (*check)(void))
{
    for (the_seed = 1; the_seed <= SEEDS; the_seed++) {
        cadre_config config = quiet(1 + (uint32_t)(the_seed % 4), the_seed);
        config.batch = the_seed % 3 ? 1 : 64;
        record_clear();
        drops_clear();
        assert_int_equal(play_with(&config, scene), 0);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
        check();
    }
}

static cadre_limit limit;

static cadre_ref spawn_limited(cadre_self *self, const cadre_class *class)
{
    cadre_ref ref;
    const cadre_opts opts = {.limit = &limit};
    assert_int_equal(cadre_spawn_with(self, &ref, class, NULL, &opts), 0);
    return ref;
}

/* Sends 1 .. last. The first `fit` are accepted, then each call returns err. */
static void send_numbers(cadre_self *self, cadre_ref to, uint64_t last, uint64_t fit,
                         int err)
{
    for (uint64_t i = 1; i <= last; i++)
        assert_int_equal(cadre_send(self, to, number, i), i <= fit ? 0 : err);
}

static uint64_t value_of(const cadre_type *type, const void *body)
{
    return type == &number_type ? ((const number *)body)->value % 10 : 99;
}

/* ---- what happens to more ---- */

static void send_ten(cadre_self *self)
{
    bool refuses = limit.overflow == CADRE_REFUSE;
    cadre_ref to = spawn_limited(self, &recorder_class);
    send_numbers(self, to, 10, refuses ? 3 : 10, CADRE_EFULL);
}

static void first_three(void) { assert_record(1, 2, 3); }
static void last_three(void) { assert_record(8, 9, 10); }
static void all_but_the_refused(void)
{
    first_three();
    assert_int_equal(sums.dropped, 0);
    assert_int_equal(sums.accepted, 3);
}
static void seven_dropped(void)
{
    assert_int_equal(sums.dropped, 7);
    assert_int_equal(sums.accepted, 10);
}
static void newest_dropped(void)
{
    first_three();
    seven_dropped();
}
static void oldest_dropped(void)
{
    last_three();
    seven_dropped();
}

static void limit_holds(void **state)
{
    limit = (cadre_limit){.mailbox_max = 3};
    with_seeds(send_ten, all_but_the_refused);
    limit = (cadre_limit){.mailbox_bytes = 3 * sizeof(number) + 7};
    with_seeds(send_ten, all_but_the_refused);
    limit = (cadre_limit){.mailbox_max = 3, .overflow = CADRE_DROP_NEWEST};
    with_seeds(send_ten, newest_dropped);
    limit = (cadre_limit){.mailbox_max = 3, .overflow = CADRE_DROP_OLDEST};
    with_seeds(send_ten, oldest_dropped);
    limit = (cadre_limit){.mailbox_bytes = 3 * sizeof(number),
                          .overflow = CADRE_DROP_OLDEST};
    with_seeds(send_ten, oldest_dropped);
}

static void send_keys(cadre_self *self)
{
    cadre_ref to = spawn_limited(self, &recorder_class);
    static const uint64_t values[] = {1, 2, 3, 12, 22, 4, 13, 24};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(cadre_send(self, to, number, values[i]), 0);
}
static void latest_kept(void)
{
    assert_record(22, 13, 24);
    assert_int_equal(sums.dropped, 5);
}
static void latest_of_each_key_is_kept(void **state)
{
    limit =
        (cadre_limit){.mailbox_max = 3, .overflow = CADRE_KEEP_LATEST, .key = value_of};
    with_seeds(send_keys, latest_kept);
}

static void redirect_ten(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, &limit.redirect, &recorder_class, NULL), 0);
    cadre_ref to = spawn_limited(self, &sink_class);
    send_numbers(self, to, 10, 10, 0);
}
static void seven_redirected(void)
{
    assert_record(4, 5, 6, 7, 8, 9, 10);
    assert_int_equal(sums.dropped, 0);
    assert_int_equal(sums.handled, 10);
}
static void what_is_too_much_goes_elsewhere(void **state)
{
    limit = (cadre_limit){.mailbox_max = 3, .overflow = CADRE_REDIRECT};
    with_seeds(redirect_ten, seven_redirected);
}

/* A chain of those that are full: the eighth would be one too far. */
static void redirect_far(cadre_self *self)
{
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &recorder_class, NULL), 0);
    for (int i = 0; i < 9; i++) {
        limit.redirect = to;
        to = spawn_limited(self, &recorder_class);
    }
    send_numbers(self, to, 12, 12, 0);
}
static void four_dropped(void)
{
    assert_int_equal(sums.handled, 8);
    assert_int_equal(sums.dropped, 4);
}
static void redirecting_ends(void **state)
{
    limit = (cadre_limit){.mailbox_max = 1, .overflow = CADRE_REDIRECT};
    with_seeds(redirect_far, four_dropped);
}

static void send_large(cadre_self *self)
{
    cadre_ref to = spawn_limited(self, &sink_class);
    bool refuses = limit.overflow == CADRE_REFUSE;
    assert_int_equal(cadre_send(self, to, owned, 1), 0); /* four bytes */
    assert_int_equal(cadre_send(self, to, number, 1), refuses ? CADRE_EFULL : 0);
}
static void too_large_never_fits(void **state)
{
    for (int i = CADRE_REFUSE; i <= CADRE_DROP_OLDEST; i++) {
        limit = (cadre_limit){.mailbox_bytes = 7, .overflow = (uint8_t)i};
        with_seeds(send_large, record_clear);
        assert_int_equal(sums.handled, 1);
        assert_int_equal(sums.dropped, i == CADRE_REFUSE ? 0 : 1);
    }
}

/* ---- order ---- */

/* Senders of their own, in turns of one message, and a receiver that takes its time. */
typedef struct {
    cadre_ref to;
    uint64_t next, left;
} stream;

static int stream_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 0);
}
static int stream_receive(cadre_self *self, void *state, cadre_msg *m)
{
    stream *s = state;
    for (int i = 0; i < 3 && s->left > 0; i++, s->left--) {
        int err = cadre_send(self, s->to, number, s->next++);
        assert_true(err == 0 || err == CADRE_EFULL);
    }
    return s->left == 0 ? CADRE_STOP : cadre_send(self, cadre_me(self), number, 0);
}
static const cadre_class stream_class = {.name = "stream",
                                         .state_size = sizeof(stream),
                                         .start = stream_start,
                                         .receive = stream_receive};

static uint64_t seen[4], received; /* of each stream: the next number at least */
static int order_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t value = cadre_body(m, number)->value;
    assert_true(value % 1000 >= seen[value / 1000]);
    seen[value / 1000] = value % 1000 + 1;
    received++;
    return 0;
}
static const cadre_class order_class = {.name = "order", .receive = order_receive};

enum { STREAM = 60 };
static void open_streams(cadre_self *self)
{
    memset(seen, 0, sizeof seen);
    received = 0;
    cadre_ref to = spawn_limited(self, &order_class);
    for (uint64_t i = 0; i < 4; i++) {
        stream s = {to, 1000 * i, STREAM};
        assert_int_equal(cadre_spawn(self, NULL, &stream_class, &s), 0);
    }
}

static void some_came(void) { assert_in_range(received, 4, 4 * STREAM); }
static void each_policy(void (*scene)(cadre_self *self), void (*check)(void))
{
    for (int i = CADRE_REFUSE; i <= CADRE_KEEP_LATEST; i++) {
        limit = (cadre_limit){.mailbox_max = 4, .overflow = (uint8_t)i};
        limit.key = i == CADRE_KEEP_LATEST ? value_of : NULL;
        with_seeds(scene, check);
    }
}
static void fifo_under_each_policy(void **state)
{
    each_policy(open_streams, some_came);
}

/* ---- conservation, and what bodies own ---- */

enum { MANY = 50 };
static void send_owned(cadre_self *self)
{
    cadre_ref to = spawn_limited(self, &sink_class);
    for (uint32_t i = 0; i < MANY; i++)
        (void)cadre_send(self, to, owned, i);
    if (the_seed % 2)
        assert_int_equal(cadre_kill(self, to, 0), 0);
}
static void each_dropped_once(void)
{
    assert_dropped_once(MANY);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}
static void conservation_under_each_policy(void **state)
{
    each_policy(send_owned, each_dropped_once);
}

static void refused_once(void **state)
{
    limit = (cadre_limit){.mailbox_max = 7};
    with_seeds(send_owned, each_dropped_once);
    assert_int_equal(sums.accepted, 7);
}

/* ---- requests ---- */

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, number, cadre_body(m, number)->value);
}
static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};

static uint64_t answers, failures, refusals;
static int outcome(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    failures += failure && failure->code == CADRE_EFULL;
    answers += failure == NULL;
    return 0;
}

static void ask_five(cadre_self *self)
{
    cadre_token token;
    answers = failures = refusals = 0;
    cadre_ref to = spawn_limited(self, &echo_class);
    for (uint64_t i = 0; i < 5; i++) {
        int err = cadre_ask(self, &token, to, CADRE_NEVER, number, i);
        refusals += err == CADRE_EFULL;
        if (!err)
            assert_int_equal(cadre_then(self, token, outcome), 0);
    }
}
static void two_answers(void)
{
    assert_int_equal(answers, 2);
    assert_int_equal(refusals, limit.overflow == CADRE_REFUSE ? 3 : 0);
    assert_int_equal(failures, limit.overflow == CADRE_REFUSE ? 0 : 3);
}
static void request_has_one_outcome(void **state)
{
    for (int i = CADRE_REFUSE; i <= CADRE_DROP_OLDEST; i++) {
        limit = (cadre_limit){.mailbox_max = 2, .overflow = (uint8_t)i};
        with_seeds(ask_five, two_answers);
    }
}

/* One in between, which passes all on. */
static int pass_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = *(cadre_ref *)state;
    int err = cadre_forward(self, to, m);
    refusals += err == CADRE_EFULL;
    return 0;
}
static const cadre_class pass_class = {
    .name = "pass", .state_size = sizeof(cadre_ref), .receive = pass_receive};
/* It stays full. */
static int put_aside(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_stash(self, m);
}
static const cadre_class busy_class = {.name = "busy", .receive = put_aside};

static void ask_through(cadre_self *self)
{
    cadre_token token;
    cadre_ref to = spawn_limited(self, &busy_class), by;
    answers = failures = refusals = 0;
    assert_int_equal(cadre_spawn(self, &by, &pass_class, &to), 0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(cadre_ask(self, &token, by, CADRE_NEVER, number, i), 0);
        assert_int_equal(cadre_then(self, token, outcome), 0);
    }
}
static void three_fail(void)
{
    assert_int_equal(refusals, 3);
    assert_int_equal(failures, 3);
}
static void forwarded_request_that_is_refused_fails(void **state)
{
    limit = (cadre_limit){.mailbox_max = 2};
    with_seeds(ask_through, three_fail);
}

/* ---- what is no message of anybody's ---- */

static unsigned news; /* the sum of what each is worth */
enum { UP = 1, DOWN = 10, ANSWER = 100, TIMER = 1000, APPLIED = 10000 };
static int full_start(cadre_self *self, void *state)
{
    cadre_ref child;
    cadre_token token;
    const cadre_opts kept = {.keep = true, .announce = true};
    assert_int_equal(cadre_spawn_with(self, &child, &echo_class, NULL, &kept), 0);
    assert_int_equal(cadre_watch(self, &token, child), 0);
    assert_int_equal(cadre_ask(self, &token, child, CADRE_NEVER, number, ANSWER), 0);
    assert_int_equal(cadre_after(self, &token, CADRE_MS, number, TIMER), 0);
    return cadre_send(self, cadre_me(self), number, 0);
}
static int full_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const cadre_child_up *up = cadre_body(m, cadre_child_up);
    const number *n = cadre_body(m, number);
    if (n && n->value == 0)
        return cadre_stash(self, m); /* it stays full */
    news += n ? (unsigned)n->value : up ? UP : DOWN;
    if (n && n->value == ANSWER)
        return cadre_kill(self, m->from, 0);
    return down ? cadre_release(self, down->child) : 0;
}
static const cadre_class full_class = {
    .name = "full", .start = full_start, .receive = full_receive};

static int applied(cadre_self *self, void *state, void *arg)
{
    news += APPLIED;
    return 0;
}
static int later(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = *(cadre_ref *)state;
    assert_int_equal(cadre_send(self, to, number, 5), CADRE_EFULL);
    assert_int_equal(cadre_apply(self, to, applied, NULL), 0);
    return cadre_stop(self, to);
}
static int later_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, 10 * CADRE_MS, number, 0);
}
static const cadre_class later_class = {.name = "later",
                                        .state_size = sizeof(cadre_ref),
                                        .start = later_start,
                                        .receive = later};
static void fill_one(cadre_self *self)
{
    news = 0;
    cadre_ref to = spawn_limited(self, &full_class);
    assert_int_equal(cadre_spawn(self, NULL, &later_class, &to), 0);
}
/* Down twice: as a parent, and as a watcher. */
static void all_news_came(void)
{
    assert_int_equal(news, UP + 2 * DOWN + ANSWER + TIMER + APPLIED);
}
static void system_is_never_refused(void **state)
{
    limit = (cadre_limit){.mailbox_max = 1};
    with_seeds(fill_one, all_news_came);
}

/* ---- what is set aside ---- */

static int aside_receive(cadre_self *self, void *state, cadre_msg *m)
{
    bool *open = state;
    uint64_t value = cadre_body(m, number)->value;
    if (value == 77) {
        *open = true;
        cadre_unstash(self);
        return 0;
    }
    if (!*open)
        return cadre_stash(self, m);
    record_add(value);
    return 0;
}
static const cadre_class aside_class = {
    .name = "aside", .state_size = sizeof(bool), .receive = aside_receive};

static int filler_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = *(cadre_ref *)state;
    assert_int_equal(cadre_send(self, to, number, 9), CADRE_EFULL);
    return cadre_stop(self, to);
}
static const cadre_class filler_class = {.name = "filler",
                                         .state_size = sizeof(cadre_ref),
                                         .start = later_start,
                                         .receive = filler_receive};
static void stash_three(cadre_self *self)
{
    cadre_ref to = spawn_limited(self, &aside_class);
    assert_int_equal(cadre_spawn(self, NULL, &filler_class, &to), 0);
    send_numbers(self, to, 3, 3, 0);
}
static void three_dead(void) { assert_int_equal(sums.dead, 3); }
static void what_is_set_aside_counts(void **state)
{
    limit = (cadre_limit){.mailbox_max = 3};
    with_seeds(stash_three, three_dead);
}

/* ---- restarts ---- */

static int frail_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t value = cadre_body(m, number)->value;
    record_add(value);
    return value % 2 ? CADRE_EUSER : 0;
}
static const cadre_class frail_class = {.name = "frail", .receive = frail_receive};

static struct {
    cadre_ref child;
    unsigned downs;
} keeper;
static int keeper_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.keep = true, .limit = &limit};
    keeper.downs = 0;
    assert_int_equal(cadre_spawn_with(self, &keeper.child, &frail_class, NULL, &opts),
                     0);
    send_numbers(self, keeper.child, 6, 4, CADRE_EFULL);
    return 0;
}
static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return 0;
    /* It was on 1, then on 3: so 3 wait, then 4 and what is sent now. */
    if (++keeper.downs == 1) {
        assert_int_equal(cadre_send(self, keeper.child, number, 8), 0);
        assert_int_equal(cadre_send(self, keeper.child, number, 10), CADRE_EFULL);
    } else if (keeper.downs == 2) {
        assert_int_equal(cadre_send(self, keeper.child, number, 12), 0);
        assert_int_equal(cadre_send(self, keeper.child, number, 14), 0);
        assert_int_equal(cadre_send(self, keeper.child, number, 16), CADRE_EFULL);
    }
    return cadre_restart(self, keeper.child);
}
static const cadre_class keeper_class = {
    .name = "keeper", .start = keeper_start, .receive = keeper_receive};
static void keep_one(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, NULL, &keeper_class, NULL), 0);
}
static void all_in_order(void) { assert_record(1, 2, 3, 4, 8, 12, 14); }
static void limit_survives(void **state)
{
    limit = (cadre_limit){.mailbox_max = 4};
    with_seeds(keep_one, all_in_order);
}

int main(void)
{
    TESTS(cmocka_unit_test(limit_holds), cmocka_unit_test(latest_of_each_key_is_kept),
          cmocka_unit_test(what_is_too_much_goes_elsewhere),
          cmocka_unit_test(redirecting_ends), cmocka_unit_test(too_large_never_fits),
          cmocka_unit_test(fifo_under_each_policy),
          cmocka_unit_test(conservation_under_each_policy),
          cmocka_unit_test(refused_once), cmocka_unit_test(request_has_one_outcome),
          cmocka_unit_test(forwarded_request_that_is_refused_fails),
          cmocka_unit_test(system_is_never_refused),
          cmocka_unit_test(what_is_set_aside_counts), cmocka_unit_test(limit_survives));
    return RUN_TESTS();
}
