/* fail.h: to fail with words. */
#ifndef ACTOR_FAIL_H
#define ACTOR_FAIL_H

#include "actor/extras.h"

/* What it has noted, if that goes with this reason; NULL: nothing. */
const char *fail_words(const struct cadre_self *self, int reason);
/* A callback has returned this: what was noted for another code is forgotten. */
void fail_forget_words(struct cadre_self *self, int result);
static inline void fail_forget(struct cadre_self *self, int result)
{
    if (unlikely(self->words.of))
        fail_forget_words(self, result);
}

#endif
