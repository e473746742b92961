/* cron.c: cron expressions: parsed, and the next time that fits.
 *
 * Days are looked at one after another: at most nine years of them (29 February comes
 * every eight years around 2100), which is 3,300 cheap steps for an expression that never
 * fits, and one or a few for any other. */
#include "cron.h"

#include <errno.h>
#include <stddef.h>

/* A 29th of February that is a Sunday may be 40 years after the last. */
enum { DAY_SECONDS = 86400, DAYS_MAX = 41 * 366 };

static const struct {
    const char *name;
    unsigned first, last;
} fields[CRON_FIELDS] = {{"second", 0, 59}, {"minute", 0, 59}, {"hour", 0, 23},
                         {"day", 1, 31},    {"month", 1, 12},  {"weekday", 0, 7}};

/* ---- parsing ---- */

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static const char *skip_spaces(const char *text)
{
    while (is_space(*text))
        text++;
    return text;
}

/* At most three digits. Returns where it ends; NULL: there is no number. */
static const char *read_number(const char *text, unsigned *number)
{
    const char *p = text;
    *number = 0;
    while (*p >= '0' && *p <= '9' && p - text < 3)
        *number = *number * 10 + (unsigned)(*p++ - '0');
    return p > text ? p : NULL;
}

/* One part of a list. Returns where it ends; NULL: it is wrong. */
static const char *read_part(const char *text, unsigned least, unsigned most,
                             uint64_t *set)
{
    unsigned first = least, last = most, step = 1;
    bool single = *text != '*';
    text = single ? read_number(text, &first) : text + 1;
    if (text && single && *text == '-') {
        text = read_number(text + 1, &last);
        single = false;
    }
    if (text && *text == '/') {
        text = read_number(text + 1, &step);
        single = false;
    }
    if (single)
        last = first;
    if (!text || first < least || last > most || first > last || step == 0)
        return NULL;
    for (unsigned i = first; i <= last; i += step)
        *set |= UINT64_C(1) << i;
    return text;
}

static const char *read_field(const char *text, enum cron_field field, uint64_t *set)
{
    const unsigned first = fields[field].first, last = fields[field].last;
    text = read_part(text, first, last, set);
    while (text && *text == ',')
        text = read_part(text + 1, first, last, set);
    return text && (*text == '\0' || is_space(*text)) ? text : NULL;
}

static unsigned count_fields(const char *text)
{
    unsigned count = 0;
    for (text = skip_spaces(text); *text; text = skip_spaces(text)) {
        count++;
        while (*text && !is_space(*text))
            text++;
    }
    return count;
}

int cron_parse(struct cron *cron, const char *text, const char **field)
{
    unsigned count = count_fields(text);
    *cron = (struct cron){.any_day = false};
    *field = "number of fields";
    if (count != CRON_FIELDS && count != CRON_FIELDS - 1)
        return -EINVAL;
    if (count < CRON_FIELDS)
        cron->set[SECOND] = 1;
    for (unsigned i = CRON_FIELDS - count; i < CRON_FIELDS; i++) {
        text = skip_spaces(text);
        cron->any_day |= i == DAY && *text == '*';
        cron->any_weekday |= i == WEEKDAY && *text == '*';
        *field = fields[i].name;
        text = read_field(text, (enum cron_field)i, &cron->set[i]);
        if (!text)
            return -EINVAL;
    }
    cron->set[WEEKDAY] |= cron->set[WEEKDAY] >> 7; /* 7 is 0 */
    *field = fields[DAY].name;
    return cron_next(cron, 0) < 0 ? -EINVAL : 0;
}

/* ---- the calendar ---- */

static bool has(uint64_t set, int64_t n) { return set >> n & 1; }

/* By Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March,
 * so that the odd day is the last. */
void cron_date(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t z = days + 719468;
    int64_t in_era = z % 146097; /* not negative: nothing is before 1970 */
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    *day = in_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = z / 146097 * 400 + y + (*month <= 2);
}

static bool day_fits(const struct cron *cron, int64_t days)
{
    int64_t year, month, day;
    cron_date(days, &year, &month, &day);
    bool day_is = has(cron->set[DAY], day);
    bool weekday_is = has(cron->set[WEEKDAY], (days + 4) % 7); /* it was a Thursday */
    if (!has(cron->set[MONTH], month))
        return false;
    if (cron->any_day || cron->any_weekday)
        return day_is && weekday_is;
    return day_is || weekday_is;
}

/* The first second of a day, from this one on, that fits; -1: none. */
static int64_t second_of_day(const struct cron *cron, int64_t from)
{
    for (int64_t minute = from / 60; minute < DAY_SECONDS / 60; minute++) {
        if (!has(cron->set[HOUR], minute / 60) || !has(cron->set[MINUTE], minute % 60))
            continue;
        for (int64_t s = minute == from / 60 ? from % 60 : 0; s < 60; s++)
            if (has(cron->set[SECOND], s))
                return minute * 60 + s;
    }
    return -1;
}

int64_t cron_next(const struct cron *cron, int64_t after)
{
    int64_t from = after < -1 ? 0 : after + 1;
    int64_t today = from / DAY_SECONDS;
    for (int64_t day = today; day < today + DAYS_MAX; day++) {
        int64_t s = -1;
        if (day_fits(cron, day))
            s = second_of_day(cron, day == today ? from % DAY_SECONDS : 0);
        if (s >= 0)
            return day * DAY_SECONDS + s;
    }
    return -1;
}
