/* task.h: something runnable: a queue link and a function.
 *
 * A task is in at most one queue at a time and is run by one worker at a time; whoever
 * makes it runnable sees to that (for actors the tail word of the mailbox does). */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

#include "queue/inject.h"

struct worker;

struct task {
    struct inject_node link;
    void (*run)(struct task *task, struct worker *worker); /* the seam to the actors */
};

#endif
