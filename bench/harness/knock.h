/* knock.h: how long does it take from the call that wakes a sleeper until he runs?
 *
 * The calling thread knocks at several doors in turn, each time when the kernel says that
 * all other threads of the process are asleep, and after a pause that lets their CPUs
 * become idle. It has the first CPU for itself; the sleepers share the rest. */
#ifndef HARNESS_KNOCK_H
#define HARNESS_KNOCK_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct knock_door {
    /* All return 0, or negative with a line on stderr. open() starts the sleepers, and
     * its threads inherit their CPUs; ring() wakes one, who calls knock_answer(). */
    int (*open)(struct knock_door *door);
    int (*ring)(struct knock_door *door, uint32_t number);
    int (*close)(struct knock_door *door, uint32_t knocks);
    /* Written by the sleeper: what his clock showed, then the number of the knock. */
    alignas(128) int64_t woke;
    _Atomic uint32_t answered;
    /* What each knock took in nanoseconds, in the end from the shortest to the longest;
     * the caller's memory. */
    double *took;
};

/* now: what bench_now() was first of all. */
void knock_answer(struct knock_door *door, uint32_t number, int64_t now);

/* Knocks so many times at each, numbers from 1. Returns 0, BENCH_SKIPPED on one CPU, or
 * -1 with a line on stderr; then doors may have stayed open. */
int knock_at(struct knock_door *const *doors, size_t count, uint32_t knocks,
             int64_t pause_ns);

#endif
