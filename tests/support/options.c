/* options.c: --name VALUE on a test program's command line. */
#include "support/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void help(const char *what, const struct option_entry *table)
{
    printf("%s: %s\n", program_invocation_short_name, what);
    for (const struct option_entry *e = table; e->name; e++)
        if (e->number)
            printf("  --%-10s %s (%" PRIu64 ")\n", e->name, e->help, *e->number);
        else
            printf("  --%-10s %s (%s)\n", e->name, e->help, *e->text);
    puts("CADRE_LONG=1 in the environment asks for the long version.");
}

static void bad(const char *name, const char *value)
{
    fprintf(stderr, "%s: bad option %s %s; try --help\n", program_invocation_short_name,
            name, value ? value : "");
    exit(2);
}

static uint64_t number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(text, &end, 0);
    if (*end == 'e' || *end == '.') {
        double d = strtod(text, &end);
        n = d >= 0 && d < 1e19 ? (uint64_t)d : 0;
    }
    if (errno || end == text || *end)
        bad(name, text);
    return n;
}

void options_read(int argc, char **argv, const char *what,
                  const struct option_entry *table)
{
    for (int i = 1; i < argc; i += 2) {
        const struct option_entry *e = table;
        if (strcmp(argv[i], "--help") == 0) {
            help(what, table);
            exit(0);
        }
        while (e->name &&
               !(strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, e->name) == 0))
            e++;
        if (!e->name || i + 1 == argc)
            bad(argv[i], NULL);
        if (e->number)
            *e->number = number(argv[i], argv[i + 1]);
        else
            *e->text = argv[i + 1];
    }
}

unsigned options_list(const char *text, uint32_t *numbers, unsigned max)
{
    unsigned n = 0;
    const char *at = text;
    for (;;) {
        char *end;
        unsigned long value = strtoul(at, &end, 10);
        if (end == at || value == 0 || value > 1024 || n == max)
            bad("list", text);
        numbers[n++] = (uint32_t)value;
        if (*end == '\0')
            return n;
        if (*end != ',')
            bad("list", text);
        at = end + 1;
    }
}
