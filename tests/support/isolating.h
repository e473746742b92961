/* isolating.h: an isolated actor that does what it is told, and a root that notes what it
 * is told; asked by the test's own thread. */
#ifndef SUPPORT_ISOLATING_H
#define SUPPORT_ISOLATING_H

#include "support/effort.h"
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/future.h>
#include <cadre/isolate.h>
#include <cadre/watch.h>

/* What the odd one does. */
enum {
    SLEEPY = 998, /* only as seeds: its start sleeps, ... */
    LATE,         /* ... and then fails */
    PING = 1000,  /* answered by the number, and one */
    COUNT,        /* how many messages it has had in this life, with this one */
    SEGV,
    ABORT,
    EXIT,
    LOOP,
    BOMB,
    FAIL,
    STOP,
    NOTHING, /* no answer */
    DEFER,   /* answered by the next ANSWER */
    ANSWER,
    LATER, /* answered by a timer */
    ASK,   /* answers with what `friend` answers */
    AWAIT,
    FORWARD,
    TELL,      /* sends `friend` a number */
    REFUSED,   /* answers with how many calls were refused as they ought to be */
    OWNED,     /* answers with what cannot cross; the root, too */
    ASK_OWNED, /* as ASK; that is asked for OWNED */
    ME,        /* does it know who it is? */
    STASH,
    LARGE,
    OPEN, /* opens a file: with what errno says */
    STOP_OTHER,
    HANG_AT_STOP,
    WHICH,       /* answers with its process's id */
    SCRIBBLE,    /* writes over all that it shares with others; with 1: and dies */
    SHOUT,       /* answers when it has sent `friend` more than fits */
    LOOP_LATER,  /* in a timer's message, after `first` ns */
    LOOP_ASKING, /* in the answer of `friend`, which is asked to DEFER */
    PROMISE,     /* sends `friend` a promise, and answers with what that says */
    SHARED,      /* answers with how many pieces of memory it shares with others */
    OPENED,      /* answers with how many descriptors it has */
    DUMPABLE,    /* answers with whether it would leave a core */
    GARBAGE,     /* writes zeros and ones to all it has: if `first`, only ones */
    SHUT_DOWN,   /* shuts down all that it has, and goes on for ever */
    GLUT,        /* takes all memory, and sends what needs more */
    CIRCLE,      /* answers, and sends itself the same, for ever; `friend` a number */
    AND_THEN,    /* answers, and sends itself `first`, which it does */
    LINE,        /* sends itself `first` PINGs, and then what it dies of */
    SPIN,        /* answers, and sends itself the same, for ever, and nobody else */
    BUSY,        /* for `first` ns */
    LEAVE,       /* calls exit(3) */
    EXPIRE, /* the root's: asks `friend` to PING within `first` ns; it has a number */
    REST,   /* the root's: sends itself a number after `first` ns */
    GIVE    /* the root's: sends `friend` a promise of its own */
};

typedef struct {
    uint64_t value, first;
    cadre_ref friend;
} errand;
extern const cadre_type errand_type;
typedef struct {
    uint8_t bytes[300000];
} bulk;
extern const cadre_type bulk_type;

typedef struct {
    cadre_promise promise;
} given; /* to be kept, by a number */
extern const cadre_type given_type;

/* The state of the odd one. */
typedef struct {
    uint64_t seed, count;
    cadre_ref friend;
    cadre_promise promise;
    bool hangs;
} odd;

/* What the root has been told, and what it spawns. */
enum { NOTES = 64 };
extern struct notes {
    cadre_child_down down;
    cadre_down end;
    uint64_t numbers[NOTES], bulk;
    atomic_uint downs, ends, ups, numbered, larges, spawned;
    int err;
    bool restarts;
    odd init;
    cadre_opts opts;
    cadre_ref child;
} notes;
/* The system of the test that runs. */
extern cadre_system *sys;

/* What is spawned. */
extern const cadre_class odd_class;

/* Skips the test where no process can be made. */
void need_processes(void);
/* A system with room for three isolated actors. */
void begin(uint32_t workers);
/* With room for so many. */
void begin_with(uint16_t isolated);
/* To its end; and every message has had its fate. */
void end(void);

/* The root spawns the odd one, and watches it unless it is kept; notes.err says how. */
cadre_ref spawn_odd(cadre_opts opts, odd init);
/* One that is not kept, and has started. */
cadre_ref odd_one(void);

cadre_future *call_as(cadre_ref who, errand w);
/* Its answer; or the negative code of its failure. Frees it. */
int64_t outcome(cadre_future *future);
/* With the root as its friend. */
int64_t ask(cadre_ref who, uint64_t what, uint64_t first);
void tell(cadre_ref who, uint64_t what, uint64_t first);
/* So long, by a timer of the root's. */
void rest(cadre_time ns);

/* For classes of a test's own. */
int answer(cadre_self *self, cadre_msg *m, uint64_t value);
void touch_nowhere(void);

#endif
