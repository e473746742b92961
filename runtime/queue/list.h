/* list.h: intrusive doubly linked list. A head and its links form a ring, so that a
 * link leaves without knowing its list. One thread at a time. */
#ifndef QUEUE_LIST_H
#define QUEUE_LIST_H

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }

static inline bool list_is_empty(const struct list *head) { return head->next == head; }

static inline void list_append(struct list *head, struct list *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

#endif
