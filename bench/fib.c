/* fib.c: how many actors per second come and go in a recursive tree that computes a
 * Fibonacci number?
 *
 * An actor that is asked for fib(n) creates two, asks them for fib(n - 1) and fib(n - 2),
 * sends its parent the sum of their answers, and ends; those asked for fib(1) or fib(2)
 * answer at once. Savina's form: the question is a message of its own, so a life costs
 * two messages. Unlike skynet's, the tree is lopsided. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    uint64_t n;
} question;
typedef struct {
    uint64_t value;
} answer;
static CADRE_TYPE(question);
static CADRE_TYPE(answer);

struct node {
    uint64_t sum, answers;
};

static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static const cadre_class node = {
    .name = "node", .state_size = sizeof(struct node), .receive = node_receive};

/* Creates one that computes fib(n). */
static int ask(cadre_self *self, uint64_t n)
{
    cadre_ref child;
    int err = cadre_spawn(self, &child, &node, NULL);
    return err < 0 ? err : cadre_send(self, child, question, .n = n);
}

static int tell_parent(cadre_self *self, uint64_t value)
{
    int err = cadre_send(self, cadre_parent(self), answer, .value = value);
    return err < 0 ? err : CADRE_STOP;
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct node *me = state;
    const answer *a = cadre_body(m, answer);
    if (a) {
        me->sum += a->value;
        return ++me->answers < 2 ? 0 : tell_parent(self, me->sum);
    }
    const question *q = cadre_body(m, question);
    if (!q)
        return cadre_unhandled(self, m);
    if (q->n <= 2)
        return tell_parent(self, 1);
    int err = ask(self, q->n - 1);
    return err < 0 ? err : ask(self, q->n - 2);
}

/* What the main program lends the root. */
struct job {
    uint64_t index, value;
    int64_t start, end;
};

struct root {
    struct job *job;
};

static int root_start(cadre_self *self, void *state)
{
    struct job *job = ((struct root *)state)->job;
    job->start = bench_now();
    return ask(self, job->index);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = ((struct root *)state)->job;
    const answer *a = cadre_body(m, answer);
    if (!a)
        return cadre_unhandled(self, m);
    job->end = bench_now();
    job->value = a->value;
    return CADRE_STOP;
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct root),
                                 .start = root_start,
                                 .receive = root_receive};

static uint64_t fibonacci(uint64_t n)
{
    uint64_t value = 0, next = 1;
    for (; n > 0; n--) {
        uint64_t sum = value + next;
        value = next;
        next = sum;
    }
    return value;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.index = setting->size};
    /* Each actor is asked once, and answers once. */
    int err =
        trial_run("fib", setting->workers, &root, &(struct root){.job = &job}, 2 * n);
    if (err == 0 && job.value != fibonacci(job.index)) {
        fprintf(stderr, "fib: wrong result: fib(%" PRIu64 ") is not %" PRIu64 "\n",
                job.index, job.value);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t index = 28;
    struct plan plan = {0};
    struct bench bench = {
        .name = "fib",
        .question = "How many actors per second come and go in a Fibonacci tree?",
        .method = "time from just before the first spawn to the handling of the sum",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {{"n", "N",
                                      "which number; takes 2 fib(N) - 1 actors", &index,
                                      .min = 1, .max = 40},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bench, own, argc, argv);
    struct bench_row row = {
        .name = "fib", .operation = "actor", .n = 2 * fibonacci(index) - 1, .run = run};
    snprintf(row.params, sizeof row.params, "n=%" PRIu64, index);
    plan_sweep(&plan, &row, index);
    return plan_run(&plan, &bench);
}
