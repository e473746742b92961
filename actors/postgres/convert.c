/* convert.c: values as PostgreSQL has them, and its errors as ours. */
#include "convert.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types by their numbers in pg_type, which never change. */
enum {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    OID = 26,
    FLOAT4 = 700,
    FLOAT8 = 701
};

/* ---- parameters ------------------------------------------------------------------ */

enum { NUMBER_SIZE = 32 };

/* The decimal point is the server's, whatever this process's is. */
static void print_real(char *text, double real)
{
    (void)snprintf(text, NUMBER_SIZE, "%.17g", real);
    for (char *at = text; *at; at++)
        if (!strchr("0123456789+-einfa", *at))
            *at = '.';
}

/* libpq counts bytes by int, and the server takes no more than 1 GiB of a value. */
static int convert_one(struct params *p, int i, const cadre_sql_value *v, char *number)
{
    if (v->kind >= CADRE_SQL_TEXT && v->size > INT_MAX)
        return -E2BIG;
    p->formats[i] = v->kind == CADRE_SQL_BYTES;
    p->sizes[i] = (int)v->size;
    p->values[i] = number;
    switch (v->kind) {
    case CADRE_SQL_INTEGER:
        (void)snprintf(number, NUMBER_SIZE, "%lld", (long long)v->is.integer);
        return 0;
    case CADRE_SQL_REAL:
        print_real(number, v->is.real);
        return 0;
    case CADRE_SQL_TEXT:
        p->values[i] = v->is.text;
        return v->size && memchr(v->is.text, 0, v->size) ? -EILSEQ : 0;
    case CADRE_SQL_BYTES:
        p->values[i] = v->is.bytes;
        return 0;
    default:
        p->values[i] = NULL;
        return 0;
    }
}

int convert_params(struct params *p, const struct statement *s)
{
    size_t n = s->count;
    *p = (struct params){.count = (int)n};
    if (n > UINT16_MAX)
        return -EMSGSIZE;
    if (n == 0)
        return 0;
    p->buf =
        cadre_buf_new(NULL, n * (sizeof *p->values + 2 * sizeof(int) + NUMBER_SIZE));
    if (!p->buf)
        return -ENOMEM;
    p->values = (void *)cadre_buf_data(p->buf);
    p->sizes = (int *)(p->values + n);
    p->formats = p->sizes + n;
    char *numbers = (char *)(p->formats + n);
    int err = 0;
    for (int i = 0; !err && i < p->count; i++) {
        cadre_sql_value v = statement_value(s, (uint32_t)i);
        err = convert_one(p, i, &v, numbers + (size_t)i * NUMBER_SIZE);
    }
    if (err)
        convert_free(p);
    return err;
}

void convert_free(struct params *p)
{
    cadre_buf_unref(p->buf);
    *p = (struct params){.count = 0};
}

/* ---- rows ------------------------------------------------------------------------ */

static double real_of(const char *text)
{
    char local[64], point[8];
    (void)snprintf(local, sizeof local, "%s", text);
    (void)snprintf(point, sizeof point, "%.1f", 0.5);
    char *at = strchr(local, '.');
    if (at)
        *at = point[1];
    return strtod(local, NULL);
}

static int digit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

/* \x, and two digits for each byte: so it comes unless somebody has changed
 * bytea_output. Errors: -EPROTO, too. */
static int add_bytes(struct table *table, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t size = length >= 2 ? (length - 2) / 2 : 0;
    if (strncmp(text, "\\x", 2) != 0 || strspn(text + 2, digits) != 2 * size ||
        length % 2)
        return -EPROTO;
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf)
        return -ENOMEM;
    uint8_t *bytes = cadre_buf_data(buf);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(digit(text[2 + 2 * i]) << 4 | digit(text[3 + 2 * i]));
    cadre_sql_value v = cadre_sql_bytes(bytes, (uint32_t)size);
    int err = table_add(table, &v);
    cadre_buf_unref(buf);
    return err;
}

static int add_value(struct table *table, Oid type, const char *text, size_t length)
{
    cadre_sql_value v = {.kind = CADRE_SQL_TEXT, .size = (uint32_t)length};
    v.is.text = text;
    switch (type) {
    case BOOL:
        v = cadre_sql_integer(text[0] == 't');
        break;
    case INT2:
    case INT4:
    case INT8:
    case OID:
        v = cadre_sql_integer(strtoll(text, NULL, 10));
        break;
    case FLOAT4:
    case FLOAT8:
        v = cadre_sql_real(real_of(text));
        break;
    case BYTEA:
        return add_bytes(table, text, length);
    default:
        break;
    }
    return table_add(table, &v);
}

int convert_names(struct table *table, const PGresult *result)
{
    int err = 0, columns = PQnfields(result);
    for (int i = 0; !err && i < columns; i++) {
        cadre_sql_value name = cadre_sql_text(PQfname(result, i));
        err = table_add(table, &name);
    }
    return err;
}

int convert_row(struct table *table, const PGresult *result, int row)
{
    const cadre_sql_value null = cadre_sql_null();
    int err = 0, columns = PQnfields(result);
    for (int i = 0; !err && i < columns; i++)
        err = PQgetisnull(result, row, i)
                  ? table_add(table, &null)
                  : add_value(table, PQftype(result, i), PQgetvalue(result, row, i),
                              (size_t)PQgetlength(result, row, i));
    return err;
}

/* ---- errors ---------------------------------------------------------------------- */

/* The longest beginning counts. */
static int code_of(const char *state)
{
    static const struct {
        const char *begins;
        int code;
    } codes[] = {{"25006", -EROFS},   {"42501", -EACCES},    {"53100", -ENOSPC},
                 {"53200", -ENOMEM},  {"53300", -EBUSY},     {"55P03", -EBUSY},
                 {"55006", -EBUSY},   {"57P0", -ECONNRESET}, {"08P01", -EINVAL},
                 {"08", -ECONNRESET}, {"23", -EEXIST},       {"40", -EBUSY},
                 {"28", -EACCES},     {"3D", -EACCES},       {"58", -EIO},
                 {"XX", -EIO},        {"07", -EINVAL},       {"0A", -EINVAL},
                 {"22", -EINVAL},     {"25", -EINVAL},       {"26", -EINVAL},
                 {"2D", -EINVAL},     {"3F", -EINVAL},       {"42", -EINVAL},
                 {"54", -EINVAL},     {"P0", -EINVAL}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strncmp(state, codes[i].begins, strlen(codes[i].begins)) == 0)
            return codes[i].code;
    return -EPROTO;
}

int convert_error(struct outcome *outcome, const PGresult *result,
                  const char *statement)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    char words[1024];
    (void)snprintf(words, sizeof words, "%s%s%s",
                   text ? text : PQresultErrorMessage(result), detail ? ": " : "",
                   detail ? detail : "");
    return outcome_fail(outcome, state ? code_of(state) : -ECONNRESET,
                        state ? state : "08006", words, statement);
}

/* Of a verbose message: severity, a colon, two blanks, the state, a colon. */
static void find_state(const char *message, char state[6])
{
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  "))
        if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
            at[8] == ':') {
            memcpy(state, at + 3, 5);
            state[5] = 0;
        }
}

static const char *remedy(const char *state)
{
    if (strcmp(state, "28P01") == 0)
        return "; correct the user or the password in the url";
    if (strncmp(state, "28", 2) == 0)
        return "; correct the user in the url, or let it in (pg_hba.conf)";
    if (strncmp(state, "3D", 2) == 0)
        return "; correct the name in the url, or create it";
    if (strcmp(state, "53300") == 0)
        return "; use fewer `connections`, or allow more (max_connections)";
    if (strcmp(state, "57P03") == 0)
        return "; wait until it has started";
    return "";
}

int convert_refusal(PGconn *conn, char state[6], char *text)
{
    const char *message = conn ? PQerrorMessage(conn) : "out of memory";
    memcpy(state, "08001", 6);
    find_state(message, state);
    if (conn && PQconnectionNeedsPassword(conn))
        memcpy(state, "28P01", 6);
    int code = strcmp(state, "08001") == 0 ? -ECONNREFUSED : code_of(state);
    int length = (int)strcspn(message, "\n");
    const char *more = message[length] ? strchr(message + length, '\t') : NULL;
    more = code == -ECONNREFUSED && more ? more : "";
    (void)snprintf(text, CONVERT_TEXT, "%.*s%s%.*s%s", length, message,
                   *more ? " " : "", (int)strcspn(more + (*more == '\t'), "\n"),
                   more + (*more == '\t'), remedy(state));
    return code;
}
