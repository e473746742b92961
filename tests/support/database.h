/* database.h: a system with one database, which the test asks from outside. */
#ifndef SUPPORT_DATABASE_H
#define SUPPORT_DATABASE_H

#include "support/open.h"

#include <cadre/actors/postgres.h>
#include <cadre/future.h>

extern cadre_system *pg_sys;
extern cadre_ref pg_db;
/* That the database has ended, and why; that a request of the root's was late. */
extern atomic_uint pg_ended, pg_given_up;
extern atomic_int pg_reason;
/* A number makes the root ask for so many sleeps, for 50 ms each; 0: the database is
 * killed; DATABASE_HOOK: this is called. */
enum { DATABASE_HOOK = 1000 };
extern int (*database_hook)(cadre_self *self);

/* Without a url: the server of support/postgres.h. */
void pg_begin_with(cadre_postgres with);
void pg_begin(void);
void pg_end(void);

/* Asks for one thing: a request, statements with these values each, and so on. */
cadre_future *pg_ask_as(const cadre_type *type, const void *body);
cadre_future *pg_ask_with(const char *const *texts, uint32_t count,
                          const cadre_sql_value *values, uint32_t n, uint32_t rows);
cadre_future *pg_ask(const char *text);
cadre_future *pg_ask_value(const char *text, cadre_sql_value value);
cadre_future *pg_ask_some(const char *text, uint32_t rows);
cadre_future *pg_ask_next(uint64_t cursor, uint32_t rows);
/* The answer; each but the first frees the future. */
cadre_msg pg_outcome(cadre_future *future);
/* The caller has the buffer. */
cadre_sql_rows pg_rows_of(cadre_future *future);
/* Its first value, or how many rows it has changed. */
int64_t pg_number_of(cadre_future *future);
/* It is an error, with this in its words; or a failure. */
void pg_error_of(cadre_future *future, int code, const char *state, const char *has);
void pg_failed(cadre_future *future, int code);
/* A new table t. */
void pg_make_table(const char *columns);

#endif
