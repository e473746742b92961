/* table.h: the rows of an answer while they come, and what went wrong. */
#ifndef ACTORS_TABLE_H
#define ACTORS_TABLE_H

#include "../rows.h"

#include <cadre/actors/sql.h>

/* All zero but max: empty. */
struct table {
    struct rows
        values; /* first the names; text and bytes are offsets, until finished */
    cadre_buf *bytes;
    uint64_t used, max; /* bytes of all */
};

/* A name of a column, before the rows, or the next value: copied. Errors: -EMSGSIZE (more
 * than max), -ENOMEM. */
CADRE_MUST_CHECK int table_add(struct table *table, const cadre_sql_value *value);
/* All of it as an answer's; the table is empty then. Errors: -ENOMEM. */
CADRE_MUST_CHECK int table_finish(struct table *table, cadre_buf **data);
void table_free(struct table *table);

/* What a request came to: rows, or with a code an error. */
struct outcome {
    cadre_sql_rows rows;
    cadre_sql_error error;
};
/* Makes it an error; what there was is freed. state: five characters, or NULL; text: what
 * the database says, statement: which, or NULL. Returns code. */
int outcome_fail(struct outcome *outcome, int code, const char *state, const char *text,
                 const char *statement);
void outcome_free(struct outcome *outcome);
/* Keeps the promise with it. */
void outcome_answer(cadre_self *self, cadre_promise promise, struct outcome *outcome);

#endif
