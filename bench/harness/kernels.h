/* kernels.h: what scopes are measured with, compiled twice: with the functions of
 * <cadre/scope.h>, and as their serial elision. */
#ifndef HARNESS_KERNELS_H
#define HARNESS_KERNELS_H

#include <cadre/scope.h>

enum { KERNEL_FIB_CUTOFF = 16, KERNEL_QUEENS_DEPTH = 3, KERNEL_QUEENS_MAX = 16 };

struct kernel_matrices {
    size_t size;
    const double *a, *b;
    double *c;
};

/* What is done in a piece, in a file of its own, the same for both: where its loops
 * happen to lie, and what they are inlined into, matters more than scopes do. */
uint64_t kernel_fib_alone(uint64_t n);
uint64_t kernel_queens_alone(uint32_t all, uint32_t columns, uint32_t left,
                             uint32_t right);
void kernel_matmul_row(const struct kernel_matrices *m, size_t i);

/* Each returns 0 or negative. The second of a pair is the elision. */
int kernel_fib_serially(cadre_self *self, uint64_t n, uint64_t *result);
int kernel_queens_serially(cadre_self *self, uint64_t board, uint64_t *result);
int kernel_matmul_serially(cadre_self *self, const struct kernel_matrices *m);
int kernel_empty_serially(cadre_self *self, uint64_t n, uint64_t *result);

/* ---- fib ---- */

struct kernel_fib {
    uint64_t n, result;
};

static int kernel_fib_task(cadre_scope *in, void *arg)
{
    struct kernel_fib *me = arg;
    if (me->n <= KERNEL_FIB_CUTOFF) {
        me->result = kernel_fib_alone(me->n);
        return 0;
    }
    cadre_scope s;
    cadre_job job;
    struct kernel_fib one = {me->n - 1, 0}, two = {me->n - 2, 0};
    int err = cadre_scope_nest(in, &s);
    if (err < 0)
        return err;
    cadre_scope_spawn(&s, &job, kernel_fib_task, &one);
    err = kernel_fib_task(&s, &two);
    int joined = cadre_scope_sync(&s);
    me->result = one.result + two.result;
    return err < 0 ? err : joined;
}

static inline int kernel_fib(cadre_self *self, uint64_t n, uint64_t *result)
{
    cadre_scope s;
    cadre_job job;
    struct kernel_fib fib = {n, 0};
    int err = cadre_scope_open(self, &s);
    if (err < 0)
        return err;
    cadre_scope_spawn(&s, &job, kernel_fib_task, &fib);
    err = cadre_scope_sync(&s);
    *result = fib.result;
    return err;
}

/* ---- queens: a bit for each column and diagonal that is taken ---- */

struct kernel_queens {
    uint32_t all, columns, left, right;
    int depth;
    uint64_t result;
};

static int kernel_queens_task(cadre_scope *in, void *arg)
{
    struct kernel_queens *me = arg, next[KERNEL_QUEENS_MAX];
    if (me->depth == KERNEL_QUEENS_DEPTH) {
        me->result = kernel_queens_alone(me->all, me->columns, me->left, me->right);
        return 0;
    }
    cadre_scope s;
    cadre_job jobs[KERNEL_QUEENS_MAX];
    int count = 0, err = cadre_scope_nest(in, &s);
    if (err < 0)
        return err;
    for (uint32_t free = me->all & ~(me->columns | me->left | me->right); free;
         free &= free - 1) {
        uint32_t bit = free & (~free + 1);
        next[count] = (struct kernel_queens){me->all,
                                             me->columns | bit,
                                             (me->left | bit) << 1,
                                             (me->right | bit) >> 1,
                                             me->depth + 1,
                                             0};
        cadre_scope_spawn(&s, &jobs[count], kernel_queens_task, &next[count]);
        count++;
    }
    err = cadre_scope_sync(&s);
    me->result = 0;
    while (count-- > 0)
        me->result += next[count].result;
    return err;
}

static inline int kernel_queens(cadre_self *self, uint64_t board, uint64_t *result)
{
    cadre_scope s;
    cadre_job job;
    struct kernel_queens root = {.all = (UINT32_C(1) << board) - 1};
    int err = cadre_scope_open(self, &s);
    if (err < 0)
        return err;
    cadre_scope_spawn(&s, &job, kernel_queens_task, &root);
    err = cadre_scope_sync(&s);
    *result = root.result;
    return err;
}

/* ---- matrices ---- */

static int kernel_matmul_rows(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        kernel_matmul_row(arg, i);
    return 0;
}

static inline int kernel_matmul(cadre_self *self, const struct kernel_matrices *m)
{
    cadre_scope s;
    int err = cadre_scope_open(self, &s);
    return err < 0 ? err
                   : cadre_parallel_for(&s, 0, m->size, 0, kernel_matmul_rows,
                                        (void *)(uintptr_t)m);
}

/* ---- nothing ---- */

static int kernel_empty_task(cadre_scope *in, void *arg)
{
    ++*(uint64_t *)arg;
    return 0;
}

static inline int kernel_empty(cadre_self *self, uint64_t n, uint64_t *result)
{
    cadre_scope s;
    cadre_job job;
    int err = cadre_scope_open(self, &s);
    *result = 0;
    for (uint64_t i = 0; i < n && err == 0; i++) {
        cadre_scope_spawn(&s, &job, kernel_empty_task, result);
        err = cadre_scope_sync(&s);
    }
    return err;
}

#endif
