/* inject.c: many producers, taken in batches (over ck_stack): work from outside. */
#include "queue/inject.h"

#include <stddef.h>

void inject_init(struct inject *q)
{
    ck_stack_init(&q->inbox);
    atomic_set(&q->taking, false);
    atomic_set(&q->oldest, NULL);
}

void inject_push(struct inject *q, struct inject_node *node)
{
    fence_release();
    ck_stack_push_upmc(&q->inbox, &node->link);
}

static ck_stack_entry_t *turned_over(ck_stack_entry_t *newest)
{
    ck_stack_entry_t *list = NULL;
    while (newest) {
        ck_stack_entry_t *older = newest->next;
        newest->next = list;
        list = newest;
        newest = older;
    }
    return list;
}

uint32_t inject_take(struct inject *q, struct inject_node **nodes, uint32_t max)
{
    if (inject_is_empty(q) || exchange_acquire(&q->taking, true))
        return 0;
    fence_seq(); /* whoever sees the inbox empty must see `taking`, on aarch64 too */
    ck_stack_entry_t *e = load_relaxed(&q->oldest); /* ours, under the lock */
    if (!e)
        e = turned_over(ck_stack_batch_pop_upmc(&q->inbox));
    uint32_t n = 0;
    for (; e && n < max; e = e->next)
        nodes[n++] = container_of(e, struct inject_node, link);
    store_relaxed(&q->oldest, e);
    store_release(&q->taking, false); /* pairs with the exchange above */
    return n;
}

bool inject_is_empty(const struct inject *q)
{
    /* In this order, because nodes move from the inbox to the list. While they do they
     * are in neither, but then somebody is taking. */
    return load_foreign(&q->inbox.head) == NULL && !load_acquire(&q->taking) &&
           load_acquire(&q->oldest) == NULL;
}
