/* family.h: who is whose child: a list through slots, half the size of pointers.
 *
 * All of it is the parent's turn's. */
#ifndef ACTOR_FAMILY_H
#define ACTOR_FAMILY_H

#include "actor/table.h"

void family_add(const struct table *table, struct cell *parent, struct cell *child);
void family_remove(const struct table *table, struct cell *child);

/* The parent; NULL: it is the root. Its own children, youngest first. */
static inline struct cell *family_find(const struct table *table, uint32_t slot)
{
    return slot == SLOT_NONE ? NULL : table_find(table, slot);
}
static inline bool family_is_empty(const struct cell *parent)
{
    return parent->family.child == SLOT_NONE;
}

#endif
