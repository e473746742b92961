/* handle.h: a port with a loop's side.
 *
 * That side is touched by whoever has the loop's seat and by nobody else. The owner's
 * side sends it commands, bits in a word, and is told news (actor/port.h).
 *
 * The end: the loop's side is closed; then it makes sure that no command is on its way:
 * HANDLE_GONE stays in the word, so who rings finds that it is no use; then it rings
 * PORT_CLOSED, and has forgotten the handle. Until then the handle is in the shard's
 * list, so that a shard that stops waits for its node, too. */
#ifndef IO_HANDLE_H
#define IO_HANDLE_H

#include "actor/port.h"
#include "io/seat.h"

enum {
    HANDLE_OPEN = 1,  /* the first command */
    HANDLE_END = 2,   /* nobody wants it any more */
    HANDLE_FIRST = 4, /* from here on they are its class's */
    HANDLE_GONE = 1 << 30
};

struct shard; /* io/shard */
struct handle {
    struct port port;
    struct seat *seat; /* constant, like the next three */
    struct shard *shard;
    void (*obey)(struct handle *handle, uint32_t commands);
    void (*end)(struct handle *handle); /* with the system; may come again */
    struct bell commands;
    struct inbox_node node; /* on its way while there are any */
    /* The loop's side's. */
    struct list link; /* of all in the shard */
    bool is_closed;
};

/* One that is made, by its maker. */
void handle_init(struct handle *handle, struct seat *seat,
                 void (*obey)(struct handle *handle, uint32_t commands),
                 void (*end)(struct handle *handle));
/* Any thread, as long as the port is there. */
void handle_command(struct handle *handle, uint32_t commands);
/* What the class of such a port has as `abort`. */
void handle_abandon(struct port *port);

/* By the loop's side: news for the owner; they are delivered when the loop has had its
 * turn (io/shard). */
void handle_ring(struct handle *handle, uint32_t news);
/* Its node came. */
void handle_obey(struct handle *handle);
/* It is closed, and not to be touched any more. */
void handle_closed(struct handle *handle);

#endif
