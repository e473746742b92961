/* watching.h: who watches, and what it is told, for the tests of watches. */
#ifndef SUPPORT_WATCHING_H
#define SUPPORT_WATCHING_H

#include "support/asking.h"

#include <cadre/watch.h>

struct told {
    uint64_t token;
    cadre_ref who, from;
    int reason;
    cadre_time when;
};
enum { TOLD_MAX = 512 };
/* What the root was told, in order. */
extern struct news {
    uint32_t count;
    struct told list[TOLD_MAX];
} news;

/* A receive that notes a cadre_down, and passes all else to note_outcome. */
int note_down(cadre_self *self, void *state, cadre_msg *m);

/* As asking(), with a root that notes what it is told. */
void watching(void (*scene)(cadre_self *self), void (*judge)(void));

/* To be called in a scene. Returns the token. */
uint64_t watch_one(cadre_self *self, cadre_ref who);
/* A server, which ends as `finish` tells it. */
cadre_ref mortal(cadre_self *self);
void finish_one(cadre_self *self, cadre_ref who, int result);

/* Exactly one was told under this token: that this one has ended, for this reason. */
void assert_told(uint64_t token, cadre_ref who, int reason);
uint32_t times_told(uint64_t token);

#endif
