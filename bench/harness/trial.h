/* trial.h: one system from start to end, with its books checked. */
#ifndef HARNESS_TRIAL_H
#define HARNESS_TRIAL_H

#include <cadre.h>

/* Runs a system of `workers` until its root has ended. Every message must have been
 * handled: accepted = handled = `messages`, and nothing dead, dropped or pending.
 * Returns 0, or -1 with a line on stderr. */
int trial_run(const char *bench, uint32_t workers, const cadre_class *root,
              const void *init, uint64_t messages);

/* The same with a whole configuration. */
int trial_run_config(const char *bench, const cadre_config *config,
                     const cadre_class *root, const void *init, uint64_t messages);

/* For a benchmark that runs its systems itself: -1, with a line on stderr, where they
 * would be simulated; else 0. */
int trial_refuse_simulation(const char *bench);

#endif
