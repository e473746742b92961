/* limit.h: how much may wait for an actor, and what happens to more.
 *
 *   cadre_limit few = {.mailbox_max = 100, .overflow = CADRE_DROP_OLDEST};
 *   err = cadre_spawn_with(self, &feed, &feed_class, NULL, &(cadre_opts){.limit = &few});
 *
 * What is counted: messages that were sent, told, forwarded or asked, from when they are
 * accepted until they are handled: also those set aside by cadre_stash(), held while a
 * handler waits, or waiting for a restart. Never counted, refused or dropped: stops and
 * kills, answers, cancels, downs and other news of children, timers and other outcomes,
 * applied functions. So an actor with a full mailbox can be controlled as any other.
 *
 * A limit is an actor's for its whole life; a kept one (supervise.h) has it again after
 * each restart. What is set aside or held again has had its place, and may exceed it.
 *
 * Guarantees, each with a test of that name:
 *   limit_holds              no more than mailbox_max messages and mailbox_bytes bytes
 *                            wait, but for the policies that drop what is old: see there
 *   fifo_under_each_policy   what is handled of one sender's messages is handled in the
 *                            order sent
 *   conservation_under_each_policy  accepted = handled + dead + dropped + pending
 *   refused_once             a refused message is not accepted, and its body is dropped
 *   request_has_one_outcome  a request that is refused leaves no operation; one that is
 *                            dropped fails with CADRE_EFULL; another has its answer
 *   system_is_never_refused  see above
 *   limit_survives           restarts
 *
 * Between workers. Who sends to an actor of another worker may be refused early: so many
 * places as an eighth of mailbox_max, but at most 32, and of mailbox_bytes, at most 16
 * KiB, may be set apart for those of its own. Not in a simulation: there it is exact. */
#ifndef CADRE_LIMIT_H
#define CADRE_LIMIT_H
#include <cadre/message.h>
#ifdef __cplusplus
extern "C" {
#endif

/* What happens to a message for which there is no room. */
enum cadre_overflow {
    /* The call that sends it returns CADRE_EFULL. */
    CADRE_REFUSE,
    /* It is dropped, and counted as such; the call returns 0. */
    CADRE_DROP_NEWEST,
    /* Those that have waited longest are dropped, until there is room; not what is set
     * aside or held. On other workers the mailbox cannot be looked into: what they send
     * is accepted up to twice the limit, and what is too much is dropped when the actor
     * gets there; beyond that, and where nothing may be dropped, it is the newest. */
    CADRE_DROP_OLDEST,
    /* The same, but first of all one with the same key goes. */
    CADRE_KEEP_LATEST,
    /* It goes to another actor, with its sender, as if that had been meant; from there
     * on if need be, up to seven times. Then it is dropped. */
    CADRE_REDIRECT,
};

/* What a message is about. Called with what waits, for each message that is too much, on
 * any worker; it may neither block nor call Cadre. */
typedef uint64_t cadre_key(const cadre_type *type, const void *body);

/* Copied by cadre_spawn_with(). All zero is no limit. */
typedef struct cadre_limit {
    uint32_t mailbox_max; /* messages; 0: any number */
    uint8_t overflow;     /* enum cadre_overflow */
    /* In their bodies, below 2^36; 0: any number. What is larger never has room. */
    uint64_t mailbox_bytes;
    cadre_key *key;     /* of CADRE_KEEP_LATEST, else NULL */
    cadre_ref redirect; /* of CADRE_REDIRECT: to whom, else id 0 */
    void *reserved[2];  /* zero, else -EINVAL */
} cadre_limit;

#ifdef __cplusplus
}
#endif
#endif
