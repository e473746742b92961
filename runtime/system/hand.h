/* hand.h: the message that a worker has in hand, looked at from elsewhere.
 *
 * What a running actor has in hand is its own business: plain fields, and an envelope
 * that may be freed at any moment. The kernel reads it for us (base/peek), and we look
 * twice: when it is the same message before and after, so is the type. No message pays
 * for that. Any thread and signal handler. */
#ifndef SYSTEM_HAND_H
#define SYSTEM_HAND_H

#include "actor/self.h"

enum { HAND_NAME = 64 };

/* The name of its type. False: it has none in hand, or we cannot tell. */
bool hand_type(const struct cadre_self *self, const struct cell *cell,
               char name[HAND_NAME]);

#endif
