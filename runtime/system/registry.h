/* registry.h: which systems live: refuses freed ones and those left by a fork.
 *
 * The only state of the process, not of a system: a small table of pointers. It gives
 * each system the tag in its addresses, lets a call with a freed system be refused, and
 * tells the child of a fork, which has none of the threads, that its copies are dead. */
#ifndef SYSTEM_REGISTRY_H
#define SYSTEM_REGISTRY_H

#include "base/cc.h"

#include <cadre/system.h>

#include <stdint.h>

enum { REGISTRY_MAX = 255 };

/* *tag: 1..255, with the first generation that no address of a former system with this
 * tag has. *orphaned is set in the child of a fork. Returns 0 or -EMFILE. */
CC_MUST_CHECK int registry_add(cadre_system *system, bool *orphaned, uint64_t *tag,
                               uint32_t *generation);
/* generation: the first one that its addresses leave free. */
void registry_remove(uint64_t tag, uint32_t generation);

/* Any thread; async-signal safe. */
bool registry_has(const cadre_system *system);
/* The one with this tag, or NULL. The same; it lives while whoever asks is one of its
 * threads. */
cadre_system *registry_of(uint64_t tag);

/* Whatever else belongs to the process (signals) changes under the registry's lock; in
 * the child of a fork nobody holds it. */
void registry_lock(void);
void registry_unlock(void);

#endif
