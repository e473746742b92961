/* family.c: who is whose child: a list through slots, half the size of pointers. */
#include "actor/family.h"

void family_add(const struct table *table, struct cell *parent, struct cell *child)
{
    struct cell *older = family_find(table, parent->family.child);
    child->family.older = parent->family.child;
    child->family.younger = SLOT_NONE;
    if (older)
        older->family.younger = cell_slot(child);
    parent->family.child = cell_slot(child);
}

void family_remove(const struct table *table, struct cell *child)
{
    const struct family *f = &child->family;
    struct cell *older = family_find(table, f->older);
    struct cell *younger = family_find(table, f->younger);
    if (older)
        older->family.younger = f->younger;
    if (younger)
        younger->family.older = f->older;
    else
        family_find(table, cell_parent(child))->family.child = f->older;
}
