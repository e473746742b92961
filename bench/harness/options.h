/* options.h: a table of command-line options, read strictly and explained by --help. */
#ifndef HARNESS_OPTIONS_H
#define HARNESS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* One option. Exactly one of number, text and on says where its value goes; what stands
 * there before is the default. */
struct option_row {
    const char *name;  /* without the dashes */
    const char *value; /* what --help calls its value; NULL for a switch */
    const char *help;  /* one line */
    uint64_t *number;
    uint64_t min, max;     /* of number; its default may lie outside: "not given" */
    const char *otherwise; /* what then holds, for --help; NULL: the default itself */
    const char **text;
    bool *on;
};

/* Reads "--name value", "--name=value" and "--name" by two tables, each ended by a zero
 * row. --help prints both tables under `question` and exits with 0; an unknown option
 * or a bad value is named in one line on stderr, and the program exits with 2. */
void options_read(const char *program, const char *question,
                  const struct option_row *own, const struct option_row *common,
                  int argc, char **argv);

#endif
