/* report.h: what a benchmark found, as a table for people and as CSV for programs. */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include "harness/bench.h"
#include "harness/machine.h"

/* The table, on stdout. */
void report_table(const struct bench *bench, const struct bench_row *rows, size_t count,
                  const struct machine *machine);
/* Appends one line per row to bench->csv; to a new file a heading first. Returns 0, or
 * -1 with a line on stderr. */
int report_csv(const struct bench *bench, const struct bench_row *rows, size_t count,
               const struct machine *machine);

#endif
