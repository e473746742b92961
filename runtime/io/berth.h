/* berth.h: a loop that a worker sleeps in.
 *
 * Whoever has the loop's seat runs it: the worker whose it is, which sleeps in it when it
 * has nothing to do and looks at it now and then otherwise; or another worker, while that
 * one is in a handler that does not return.
 *
 * Sleeping there is sleeping in one's bed (sched/idle.h). What the worker is asleep for
 * is a word, and whoever changes that writes to the loop's descriptor afterwards. So one
 * that finds the word as it was, and then waits for the descriptor, misses nothing: a
 * write since then ends the waiting at once. Commands wake it by the same descriptor
 * (io/seat.h), and news end the sleep: they are delivered when the worker is up.
 *
 * A worker for which this does not pay (io/lend.h) lends its loop to the host, the first
 * one's: it moves out of its bed to the futex, and its seat goes into the host's list of
 * comers. Whoever has the host's seat has those of its guests: he obeys their commands,
 * waits for their descriptors beside the host's own, and turns those that are ready; what
 * they have rung for is rung in the host. So that nothing of theirs is forgotten he sees
 * before he waits that their inboxes are EMPTY, that the kernel knows of all that they
 * have started, and how long it is until their next timer.
 *
 * The worker gets its loop back when it has been offered it as its bed (idle_offer), and
 * has settled there: then the host gives its seat up. Until then it is the guest that it
 * was, so at no time is it nobody's. */
#ifndef IO_BERTH_H
#define IO_BERTH_H

#include "io/lend.h"
#include "io/seat.h"
#include "queue/fifo.h"
#include "sched/idle.h"

struct berth {
    struct seat seat;
    struct nap nap;         /* where the worker whose it is sleeps (idle_offer) */
    ATOMIC(bool) stopping;  /* whoever ends it has the seat from now on, or will */
    struct fifo rung;       /* ports with news; of whoever has the seat, ... */
    ATOMIC(uint64_t) rings; /* ... who counts them */
    struct idle *idle;      /* constant, as is the next: whose it is */
    uint32_t worker;
    ATOMIC(struct berth *) host; /* to whom it may be lent; NULL: not yet. Set once */
    /* Lent to this one, and not yet among its guests. Pushed by their workers, taken by
     * whoever has the seat. */
    ATOMIC(struct berth *) comers;
    ATOMIC(int64_t) trial_until; /* the host's: no other trial, by who judges */
    ATOMIC(bool) is_lent;        /* by its worker; not, by who has the host's seat */
    /* Of whoever has the host's seat. */
    struct berth *guests; /* the host's */
    struct berth *next;   /* among the guests, or the comers */
    bool is_ready;        /* a guest: its loop has something */
    bool is_recalled;
    bool is_refused;  /* for good; written before it is offered, and read later */
    struct lend lend; /* its worker's; lent, of who has the host's seat */
};

/* What the loop does (io/shard), by whoever has the seat: the commands, the oldest first;
 * one turn, without waiting for anything; and waiting for something, at most so long, and
 * it may be for less. */
void berth_obey(struct berth *berth, struct inbox_node *oldest);
void berth_turn(struct berth *berth);
void berth_wait(struct berth *berth, int64_t timeout_ns);
/* In how many ms it is to be turned, whatever comes in; -1: never. 0: at once, maybe
 * because the kernel has not been told of all that was started. */
int berth_due_ms(struct berth *berth);
/* The host's loop sees that a guest's has something (is_ready); and no more. 0, or why
 * that cannot be. */
int berth_welcome(struct berth *host, struct berth *guest);
void berth_dismiss(struct berth *guest);
/* What its worker's thread has used so far. False: nobody knows. */
bool berth_cpu(const struct berth *berth, int64_t *ns);
/* Its worker is to sleep here again: idle_offer. */
void berth_offer(struct berth *berth);
int64_t berth_now(const struct berth *berth);
/* By the worker, without the seat: waits for the descriptor alone. */
void berth_wait_outside(struct berth *berth, int64_t timeout_ns);
/* Somebody's: what was rung is delivered. */
void berth_deliver(struct fifo *got, struct worker *here);

void berth_init(struct berth *berth);
/* Before it is offered. */
void berth_belongs(struct berth *berth, struct idle *idle, uint32_t worker);
/* From now on; the same one each time. Both belong to somebody. */
void berth_may_lend(struct berth *berth, struct berth *host);
/* By who ends it, and has the seat: gives up those of its guests, and no more come. */
void berth_part(struct berth *host);

#endif
