/* fronts.h: a target that answers by a script, and a root that asks and keeps what came.
 *
 * For the tests of actors that stand in front of others. Simulated systems only. */
#ifndef SUPPORT_FRONTS_H
#define SUPPORT_FRONTS_H

#include "support/support.h"

#include <cadre/actors/share.h>
#include <cadre/ask.h>
#include <cadre/timer.h>

/* What the target does with a request: a negative code is a failure with that code. */
enum {
    ANSWER = 0, /* a number, twice the one of the request; an owned is sent back */
    HOLD = 1,   /* never answers */
    FORGET = 2, /* returns without an answer */
    LEAVE = 3,  /* stops, the answer still owed */
    LATE = 4    /* answers after 100 ms */
};

enum { SCRIPT_MAX = 4096 };
/* What was asked, and what happened. */
extern struct script {
    int steps[SCRIPT_MAX]; /* for each request in turn; beyond them, the last one */
    uint32_t length, asked, plain;
    cadre_time times[SCRIPT_MAX];
    uint64_t values[SCRIPT_MAX];
} script;
/* script_is(HOLD, ANSWER): so it goes from now on. */
#define script_is(...)                                                                 \
    script_set((const int[]){__VA_ARGS__},                                             \
               sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
void script_set(const int *steps, size_t length);
extern const cadre_class script_class;

/* The one that is tested, and the one behind it. */
extern cadre_ref front, target;
/* In a scene: makes a target with the script, and a front of this class, whose config
 * gets to know the target. */
void put_in_front(cadre_self *self, const cadre_class *cls, const void *config,
                  cadre_ref *target_in_config);

struct outcome {
    const cadre_type *type;
    int code; /* of a failure; else 0 */
    int cause;
    uint64_t value; /* of a number or an owned */
    cadre_time time;
    cadre_token token;
    cadre_ref origin;
    const char *text;
};
extern struct had {
    uint32_t count;
    struct outcome of[SCRIPT_MAX];
} had;
/* The receive of whoever asks; also takes `deed`. */
int keep_outcome(cadre_self *self, void *state, cadre_msg *m);

/* In a scene: has this done after so long. */
void later(cadre_self *self, cadre_time delay, void (*act)(cadre_self *self));
/* In a scene: asks with a number, and returns the token. */
cadre_token ask_number(cadre_self *self, cadre_ref to, cadre_time timeout,
                       uint64_t value);
void ask_owned(cadre_self *self, cadre_ref to, cadre_time timeout, uint32_t id);
/* In a scene: has a client of its own ask the front with this number, and be killed after
 * so long. */
void let_a_client_die(cadre_self *self, cadre_time after, uint64_t value);
void stop_front(cadre_self *self);

/* Plays the scene with this seed, on a clean page; outcomes go to keep_outcome. */
void play_asking(uint64_t seed, void (*scene)(cadre_self *self));
/* The same with seeds 1 .. n, and before each of them prepare(), which may be NULL; after
 * each check(). */
void play_all_seeds(uint64_t n, void (*prepare)(void), void (*scene)(cadre_self *self),
                    void (*check)(void));
/* The same with fewer seeds under a sanitizer, and more in a long run. */
void play_seeds(uint64_t n, void (*prepare)(void), void (*scene)(cadre_self *self),
                void (*check)(void));

/* A share for `owned`: each copy is one more drop to come, which it counts. */
int share_owned(const cadre_type *type, void *body);
extern uint32_t shares;
/* Everything that was sent or shared was dropped once: `sent` bodies of id 0. */
void assert_owned_dropped(uint32_t sent);

/* Does a class with this init fail its start with this code? */
void assert_start_fails(const cadre_class *cls, const void *init, int code);

#endif
