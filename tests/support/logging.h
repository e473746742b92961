/* logging.h: a logger, a sink that keeps what it gets, and actors that log.
 *
 * For the tests of the logger. Simulated systems, unless a test says otherwise. */
#ifndef SUPPORT_LOGGING_H
#define SUPPORT_LOGGING_H

#include "support/fronts.h"

#include <cadre/actors/logger.h>

extern cadre_logger log_config;
extern cadre_ref logger;

/* The tape, which take() writes. */
enum { TAPE = 1 << 20 };
extern struct tape {
    char text[TAPE + 1];
    size_t used;
    size_t most; /* bytes that it takes at once. 0: any */
    int code;    /* what it fails with, as long as `failures` are left */
    uint32_t failures, calls;
} tape;
int64_t take(void *user, const char *bytes, size_t size);
/* Takes all that comes. */
void clean(void);
/* What loggers without a descriptor or a path get as `write`: take. */
extern cadre_log_write *sink;

/* How often a logger has ended since the last was made, and what it said then. */
extern atomic_uint overs;
extern cadre_logger_status final;
void keep_final(void *user, const cadre_logger_status *status);

/* In a scene: an empty tape and a logger with the config. */
void set_up_logger(cadre_self *self);

/* What the tape says is missing, and how many lines others have there. */
extern struct said {
    uint64_t lines, missing;
} tape_said;
void read_tape(void);
/* After the end: everything that came is written or dropped, and what is written is on
 * the tape. */
void check_books(void);

/* In a scene: some actors log `amount` errors each, now and then; later it is stopped. */
enum { TALKERS = 3 };
extern uint64_t amount;
void talk_and_stop(cadre_self *self);
/* Afterwards: all of that is there, in order for each. */
void check_talk(void);

void stop_it(cadre_self *self);
void kill_it(cadre_self *self);

#endif
