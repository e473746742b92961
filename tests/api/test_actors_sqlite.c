/* test_actors_sqlite.c: a database in a file, in virtual time; what it says in the end is
 * read by SQLite's own shell. */
#include "support/folder.h"
#include "support/fronts.h"
#include "support/process.h"

#include <cadre/actors/sqlite.h>
#include <cadre/await.h>
#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the disk -------------------------------------------------------------------- */

/* What SQLite calls: syncs are counted, and writes fail when told. */
static struct {
    unsigned syncs;
    int code; /* negative: writes fail with it */
} disk;

int fdatasync(int fd)
{
    disk.syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    if (!disk.code)
        return syscall(SYS_pwrite64, fd, bytes, size, offset);
    errno = -disk.code;
    return -1;
}

/* ---- a scene --------------------------------------------------------------------- */

/* The one in hand, its database, and what it asks. */
static cadre_self *me;
static cadre_ref db;
static cadre_token op;

static const char *path(void) { return in_folder("db"); }

static void remove_it(void)
{
    static const char *const names[] = {"db", "db-wal", "db-shm"};
    for (int i = 0; i < 3; i++)
        (void)remove(in_folder(names[i]));
}

static void open_with(cadre_sqlite config)
{
    config.path = config.path ? config.path : path();
    assert_int_equal(cadre_spawn(me, &db, &cadre_sqlite_class, &config), 0);
}
static void open_new(void)
{
    remove_it();
    open_with((cadre_sqlite){.use = CADRE_FILE_MAKE});
}

static cadre_msg outcome(int err)
{
    static cadre_msg m;
    assert_int_equal(err, 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    return m;
}
static cadre_sql_rows *rows_of(int err)
{
    cadre_msg m = outcome(err);
    if (cadre_body(&m, cadre_sql_error))
        assert_string_equal(cadre_sql_error_text(m.body), "");
    assert_non_null(cadre_body(&m, cadre_sql_rows));
    return m.body;
}
/* The same, moved out of the message: its buffer is the caller's. */
static cadre_sql_rows kept(int err)
{
    cadre_sql_rows *rows = rows_of(err), copy = *rows;
    rows->data = NULL;
    return copy;
}
static const cadre_sql_error *error_of(int err, int code, const char *state)
{
    cadre_msg m = outcome(err);
    const cadre_sql_error *e = cadre_body(&m, cadre_sql_error);
    assert_non_null(e);
    assert_int_equal(e->code, code);
    assert_string_equal(e->state, state);
    return e;
}
static void failed(int err, int code)
{
    cadre_msg m = outcome(err);
    assert_non_null(cadre_body(&m, cadre_failure));
    assert_int_equal(cadre_body(&m, cadre_failure)->code, code);
}

static int ask_for(const char *text, cadre_sql_value value)
{
    return cadre_sql_ask(me, &op, db, CADRE_NEVER, text, &value, 1);
}
static int ask_sql(const char *text)
{
    return cadre_sql_ask(me, &op, db, CADRE_NEVER, text, NULL, 0);
}
static int ask_some(const char *text, uint32_t rows)
{
    cadre_sql sql = {.rows = rows};
    assert_int_equal(cadre_sql_add(&sql, text, NULL, 0), 0);
    return cadre_ask_as(me, &op, db, CADRE_NEVER, &cadre_sql_type, &sql);
}
static int ask_next(uint64_t cursor, uint32_t rows)
{
    return cadre_ask(me, &op, db, CADRE_NEVER, cadre_sql_next, cursor, rows);
}
/* All of them in one request. */
static int ask_all(const char *const *texts, uint32_t count)
{
    cadre_sql sql = {.rows = 0};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(cadre_sql_add(&sql, texts[i], NULL, 0), 0);
    return cadre_ask_as(me, &op, db, CADRE_NEVER, &cadre_sql_type, &sql);
}
static int64_t number_of(const char *text)
{
    cadre_sql_rows *rows = rows_of(ask_sql(text));
    assert_int_equal(rows->count, 1);
    return cadre_sql_integer_at(rows, 0, 0, -1);
}

/* What SQLite's shell says. */
static void assert_shell_says(const char *sql, const char *expected)
{
    char command[512], line[256] = "";
    (void)snprintf(command, sizeof command, "sqlite3 '%s' \"%s\"", path(), sql);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    assert_non_null(fgets(line, sizeof line, shell));
    assert_int_equal(pclose(shell), 0);
    line[strcspn(line, "\n")] = 0;
    assert_string_equal(line, expected);
}

/* Plays the scene with some seeds; as many descriptors as before are open then. */
static void (*scene)(void);
static void enter(cadre_self *self)
{
    me = self;
    scene();
}
static void act(void (*it)(void))
{
    unsigned open = process_descriptors();
    scene = it;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        memset(&disk, 0, sizeof disk);
        assert_int_equal(play_with(&config, enter), 0);
        assert_int_equal(process_descriptors(), open);
    }
}

/* ---- statements and rows --------------------------------------------------------- */

static void ask_and_be_answered(void)
{
    open_new();
    cadre_sql_rows *rows = rows_of(
        ask_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"));
    assert_int_equal(rows->columns, 0);
    rows = rows_of(ask_for("INSERT INTO t (name) VALUES ($1)", cadre_sql_text("Ada")));
    assert_int_equal(rows->changes, 1);
    assert_int_equal(rows->last_id, 1);
    rows = rows_of(ask_for("INSERT INTO t (name) VALUES (?) RETURNING id, name",
                           cadre_sql_text("'); DROP TABLE t; --")));
    assert_int_equal(rows->count, 1);
    assert_int_equal(cadre_sql_integer_at(rows, 0, 0, 0), 2);
    rows = rows_of(ask_sql("SELECT id, name AS who FROM t ORDER BY id"));
    assert_int_equal(rows->columns, 2);
    assert_int_equal(rows->count, 2);
    assert_string_equal(cadre_sql_name(rows, 1), "who");
    assert_string_equal(cadre_sql_text_at(rows, 0, 1), "Ada");
    assert_string_equal(cadre_sql_text_at(rows, 1, 1), "'); DROP TABLE t; --");
    assert_null(cadre_sql_text_at(rows, 0, 0));
    assert_int_equal(cadre_sql_integer_at(rows, 0, 1, 7), 7);
    rows = rows_of(ask_sql("UPDATE t SET name = name || '!'"));
    assert_int_equal(rows->changes, 2);
    rows = rows_of(ask_sql("SELECT * FROM t WHERE id > 9"));
    assert_int_equal(rows->count, 0);
    assert_string_equal(cadre_sql_name(rows, 0), "id");
    assert_shell_says("SELECT name FROM t WHERE id = 1", "Ada!");
}
static void statements_are_answered(void **state) { act(ask_and_be_answered); }

static void store_and_read(void)
{
    static const uint8_t bytes[] = {0, 255, 1, 0};
    const cadre_sql_value values[] = {
        cadre_sql_integer(INT64_MIN), cadre_sql_integer(INT64_MAX),
        cadre_sql_real(0.1),          cadre_sql_text("na\xc3\xafve \xe2\x82\xac"),
        cadre_sql_text(""),           cadre_sql_bytes(bytes, sizeof bytes),
        cadre_sql_bytes(NULL, 0),     cadre_sql_null(),
        cadre_sql_text(NULL)};
    enum { COUNT = sizeof values / sizeof *values };
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (a, b, c, d, e, f, g, h, i)"));
    (void)rows_of(cadre_sql_ask(me, &op, db, CADRE_NEVER,
                                "INSERT INTO t (i, h, g, f, e, d, c, b, a) "
                                "VALUES ($9, $8, $7, $6, $5, $4, $3, $2, $1)",
                                values, COUNT));
    const cadre_sql_rows *rows = rows_of(ask_sql("SELECT * FROM t"));
    assert_int_equal(rows->columns, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        const cadre_sql_value *v = cadre_sql_at(rows, 0, i);
        assert_int_equal(v->kind, values[i].kind);
        assert_int_equal(v->size, values[i].size);
        if (v->size)
            assert_memory_equal(v->is.bytes, values[i].is.bytes, v->size);
        else if (v->kind < CADRE_SQL_TEXT)
            assert_int_equal(v->is.integer, values[i].is.integer);
    }
    assert_string_equal(cadre_sql_text_at(rows, 0, 4), "");
}
static void values_are_exact(void **state) { act(store_and_read); }

/* ---- errors ---------------------------------------------------------------------- */

static void err(void)
{
    static const char *const two = "SELECT 1; SELECT 2";
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT NOT NULL, "
                          "CHECK (n < 10))"));
    (void)rows_of(ask_sql("CREATE TABLE u (t REFERENCES t (id))"));
    (void)rows_of(ask_sql("INSERT INTO t VALUES (1, 1)"));
    const cadre_sql_error *e = error_of(ask_sql("SELEC 1"), -EINVAL, "42000");
    assert_string_equal(cadre_sql_error_text(e),
                        "near \"SELEC\": syntax error, in: SELEC 1");
    (void)error_of(ask_sql("SELECT * FROM none"), -EINVAL, "42000");
    (void)error_of(ask_sql("INSERT INTO t VALUES (1, 1)"), -EEXIST, "23505");
    (void)error_of(ask_sql("INSERT INTO t VALUES (2, NULL)"), -EEXIST, "23502");
    (void)error_of(ask_sql("INSERT INTO t VALUES (2, 11)"), -EEXIST, "23514");
    (void)error_of(ask_sql("INSERT INTO u VALUES (5)"), -EEXIST, "23503");
    (void)error_of(ask_sql(two), -EINVAL, "42601");
    (void)error_of(ask_sql(" -- nothing"), -EINVAL, "42601");
    (void)error_of(ask_sql("SELECT $1"), -EINVAL, "07001");
    (void)error_of(ask_for("SELECT 1", cadre_sql_null()), -EINVAL, "07001");
    (void)error_of(ask_for("SELECT $2", cadre_sql_null()), -EINVAL, "07001");
    static const char *const ours[] = {"BEGIN",
                                       "COMMIT",
                                       "ROLLBACK",
                                       "SAVEPOINT x",
                                       "PRAGMA query_only=1",
                                       "PRAGMA journal_mode=DELETE",
                                       "ATTACH 'other' AS other"};
    for (int i = 0; i < 7; i++) {
        e = error_of(ask_sql(ours[i]), -EINVAL, "25001");
        assert_non_null(strstr(cadre_sql_error_text(e), "into one request"));
    }
    assert_int_equal(number_of("SELECT count(*) FROM t"), 1);
    failed(cadre_ask(me, &op, db, CADRE_NEVER, cadre_sql, 0), -EINVAL);
    failed(cadre_ask(me, &op, db, CADRE_NEVER, number, 1), CADRE_EUNANSWERED);
}
static void failure_is_named(void **state) { act(err); }

/* A statement that is kept was prepared for another table. */
static void change_the_table(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (a)"));
    (void)rows_of(ask_sql("INSERT INTO t VALUES (1)"));
    assert_int_equal(rows_of(ask_sql("SELECT * FROM t"))->columns, 1);
    (void)rows_of(ask_sql("ALTER TABLE t ADD COLUMN b DEFAULT 2"));
    const cadre_sql_rows *rows = rows_of(ask_sql("SELECT * FROM t"));
    assert_int_equal(rows->columns, 2);
    assert_int_equal(cadre_sql_integer_at(rows, 0, 1, 0), 2);
    (void)rows_of(ask_sql("ALTER TABLE t DROP COLUMN a"));
    rows = rows_of(ask_sql("SELECT * FROM t"));
    assert_int_equal(rows->columns, 1);
    assert_int_equal(cadre_sql_integer_at(rows, 0, 0, 0), 2);
}
static void columns_are_those_of_now(void **state) { act(change_the_table); }

static void statement_is_checked(void **state)
{
    cadre_sql sql = {.rows = 0};
    const cadre_sql_value bad = {.kind = CADRE_SQL_BYTES, .size = 1};
    const cadre_sql_value worse = {.kind = CADRE_SQL_BYTES + 1};
    assert_int_equal(cadre_sql_add(&sql, NULL, NULL, 0), -EINVAL);
    assert_int_equal(cadre_sql_add(&sql, "SELECT 1", NULL, 1), -EINVAL);
    assert_int_equal(cadre_sql_add(&sql, "SELECT 1", &bad, 1), -EINVAL);
    assert_int_equal(cadre_sql_add(&sql, "SELECT 1", &worse, 1), -EINVAL);
    assert_int_equal(sql.count, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cadre_sql_add(&sql, "SELECT 1", NULL, 0), 0);
    assert_int_equal(sql.count, 100);
    cadre_sql_drop(&sql);
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_sqlite bad[] = {{.use = CADRE_FILE_READ},
                                {.path = ""},
                                {.path = ":memory:"},
                                {.path = "file:x?mode=memory"},
                                {.path = "x", .use = CADRE_FILE_NEW + 1},
                                {.path = "x", .readers = 1},
                                {.path = "x", .readers = 17},
                                {.path = "x", .cursor = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_sqlite_class, &bad[i], -EINVAL);
}

static void does_not_open(const char *where, int use, int code)
{
    cadre_token down, first;
    cadre_msg m;
    open_with((cadre_sqlite){.path = where, .use = use});
    assert_int_equal(cadre_watch(me, &down, db), 0);
    assert_int_equal(ask_sql("SELECT 1"), 0);
    first = op;
    (void)error_of(ask_sql("CREATE TABLE t (a)"), code, "08001");
    op = first;
    (void)error_of(0, code, "08001");
    assert_int_equal(cadre_await(me, down, &m), 0);
    assert_int_equal(cadre_body(&m, cadre_down)->reason, code);
    failed(ask_sql("SELECT 1"), CADRE_EDEAD);
}
static void open_in_vain(void)
{
    put_file(in_folder("text"), "This is no database, but a text that is long enough.");
    remove_it();
    does_not_open(path(), CADRE_FILE_READ, -EACCES);
    assert_true(lines_with("/db: unable to open database file") > 0);
    does_not_open(path(), CADRE_FILE_UPDATE, -EACCES);
    does_not_open(in_folder("none/db"), CADRE_FILE_MAKE, -EACCES);
    does_not_open(in_folder("text"), CADRE_FILE_NEW, -EEXIST);
    does_not_open(in_folder("text"), CADRE_FILE_UPDATE, -EIO);
    assert_int_equal(lines_with("/text: file is not a database"), 1);
    does_not_open(folder, CADRE_FILE_MAKE, -EACCES);
}
static void database_that_does_not_open_is_an_error(void **state) { act(open_in_vain); }

static void only_read(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (a)"));
    open_with((cadre_sqlite){.use = CADRE_FILE_READ});
    assert_int_equal(number_of("SELECT count(*) FROM t"), 0);
    (void)error_of(ask_sql("INSERT INTO t VALUES (1)"), -EROFS, "25006");
}
static void database_for_reading_is_not_written(void **state) { act(only_read); }

/* ---- transactions ---------------------------------------------------------------- */

static void fail_in_the_middle(void)
{
    static const char *const bad[] = {"INSERT INTO t VALUES (1)",
                                      "INSERT INTO t VALUES (2)",
                                      "INSERT INTO t VALUES (1)"};
    static const char *const good[] = {"INSERT INTO t VALUES (3)",
                                       "UPDATE t SET a = a + 1", "SELECT a FROM t"};
    cadre_token tokens[30];
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (a UNIQUE)"));
    const cadre_sql_error *e = error_of(ask_all(bad, 3), -EEXIST, "23505");
    assert_string_equal(cadre_sql_error_text(e),
                        "UNIQUE constraint failed: t.a, in: INSERT INTO t VALUES (1)");
    assert_int_equal(number_of("SELECT count(*) FROM t"), 0);
    const cadre_sql_rows *rows = rows_of(ask_all(good, 3));
    assert_int_equal(rows->changes, 2);
    assert_int_equal(cadre_sql_integer_at(rows, 0, 0, 0), 4);
    /* Beside others, which share their transaction. */
    for (int i = 0; i < 30; i++) {
        assert_int_equal(i % 3 == 1 ? ask_all(bad, 3)
                                    : ask_for("INSERT INTO t VALUES ($1)",
                                              cadre_sql_integer(100 + i)),
                         0);
        tokens[i] = op;
    }
    for (int i = 0; i < 30; i++) {
        op = tokens[i];
        if (i % 3 == 1)
            (void)error_of(0, -EEXIST, "23505");
        else
            assert_int_equal(rows_of(0)->changes, 1);
    }
    assert_int_equal(number_of("SELECT count(*) FROM t"), 21);
}
static void all_or_none(void **state) { act(fail_in_the_middle); }

enum { WRITES = 200 };
static void write_much(void)
{
    cadre_token tokens[WRITES];
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n)"));
    unsigned syncs = disk.syncs;
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(ask_for("INSERT INTO t (n) VALUES ($1)", cadre_sql_integer(i)),
                         0);
        tokens[i] = op;
    }
    for (int i = 0; i < WRITES; i++) {
        op = tokens[i];
        assert_int_equal(rows_of(0)->last_id, i + 1);
    }
    assert_true(disk.syncs > syncs);
    assert_true(disk.syncs - syncs < WRITES / 20);
    assert_int_equal(number_of("SELECT count(*) FROM t WHERE n = id - 1"), WRITES);
}
static void writes_in_order(void **state) { act(write_much); }
static void commits_are_shared(void **state) { act(write_much); }

/* One after the other: a sync for each answer; without, when that was asked for. */
static void count_syncs(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    for (int i = 0; i < 5; i++) {
        unsigned before = disk.syncs;
        (void)rows_of(ask_sql("INSERT INTO t VALUES (1)"));
        assert_true(disk.syncs > before);
    }
    open_with((cadre_sqlite){.use = CADRE_FILE_UPDATE, .may_forget = true});
    (void)rows_of(ask_sql("INSERT INTO t VALUES (1)"));
    unsigned before = disk.syncs;
    for (int i = 0; i < 5; i++)
        (void)rows_of(ask_sql("INSERT INTO t VALUES (1)"));
    assert_int_equal(disk.syncs, before);
}
static void answered_is_durable(void **state) { act(count_syncs); }

/* The disk is full for those that share a transaction; then it has room again. */
static void fill_the_disk(void)
{
    cadre_token tokens[10];
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    (void)rows_of(ask_sql("INSERT INTO t VALUES (0)"));
    disk.code = -ENOSPC;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask_sql("INSERT INTO t VALUES (1)"), 0);
        tokens[i] = op;
    }
    for (int i = 0; i < 10; i++) {
        op = tokens[i];
        (void)error_of(0, -ENOSPC, "53100");
    }
    assert_int_equal(number_of("SELECT sum(n) FROM t"), 0);
    disk.code = 0;
    (void)rows_of(ask_sql("INSERT INTO t VALUES (2)"));
    assert_int_equal(number_of("SELECT sum(n) FROM t"), 2);
}
static void full_disk_is_an_error(void **state) { act(fill_the_disk); }

/* ---- many rows ------------------------------------------------------------------- */

static void read_in_pieces(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    (void)rows_of(ask_sql("WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 "
                          "FROM c WHERE n < 99) INSERT INTO t SELECT n FROM c"));
    cadre_sql_rows rows = kept(ask_some("SELECT n FROM t ORDER BY n", 30));
    (void)rows_of(ask_sql("DELETE FROM t")); /* it sees what was there */
    int64_t next = 0;
    for (;;) {
        assert_int_equal(rows.count, next < 90 ? 30 : 10);
        assert_string_equal(cadre_sql_name(&rows, 0), "n");
        for (uint32_t i = 0; i < rows.count; i++)
            assert_int_equal(cadre_sql_integer_at(&rows, i, 0, -1), next++);
        cadre_buf_unref(rows.data);
        uint64_t cursor = rows.cursor;
        if (!cursor)
            break;
        rows = kept(ask_next(cursor, 30));
        (void)error_of(ask_next(cursor, 30), -ESTALE, "34000"); /* as it was */
    }
    assert_int_equal(next, 100);
    assert_int_equal(rows_of(ask_some("VALUES (1), (2)", 2))->cursor, 0);
}
static void rows_come_in_pieces(void **state) { act(read_in_pieces); }

static void leave_cursors(void)
{
    enum { CURSORS = 3 };
    uint64_t cursors[CURSORS];
    cadre_token fourth;
    cadre_msg m;
    open_new();
    for (int i = 0; i < CURSORS; i++)
        cursors[i] = rows_of(ask_some("VALUES (1), (2), (3)", 1))->cursor;
    assert_int_equal(ask_some("VALUES (1), (2), (3)", 1), 0); /* must wait for one */
    fourth = op;
    assert_int_equal(number_of("SELECT 7"), 7); /* and this need not */
    assert_int_equal(cadre_after(me, &op, CADRE_SECOND, number, 0), 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    assert_int_equal(rows_of(ask_next(cursors[0], 0))->count, 0); /* closed */
    op = fourth;
    cursors[0] = rows_of(0)->cursor;
    assert_true(cursors[0] != 0);
    assert_int_equal(
        cadre_after(me, &op, 29 * CADRE_SECOND + CADRE_SECOND / 2, number, 0), 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    (void)error_of(ask_next(cursors[1], 1), -ESTALE, "34000"); /* idle */
    (void)error_of(ask_next(cursors[2], 1), -ESTALE, "34000");
    cursors[0] = rows_of(ask_next(cursors[0], 1))->cursor;
    assert_int_equal(rows_of(ask_next(cursors[0], 1))->cursor, 0); /* the last row */
    (void)error_of(ask_next(cursors[0], 1), -ESTALE, "34000");
    (void)error_of(ask_next(0, 1), -ESTALE, "34000");
    (void)error_of(ask_next(UINT64_MAX, 1), -ESTALE, "34000");
}
static void cursors_end(void **state) { act(leave_cursors); }

/* The pool has no room: who asks is told, and all goes on when it has. */
static void fill_the_pool(void)
{
    enum { COUNT = 60 };
    cadre_token tokens[COUNT];
    uint64_t cursor;
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE IF NOT EXISTS t (n)"));
    for (int round = 0; round < 20; round++) {
        cursor = rows_of(ask_some("VALUES (1), (2)", 1))->cursor;
        for (int i = 0; i < COUNT; i++) {
            int kind = i % 4;
            int err = kind == 0   ? ask_next(cursor, 1)
                      : kind == 1 ? ask_some("VALUES (1), (2)", 1)
                      : kind == 2 ? ask_sql("SELECT 5")
                                  : ask_sql("INSERT INTO t VALUES (1)");
            assert_int_equal(err, 0);
            tokens[i] = op;
            if (cadre_random(me) % 3 == 0) {
                assert_int_equal(cadre_cancel(me, op), 0);
                tokens[i].id = 0;
            }
        }
        for (int i = 0; i < COUNT; i++) {
            cadre_msg m;
            if (!tokens[i].id)
                continue;
            assert_int_equal(cadre_await(me, tokens[i], &m), 0);
            const cadre_failure *f = cadre_body(&m, cadre_failure);
            assert_true(!f || f->code == CADRE_EFULL);
            const cadre_sql_rows *rows = cadre_body(&m, cadre_sql_rows);
            if (rows && rows->cursor)
                (void)outcome(ask_next(rows->cursor, 0));
        }
        const cadre_sql_rows *rows = rows_of(ask_sql("SELECT 5"));
        assert_int_equal(rows->cursor, 0);
        assert_int_equal(cadre_sql_integer_at(rows, 0, 0, 0), 5);
        assert_int_equal(cadre_after(me, &op, 60 * CADRE_SECOND, number, 0), 0);
        (void)outcome(0);
    }
}
static void full_pool_is_told(void **state)
{
    scene = fill_the_pool;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        config.blocking_threads = 1;
        config.blocking_waiting = 1 + seed % 3;
        assert_int_equal(play_with(&config, enter), 0);
    }
}

static void exceed(void)
{
    cadre_token tokens[8];
    unsigned full = 0;
    remove_it();
    open_with((cadre_sqlite){.use = CADRE_FILE_MAKE, .waiting = 4, .bytes = 1000});
    (void)error_of(ask_sql("SELECT zeroblob(1000)"), -EMSGSIZE, "54000");
    (void)error_of(ask_sql("WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 "
                           "FROM c) SELECT n FROM c"),
                   -EMSGSIZE, "54000");
    assert_int_equal(number_of("SELECT length(zeroblob(1000))"), 1000);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(
            ask_sql(i % 2 ? "SELECT 1" : "CREATE TABLE IF NOT EXISTS t (n)"), 0);
        tokens[i] = op;
    }
    for (int i = 0; i < 8; i++) {
        op = tokens[i];
        cadre_msg m = outcome(0);
        full += m.type == &cadre_failure_type;
    }
    assert_int_equal(full, 4);
}
static void within_bounds(void **state) { act(exceed); }

/* It ends with all kinds of work under way; and what nobody waits for is not done. */
static void end_in_the_middle(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    (void)rows_of(ask_some("VALUES (1), (2)", 1));
    assert_int_equal(ask_sql("INSERT INTO t VALUES (1)"), 0);
    assert_int_equal(ask_some("VALUES (1), (2)", 1), 0);
    assert_int_equal(ask_sql("SELECT 1"), 0);
    assert_int_equal(cadre_kill(me, db, 0), 0);
    failed(0, CADRE_EDEAD);
}
static void closed_after_the_last_call(void **state) { act(end_in_the_middle); }

static void give_up(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask_sql("INSERT INTO t VALUES (1)"), 0);
        assert_int_equal(cadre_cancel(me, op), 0);
        assert_int_equal(ask_some("VALUES (1), (2)", 1), 0);
        assert_int_equal(cadre_cancel(me, op), 0);
    }
    (void)rows_of(ask_sql("INSERT INTO t VALUES (2)"));
    assert_int_equal(number_of("SELECT count(*) FROM t WHERE n = 2"), 1);
    assert_true(rows_of(ask_some("VALUES (1), (2)", 1))->cursor != 0);
}
static void who_gives_up_leaves_nothing(void **state) { act(give_up); }

int main(void)
{
    make_folder();
    TESTS(cmocka_unit_test(statements_are_answered), cmocka_unit_test(values_are_exact),
          cmocka_unit_test(failure_is_named),
          cmocka_unit_test(columns_are_those_of_now),
          cmocka_unit_test(full_pool_is_told), cmocka_unit_test(statement_is_checked),
          cmocka_unit_test(bad_config_fails_the_start),
          cmocka_unit_test(database_that_does_not_open_is_an_error),
          cmocka_unit_test(database_for_reading_is_not_written),
          cmocka_unit_test(all_or_none), cmocka_unit_test(writes_in_order),
          cmocka_unit_test(commits_are_shared), cmocka_unit_test(answered_is_durable),
          cmocka_unit_test(full_disk_is_an_error),
          cmocka_unit_test(rows_come_in_pieces), cmocka_unit_test(cursors_end),
          cmocka_unit_test(within_bounds), cmocka_unit_test(closed_after_the_last_call),
          cmocka_unit_test(who_gives_up_leaves_nothing));
    return RUN_TESTS();
}
