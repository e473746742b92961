/* test_actors_sqlite_threads.c: a database on real threads: with a disk that stands
 * still, queries that never end, and a process that is killed. */
#include "support/folder.h"
#include "support/open.h"
#include "support/process.h"

#include <cadre/actors/sqlite.h>
#include <cadre/future.h>
#include <cadre/watch.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDLESS                                                                        \
    "SELECT count(*) FROM (WITH RECURSIVE c (n) AS (SELECT 0 UNION ALL SELECT n + 1 "  \
    "FROM c) SELECT n FROM c)"

/* While it is set, syncs wait. */
static atomic_bool syncs_wait;
static atomic_uint syncing;

int fdatasync(int fd)
{
    atomic_fetch_add(&syncing, 1);
    while (atomic_load(&syncs_wait))
        sched_yield();
    return (int)syscall(SYS_fdatasync, fd);
}

/* One worker: if anything waited for the disk there, nobody would run. A number makes the
 * root ask for so many queries that never end, for 20 ms each, or kill the database. */
static cadre_ref db;
static atomic_uint opened, ended, given_up;
static int root_start(cadre_self *self, void *state)
{
    const cadre_sqlite config = {.path = in_folder("db"), .use = CADRE_FILE_MAKE};
    cadre_token token;
    int err = cadre_spawn(self, &db, &cadre_sqlite_class, &config);
    if (!err)
        err = cadre_watch(self, &token, db);
    atomic_fetch_add(&opened, !err);
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_failure *f = cadre_body(m, cadre_failure);
    int err = 0;
    atomic_fetch_add(&given_up, f && f->code == -ETIMEDOUT);
    atomic_fetch_add(&ended, cadre_body(m, cadre_down) != NULL);
    for (int i = 0; cadre_body(m, contact) && !err && i < 4; i++)
        err = cadre_sql_ask(self, NULL, db, 50 * CADRE_MS, "INSERT INTO t VALUES (1)",
                            NULL, 0);
    if (n && n->value == 0)
        return cadre_kill(self, db, 0);
    for (uint64_t i = 0; n && !err && i < n->value; i++)
        err = cadre_sql_ask(self, NULL, db, 20 * CADRE_MS, ENDLESS, NULL, 0);
    return err;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static cadre_system *sys;
static unsigned descriptors;
static void begin(void)
{
    atomic_store(&opened, 0);
    atomic_store(&ended, 0);
    atomic_store(&given_up, 0);
    descriptors = process_descriptors();
    sys = open_system(1, 0, &root);
    await(&opened, 1);
}
static void end(void)
{
    close_system(sys);
    assert_int_equal(process_descriptors(), descriptors);
}

static cadre_future *ask(const char *text)
{
    cadre_future *future;
    cadre_sql sql = {.rows = 0};
    assert_int_equal(cadre_sql_add(&sql, text, NULL, 0), 0);
    assert_int_equal(cadre_call_as(sys, &future, db, &cadre_sql_type, &sql), 0);
    return future;
}
static int64_t answer_of(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, CADRE_NEVER, &m), 0);
    const cadre_sql_rows *rows = cadre_body(&m, cadre_sql_rows);
    assert_non_null(rows);
    int64_t n = rows->count ? cadre_sql_integer_at(rows, 0, 0, -1) : rows->changes;
    cadre_future_free(future);
    return n;
}

/* While a commit stands still reads go on, and see nothing of it. */
static void reads_go_on(void **state)
{
    begin();
    (void)answer_of(ask("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)"));
    (void)answer_of(ask("DELETE FROM t"));
    unsigned before = atomic_load(&syncing);
    atomic_store(&syncs_wait, true);
    cadre_future *write = ask("INSERT INTO t VALUES (1)");
    await(&syncing, before + 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(answer_of(ask("SELECT count(*) FROM t")), 0);
    atomic_store(&syncs_wait, false);
    assert_int_equal(answer_of(write), 1);
    assert_int_equal(answer_of(ask("SELECT count(*) FROM t")), 1);
    end();
}

/* As many as there are connections, twice; then they are free again. */
static void what_runs_past_its_deadline_is_stopped(void **state)
{
    begin();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 8), 0);
    await(&given_up, 8);
    assert_int_equal(answer_of(ask("SELECT 7")), 7);
    end();
}

static void end_stops_what_runs(void **state)
{
    cadre_future *futures[6];
    cadre_msg m;
    begin();
    for (int i = 0; i < 6; i++)
        futures[i] = ask(ENDLESS);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 0), 0);
    await(&ended, 1);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(cadre_future_wait(futures[i], CADRE_NEVER, &m), 0);
        assert_int_equal(cadre_body(&m, cadre_failure)->code, CADRE_EDEAD);
        cadre_future_free(futures[i]);
    }
    end();
}

/* SQLite's own shell on our database: `to` is what it reads, `from` what it says. */
static pid_t start_shell(int *to, int *from)
{
    int in[2], out[2];
    assert_int_equal(pipe(in) + pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
        execlp("sqlite3", "sqlite3", in_folder("db"), NULL);
        _exit(127);
    }
    assert_true(child > 0);
    close(in[0]);
    close(out[1]);
    *to = in[1];
    *from = out[0];
    return child;
}

/* Another process has the write lock: what is too late is not done, and the end waits for
 * nobody. */
static void lock_of_others_is_waited_for(void **state)
{
    char line[16];
    int to, from, status;
    begin();
    (void)answer_of(ask("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)"));
    (void)answer_of(ask("DELETE FROM t"));
    pid_t shell = start_shell(&to, &from);
    dprintf(to, "BEGIN IMMEDIATE; SELECT 1;\n");
    assert_int_equal(read(from, line, 2), 2);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), contact, db), 0);
    await(&given_up, 4);
    assert_int_equal(answer_of(ask("SELECT count(*) FROM t")), 0);
    cadre_future *waits = ask("INSERT INTO t VALUES (9)");
    dprintf(to, "COMMIT;\n");
    assert_int_equal(answer_of(waits), 1);
    assert_int_equal(answer_of(ask("SELECT sum(n) FROM t")), 9);
    dprintf(to, "BEGIN IMMEDIATE; SELECT 1;\n");
    assert_int_equal(read(from, line, 2), 2);
    for (int i = 0; i < 20; i++) /* each would wait for seconds */
        cadre_future_free(ask("INSERT INTO t VALUES (10)"));
    int64_t before = real_now();
    close_system(sys);
    assert_true(real_now() - before < 60 * CADRE_SECOND);
    close(to);
    assert_int_equal(waitpid(shell, &status, 0), shell);
    assert_int_equal(status, 0);
    close(from);
    assert_int_equal(process_descriptors(), descriptors);
}

/* ---- a process that is killed ---------------------------------------------------- */

/* Writes one number after the other, several at a time, and says which were answered. */
static void write_until_killed(int to)
{
    enum { AT_ONCE = 8 };
    cadre_future *futures[AT_ONCE];
    char text[64];
    sys = open_system(2, 0, &root);
    await(&opened, 1);
    (void)answer_of(ask("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)"));
    for (uint32_t n = (uint32_t)answer_of(ask("SELECT coalesce(max(n), 0) FROM t"));;) {
        for (int i = 0; i < AT_ONCE; i++) {
            (void)snprintf(text, sizeof text, "INSERT INTO t VALUES (%u)",
                           n + 1 + (uint32_t)i);
            futures[i] = ask(text);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            if (answer_of(futures[i]) != 1)
                _exit(1);
            n++;
            if (write(to, &n, sizeof n) != sizeof n)
                _exit(1);
        }
    }
}

/* Kills it after so many answers. Returns the last number that was answered. */
static uint32_t kill_after(unsigned answers)
{
    int ends[2];
    uint32_t n = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_until_killed(ends[1]);
    }
    close(ends[1]);
    while (answers-- > 0)
        assert_int_equal(read(ends[0], &n, sizeof n), sizeof n);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &n, sizeof n) == sizeof n)
        ;
    close(ends[0]);
    return n;
}

static uint32_t count_by_shell(uint32_t up_to)
{
    char command[512];
    unsigned count = 0;
    (void)snprintf(command, sizeof command,
                   "sqlite3 '%s' 'SELECT count(*) FROM t WHERE n <= %u'",
                   in_folder("db"), up_to);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    assert_int_equal(fscanf(shell, "%u", &count), 1);
    assert_int_equal(pclose(shell), 0);
    return count;
}

/* Each that was answered is there, says SQLite's own shell. */
static void answered_is_durable(void **state)
{
    unsigned rounds = is_long() ? 200 : 10;
    static const char *const names[] = {"db", "db-wal", "db-shm"};
    for (int i = 0; i < 3; i++)
        (void)remove(in_folder(names[i]));
    for (unsigned i = 1; i <= rounds; i++) {
        uint32_t last = kill_after(1 + i * 7 % 60);
        assert_int_equal(count_by_shell(last), last);
    }
}

int main(void)
{
    make_folder();
    TESTS(cmocka_unit_test(answered_is_durable), cmocka_unit_test(reads_go_on),
          cmocka_unit_test(lock_of_others_is_waited_for),
          cmocka_unit_test(what_runs_past_its_deadline_is_stopped),
          cmocka_unit_test(end_stops_what_runs));
    return RUN_TESTS();
}
