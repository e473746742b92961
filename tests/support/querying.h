/* querying.h: a scene that asks a database, in virtual time. */
#ifndef SUPPORT_QUERYING_H
#define SUPPORT_QUERYING_H

#include "support/support.h"

#include <cadre/actors/sqlite.h>
#include <cadre/await.h>

/* The one in hand, its database, and what it asks. */
extern cadre_self *me;
extern cadre_ref db;
extern cadre_token op;

/* Where it is. */
const char *db_path(void);
void remove_db(void);
void open_with(cadre_sqlite config);
void open_new(void);

/* The outcome of op, or of what was just asked: err is what that returned. Valid until
 * the next one. */
cadre_msg sql_outcome(int err);
cadre_sql_rows *rows_of(int err);
/* The same, moved out of the message: its buffer is the caller's. */
cadre_sql_rows kept_rows(int err);
const cadre_sql_error *error_of(int err, int code, const char *state);
void failed_by(int err, int code);

int ask_with(const char *text, cadre_sql_value value);
int ask_sql(const char *text);
int ask_some(const char *text, uint32_t rows);
int ask_next(uint64_t cursor, uint32_t rows);
/* All of them in one request. */
int ask_all(const char *const *texts, uint32_t count);
int64_t number_of(const char *text);
/* What SQLite's own shell says. */
void assert_shell_says(const char *sql, const char *expected);

/* Plays the scene with some seeds and numbers of workers; as many descriptors as before
 * are open then. act_with: in systems like this. */
void act(void (*scene)(void));
void act_with(void (*scene)(void), uint32_t threads, uint32_t waiting);

#endif
