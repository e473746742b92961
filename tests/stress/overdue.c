/* overdue.c: calls are withdrawn by a handler that is stuck, while its timers ring.
 *
 * A worker whose handler does not return has its timers rung by another one; and both
 * count what is over. The system is quiet, and ends, only when the counts are right. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <inttypes.h>
#include <semaphore.h>

enum { TIMERS = 20000, CALLS = 100000 };
static uint64_t rounds;
static sem_t gate;

static void ignore_log(void *user, int level, const char *line) {}

typedef struct {
    uint64_t number;
} thing;
static CADRE_TYPE(thing);

/* Keeps the only thread of the pool, so that all others wait behind it. */
static int wait_at_gate(void *body) { return sem_wait(&gate); }

static int never_run(void *body) { return 0; }

static int start(cadre_self *self, void *state)
{
    thing t = {0};
    int err = cadre_offload_as(self, NULL, CADRE_POOL_USER, CADRE_NEVER, wait_at_gate,
                               &thing_type, &t);
    for (int i = 0; i < TIMERS && !err; i++)
        err = cadre_after(self, NULL, i * 100, thing, 1);
    for (int i = 0; i < CALLS && !err; i++) {
        cadre_token token;
        err = cadre_offload_as(self, &token, CADRE_POOL_USER, CADRE_NEVER, never_run,
                               &thing_type, &t);
        if (!err)
            err = cadre_cancel(self, token);
    }
    sem_post(&gate);
    return err;
}

static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class overdue = {
    .name = "overdue", .start = start, .receive = receive};

int main(int argc, char **argv)
{
    rounds = effort(20, 500);
    const struct option_entry options[] = {
        {"rounds", &rounds, NULL, "how many systems"}, {0}};
    options_read(argc, argv, "timers ring while calls are withdrawn", options);
    cadre_config config = {
        .workers = 2, .log = ignore_log, .end_when_quiet = true, .blocking_threads = 1};
    verdict_begin(120, "--rounds %" PRIu64, rounds);
    sem_init(&gate, 0, 0);
    for (uint64_t i = 0; i < rounds; i++)
        CHECK_EQ(cadre_run(&config, &overdue, NULL), 0);
    sem_destroy(&gate);
    (void)verdict_end();
    return verdict_print();
}
