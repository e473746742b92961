/* flow.h: who sends to an actor that cannot keep up is held back.
 *
 * Nothing has to be set for that. An actor without a limit (limit.h) with more than 4,096
 * messages waiting is flooded, as soon as its worker finds that out: at the end of one of
 * its turns, when some ten thousands more have come. From then on whoever sends to it is
 * muted when his handler returns, or later, as soon as he has another message to handle:
 * he is not run, and who sends to him is muted in turn. When it is found to be down to
 * 2,048, or has nothing left to do, or ends, all that it has muted go on. No send fails
 * or blocks, and no message is lost or comes in another order. (In a simulation 64 and
 * 32 are the numbers, so that stories need not be long.)
 *
 * A muted actor handles nothing, no timers or answers either; a stop, a kill, and so its
 * parent's end, let it go at once. Never muted are: who is flooded himself, who is
 * ending, other threads, and who only answers, or sends to himself. An actor with a
 * handler that waits (await.h), or with levels (urgent.h), or in a process of its own
 * (isolate.h), is not muted and mutes nobody. So each of those that are held back waits,
 * by whichever others, for one that runs: there are no deadlocks, whoever sends to whom,
 * and no circle of waits (await.h) leads through one that is muted. But a circle that
 * makes more messages than it handles grows. And who is muted waits for as long as
 * others keep the one that he has sent to above the half: whoever must be heard in a
 * flood, as a supervisor, had better have levels, or give the flooded one a limit.
 *
 * Guarantees, each with a test of that name:
 *   sender_is_held_back    the mailbox of one that is slower than its senders stays short
 *   large_ones_count       as others do
 *   answers_are_no_room    what else waits does not make it look empty
 *   chain_is_held_back     and so do those of its senders
 *   muted_goes_on          when the one that it has flooded is down to half, ends, goes
 *                          down, or waits
 *   end_lets_go            a muted one that is stopped or killed ends
 *   circles_go_on          whoever sends to whom
 *   answers_hold_nobody    nor do sends to oneself
 *   waits_and_levels_hold_nobody
 *                          and are not held
 *   restart_begins_anew    who is restarted is not muted for what the one before has sent
 *   idle_is_not_muted      whose mailbox is empty, until it gets something
 *   reason_can_be_asked    see cadre_muted()
 *   reason_is_exact        from the second question on */
#ifndef CADRE_FLOW_H
#define CADRE_FLOW_H
#include <cadre/base.h>
#ifdef __cplusplus
extern "C" {
#endif

/* One that is muted. */
typedef struct cadre_mute {
    cadre_ref who, by;
    const char *who_class, *by_class; /* their names; "?" when they have none */
    /* Messages for `by`, at the end of its first turn after somebody has asked; of one
     * that is muted itself, when the first one came after that. When nobody has asked
     * since it was flooded: no more than 4,097. */
    uint64_t waiting;
} cadre_mute;

/* Calls visit for each actor that is muted now, and returns how many. Any thread; visit
 * may not call Cadre, and had better be short: meanwhile nobody is muted or let go.
 * Errors: -EINVAL (sys, visit), -EBADFD (after a fork). */
CADRE_API int64_t cadre_muted(const cadre_system *sys,
                              void (*visit)(void *user, const cadre_mute *mute),
                              void *user);

#ifdef __cplusplus
}
#endif
#endif
