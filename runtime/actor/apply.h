/* apply.h: functions called in an actor's turn.
 *
 * A call is an envelope like that of a message, of a type of its own.
 *
 * A raise is a call made ahead, and its letter is a part of it. One word says what it
 * is at: nothing, raised, freed by its user, or both. Raising sets a bit in it; whoever
 * finds that it was not set pushes the letter, nobody else. The turn that gets the
 * letter clears the bit before it makes the call, so a raise that comes while that runs
 * is a new one; and what was done before a raise that found the bit set is seen by the
 * call, because both change the word (a release sequence).
 *
 * Freed while raised it stays until its letter has come. One that comes to nobody,
 * because the workers have ended, stays in the world's list until the system is freed.
 *
 * A raise is counted when its letter arrives, as accepted and as what becomes of it:
 * where it is raised there is no counter that could be written.
 *
 *   operation    by whom                          allowed beside
 *   apply_raise  anybody, also a signal handler   apply_raise, apply_lower
 *   apply_free   its user, once, last             apply_lower
 *   apply_lower  the turn that has its letter     apply_raise, apply_free */
#ifndef ACTOR_APPLY_H
#define ACTOR_APPLY_H

#include "actor/self.h"

#include <cadre/apply.h>

/* The body of a call. */
struct applied {
    cadre_applied *fn;
    void *arg;
};
extern const cadre_type apply_type;

struct cadre_raise {
    struct letter letter; /* LETTER_RAISE; whoever raised it, then the receiver's */
    ATOMIC(uint32_t) state;
    struct world *world; /* this and what follows is constant */
    struct cell *cell;   /* NULL: there never was such an actor */
    struct applied call;
    struct list link; /* under the outside lock */
};

/* What handles an envelope of apply_type. */
int apply_receive(cadre_self *self, void *state, cadre_msg *m);

/* Errors: heap_get's. */
CC_MUST_CHECK int apply_new(struct cadre_raise **raise, struct world *world,
                            uint64_t who, struct applied call);
/* 0, -EALREADY, or -ESHUTDOWN: the system is stopping. Async-signal safe. */
int apply_raise(struct cadre_raise *raise);
void apply_free(struct cadre_raise *raise);

/* Its letter came: what is to be called. The raise may be gone afterwards. */
struct applied apply_lower(struct cadre_raise *raise);

/* No worker is left, and every raise was freed: those whose letters never came. */
void apply_fini(struct world *world);

#endif
