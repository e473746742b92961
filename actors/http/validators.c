/* validators.c: what a client has of a file already, and which part of it it wants. */
#include "validators.h"

#include "head.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- dates ------------------------------------------------------------------------ */

static int month_of(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *found = strstr(months, name);
    return found && (found - months) % 3 == 0 ? (int)(found - months) / 3 : -1;
}

int64_t date_parse(cadre_http_text text)
{
    char line[DATE_SIZE], month[4] = "", end = 0;
    struct tm t = {0};
    if (text.size != sizeof line - 1)
        return -1;
    memcpy(line, text.at, text.size);
    line[text.size] = '\0';
    int n = sscanf(line, "%*3c, %2d %3c %4d %2d:%2d:%2d GM%c", &t.tm_mday, month,
                   &t.tm_year, &t.tm_hour, &t.tm_min, &t.tm_sec, &end);
    t.tm_mon = month_of(month);
    t.tm_year -= 1900;
    return n == 7 && end == 'T' && t.tm_mon >= 0 ? (int64_t)timegm(&t) : -1;
}

/* ---- entity tags ------------------------------------------------------------------ */

void validators_make(struct validators *v, const cadre_file_status *status)
{
    v->modified = status->modified / CADRE_SECOND;
    wire_make_date(v->date, v->modified);
    v->date[DATE_SIZE - 1] = '\0';
    snprintf(v->tag, sizeof v->tag, "\"%llx-%llx\"",
             (unsigned long long)status->modified, (unsigned long long)status->size);
}

static bool is_tag(cadre_http_text text, const char *tag)
{
    if (text.size > 2 && text.at[0] == 'W' && text.at[1] == '/')
        text = (cadre_http_text){text.at + 2, text.size - 2};
    return cadre_http_is(text, tag);
}

/* Is it in the list? Ours has no comma in it. */
static bool has_tag(cadre_http_text list, const char *tag)
{
    while (list.size > 0) {
        const char *comma = memchr(list.at, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.at) : list.size;
        cadre_http_text one = head_trim((cadre_http_text){list.at, size});
        if (is_tag(one, tag) || cadre_http_is(one, "*"))
            return true;
        size += comma ? 1 : 0;
        list = (cadre_http_text){list.at + size, list.size - size};
    }
    return false;
}

bool validators_match(const struct validators *v, const cadre_http_request *r)
{
    cadre_http_text name, value, since = cadre_http_header(r, "If-Modified-Since");
    bool has_tags = false;
    for (unsigned i = 0; cadre_http_field_at(r, i, &name, &value); i++) {
        if (!head_same(name, "If-None-Match"))
            continue;
        has_tags = true;
        if (has_tag(value, v->tag))
            return true;
    }
    return !has_tags && since.at && date_parse(since) >= v->modified;
}

/* ---- ranges ----------------------------------------------------------------------- */

/* Takes a number off; false: there is none, or a too large one. */
static bool take_number(cadre_http_text *text, uint64_t *number)
{
    size_t before = text->size;
    for (*number = 0; text->size > 0 && *text->at >= '0' && *text->at <= '9';) {
        if (*number > (UINT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (uint64_t)(*text->at++ - '0');
        text->size--;
    }
    return text->size < before;
}

/* One range, as first and last; both may be missing, not at once. */
static bool parse_range(cadre_http_text text, bool has[2], uint64_t ends[2])
{
    static const char unit[] = "bytes=";
    size_t size = sizeof unit - 1;
    if (text.size <= size || memcmp(text.at, unit, size) != 0)
        return false;
    text = (cadre_http_text){text.at + size, text.size - size};
    has[0] = take_number(&text, &ends[0]);
    if (text.size == 0 || *text.at != '-')
        return false;
    text = (cadre_http_text){text.at + 1, text.size - 1};
    has[1] = take_number(&text, &ends[1]);
    return text.size == 0 && (has[0] || has[1]) &&
           !(has[0] && has[1] && ends[1] < ends[0]);
}

static bool if_range_fits(const struct validators *v, const cadre_http_request *r)
{
    cadre_http_text text = cadre_http_header(r, "If-Range");
    return !text.at || cadre_http_is(text, v->tag) || cadre_http_is(text, v->date);
}

int range_find(struct range *range, const struct validators *v, uint64_t size,
               const cadre_http_request *r)
{
    bool has[2];
    uint64_t ends[2], most;
    cadre_http_text text = cadre_http_header(r, "Range");
    *range = (struct range){0, size};
    if (!text.at || !cadre_http_is(r->method, "GET") || !parse_range(text, has, ends) ||
        !if_range_fits(v, r))
        return 200;
    if (has[0] ? ends[0] >= size : size == 0 || ends[1] == 0)
        return 416;
    if (has[0])
        range->first = ends[0];
    else
        range->first = ends[1] < size ? size - ends[1] : 0;
    most = size - range->first;
    bool ends_before = has[0] && has[1] && ends[1] < size;
    range->size = ends_before ? ends[1] - ends[0] + 1 : most;
    return 206;
}
