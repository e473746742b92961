/* deadletter.h: messages that nobody will handle: counted, logged, reported. */
#ifndef ACTOR_DEADLETTER_H
#define ACTOR_DEADLETTER_H

#include "actor/self.h"

enum dead_reason {
    DEAD_NOBODY,   /* no such address */
    DEAD_ENDED,    /* the receiver had ended */
    DEAD_STOPPED,  /* the receiver ended first */
    DEAD_FAILED,   /* the receiver failed on it */
    DEAD_UNHANDLED /* the receiver did not expect it */
};

/* What is left of one. */
struct dead_letter {
    uint64_t to, from;
    const cadre_type *type;
    const cadre_class *class; /* the receiver's; NULL: unknown */
};

/* Counts and logs. */
void deadletter_record(struct cadre_self *self, const struct dead_letter *letter,
                       enum dead_reason reason);

/* The report's table. Returns 0 or -ENOMEM. */
CC_MUST_CHECK int deadletter_report_init(struct world *world);
void deadletter_report_fini(struct world *world);

/* "17.3": slot and generation, as all log lines name actors. */
enum { ADDRESS_TEXT = CADRE_REF_TEXT };
const char *address_text(char text[ADDRESS_TEXT], uint64_t id);
const char *class_name(const cadre_class *class);

#endif
