/* trial.c: one system from start to end, with its books checked. */
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int check_books(const char *bench, const cadre_system *sys, uint64_t messages)
{
    cadre_counters books;
    int err = cadre_stats(sys, &books);
    if (err == 0 && books.accepted == messages && books.handled == messages &&
        books.dead + books.dropped + books.pending == 0)
        return 0;
    fprintf(stderr,
            "%s: wrong count: %" PRIu64 " messages expected, %" PRIu64
            " accepted = %" PRIu64 " handled + %" PRIu64 " dead + %" PRIu64
            " dropped + %" PRIu64 " pending (%s)\n",
            bench, messages, books.accepted, books.handled, books.dead, books.dropped,
            books.pending, cadre_strerror(err));
    return -1;
}

int trial_refuse_simulation(const char *bench)
{
    if (!getenv("CADRE_SEED"))
        return 0;
    fprintf(stderr, "%s: CADRE_SEED is set, and a simulation is no measurement\n",
            bench);
    return -1;
}

int trial_run_config(const char *bench, const cadre_config *config,
                     const cadre_class *root, const void *init, uint64_t messages)
{
    cadre_system *sys = NULL;
    if (trial_refuse_simulation(bench) < 0)
        return -1;
    int err = cadre_system_new(&sys, config, root, init);
    if (err < 0) {
        fprintf(stderr, "%s: no system: %s\n", bench, cadre_strerror(err));
        return -1;
    }
    err = cadre_system_wait(sys);
    if (err < 0)
        fprintf(stderr, "%s: the root failed: %s\n", bench, cadre_strerror(err));
    else
        err = check_books(bench, sys, messages);
    cadre_system_free(sys);
    return err < 0 ? -1 : 0;
}

int trial_run(const char *bench, uint32_t workers, const cadre_class *root,
              const void *init, uint64_t messages)
{
    const cadre_config config = {.workers = workers};
    return trial_run_config(bench, &config, root, init, messages);
}
