/* uplink.h: an isolated actor's way out of its process.
 *
 * In there runs a system of one actor, which has the address that it has outside, so
 * that everybody it knows is somebody else: an address that leads nowhere here. What it
 * sends there goes out by the uplink. It is put together in memory and leaves together
 * with the word that the actor has handled the message in hand: what a handler has sent
 * that returned, is sent. */
#ifndef ACTOR_UPLINK_H
#define ACTOR_UPLINK_H

#include "actor/wire.h"

struct uplink {
    int fd;
    struct wire_out out;
    struct envelope *in_hand; /* the message that came last, until it is settled */
    bool failed;              /* it was not handled */
};

/* Can this message leave? What the body of one with a drop owns is in this process; but
 * an answer can, as a failure. Where there is no uplink, none need to. */
static inline bool uplink_carries(const struct uplink *uplink, struct envelope *e)
{
    return !uplink || !e->type->drop || letter_kind(&e->letter) == LETTER_ANSWER;
}
/* A message or a note leaves, in order with all others, and is freed. A message was
 * accepted, and is handled. */
void uplink_send(struct cadre_self *self, struct envelope *e, uint64_t to);
/* The same of a halt; nothing where there is no uplink. */
void uplink_halt(struct world *world, uint64_t who, unsigned halts, int reason);
void uplink_log(void *uplink, int level, const char *line);
/* Of no message: kind, code, token, and a text or NULL. */
void uplink_tell(struct uplink *uplink, enum wire_kind kind, int code, uint64_t token,
                 const char *text);

/* A callback is over; e: the message. */
void uplink_settled(struct uplink *uplink, const struct envelope *e, int result);

#endif
