/* test_actors_sqlite.c: a database in a file, in virtual time; what it says in the end is
 * read by SQLite's own shell. */
#include "support/folder.h"
#include "support/fronts.h"
#include "support/querying.h"

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

/* ---- statements and rows --------------------------------------------------------- */

static void ask_and_be_answered(void)
{
    open_new();
    cadre_sql_rows *rows = rows_of(
        ask_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"));
    assert_int_equal(rows->columns, 0);
    rows = rows_of(ask_with("INSERT INTO t (name) VALUES ($1)", cadre_sql_text("Ada")));
    assert_int_equal(rows->changes, 1);
    assert_int_equal(rows->last_id, 1);
    rows = rows_of(ask_with("INSERT INTO t (name) VALUES (?) RETURNING id, name",
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
    (void)error_of(ask_with("SELECT 1", cadre_sql_null()), -EINVAL, "07001");
    (void)error_of(ask_with("SELECT $2", cadre_sql_null()), -EINVAL, "07001");
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
    failed_by(cadre_ask(me, &op, db, CADRE_NEVER, cadre_sql, 0), -EINVAL);
    failed_by(cadre_ask(me, &op, db, CADRE_NEVER, number, 1), CADRE_EUNANSWERED);
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
    failed_by(ask_sql("SELECT 1"), CADRE_EDEAD);
}
static void open_in_vain(void)
{
    put_file(in_folder("text"), "This is no database, but a text that is long enough.");
    remove_db();
    does_not_open(db_path(), CADRE_FILE_READ, -EACCES);
    assert_true(lines_with("/db: unable to open database file") > 0);
    does_not_open(db_path(), CADRE_FILE_UPDATE, -EACCES);
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
                                    : ask_with("INSERT INTO t VALUES ($1)",
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
        assert_int_equal(
            ask_with("INSERT INTO t (n) VALUES ($1)", cadre_sql_integer(i)), 0);
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

/* ---- bounds ---------------------------------------------------------------------- */

static void exceed(void)
{
    cadre_token tokens[8];
    unsigned full = 0;
    remove_db();
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
        cadre_msg m = sql_outcome(0);
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
    failed_by(0, CADRE_EDEAD);
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
          cmocka_unit_test(statement_is_checked),
          cmocka_unit_test(bad_config_fails_the_start),
          cmocka_unit_test(database_that_does_not_open_is_an_error),
          cmocka_unit_test(database_for_reading_is_not_written),
          cmocka_unit_test(all_or_none), cmocka_unit_test(writes_in_order),
          cmocka_unit_test(commits_are_shared), cmocka_unit_test(answered_is_durable),
          cmocka_unit_test(full_disk_is_an_error), cmocka_unit_test(within_bounds),
          cmocka_unit_test(closed_after_the_last_call),
          cmocka_unit_test(who_gives_up_leaves_nothing));
    return RUN_TESTS();
}
