/* region.h: pieces cut from huge pages, which go when they are whole again.
 *
 * A page of 4 KiB costs a fault of 1 to 10 us where the machine is a virtual one; one of
 * 2 MiB costs a quarter of what its 512 small ones do, or less. So whoever takes memory
 * in bursts takes it from here. A huge page of which a part is unmapped falls apart: when
 * each piece does so by itself that costs more than all the rest of a burst. So a piece
 * that is put is kept for the next one, and the region is unmapped when it has all of its
 * pieces back. Only when too many wait for that, pieces give their memory back alone:
 * see region_tidy. What is resident beyond that is the rest of the region that is cut.
 *
 * What is known about a region stands in a small page before it, so that a piece needs no
 * header and finds its region by its address.
 *
 *   operation    by whom  allowed beside
 *   region_cut   anybody  everything
 *   region_put   anybody  everything
 *   region_tidy  anybody  everything
 *
 * Where the kernel gives no huge pages, these are small ones; nothing else differs. */
#ifndef MEM_REGION_H
#define MEM_REGION_H

#include "base/atomic.h"
#include "queue/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    REGION_SIZE = 2 << 20,   /* and alignment */
    REGION_PIECE = 64 << 10, /* a multiple of the page size, whatever it is */
    REGION_IDLE = 64         /* pieces: see region_tidy */
};

/* The regions of one heap. Under the lock. May be copied while it has none. */
struct regions {
    pthread_mutex_t lock;
    struct list *open; /* NULL, or the first of those that can be cut from, in a ring */
    unsigned used;     /* pieces that somebody has */
    ATOMIC(int64_t) idle; /* pieces that were put, and are resident; others look */
};

void regions_init(struct regions *regions);

/* REGION_PIECE bytes, or NULL. huge: if it takes a new region. *dirty: not zeroed. */
void *region_cut(struct regions *regions, bool huge, bool *dirty);
void region_put(struct regions *regions, void *piece);

/* Takes their memory from the idle pieces of one region, if there are more than
 * REGION_IDLE; busy: and more than are in use. True: there are still. */
bool region_tidy(struct regions *regions, bool busy);

#endif
