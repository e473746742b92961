/* options.h: --name VALUE on a test program's command line. */
#ifndef SUPPORT_OPTIONS_H
#define SUPPORT_OPTIONS_H

#include <stdint.h>

/* One of number and text is set, and holds the default. A zero entry ends a table. */
struct option_entry {
    const char *name;
    uint64_t *number; /* 1e9 is understood too */
    const char **text;
    const char *help;
};

/* Exits with 0 after --help, with 2 after an error. */
void options_read(int argc, char **argv, const char *what,
                  const struct option_entry *table);

/* "1,2,8" to numbers. Returns how many; exits with 2 when it is something else. */
unsigned options_list(const char *text, uint32_t *numbers, unsigned max);

#endif
