/* convert.h: values as PostgreSQL has them, and its errors as ours. */
#ifndef ACTORS_POSTGRES_CONVERT_H
#define ACTORS_POSTGRES_CONVERT_H

#include "../sql/statement.h"
#include "../sql/table.h"

#include <libpq-fe.h>

/* The values of a statement, as libpq takes them. */
struct params {
    int count;
    const char **values;
    int *sizes, *formats;
    cadre_buf *buf; /* of all that; convert_free() */
};
/* What it points to is the statement's. Errors: -ENOMEM, -EMSGSIZE (65,535 values),
 * -EILSEQ (text with a zero byte), -E2BIG (2 GiB). */
CADRE_MUST_CHECK int convert_params(struct params *params, const struct statement *s);
void convert_free(struct params *params);

/* Adds the names of the columns, or a row. Errors: table_add()'s, and of a row -EPROTO
 * (a bytea that is not in hexadecimal). */
CADRE_MUST_CHECK int convert_names(struct table *table, const PGresult *result);
CADRE_MUST_CHECK int convert_row(struct table *table, const PGresult *result, int row);

/* A result that is an error; statement: which, or NULL. Returns its code. */
int convert_error(struct outcome *outcome, const PGresult *result,
                  const char *statement);
/* Why there is no connection: its SQLSTATE, and what to do. text: room for the words. */
enum { CONVERT_TEXT = 400 };
int convert_refusal(PGconn *conn, char state[6], char *text);

#endif
