/* text.c: small texts of the public interface: cron expressions, addresses, names of
 * sockets and actors, topics, lines of the log.
 *
 * Fuzzed: actors/cron.c actors/line.c actors/topics.c runtime/io/address.c
 * Fuzzed: runtime/io/local.c runtime/actor/name.c */
#include "fuzz/fuzz.h"

#include "actor/name.h"
#include "cron.h"
#include "io/address.h"
#include "io/local.h"
#include "line.h"
#include "topics.h"

#include <errno.h>

static bool has(uint64_t set, int64_t n) { return set >> n & 1; }

static bool fits(const struct cron *cron, int64_t second)
{
    int64_t year, month, day, days = second / 86400, rest = second % 86400;
    cron_date(days, &year, &month, &day);
    bool day_is = has(cron->set[DAY], day),
         weekday_is = has(cron->set[WEEKDAY], (days + 4) % 7);
    bool is_day = cron->any_day || cron->any_weekday ? day_is && weekday_is
                                                     : day_is || weekday_is;
    return is_day && has(cron->set[MONTH], month) &&
           has(cron->set[HOUR], rest / 3600) &&
           has(cron->set[MINUTE], rest / 60 % 60) && has(cron->set[SECOND], rest % 60);
}

/* The same as lists of numbers. */
static void write_cron(struct story *text, const struct cron *cron)
{
    static const int last[] = {59, 59, 23, 31, 12, 6};
    for (int field = SECOND; field < CRON_FIELDS; field++) {
        char number[8];
        const char *comma = "";
        bool any =
            (field == DAY && cron->any_day) || (field == WEEKDAY && cron->any_weekday);
        bool all = true;
        for (int i = field == DAY || field == MONTH; i <= last[field]; i++)
            all &= has(cron->set[field], i);
        if (any && all)
            story_add(text, "*", 1);
        for (int i = 0; !(any && all) && i <= last[field]; i++)
            if (has(cron->set[field], i)) {
                int n = snprintf(number, sizeof number, "%s%d", comma, i);
                story_add(text, number, (size_t)n);
                comma = ",";
            }
        story_add(text, " ", field < WEEKDAY);
    }
    story_add(text, "", 1);
}

/* The next second that fits is one, no earlier one is, and it is found from anywhere. */
static void read_cron(const char *expression, int64_t after, uint64_t before)
{
    struct cron cron, again;
    const char *field = NULL;
    int err = cron_parse(&cron, expression, &field);
    CHECK(field && (err == 0 || err == -EINVAL));
    if (err)
        return;
    int64_t next = cron_next(&cron, after);
    CHECK(next > after && fits(&cron, next));
    int64_t between = after + 1 + (int64_t)(before % (uint64_t)(next - after));
    CHECK(between == next || !fits(&cron, between));
    CHECK(cron_next(&cron, between - 1) == next);
    struct story text = {0};
    write_cron(&text, &cron);
    err = cron_parse(&again, text.bytes, &field);
    CHECK(err == 0);
    for (int i = SECOND; i < WEEKDAY; i++)
        CHECK(cron.set[i] == again.set[i]);
    CHECK((cron.set[WEEKDAY] & 127) == (again.set[WEEKDAY] & 127));
    story_free(&text);
}

/* What is printed is read as the same. */
static void read_address(const char *host, uint16_t port)
{
    union address address, again;
    cadre_address text, same;
    if (address_parse(&address, host, port))
        return;
    address_print(&text, &address);
    CHECK(text.port == port && !address_parse(&again, text.host, text.port));
    address_print(&same, &again);
    CHECK(!strcmp(text.host, same.host) && same.port == port);
}

static void read_local(const char *path)
{
    struct local local;
    int err = local_parse(&local, path);
    size_t length = strlen(path);
    CHECK(err == 0 || err == -EINVAL || err == -ENAMETOOLONG);
    CHECK((err == -EINVAL) == (length == 0 || !strcmp(path, "@")));
    CHECK((err == -ENAMETOOLONG) == (length >= sizeof local.name.sun_path));
    if (!err)
        CHECK(local.size <= sizeof local.name &&
              !strcmp(local.name.sun_path + 1, path + 1));
}

/* Two texts are one name if they are the same text. */
static void read_names(const char *a, const char *b, uint64_t seed)
{
    struct name x, y;
    bool has_x = name_read(&x, a, seed), has_y = name_read(&y, b, seed);
    CHECK(has_x == (*a && strlen(a) <= CADRE_NAME_MAX));
    CHECK(has_x || name_flaw(a));
    if (has_x && has_y) {
        bool same =
            x.words == y.words && !memcmp(x.word, y.word, x.words * sizeof *x.word);
        CHECK(same == !strcmp(a, b) && (!same || x.hash == y.hash));
    }
    if (topics_is_text(a, false))
        CHECK(topics_is_text(a, true) && !strchr(a, '*'));
    CHECK(!topics_is_text(a, true) || (*a && strlen(a) <= CADRE_TOPIC_MAX));
}

/* A line is one line, as long as was said, and is cut. */
static void write_line(const char *what, const char *name, const char *value,
                       int64_t number)
{
    const cadre_log_field fields[] = {
        {.name = name, .text = value}, {.name = name, .number = number}, {0}};
    cadre_buf *text = line_text(what, fields);
    size_t size = cadre_buf_size(text);
    const char *bytes = (const char *)cadre_buf_data(text);
    CHECK(size <= CADRE_LOG_TEXT);
    size_t length = line_escape(NULL, bytes, size);
    char *line = malloc(length + 1);
    CHECK(line_escape(line, bytes, size) == length);
    for (size_t i = 0; i < length; i++)
        CHECK((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    free(line);
    cadre_buf_unref(text);
    char head[LINE_HEAD];
    CHECK(line_head(head, number & INT64_MAX, 3, (cadre_ref){0}, name) < LINE_HEAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    uint8_t how = input_byte(&in);
    uint64_t number = input_number(&in, how & 8 ? 8 : 4);
    char *a = input_word(&in), *b = input_word(&in), *c = input_word(&in);
    switch (how & 7) {
    case 0:
        read_address(a, (uint16_t)number);
        break;
    case 1:
        read_local(a);
        break;
    case 2:
        read_names(a, b, number);
        break;
    case 3:
        write_line(a, b, c, (int64_t)number);
        break;
    default:
        read_cron(a, (int64_t)(number % (UINT64_C(1) << 36)), number);
    }
    free(a);
    free(b);
    free(c);
    return 0;
}
