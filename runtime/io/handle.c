/* handle.c: a port with a loop's side. */
#include "io/handle.h"

void handle_init(struct handle *h, struct seat *seat,
                 void (*obey)(struct handle *handle, uint32_t commands),
                 void (*end)(struct handle *handle))
{
    h->seat = seat;
    h->obey = obey;
    h->end = end;
    bell_init(&h->commands);
    list_init(&h->link);
    h->is_closed = false;
}

void handle_command(struct handle *h, uint32_t commands)
{
    struct seat *seat = h->seat; /* it may be gone after the push */
    if (bell_ring(&h->commands, commands) && seat_push(seat, &h->node))
        seat_wake(seat);
}

void handle_abandon(struct port *port)
{
    handle_command(container_of(port, struct handle, port), HANDLE_END);
}

/* Nothing of it is on its way. */
static void forget(struct handle *h)
{
    list_remove(&h->link);
    handle_ring(h, PORT_CLOSED);
}

void handle_obey(struct handle *h)
{
    if (h->is_closed)
        forget(h);
    else
        h->obey(h, bell_answer(&h->commands));
}

void handle_closed(struct handle *h)
{
    h->is_closed = true;
    if (bell_ring(&h->commands, HANDLE_GONE)) /* else its node is on its way */
        forget(h);
}
