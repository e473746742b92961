/* open.h: a system that a test holds open while it does things from outside. */
#ifndef SUPPORT_OPEN_H
#define SUPPORT_OPEN_H

#include "support/support.h"

/* Starts a system with this root, simulated when the seed is not 0. Its log goes to
 * collect_line. */
cadre_system *open_system(uint32_t workers, uint64_t seed, const cadre_class *root);

/* Stops it, within a minute, and frees it; sets sums, which must add up. */
void close_system(cadre_system *sys);

#endif
