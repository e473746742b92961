/* await.c: what does it cost that a handler waits, instead of handing on a function?
 *
 * One actor asks another, again and again. `then` is a handler for each answer; `await`
 * is one handler with a loop, whose stack is left and taken up again each time. `change`
 * is half of the difference, run by run: what each of the two changes of stacks costs,
 * with all that goes with it. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/await.h>

#include <stdio.h>

typedef struct {
    uint64_t number;
} question;
static CADRE_TYPE(question);

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    return q ? cadre_reply(self, m, question, .number = q->number + 1)
             : cadre_unhandled(self, m);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

struct job {
    uint64_t n, right;
    int64_t start, end;
};

struct client {
    struct job *job;
    cadre_ref server;
};

static int ask(cadre_self *self, const struct client *me, cadre_token *token)
{
    return cadre_ask(self, token, me->server, CADRE_NEVER, question,
                     .number = me->job->right);
}

static int start(cadre_self *self, void *state)
{
    struct client *me = state;
    int err = cadre_spawn(self, &me->server, &server, NULL);
    return err ? err : cadre_send(self, cadre_me(self), question, 0);
}

static int then(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    struct job *job = me->job;
    if (m->token.id == 0)
        job->start = bench_now();
    else
        job->right += cadre_body(m, question)->number == job->right + 1;
    if (job->right < job->n)
        return ask(self, me, NULL);
    job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class thens = {.name = "then",
                                  .state_size = sizeof(struct client),
                                  .start = start,
                                  .receive = then};

static int await(cadre_self *self, void *state, cadre_msg *m)
{
    struct client *me = state;
    struct job *job = me->job;
    int err = 0;
    job->start = bench_now();
    while (job->right < job->n && err == 0) {
        cadre_token token;
        cadre_msg answer;
        err = ask(self, me, &token);
        if (err == 0)
            err = cadre_await(self, token, &answer);
        if (err == 0)
            job->right += cadre_body(&answer, question)->number == job->right + 1;
    }
    job->end = bench_now();
    return err ? err : CADRE_STOP;
}
static const cadre_class awaits = {.name = "await",
                                   .state_size = sizeof(struct client),
                                   .start = start,
                                   .receive = await};

/* size: 1: await. */
static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.n = n};
    int err = trial_run("await", setting->workers, setting->size ? &awaits : &thens,
                        &(struct client){.job = &job}, 2 * n + 1);
    *total = (double)(job.end - job.start);
    return err;
}

static int run_both(double *total, const void *arg, uint64_t n)
{
    struct plan_case setting = *(const struct plan_case *)arg;
    double without;
    setting.size = 0;
    int err = run(&without, &setting, n / 2);
    setting.size = 1;
    if (!err)
        err = run(total, &setting, n / 2);
    *total -= without;
    return err;
}

int main(int argc, char **argv)
{
    uint64_t questions = 1000000;
    struct plan plan = {0};
    struct bench bench = {.name = "await",
                          .question = "What does it cost that a handler waits?",
                          .method = "time from the first question to the last answer",
                          .repeat = 5,
                          .warmup = 1};
    const struct option_row own[] = {{"questions", "N", "questions per run", &questions,
                                      .min = 1, .max = 1000000000},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bench, own, argc, argv);
    struct bench_row row = {
        .name = "then", .operation = "round trip", .n = questions, .run = run};
    plan_sweep(&plan, &row, 0);
    row.name = "await";
    plan_sweep(&plan, &row, 1);
    row = (struct bench_row){.name = "change",
                             .operation = "suspension or resumption",
                             .n = 2 * questions,
                             .run = run_both};
    plan_sweep(&plan, &row, 0);
    return plan_run(&plan, &bench);
}
