/* burst.h: changes that were not told yet: those of one file that belong together are
 * one. In order, all zero: none. */
#ifndef ACTORS_IO_BURST_H
#define ACTORS_IO_BURST_H

#include "../rows.h"

#include <cadre/actors/changes.h>

#include <sys/inotify.h>

enum { BURST_MAX = 256 };

struct burst {
    struct rows rows; /* of struct burst_row */
    bool lost;        /* some are missing: said before these */
    bool gone;        /* the folder: said after these */
};
struct burst_row {
    cadre_change change;
    uint32_t cookie; /* moved away, and it is not known yet where to; or 0 */
};

/* What the kernel has told. name: the only one that counts; "": all do. */
void burst_add(struct burst *burst, const char *name, const struct inotify_event *e);
static inline bool burst_is_full(const struct burst *burst)
{
    return burst->rows.count >= BURST_MAX;
}
/* Is there anything to be told? */
static inline bool burst_waits(const struct burst *burst)
{
    return burst->rows.count > 0 || burst->lost || burst->gone;
}
/* Is the last of them moved away, and the next one says where to? */
bool burst_ends_in_move(const struct burst *burst);
/* As it is to be told; where one name counts, false: nobody cares. */
CADRE_MUST_CHECK bool burst_finish(cadre_change *change, const char *name);

static inline cadre_change *burst_at(const struct burst *burst, uint32_t i)
{
    struct burst_row *row = rows_at(&burst->rows, sizeof *row, i);
    return &row->change;
}

#endif
