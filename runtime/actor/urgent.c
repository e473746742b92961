/* urgent.c: messages that go before others. */
#include "actor/urgent.h"

void urgent_pick(struct cell *cell, struct inbox_node *before)
{
    struct fifo *mailbox = &cell->mailbox;
    struct inbox_node *last = plain_read(&mailbox->newest), *node;
    if (before == last)
        return;
    before = before ? before : last; /* it is a ring */
    do {
        node = plain_read(&before->next);
        if (letter_is_urgent(letter_of(node))) {
            fifo_remove_behind(mailbox, before);
            fifo_append(&cell->extras->back, node);
        } else {
            before = node;
        }
    } while (node != last);
}
