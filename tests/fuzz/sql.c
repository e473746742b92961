/* sql.c: statements and rows are what was put in, and what a statement begins with.
 *
 * Fuzzed: actors/sql.c actors/sql/table.c actors/postgres/words.c actors/rows.c */
#include "fuzz/fuzz.h"

#include "postgres/words.h"
#include "sql/statement.h"
#include "sql/table.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

enum { STATEMENTS = 4, VALUES = 4 };

/* ---- statements and rows ------------------------------------------------------- */

struct list {
    char *texts[STATEMENTS];
    cadre_sql_value values[STATEMENTS][VALUES];
    char *bytes[STATEMENTS][VALUES];
    uint32_t counts[STATEMENTS], count;
};

static void take_value(cadre_sql_value *v, char **bytes, struct input *in)
{
    uint8_t kind = input_byte(in) % 5, size = input_byte(in);
    struct input part = input_take(in, kind < 3 ? 0 : size);
    *bytes = input_exact(part);
    *v = kind == 0   ? cadre_sql_null()
         : kind == 1 ? cadre_sql_integer((int64_t)input_number(in, 8))
         : kind == 2 ? cadre_sql_real((double)input_number(in, 4) / 3)
                     : cadre_sql_bytes(*bytes, (uint32_t)part.size);
    if (kind == 3)
        v->kind = CADRE_SQL_TEXT;
}

static void take_list(struct list *list, struct input *in)
{
    *list = (struct list){.count = 1 + input_byte(in) % STATEMENTS};
    for (uint32_t i = 0; i < list->count; i++) {
        list->texts[i] = input_word(in);
        list->counts[i] = input_byte(in) % (VALUES + 1);
        for (uint32_t n = 0; n < list->counts[i]; n++)
            take_value(&list->values[i][n], &list->bytes[i][n], in);
    }
}

static void free_list(struct list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        free(list->texts[i]);
        for (uint32_t n = 0; n < list->counts[i]; n++)
            free(list->bytes[i][n]);
    }
}

static void check_value(const cadre_sql_value *got, const cadre_sql_value *put)
{
    CHECK(got->kind == put->kind);
    if (put->kind == CADRE_SQL_INTEGER)
        CHECK(got->is.integer == put->is.integer);
    else if (put->kind == CADRE_SQL_REAL)
        CHECK(got->is.real == put->is.real);
    if (put->kind < CADRE_SQL_TEXT)
        return;
    CHECK(got->size == put->size && ((const char *)got->is.bytes)[put->size] == 0);
    CHECK(put->size == 0 || !memcmp(got->is.bytes, put->is.bytes, put->size));
}

static void write_statements(const struct list *list)
{
    cadre_sql sql = {.statements = NULL};
    const struct statement *s = NULL;
    for (uint32_t i = 0; i < list->count; i++)
        CHECK(!cadre_sql_add(&sql, list->texts[i], list->values[i], list->counts[i]));
    CHECK(sql.count == list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        CHECK((s = statement_next(&sql, s)) &&
              !strcmp(statement_text(s), list->texts[i]));
        CHECK(s->count == list->counts[i]);
        for (uint32_t n = 0; n < s->count; n++) {
            cadre_sql_value v = statement_value(s, n);
            check_value(&v, &list->values[i][n]);
        }
    }
    CHECK(!statement_next(&sql, s));
    cadre_sql_drop(&sql);
}

static void write_rows(const struct list *list, uint64_t max)
{
    struct table table = {.max = max};
    cadre_buf *data = NULL;
    uint32_t count = 0;
    int err = 0;
    for (uint32_t i = 0; !err && i < list->count; i++)
        for (uint32_t n = 0; !err && n < list->counts[i]; n++, count += !err)
            err = table_add(&table, &list->values[i][n]);
    CHECK(err == 0 || err == -EMSGSIZE);
    CHECK(table.used <= max);
    CHECK(!table_finish(&table, &data) && cadre_buf_size(data) <= max);
    const cadre_sql_value *v = (const void *)cadre_buf_data(data);
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t n = 0; n < list->counts[i] && count > 0; n++, count--)
            check_value(v++, &list->values[i][n]);
    cadre_buf_unref(data);
}

/* ---- words --------------------------------------------------------------------- */

/* Blanks and a comment in front change nothing, and neither does case. */
static void read_words(const char *statement, const char *comment)
{
    static const char *const list[] = {"SELECT", "WITH", "INSERT", NULL};
    const char *start = words_start(statement);
    bool begins = words_begin(statement, list);
    CHECK(start >= statement && start <= statement + strlen(statement));
    CHECK(words_start(start) == start && begins == words_begin(start, list));
    CHECK(!begins || isalpha((unsigned char)*start));
    struct story longer = {0};
    story_add(&longer, " /* /* */ -- ", 13);
    for (const char *at = comment; *at; at++)
        if (*at != '*' && *at != '/')
            story_add(&longer, at, 1);
    story_add(&longer, "*/\t--", 5);
    for (const char *at = comment; *at; at++)
        if (*at != '\n' && *at != '\r')
            story_add(&longer, at, 1);
    story_add(&longer, "\n", 1);
    size_t before = longer.size;
    story_add(&longer, start, strlen(start) + 1);
    CHECK(words_start(longer.bytes) == longer.bytes + before);
    CHECK(begins == words_begin(longer.bytes, list));
    story_free(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    uint8_t how = input_byte(&in);
    if (how & 1) {
        char *statement = input_word(&in), *comment = input_word(&in);
        read_words(statement, comment);
        free(statement);
        free(comment);
        return 0;
    }
    struct list list;
    uint64_t max = input_number(&in, 2) & (how & 2 ? 1023 : 65535);
    take_list(&list, &in);
    write_statements(&list);
    write_rows(&list, max);
    free_list(&list);
    return 0;
}
