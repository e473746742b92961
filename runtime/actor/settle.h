/* settle.h: a callback has returned: what becomes of the message, and of the actor. */
#ifndef ACTOR_SETTLE_H
#define ACTOR_SETTLE_H

#include "actor/envelope.h"
#include "actor/self.h"

/* What a callback may return, or -EINVAL. */
int settle_check(struct cadre_self *self, int result);
/* What any callback has left behind is put in order. Returns what it may return. */
int settle_callback(struct cadre_self *self, int result);
/* What start or receive returned. type: of the message in hand, and who sent it; NULL at
 * the start. */
void settle_result(struct cadre_self *self, const cadre_type *type, uint64_t from,
                   int result);
/* A message that was not just handled: its fate, and what receive returned. from: in the
 * envelope, which may be somebody else's by now. */
void settle_message(struct cadre_self *self, struct envelope *e, const cadre_type *type,
                    uint64_t from, int result);
/* In a simulation, or when messages are to be noted, or in a process of its own. The
 * message may be free already. */
void settle_trace(struct cadre_self *self, const struct envelope *e, uint64_t from,
                  const cadre_type *type, int result);

/* In a debug build: has the callback left the thread as it found it? */
void settle_check_thread(struct cadre_self *self, const struct thread_state *before);

#endif
