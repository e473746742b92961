/* sql.h: what databases are asked, and what they answer: the same for each of them.
 *
 * A request is one statement or several; with several, all of them happen or none does.
 * Parameters are written $1, $2 and so on, in every database, and their values go
 * beside the text: what a user has typed is never read as SQL. It is answered with
 * cadre_sql_rows, the rows of the last statement, or with cadre_sql_error, the
 * database's own words. As with any request, a cadre_failure may come instead: the
 * database's actor has ended, too much waits, or the time is up; then it may have
 * happened or not.
 *
 * Many rows come in pieces: with `rows` set the answer has at most so many, and a
 * cursor for the next ones, to be asked for (cadre_sql_next) when these have been dealt
 * with. Who is slow asks late, and is not flooded.
 *
 * Guarantees, each with a test of that name, for each database:
 *   all_or_none          the statements of a request that fails have changed nothing
 *   answered_is_durable  what was answered is there after a crash, unless the database
 *                        is told otherwise
 *   values_are_exact     what was stored comes back as it was: 64 bits, any bytes
 *   failure_is_named     an error names the statement, says why, and has an SQLSTATE */
#ifndef CADRE_ACTORS_SQL_H
#define CADRE_ACTORS_SQL_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_sql_kind {
    CADRE_SQL_NULL,
    CADRE_SQL_INTEGER,
    CADRE_SQL_REAL,
    CADRE_SQL_TEXT, /* UTF-8; in an answer with a zero behind it */
    CADRE_SQL_BYTES
};
typedef struct cadre_sql_value {
    int kind;
    uint32_t size; /* of text and bytes */
    union {
        int64_t integer;
        double real;
        const char *text;
        const void *bytes;
    } is;
} cadre_sql_value;

static inline cadre_sql_value cadre_sql_null(void)
{
    cadre_sql_value v = {CADRE_SQL_NULL, 0, {0}};
    return v;
}
static inline cadre_sql_value cadre_sql_integer(int64_t integer)
{
    cadre_sql_value v = {CADRE_SQL_INTEGER, 0, {0}};
    v.is.integer = integer;
    return v;
}
static inline cadre_sql_value cadre_sql_real(double real)
{
    cadre_sql_value v = {CADRE_SQL_REAL, 0, {0}};
    v.is.real = real;
    return v;
}
/* Not copied before the statement is added. NULL: null. */
CADRE_API cadre_sql_value cadre_sql_text(const char *text);
static inline cadre_sql_value cadre_sql_bytes(const void *bytes, uint32_t size)
{
    cadre_sql_value v = {CADRE_SQL_BYTES, size, {0}};
    v.is.bytes = bytes;
    return v;
}

/* ---- requests -------------------------------------------------------------------- */

/* All zero: no statement yet. */
typedef struct cadre_sql {
    cadre_buf *statements; /* by cadre_sql_add() */
    uint64_t used;         /* bytes of it */
    uint32_t count;
    uint32_t rows; /* in an answer, most; 0: all of them, within the database's bytes */
} cadre_sql;
CADRE_API extern const cadre_type cadre_sql_type;

/* One statement more; text and values are copied. Any thread. Errors: -EINVAL (no text,
 * a kind that is none, values missing), -EMSGSIZE (4 GiB), -ENOMEM; then it is as
 * before. */
CADRE_API CADRE_MUST_CHECK int cadre_sql_add(cadre_sql *sql, const char *text,
                                             const cadre_sql_value *values,
                                             uint32_t count);
/* Gives up what has not been asked. */
CADRE_API void cadre_sql_drop(cadre_sql *sql);
/* Asks a database for one statement. Errors: those of the two. */
CADRE_API CADRE_MUST_CHECK int cadre_sql_ask(cadre_self *self, cadre_token *token,
                                             cadre_ref database, cadre_time timeout,
                                             const char *text,
                                             const cadre_sql_value *values,
                                             uint32_t count);

/* The next rows of a cursor, answered with cadre_sql_rows, or with cadre_sql_error when
 * it is unknown: it is closed when its last rows were answered, and when nobody has
 * asked for a while. rows: at most; 0: closes it, and is answered without any. */
typedef struct cadre_sql_next {
    uint64_t cursor;
    uint32_t rows;
} cadre_sql_next;
CADRE_API extern const cadre_type cadre_sql_next_type;

/* ---- answers --------------------------------------------------------------------- */

typedef struct cadre_sql_rows {
    uint32_t columns, count;
    int64_t changes; /* rows that the request has inserted, updated or deleted */
    int64_t last_id; /* SQLite: the last one inserted; else 0: say RETURNING */
    uint64_t cursor; /* for the next rows; 0: these are the last */
    cadre_buf *data; /* move it out to keep them */
} cadre_sql_rows;
CADRE_API extern const cadre_type cadre_sql_rows_type;

/* Valid as long as the buffer. Columns and rows from 0; there are as many. */
static inline const cadre_sql_value *cadre_sql_at(const cadre_sql_rows *rows,
                                                  uint32_t row, uint32_t column)
{
    const cadre_sql_value *v =
        (const cadre_sql_value *)(const void *)cadre_buf_data(rows->data);
    return &v[((size_t)row + 1) * rows->columns + column]; /* behind their names */
}
static inline const char *cadre_sql_name(const cadre_sql_rows *rows, uint32_t column)
{
    const cadre_sql_value *v =
        (const cadre_sql_value *)(const void *)cadre_buf_data(rows->data);
    return v[column].is.text;
}
/* The text of a value that is one, else NULL; the integer of one, else `otherwise`. */
CADRE_API const char *cadre_sql_text_at(const cadre_sql_rows *rows, uint32_t row,
                                        uint32_t column);
CADRE_API int64_t cadre_sql_integer_at(const cadre_sql_rows *rows, uint32_t row,
                                       uint32_t column, int64_t otherwise);

/* code: -EEXIST (a constraint), -EINVAL (the statement), -EMSGSIZE (rows beyond the
 * database's bytes: ask in pieces), -EBUSY, -EACCES, -EROFS, -ENOSPC, -ENOMEM, -EIO,
 * -ESTALE (the cursor), -ECONNRESET (the server is gone), -EPROTO (anything else). */
typedef struct cadre_sql_error {
    int code;
    char state[6]; /* SQLSTATE, such as 23505: unique; the same for all databases */
    cadre_buf *text;
} cadre_sql_error;
CADRE_API extern const cadre_type cadre_sql_error_type;
/* In words, with the statement. Valid as long as the buffer. */
CADRE_API const char *cadre_sql_error_text(const cadre_sql_error *error);

#ifdef __cplusplus
}
#endif
#endif
