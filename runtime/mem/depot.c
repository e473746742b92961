/* depot.c: where pools leave blocks for each other, and how memory goes back. */
#include "mem/depot.h"

enum { ABREAST = 8 }; /* chains sorted at a time */

void pool_depot_init(struct pool_depot *depot, struct heap *heap)
{
    depot->heap = heap;
    ck_stack_init(&depot->mixed);
    atomic_set(&depot->spare, 0);
    atomic_set(&depot->held, 0);
    for (unsigned c = 0; c < POOL_CLASSES; c++) {
        struct depot_class *d = &depot->classes[c];
        ck_stack_init(&d->inbox);
        ck_stack_init(&d->newcomers);
        atomic_set(&d->slab_count, 0);
        atomic_set(&d->taken, false);
        atomic_set(&d->stocked, false);
        d->chains = NULL;
        d->loose = NULL;
        d->slabs.root = NULL;
        list_init(&d->partial);
    }
}

/* ---- slabs come and go ---- */

static uint32_t blocks_in(struct slab *slab, unsigned class)
{
    return class == POOL_CLASSES
               ? 0
               : (uint32_t)((size_t)(slab_end(slab) - slab_start(slab)) /
                            pool_size_of(class));
}

int pool_depot_slab(struct pool_depot *depot, unsigned class, struct slab **slab)
{
    void *p;
    int err = heap_get_pages(depot->heap, &p, SLAB_SIZE);
    if (err)
        return err;
    struct slab *s = *slab = p;
    s->free = NULL;
    s->home = 0;
    s->blocks = blocks_in(s, class);
    if (class == POOL_CLASSES) {
        ck_stack_push_upmc(&depot->mixed, &s->link);
        return 0;
    }
    struct depot_class *d = &depot->classes[class];
    fetch_add_relaxed(&d->slab_count, 1); /* relaxed: numbers, which order nothing */
    fetch_add_relaxed(&depot->held, SLAB_SIZE);
    /* Before the first of its blocks can come back: whoever has that one sees it. */
    ck_stack_push_upmc(&d->newcomers, &s->link);
    return 0;
}

static void free_slab(struct pool_depot *depot, struct slab *slab)
{
    mem_unpoison(slab, SLAB_SIZE);
    heap_put_pages(depot->heap, slab, SLAB_SIZE);
}

/* Those that were emptied, linked; returns how many. */
static int release(struct pool_depot *depot, unsigned class, struct slab *empty)
{
    int n = 0;
    for (; empty; n++) {
        struct slab *next = empty->under[0];
        int64_t bytes = (int64_t)(empty->blocks * pool_size_of(class));
        free_slab(depot, empty);
        /* Relaxed: numbers. */
        fetch_add_relaxed(&depot->classes[class].slab_count, -1);
        fetch_add_relaxed(&depot->spare, -bytes);
        fetch_add_relaxed(&depot->held, -(int64_t)SLAB_SIZE);
        empty = next;
    }
    if (n > 0)
        (void)heap_tidy(depot->heap, true);
    return n;
}

/* Under the lock. */
static void admit_newcomers(struct depot_class *d)
{
    if (!load_foreign(&d->newcomers.head))
        return;
    ck_stack_entry_t *e = ck_stack_batch_pop_upmc(&d->newcomers);
    while (e) {
        struct slab *slab = container_of(e, struct slab, link);
        e = e->next;
        slab_tree_add(&d->slabs, slab);
    }
}

void pool_depot_fini(struct pool_depot *depot)
{
    for (unsigned c = 0; c < POOL_CLASSES; c++) {
        struct depot_class *d = &depot->classes[c];
        admit_newcomers(d);
        while (d->slabs.root) {
            struct slab *slab = d->slabs.root;
            slab_tree_remove(&d->slabs, slab);
            free_slab(depot, slab);
        }
    }
    ck_stack_entry_t *e = ck_stack_batch_pop_upmc(&depot->mixed);
    while (e) {
        struct slab *slab = container_of(e, struct slab, link);
        e = e->next;
        free_slab(depot, slab);
    }
}

/* ---- the lock of a class ---- */

static bool try_lock(struct depot_class *d)
{
    return !exchange_acquire(&d->taken, true);
}

static void unlock(struct depot_class *d)
{
    /* Relaxed: a hint. */
    store_relaxed(&d->stocked, d->chains || d->loose || !list_is_empty(&d->partial));
    store_release(&d->taken, false); /* pairs with the exchange in try_lock */
}

/* Under the lock: a chain, newest first, or NULL. */
static struct pool_block *next_chain(struct depot_class *d)
{
    ck_stack_entry_t *e = plain_read(&d->chains);
    if (!e && load_foreign(&d->inbox.head))
        e = ck_stack_batch_pop_upmc(&d->inbox);
    if (!e)
        return NULL;
    plain_write(&d->chains, e->next);
    return container_of(e, struct pool_block, chain);
}

/* ---- give and take ---- */

void pool_depot_give(struct pool_depot *depot, unsigned class, struct pool_block *list)
{
    fence_release();
    ck_stack_push_upmc(&depot->classes[class].inbox, &list->chain);
}

/* Up to a chain's length off the front of a list, and how many those are. */
static struct pool_block *cut_off(struct pool_block **list, uint32_t *n)
{
    struct pool_block *first = *list, *last = first;
    for (*n = 1; *n < POOL_CHAIN && plain_read(&last->next); ++*n)
        last = last->next;
    *list = last->next;
    plain_write(&last->next, NULL);
    return first;
}

/* Under the lock. From one slab while it lasts, so that others can become complete. */
static struct pool_block *take_sorted(struct depot_class *d)
{
    uint32_t n;
    if (d->loose)
        return cut_off(&d->loose, &n);
    if (list_is_empty(&d->partial))
        return NULL;
    struct slab *slab = container_of(d->partial.next, struct slab, partial);
    struct pool_block *list = cut_off(&slab->free, &n);
    slab->home -= n;
    if (slab->home == 0)
        list_remove(&slab->partial);
    return list;
}

struct pool_block *pool_depot_take(struct pool_depot *depot, unsigned class)
{
    struct depot_class *d = &depot->classes[class];
    /* Relaxed: a hint; whoever misses a chain cuts new blocks. */
    if (!load_foreign(&d->inbox.head) && !load_relaxed(&d->stocked))
        return NULL;
    if (!try_lock(d))
        return NULL;
    struct pool_block *list = next_chain(d);
    if (!list)
        list = take_sorted(d);
    unlock(d);
    return list;
}

/* ---- sorting ---- */

/* Under the lock: this block comes home. Slabs that are complete leave for *empty. */
static void bring_home(struct depot_class *d, struct slab *slab, struct pool_block *b,
                       struct slab **empty)
{
    plain_write(&b->next, slab->free);
    slab->free = b;
    if (slab->home++ == 0)
        list_append(&d->partial, &slab->partial);
    if (slab->home < slab->blocks)
        return;
    list_remove(&slab->partial);
    slab_tree_remove(&d->slabs, slab);
    slab->under[0] = *empty;
    *empty = slab;
}

/* The way along a chain. */
struct walk {
    struct pool_block *at;
    struct slab *slab; /* of the last one: neighbours are likely */
};

/* Under the lock. */
static void sort_next(struct depot_class *d, struct walk *w, struct slab **empty)
{
    struct pool_block *b = w->at;
    w->at = plain_read(&b->next);
    if (!w->slab || !slab_has(w->slab, b))
        w->slab = slab_tree_find(&d->slabs, b);
    if (w->slab) {
        bring_home(d, w->slab, b, empty);
    } else {
        plain_write(&b->next, d->loose);
        d->loose = b;
    }
}

/* Under the lock. Some chains side by side: each step along one waits for memory.
 * Returns how many blocks they were. */
static int sort_chains(struct depot_class *d, struct slab **empty)
{
    struct walk walks[ABREAST];
    struct pool_block *chain;
    int chains = 0, blocks = 0;
    while (chains < ABREAST && (chain = next_chain(d)))
        walks[chains++] = (struct walk){.at = chain};
    /* With the chains in hand: their slabs are among these, or known. */
    admit_newcomers(d);
    for (int before = -1; blocks > before;) {
        before = blocks;
        for (int i = 0; i < chains; i++)
            if (walks[i].at) {
                sort_next(d, &walks[i], empty);
                blocks++;
            }
    }
    return blocks;
}

bool pool_depot_sort(struct pool_depot *depot, unsigned class, int *budget)
{
    struct depot_class *d = &depot->classes[class];
    /* Relaxed: whoever has a block of a slab, or has given it, knows of the slab. */
    if (load_relaxed(&d->slab_count) == 0)
        return true;
    while (*budget > 0) {
        struct slab *empty = NULL;
        if (!try_lock(d))
            return false;
        int blocks = sort_chains(d, &empty);
        unlock(d);
        if (blocks == 0)
            return true;
        *budget -= blocks + release(depot, class, empty) * DEPOT_RELEASE_COST;
    }
    return false;
}
