/* database.c: a system with one database, which the test asks from outside. */
#include "support/database.h"

#include "support/postgres.h"
#include "support/process.h"

#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static cadre_postgres config;
static unsigned descriptors;
static atomic_uint opened;

cadre_ref pg_db;
cadre_system *pg_sys;
atomic_uint pg_ended, pg_given_up;
atomic_int pg_reason;
int (*database_hook)(cadre_self *self);

static int root_start(cadre_self *self, void *state)
{
    cadre_token token;
    int err = cadre_spawn(self, &pg_db, &cadre_postgres_class, &config);
    if (!err)
        err = cadre_watch(self, &token, pg_db);
    atomic_fetch_add(&opened, 1);
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_failure *f = cadre_body(m, cadre_failure);
    const cadre_down *down = cadre_body(m, cadre_down);
    int err = 0;
    atomic_fetch_add(&pg_given_up, f && f->code == -ETIMEDOUT);
    if (down) {
        atomic_store(&pg_reason, down->reason);
        atomic_fetch_add(&pg_ended, 1);
    }
    if (n && n->value == 0)
        return cadre_kill(self, pg_db, 0);
    if (n && n->value == DATABASE_HOOK)
        return database_hook(self);
    for (uint64_t i = 0; n && !err && i < n->value; i++)
        err = cadre_sql_ask(self, NULL, pg_db, 50 * CADRE_MS, "SELECT pg_sleep(600)",
                            NULL, 0);
    return err;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

void pg_begin_with(cadre_postgres with)
{
    atomic_store(&opened, 0);
    atomic_store(&pg_ended, 0);
    atomic_store(&pg_given_up, 0);
    config = with;
    config.url = config.url ? config.url : postgres_url("");
    descriptors = process_descriptors();
    pg_sys = open_system(2, 0, &root);
    await(&opened, 1);
}
void pg_begin(void) { pg_begin_with((cadre_postgres){.connections = 4}); }
void pg_end(void)
{
    close_system(pg_sys);
    assert_int_equal(process_descriptors(), descriptors);
}

/* ---- what it is asked -------------------------------------------------------------- */

cadre_future *pg_ask_as(const cadre_type *type, const void *body)
{
    cadre_future *future;
    assert_int_equal(cadre_call_as(pg_sys, &future, pg_db, type, body), 0);
    return future;
}
cadre_future *pg_ask_with(const char *const *texts, uint32_t count,
                          const cadre_sql_value *values, uint32_t n, uint32_t rows)
{
    cadre_sql sql = {.rows = rows};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(cadre_sql_add(&sql, texts[i], values, n), 0);
    return pg_ask_as(&cadre_sql_type, &sql);
}
cadre_future *pg_ask(const char *text) { return pg_ask_with(&text, 1, NULL, 0, 0); }
cadre_future *pg_ask_value(const char *text, cadre_sql_value value)
{
    return pg_ask_with(&text, 1, &value, 1, 0);
}
cadre_future *pg_ask_some(const char *text, uint32_t rows)
{
    return pg_ask_with(&text, 1, NULL, 0, rows);
}
cadre_future *pg_ask_next(uint64_t cursor, uint32_t rows)
{
    const cadre_sql_next next = {cursor, rows};
    return pg_ask_as(&cadre_sql_next_type, &next);
}

cadre_msg pg_outcome(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, 60 * CADRE_SECOND, &m), 0);
    return m;
}
/* The caller has the buffer. */
cadre_sql_rows pg_rows_of(cadre_future *future)
{
    cadre_msg m = pg_outcome(future);
    if (cadre_body(&m, cadre_sql_error))
        assert_string_equal(cadre_sql_error_text(m.body), "");
    cadre_sql_rows *rows = cadre_body(&m, cadre_sql_rows), copy;
    assert_non_null(rows);
    copy = *rows;
    rows->data = NULL;
    cadre_future_free(future);
    return copy;
}
/* Its first value, or how many rows it has changed. */
int64_t pg_number_of(cadre_future *future)
{
    cadre_sql_rows rows = pg_rows_of(future);
    int64_t n = rows.count ? cadre_sql_integer_at(&rows, 0, 0, -1) : rows.changes;
    cadre_buf_unref(rows.data);
    return n;
}
/* It is an error, with this in its words. */
void pg_error_of(cadre_future *future, int code, const char *state, const char *has)
{
    cadre_msg m = pg_outcome(future);
    const cadre_sql_error *e = cadre_body(&m, cadre_sql_error);
    assert_non_null(e);
    if (!strstr(cadre_sql_error_text(e), has))
        assert_string_equal(cadre_sql_error_text(e), has);
    assert_string_equal(e->state, state);
    assert_int_equal(e->code, code);
    cadre_future_free(future);
}
void pg_failed(cadre_future *future, int code)
{
    cadre_msg m = pg_outcome(future);
    const cadre_failure *f = cadre_body(&m, cadre_failure);
    assert_non_null(f);
    assert_int_equal(f->code, code);
    cadre_future_free(future);
}
void pg_make_table(const char *columns)
{
    char text[200];
    (void)pg_number_of(pg_ask("DROP TABLE IF EXISTS t CASCADE"));
    snprintf(text, sizeof text, "CREATE TABLE t (%s)", columns);
    (void)pg_number_of(pg_ask(text));
}
