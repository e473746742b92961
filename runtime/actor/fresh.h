/* fresh.h: memory for a message: what was just handled here, or the pool's.
 *
 * The memory of a message is kept when its handler has returned (self.h), and the next
 * one that is sent takes it, if it is of its size: so what goes to and fro passes by the
 * pool. There is never more than one at hand, of the pool's, and none while a worker
 * sleeps. */
#ifndef ACTOR_FRESH_H
#define ACTOR_FRESH_H

#include "actor/self.h"

#include <assert.h>

enum {
    FRESH_SMALL = 80
}; /* bytes of body: the pool's classes are linear up to there */
static_assert(sizeof(struct envelope) + FRESH_SMALL <= 128, "pool_place_of_small");

/* An envelope of this place, or NULL: there is none at hand, or no room for the one that
 * is. Calls nothing. */
static CC_INLINE struct envelope *fresh_take(struct cadre_self *self, uint32_t place)
{
    struct envelope *e = self->spent;
    if (likely(e)) {
        const uint32_t its = e->letter.place;
        if (unlikely(its != place) && !pool_has_room(&self->pool, its))
            return NULL;
        self->spent = NULL;
        if (likely(its == place))
            return e;
        (void)pool_put_at(&self->pool, e, its);
    }
    if (unlikely(!pool_has(pool_at(&self->pool, place))))
        return NULL;
    e = pool_take(&self->pool, place);
    e->letter.place = place;
    return e;
}

/* When there is none at hand, or it is larger than FRESH_SMALL. */
static CC_NOINLINE int fresh_get_slowly(struct cadre_self *self, struct envelope **e,
                                        size_t size)
{
    void *p = NULL;
    bool fits = size <= POOL_BLOCK_MAX;
    self_free_spent(self);
    self->pool.fills += !fits; /* a large one alone, as many small ones */
    unsigned class = fits ? pool_class_of(size) : POOL_CLASSES;
    int err = fits ? pool_get_class(&self->pool, &p, class)
                   : heap_get(&self->world->heap, &p, size);
    if (err)
        return err;
    *e = p;
    (*e)->letter.place = pool_place_of(class);
    return 0;
}

/* An envelope of so many bytes, which knows its place. Errors: pool_get's. */
CC_MUST_CHECK static CC_INLINE int fresh_get(struct cadre_self *self,
                                             struct envelope **e, size_t size)
{
    if (unlikely(size > sizeof(struct envelope) + FRESH_SMALL))
        return fresh_get_slowly(self, e, size);
    *e = fresh_take(self, pool_place_of_small((uint32_t)size));
    return likely(*e) ? 0 : fresh_get_slowly(self, e, size);
}

#endif
