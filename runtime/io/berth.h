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
 * (io/seat.h), and news end the sleep: they are delivered when the worker is up. */
#ifndef IO_BERTH_H
#define IO_BERTH_H

#include "io/seat.h"
#include "queue/fifo.h"
#include "sched/idle.h"

struct berth {
    struct seat seat;
    struct nap nap;        /* where the worker whose it is sleeps (idle_offer) */
    ATOMIC(bool) stopping; /* whoever ends it has the seat from now on, or will */
    struct fifo rung;      /* ports with news; of whoever has the seat */
};

/* What the loop does (io/shard), by whoever has the seat: the commands, the oldest first;
 * one turn, without waiting for anything; and waiting for something, at most so long, and
 * it may be for less. */
void berth_obey(struct berth *berth, struct inbox_node *oldest);
void berth_turn(struct berth *berth);
void berth_wait(struct berth *berth, int64_t timeout_ns);
/* By the worker, without the seat: waits for the descriptor alone. */
void berth_wait_outside(struct berth *berth, int64_t timeout_ns);
/* Somebody's: what was rung is delivered. */
void berth_deliver(struct fifo *got, struct worker *here);

void berth_init(struct berth *berth);

#endif
