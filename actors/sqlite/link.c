/* link.c: a connection to a database. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUSY (5 * CADRE_SECOND)
enum { STEPS = 10000 /* between looks whether to stop */, BUSY_STEP_MS = 20 };

static cadre_time now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * CADRE_SECOND + t.tv_nsec;
}

/* ---- errors ---------------------------------------------------------------------- */

static int code_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_ERROR:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_AUTH:
        return -EINVAL;
    case SQLITE_TOOBIG:
        return -EMSGSIZE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_INTERRUPT:
        return -ETIMEDOUT;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EIO;
    default:
        return -EPROTO;
    }
}

static const char *state_of(int result)
{
    static const struct {
        int result;
        char state[6];
    } states[] = {
        {SQLITE_CONSTRAINT_UNIQUE, "23505"},
        {SQLITE_CONSTRAINT_PRIMARYKEY, "23505"},
        {SQLITE_CONSTRAINT_ROWID, "23505"},
        {SQLITE_CONSTRAINT_NOTNULL, "23502"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "23503"},
        {SQLITE_CONSTRAINT_CHECK, "23514"},
        {SQLITE_CONSTRAINT, "23000"},
        {SQLITE_ERROR, "42000"},
        {SQLITE_AUTH, "25001"},
        {SQLITE_BUSY, "55P03"},
        {SQLITE_INTERRUPT, "57014"},
        {SQLITE_READONLY, "25006"},
        {SQLITE_FULL, "53100"},
        {SQLITE_NOMEM, "53200"},
        {SQLITE_IOERR, "58030"},
    };
    enum { COUNT = sizeof states / sizeof *states };
    for (size_t i = 0; i < COUNT; i++)
        if (states[i].result == result)
            return states[i].state;
    for (size_t i = 0; i < COUNT; i++)
        if (states[i].result == (result & 0xff))
            return states[i].state;
    return "58000";
}

static int fail(struct link *link, int result, const char *text,
                struct outcome *outcome)
{
    return outcome_fail(outcome, code_of(result), state_of(result),
                        (result & 0xff) == SQLITE_AUTH
                            ? "transactions and settings are the database's: put what "
                              "belongs together into one request"
                            : sqlite3_errmsg(link->db),
                        text);
}

/* ---- open and closed ------------------------------------------------------------- */

bool link_is_over(const struct link *link)
{
    return atomic_load_explicit(link->is_over, memory_order_relaxed) ||
           (link->until && now() > link->until);
}
static int is_over(void *user) { return link_is_over(user); }

/* Somebody else has a lock. */
static int is_patient(void *user, int times)
{
    struct link *link = user;
    if (times == 0)
        link->busy = now() + BUSY;
    if (link_is_over(link) || now() > link->busy)
        return 0;
    sqlite3_sleep(BUSY_STEP_MS);
    return 1;
}

/* Settings would outlive the request, and are not those of the other connections; other
 * files have commits of their own. */
static bool is_allowed(int action, const char *name, const char *value)
{
    static const char *const fine[] = {
        "user_version",     "application_id",   "optimize",        "table_info",
        "table_xinfo",      "index_list",       "index_info",      "index_xinfo",
        "table_list",       "foreign_key_list", "integrity_check", "quick_check",
        "foreign_key_check"};
    if (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ||
        action == SQLITE_ATTACH || action == SQLITE_DETACH)
        return false;
    if (action != SQLITE_PRAGMA || !value)
        return true;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (sqlite3_stricmp(name, fine[i]) == 0)
            return true;
    return false;
}

static int judge(void *user, int action, const char *a, const char *b, const char *c,
                 const char *d)
{
    const struct link *link = user;
    return link->is_ours || is_allowed(action, a, b) ? SQLITE_OK : SQLITE_DENY;
}

bool link_tell(struct link *link, const char *sql)
{
    link->is_ours = true;
    bool done = sqlite3_exec(link->db, sql, NULL, NULL, NULL) == SQLITE_OK;
    link->is_ours = false;
    return done;
}

static bool set_up(struct link *link, bool writes, bool may_forget)
{
    sqlite3_progress_handler(link->db, STEPS, is_over, link);
    return sqlite3_busy_handler(link->db, is_patient, link) == SQLITE_OK &&
           sqlite3_extended_result_codes(link->db, 1) == SQLITE_OK &&
           sqlite3_set_authorizer(link->db, judge, link) == SQLITE_OK &&
           (!writes || link_tell(link, "PRAGMA journal_mode=WAL")) &&
           link_tell(link, "PRAGMA foreign_keys=ON; SELECT 1 FROM sqlite_schema") &&
           link_tell(link, may_forget ? "PRAGMA synchronous=NORMAL"
                                      : "PRAGMA synchronous=FULL");
}

int link_fail(struct link *link, struct outcome *outcome)
{
    return fail(link, sqlite3_extended_errcode(link->db), NULL, outcome);
}

/* SQLite cannot be told to make a file that must be new. */
static int make_new(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

int link_open(struct link *link, const char *path, enum link_use use, bool may_forget,
              bool is_new, atomic_bool *over, char *text)
{
    static const int flags[] = {SQLITE_OPEN_READONLY, SQLITE_OPEN_READWRITE,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    int code = is_new ? make_new(path) : 0;
    if (code) {
        (void)snprintf(text, LINK_TEXT, "%s", cadre_strerror(code));
        return code;
    }
    link->is_over = over;
    int result =
        sqlite3_open_v2(path, &link->db, flags[use] | SQLITE_OPEN_NOMUTEX, NULL);
    if (!link->db) {
        (void)snprintf(text, LINK_TEXT, "there is no memory for it");
        return -ENOMEM;
    }
    if (result == SQLITE_OK && set_up(link, use != LINK_READS, may_forget))
        return 0;
    (void)snprintf(text, LINK_TEXT, "%s", sqlite3_errmsg(link->db));
    code = code_of(sqlite3_errcode(link->db));
    link_close(link);
    return code;
}

void link_close(struct link *link)
{
    link_forget(link);
    for (int i = 0; i < KEPT; i++) {
        sqlite3_finalize(link->kept[i]);
        link->kept[i] = NULL;
    }
    sqlite3_close_v2(link->db);
    link->db = NULL;
}

void link_forget(struct link *link)
{
    sqlite3_finalize(link->cursor);
    link->cursor = NULL;
}

/* ---- statements ------------------------------------------------------------------ */

/* Out of those that are kept. NULL: it is none of them. */
static sqlite3_stmt *take_kept(struct link *link, const char *text)
{
    for (int i = 0; i < KEPT && link->kept[i]; i++) {
        sqlite3_stmt *stmt = link->kept[i];
        if (strcmp(sqlite3_sql(stmt), text) != 0)
            continue;
        for (; i < KEPT - 1; i++)
            link->kept[i] = link->kept[i + 1];
        link->kept[KEPT - 1] = NULL;
        return stmt;
    }
    return NULL;
}

static void keep(struct link *link, sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    sqlite3_finalize(link->kept[KEPT - 1]);
    for (int i = KEPT - 1; i > 0; i--)
        link->kept[i] = link->kept[i - 1];
    link->kept[0] = stmt;
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n;")] == 0; }

static int prepare(struct link *link, const char *text, sqlite3_stmt **stmt,
                   struct outcome *outcome)
{
    const char *rest = "";
    *stmt = take_kept(link, text);
    if (*stmt)
        return 0;
    int result =
        sqlite3_prepare_v3(link->db, text, -1, SQLITE_PREPARE_PERSISTENT, stmt, &rest);
    if (result != SQLITE_OK)
        return fail(link, result, text, outcome);
    if (*stmt && is_blank(rest))
        return 0;
    sqlite3_finalize(*stmt);
    return outcome_fail(outcome, -EINVAL, "42601",
                        *stmt ? "one statement at a time: add each by itself"
                              : "there is no statement",
                        text);
}

static int bind_one(sqlite3_stmt *stmt, int at, const cadre_sql_value *v)
{
    switch (v->kind) {
    case CADRE_SQL_INTEGER:
        return sqlite3_bind_int64(stmt, at, v->is.integer);
    case CADRE_SQL_REAL:
        return sqlite3_bind_double(stmt, at, v->is.real);
    case CADRE_SQL_TEXT:
        return sqlite3_bind_text64(stmt, at, v->is.text, v->size, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case CADRE_SQL_BYTES:
        return sqlite3_bind_blob64(stmt, at, v->is.bytes, v->size, SQLITE_TRANSIENT);
    default:
        return sqlite3_bind_null(stmt, at);
    }
}

/* $1, wherever it stands; or the first one, where they are ?. 0: none is called that. */
static int place_of(sqlite3_stmt *stmt, uint32_t i)
{
    const char *first = sqlite3_bind_parameter_name(stmt, 1);
    char name[16];
    if (!first || first[0] != '$')
        return (int)i + 1;
    (void)snprintf(name, sizeof name, "$%u", i + 1);
    return sqlite3_bind_parameter_index(stmt, name);
}

static int bind(struct link *link, sqlite3_stmt *stmt,
                const struct statement *statement, struct outcome *outcome)
{
    const char *text = statement_text(statement);
    if ((uint32_t)sqlite3_bind_parameter_count(stmt) != statement->count)
        return outcome_fail(outcome, -EINVAL, "07001",
                            "there are more or fewer values than parameters", text);
    for (uint32_t i = 0; i < statement->count; i++) {
        cadre_sql_value v = statement_value(statement, i);
        int at = place_of(stmt, i);
        if (!at)
            return outcome_fail(outcome, -EINVAL, "07001",
                                "a number is missing among the parameters", text);
        int result = bind_one(stmt, at, &v);
        if (result != SQLITE_OK)
            return fail(link, result, text, outcome);
    }
    return 0;
}

/* ---- rows ------------------------------------------------------------------------ */

static cadre_sql_value value_at(sqlite3_stmt *stmt, int column)
{
    cadre_sql_value v = {.kind = CADRE_SQL_NULL};
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        return cadre_sql_integer(sqlite3_column_int64(stmt, column));
    case SQLITE_FLOAT:
        return cadre_sql_real(sqlite3_column_double(stmt, column));
    case SQLITE_TEXT:
        v.kind = CADRE_SQL_TEXT;
        v.is.text = (const char *)sqlite3_column_text(stmt, column);
        break;
    case SQLITE_BLOB:
        v.kind = CADRE_SQL_BYTES;
        v.is.bytes = sqlite3_column_blob(stmt, column);
        break;
    default:
        return v;
    }
    v.size = (uint32_t)sqlite3_column_bytes(stmt, column);
    if (v.size && !v.is.bytes)
        v.kind = -1; /* out of memory */
    return v;
}

static int add_names(sqlite3_stmt *stmt, int columns, struct table *table)
{
    int err = 0;
    for (int i = 0; !err && i < columns; i++) {
        cadre_sql_value name = cadre_sql_text(sqlite3_column_name(stmt, i));
        err = name.kind == CADRE_SQL_TEXT ? table_add(table, &name) : -ENOMEM;
    }
    return err;
}
static int add_row(sqlite3_stmt *stmt, int columns, struct table *table)
{
    int err = 0;
    for (int i = 0; !err && i < columns; i++) {
        cadre_sql_value v = value_at(stmt, i);
        err = v.kind >= 0 ? table_add(table, &v) : -ENOMEM;
    }
    return err;
}

/* Steps until there are so many rows, 0: all. *has_more: there is another one, and it
 * stands at it. Returns an error's code. */
static int step(struct link *link, sqlite3_stmt *stmt, uint32_t rows,
                struct table *table, struct outcome *outcome, bool *has_more)
{
    const char *text = sqlite3_sql(stmt);
    int result = *has_more ? SQLITE_ROW : sqlite3_step(stmt);
    int columns = sqlite3_column_count(stmt); /* the schema may have changed till now */
    int err = add_names(stmt, columns, table);
    uint32_t count = 0;
    for (; !err && result == SQLITE_ROW; result = sqlite3_step(stmt)) {
        if (rows && count == rows)
            break;
        err = add_row(stmt, columns, table);
        count++;
    }
    *has_more = result == SQLITE_ROW;
    if (err == -EMSGSIZE)
        return outcome_fail(outcome, err, "54000",
                            "too many rows: ask for fewer at a time", text);
    if (err)
        return outcome_fail(outcome, err, "53200", "out of memory", text);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return fail(link, result, text, outcome);
    outcome->rows.columns = (uint32_t)columns;
    outcome->rows.count = count;
    return 0;
}

/* All of it, from where it stands. It is kept afterwards, or is the cursor. */
static int run(struct link *link, sqlite3_stmt *stmt, bool goes_on, uint32_t rows,
               uint32_t max, struct outcome *outcome)
{
    struct table table = {.max = max};
    bool has_more = goes_on;
    int err = step(link, stmt, rows, &table, outcome, &has_more);
    if (!err && table_finish(&table, &outcome->rows.data))
        err =
            outcome_fail(outcome, -ENOMEM, "53200", "out of memory", sqlite3_sql(stmt));
    table_free(&table);
    if (!err && has_more)
        link->cursor = stmt;
    else
        keep(link, stmt);
    return err;
}

int link_run(struct link *link, const struct statement *statement, uint32_t rows,
             uint32_t max, struct outcome *outcome)
{
    sqlite3_stmt *stmt = NULL;
    int64_t before = sqlite3_total_changes64(link->db);
    int err = prepare(link, statement_text(statement), &stmt, outcome);
    if (err)
        return err;
    err = bind(link, stmt, statement, outcome);
    if (err) {
        keep(link, stmt);
        return err;
    }
    int64_t changes = outcome->rows.changes;
    cadre_buf_unref(cadre_buf_move(&outcome->rows.data));
    err = run(link, stmt, false, rows, max, outcome);
    if (err)
        return err;
    outcome->rows.changes = changes + sqlite3_total_changes64(link->db) - before;
    outcome->rows.last_id = sqlite3_last_insert_rowid(link->db);
    return 0;
}

int link_go_on(struct link *link, uint32_t rows, uint32_t max, struct outcome *outcome)
{
    sqlite3_stmt *stmt = link->cursor;
    link->cursor = NULL;
    return run(link, stmt, true, rows, max, outcome);
}
