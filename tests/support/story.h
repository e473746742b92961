/* story.h: a simulated scenario, told with many seeds.
 *
 * Each seed is played twice in this process, and some in other processes with other
 * addresses, another environment and another heap: the hash of everything that happened
 * must be the same. */
#ifndef SUPPORT_STORY_H
#define SUPPORT_STORY_H

#include "support/dice.h"
#include "support/verdict.h"

#include <cadre.h>

struct story {
    const char *name;
    /* Plays it once, checks, and returns the hash of what happened. */
    uint64_t (*play)(uint64_t seed);
    uint64_t long_seeds; /* how many make a long run */
};

/* The main of a program that tells these stories; the table ends with a zero entry. */
int story_main(int argc, char **argv, const struct story *stories);

/* Between 1 and 4 workers, and turns of 1, 2 or 64 messages, as the seed says. */
cadre_config story_config(uint64_t seed);

/* Runs root until it ends and checks what must hold at every end: the sums. Returns the
 * root's reason. */
int story_run(const cadre_config *config, const cadre_class *root, const void *init,
              cadre_counters *sums);
/* The same checks, for a story that drives its system itself. */
void story_check_end(cadre_system *sys, cadre_counters *sums);

/* Prints how often each kind of thing has happened; each must have. */
void story_show_kinds(const char *const *names, const uint64_t *seen, int kinds);

#endif
