/* port.h: something outside that belongs to an actor: a socket, a file, a process.
 *
 * A port has two sides. One is its owner's: an operation in its table, whose token is the
 * port's id. The other is a driver's, which knows what is outside. The driver tells by
 * ringing: the port's own letter goes to the owner, in whose turn one message at a time
 * is made of the news. So nothing is allocated to tell, and an owner that is slow has one
 * letter waiting however much has happened.
 *
 * PORT_CLOSED is the last that a driver rings; from then on the port is the owner's
 * side's alone, which frees it. Nobody who owns a port ends before that: his end waits
 * for it as it does for children.
 *
 * A port comes to an actor by its letter: where there is no operation for it, one is
 * made. Where nobody lives who could have it, it is aborted. So it has an owner, or is on
 * its way to one, or is being aborted. A letter that comes to a former owner is passed
 * on.
 *
 *   operation        by whom
 *   make             anybody; it is the maker's until it is owned or rings
 *   own, find, give  the owner's turn
 *   ring             anybody until PORT_CLOSED, its driver once with that
 *
 * Drivers are libraries of their own: what they call has names that are exported, and no
 * public header. */
#ifndef ACTOR_PORT_H
#define ACTOR_PORT_H

#include "actor/op.h"
#include "queue/bell.h"

enum {
    PORT_CLOSED = 1 << 30,
    PORT_LOOK = 1 << 29, /* news are left, or it has come to another owner */
    PORT_OWN = PORT_CLOSED | PORT_LOOK
};

struct port;
struct port_class {
    const char *name;
    const cadre_type *closed; /* the last message; made ahead, so without drop */
    /* The owner's turn: the message of some of port->pending, whose bits it clears; NULL:
     * of none, and then it has cleared all of its own. */
    struct envelope *(*tell)(struct cadre_self *self, struct port *port);
    /* The owner's turn: what was told has been handled. NULL: no matter. */
    void (*told)(struct port *port);
    void (*tell_closed)(struct port *port, void *body);
    /* Nobody wants it any more. Any thread; may come again. */
    void (*abort)(struct port *port);
    void (*release)(struct port *port); /* ends with cadre_port_free */
};

struct port {
    struct letter letter; /* LETTER_OFFLOAD, and its place is LETTER_OF_PORT */
    struct bell bell;
    /* Of its owner, or whose it is to be; the owner's turn's, and others look. */
    ATOMIC(struct cell *) cell;
    ATOMIC(uint64_t) owner;         /* the address; written before `cell` */
    const struct port_class *class; /* constant, like the next two */
    struct world *world;
    size_t size;
    /* The owner's turn's. */
    uint64_t id;      /* its token; 0: it has had no owner yet */
    struct op *op;    /* NULL: it is on its way to its owner, or nobody wants it */
    uint32_t pending; /* news that were not told yet */
    bool unwanted;
    bool is_owed;    /* its former owner cannot end before it is closed */
    bool is_counted; /* while it is there the system is not quiet */
};

enum { LETTER_OF_CALL, LETTER_OF_PORT };
static inline bool letter_is_of_port(const struct letter *letter)
{
    return letter_kind(letter) == LETTER_OFFLOAD && letter->place == LETTER_OF_PORT;
}

/* It goes to another cell. True: its letter is the caller's, and is to go there; else it
 * is on its way to whom it was, or comes there by whoever rings. Only that letter keeps
 * the port from being closed there and freed. So the bell comes first, and the last
 * store is the last touch. */
static inline bool port_hand_over(struct port *port, struct cell *cell, uint64_t owner)
{
    bool has_letter = bell_ring(&port->bell, PORT_LOOK);
    store_relaxed(&port->owner, owner);
    store_release(&port->cell, cell); /* pairs with port_came's */
    return has_letter;
}

/* Its letter came. The message that comes of it, with the token; or NULL. */
struct envelope *port_came(struct cadre_self *self, struct letter *letter);
/* A message of that port was handled. */
void port_told(struct cadre_self *self, uint64_t id);
/* Does the letter concern nobody but the runtime? */
bool port_passes(const struct cell *cell, const struct letter *letter);

/* Do messages of this type come of ports? Known from the first port on. */
bool port_makes(struct world *world, const cadre_type *type);

/* All of them are closed, and their letters on their way. No actor is left. */
void port_stop(struct world *world);
/* The driver goes. */
void port_fini(struct world *world);

/* ---- for drivers ----------------------------------------------------------------- */

/* A driver knows structs of the core. So it asks for a name with the version in it: with
 * another version the loader refuses it. The value: how large a world is. */
#define PORT_NAMED(major, minor, patch) cadre_port_##major##_##minor##_##patch
#define PORT_NAME(major, minor, patch) PORT_NAMED(major, minor, patch)
#define port_version                                                                   \
    PORT_NAME(CADRE_VERSION_MAJOR, CADRE_VERSION_MINOR, CADRE_VERSION_PATCH)
CADRE_API extern const size_t port_version;

/* size: with what the driver has behind it, zeroed. Returns 0, -ENOMEM, CADRE_EFULL. */
CADRE_API CC_MUST_CHECK int cadre_port_make(struct world *world, struct port **port,
                                            size_t size,
                                            const struct port_class *class);
CADRE_API void cadre_port_free(struct port *port);
/* 0, or why this call may not be made (self_check_outer). */
CADRE_API CC_MUST_CHECK int cadre_port_check(const cadre_self *self, const char *what);
/* A mistake of the caller (world_misuse). Returns err. */
CADRE_API int cadre_port_misuse(struct world *world, int err, const char *fmt, ...)
    CC_PRINTF(3, 4) CC_COLD;
/* One line for the log. */
CADRE_API void cadre_port_log(struct world *world, int level, const char *fmt, ...)
    CC_PRINTF(3, 4) CC_COLD;

/* The running actor owns it now. Errors: -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending); the
 * port stays the caller's then. */
CADRE_API CC_MUST_CHECK int cadre_port_own(struct cadre_self *self, struct port *port);
/* It is to be owned by this actor: that is said before it first rings. False: that never
 * was one. */
CADRE_API bool cadre_port_address(struct port *port, uint64_t owner);
/* The running actor's port with this id and class, or NULL. */
CADRE_API struct port *cadre_port_find(const cadre_self *self, uint64_t id,
                                       const struct port_class *class);
/* It is on its way to another owner now. False: that is no actor of this system. */
CADRE_API CC_MUST_CHECK bool cadre_port_give(struct cadre_self *self, struct port *port,
                                             uint64_t to);
CADRE_API void cadre_port_ring(struct port *port, uint32_t news);
/* Its letter to its owner: by who has rung the bell. here: as in crew_wake. */
CADRE_API void cadre_port_deliver(struct port *port, struct worker *here);
/* A message for tell. Errors: -ENOMEM, CADRE_EFULL; the body is dropped then. */
CADRE_API CC_MUST_CHECK int cadre_port_message(struct cadre_self *self,
                                               struct envelope **envelope,
                                               const cadre_type *type,
                                               const void *body);
/* Memory of the system's heap. Any thread. Errors: -ENOMEM, CADRE_EFULL. */
CADRE_API CC_MUST_CHECK int cadre_port_get(struct world *world, void **p, size_t size);
CADRE_API void cadre_port_put(struct world *world, void *p, size_t size);
/* This worker is to sleep there (idle_offer). */
CADRE_API void cadre_port_offer(struct world *world, uint32_t worker, struct nap *nap);

#endif
