/* awaiting.h: actors whose receive a test writes, for the tests of handlers that wait. */
#ifndef SUPPORT_AWAITING_H
#define SUPPORT_AWAITING_H

#include "support/asking.h"

#include <cadre/await.h>

/* Handles every message with act. Its end is noted in `ends`. */
typedef struct {
    cadre_receive *act;
    uint32_t role;    /* the test's */
    cadre_ref friend; /* the test's */
    uint64_t sum;     /* the test's */
} player;
extern const cadre_class player_class;
cadre_ref cast(cadre_self *self, cadre_receive *act, cadre_ref friend);

/* Of the play that runs. */
extern struct ends {
    uint32_t count;
    int reason; /* of the first one */
} ends;
extern uint32_t returned; /* handlers, where a test counts them */

/* Plays scene in the start of a root, simulated with many seeds and 1 to 3
 * workers, each twice: the trace must be the same, and the sums right. After each, judge
 * (which may be NULL) looks at what came of it. */
void awaiting(void (*scene)(cadre_self *self), void (*judge)(void));

/* cadre_await() must return 0, or this error. */
void must_await(cadre_self *self, uint64_t token, cadre_msg *m);
void must_await_open(cadre_self *self, uint64_t token, cadre_msg *m);

/* The value of a number. */
uint64_t value_of(const cadre_msg *m);
void tell_number(cadre_self *self, cadre_ref to, uint64_t value);

#endif
