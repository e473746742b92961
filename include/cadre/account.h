/* account.h: what an actor uses, and a budget for it.
 *
 * An actor that is spawned with a budget has an account: how many messages it has
 * handled, how long that took, how much memory it holds. Anybody can read it. The budget
 * says how much of that it may use, and what becomes of it when it uses more. Actors
 * without one pay nothing.
 *
 * Time is what passes in its handlers (receive, and what cadre_then() has named; not
 * start, stop and steps), but for that in which they wait (await.h): so a handler that
 * blocks its thread pays for that, and so does one whose thread the machine gives to
 * others. The clock is read as long as that takes no more than some percent of the time.
 * So handlers that take microseconds are measured, each of them; of shorter ones every
 * sixty-fourth or so, which stands for the others. What a single short one among many
 * took may be missed; the sum is right in the mean. In a simulation no time passes in a
 * handler.
 *
 * Memory is the actor's state and what it has from cadre_alloc() (arena.h), with 32 bytes
 * for each of those. Its mailbox is its senders' doing, and not counted here.
 *
 * A budget for time or messages is for a window, which begins with the first message
 * after the last one. When it is exceeded the log says so at level CADRE_WARN, once per
 * window, with the figures and with what helps. What else happens `over` says:
 * CADRE_OVER_WARN      nothing.
 * CADRE_OVER_THROTTLE  the actor rests until what it has used is no more than its share:
 *     who has taken three windows' worth in one rests for two more. It waits as in
 *     cadre_sleep(), after the message: what comes meanwhile waits, in order; a kill and
 *     the ends of others reach it at once, a stop is obeyed where it stands among the
 *     messages. It keeps a stack meanwhile (cadre_config.stack_size). Where that cannot
 *     be had, or not now (before the sync of a scope), it rests the next time.
 * CADRE_OVER_STOP      it stops, as after cadre_stop().
 * CADRE_OVER_FAIL      it ends at once for the reason CADRE_EBUDGET, as after a
 *     cadre_kill(): so its supervisor knows what to do.
 * With the last three cadre_alloc() returns NULL beyond `bytes`.
 *
 * The figures outlive a restart (supervise.h), as the address does. Where the budget ends
 * an actor, the next one begins with a new window.
 *
 * Guarantees, each with a test of that name:
 *   messages_are_exact     when an actor is idle, its account has every message that
 *                          receive has handled
 *   memory_is_exact        and every byte
 *   throttled_by_messages  a throttled actor handles no more than `messages` in a window;
 *                          windows follow each other, so in any time as long as one it
 *                          may be twice as many
 *   throttled_by_time      it has no more than its share of the time, in the long run
 *   over_ends              CADRE_OVER_STOP and _FAIL end it
 *   over_is_logged         once per window
 *   control_comes          a kill reaches one that rests; it handles the message that it
 *                          has in hand all the same */
#ifndef CADRE_ACCOUNT_H
#define CADRE_ACCOUNT_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_over {
    CADRE_OVER_WARN,
    CADRE_OVER_THROTTLE,
    CADRE_OVER_STOP,
    CADRE_OVER_FAIL,
};

/* Which of them was exceeded. */
enum cadre_resource { CADRE_TIME, CADRE_MESSAGES, CADRE_MEMORY };

/* What there is in an account. */
typedef struct cadre_usage {
    cadre_ref who;
    const char *actor;  /* the class's name; "?" without one */
    uint64_t messages;  /* handled */
    cadre_time time;    /* in its handlers; nanoseconds */
    cadre_time rested;  /* because of its budget; nanoseconds that are over */
    uint64_t bytes;     /* held now ... */
    uint64_t bytes_max; /* ... and at most so far */
    uint64_t overs;     /* how often it has exceeded its budget */
    bool rests;         /* just now, because of its budget */
    void *reserved[2];
} cadre_usage;

/* What an actor may use. All zero: everything; there is an account. */
typedef struct cadre_budget {
    cadre_time window; /* nanoseconds, at most an hour. 0: a second */
    cadre_time time; /* nanoseconds in its handlers in a window, at most one; 0: any */
    uint64_t messages; /* in a window. 0: any number */
    uint64_t bytes;    /* held. 0: any number */
    uint8_t over;      /* enum cadre_over */
    /* Called when it has exceeded that, once per window, in its turn, before what `over`
     * says; must not block or call Cadre. NULL: nothing is. */
    void (*told)(void *user, enum cadre_resource what, const cadre_usage *usage);
    void *user;
    void *reserved[2]; /* zero, else -EINVAL */
} cadre_budget;

/* What the account of an actor says; in the midst of its work, nearly. Any thread, any
 * time, also from handlers (cadre_system_of). Takes a lock that spawns and ends of actors
 * with budgets take, too. Errors: -EINVAL (usage is NULL), -ENOENT (it has none, or has
 * ended, or never was), -EBADFD. */
CADRE_API int cadre_usage_of(const cadre_system *sys, cadre_ref who,
                             cadre_usage *usage);

/* Calls visit for each account there is, in no order, and returns how many there were.
 * visit must not block or call Cadre: none of those actors can end meanwhile. Otherwise
 * as cadre_usage_of(). Errors: -EINVAL (visit is NULL), -EBADFD. */
CADRE_API int64_t cadre_usage_visit(const cadre_system *sys,
                                    void (*visit)(void *user, const cadre_usage *usage),
                                    void *user);

#ifdef __cplusplus
}
#endif
#endif
