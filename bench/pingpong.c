/* pingpong.c: how many messages per second do pairs of actors exchange, and how far is
 * that from what the machine itself can do?
 *
 * A master plants `pairs` pairs. When all are ready it takes the time and tells each to
 * begin; a pair keeps one ball in the air until its count runs out, and reports; after
 * the last report the master takes the time again. Only the balls count as messages.
 * Beside it, in the same rounds: the ideal one-thread runtime of limits.h, a hop of a
 * cache line to another CPU, and a futex wake, which is what a message costs when the
 * other CPU has gone to sleep. */
#include "harness/bench.h"
#include "harness/limits.h"
#include "harness/machine.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t left;
} ball;
typedef struct {
    uint64_t none;
} ready;
typedef struct {
    uint64_t none;
} begin;
typedef struct {
    uint64_t balls;
} finished;
static CADRE_TYPE(ball);
static CADRE_TYPE(ready);
static CADRE_TYPE(begin);
static CADRE_TYPE(finished);

static int ponger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    ball *b = cadre_body(m, ball);
    if (!b)
        return cadre_unhandled(self, m);
    return cadre_reply(self, m, ball, .left = b->left - 1);
}
static const cadre_class ponger = {.name = "ponger", .receive = ponger_receive};

struct pinger {
    cadre_ref peer;
    uint64_t balls;  /* of one game, both ways: even */
    uint64_t caught; /* by this side */
};

static int pinger_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_parent(self), ready, 0);
}

static int pinger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct pinger *me = state;
    ball *b = cadre_body(m, ball);
    if (b) {
        me->caught++;
        if (b->left > 0)
            return cadre_send(self, me->peer, ball, .left = b->left - 1);
        return cadre_send(self, cadre_parent(self), finished, .balls = 2 * me->caught);
    }
    if (cadre_body(m, begin))
        return cadre_send(self, me->peer, ball, .left = me->balls - 1);
    return cadre_unhandled(self, m);
}
static const cadre_class pinger = {.name = "pinger",
                                   .state_size = sizeof(struct pinger),
                                   .start = pinger_start,
                                   .receive = pinger_receive};

/* What the main program lends the master: it outlives the system. */
struct game {
    uint64_t pairs, balls; /* balls: of each pair */
    cadre_ref *pingers;
    uint64_t seen; /* balls that were reported */
    int64_t start, end;
};

struct master {
    struct game *game;
    uint64_t ready, finished;
};

static int master_start(cadre_self *self, void *state)
{
    struct game *game = ((struct master *)state)->game;
    for (uint64_t i = 0; i < game->pairs; i++) {
        struct pinger init = {.balls = game->balls};
        int err = cadre_spawn(self, &init.peer, &ponger, NULL);
        if (err == 0)
            err = cadre_spawn(self, &game->pingers[i], &pinger, &init);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_begin(cadre_self *self, struct game *game)
{
    game->start = bench_now();
    for (uint64_t i = 0; i < game->pairs; i++) {
        int err = cadre_send(self, game->pingers[i], begin, 0);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    finished *f = cadre_body(m, finished);
    if (f) {
        me->game->seen += f->balls;
        if (++me->finished < me->game->pairs)
            return 0;
        me->game->end = bench_now();
        return CADRE_STOP;
    }
    if (cadre_body(m, ready))
        return ++me->ready < me->game->pairs ? 0 : master_begin(self, me->game);
    return cadre_unhandled(self, m);
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

struct setting {
    uint64_t pairs, workers;
};

static int play(double *total, const void *arg, uint64_t n)
{
    const struct setting *setting = arg;
    struct game game = {.pairs = setting->pairs, .balls = n / setting->pairs};
    game.pingers = calloc(game.pairs, sizeof *game.pingers);
    if (!game.pingers) {
        fprintf(stderr, "pingpong: out of memory\n");
        return -1;
    }
    /* Each pair: its balls, and ready, begin, finished. */
    int err = trial_run("pingpong", (uint32_t)setting->workers, &master,
                        &(struct master){.game = &game}, n + 3 * game.pairs);
    free(game.pingers);
    if (err == 0 && game.seen != n) {
        fprintf(stderr, "pingpong: wrong count: %" PRIu64 " of %" PRIu64 " balls\n",
                game.seen, n);
        err = -1;
    }
    *total = (double)(game.end - game.start);
    return err;
}

/* The table: up to two numbers of pairs, each on up to three numbers of workers, then
 * the limits. */
enum { PAIRS_MAX = 2, WORKERS_MAX = 3, ROWS_MAX = PAIRS_MAX * (WORKERS_MAX + 1) + 2 };

struct plan {
    uint64_t messages; /* per run, about */
    uint64_t pairs[PAIRS_MAX], workers[WORKERS_MAX];
    size_t pairs_count, workers_count, count;
    struct setting settings[PAIRS_MAX * WORKERS_MAX];
    struct bench_row rows[ROWS_MAX];
};

static struct bench_row *add_row(struct plan *plan, const struct bench_row *row)
{
    plan->rows[plan->count] = *row;
    return &plan->rows[plan->count++];
}

/* All pairs play as many balls, both ways as many. */
static uint64_t whole_games(const struct plan *plan, uint64_t pairs)
{
    return plan->messages / (2 * pairs) * (2 * pairs);
}

static void add_games(struct plan *plan, uint64_t pairs, const struct bench_row *ideal)
{
    for (size_t i = 0; i < plan->workers_count; i++) {
        struct setting *setting = &plan->settings[plan->count];
        *setting = (struct setting){pairs, plan->workers[i]};
        struct bench_row *row =
            add_row(plan, &(struct bench_row){.name = "pingpong",
                                              .operation = "message",
                                              .n = whole_games(plan, pairs),
                                              .cpus = (unsigned)setting->workers,
                                              .run = play,
                                              .arg = setting,
                                              .ideal = ideal});
        snprintf(row->params, sizeof row->params, "pairs=%" PRIu64 " workers=%" PRIu64,
                 pairs, setting->workers);
    }
}

static void add_limits(struct plan *plan)
{
    for (size_t i = 0; i < plan->pairs_count; i++) {
        struct bench_row *row = add_row(
            plan, &(struct bench_row){.name = "same-thread queue",
                                      .operation = "message",
                                      .n = 4 * whole_games(plan, plan->pairs[i]),
                                      .cpus = 1,
                                      .run = limits_queue,
                                      .arg = &plan->pairs[i]});
        snprintf(row->params, sizeof row->params, "pairs=%" PRIu64, plan->pairs[i]);
    }
    add_row(plan, &(struct bench_row){.name = "cache-line hop",
                                      .params = "cpus=2",
                                      .operation = "message",
                                      .n = 200000,
                                      .cpus = 2,
                                      .run = limits_hop});
    add_row(plan, &(struct bench_row){.name = "futex wake",
                                      .params = "cpus=2",
                                      .operation = "message",
                                      .n = 2000,
                                      .cpus = 2,
                                      .run = limits_futex});
}

/* The limits stand last, and the games point at theirs. */
static void plan_rows(struct plan *plan)
{
    size_t games = plan->pairs_count * plan->workers_count;
    for (size_t i = 0; i < plan->pairs_count; i++)
        add_games(plan, plan->pairs[i], &plan->rows[games + i]);
    add_limits(plan);
}

/* What was not asked for: one pair and a thousand, on one worker, on two, on all. */
static void plan_defaults(struct plan *plan)
{
    struct machine machine;
    machine_describe(&machine);
    plan->pairs_count = plan->workers_count = 1;
    if (plan->pairs[0] == 0) {
        plan->pairs[0] = 1;
        plan->pairs[plan->pairs_count++] = 1000;
    }
    if (plan->workers[0] == 0) {
        plan->workers[0] = 1;
        plan->workers[plan->workers_count++] = 2;
        if (machine.cpus > 2)
            plan->workers[plan->workers_count++] = machine.cpus;
    }
}

int main(int argc, char **argv)
{
    struct plan plan = {.messages = 5000000};
    struct bench bench = {
        .name = "pingpong",
        .question = "How many messages per second do pairs of actors exchange?",
        .method = "time from just before the first message to the handling of the "
                  "last, all counted",
        .repeat = 7,
        .warmup = 1};
    const struct option_row own[] = {
        {"messages", "N", "messages per run", &plan.messages, .min = 2,
         .max = 1000000000},
        {"pairs", "P", "pairs of actors", plan.pairs, .min = 1, .max = 1000000,
         .otherwise = "1, then 1000"},
        {"workers", "W", "threads", plan.workers, .min = 1, .max = 1024,
         .otherwise = "1, then 2, then one for each CPU"},
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_defaults(&plan);
    if (plan.messages < 2 * plan.pairs[plan.pairs_count - 1]) {
        fprintf(stderr,
                "pingpong: --messages %" PRIu64 " is less than two for each pair\n",
                plan.messages);
        return 2;
    }
    plan_rows(&plan);
    return bench_run(&bench, plan.rows, plan.count);
}
