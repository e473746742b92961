/* bulk.h: the main of benchmarks that send one way and in bulk.
 *
 * They are measured in two forms. In the first all messages are sent before anybody
 * waits, so that with one thread all of them are queued: it shows what a long mailbox
 * costs, fresh memory included. In the second the senders send at most a round, and
 * wait until it has been received: it shows what sending and receiving cost when the
 * memory is reused. Beside them stands a bare list as long as the first one's. */
#ifndef HARNESS_BULK_H
#define HARNESS_BULK_H

#include "harness/plan.h"

struct bulk {
    struct bench bench;
    const char *queued, *rounds; /* the names of the two forms */
    uint64_t unit;               /* messages and rounds are multiples of it */
    /* Sends n messages in rounds of ((const struct plan_case *)arg)->size, which
     * divides n. */
    int (*run)(double *total, const void *arg, uint64_t n);
};

/* Returns the exit status. */
int bulk_main(struct bulk *bulk, int argc, char **argv);

#endif
