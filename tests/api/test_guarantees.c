/* test_guarantees.c: the guarantees named in cadre/actor.h, each by a test of its name.
 * idle_is_silent, which needs a clock on the wall, stands in test_idle.c. */
#include "support/support.h"

/* ---- fifo_per_pair ---- */

enum { SENDERS = 4, RECEIVERS = 2, ROUNDS = 100 };

typedef struct {
    uint32_t sender, sequence;
} numbered;
static CADRE_TYPE(numbered);
static const cadre_type go_type = {.name = "go"};
static const cadre_type too_big_type = {.name = "too_big", .size = CADRE_BODY_MAX + 1};

static cadre_ref fifo_to[RECEIVERS];
static atomic_uint fifo_broken, fifo_done;
static uint32_t fifo_step; /* what may lie between two numbers */

typedef struct {
    uint32_t last[SENDERS];
} fifo_receiver;

static int fifo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    fifo_receiver *r = state;
    numbered *n = cadre_body(m, numbered);
    uint32_t gap = n->sequence - r->last[n->sender];
    if (gap == 0 || gap > fifo_step)
        atomic_fetch_add(&fifo_broken, 1);
    r->last[n->sender] = n->sequence;
    if (n->sequence == ROUNDS && atomic_fetch_add(&fifo_done, 1) + 1 == SENDERS * 2)
        return cadre_stop(self, cadre_parent(self));
    return 0;
}

typedef struct {
    uint32_t id, sequence;
    bool with_failures;
} fifo_sender;

static int fifo_send(cadre_self *self, void *state, cadre_msg *m)
{
    fifo_sender *s = state;
    s->sequence++;
    for (int r = 0; r < RECEIVERS; r++) {
        if (s->with_failures && s->sequence % 3 == 0 && s->sequence != ROUNDS) {
            numbered n = {s->id, s->sequence};
            if (cadre_send_as(self, fifo_to[r], &too_big_type, &n) == 0)
                atomic_fetch_add(&fifo_broken, 1);
        } else {
            (void)cadre_send(self, fifo_to[r], numbered, s->id, s->sequence);
        }
    }
    return s->sequence < ROUNDS ? cadre_send_as(self, cadre_me(self), &go_type, NULL)
                                : 0;
}

static int fifo_start(cadre_self *self, void *state)
{
    static const cadre_class receiver = {.name = "receiver",
                                         .state_size = sizeof(fifo_receiver),
                                         .receive = fifo_receive};
    static const cadre_class sender = {
        .name = "sender", .state_size = sizeof(fifo_sender), .receive = fifo_send};
    int err = 0;
    for (int r = 0; !err && r < RECEIVERS; r++)
        err = cadre_spawn(self, &fifo_to[r], &receiver, NULL);
    for (uint32_t s = 0; !err && s < SENDERS; s++) {
        cadre_ref ref;
        err = cadre_spawn(self, &ref, &sender, &(fifo_sender){s, 0, fifo_step > 1});
        if (!err)
            err = cadre_send_as(self, ref, &go_type, NULL);
    }
    return err;
}

static void fifo_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "root", .start = fifo_start, .receive = fifo_receive};
    atomic_store(&fifo_broken, 0);
    atomic_store(&fifo_done, 0);
    assert_int_equal(run(config, &root, NULL), 0);
    assert_int_equal(atomic_load(&fifo_done), SENDERS * RECEIVERS);
    assert_int_equal(atomic_load(&fifo_broken), 0);
}

static void fifo_per_pair(void **state)
{
    fifo_step = 1;
    every_way(fifo_scenario);
}

static void fifo_per_pair_failed_send_leaves_a_gap(void **state)
{
    fifo_step = 2;
    every_way(fifo_scenario);
}

/* ---- at_most_once ---- */

enum { WORKERS_OF_FARM = 16, JOBS = 2000 };
static atomic_uint job_handled[JOBS], jobs_done;

static int job_receive(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    atomic_fetch_add(&job_handled[n->value], 1);
    if (atomic_fetch_add(&jobs_done, 1) + 1 == JOBS)
        return cadre_stop(self, cadre_parent(self));
    return 0;
}

static int farm_start(cadre_self *self, void *state)
{
    static const cadre_class worker = {.name = "worker", .receive = job_receive};
    cadre_ref workers[WORKERS_OF_FARM];
    int err = 0;
    for (int i = 0; !err && i < WORKERS_OF_FARM; i++)
        err = cadre_spawn(self, &workers[i], &worker, NULL);
    for (uint64_t j = 0; !err && j < JOBS; j++)
        err = cadre_send(self, workers[j % WORKERS_OF_FARM], number, j);
    return err;
}

static void once_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "root", .start = farm_start, .receive = job_receive};
    for (int i = 0; i < JOBS; i++)
        atomic_store(&job_handled[i], 0);
    atomic_store(&jobs_done, 0);
    assert_int_equal(run(config, &root, NULL), 0);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(atomic_load(&job_handled[i]), 1);
}

static void at_most_once(void **state) { every_way(once_scenario); }

/* ---- conservation, drop_once ---- */

enum { MORTALS = 24, LETTERS = 20 };
static atomic_uint sent, received, refused;

/* Treats each message in a way that its id decides, and dies of some. */
static int mortal_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t id = cadre_body(m, owned)->id;
    cadre_ref parent = cadre_parent(self);
    bool handled = true;
    int result = 0;
    if (id % 7 == 1 && cadre_forward(self, (cadre_ref){parent.id + id % 3}, m) == 0)
        atomic_fetch_add(&sent, 1);
    else if (id % 11 == 2)
        handled = cadre_stash(self, m) != 0;
    else if (id % 11 == 3)
        cadre_unstash(self);
    else if (id % 13 == 4)
        handled = cadre_unhandled(self, m) != 0;
    else if (id % 53 == 5)
        handled = (result = -5) == 0;
    else if (id % 59 == 6)
        result = cadre_stop(self, cadre_me(self));
    else if (id % 61 == 7)
        result = cadre_kill(self, cadre_me(self), 0);
    else if (id % 97 == 8)
        result = cadre_stop(self, parent);
    if (handled)
        atomic_fetch_add(&received, 1);
    return result;
}

static int crowd_start(cadre_self *self, void *state)
{
    static const cadre_class mortal = {.name = "mortal", .receive = mortal_receive};
    cadre_ref ref[MORTALS];
    for (int i = 0; i < MORTALS; i++)
        if (cadre_spawn(self, &ref[i], &mortal, NULL))
            return -1;
    for (uint32_t id = 0; id < MORTALS * LETTERS; id++) {
        cadre_ref to = {ref[id % MORTALS].id + (id % 17 == 0)};
        if (cadre_send(self, to, owned, id) == 0)
            atomic_fetch_add(&sent, 1);
        else
            atomic_fetch_add(&refused, 1);
    }
    return 0;
}

static int crowd_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&received, 1);
    return 0;
}

static void add_leftover(void *user, const cadre_leftover *line)
{
    *(uint64_t *)user += line->count;
    assert_ptr_equal(line->type, &owned_type);
}

static void crowd_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "crowd", .start = crowd_start, .receive = crowd_receive};
    cadre_system *sys;
    uint64_t left = 0;
    drops_clear();
    atomic_store(&sent, 0);
    atomic_store(&received, 0);
    atomic_store(&refused, 0);
    assert_int_equal(cadre_system_new(&sys, config, &root, NULL), 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    int64_t reported = cadre_system_report(sys, add_leftover, &left);
    assert_int_equal(reported, left);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(atomic_load(&refused), 0);
    assert_int_equal(sums.accepted, atomic_load(&sent));
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.pending, 0);
    assert_int_equal(sums.handled, atomic_load(&received));
    assert_true(left <= sums.dead);
    assert_dropped_once(MORTALS * LETTERS);
}

static void conservation(void **state) { every_way(crowd_scenario); }

/* The same crowd, which looks at both; the errors of failed calls are in test_send.c. */
static void drop_once(void **state) { every_way(crowd_scenario); }

/* ---- one_at_a_time ---- */

enum { CALLERS = 8, CALLS = 300 };
static atomic_uint inside, overlaps;
static cadre_ref tally_ref;

typedef struct {
    uint32_t plain; /* no lock, no atomic */
} tally;

static int tally_receive(cadre_self *self, void *state, cadre_msg *m)
{
    tally *t = state;
    if (atomic_fetch_add(&inside, 1) != 0)
        atomic_fetch_add(&overlaps, 1);
    t->plain++;
    atomic_fetch_sub(&inside, 1);
    if (t->plain == CALLERS * CALLS)
        return cadre_stop(self, cadre_parent(self));
    return 0;
}

static int caller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t left = cadre_body(m, number)->value;
    int err = cadre_send_as(self, tally_ref, &go_type, NULL);
    if (!err && left > 1)
        err = cadre_send(self, cadre_me(self), number, left - 1);
    return err;
}

static int callers_start(cadre_self *self, void *state)
{
    static const cadre_class tally_class = {
        .name = "tally", .state_size = sizeof(tally), .receive = tally_receive};
    static const cadre_class caller = {.name = "caller", .receive = caller_receive};
    int err = cadre_spawn(self, &tally_ref, &tally_class, NULL);
    for (int i = 0; !err && i < CALLERS; i++) {
        cadre_ref ref;
        err = cadre_spawn(self, &ref, &caller, NULL);
        if (!err)
            err = cadre_send(self, ref, number, CALLS);
    }
    return err;
}

static void one_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "root", .start = callers_start, .receive = caller_receive};
    atomic_store(&inside, 0);
    atomic_store(&overlaps, 0);
    /* It ends only when the plain counter has become exactly the number of calls. */
    assert_int_equal(run(config, &root, NULL), 0);
    assert_int_equal(atomic_load(&overlaps), 0);
}

static void one_at_a_time(void **state) { every_way(one_scenario); }

/* ---- progress ---- */

static atomic_uint busy_turns, other_ran_at;
static int64_t busy_for; /* what a busy handler takes */

static int busy_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int64_t end = busy_for ? real_now() + busy_for : 0;
    while (busy_for && real_now() < end) {
    }
    atomic_fetch_add(&busy_turns, 1);
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static int other_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_store(&other_ran_at, atomic_load(&busy_turns));
    return cadre_stop(self, cadre_parent(self));
}

/* One worker; a busy actor that always has messages, and one that waits behind it. */
static int busy_start(cadre_self *self, void *state)
{
    static const cadre_class busy = {.name = "busy", .receive = busy_receive};
    static const cadre_class other = {.name = "other", .receive = other_receive};
    cadre_ref to;
    int err = cadre_spawn(self, &to, &other, NULL);
    if (!err)
        err = cadre_send_as(self, to, &go_type, NULL);
    if (!err)
        err = cadre_spawn(self, &to, &busy, NULL);
    for (int i = 0; !err && i < 3; i++)
        err = cadre_send_as(self, to, &go_type, NULL);
    return err;
}

static unsigned busy_before_other(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "root", .start = busy_start, .receive = busy_receive};
    atomic_store(&busy_turns, 0);
    assert_int_equal(run(config, &root, NULL), 0);
    return atomic_load(&other_ran_at);
}

static void progress_scenario(const cadre_config *config)
{
    (void)busy_before_other(config); /* that it returns says it all */
}

static void progress(void **state)
{
    busy_for = 0;
    every_way(progress_scenario);
}

static void progress_by_count(void **state)
{
    cadre_config config = quiet(1, 0);
    busy_for = 0;
    assert_true(busy_before_other(&config) <= 2 * 64);
    config.batch = 1;
    assert_true(busy_before_other(&config) <= 2);
}

static void progress_by_time(void **state)
{
    cadre_config config = quiet(1, 0);
    config.batch = 1000000;
    busy_for = 200000; /* ns: the millisecond of a turn is over after five of them */
    assert_true(busy_before_other(&config) <= 200);
}

/* ---- children_first, stop_once ---- */

enum { TREE_FAN = 3, TREE_DEPTH = 4, TREE_SIZE = 1 + 3 + 9 + 27 };
static atomic_uint node_started[TREE_SIZE], node_stopped[TREE_SIZE], too_early;

typedef struct {
    uint32_t id;
    int result; /* of receive; the root's begins the end */
} node;

static int node_start(cadre_self *self, void *state);

static void node_stop(cadre_self *self, void *state, int reason)
{
    node *n = state;
    for (uint32_t c = n->id * TREE_FAN + 1; c <= n->id * TREE_FAN + TREE_FAN; c++)
        if (c < TREE_SIZE && atomic_load(&node_started[c]) &&
            !atomic_load(&node_stopped[c]))
            atomic_fetch_add(&too_early, 1);
    atomic_fetch_add(&node_stopped[n->id], 1);
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return ((node *)state)->result;
}

static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    atomic_fetch_add(&node_started[n->id], 1);
    int err = 0;
    for (uint32_t c = n->id * TREE_FAN + 1; c <= n->id * TREE_FAN + TREE_FAN; c++)
        if (!err && c < TREE_SIZE)
            err = cadre_spawn(self, NULL, &node_class, &(node){c, 0});
    return err ? err : cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static void tree_scenario(const cadre_config *config)
{
    for (int result = -1; result <= 1; result++) {
        for (int i = 0; i < TREE_SIZE; i++) {
            atomic_store(&node_started[i], 0);
            atomic_store(&node_stopped[i], 0);
        }
        atomic_store(&too_early, 0);
        cadre_config c = *config;
        c.end_when_quiet = true; /* result 0: the whole tree stands when it ends */
        assert_int_equal(run(&c, &node_class, &(node){0, result}), result < 0 ? -1 : 0);
        assert_int_equal(atomic_load(&too_early), 0);
        for (int i = 0; i < TREE_SIZE; i++)
            assert_int_equal(atomic_load(&node_started[i]),
                             atomic_load(&node_stopped[i]));
        if (result == 0)
            assert_int_equal(atomic_load(&node_stopped[TREE_SIZE - 1]), 1);
        assert_int_equal(sums.actors, 0);
    }
}

static void children_first(void **state) { every_way(tree_scenario); }

static atomic_uint starts, stops;

static int half_start(cadre_self *self, void *state)
{
    unsigned n = atomic_fetch_add(&starts, 1);
    if (n % 3 == 1)
        return -3;
    return n % 3 == 2 ? CADRE_STOP : 0;
}

static void half_stop(cadre_self *self, void *state, int reason)
{
    atomic_fetch_add(&stops, 1);
}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static int many_start(cadre_self *self, void *state)
{
    static const cadre_class half = {
        .name = "half", .start = half_start, .receive = nothing, .stop = half_stop};
    for (int i = 0; i < 30; i++) {
        cadre_ref child;
        if (cadre_spawn(self, &child, &half, NULL))
            return -1;
        (void)cadre_stop(self, i % 2 ? child : (cadre_ref){0});
        (void)cadre_stop(self, child);
        (void)cadre_kill(self, i % 5 ? (cadre_ref){0} : child, -7);
    }
    return 0;
}

static void stop_once_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "root", .start = many_start, .receive = nothing};
    atomic_store(&starts, 0);
    atomic_store(&stops, 0);
    cadre_config c = *config;
    c.end_when_quiet = true;
    assert_int_equal(run(&c, &root, NULL), 0);
    assert_true(atomic_load(&starts) <= 30);
    /* Of three that start, in whatever order, one starts well. */
    assert_int_equal(atomic_load(&stops), (atomic_load(&starts) + 2) / 3);
}

static void stop_once(void **state) { every_way(stop_once_scenario); }

/* ---- handles_never_dangle ---- */

static cadre_ref old_ref[8];
static atomic_uint strangers, rounds;

/* state: the round in which it was born. */
static int heir_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, number) && *(unsigned *)state != 0)
        atomic_fetch_add(&strangers, 1); /* these are sent to the first ones only */
    return CADRE_STOP;
}

static void heir_stop(cadre_self *self, void *state, int reason)
{
    if (*(unsigned *)state != 0 && reason != 0) /* and only those are killed */
        atomic_fetch_add(&strangers, 1);
}

/* Its children stop at their first message, so that later ones take their places. */
static int dynasty_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class heir = {.name = "heir",
                                     .state_size = sizeof(unsigned),
                                     .receive = heir_receive,
                                     .stop = heir_stop};
    unsigned round = atomic_fetch_add(&rounds, 1);
    int err = 0;
    for (unsigned i = 0; !err && i < 8; i++) {
        cadre_ref child;
        err = cadre_spawn(self, &child, &heir, &round);
        if (!err && round == 0)
            old_ref[i] = child;
        if (!err)
            err = cadre_send_as(self, child, &go_type, NULL);
        (void)cadre_send(self, old_ref[i], number, i);
        (void)cadre_kill(self, old_ref[i], -9);
    }
    if (round == 100)
        return CADRE_STOP;
    return err ? err : cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static int dynasty_start(cadre_self *self, void *state)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static void dangle_scenario(const cadre_config *config)
{
    static const cadre_class root = {
        .name = "dynasty", .start = dynasty_start, .receive = dynasty_receive};
    atomic_store(&strangers, 0);
    atomic_store(&rounds, 0);
    cadre_config c = *config;
    c.batch = 1;
    assert_int_equal(run(&c, &root, NULL), 0);
    assert_int_equal(atomic_load(&strangers), 0);
    assert_true(sums.dead >= 90 * 8);
}

static void handles_never_dangle(void **state) { every_way(dangle_scenario); }

int main(void)
{
    TESTS(cmocka_unit_test(fifo_per_pair),
          cmocka_unit_test(fifo_per_pair_failed_send_leaves_a_gap),
          cmocka_unit_test(at_most_once), cmocka_unit_test(conservation),
          cmocka_unit_test(drop_once), cmocka_unit_test(one_at_a_time),
          cmocka_unit_test(progress), cmocka_unit_test(progress_by_count),
          cmocka_unit_test(progress_by_time), cmocka_unit_test(children_first),
          cmocka_unit_test(stop_once), cmocka_unit_test(handles_never_dangle));
    return RUN_TESTS();
}
