/* ask.c: how many times per second does an actor ask another and get its answer?
 *
 * Each client asks the one server and waits for the answer before it asks again: by
 * cadre_ask() without a deadline and with one, and, as what there is to lose, by a plain
 * cadre_send(), which the server answers in the same way. With one client that is the
 * pair of pingpong.c, counted by the round trip; with a hundred the server always has
 * something to do, and with more than one worker its mailbox is what they meet in. The
 * questions of all clients differ, so that an answer to somebody else would be seen. */
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
    uint64_t number; /* the question's, and one */
} answer;
typedef struct {
    uint64_t none;
} ready;
typedef struct {
    uint64_t none;
} begin;
typedef struct {
    uint64_t right; /* answers that fit their question */
} finished;
static CADRE_TYPE(question);
static CADRE_TYPE(answer);
static CADRE_TYPE(ready);
static CADRE_TYPE(begin);
static CADRE_TYPE(finished);

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    if (!q)
        return cadre_unhandled(self, m);
    return cadre_reply(self, m, answer, .number = q->number + 1);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

enum how { SENDS, ASKS, ASKS_IN_TIME, HOWS };

struct client {
    cadre_ref server;
    enum how how;
    uint64_t next, last; /* numbers of its questions */
    uint64_t right;
};

static int client_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_parent(self), ready, 0);
}

static int ask(cadre_self *self, const struct client *me)
{
    if (me->how == SENDS)
        return cadre_send(self, me->server, question, .number = me->next);
    cadre_time timeout = me->how == ASKS ? CADRE_NEVER : 10 * CADRE_SECOND;
    return cadre_ask(self, NULL, me->server, timeout, question, .number = me->next);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    const answer *a = cadre_body(m, answer);
    if (a)
        me->right += a->number == ++me->next;
    else if (!cadre_body(m, begin))
        return cadre_unhandled(self, m);
    if (me->next < me->last)
        return ask(self, me);
    return cadre_send(self, cadre_parent(self), finished, .right = me->right);
}
static const cadre_class client = {.name = "client",
                                   .state_size = sizeof(struct client),
                                   .start = client_start,
                                   .receive = client_receive};

/* What the main program lends the master. */
struct job {
    enum how how;
    uint64_t clients, each; /* each: questions of a client */
    cadre_ref *refs;
    uint64_t right;
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t ready, finished;
};

static int master_start(cadre_self *self, void *state)
{
    const struct job *job = ((struct master *)state)->job;
    struct client init = {.how = job->how};
    int err = cadre_spawn(self, &init.server, &server, NULL);
    for (uint64_t i = 0; i < job->clients && err == 0; i++) {
        init.next = i * job->each;
        init.last = init.next + job->each;
        err = cadre_spawn(self, &job->refs[i], &client, &init);
    }
    return err;
}

static int master_begin(cadre_self *self, struct job *job)
{
    int err = 0;
    job->start = bench_now();
    for (uint64_t i = 0; i < job->clients && err == 0; i++)
        err = cadre_send(self, job->refs[i], begin, 0);
    return err;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    const finished *f = cadre_body(m, finished);
    if (f) {
        me->job->right += f->right;
        if (++me->finished < me->job->clients)
            return 0;
        me->job->end = bench_now();
        return CADRE_STOP;
    }
    if (!cadre_body(m, ready))
        return cadre_unhandled(self, m);
    return ++me->ready < me->job->clients ? 0 : master_begin(self, me->job);
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    uint64_t clients = setting->size / HOWS;
    struct job job = {
        .how = setting->size % HOWS, .clients = clients, .each = n / clients};
    job.refs = calloc(job.clients, sizeof *job.refs);
    if (!job.refs) {
        fprintf(stderr, "ask: out of memory\n");
        return -1;
    }
    /* Each round trip: question, answer. Each client: ready, begin, finished. */
    int err = trial_run("ask", setting->workers, &master, &(struct master){.job = &job},
                        2 * n + 3 * job.clients);
    free(job.refs);
    if (err == 0 && job.right != n) {
        fprintf(stderr, "ask: wrong count: %" PRIu64 " of %" PRIu64 " answers fit\n",
                job.right, n);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

/* Three ways, one below the other; a case's size says how many and how. */
static int add_rows(struct plan *plan, uint64_t questions, uint64_t clients)
{
    static const char *const names[HOWS] = {"send", "ask", "ask by a deadline"};
    struct bench_row row = {
        .operation = "round trip", .run = run, .n = plan_whole(questions, clients)};
    if (row.n == 0) {
        fprintf(stderr, "ask: --questions %" PRIu64 " is less than one a client\n",
                questions);
        return -1;
    }
    snprintf(row.params, sizeof row.params, "clients=%" PRIu64, clients);
    for (uint64_t how = 0; how < HOWS; how++) {
        row.name = names[how];
        plan_sweep(plan, &row, clients * HOWS + how);
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t questions = 2000000, clients[2] = {0, 0};
    struct plan plan = {0};
    struct bench bench = {
        .name = "ask",
        .question = "How many questions per second are asked and answered?",
        .method = "time from just before the first question to the report of the last "
                  "client",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {{"questions", "N", "questions per run", &questions,
                                      .min = 1, .max = 1000000000},
                                     {"clients", "C", "clients of the one server",
                                      &clients[0], .min = 1, .max = 1000000,
                                      .otherwise = "1, then 100"},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bench, own, argc, argv);
    if (clients[0] == 0) {
        clients[0] = 1;
        clients[1] = 100;
    }
    for (int i = 0; i < 2 && clients[i] > 0; i++)
        if (add_rows(&plan, questions, clients[i]) < 0)
            return 2;
    return plan_run(&plan, &bench);
}
