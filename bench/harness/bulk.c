/* bulk.c: the main of benchmarks that send one way and in bulk. */
#include "harness/bulk.h"

#include "harness/limits.h"

#include <inttypes.h>
#include <stdio.h>

static void add_rows(struct plan *plan, const struct bulk *bulk, uint64_t messages,
                     uint64_t round)
{
    uint64_t all = plan_whole(messages, bulk->unit);
    round = plan_whole(round < messages ? round : messages, bulk->unit);
    struct bench_row row = {.name = "filled and walked list",
                            .operation = "message",
                            .n = all,
                            .cpus = 1,
                            .run = limits_list};
    snprintf(row.params, sizeof row.params, "nodes=%" PRIu64, all);
    row.ideal = plan_add(plan, &row);
    row.name = bulk->queued;
    row.run = bulk->run;
    row.params[0] = '\0';
    plan_sweep(plan, &row, all);
    row.ideal = NULL;
    row.name = bulk->rounds;
    row.n = plan_whole(messages, round);
    snprintf(row.params, sizeof row.params, "round=%" PRIu64, round);
    plan_sweep(plan, &row, round);
}

int bulk_main(struct bulk *bulk, int argc, char **argv)
{
    uint64_t messages = 5000000, round = 10000;
    struct plan plan = {0};
    const struct option_row own[] = {{"messages", "N", "messages per run", &messages,
                                      .min = bulk->unit, .max = 1000000000},
                                     {"round", "N", "messages in a round", &round,
                                      .min = bulk->unit, .max = 1000000000},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bulk->bench, own, argc, argv);
    add_rows(&plan, bulk, messages, round);
    return plan_run(&plan, &bulk->bench);
}
