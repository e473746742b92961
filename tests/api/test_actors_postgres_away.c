/* test_actors_postgres_away.c: a PostgreSQL server that refuses, crashes, and comes
 * back. */
#include "support/database.h"
#include "support/postgres.h"
#include "support/serving.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char sleeping[] = "SELECT count(*) FROM pg_stat_activity WHERE state = "
                               "'active' AND query LIKE '%pg_sleep(600)%' AND pid <> "
                               "pg_backend_pid()";

static bool one_sleeps(void *unused)
{
    return strcmp(postgres_says(sleeping), "1") == 0;
}

/* ---- the server goes, or refuses ------------------------------------------------- */

static void comes_back(void **state)
{
    pg_begin_with((cadre_postgres){.connections = 3, .patience = 60 * CADRE_SECOND});
    pg_make_table("n int");
    cadre_future *running = pg_ask("SELECT pg_sleep(600)");
    await_true(one_sleeps, NULL);
    postgres_crash();
    cadre_msg m = pg_outcome(running);
    const cadre_sql_error *e = cadre_body(&m, cadre_sql_error);
    assert_non_null(e);
    assert_int_equal(e->code, -ECONNRESET);
    cadre_future_free(running);
    cadre_future *waits = pg_ask("INSERT INTO t VALUES (1)");
    postgres_start();
    assert_int_equal(pg_number_of(waits), 1);
    assert_int_equal(pg_number_of(pg_ask("SELECT count(*) FROM t")), 1);
    pg_end();
}

/* One after the other, and the server crashes meanwhile: what was answered is there. */
static void answered_is_durable(void **state)
{
    int64_t answered = 0;
    pg_begin_with((cadre_postgres){.connections = 2, .patience = 60 * CADRE_SECOND});
    pg_make_table("n int PRIMARY KEY");
    for (int i = 1; i <= 60; i++) {
        cadre_future *future =
            pg_ask_value("INSERT INTO t VALUES ($1)", cadre_sql_integer(i));
        if (i % 20 == 10) {
            postgres_crash();
            postgres_start();
        }
        cadre_msg m = pg_outcome(future);
        if (cadre_body(&m, cadre_sql_rows))
            answered++;
        cadre_future_free(future);
    }
    assert_true(answered >= 55);
    assert_true(pg_number_of(pg_ask("SELECT count(*) FROM t")) >= answered);
    pg_end();
}

static void refused(const char *url, int code, const char *state, const char *has)
{
    pg_begin_with((cadre_postgres){.url = url, .patience = 1});
    cadre_future *future = pg_ask("SELECT 1");
    cadre_msg m = pg_outcome(future);
    if (cadre_body(&m, cadre_sql_error)) /* else it came after its end */
        pg_error_of(future, code, state, has);
    else
        cadre_future_free(future);
    if (code == -EACCES) {
        await(&pg_ended, 1);
        assert_int_equal(atomic_load(&pg_reason), code);
        assert_true(lines_with(has) > 0);
    }
    pg_end();
}
static void refusal_is_named(void **state)
{
    char text[200];
    (void)postgres_says("SET client_min_messages = error; DROP ROLE IF EXISTS secret");
    (void)postgres_says("CREATE ROLE secret LOGIN PASSWORD 'right'");
    refused(postgres_url(" user=secret password=wrong"), -EACCES, "28P01",
            "correct the user or the password");
    refused(postgres_url(" user=secret"), -EACCES, "28P01",
            "correct the user or the password");
    refused(postgres_url(" user=refused"), -EACCES, "28000", "pg_hba.conf");
    refused(postgres_url(" dbname=none"), -EACCES, "3D000", "or create it");
    refused(postgres_tcp_url(" host=none.invalid"), -EHOSTUNREACH, "08001",
            "none.invalid has no address");
    snprintf(text, sizeof text, "host=127.0.0.1 user=cadre port=%u", dead_port());
    refused(text, -ECONNREFUSED, "08001", "Is the server running");
    pg_begin_with((cadre_postgres){.url = postgres_url(" user=secret password=right")});
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    pg_end();
}

static void hosts_are_looked_up(void **state)
{
    pg_begin_with((cadre_postgres){.url = postgres_tcp_url("")});
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    pg_end();
    char text[300];
    snprintf(text, sizeof text, "%s", strstr(postgres_tcp_url(""), " port"));
    char both[400];
    snprintf(both, sizeof both, "host=none.invalid,localhost%s", text);
    pg_begin_with((cadre_postgres){.url = both});
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    pg_end();
}

/* libpq's variables count where the url says nothing. */
static void environment_is_heard(void **state)
{
    char port[8], ports[32];
    snprintf(port, sizeof port, "%s", strstr(postgres_tcp_url(""), "port=") + 5);
    *strchr(port, ' ') = 0;
    snprintf(ports, sizeof ports, "%s,%s", port, port);
    setenv("PGPORT", port, 1);
    pg_begin_with(
        (cadre_postgres){.url = "host=localhost,127.0.0.1 user=cadre dbname=postgres"});
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    pg_end();
    setenv("PGPORT", ports, 1);
    setenv("PGHOST", "none.invalid,localhost", 1);
    pg_begin_with((cadre_postgres){.url = "user=cadre dbname=postgres"});
    assert_int_equal(pg_number_of(pg_ask("SELECT 7")), 7);
    pg_end();
    unsetenv("PGHOST"); /* two ports for one host */
    pg_begin_with((cadre_postgres){.url = "host=localhost user=cadre", .patience = 1});
    pg_error_of(pg_ask("SELECT 7"), -ECONNREFUSED, "08001", "port numbers");
    pg_end();
    unsetenv("PGPORT");
}

/* ---- NOTIFY ---------------------------------------------------------------------- */

static atomic_uint listening, spoilt, heard, lost;
static atomic_uint_fast64_t said; /* the last number that was heard */

/* A number: 0 ends it, 1: it listens no more. */
static int ear_start(cadre_self *self, void *state)
{
    /* What is no name spoils it for nobody else. */
    int err =
        cadre_ask(self, NULL, pg_db, CADRE_NEVER, cadre_sql_listen, .channel = "\xff");
    return err ? err
               : cadre_ask(self, NULL, pg_db, CADRE_NEVER, cadre_sql_listen,
                           .channel = "a \"b\"");
}
static int ear_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_sql_notice *notice = cadre_body(m, cadre_sql_notice);
    if (cadre_body(m, cadre_sql_rows))
        atomic_fetch_add(&listening, 1);
    if (cadre_body(m, cadre_sql_error))
        atomic_fetch_add(&spoilt, 1);
    if (notice && notice->is_lost)
        atomic_fetch_add(&lost, 1);
    else if (notice && strcmp(notice->channel, "a \"b\"") == 0) {
        atomic_store(&said,
                     strtoull((char *)cadre_buf_data(notice->payload), NULL, 10));
        atomic_fetch_add(&heard, 1);
    }
    if (n && n->value == 1)
        return cadre_ask(self, NULL, pg_db, CADRE_NEVER, cadre_sql_listen,
                         .channel = "a \"b\"", .stop = true);
    return n ? CADRE_STOP : 0;
}
static const cadre_class ear = {
    .name = "ear", .start = ear_start, .receive = ear_receive};

static cadre_ref ears[2];
static int add_ear(cadre_self *self)
{
    static unsigned count;
    return cadre_spawn(self, &ears[count++ % 2], &ear, NULL);
}

static void notify(int n)
{
    char text[100];
    snprintf(text, sizeof text, "SELECT pg_notify('a \"b\"', '%d'), pg_notify('c', '')",
             n);
    cadre_buf_unref(pg_rows_of(pg_ask(text)).data);
}
static bool nobody_listens(void *unused)
{
    return strcmp(
               postgres_says("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                             "'%LISTEN%' AND query NOT LIKE '%UNLISTEN%' AND pid <> "
                             "pg_backend_pid()"),
               "0") == 0;
}

static void notices_are_heard(void **state)
{
    atomic_store(&listening, 0);
    database_hook = add_ear;
    pg_begin_with((cadre_postgres){.connections = 2, .patience = 60 * CADRE_SECOND});
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            cadre_tell(pg_sys, cadre_system_root(pg_sys), number, DATABASE_HOOK), 0);
    await(&listening, 2);
    await(&spoilt, 2);
    for (int i = 1; i <= 20; i++) {
        notify(i);
        await(&heard, 2 * (unsigned)i);
        assert_int_equal(atomic_load(&said), i);
    }
    postgres_crash();
    postgres_start();
    await(&lost, 2);
    notify(21);
    await(&heard, 42);
    assert_int_equal(cadre_tell(pg_sys, ears[0], number, 1), 0);
    await(&listening, 3);
    assert_int_equal(cadre_tell(pg_sys, ears[1], number, 0), 0);
    await_true(nobody_listens, NULL);
    notify(22);
    assert_int_equal(atomic_load(&heard), 42);
    const cadre_sql_listen outside = {.channel = "x"};
    pg_failed(pg_ask_as(&cadre_sql_listen_type, &outside), -EINVAL);
    pg_end();
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_postgres bad[] = {
        {.url = "postgresql://[::1/"}, {.url = "nonsense=1"}, {.connections = 1},
        {.connections = 65},           {.cursor = -1},        {.patience = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pg_begin_with(bad[i]);
        await(&pg_ended, 1);
        assert_int_equal(atomic_load(&pg_reason), -EINVAL);
        assert_true(lines_with("postgres: ") > 0);
        pg_end();
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(comes_back), cmocka_unit_test(answered_is_durable),
          cmocka_unit_test(refusal_is_named), cmocka_unit_test(hosts_are_looked_up),
          cmocka_unit_test(environment_is_heard), cmocka_unit_test(notices_are_heard),
          cmocka_unit_test(bad_config_fails_the_start));
    if (!postgres_make()) {
        puts("skipped: PostgreSQL's server is not there");
        return 77;
    }
    pg_begin(); /* libuv opens something for good */
    (void)pg_number_of(pg_ask("SELECT 1"));
    close_system(pg_sys);
    return RUN_TESTS();
}
