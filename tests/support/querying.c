/* querying.c: a scene that asks a database, in virtual time. */
#include "support/querying.h"

#include "support/folder.h"
#include "support/process.h"

#include <stdio.h>

cadre_self *me;
cadre_ref db;
cadre_token op;

const char *db_path(void) { return in_folder("db"); }

void remove_db(void)
{
    static const char *const names[] = {"db", "db-wal", "db-shm"};
    for (int i = 0; i < 3; i++)
        (void)remove(in_folder(names[i]));
}

void open_with(cadre_sqlite config)
{
    config.path = config.path ? config.path : db_path();
    assert_int_equal(cadre_spawn(me, &db, &cadre_sqlite_class, &config), 0);
}
void open_new(void)
{
    remove_db();
    open_with((cadre_sqlite){.use = CADRE_FILE_MAKE});
}

cadre_msg sql_outcome(int err)
{
    static cadre_msg m;
    assert_int_equal(err, 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    return m;
}
cadre_sql_rows *rows_of(int err)
{
    cadre_msg m = sql_outcome(err);
    if (cadre_body(&m, cadre_sql_error))
        assert_string_equal(cadre_sql_error_text(m.body), "");
    assert_non_null(cadre_body(&m, cadre_sql_rows));
    return m.body;
}
cadre_sql_rows kept_rows(int err)
{
    cadre_sql_rows *rows = rows_of(err), copy = *rows;
    rows->data = NULL;
    return copy;
}
const cadre_sql_error *error_of(int err, int code, const char *state)
{
    cadre_msg m = sql_outcome(err);
    const cadre_sql_error *e = cadre_body(&m, cadre_sql_error);
    assert_non_null(e);
    assert_int_equal(e->code, code);
    assert_string_equal(e->state, state);
    return e;
}
void failed_by(int err, int code)
{
    cadre_msg m = sql_outcome(err);
    assert_non_null(cadre_body(&m, cadre_failure));
    assert_int_equal(cadre_body(&m, cadre_failure)->code, code);
}

int ask_with(const char *text, cadre_sql_value value)
{
    return cadre_sql_ask(me, &op, db, CADRE_NEVER, text, &value, 1);
}
int ask_sql(const char *text)
{
    return cadre_sql_ask(me, &op, db, CADRE_NEVER, text, NULL, 0);
}
int ask_some(const char *text, uint32_t rows)
{
    cadre_sql sql = {.rows = rows};
    assert_int_equal(cadre_sql_add(&sql, text, NULL, 0), 0);
    return cadre_ask_as(me, &op, db, CADRE_NEVER, &cadre_sql_type, &sql);
}
int ask_next(uint64_t cursor, uint32_t rows)
{
    return cadre_ask(me, &op, db, CADRE_NEVER, cadre_sql_next, cursor, rows);
}
int ask_all(const char *const *texts, uint32_t count)
{
    cadre_sql sql = {.rows = 0};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(cadre_sql_add(&sql, texts[i], NULL, 0), 0);
    return cadre_ask_as(me, &op, db, CADRE_NEVER, &cadre_sql_type, &sql);
}
int64_t number_of(const char *text)
{
    cadre_sql_rows *rows = rows_of(ask_sql(text));
    assert_int_equal(rows->count, 1);
    return cadre_sql_integer_at(rows, 0, 0, -1);
}

void assert_shell_says(const char *sql, const char *expected)
{
    char command[512], line[256] = "";
    (void)snprintf(command, sizeof command, "sqlite3 '%s' \"%s\"", db_path(), sql);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    assert_non_null(fgets(line, sizeof line, shell));
    assert_int_equal(pclose(shell), 0);
    line[strcspn(line, "\n")] = 0;
    assert_string_equal(line, expected);
}

static void (*scene)(void);
static void enter(cadre_self *self)
{
    me = self;
    scene();
}
void act_with(void (*it)(void), uint32_t threads, uint32_t waiting)
{
    unsigned open = process_descriptors();
    scene = it;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        config.blocking_threads = threads;
        config.blocking_waiting = waiting;
        assert_int_equal(play_with(&config, enter), 0);
        assert_int_equal(process_descriptors(), open);
    }
}
void act(void (*it)(void)) { act_with(it, 0, 0); }
