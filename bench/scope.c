/* scope.c: what does fork and join in a handler cost, and how much faster is it on two
 * workers?
 *
 * The same source is compiled twice, with scopes and as its serial elision; both run in
 * the handler of one actor, with nobody else there. An empty task shows what a spawn and
 * a join cost; the others are trees and a loop that are cut off at pieces of some
 * microseconds. */
#include "harness/kernels.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIB_MAX = 45, MATMUL_MAX = 2048 };

/* What the options say. */
static struct {
    uint64_t fib, board, matrix, empty;
} setting = {35, 13, 512, 2000000};

static const uint64_t solutions[KERNEL_QUEENS_MAX] = {
    1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184};

static double *matrices[3]; /* a, b, and their product */

static void make_matrices(void)
{
    size_t n = setting.matrix, count = n * n;
    for (int m = 0; m < 3; m++) {
        matrices[m] = malloc(count * sizeof(double));
        if (!matrices[m])
            abort();
        for (size_t i = 0; i < count; i++)
            matrices[m][i] = m < 2 ? (double)((i * 7 + (size_t)m) % 5) - 2 : 0;
    }
}

static int matmul(cadre_self *self, bool serially, uint64_t n, uint64_t *result)
{
    struct kernel_matrices m = {n, matrices[0], matrices[1], matrices[2]};
    int err = serially ? kernel_matmul_serially(self, &m) : kernel_matmul(self, &m);
    double sum = 0; /* of integers, and so exact */
    for (size_t i = 0; i < n * n; i++)
        sum += m.c[i] * (double)(1 + i % 3);
    *result = (uint64_t)(int64_t)sum;
    return err;
}

static int matmul_forked(cadre_self *self, uint64_t n, uint64_t *result)
{
    return matmul(self, false, n, result);
}

static int matmul_serially(cadre_self *self, uint64_t n, uint64_t *result)
{
    return matmul(self, true, n, result);
}

/* What the product must sum up to, in another order of loops. */
static uint64_t matmul_expected(uint64_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++)
                sum += matrices[0][i * n + k] * matrices[1][k * n + j] *
                       (double)(1 + (i * n + j) % 3);
    return (uint64_t)(int64_t)sum;
}

static uint64_t fib_expected(uint64_t n)
{
    uint64_t a = 0, b = 1;
    for (; n > 0; n--) {
        uint64_t next = a + b;
        a = b;
        b = next;
    }
    return a;
}

static uint64_t queens_expected(uint64_t board) { return solutions[board]; }
static uint64_t same(uint64_t n) { return n; }

static const struct kernel {
    const char *name, *elision, *operation;
    int (*forked)(cadre_self *self, uint64_t size, uint64_t *result);
    int (*serially)(cadre_self *self, uint64_t size, uint64_t *result);
    uint64_t (*expected)(uint64_t size);
    uint64_t *size;
} kernels[] = {{"empty task", "empty call", "task", kernel_empty, kernel_empty_serially,
                same, &setting.empty},
               {"fib", "fib serially", "run", kernel_fib, kernel_fib_serially,
                fib_expected, &setting.fib},
               {"queens", "queens serially", "run", kernel_queens,
                kernel_queens_serially, queens_expected, &setting.board},
               {"matmul", "matmul serially", "run", matmul_forked, matmul_serially,
                matmul_expected, &setting.matrix}};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* What the main program lends the root. */
struct job {
    int (*run)(cadre_self *self, uint64_t size, uint64_t *result);
    uint64_t size, result;
    int64_t start, end;
};

struct root {
    struct job *job;
};

static int root_start(cadre_self *self, void *state)
{
    struct job *job = ((struct root *)state)->job;
    job->start = bench_now();
    int err = job->run(self, job->size, &job->result);
    job->end = bench_now();
    return err < 0 ? err : CADRE_STOP;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct root),
                                 .start = root_start,
                                 .receive = root_receive};

static int measure(double *total, uint64_t kernel, uint32_t workers)
{
    const struct kernel *k = &kernels[kernel];
    struct job job = {.run = workers ? k->forked : k->serially, .size = *k->size};
    int err = trial_run("scope", workers ? workers : 1, &root,
                        &(struct root){.job = &job}, 0);
    *total = (double)(job.end - job.start);
    if (err == 0 && job.result != k->expected(job.size)) {
        fprintf(stderr, "scope: wrong result: %s gave %" PRIu64 "\n", k->name,
                job.result);
        err = -1;
    }
    return err;
}

static int run_forked(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *c = arg;
    return measure(total, c->size, c->workers);
}

static int run_serially(double *total, const void *arg, uint64_t n)
{
    return measure(total, (uint64_t)((const struct kernel *)arg - kernels), 0);
}

static void add_kernel(struct plan *plan, uint64_t i)
{
    const struct kernel *k = &kernels[i];
    struct bench_row row = {.name = k->elision,
                            .operation = k->operation,
                            .n = k->serially == kernel_empty_serially ? *k->size : 1,
                            .cpus = 1,
                            .run = run_serially,
                            .arg = k};
    snprintf(row.params, sizeof row.params, "size=%" PRIu64, *k->size);
    row.ideal = plan_add(plan, &row);
    row.name = k->name;
    row.run = run_forked;
    plan_sweep(plan, &row, i);
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    struct bench bench = {
        .name = "scope",
        .question = "What does fork and join in a handler cost, and gain?",
        .method = "time within the handler, from before the scope to after its join",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"fib", "N", "which Fibonacci number", &setting.fib, .min = 1, .max = FIB_MAX},
        {"board", "B", "queens", &setting.board, .min = 4,
         .max = KERNEL_QUEENS_MAX - 1},
        {"matrix", "N", "rows and columns", &setting.matrix, .min = 1,
         .max = MATMUL_MAX},
        {"empty", "N", "empty tasks", &setting.empty, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    make_matrices();
    for (uint64_t i = 0; i < KERNELS; i++)
        add_kernel(&plan, i);
    return plan_run(&plan, &bench);
}
