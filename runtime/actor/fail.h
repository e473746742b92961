/* fail.h: to fail with words: the report of a failure. */
#ifndef ACTOR_FAIL_H
#define ACTOR_FAIL_H

#include "actor/extras.h"

/* The running actor is about to fail: to the log, with what is still there of it. type:
 * of the message that it fails on, and who sent that; NULL: at its start, or in a
 * step. */
void fail_report(struct cadre_self *self, const cadre_type *type, uint64_t from,
                 int reason) CC_COLD;
/* What it has noted, if that goes with this reason; NULL: nothing. */
const char *fail_words(const struct cadre_self *self, int reason);
/* A callback has returned this: what was noted for another code is forgotten. */
void fail_forget(struct cadre_self *self, int result);

#endif
