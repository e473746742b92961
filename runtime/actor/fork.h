/* fork.h: scopes in handlers: where they may be used, and what was forgotten. */
#ifndef ACTOR_FORK_H
#define ACTOR_FORK_H

#include "actor/self.h"

/* A callback that has opened scopes has returned. */
void fork_end(struct cadre_self *self) CC_COLD;

/* The running callback is about to wait. False: it may not, because a scope of it is not
 * synced. */
bool fork_leave(struct cadre_self *self);

/* The worker whose handler or task may call this with this scope, itself or nested in it;
 * else NULL, and *err why. what: the function's name, for the log. */
struct worker *fork_worker_in(const struct scope *s, const char *what, int *err);

/* A mistake in a handler or a task. Returns err. */
int fork_misuse(int err, const char *what, const char *why) CC_COLD;
/* The mistake of who returned without having joined. */
void fork_report(const char *who) CC_COLD;

#endif
