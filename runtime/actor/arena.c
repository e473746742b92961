/* arena.c: memory that an actor owns until its end.
 *
 * A list of blocks, each with its place in the list before it, so that one can be given
 * back alone. Small ones are the pool's. */
#include "actor/arena.h"

#include "actor/usage.h"

#include <cadre/arena.h>

#include <errno.h>
#include <string.h>

enum { ALLOC_MAX = 1 << 30 };

struct owned {
    alignas(max_align_t) struct owned *next;
    struct owned **place; /* where the pointer to this one stands */
    size_t size;          /* of all of it */
};

static bool get_bytes(struct cadre_self *self, struct account *account, size_t size)
{
    bool may = account_get_bytes(account, size);
    if (account->over_bytes)
        self->more = true; /* the turn looks what is to be done about it */
    return may;
}

void *cadre_alloc(cadre_self *self, size_t size)
{
    void *p;
    if (self_check(self, "cadre_alloc") || size == 0 || size > ALLOC_MAX)
        return NULL;
    struct cell *cell = self_cell(self);
    size += sizeof(struct owned);
    if (extras_make(self, cell))
        return NULL;
    struct account *account = cell->extras->account;
    if (unlikely(account != NULL) && !get_bytes(self, account, size))
        return NULL;
    if (pool_get(&self->pool, &p, size)) {
        if (account)
            account_put_bytes(account, size);
        return NULL;
    }
    memset(p, 0, size);
    struct owned *o = p, **first = &cell->extras->owned;
    *o = (struct owned){*first, first, size};
    if (o->next)
        o->next->place = &o->next;
    *first = o;
    return o + 1;
}

static void put(struct cadre_self *self, struct owned *o)
{
    *o->place = o->next;
    if (o->next)
        o->next->place = o->place;
    if (unlikely(extras_account(self_cell(self)) != NULL))
        account_put_bytes(extras_account(self_cell(self)), o->size);
    pool_put(&self->pool, o, o->size);
}

void cadre_dealloc(cadre_self *self, void *p)
{
    if (p && !self_check(self, "cadre_dealloc"))
        put(self, (struct owned *)p - 1);
}

void arena_end(struct cadre_self *self, struct cell *cell)
{
    while (cell->extras->owned)
        put(self, cell->extras->owned);
}
