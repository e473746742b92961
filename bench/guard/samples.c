/* samples.c: what the benchmarks of two trees wrote with --csv, row by row. */
#include "guard/samples.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64, LINE_MAX_BYTES = 4096 };
enum column { BENCH, NAME, PARAMETERS, UNIT, MEDIAN, FOREIGN, COLUMNS };
static const char *const titles[COLUMNS] = {"bench", "name",   "parameters",
                                            "unit",  "median", "foreign"};

/* Takes the field that starts at `from`, in place, and returns what follows its comma;
 * NULL at the end of the line. */
static char *cut_field(char *from)
{
    char *to = from;
    bool quoted = *from == '"';
    for (from += quoted; *from && (quoted || *from != ','); from++) {
        if (quoted && *from == '"' && *++from != '"')
            break; /* the end of the text; "" stands for one " in it */
        *to++ = *from;
    }
    bool more = *from == ',';
    *to = '\0';
    return more ? from + 1 : NULL;
}

/* Cuts a line of RFC 4180 into its fields. Returns how many. */
static size_t cut(char *line, char *fields[FIELDS_MAX])
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    while (line && count < FIELDS_MAX) {
        fields[count++] = line;
        line = cut_field(line);
    }
    return count;
}

static int find_columns(size_t where[COLUMNS], char *heading)
{
    char *fields[FIELDS_MAX];
    size_t count = cut(heading, fields);
    for (size_t c = 0; c < COLUMNS; c++) {
        for (where[c] = 0; where[c] < count; where[c]++)
            if (strcmp(fields[where[c]], titles[c]) == 0)
                break;
        if (where[c] == count)
            return -1;
    }
    return 0;
}

static struct sample_row *find_row(struct samples *samples, const char *name,
                                   const char *unit)
{
    struct sample_row *row = samples->rows;
    for (; row < samples->rows + samples->count; row++)
        if (strcmp(row->name, name) == 0)
            return strcmp(row->unit, unit) == 0 ? row : NULL;
    if (samples->count == ROWS_MAX)
        return NULL;
    samples->count++;
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->unit, sizeof row->unit, "%s", unit);
    return row;
}

static int add_line(struct samples *samples, enum side side,
                    const size_t where[COLUMNS], char *line)
{
    char *fields[FIELDS_MAX], *end, name[sizeof samples->rows[0].name];
    size_t count = cut(line, fields);
    for (size_t c = 0; c < COLUMNS; c++)
        if (where[c] >= count)
            return -1;
    if (strcmp(fields[where[NAME]], fields[where[BENCH]]) != 0)
        return 0;
    snprintf(name, sizeof name, "%s %s", fields[where[NAME]],
             fields[where[PARAMETERS]]);
    struct sample_row *row = find_row(samples, name, fields[where[UNIT]]);
    double value = strtod(fields[where[MEDIAN]], &end);
    double foreign = strtod(fields[where[FOREIGN]], NULL);
    if (!row || *end || !(value > 0) || row->rounds[side] == ROUNDS_MAX)
        return -1;
    row->values[side][row->rounds[side]++] = value;
    row->foreign = foreign > row->foreign ? foreign : row->foreign;
    return 0;
}

int samples_read(struct samples *samples, enum side side, const char *path)
{
    char line[LINE_MAX_BYTES];
    size_t where[COLUMNS], number = 1;
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    int err = fgets(line, sizeof line, file) ? find_columns(where, line) : -1;
    while (err == 0 && fgets(line, sizeof line, file)) {
        number++;
        err = add_line(samples, side, where, line);
    }
    fclose(file);
    if (err)
        fprintf(stderr, "%s:%zu: not what a benchmark writes\n", path, number);
    return err;
}
