/* plan.h: the rows of a benchmark, each on one worker, on two, and on every CPU. */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include "harness/bench.h"

enum { PLAN_WORKERS_MAX = 3, PLAN_ROWS_MAX = 64 };

/* What the `run` of a row added by plan_sweep() gets as its argument. */
struct plan_case {
    uint64_t size; /* of whatever the benchmark varies: pairs, a round, a wave */
    uint32_t workers;
};

/* All zero at first. It holds what its rows point at, so it stays where it is. */
struct plan {
    uint64_t workers; /* what --workers says; 0: not given */
    size_t count;
    struct plan_case cases[PLAN_ROWS_MAX];
    struct bench_row rows[PLAN_ROWS_MAX];
};

/* The option --workers, for the benchmark's own table. */
struct option_row plan_option(struct plan *plan);

/* Adds a row that is about no runtime, such as a limit, and returns where it stands: to
 * be another row's ideal it is added first. */
const struct bench_row *plan_add(struct plan *plan, const struct bench_row *row);

/* Adds the row once for each number of workers, and " workers=W" to its parameters. */
void plan_sweep(struct plan *plan, const struct bench_row *row, uint64_t size);

/* bench_run() with these rows. */
int plan_run(struct plan *plan, const struct bench *bench);

/* The largest multiple of `unit` up to n. */
static inline uint64_t plan_whole(uint64_t n, uint64_t unit) { return n / unit * unit; }

#endif
