/* urgent.c: messages that go before others. */
#include "actor/urgent.h"

/* While it ends all wait in one order for what becomes of them. */
static bool has_levels(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    return extras && extras->has_levels && cell_phase(cell) <= PHASE_RUNNING;
}

bool urgent_goes_first(const struct cell *cell, struct letter *letter)
{
    return has_levels(cell) && letter_is_urgent(letter);
}

void urgent_pick(struct cell *cell, struct inbox_node *before)
{
    struct fifo *mailbox = &cell->mailbox;
    struct inbox_node *last = plain_read(&mailbox->newest), *node;
    if (before == last || !has_levels(cell))
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
