/* region.h: pieces cut from huge pages.
 *
 * A page of 4 KiB costs a fault of 1 to 2 us where the machine is a virtual one; one of
 * 2 MiB costs a quarter of what its 512 small ones do. So whoever takes memory in bursts
 * takes it from here. What is cut off is unmapped piece by piece, by whoever has it; what
 * is not cut yet is resident too, up to REGION_SIZE, once the first of it is touched.
 *
 *   operation     by whom  allowed beside
 *   region_cut    anybody  region_cut; NULL when another is cutting
 *   region_trim   anybody  the same; does nothing when another is cutting
 *
 * Where the kernel gives no huge pages, these are small ones; nothing else differs. */
#ifndef MEM_REGION_H
#define MEM_REGION_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    REGION_SIZE = 2 << 20,  /* and alignment */
    REGION_PIECE = 64 << 10 /* pieces are multiples: of the page size, whatever it is */
};

struct region {
    ATOMIC(bool) taken; /* set by exchange, cleared by whoever set it, to whom ... */
    char *next, *end;   /* ... these belong: not cut yet; NULL or mapped */
};

void region_init(struct region *region);
/* Unmaps what is not cut yet. */
void region_trim(struct region *region);

/* Zeroed, for munmap; or NULL: no such size, no memory, or not now. */
void *region_cut(struct region *region, size_t size);

#endif
