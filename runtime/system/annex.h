/* annex.h: the processes of isolated actors, and what runs in them. */
#ifndef SYSTEM_ANNEX_H
#define SYSTEM_ANNEX_H

#include "system/system.h"

/* Puts a system together, and starts it: assemble's, which knows of us. */
typedef int annex_assemble(cadre_system **sys, const struct settings *settings,
                           struct heap *heap, const cadre_class *class,
                           const void *init);

/* From here on actors can be isolated, if the settings want that. Before the workers
 * have threads. Errors: isolation_init's, heap_get's. */
CC_MUST_CHECK int annex_open(cadre_system *sys, annex_assemble *assemble);
/* There are no such actors any more, and no threads. */
void annex_close(cadre_system *sys);

#endif
