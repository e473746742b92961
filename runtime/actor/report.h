/* report.h: what the log says of a failure. */
#ifndef ACTOR_REPORT_H
#define ACTOR_REPORT_H

#include "actor/self.h"

/* The running actor is about to fail: to the log, with what is still there of it. type:
 * of the message that it fails on, and who sent that; NULL: at its start, or in a
 * step. */
void report_failure(struct cadre_self *self, const cadre_type *type, uint64_t from,
                    int reason) CC_COLD;

#endif
