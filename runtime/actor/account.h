/* account.h: what an actor uses, and what becomes of it when that is too much. */
#ifndef ACTOR_ACCOUNT_H
#define ACTOR_ACCOUNT_H

#include "actor/extras.h"
#include "actor/usage.h"

/* 0, -EINVAL. budget may be NULL. */
int account_check(struct world *world, const cadre_budget *budget);

/* Errors: pool_get's. */
CC_MUST_CHECK int account_new(struct cadre_self *self, struct account **account,
                              const cadre_budget *budget);
/* There will be no actor. NULL is fine. */
void account_discard(struct cadre_self *self, struct account *account);
/* It is this one's, which does not run yet, and has extras. From now on others see it. */
void account_open(struct cadre_self *self, struct cell *cell, struct account *account);
/* It begins again: its receive is the class's. */
void account_restart(struct cell *cell, struct account *account);
/* It has ended, for good. NULL is fine. */
void account_close(struct cadre_self *self, struct account *account);

/* What it says. Any thread, under the lock. */
cadre_usage account_usage(const struct account *account);

/* A callback has returned: has it got too much memory? */
void account_obey_memory(struct cadre_self *self, struct account *account);

#endif
