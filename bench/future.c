/* future.c: how long does a thread wait for an actor's answer?
 *
 * A thread calls an actor and waits, again and again: cadre_call() and
 * cadre_future_wait(). Both the worker and the thread sleep in between; so beside it
 * stands what two threads need that wake each other by a bare futex, each once. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/future.h>

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    uint64_t number;
} question;
static CADRE_TYPE(question);

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    return q ? cadre_reply(self, m, question, .number = q->number + 1)
             : cadre_unhandled(self, m);
}
static const cadre_class server = {.name = "server", .receive = receive};

static int call(cadre_system *sys, uint64_t number)
{
    cadre_future *future;
    cadre_msg answer;
    int err = cadre_call(sys, &future, cadre_system_root(sys), question, number);
    if (err)
        return err;
    err = cadre_future_wait(future, 10 * CADRE_SECOND, &answer);
    const question *a = err ? NULL : cadre_body(&answer, question);
    if (!err && (!a || a->number != number + 1))
        err = -1;
    cadre_future_free(future);
    return err;
}

static int run_calls(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    cadre_system *sys;
    int err = cadre_system_new(&sys, &(cadre_config){.workers = setting->workers},
                               &server, NULL);
    if (err) {
        fprintf(stderr, "future: %s\n", cadre_strerror(err));
        return err;
    }
    int64_t start = bench_now();
    for (uint64_t i = 0; i < n && err == 0; i++)
        err = call(sys, i);
    *total = (double)(bench_now() - start);
    cadre_system_stop(sys);
    (void)cadre_system_wait(sys);
    (void)cadre_system_free(sys);
    if (err)
        fprintf(stderr, "future: a wrong answer, or none: %s\n", cadre_strerror(err));
    return err;
}

/* ---- the limit ---- */

static _Atomic uint32_t turn; /* odd: the other's */

static void pass(uint32_t to)
{
    atomic_store(&turn, to);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await(uint32_t mine)
{
    uint32_t now;
    while ((now = atomic_load(&turn)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void *echo(void *arg)
{
    uint64_t n = *(const uint64_t *)arg;
    for (uint32_t i = 0; i < n; i++) {
        await(2 * i + 1);
        pass(2 * i + 2);
    }
    return NULL;
}

static int run_futex(double *total, const void *arg, uint64_t n)
{
    pthread_t thread;
    atomic_store(&turn, 0);
    if (pthread_create(&thread, NULL, echo, &n) != 0)
        return -1;
    int64_t start = bench_now();
    for (uint32_t i = 0; i < n; i++) {
        pass(2 * i + 1);
        await(2 * i + 2);
    }
    *total = (double)(bench_now() - start);
    pthread_join(thread, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t calls = 50000;
    struct plan plan = {0};
    struct bench bench = {.name = "future",
                          .question =
                              "How long does a thread wait for an actor's answer?",
                          .method = "time from the first call to the last answer",
                          .repeat = 7,
                          .warmup = 1};
    const struct option_row own[] = {
        {"calls", "N", "calls per run", &calls, .min = 1, .max = 10000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (getenv("CADRE_SEED")) {
        fprintf(stderr,
                "future: CADRE_SEED is set, and a simulation is no measurement\n");
        return 1;
    }
    struct bench_row row = {.name = "futex",
                            .operation = "round trip",
                            .n = calls,
                            .cpus = 2,
                            .run = run_futex};
    row.ideal = plan_add(&plan, &row);
    row.name = "call and wait";
    row.run = run_calls;
    plan_sweep(&plan, &row, 0);
    return plan_run(&plan, &bench);
}
