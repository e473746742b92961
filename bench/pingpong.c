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
#include "harness/plan.h"
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

static int play(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct game game = {.pairs = setting->size, .balls = n / setting->size};
    game.pingers = calloc(game.pairs, sizeof *game.pingers);
    if (!game.pingers) {
        fprintf(stderr, "pingpong: out of memory\n");
        return -1;
    }
    /* Each pair: its balls, and ready, begin, finished. */
    int err = trial_run("pingpong", setting->workers, &master,
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

/* All pairs play as many balls, both ways as many. */
static void add_games(struct plan *plan, uint64_t messages, uint64_t *pairs)
{
    struct bench_row row = {.name = "same-thread queue",
                            .operation = "message",
                            .n = 4 * plan_whole(messages, 2 * *pairs),
                            .cpus = 1,
                            .run = limits_queue,
                            .arg = pairs};
    snprintf(row.params, sizeof row.params, "pairs=%" PRIu64, *pairs);
    row.ideal = plan_add(plan, &row);
    row.name = *pairs > 1 ? "pairs" : "pingpong";
    row.n = plan_whole(messages, 2 * *pairs);
    row.run = play;
    plan_sweep(plan, &row, *pairs);
}

static void add_limits(struct plan *plan)
{
    plan_add(plan, &(struct bench_row){.name = "cache-line hop",
                                       .params = "cpus=2",
                                       .operation = "message",
                                       .n = 200000,
                                       .cpus = 2,
                                       .run = limits_hop});
    plan_add(plan, &(struct bench_row){.name = "futex wake",
                                       .params = "cpus=2",
                                       .operation = "message",
                                       .n = 2000,
                                       .cpus = 2,
                                       .run = limits_futex});
}

int main(int argc, char **argv)
{
    uint64_t messages = 10000000, pairs[2] = {0, 0};
    struct plan plan = {0};
    struct bench bench = {
        .name = "pingpong",
        .question = "How many messages per second do pairs of actors exchange?",
        .method = "time from just before the first message to the handling of the "
                  "last, all counted",
        .repeat = 7,
        .warmup = 1};
    const struct option_row own[] = {
        {"messages", "N", "messages per run", &messages, .min = 2, .max = 1000000000},
        {"pairs", "P", "pairs of actors", &pairs[0], .min = 1, .max = 1000000,
         .otherwise = "1, then 1000"},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (pairs[0] == 0) {
        pairs[0] = 1;
        pairs[1] = 1000;
    }
    for (int i = 0; i < 2 && pairs[i] > 0; i++) {
        if (messages < 2 * pairs[i]) {
            fprintf(stderr,
                    "pingpong: --messages %" PRIu64 " is less than two for each pair\n",
                    messages);
            return 2;
        }
        add_games(&plan, messages, &pairs[i]);
    }
    add_limits(&plan);
    return plan_run(&plan, &bench);
}
