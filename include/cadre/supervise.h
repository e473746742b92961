/* supervise.h: children that start again at the same address.
 *
 * A child that is spawned with `keep` does not vanish when it ends: it goes down. Its
 * stop() is called, its children and operations end, its state is gone; but its address
 * and its mailbox stay, and its parent gets a cadre_child_down. What happens next is the
 * parent's decision: cadre_restart() or cadre_release(). Until then it runs nothing, and
 * what is sent to it waits. When the parent itself ends, all its children do so for good.
 *
 * Whoever knows the address need not know of any of this: messages and requests that
 * wait, or come meanwhile, are handled by the restarted one. Requests that it had in hand
 * or had deferred fail with CADRE_EDEAD, as at any end, and with CADRE_MAIL_DROP those
 * that wait, too.
 *
 * A stop or a kill, by whomever, ends the one that runs: a kept one goes down. A kill
 * that finds it down has nobody to kill, nor has a stop between such a kill and the
 * restart; a kill that comes after cadre_restart(), and any other stop that it had not
 * reached when it went down, meet the next one: it goes down again, and the parent is
 * told again.
 *
 *   static int receive(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       const cadre_child_down *down = cadre_body(m, cadre_child_down);
 *       if (down && down->reason != 0 && down->starts < 5)
 *           return cadre_restart(self, down->child);
 *       if (down)
 *           return cadre_release(self, down->child);
 *       ...
 *   }
 *
 * Guarantees, each with a test of that name:
 *   address_survives     a restarted actor is reached by the address it had
 *   mail_survives        with CADRE_MAIL_KEEP and _RETRY every message that was accepted
 *                        and not begun is handled after the restart, in the order of
 *                        fifo_per_pair; also what was stashed
 *   mail_is_dropped      with CADRE_MAIL_DROP none is
 *   message_is_retried   with CADRE_MAIL_RETRY the message it failed on comes first
 *   down_told_once       one cadre_child_down each time it goes down, without memory
 *   restart_is_fresh     state is a copy of *init again, and nothing of the former life
 *                        comes: no timers, answers, or notices of its children
 *   released_for_good    after cadre_release(), or the parent's end, nothing restarts it
 *   up_after_start       one cadre_child_up for each start() that has returned 0
 *   one_by_one           see cadre_stop_in_order() */
#ifndef CADRE_SUPERVISE_H
#define CADRE_SUPERVISE_H
#include <cadre/account.h>
#include <cadre/actor.h>
#include <cadre/limit.h>
#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of the messages of a kept child that goes down. */
enum cadre_mail {
    CADRE_MAIL_KEEP,  /* they wait */
    CADRE_MAIL_DROP,  /* they become dead letters, until its parent restarts it */
    CADRE_MAIL_RETRY, /* they wait, and the message that receive failed on is handled
                         again before them: with its body as the handler has left it, and
                         only if that has neither answered it nor passed it on */
};

typedef struct cadre_isolation cadre_isolation; /* isolate.h */

/* How to spawn. All zero is cadre_spawn(). */
typedef struct cadre_opts {
    bool keep;     /* it goes down when it ends, instead of vanishing */
    bool announce; /* the parent gets a cadre_child_up when start() has returned 0 */
    bool pinned;   /* as cadre_spawn_pinned() */
    bool levels;   /* it takes urgent messages before others (urgent.h) */
    uint8_t mail;  /* enum cadre_mail; of one with `keep` */
    bool isolated; /* it runs in a process of its own: isolate.h; not with a budget */
    const cadre_limit *limit;   /* of its mailbox (limit.h); NULL: none */
    const cadre_budget *budget; /* what it may use (account.h); NULL: no account */
    const cadre_isolation *isolation; /* how that is confined; NULL: as by default */
    void *reserved[1];                /* zero, else -EINVAL */
} cadre_opts;

/* A new child, as cadre_spawn(); opts may be NULL. *init is copied twice for one with
 * `keep`. Errors: as cadre_spawn(); -EINVAL (opts), -EAGAIN (no threads for pinned, no
 * process for isolated: cadre_config.isolated). */
CADRE_API CADRE_MUST_CHECK int cadre_spawn_with(cadre_self *self, cadre_ref *child,
                                                const cadre_class *cls,
                                                const void *init,
                                                const cadre_opts *opts);

/* From a child with `announce`, each time it has started. */
typedef struct cadre_child_up {
    cadre_ref child;
} cadre_child_up;
CADRE_API extern const cadre_type cadre_child_up_type;

enum { CADRE_DOWN_TEXT = 80 };
/* From a kept child that has gone down, unless it was released. */
typedef struct cadre_child_down {
    cadre_ref child;
    int reason;                 /* of its end: 0, or the negative code */
    uint32_t starts;            /* how often it has begun: 1 the first time */
    char text[CADRE_DOWN_TEXT]; /* what it said of that; mostly empty */
} cadre_child_down;
CADRE_API extern const cadre_type cadre_child_down_type;

/* The child, which is down, starts again: start() runs later, with fresh state. Also
 * before its cadre_child_down has been handled. When start() fails it goes down again.
 * Errors: -ENOENT (not a kept child of this actor, or not down, or released), -ENOMEM (it
 * stays down), -ESHUTDOWN (this actor is ending). */
CADRE_API int cadre_restart(cadre_self *self, cadre_ref child);

/* The kept child will end for good: at once if it is down, and then what waits becomes
 * dead letters; else as after cadre_stop(). There is no cadre_child_down, but for one
 * that is on its way already. Never short of memory. Errors: -ENOENT (not a kept child of
 * this actor, or released). */
CADRE_API int cadre_release(cadre_self *self, cadre_ref child);

/* When this actor ends, its children end one by one, the youngest first, each after the
 * one before has ended with all of its own. Else all are asked at once. Holds until its
 * end, or until it goes down. Errors: -ENOMEM, -ESHUTDOWN (it is ending already). */
CADRE_API int cadre_stop_in_order(cadre_self *self);

#ifdef __cplusplus
}
#endif
#endif
