/* idle.h: who sleeps, who searches, whom to wake.
 *
 * The rule: whoever publishes work looks for a sleeper afterwards; whoever goes to sleep
 * says so first and looks for work afterwards. With a StoreLoad order on both sides one
 * of them must see the other, so no work waits while its waking is forgotten.
 *
 * At most one wake-up is under way at a time: `searching` counts the workers that look
 * for work, those just woken included, and while there is one nobody else is woken. It
 * will find the work, and the last one to stop searching looks whether there is more.
 *
 *   operation       by whom                    allowed beside
 *   idle_notify     anybody, after publishing  everything; async-signal safe
 *   idle_enter      a worker, then it rechecks everything
 *   idle_leave      the same, having found     everything
 *   idle_sleep      the same, having found nothing
 *   idle_wake_all   anybody                    everything */
#ifndef SCHED_IDLE_H
#define SCHED_IDLE_H

#include "base/atomic.h"
#include "base/cc.h"
#include "base/park.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDLE_WORKERS_MAX = 1024 };

/* One per worker: counts its wake-ups. */
struct idle_seat {
    alignas(CACHE_PAIR) struct park_word word;
};

struct idle {
    alignas(CACHE_PAIR) ATOMIC(uint32_t) searching;
    uint32_t groups;         /* words of the mask in use; constant */
    struct idle_seat *seats; /* constant */
    /* A bit per sleeping worker: set by itself, cleared by itself or by its waker. */
    ATOMIC(uint64_t) mask[IDLE_WORKERS_MAX / 64];
};

/* All workers count as searching at first. seats: one per worker, the caller's. */
void idle_init(struct idle *idle, struct idle_seat *seats, uint32_t workers);

/* Wakes one sleeper for the work just published, unless somebody is searching. */
void idle_notify(struct idle *idle);

void idle_search(struct idle *idle);
/* True: that was the last searcher, so look once more and notify if there is work. */
bool idle_found(struct idle *idle);

/* A searcher says that it is about to sleep and searches no more. */
void idle_enter(struct idle *idle, uint32_t worker);
/* It changes its mind. True: it had been woken meanwhile and is a searcher now. */
bool idle_leave(struct idle *idle, uint32_t worker);
/* It sleeps until woken; it is a searcher then. */
void idle_sleep(struct idle *idle, uint32_t worker);
bool idle_is_woken(const struct idle *idle, uint32_t worker);

/* Wakes everybody who sleeps. Publish the reason first. */
void idle_wake_all(struct idle *idle);

/* How many sleep now, or are about to. */
uint32_t idle_sleepers(const struct idle *idle);

#endif
