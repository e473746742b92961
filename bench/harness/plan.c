/* plan.c: the rows of a benchmark, each on one worker, on two, and on every CPU. */
#include "harness/plan.h"

#include "harness/machine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct option_row plan_option(struct plan *plan)
{
    return (struct option_row){"workers",
                               "W",
                               "threads",
                               &plan->workers,
                               .min = 1,
                               .max = 1024,
                               .otherwise = "1, then 2, then one for each CPU"};
}

static struct bench_row *add(struct plan *plan, const struct bench_row *row)
{
    assert(plan->count < PLAN_ROWS_MAX);
    plan->rows[plan->count] = *row;
    return &plan->rows[plan->count++];
}

const struct bench_row *plan_add(struct plan *plan, const struct bench_row *row)
{
    return add(plan, row);
}

static void add_case(struct plan *plan, const struct bench_row *row, uint64_t size,
                     uint32_t workers)
{
    struct plan_case *setting = &plan->cases[plan->count];
    struct bench_row *added = add(plan, row);
    *setting = (struct plan_case){size, workers};
    added->arg = setting;
    added->cpus = workers;
    size_t used = strlen(added->params);
    snprintf(added->params + used, sizeof added->params - used, "%sworkers=%" PRIu32,
             used > 0 ? " " : "", workers);
}

void plan_sweep(struct plan *plan, const struct bench_row *row, uint64_t size)
{
    struct machine machine;
    if (plan->workers > 0) {
        add_case(plan, row, size, (uint32_t)plan->workers);
        return;
    }
    machine_describe(&machine);
    add_case(plan, row, size, 1);
    add_case(plan, row, size, 2);
    if (machine.cpus > 2)
        add_case(plan, row, size, machine.cpus);
}

int plan_run(struct plan *plan, const struct bench *bench)
{
    return bench_run(bench, plan->rows, plan->count);
}
