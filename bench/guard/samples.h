/* samples.h: what the benchmarks of two trees wrote with --csv, row by row. */
#ifndef GUARD_SAMPLES_H
#define GUARD_SAMPLES_H

#include <stddef.h>

enum { ROWS_MAX = 64, ROUNDS_MAX = 1000 };
enum side { OLD, NEW, SIDES };

struct sample_row {
    char name[112]; /* "pingpong pairs=1 workers=2" */
    char unit[32];  /* "ns/message" */
    size_t rounds[SIDES];
    double values[SIDES][ROUNDS_MAX]; /* the medians that were written, in order */
    double foreign;                   /* the largest share of others in any run */
};

struct samples {
    size_t count;
    struct sample_row rows[ROWS_MAX];
};

/* Adds the file's lines. Rows that measure the machine and not the library, which have
 * another name than their benchmark, are left out. The heading says which column is
 * which, because the two trees may write different ones. Returns 0, or -1 with a line
 * on stderr. */
int samples_read(struct samples *samples, enum side side, const char *path);

#endif
