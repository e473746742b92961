/* options.c: a table of command-line options, read strictly and explained by --help. */
#include "harness/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void explain_row(const struct option_row *row)
{
    char left[40];
    snprintf(left, sizeof left, "--%s %s", row->name, row->value ? row->value : "");
    printf("  %-16s %s", left, row->help);
    if (row->number)
        printf(", %" PRIu64 " to %" PRIu64, row->min, row->max);
    if (row->otherwise)
        printf(" (%s)", row->otherwise);
    else if (row->number)
        printf(" (%" PRIu64 ")", *row->number);
    putchar('\n');
}

static void explain(const char *program, const char *question,
                    const struct option_row *own, const struct option_row *common)
{
    printf("usage: %s [options]\n\n%s\n\noptions (defaults in brackets):\n", program,
           question);
    for (; own->name; own++)
        explain_row(own);
    for (; common->name; common++)
        explain_row(common);
    printf("  %-16s %s\n", "--help", "print this and exit");
}

/* The row that `arg` (without its dashes) names, up to an '='; NULL when none does. */
static const struct option_row *find(const struct option_row *row, const char *arg)
{
    size_t length = strcspn(arg, "=");
    for (; row->name; row++)
        if (strlen(row->name) == length && memcmp(row->name, arg, length) == 0)
            return row;
    return NULL;
}

/* Decimal digits and nothing else: strtoull alone would take "-1", " 1" and "1x". */
static bool parse_number(uint64_t *number, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno)
        return false;
    *number = value;
    return true;
}

static void refuse(const char *program)
{
    fprintf(stderr, " (%s --help lists the options)\n", program);
    exit(2);
}

static void set(const char *program, const struct option_row *row, const char *value)
{
    uint64_t number;
    if (row->on) {
        *row->on = true;
    } else if (row->text) {
        *row->text = value;
    } else if (parse_number(&number, value) && number >= row->min &&
               number <= row->max) {
        *row->number = number;
    } else {
        fprintf(stderr,
                "%s: --%s takes a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"",
                program, row->name, row->min, row->max, value);
        refuse(program);
    }
}

void options_read(const char *program, const char *question,
                  const struct option_row *own, const struct option_row *common,
                  int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            explain(program, question, own, common);
            exit(0);
        }
        const struct option_row *row = NULL;
        if (strncmp(argv[i], "--", 2) == 0 && !(row = find(own, argv[i] + 2)))
            row = find(common, argv[i] + 2);
        const char *given = argv[i], *value = strchr(argv[i], '=');
        if (!row || (row->on && value)) {
            fprintf(stderr, "%s: unknown option \"%s\"", program, given);
            refuse(program);
        } else if (value) {
            value++;
        } else if (!row->on && !(value = argv[++i])) {
            fprintf(stderr, "%s: %s needs a value", program, given);
            refuse(program);
        }
        set(program, row, value);
    }
}
