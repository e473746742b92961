/* raised.h: a call that was raised has come: it is made, or is a dead letter. */
#ifndef ACTOR_RAISED_H
#define ACTOR_RAISED_H

#include "actor/self.h"

struct cadre_raise;

/* Whatever has become of the actor: then it is a dead letter. */
void raised_came(struct cadre_self *self, struct cell *cell, struct cadre_raise *raise);

#endif
