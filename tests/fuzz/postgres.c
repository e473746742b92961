/* postgres.c: what comes from PostgreSQL's server as text becomes values, in a result of
 * libpq's own.
 *
 * Fuzzed: actors/postgres/convert.c actors/sql/table.c actors/sql.c actors/rows.c */
#include "fuzz/fuzz.h"

#include "postgres/convert.h"

#include <errno.h>
#include <inttypes.h>

enum { COLUMNS = 4 };
static const Oid types[] = {16, 17, 20, 21, 23, 25, 26, 700, 701};

static PGresult *make_result(char *names[COLUMNS], struct input *in)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[COLUMNS] = {{.name = NULL}};
    CHECK(result);
    for (int i = 0; i < COLUMNS; i++) {
        names[i] = input_word(in);
        columns[i] = (PGresAttDesc){
            .name = names[i],
            .typid = types[input_byte(in) % (sizeof types / sizeof *types)]};
    }
    CHECK(PQsetResultAttrs(result, COLUMNS, columns));
    for (int i = 0; i < COLUMNS; i++) {
        char *text = input_word(in);
        int length = input_byte(in) == 255 ? -1 : (int)strlen(text);
        CHECK(PQsetvalue(result, 0, i, text, length));
        free(text);
    }
    return result;
}

/* Each bytea. */
static bool all_in_hex(const PGresult *result)
{
    for (int i = 0; i < COLUMNS; i++) {
        const char *text = PQgetvalue(result, 0, i);
        if (PQftype(result, i) != 17 || PQgetisnull(result, 0, i))
            continue;
        size_t digits = text[0] == '\\' && text[1] == 'x'
                            ? strspn(text + 2, "0123456789abcdefABCDEF")
                            : 1;
        if (digits % 2 || text[2 + digits])
            return false;
    }
    return true;
}

static void check_cell(const cadre_sql_value *v, const PGresult *result, int i)
{
    Oid type = PQftype(result, i);
    size_t length = (size_t)PQgetlength(result, 0, i);
    if (PQgetisnull(result, 0, i)) {
        CHECK(v->kind == CADRE_SQL_NULL);
        return;
    }
    if (type == 17)
        CHECK(v->kind == CADRE_SQL_BYTES &&
              v->size == (length >= 2 ? (length - 2) / 2 : 0));
    else if (type == 25)
        CHECK(v->kind == CADRE_SQL_TEXT && v->size == length &&
              !memcmp(v->is.text, PQgetvalue(result, 0, i), length + 1));
    else
        CHECK(v->kind == (type >= 700 ? CADRE_SQL_REAL : CADRE_SQL_INTEGER));
}

static void read_row(struct input in)
{
    char *names[COLUMNS];
    PGresult *result = make_result(names, &in);
    struct table table = {.max = 1 << 20};
    cadre_buf *data = NULL;
    CHECK(!convert_names(&table, result));
    int err = convert_row(&table, result, 0);
    bool is_good = all_in_hex(result);
    CHECK(err == (is_good ? 0 : -EPROTO));
    CHECK(!table_finish(&table, &data));
    const cadre_sql_value *v = (const void *)cadre_buf_data(data);
    for (int i = 0; i < COLUMNS; i++) {
        CHECK(v[i].kind == CADRE_SQL_TEXT && !strcmp(v[i].is.text, names[i]));
        if (is_good)
            check_cell(&v[COLUMNS + i], result, i);
        free(names[i]);
    }
    cadre_buf_unref(data);
    PQclear(result);
}

/* Numbers and bytes as they are sent are read as the same. */
static void write_values(struct input in)
{
    cadre_sql sql = {.statements = NULL};
    int64_t integer = (int64_t)input_number(&in, 8);
    double real;
    memcpy(&real, &(uint64_t){input_number(&in, 8)}, sizeof real);
    struct params params;
    const cadre_sql_value values[] = {
        cadre_sql_integer(integer),
        cadre_sql_real(real),
        {.kind = CADRE_SQL_TEXT, .size = (uint32_t)in.size, .is.bytes = in.at},
        cadre_sql_bytes(in.at, (uint32_t)in.size)};
    CHECK(!cadre_sql_add(&sql, "SELECT $1, $2, $3, $4", values, 4));
    int err = convert_params(&params, statement_next(&sql, NULL));
    bool has_zero = in.size > 0 && memchr(in.at, 0, in.size);
    CHECK(err == (has_zero ? -EILSEQ : 0));
    if (!err) {
        double again = strtod(params.values[1], NULL);
        CHECK(strtoll(params.values[0], NULL, 10) == integer);
        CHECK(real != real ? again != again : again == real);
        CHECK(strlen(params.values[2]) == in.size && params.sizes[3] == (int)in.size);
        CHECK(params.formats[3] == 1 && params.formats[0] == 0);
    }
    convert_free(&params);
    cadre_sql_drop(&sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    if (input_byte(&in) & 1)
        read_row(in);
    else
        write_values(in);
    return 0;
}
