/* restarts.c: children fail, are stopped and killed by several at once, and are restarted
 * at the same address, on real workers. */
#include "support/effort.h"
#include "support/nursery.h"
#include "support/options.h"

#include <inttypes.h>
#include <stdio.h>

static void ignore_log(void *user, int level, const char *line) {}

static void run(uint32_t workers, uint64_t seed, uint64_t mails)
{
    cadre_counters c = {0};
    cadre_system *sys;
    cadre_config config = {
        .workers = workers, .end_when_quiet = true, .log = ignore_log};
    nursery_open(seed, (uint32_t)mails);
    double start = effort_clock();
    CHECK_EQ(cadre_system_new(&sys, &config, &nurse_class, NULL), 0);
    if (verdict_has_failed())
        return;
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    nursery_check();
    uint64_t downs = 0;
    for (uint32_t i = 0; i < CHILDREN; i++)
        downs += nursery.cribs[i].downs;
    printf("%u workers: %" PRIu64 " times down, %.0f a second\n", workers, downs,
           (double)downs / (effort_clock() - start));
}

int main(int argc, char **argv)
{
    uint64_t mails = effort(2000, 20000), rounds = effort(20, 400);
    const char *list = "1,2,4";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"mails", &mails, NULL, "that each sender sends"},
        {"rounds", &rounds, NULL, "how often"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "children are restarted", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= rounds; seed++) {
            verdict_begin(600, "--workers %u --mails %" PRIu64, workers[i], mails);
            run(workers[i], seed, mails);
            (void)verdict_end();
        }
    return verdict_print();
}
