/* outstanding.c: do requests that wait for their answers slow down those who have nothing
 * to do with them?
 *
 * A client asks a server, which defers every request and keeps the promises. While all of
 * them are outstanding two other actors send a ball to and fro, and one of them looks at
 * the clock each time. Then the server keeps its promises, and every request must have
 * its answer. Beside it the same without any request; the two take turns. Both
 * percentiles are of one run; a row that finds its figure used makes the next run. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/ask.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t number;
} question;
typedef struct {
    uint64_t number;
} ball;
typedef struct {
    uint64_t none;
} go_on; /* to the next stage */
static CADRE_TYPE(question);
static CADRE_TYPE(ball);
static CADRE_TYPE(go_on);

enum { PINGS_MAX = 10000000 };
static uint64_t timeout_s = 3600;

/* What the main program lends them all. */
struct job {
    uint64_t outstanding, pings;
    int64_t *took;
    cadre_promise *promises;
    uint64_t kept, answered;
};
struct role {
    struct job *job;
    cadre_ref other; /* the client's server, the pinger's partner */
    uint64_t at;
    int64_t sent;
};

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = ((struct role *)state)->job;
    int err = 0;
    if (cadre_body(m, question)) {
        err = cadre_defer(self, m, &job->promises[job->kept++]);
        bool all = job->kept == job->outstanding;
        return err == 0 && all ? cadre_send(self, cadre_parent(self), go_on, 0) : err;
    }
    for (uint64_t i = 0; i < job->kept && err == 0; i++)
        err = cadre_answer(self, job->promises[i], question, i);
    return err;
}

static int client_start(cadre_self *self, void *state)
{
    struct role *me = state;
    cadre_time timeout = (cadre_time)timeout_s * CADRE_SECOND;
    int err = 0;
    for (uint64_t i = 0; i < me->job->outstanding && err == 0; i++)
        err = cadre_ask(self, NULL, me->other, timeout, question, i);
    return err;
}
static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = ((struct role *)state)->job;
    if (!cadre_body(m, question))
        return CADRE_EUSER; /* it failed */
    return ++job->answered < job->outstanding
               ? 0
               : cadre_send(self, cadre_parent(self), go_on, 0);
}

static int pong(cadre_self *self, void *state, cadre_msg *m)
{
    const ball *b = cadre_body(m, ball);
    return b ? cadre_reply(self, m, ball, b->number) : cadre_unhandled(self, m);
}
static int ping(cadre_self *self, void *state, cadre_msg *m)
{
    struct role *me = state;
    int64_t now = bench_now();
    if (cadre_body(m, ball))
        me->job->took[me->at++] = now - me->sent;
    if (me->at == me->job->pings)
        return cadre_send(self, cadre_parent(self), go_on, 0);
    me->sent = now;
    return cadre_send(self, me->other, ball, me->at);
}

static const cadre_class server = {
    .name = "server", .state_size = sizeof(struct role), .receive = server_receive};
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct role),
                                   .start = client_start,
                                   .receive = client_receive};
static const cadre_class ponger = {
    .name = "ponger", .state_size = sizeof(struct role), .receive = pong};
static const cadre_class pinger = {
    .name = "pinger", .state_size = sizeof(struct role), .receive = ping};

/* Stages: asked, pinged, answered. */
struct master {
    struct job *job;
    cadre_ref server, pinger;
    uint32_t stage;
};

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    struct role role = {.job = me->job};
    int err = cadre_spawn(self, &me->server, &server, &role);
    if (err == 0)
        err = cadre_spawn(self, &role.other, &ponger, &role);
    if (err == 0)
        err = cadre_spawn(self, &me->pinger, &pinger, &role);
    if (err < 0)
        return err;
    if (me->job->outstanding == 0)
        return cadre_send(self, cadre_me(self), go_on, 0);
    role.other = me->server;
    return cadre_spawn(self, NULL, &client, &role);
}
static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, go_on))
        return cadre_unhandled(self, m);
    bool has_asked = me->job->outstanding > 0;
    switch (me->stage++) {
    case 0:
        return cadre_send(self, me->pinger, go_on, 0);
    case 1:
        return has_asked ? cadre_send(self, me->server, go_on, 0) : CADRE_STOP;
    default:
        return CADRE_STOP;
    }
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

/* ---- rows ---- */

enum percentile { P50, P99, PERCENTILES };
struct setting {
    uint64_t outstanding;
    bool is_fresh[PERCENTILES];
    double of[PERCENTILES];
};
static struct setting settings[2];
static uint32_t workers = 2;
static int64_t *took;

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int measure(struct setting *setting, uint64_t pings)
{
    uint64_t n = setting->outstanding;
    struct job job = {.outstanding = n, .pings = pings, .took = took};
    job.promises = calloc(n + 1, sizeof *job.promises);
    if (!job.promises) {
        fprintf(stderr, "outstanding: out of memory\n");
        return -1;
    }
    /* Questions, answers, balls to and fro; and the stages. */
    int err = trial_run("outstanding", workers, &master, &(struct master){.job = &job},
                        2 * n + 2 * pings + (n > 0 ? 5 : 3));
    free(job.promises);
    if (err == 0 && job.answered != n) {
        fprintf(stderr, "outstanding: %" PRIu64 " of %" PRIu64 " were answered\n",
                job.answered, n);
        return -1;
    }
    qsort(took, pings, sizeof *took, by_size);
    setting->of[P50] = (double)took[(pings - 1) / 2];
    setting->of[P99] = (double)took[(pings - 1) * 99 / 100];
    setting->is_fresh[P50] = setting->is_fresh[P99] = true;
    return err;
}

static int run(double *total, struct setting *setting, enum percentile p, uint64_t n)
{
    int err = setting->is_fresh[p] ? 0 : measure(setting, n);
    setting->is_fresh[p] = false;
    *total = setting->of[p] * (double)n;
    return err;
}
static int run_p50(double *total, const void *arg, uint64_t n)
{
    return run(total, &settings[*(const size_t *)arg], P50, n);
}
static int run_p99(double *total, const void *arg, uint64_t n)
{
    return run(total, &settings[*(const size_t *)arg], P99, n);
}

int main(int argc, char **argv)
{
    static const size_t which[2] = {0, 1};
    uint64_t outstanding = 100000, pings = 200000;
    struct plan plan = {.workers = 2};
    struct bench bench = {
        .name = "outstanding",
        .question = "Do outstanding requests slow down those who did not make them?",
        .method = "each round trip of a ball between two other actors, by the clock",
        .repeat = 11,
        .warmup = 1};
    const struct option_row own[] = {
        {"outstanding", "N", "requests", &outstanding, .min = 1, .max = 10000000},
        {"pings", "N", "round trips per run", &pings, .min = 1, .max = PINGS_MAX},
        {"timeout", "S", "seconds that the requests have", &timeout_s, .min = 60,
         .max = 1000000},
        {"workers", "W", "threads", &plan.workers, .min = 1, .max = 1024},
        {0}};
    bench_options(&bench, own, argc, argv);
    workers = (uint32_t)plan.workers;
    settings[1].outstanding = outstanding;
    took = calloc(pings, sizeof *took);
    if (!took)
        return 1;
    struct bench_row row = {.operation = "round trip", .n = pings, .cpus = workers};
    for (int p = 0; p < PERCENTILES; p++)
        for (size_t i = 0; i < 2; i++) {
            row.name = p == P50 ? "p50" : "p99";
            row.run = p == P50 ? run_p50 : run_p99;
            row.arg = &which[i];
            snprintf(row.params, sizeof row.params,
                     "outstanding=%" PRIu64 " workers=%u", settings[i].outstanding,
                     (unsigned)workers);
            plan_add(&plan, &row);
        }
    return plan_run(&plan, &bench);
}
