/* compare.c: is the new tree slower than the old one?
 *
 * usage: compare OLD.csv NEW.csv OLD-NAME NEW-NAME
 *
 * Exits with 1 when a row is slower: when the interval of its ratio lies wholly above
 * 1.03. 2: the files are not what two trees wrote in turn. */
#include "guard/ratio.h"
#include "guard/samples.h"
#include "harness/machine.h"

#include <stdbool.h>
#include <stdio.h>

#define LIMIT 1.03
#define BUSY_SHARE 0.05

static struct samples samples; /* a megabyte: too large for the stack */

static void print_heading(char **names)
{
    char line[512];
    struct machine machine;
    machine_describe(&machine);
    machine_line(line, sizeof line, &machine);
    printf("bench-guard: what costs more than before?\n"
           "old:     %s\n"
           "new:     %s\n"
           "machine: %s\n"
           "method:  each program of both trees in turn, old new old new, pinned, one "
           "run for warm-up and\n"
           "         one that counts in each process; ratio: median of the new ones / "
           "of the old ones, with\n"
           "         its 95 %% interval (bootstrap over the rounds, %d draws, fixed "
           "seed); slower: the interval\n"
           "         lies wholly above %.2f, faster: wholly below %.2f\n\n",
           names[0], names[1], line, RESAMPLES, LIMIT, 1 / LIMIT);
    printf("%-30s %-12s %6s %9s %9s %7s %16s\n", "", "unit", "rounds", "old", "new",
           "ratio", "95 % interval");
}

/* Returns 1 when the row is slower, 0 when not, -1 when it cannot be compared. */
static int print_row(const struct sample_row *row)
{
    struct ratio ratio;
    if (row->rounds[OLD] == 0 || row->rounds[NEW] == 0) {
        printf("%-30s only in the %s tree\n", row->name,
               row->rounds[OLD] ? "old" : "new");
        return 0;
    }
    if (row->rounds[OLD] != row->rounds[NEW]) {
        fprintf(stderr, "%s: %zu rounds of the old tree, %zu of the new one\n",
                row->name, row->rounds[OLD], row->rounds[NEW]);
        return -1;
    }
    if (ratio_of(&ratio, row->values[OLD], row->values[NEW], row->rounds[OLD])) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    bool slower = ratio.low > LIMIT, faster = ratio.high < 1 / LIMIT;
    printf("%-30s %-12s %6zu %9.2f %9.2f %7.3f   %6.3f - %5.3f%s%s\n", row->name,
           row->unit, row->rounds[OLD], ratio.old_median, ratio.new_median, ratio.ratio,
           ratio.low, ratio.high,
           slower   ? "  slower"
           : faster ? "  faster"
                    : "",
           row->foreign > BUSY_SHARE ? "  busy" : "");
    return slower;
}

int main(int argc, char **argv)
{
    int slower = 0;
    double worst = 0;
    if (argc != 5) {
        fprintf(stderr, "usage: compare OLD.csv NEW.csv OLD-NAME NEW-NAME\n");
        return 2;
    }
    if (samples_read(&samples, OLD, argv[1]) || samples_read(&samples, NEW, argv[2]))
        return 2;
    if (samples.count == 0) {
        fprintf(stderr, "%s and %s: no row of a benchmark\n", argv[1], argv[2]);
        return 2;
    }
    print_heading(argv + 3);
    for (size_t i = 0; i < samples.count; i++) {
        int result = print_row(&samples.rows[i]);
        if (result < 0)
            return 2;
        slower += result;
        if (samples.rows[i].foreign > worst)
            worst = samples.rows[i].foreign;
    }
    if (worst > BUSY_SHARE)
        printf("\nbusy: others took up to %.0f %% of the CPU time in a run.\n",
               100 * worst);
    printf("\n%d of %zu slower\n", slower, samples.count);
    return slower > 0;
}
