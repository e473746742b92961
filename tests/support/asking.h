/* asking.h: who asks and who is asked, for the tests of requests and of answers.
 *
 * The client is the root of a simulation: everything it gets is an outcome, and is noted.
 * A server does with each request what it was made for. */
#ifndef SUPPORT_ASKING_H
#define SUPPORT_ASKING_H

#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/timer.h>

/* What a server does with a request, whose body is an `owned`. */
enum way {
    REPLY,           /* an owned with the id + 1 */
    REPLY_LARGE,     /* a large */
    REFUSE,          /* a cadre_failure with CADRE_EUSER */
    FORGET,          /* nothing */
    UNEXPECTED,      /* cadre_unhandled() */
    FAIL,            /* returns CADRE_EUSER - 7 */
    STOP,            /* returns CADRE_STOP */
    STOP_ITSELF,     /* forgets it, after asking itself to stop */
    KILL_ITSELF,     /* the same with a kill */
    REPLY_AND_FAIL,  /* replies, and fails on it */
    SET_ASIDE,       /* until a `go` comes */
    KEEP,            /* defers it, and keeps the promise */
    KEEP_AND_ANSWER, /* defers it, and answers in the same breath */
    KEEP_AND_FAIL,   /* defers it, and fails on it */
    PASS_ON,         /* forwards it to `next` */
    DELEGATE,        /* defers it, and delegates it to `next` */
    HAND_OUT,        /* defers it, and has `next` answer, with the id + 2 */
    WAYS
};

typedef struct {
    enum way way;
    cadre_ref next;
} server;
extern const cadre_class server_class;

/* A server's promises, in the order in which they were made. */
enum { KEPT_MAX = 16 };
extern struct kept {
    uint32_t count;
    cadre_promise promises[KEPT_MAX];
} kept;

/* Makes a server give back what it set aside, and then reply to it; or answer what it has
 * kept, with the request's id + 1. */
typedef struct {
    int nothing;
} go;
extern const cadre_type go_type;
/* Makes a server return this. */
typedef struct {
    int result;
} finish;
extern const cadre_type finish_type;

/* More than the pool's largest block. */
typedef struct {
    uint32_t id;
    unsigned char fill[6000];
} large;
extern const cadre_type large_type; /* dropping is counted with that of `owned` */
/* One whose every byte follows from its id. */
large large_of(uint32_t id);
bool large_is_whole(const large *l);

/* ---- the client ---- */

struct outcome {
    uint64_t token;
    const cadre_type *type;
    cadre_ref from, origin;
    int code, cause; /* of a cadre_failure; else 0 */
    uint32_t id;     /* of an owned or a large */
    cadre_time when;
};
enum { OUTCOMES_MAX = 64 };
extern struct outcomes {
    uint32_t count;
    struct outcome list[OUTCOMES_MAX];
} outcomes;

/* A receive that notes what comes as an outcome. */
int note_outcome(cadre_self *self, void *state, cadre_msg *m);

/* Plays scene in the start of a root that then notes outcomes: with several seeds and
 * numbers of workers, and after each run calls judge, and checks that as many bodies were
 * dropped as `dropped` says, each once. */
void asking(void (*scene)(cadre_self *self), void (*judge)(void), uint32_t dropped);

/* To be called in a scene. */
cadre_ref serve(cadre_self *self, enum way way, cadre_ref next);
/* Asks with an owned with this id. Returns the token. */
uint64_t ask_for(cadre_self *self, cadre_ref to, cadre_time timeout, uint32_t id);

/* The n-th outcome is a failure with this code and origin; or an owned with this id. */
void assert_failed(uint32_t n, uint64_t token, int code, cadre_ref origin);
void assert_answered(uint32_t n, uint64_t token, uint32_t id);

#endif
