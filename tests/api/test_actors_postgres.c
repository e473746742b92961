/* test_actors_postgres.c: a database that is a real PostgreSQL server, which the test
 * starts: what is asked and answered. */
#include "support/database.h"
#include "support/postgres.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- statements and rows --------------------------------------------------------- */

static void statements_are_answered(void **state)
{
    pg_begin();
    pg_make_table("id serial PRIMARY KEY, name text UNIQUE");
    assert_int_equal(pg_number_of(pg_ask_value("INSERT INTO t (name) VALUES ($1)",
                                               cadre_sql_text("Ada"))),
                     1);
    cadre_sql_rows rows = pg_rows_of(
        pg_ask_value("INSERT INTO t (name) VALUES ($1) RETURNING id, name AS who",
                     cadre_sql_text("'); DROP TABLE t; --")));
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.columns, 2);
    assert_int_equal(rows.changes, 1);
    assert_int_equal(rows.cursor, 0);
    assert_string_equal(cadre_sql_name(&rows, 1), "who");
    assert_string_equal(cadre_sql_text_at(&rows, 0, 1), "'); DROP TABLE t; --");
    assert_int_equal(cadre_sql_integer_at(&rows, 0, 0, 0), 2);
    cadre_buf_unref(rows.data);
    rows = pg_rows_of(pg_ask("SELECT * FROM t WHERE id > 9"));
    assert_int_equal(rows.count, 0);
    assert_string_equal(cadre_sql_name(&rows, 0), "id");
    cadre_buf_unref(rows.data);
    assert_int_equal(pg_number_of(pg_ask("UPDATE t SET name = name || '!'")), 2);
    for (int i = 0; i < 200; i++) { /* more than are kept */
        char text[64];
        snprintf(text, sizeof text, "SELECT %d", i);
        assert_int_equal(pg_number_of(pg_ask(text)), i);
    }
    assert_string_equal(postgres_says("SELECT name FROM t WHERE id = 1"), "Ada!");
    pg_end();
}

static void values_are_exact(void **state)
{
    static const uint8_t bytes[] = {0, 255, 1, 0, '\\', 'x'};
    static const char *const insert = "INSERT INTO t (k, j, i, h, g, f, e, d, c, b, a) "
                                      "VALUES ($11, $10, $9, $8, $7, $6, $5, $4, $3, "
                                      "$2, $1)";
    const cadre_sql_value values[] = {
        cadre_sql_integer(INT64_MIN), cadre_sql_integer(INT64_MAX),
        cadre_sql_real(0.1),          cadre_sql_text("na\xc3\xafve \xe2\x82\xac"),
        cadre_sql_text(""),           cadre_sql_bytes(bytes, sizeof bytes),
        cadre_sql_bytes(NULL, 0),     cadre_sql_null(),
        cadre_sql_integer(1),         cadre_sql_text("12345678901234567890.10"),
        cadre_sql_real(-5e-324)};
    enum { COUNT = sizeof values / sizeof *values };
    pg_begin();
    pg_make_table(
        "a bigint, b bigint, c float8, d text, e text, f bytea, g bytea, h int, "
        "i bool, j numeric, k float8");
    (void)pg_number_of(pg_ask_with(&insert, 1, values, COUNT, 0));
    cadre_sql_rows rows = pg_rows_of(pg_ask("SELECT * FROM t"));
    assert_int_equal(rows.columns, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        const cadre_sql_value *v = cadre_sql_at(&rows, 0, i);
        assert_int_equal(v->kind, values[i].kind);
        assert_int_equal(v->size, values[i].size);
        if (v->size)
            assert_memory_equal(v->is.bytes, values[i].is.bytes, v->size);
        else if (v->kind < CADRE_SQL_TEXT)
            assert_int_equal(v->is.integer, values[i].is.integer);
    }
    assert_string_equal(cadre_sql_text_at(&rows, 0, 4), "");
    cadre_buf_unref(rows.data);
    rows = pg_rows_of(
        pg_ask("SELECT 1.5::float4, 'NaN'::float8, '-Infinity'::float8, false, "
               "'{\"a\":1}'::jsonb, 7::int2, '2001-02-03'::date"));
    assert_true(cadre_sql_at(&rows, 0, 0)->is.real == 1.5);
    assert_true(isnan(cadre_sql_at(&rows, 0, 1)->is.real));
    assert_true(isinf(cadre_sql_at(&rows, 0, 2)->is.real));
    assert_int_equal(cadre_sql_integer_at(&rows, 0, 3, 7), 0);
    assert_string_equal(cadre_sql_text_at(&rows, 0, 4), "{\"a\": 1}");
    assert_int_equal(cadre_sql_integer_at(&rows, 0, 5, 0), 7);
    assert_string_equal(cadre_sql_text_at(&rows, 0, 6), "2001-02-03");
    cadre_buf_unref(rows.data);
    pg_end();
}

/* Of a session that writes them in another way they would be other bytes. */
static void bytes_in_escapes_are_refused(void **state)
{
    static const char *const texts[] = {"SET LOCAL bytea_output = escape",
                                        "SELECT 'a-b'::bytea"};
    pg_begin();
    pg_error_of(pg_ask_with(texts, 2, NULL, 0, 0), -EPROTO, "08P01", "bytea_output");
    cadre_sql_rows rows = pg_rows_of(pg_ask(texts[1]));
    assert_int_equal(cadre_sql_at(&rows, 0, 0)->size, 3);
    cadre_buf_unref(rows.data);
    pg_end();
}

static void failure_is_named(void **state)
{
    static const char *const ours[] = {"BEGIN", "/* x /* y */ */ COMMIT",
                                       "-- \nROLLBACK", " savepoint x"};
    pg_begin();
    pg_make_table("id int PRIMARY KEY, n int NOT NULL CHECK (n < 10)");
    (void)pg_number_of(pg_ask("INSERT INTO t VALUES (1, 1)"));
    pg_error_of(pg_ask("SELEC 1"), -EINVAL, "42601",
                "syntax error at or near \"SELEC\", in: SELEC 1");
    pg_error_of(pg_ask("SELECT * FROM none"), -EINVAL, "42P01", "none");
    pg_error_of(pg_ask("INSERT INTO t VALUES (1, 1)"), -EEXIST, "23505",
                "already exists");
    pg_error_of(pg_ask("INSERT INTO t VALUES (2, NULL)"), -EEXIST, "23502", "null");
    pg_error_of(pg_ask("INSERT INTO t VALUES (2, 11)"), -EEXIST, "23514", "check");
    pg_error_of(pg_ask("SELECT 1; SELECT 2"), -EINVAL, "42601", "multiple");
    pg_error_of(pg_ask("SELECT $1::int"), -EINVAL, "08P01", "parameter");
    pg_error_of(pg_ask("SELECT 1 / 0"), -EINVAL, "22012", "zero");
    pg_error_of(pg_ask("COPY t FROM STDIN"), -EINVAL, "0A000", "COPY");
    pg_error_of(pg_ask_value("SELECT $1",
                             (cadre_sql_value){CADRE_SQL_TEXT, 3, {.text = "a\0b"}}),
                -EINVAL, "22021", "zero byte");
    for (int i = 0; i < 4; i++)
        pg_error_of(pg_ask(ours[i]), -EINVAL, "25001", "into one request");
    const cadre_sql none = {.rows = 0};
    pg_failed(pg_ask_as(&cadre_sql_type, &none), -EINVAL);
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM t")), 1);
    pg_end();
}

static void all_or_none(void **state)
{
    static const char *const bad[] = {"INSERT INTO t VALUES (1)",
                                      "INSERT INTO t VALUES (2)",
                                      "INSERT INTO t VALUES (1)"};
    static const char *const good[] = {"INSERT INTO t VALUES (3)",
                                       "UPDATE t SET a = a + 1", "SELECT a FROM t"};
    static const char *const late[] = {"INSERT INTO u VALUES (1)",
                                       "INSERT INTO u VALUES (1)"};
    static const char *const large[] = {"INSERT INTO t VALUES (7)",
                                        "SELECT repeat('x', 2000) FROM t"};
    pg_begin_with((cadre_postgres){.connections = 4, .bytes = 1000});
    pg_make_table("a int UNIQUE");
    (void)pg_number_of(pg_ask("DROP TABLE IF EXISTS u"));
    (void)pg_number_of(
        pg_ask("CREATE TABLE u (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"));
    pg_error_of(pg_ask_with(bad, 3, NULL, 0, 0), -EEXIST, "23505",
                "in: INSERT INTO t VALUES (1)");
    pg_error_of(pg_ask_with(late, 2, NULL, 0, 0), -EEXIST, "23505", "already exists");
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM t")), 0);
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM u")), 0);
    cadre_sql_rows rows = pg_rows_of(pg_ask_with(good, 3, NULL, 0, 0));
    assert_int_equal(rows.changes, 2);
    assert_int_equal(cadre_sql_integer_at(&rows, 0, 0, 0), 4);
    cadre_buf_unref(rows.data);
    /* Too many rows of what has changed something: then it has not. */
    pg_error_of(pg_ask_with(large, 2, NULL, 0, 0), -EMSGSIZE, "54000",
                "fewer at a time");
    pg_error_of(
        pg_ask("INSERT INTO t SELECT n FROM generate_series(100, 9999) n RETURNING a"),
        -EMSGSIZE, "54000", "fewer at a time");
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM t")), 1);
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM t WHERE a >= 100")), 0);
    pg_end();
}

/* A table is another one than when its statement was prepared. */
static void changed_tables_are_no_error(void **state)
{
    pg_begin();
    for (int i = 0; i < 5; i++) {
        pg_make_table(i % 2 ? "a int, b text" : "a bigint");
        (void)pg_number_of(pg_ask("INSERT INTO t (a) VALUES (5)"));
        assert_int_equal(pg_number_of(pg_ask("SELECT * FROM t")), 5);
        (void)pg_number_of(pg_ask("ALTER TABLE t ALTER a TYPE numeric"));
        cadre_sql_rows rows = pg_rows_of(pg_ask("SELECT * FROM t"));
        assert_string_equal(cadre_sql_text_at(&rows, 0, 0), "5");
        cadre_buf_unref(rows.data);
    }
    pg_end();
}

/* ---- many ------------------------------------------------------------------------ */

/* Each waits until all are there. */
static void side_by_side(void **state)
{
    enum { N = 4 };
    static const char *const meet =
        "DO 'BEGIN PERFORM nextval(''meeting''); FOR i IN 1..60000 LOOP EXIT WHEN "
        "(SELECT last_value FROM meeting) >= 4; PERFORM pg_sleep(0.001); END LOOP; "
        "END'";
    cadre_future *waits[N];
    pg_begin();
    (void)pg_number_of(pg_ask("CREATE SEQUENCE meeting"));
    for (int i = 0; i < N; i++)
        waits[i] = pg_ask(meet);
    for (int i = 0; i < N; i++)
        (void)pg_number_of(waits[i]);
    assert_int_equal(pg_number_of(pg_ask("SELECT last_value FROM meeting")), N);
    (void)pg_number_of(pg_ask("DROP SEQUENCE meeting"));
    pg_end();
}

static const char endless[] = "SELECT * FROM (WITH RECURSIVE c (n) AS (SELECT 0 UNION "
                              "ALL SELECT n + 1 FROM c) SELECT n FROM c) s";

static void within_bounds(void **state)
{
    cadre_future *asked[8];
    unsigned full = 0;
    pg_begin_with((cadre_postgres){.connections = 2, .waiting = 4, .bytes = 1000});
    pg_error_of(pg_ask("SELECT repeat('x', 1000)"), -EMSGSIZE, "54000", "fewer");
    pg_error_of(pg_ask(endless), -EMSGSIZE, "54000", "fewer");
    assert_int_equal(pg_number_of(pg_ask("SELECT length(repeat('x', 1000))")), 1000);
    for (int i = 0; i < 8; i++)
        asked[i] = pg_ask("SELECT pg_sleep(0.05)");
    for (int i = 0; i < 8; i++) {
        cadre_msg m = pg_outcome(asked[i]);
        full += m.type == &cadre_failure_type;
        cadre_future_free(asked[i]);
    }
    assert_true(full >= 4);
    pg_end();
}

static void rows_come_in_pieces(void **state)
{
    pg_begin();
    pg_make_table("n int");
    (void)pg_number_of(pg_ask("INSERT INTO t SELECT generate_series(0, 99)"));
    cadre_sql_rows rows = pg_rows_of(pg_ask_some("SELECT n FROM t ORDER BY n", 30));
    (void)pg_number_of(pg_ask("DELETE FROM t")); /* it sees what was there */
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
        rows = pg_rows_of(pg_ask_next(cursor, 30));
        pg_error_of(pg_ask_next(cursor, 30), -ESTALE, "34000",
                    "closed"); /* as it was */
    }
    assert_int_equal(next, 100);
    rows = pg_rows_of(pg_ask_some("VALUES (1), (2)", 2));
    assert_int_equal(rows.cursor, 0);
    cadre_buf_unref(rows.data);
    pg_end();
}

/* A table that is much larger than all buffers, and three that are closed in the middle
 * or left idle, on two connections that may have one. */
static void cursors_end(void **state)
{
    static const char *const much =
        "SELECT repeat('x', 1000) FROM generate_series(1, 100000)";
    pg_begin_with((cadre_postgres){.connections = 3, .cursor = 200 * CADRE_MS});
    for (int i = 0; i < 3; i++) {
        cadre_sql_rows rows = pg_rows_of(pg_ask_some(much, 10));
        assert_true(rows.cursor != 0);
        cadre_buf_unref(rows.data);
        assert_int_equal(pg_number_of(pg_ask_next(rows.cursor, 0)), 0); /* closed */
        pg_error_of(pg_ask_next(rows.cursor, 1), -ESTALE, "34000", "closed");
    }
    uint64_t cursors[3];
    for (int i = 0; i < 3; i++) { /* the third waits for one to be idle */
        cadre_sql_rows rows = pg_rows_of(pg_ask_some(much, 10));
        cursors[i] = rows.cursor;
        cadre_buf_unref(rows.data);
        assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7); /* and this need not */
    }
    pg_error_of(pg_ask_next(cursors[0], 1), -ESTALE, "34000", "closed");
    pg_error_of(pg_ask_next(0, 1), -ESTALE, "34000", "closed");
    pg_error_of(pg_ask_next(UINT64_MAX, 1), -ESTALE, "34000", "closed");
    pg_end();
}

/* ---- nobody waits ---------------------------------------------------------------- */

static const char sleeping[] = "SELECT count(*) FROM pg_stat_activity WHERE state = "
                               "'active' AND query LIKE '%pg_sleep(600)%' AND pid <> "
                               "pg_backend_pid()";

static bool none_sleeps(void *unused)
{
    return strcmp(postgres_says(sleeping), "0") == 0;
}

/* As many as there are connections, twice; then they are free again. */
static void late_ones_are_cancelled(void **state)
{
    pg_begin();
    assert_int_equal(cadre_tell(pg_sys, cadre_system_root(pg_sys), number, 8), 0);
    await(&pg_given_up, 8);
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    await_true(none_sleeps, NULL);
    pg_end();
}

static bool one_sleeps(void *unused)
{
    return strcmp(postgres_says(sleeping), "1") == 0;
}
static void who_gives_up_leaves_nothing(void **state)
{
    pg_begin();
    cadre_future *future = pg_ask("SELECT pg_sleep(600)");
    await_true(one_sleeps, NULL);
    cadre_future_free(future);
    await_true(none_sleeps, NULL);
    for (int i = 0; i < 20; i++) {
        cadre_future_free(pg_ask("SELECT pg_sleep(600)"));
        cadre_future_free(pg_ask_some("SELECT * FROM generate_series(1, 10000)", 1));
    }
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    await_true(none_sleeps, NULL);
    pg_end();
}

static void end_in_the_middle(void **state)
{
    cadre_future *futures[6];
    pg_begin();
    for (int i = 0; i < 6; i++)
        futures[i] = pg_ask(i % 2 ? "SELECT pg_sleep(600)" : "SELECT 1");
    assert_int_equal(cadre_tell(pg_sys, cadre_system_root(pg_sys), number, 0), 0);
    await(&pg_ended, 1);
    for (int i = 0; i < 6; i++) {
        (void)pg_outcome(futures[i]);
        cadre_future_free(futures[i]);
    }
    pg_end();
}

int main(void)
{
    TESTS(cmocka_unit_test(statements_are_answered), cmocka_unit_test(values_are_exact),
          cmocka_unit_test(bytes_in_escapes_are_refused),
          cmocka_unit_test(failure_is_named), cmocka_unit_test(all_or_none),
          cmocka_unit_test(changed_tables_are_no_error), cmocka_unit_test(side_by_side),
          cmocka_unit_test(within_bounds), cmocka_unit_test(rows_come_in_pieces),
          cmocka_unit_test(cursors_end), cmocka_unit_test(late_ones_are_cancelled),
          cmocka_unit_test(who_gives_up_leaves_nothing),
          cmocka_unit_test(end_in_the_middle));
    if (!postgres_make()) {
        puts("skipped: PostgreSQL's server is not there");
        return 77;
    }
    pg_begin(); /* libuv opens something for good */
    (void)pg_number_of(pg_ask("SELECT 1"));
    close_system(pg_sys);
    return RUN_TESTS();
}
