/* test_actors_sqlite_cursors.c: rows that come in pieces, and a pool that is full. */
#include "support/folder.h"
#include "support/querying.h"

#include <cadre/timer.h>

#include <errno.h>

static void read_in_pieces(void)
{
    open_new();
    (void)rows_of(ask_sql("CREATE TABLE t (n)"));
    (void)rows_of(ask_sql("WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 "
                          "FROM c WHERE n < 99) INSERT INTO t SELECT n FROM c"));
    cadre_sql_rows rows = kept_rows(ask_some("SELECT n FROM t ORDER BY n", 30));
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
        rows = kept_rows(ask_next(cursor, 30));
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
                (void)sql_outcome(ask_next(rows->cursor, 0));
        }
        const cadre_sql_rows *rows = rows_of(ask_sql("SELECT 5"));
        assert_int_equal(rows->cursor, 0);
        assert_int_equal(cadre_sql_integer_at(rows, 0, 0, 0), 5);
        assert_int_equal(cadre_after(me, &op, 60 * CADRE_SECOND, number, 0), 0);
        (void)sql_outcome(0);
    }
}
static void full_pool_is_told(void **state)
{
    for (uint32_t waiting = 1; waiting <= 3; waiting++)
        act_with(fill_the_pool, 1, waiting);
}

int main(void)
{
    make_folder();
    TESTS(cmocka_unit_test(rows_come_in_pieces), cmocka_unit_test(cursors_end),
          cmocka_unit_test(full_pool_is_told));
    return RUN_TESTS();
}
