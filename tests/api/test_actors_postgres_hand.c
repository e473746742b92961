/* test_actors_postgres_hand.c: a PostgreSQL server that the test plays by hand, and that
 * does what a real one does rarely. */
#include "support/database.h"
#include "support/postgres.h"
#include "support/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SYNC = 'S', STARTUP = 0, MOST = 4096 };

/* ---- the server ------------------------------------------------------------------ */

static void read_all(int fd, void *bytes, size_t size)
{
    assert_int_equal(raw_read_all(fd, bytes, size), size);
}
/* What a client says, up to one of this kind. */
static void hear(int fd, char until)
{
    for (char kind = 1; kind != until;) {
        uint8_t head[5], body[MOST];
        int begin = until == STARTUP; /* it has no kind */
        read_all(fd, head + begin, sizeof head - (size_t)begin);
        uint32_t size = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 |
                        (uint32_t)head[3] << 8 | head[4];
        assert_true(size >= 4 && size - 4 <= sizeof body);
        read_all(fd, body, size - 4);
        kind = begin ? STARTUP : (char)head[0];
    }
}

static void hear_end(int fd)
{
    char rest[MOST];
    assert_true(raw_read_all(fd, rest, sizeof rest) < MOST);
}

static void say(int fd, char kind, const void *body, size_t size)
{
    uint8_t head[5] = {(uint8_t)kind, 0, 0, (uint8_t)((size + 4) >> 8),
                       (uint8_t)(size + 4)};
    raw_send(fd, head, sizeof head);
    raw_send(fd, body, size);
}
#define SAY(fd, kind, text) say((fd), (kind), (text), sizeof(text) - 1)

/* Lets the next one in. */
static int let_in(int listener)
{
    int fd = raw_accept(listener);
    hear(fd, STARTUP);
    SAY(fd, 'R', "\0\0\0\0");
    SAY(fd, 'K', "\0\0\0\1\0\0\0\2");
    SAY(fd, 'Z', "I");
    return fd;
}

static void say_done(int fd, const char *what)
{
    SAY(fd, '2', "");
    SAY(fd, 'n', "");
    say(fd, 'C', what, strlen(what) + 1);
}

/* The settings of each session, in one transaction. */
static void set_up(int fd)
{
    hear(fd, SYNC);
    SAY(fd, '1', "");
    say_done(fd, "BEGIN");
    for (int i = 0; i < 2; i++) {
        SAY(fd, '1', "");
        say_done(fd, "SET");
    }
    SAY(fd, '1', "");
    say_done(fd, "COMMIT");
    SAY(fd, 'Z', "I");
}

static const char *url_of(uint16_t port)
{
    static char text[128];
    snprintf(
        text, sizeof text,
        "host=127.0.0.1 port=%u user=u dbname=d sslmode=disable gssencmode=disable",
        port);
    return text;
}

/* ---- what it does ---------------------------------------------------------------- */

/* A session that is not as it has to be is none. */
static void bad_setup_is_refused(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 8);
    pg_begin_with((cadre_postgres){.url = url_of(port), .patience = 1});
    cadre_future *future = pg_ask("SELECT 1");
    int fd = let_in(listener);
    hear(fd, SYNC);
    SAY(fd, 'E', "SERROR\0VERROR\0C42704\0Mno such parameter\0\0");
    SAY(fd, 'Z', "I");
    pg_error_of(future, -EINVAL, "42704", "no such parameter");
    hear_end(fd);
    close(fd);
    pg_end();
    close(listener);
}

/* A cancel that the server does not take up costs the connection, not for ever. */
static void cancel_is_bounded(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 8);
    pg_begin_with((cadre_postgres){
        .url = url_of(port), .connections = 2, .connect = 2 * CADRE_SECOND});
    int fd = let_in(listener);
    set_up(fd);
    cadre_future *future = pg_ask("SELECT 1");
    hear(fd, SYNC);
    cadre_future_free(future);
    int cancel = raw_accept(listener); /* and says nothing */
    hear(cancel, STARTUP);
    hear_end(fd);
    close(cancel);
    close(fd);
    pg_end();
    close(listener);
}

/* One that says that it is larger than libpq can count. */
static void large_values_are_refused(void **state)
{
    const cadre_sql_value small = cadre_sql_bytes("small", 5);
    cadre_sql sql = {.rows = 0};
    uint16_t port;
    int listener = raw_listen(&port, 8);
    assert_int_equal(cadre_sql_add(&sql, "SELECT $1", &small, 1), 0);
    uint8_t *bytes = cadre_buf_data(sql.statements);
    for (uint64_t at = 0; at + sizeof small <= sql.used; at += 4) {
        cadre_sql_value v;
        memcpy(&v, bytes + at, sizeof v);
        v.size += (uint32_t)INT32_MAX;
        if (v.kind == CADRE_SQL_BYTES && v.size - 5 == (uint32_t)INT32_MAX)
            memcpy(bytes + at, &v, sizeof v);
    }
    pg_begin_with((cadre_postgres){.url = url_of(port)});
    cadre_future *future = pg_ask_as(&cadre_sql_type, &sql);
    int fd = let_in(listener);
    set_up(fd);
    pg_error_of(future, -EINVAL, "54000", "2 GiB");
    close(fd);
    pg_end();
    close(listener);
}

/* libuv opens something for good. */
static void warm_up(void)
{
    uint16_t port;
    int listener = raw_listen(&port, 8);
    pg_begin_with((cadre_postgres){.url = url_of(port)});
    int fd = let_in(listener);
    set_up(fd);
    close(fd);
    close_system(pg_sys);
    close(listener);
}

int main(void)
{
    TESTS(cmocka_unit_test(bad_setup_is_refused), cmocka_unit_test(cancel_is_bounded),
          cmocka_unit_test(large_values_are_refused));
    warm_up();
    return RUN_TESTS();
}
