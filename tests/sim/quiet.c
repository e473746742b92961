/* quiet.c: systems that end by themselves, and systems that a program's loop polls.
 *
 * quiet: work begets work until there is no more, and the end comes exactly then.
 * polled: the program tells between two polls, and stops it in one of several ways.
 * waits: nobody has anything to do and nobody will: the wait says -EDEADLK. */
#include "support/story.h"

#include <errno.h>
#include <string.h>

enum { WORKERS = 7, BUDGET_MAX = 300 };

typedef struct {
    uint32_t weight;
} job;
CADRE_TYPE(job);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t budget; /* jobs that may still be made */
    uint64_t sent, handled;
    bool root_ended;
    struct dice dice;
    cadre_ref workers[WORKERS];
} tale;

static void make_jobs(cadre_self *self, uint32_t n)
{
    for (; n > 0 && tale.budget > 0; n--, tale.budget--) {
        cadre_ref to = tale.workers[dice_below(&tale.dice, WORKERS)];
        CHECK_EQ(cadre_send(self, to, job, .weight = n), 0);
        tale.sent++;
    }
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(!tale.root_ended);
    tale.handled++;
    make_jobs(self, dice_below(&tale.dice, 4));
    return 0;
}

static const cadre_class worker_class = {.name = "worker", .receive = worker_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < WORKERS; i++)
        err = cadre_spawn(self, &tale.workers[i], &worker_class, NULL);
    make_jobs(self, 3);
    return err;
}

static void root_stop(cadre_self *self, void *state, int reason)
{
    tale.root_ended = true;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = worker_receive, .stop = root_stop};

static void begin(uint64_t seed)
{
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.budget = dice_below(&tale.dice, BUDGET_MAX);
}

static uint64_t play_quiet(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    begin(seed);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(sums.accepted, tale.sent);
    CHECK_EQ(sums.handled, tale.sent);
    CHECK_EQ(sums.dead, 0);
    return sums.trace;
}

static void tell_some(cadre_system *sys, uint64_t *told)
{
    for (uint32_t n = dice_below(&tale.dice, 3); n > 0; n--) {
        cadre_ref to = tale.workers[dice_below(&tale.dice, WORKERS)];
        if (dice_once_in(&tale.dice, 4))
            to = cadre_system_root(sys);
        CHECK_EQ(cadre_tell(sys, to, job, .weight = n), 0);
        ++*told;
    }
}

/* Polls until the root has ended. */
static void poll_to_the_end(cadre_system *sys)
{
    int turns = 0;
    for (int i = 0; i < 10000 && turns >= 0; i++)
        turns = cadre_system_poll(sys, 0);
    CHECK_EQ(turns, -ESHUTDOWN);
    CHECK_EQ(cadre_system_poll(sys, 0), -ESHUTDOWN);
}

static void end_somehow(cadre_system *sys, bool quiet)
{
    switch (quiet ? 3 : dice_below(&tale.dice, 3)) {
    case 0:
        cadre_system_stop(sys);
        poll_to_the_end(sys);
        break;
    case 1:
        cadre_system_stop(sys);
        CHECK_EQ(cadre_system_wait(sys), 0);
        break;
    case 2:
        CHECK_EQ(cadre_system_stop_by(sys, CADRE_SECOND), 0);
        break;
    default: /* by itself */
        poll_to_the_end(sys);
    }
}

static uint64_t play_polled(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_system *sys;
    cadre_config config = story_config(seed);
    uint64_t told = 0;
    begin(seed);
    bool quiet = dice_once_in(&tale.dice, 4);
    config.end_when_quiet = quiet;
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return 0;
    for (uint32_t i = dice_below(&tale.dice, 20); !quiet && i > 0; i--) {
        CHECK(cadre_system_poll(sys, 0) >= 0);
        tell_some(sys, &told);
    }
    CHECK_EQ(cadre_system_free(sys), -EBUSY);
    end_somehow(sys, quiet);
    CHECK(tale.root_ended);
    story_check_end(sys, &sums);
    CHECK_EQ(sums.accepted, tale.sent + told);
    CHECK_EQ(sums.handled, tale.handled);
    CHECK_EQ(cadre_tell(sys, tale.workers[0], job, 0), -ESHUTDOWN);
    CHECK_EQ(cadre_system_free(sys), 0);
    return sums.trace;
}

static uint64_t play_waits(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_system *sys;
    cadre_config config = story_config(seed);
    begin(seed);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return 0;
    CHECK_EQ(cadre_system_wait(sys), -EDEADLK);
    CHECK_EQ(cadre_stats(sys, &sums), 0);
    CHECK_EQ(sums.handled, tale.sent); /* what there was has been done */
    CHECK_EQ(sums.pending, 0);
    CHECK_EQ(sums.actors, WORKERS + 1);
    bool at_once =
        dice_once_in(&tale.dice, 2); /* then it has no time to stop by itself */
    CHECK_EQ(cadre_system_stop_by(sys, at_once ? 0 : CADRE_SECOND),
             at_once ? CADRE_EKILLED : 0);
    story_check_end(sys, &sums);
    CHECK_EQ(sums.dead, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"quiet", play_quiet, 100000},
                                           {"polled", play_polled, 100000},
                                           {"waits", play_waits, 100000},
                                           {0}};
    return story_main(argc, argv, stories);
}
