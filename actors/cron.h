/* cron.h: cron expressions: parsed, and the next time that fits. */
#ifndef ACTORS_CRON_H
#define ACTORS_CRON_H

#include <stdbool.h>
#include <stdint.h>

enum cron_field { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, CRON_FIELDS };

struct cron {
    uint64_t set[CRON_FIELDS]; /* bit n: n fits */
    bool any_day, any_weekday; /* the field begins with * */
};

/* Returns 0, or -EINVAL and, in *field, the name of the field that is wrong. */
int cron_parse(struct cron *cron, const char *text, const char **field);

/* The first second after `after`, since 1970, that fits; -1: none within nine years. */
int64_t cron_next(const struct cron *cron, int64_t after);

/* The date of a day since 1970, which is 0; months and days from 1. */
void cron_date(int64_t days, int64_t *year, int64_t *month, int64_t *day);

#endif
