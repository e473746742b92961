/* nudge.h: a message to oneself that there is something to do, one at a time.
 *
 * It is for nobody's sake, so what is started when it comes is not withdrawn with a
 * request. One that a limit of the actor's own mailbox has dropped counts no more: the
 * next one is sent. */
#ifndef ACTORS_NUDGE_H
#define ACTORS_NUDGE_H

#include <cadre/actor.h>

/* All zero until nudge_init(). */
struct nudge {
    cadre_buf *is_coming; /* shared with the message */
};
extern const cadre_type nudge_type;

/* Errors: -ENOMEM. */
CADRE_MUST_CHECK int nudge_init(struct nudge *nudge);
/* Sends it, unless one is on its way. Errors: cadre_send_as()'s. */
int nudge_send(cadre_self *self, const struct nudge *nudge);
/* This one has come: from here on another one may be sent. */
void nudge_came(const cadre_msg *m);
void nudge_fini(struct nudge *nudge);

#endif
