/* actors.c: what does it cost to go through one of the ready-made actors?
 *
 * One actor does one thing after the other, each when the one before is over. `breaker`,
 * `retry`, `limiter`: a request to a server behind it, and the answer. `gather`: the same
 * with three servers. `batcher`: ten messages, and the batch of them. `post`: a letter
 * from an outbox to an inbox, which says that it has come and hands it over. `ticker`: a
 * tick, by a clock that jumps to the next second whenever the ticker looks at it. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/actors/batcher.h>
#include <cadre/actors/breaker.h>
#include <cadre/actors/gather.h>
#include <cadre/actors/limiter.h>
#include <cadre/actors/post.h>
#include <cadre/actors/retry.h>
#include <cadre/actors/ticker.h>
#include <cadre/timer.h>

typedef struct {
    uint64_t value;
} item;
static CADRE_TYPE(item);

enum { BATCH = 10 };

struct client;
struct kind {
    const char *name, *operation;
    uint64_t once, each; /* messages of a run, and of an operation */
    int (*spawn)(cadre_self *self, struct client *me);
    int (*begin)(cadre_self *self, struct client *me);
    bool (*is_last)(const cadre_msg *m); /* of an operation; NULL: any is */
};

struct job {
    const struct kind *kind;
    uint64_t n, over;
    uint64_t looks; /* of the ticker, at the clock */
    int64_t start, end;
};

struct client {
    struct job *job;
    cadre_ref to, inbox;
};

/* ---- requests ---- */

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, item, cadre_body(m, item)->value);
}
static const cadre_class server = {.name = "server", .receive = answer};

static int ask(cadre_self *self, struct client *me)
{
    return cadre_ask(self, NULL, me->to, CADRE_NEVER, item, me->job->over);
}

static int spawn_breaker(cadre_self *self, struct client *me)
{
    cadre_breaker breaker = {.target = me->to};
    return cadre_spawn(self, &me->to, &cadre_breaker_class, &breaker);
}

static int spawn_retry(cadre_self *self, struct client *me)
{
    cadre_retry retry = {.target = me->to};
    return cadre_spawn(self, &me->to, &cadre_retry_class, &retry);
}

static int spawn_limiter(cadre_self *self, struct client *me)
{
    cadre_limiter limiter = {.target = me->to, .rate = 1000000000, .burst = UINT32_MAX};
    return cadre_spawn(self, &me->to, &cadre_limiter_class, &limiter);
}

static int spawn_gather(cadre_self *self, struct client *me)
{
    cadre_gather gather = {.targets = {me->to, me->to, me->to}};
    return cadre_spawn(self, &me->to, &cadre_gather_class, &gather);
}

/* ---- a batch ---- */

static int spawn_batcher(cadre_self *self, struct client *me)
{
    cadre_batcher batcher = {.to = cadre_me(self), .type = &item_type, .count = BATCH};
    return cadre_spawn(self, &me->to, &cadre_batcher_class, &batcher);
}

static int fill_batch(cadre_self *self, struct client *me)
{
    int err = 0;
    for (uint64_t i = 0; i < BATCH && !err; i++)
        err = cadre_send(self, me->to, item, i);
    return err;
}

/* ---- a letter ---- */

static int spawn_post(cadre_self *self, struct client *me)
{
    int err = cadre_spawn(self, &me->inbox, &cadre_inbox_class, &(cadre_inbox){0});
    cadre_outbox outbox = {.to = me->inbox, .announce = CADRE_NEVER};
    return err ? err : cadre_spawn(self, &me->to, &cadre_outbox_class, &outbox);
}

static int post(cadre_self *self, struct client *me)
{
    int err = cadre_send(self, me->to, cadre_post, .key = 0);
    return err ? err
               : cadre_ask(self, NULL, me->inbox, CADRE_NEVER, cadre_post_when, 0);
}

static bool is_taken(const cadre_msg *m)
{
    const cadre_post_count *count = cadre_body(m, cadre_post_count);
    return count && count->given > 0;
}

/* ---- ticks ---- */

/* Looked at twice for each tick. In the end it stands still, and no more ticks come. */
static cadre_time jump(void *user)
{
    struct job *job = user;
    if (job->looks < 2 * job->n + 1)
        job->looks++;
    return (cadre_time)job->looks * CADRE_SECOND;
}

static int spawn_ticker(cadre_self *self, struct client *me)
{
    cadre_ticker ticker = {.cron = "* * * * * *", .wall = jump, .wall_user = me->job};
    return cadre_spawn(self, &me->to, &cadre_ticker_class, &ticker);
}

static int subscribe(cadre_self *self, struct client *me)
{
    if (me->job->over > 1)
        return 0;
    return cadre_ask(self, NULL, me->to, CADRE_NEVER, cadre_ticker_subscribe, 0);
}

static const struct kind kinds[] = {
    {"breaker", "request", 0, 4, spawn_breaker, ask, NULL},
    {"retry", "request", 0, 4, spawn_retry, ask, NULL},
    {"limiter", "request", 0, 3, spawn_limiter, ask, NULL},
    {"gather", "request to three", 0, 8, spawn_gather, ask, NULL},
    {"batcher", "ten messages", 0, BATCH + 1, spawn_batcher, fill_batch, NULL},
    {"post", "letter", 0, 7, spawn_post, post, is_taken},
    {"ticker", "tick", 1, 2, spawn_ticker, subscribe, NULL}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- the client ---- */

static int go_on(cadre_self *self, struct client *me)
{
    struct job *job = me->job;
    if (job->over++ < job->n)
        return job->kind->begin(self, me);
    job->end = bench_now();
    return CADRE_STOP;
}

static int start(cadre_self *self, void *state)
{
    struct client *me = state;
    int err = cadre_spawn(self, &me->to, &server, NULL);
    if (!err)
        err = me->job->kind->spawn(self, me);
    me->job->start = bench_now();
    return err ? err : go_on(self, me);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    bool (*is_last)(const cadre_msg *) = me->job->kind->is_last;
    const cadre_post_count *has_come = cadre_body(m, cadre_post_count);
    if (cadre_body(m, cadre_failure))
        return cadre_body(m, cadre_failure)->code;
    if (has_come && has_come->given == 0)
        return cadre_ask(self, NULL, me->inbox, CADRE_NEVER, cadre_post_take, 0);
    return !is_last || is_last(m) ? go_on(self, me) : 0;
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct client),
                                   .start = start,
                                   .receive = receive};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    const struct kind *kind = &kinds[setting->size];
    struct job job = {.kind = kind, .n = n};
    int err = trial_run("actors", setting->workers, &client,
                        &(struct client){.job = &job}, kind->once + n * kind->each);
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t n = 200000;
    struct plan plan = {0};
    struct bench bench = {.name = "actors",
                          .question =
                              "What does it cost to go through a ready-made actor?",
                          .method = "time from the first to the end of the last",
                          .repeat = 5,
                          .warmup = 1};
    const struct option_row own[] = {
        {"operations", "N", "operations per run", &n, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    for (uint64_t i = 0; i < KINDS; i++) {
        struct bench_row row = {
            .name = kinds[i].name, .operation = kinds[i].operation, .n = n, .run = run};
        plan_sweep(&plan, &row, i);
    }
    return plan_run(&plan, &bench);
}
