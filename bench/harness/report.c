/* report.c: what a benchmark found, as a table for people and as CSV for programs. */
#include "harness/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* From this foreign share on a figure is not worth comparing. */
#define BUSY_SHARE 0.06

static bool is_busy(const struct bench_row *row)
{
    return !row->result.skipped && row->result.foreign > BUSY_SHARE;
}

static double spread_percent(const struct bench_result *result)
{
    return 100 * (result->p75 - result->p25) / result->median;
}

static void print_row(const struct bench_row *row)
{
    const struct bench_result *result = &row->result;
    char what[96], rate[32] = "-", beside[128] = "";
    snprintf(what, sizeof what, "%s %s", row->name, row->params);
    if (result->skipped) {
        printf("%-42s skipped: this machine lacks CPUs or programs for it\n", what);
        return;
    }
    if (row->unit == BENCH_NS)
        snprintf(rate, sizeof rate, "%.2f", 1e3 / result->median);
    if (row->ideal && !row->ideal->result.skipped)
        snprintf(beside, sizeof beside, "  %.1f x %s",
                 result->median / row->ideal->result.median, row->ideal->name);
    printf("%-42s %10s %12.2f %12.2f %12.2f %6.1f %%%s%s\n", what, rate, result->median,
           result->min, result->max, spread_percent(result), beside,
           is_busy(row) ? "  busy" : "");
}

/* Above the rows up to the next one with another unit. */
static void print_heading(const struct bench_row *rows, size_t count)
{
    const char *unit = rows[0].unit == BENCH_NS ? "ns" : "bytes";
    const char *operation = rows[0].operation;
    char rate[32] = "", each[32];
    for (size_t i = 1; i < count && rows[i].unit == rows[0].unit; i++)
        if (strcmp(rows[i].operation, operation) != 0)
            operation = "operation";
    if (rows[0].unit == BENCH_NS)
        snprintf(rate, sizeof rate, "M %ss/s", operation);
    snprintf(each, sizeof each, "%s/%s", unit, operation);
    printf("\n%-34s %18s %12s %12s %12s %8s\n", "", rate, each, "min", "max", "spread");
}

static void print_busy(const struct bench_row *rows, size_t count)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++)
        if (is_busy(&rows[i]) && rows[i].result.foreign > worst)
            worst = rows[i].result.foreign;
    if (worst > 0)
        printf("\nbusy: others took up to %.0f %% of the CPU time; measure again on a "
               "quiet machine.\n",
               100 * worst);
}

void report_table(const struct bench *bench, const struct bench_row *rows, size_t count,
                  const struct machine *machine)
{
    char line[512];
    machine_line(line, sizeof line, machine);
    printf("%s: %s\n", bench->name, bench->question);
    printf("machine: %s\n", line);
    printf("method:  %s;\n         median of %" PRIu64
           " runs, rows in turn, after %" PRIu64
           " for warm-up, %s; spread: p75 - p25, of the median\n",
           bench->method, bench->repeat, bench->warmup,
           bench->pin ? "pinned" : "not pinned");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || rows[i].unit != rows[i - 1].unit)
            print_heading(&rows[i], count - i);
        print_row(&rows[i]);
    }
    print_busy(rows, count);
}

/* A field in quotes, as RFC 4180 has it. */
static void put_text(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    fputs("\",", file);
}

static void put_row(FILE *file, const char *when, const struct bench *bench,
                    const struct bench_row *row, const struct machine *machine)
{
    const struct bench_result *result = &row->result;
    fprintf(file, "%s,%s,", when, bench->name);
    put_text(file, row->name);
    put_text(file, row->params);
    fprintf(file, "%s/%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",",
            row->unit == BENCH_NS ? "ns" : "bytes", row->operation, row->n,
            bench->repeat, bench->warmup);
    fprintf(file, "%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,", result->median, result->p99,
            result->min, result->p25, result->p75, result->max);
    fprintf(file, "%.3f,%s,%s,", result->foreign, is_busy(row) ? "busy" : "quiet",
            bench->pin ? "pinned" : "free");
    put_text(file, machine->cpu);
    fprintf(file, "%u,%.2f,", machine->cpus, machine->quota);
    put_text(file, machine->kernel);
    put_text(file, machine->compiler);
    put_text(file, machine->governor);
    fprintf(file, "%.2f\n", machine->load);
}

int report_csv(const struct bench *bench, const struct bench_row *rows, size_t count,
               const struct machine *machine)
{
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    FILE *file = fopen(bench->csv, "ae");
    if (!file) {
        fprintf(stderr, "%s: %s: %s\n", bench->name, bench->csv, strerror(errno));
        return -1;
    }
    fseek(file, 0, SEEK_END);
    if (ftell(file) <= 0)
        fputs("time,bench,name,parameters,unit,n,repeat,warmup,median,p99,min,p25,p75,"
              "max,foreign,machine_state,pinning,cpu,cpus,quota,kernel,compiler,"
              "governor,load\n",
              file);
    for (size_t i = 0; i < count; i++)
        if (!rows[i].result.skipped)
            put_row(file, when, bench, &rows[i], machine);
    bool failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        fprintf(stderr, "%s: %s: writing failed\n", bench->name, bench->csv);
        return -1;
    }
    return 0;
}
