/* test_actors_redis_away.c: a Redis server that refuses, crashes, comes back, or is none:
 * some are played by the test, by hand. */
#include "support/folder.h"
#include "support/redising.h"
#include "support/serving.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static cadre_redis far_away(const char *url)
{
    return (cadre_redis){.url = url, .patience = 60 * CADRE_SECOND};
}
static cadre_redis by_hand(uint16_t port)
{
    return far_away(redis_url("redis://127.0.0.1:%u", port));
}

/* ---- it goes --------------------------------------------------------------------- */

static bool is_blocked(void *unused)
{
    return strcmp(redis_says("INFO clients | grep -c blocked_clients:1"), "1") == 0;
}
/* The server has this one in hand. */
static cadre_future *ask_for_ever(void)
{
    cadre_future *future = rd_ask("BLPOP none 0");
    await_true(is_blocked, NULL);
    return future;
}

static void comes_back(void **state)
{
    rd_begin_with(far_away(NULL));
    rd_text_of(rd_ask("SET a 1"), "OK");
    cadre_future *running = ask_for_ever();
    redis_crash();
    rd_failed(running, -ECONNRESET);
    cadre_future *waits = rd_ask("SET a 7");
    redis_start();
    rd_text_of(waits, "OK");
    assert_int_equal(rd_number_of(rd_ask("INCR a")), 8);
    rd_end();
}

/* The server gets it, and ends without a word: the client knows that it cannot know. */
static void sent_once(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with(by_hand(port));
    cadre_future *future = rd_ask("INCR a");
    int fd = rd_accept(listener);
    rd_expect(fd, "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n");
    close(fd);
    rd_failed(future, -ECONNRESET);
    future = rd_ask("INCR b");
    fd = rd_accept(listener);
    rd_expect(fd, "*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n");
    rd_send(fd, ":1\r\n");
    assert_int_equal(rd_number_of(future), 1);
    close(fd);
    rd_end();
    close(listener);
}

enum { LARGE = 64 << 10 };
static char large[LARGE];

static void expect_large(int fd, int key)
{
    char before[64];
    snprintf(before, sizeof before, "*3\r\n$3\r\nSET\r\n$3\r\nk%02d\r\n$%d\r\n", key,
             LARGE);
    rd_expect(fd, before);
    raw_expect(fd, large, LARGE);
    rd_expect(fd, "\r\n");
}

/* Of what did not fit into a socket nothing was done, and it is sent again; so each is
 * either failed or on the second connection, and those that come there are the last. */
static void unsent_is_sent_later(void **state)
{
    enum { COUNT = 48 };
    cadre_future *futures[COUNT];
    int listener = raw_local_listen(in_folder("hand"), 4), failed = 0;
    memset(large, 'v', LARGE);
    rd_begin_with(far_away(redis_url("unix://%s", in_folder("hand"))));
    for (int i = 0; i < COUNT; i++) {
        cadre_redis_commands c = {.bytes = NULL};
        char key[16];
        snprintf(key, sizeof key, "k%02d", i);
        assert_int_equal(cadre_redis_add(&c, 3,
                                         (const char *const[]){"SET", key, large},
                                         (size_t[]){3, 3, LARGE}),
                         0);
        futures[i] = rd_ask_all(&c);
    }
    int fd = rd_accept(listener);
    expect_large(fd, 0); /* the first is sent, and not all others fit */
    close(fd);
    fd = rd_accept(listener);
    for (int i = 0; i < COUNT; i++) {
        cadre_msg m;
        if (cadre_future_wait(futures[i], 0, &m) == 0) {
            rd_failed(futures[i], -ECONNRESET);
            assert_int_equal(failed++, i);
            continue;
        }
        expect_large(fd, i);
        rd_send(fd, "+OK\r\n");
        rd_text_of(futures[i], "OK");
    }
    assert_true(failed > 0 && failed < COUNT);
    close(fd);
    rd_end();
    close(listener);
}

/* Whatever breaks when: what was answered was done once, what was not was at most. */
static void books_add_up(void **state)
{
    enum { ROUNDS = 20, EACH = 200 };
    cadre_future *futures[EACH];
    int64_t answered = 0, unknown = 0;
    rd_begin_with(far_away(NULL));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++) {
            futures[i] = rd_ask("INCR books");
            if (i == EACH / 2)
                (void)redis_says("CLIENT KILL TYPE normal");
        }
        for (int i = 0; i < EACH; i++) {
            cadre_msg m = rd_outcome(futures[i]);
            const cadre_failure *f = cadre_body(&m, cadre_failure);
            assert_true(f ? f->code == -ECONNRESET
                          : cadre_body(&m, cadre_redis_answer) != NULL);
            *(f ? &unknown : &answered) += 1;
            cadre_future_free(futures[i]);
        }
    }
    int64_t done = rd_number_of(rd_ask("GET books"));
    assert_int_equal(answered + unknown, ROUNDS * EACH);
    assert_true(done >= answered && done <= answered + unknown);
    rd_end();
}

static void given_up_is_not_sent(void **state)
{
    rd_begin_with(far_away(NULL));
    cadre_future *running = ask_for_ever();
    redis_crash();
    rd_failed(running, -ECONNRESET);
    rd_root_incr("a", 10 * CADRE_MS);
    cadre_future_free(rd_ask("INCR a"));
    await(&rd_late, 1);
    cadre_future *last = rd_ask("PING");
    redis_start();
    rd_text_of(last, "PONG");
    cadre_buf_unref(rd_answer_of(rd_ask("GET a")).data);
    assert_string_equal(redis_says("EXISTS a"), "0");
    rd_end();
}

/* Its answer is dropped, and nobody gets another one's. */
static void cancelled_answer_is_nobodys(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with(by_hand(port));
    cadre_future *first = rd_ask("GET a"), *second = rd_ask("GET b");
    int fd = rd_accept(listener);
    rd_expect(fd, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n");
    cadre_future_free(first);
    rd_send(fd, "$1\r\nA\r\n$1\r");
    rd_send(fd, "\nB\r\n");
    rd_text_of(second, "B");
    close(fd);
    rd_end();
    close(listener);
}

static void silent_server_is_left(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 4);
    cadre_redis config = by_hand(port);
    config.answer = 50 * CADRE_MS;
    rd_begin_with(config);
    cadre_future *future = rd_ask("GET a");
    int fd = rd_accept(listener);
    cadre_msg m = rd_outcome(future);
    const cadre_failure *f = cadre_body(&m, cadre_failure);
    assert_non_null(f);
    assert_int_equal(f->code, -ECONNRESET);
    assert_int_equal(f->cause, -ETIMEDOUT);
    cadre_future_free(future);
    close(fd);
    rd_end();
    config.connect = 20 * CADRE_MS; /* and one that says nothing at all */
    config.patience = 1;
    rd_begin_with(config);
    rd_failed(rd_ask("GET a"), -ETIME);
    rd_end();
    close(listener);
}

static void nonsense_is_no_answer(void **state)
{
    static const char *const nonsense[] = {"HTTP/1.1 400 Bad Request\r\n",
                                           ":1\r\n:2\r\n", "$99999999999999999999\r\n"};
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with(by_hand(port));
    for (int i = 0; i < 3; i++) {
        cadre_future *future = rd_ask("INCR a"),
                     *behind = i == 1 ? NULL : rd_ask("GET b");
        int fd = rd_accept(listener);
        rd_expect(fd, "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n");
        rd_send(fd, nonsense[i]);
        if (i == 1)
            assert_int_equal(rd_number_of(future), 1);
        else
            rd_failed(future, -ECONNRESET);
        if (behind)
            rd_failed(behind, -ECONNRESET);
        char rest[64];
        (void)raw_read_all(fd, rest, sizeof rest);
        close(fd);
    }
    cadre_future *future = rd_ask("INCR a");
    int fd = raw_accept(listener); /* one that says more than it was asked */
    rd_send(fd, "+PONG\r\n+OK\r\n*0\r\n:7\r\n");
    int next = rd_accept(listener);
    close(fd);
    rd_expect(next, "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n");
    rd_send(next, ":1\r\n");
    assert_int_equal(rd_number_of(future), 1);
    close(next);
    rd_end();
    close(listener);
}

/* ---- it refuses ------------------------------------------------------------------ */

static void refused(const char *url, const char *kind, const char *has)
{
    rd_begin_with((cadre_redis){.url = url, .patience = 1});
    cadre_future *future = rd_ask("PING");
    cadre_msg m = rd_outcome(future);
    if (cadre_body(&m, cadre_redis_error)) /* else it came after its end */
        rd_error_of(future, kind, has);
    else
        cadre_future_free(future);
    await(&rd_ended, 1);
    assert_int_equal(atomic_load(&rd_reason), -EACCES);
    assert_true(lines_with(has) > 0);
    rd_end();
}

static void unreachable(const char *url, int code)
{
    rd_begin_with((cadre_redis){.url = url, .patience = 1});
    rd_failed(rd_ask("PING"), code);
    rd_end();
}

static void refusal_is_named(void **state)
{
    const char *path = redis_path();
    (void)redis_says("ACL SETUSER ada on '>p/w@1' '~*' +@all");
    refused(redis_url("unix://ada:wrong@%s", path), "WRONGPASS", "WRONGPASS");
    refused(redis_url("unix://%s?db=99", path), "ERR", "DB index is out of range");
    rd_begin_with(far_away(redis_url("unix://ada:p%%2Fw%%401@%s?db=3", path)));
    rd_text_of(rd_ask("ACL WHOAMI"), "ada");
    rd_text_of(rd_ask("SET in3 x"), "OK");
    rd_end();
    assert_string_equal(redis_says("-n 3 GET in3"), "x");
    rd_begin_with(far_away(redis_url("redis://localhost:%u/3", redis_port())));
    rd_text_of(rd_ask("GET in3"), "x");
    rd_end();
    (void)redis_says("CONFIG SET requirepass secret");
    refused(redis_url("unix://%s", path), "NOAUTH", "Authentication required");
    rd_begin_with(far_away(redis_url("redis://:secret@127.0.0.1:%u", redis_port())));
    rd_text_of(rd_ask("PING"), "PONG");
    rd_text_of(rd_ask("CONFIG SET requirepass %c%c", '\'', '\''), "OK");
    rd_end();
    redis_crash();
    redis_start();
    unreachable(redis_url("redis://127.0.0.1:%u", dead_port()), -ECONNREFUSED);
    unreachable(redis_url("unix://%s", in_folder("nothing")), -ENOENT);
    unreachable("redis://none.invalid", -ENXIO);
}

/* One that is full or loads is tried again; one without MULTI has no units. */
static void server_may_say_later(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with(by_hand(port));
    cadre_future *future = rd_ask("GET a");
    int fd = raw_accept(listener);
    rd_send(fd, "-ERR max number of clients reached\r\n");
    close(fd);
    fd = raw_accept(listener);
    rd_send(fd, "-LOADING Redis is loading the dataset in memory\r\n");
    close(fd);
    fd = raw_accept(listener);
    rd_send(fd, "-NOPERM no ping\r\n-ERR unknown command\r\n-ERR unknown command\r\n");
    cadre_redis_commands unit = {.bytes = NULL};
    assert_int_equal(cadre_redis_addf(&unit, "GET a"), 0);
    assert_int_equal(cadre_redis_addf(&unit, "GET b"), 0);
    rd_failed(rd_ask_all(&unit), -ENOTSUP);
    rd_send(fd, "$1\r\nx\r\n");
    rd_text_of(future, "x");
    close(fd);
    rd_end();
    rd_begin_with(
        (cadre_redis){.url = redis_url("redis://127.0.0.1:%u", port), .patience = 1});
    future = rd_ask("GET a");
    fd = raw_accept(listener);
    rd_send(fd, "-LOADING Redis is loading the dataset in memory\r\n");
    rd_error_of(future, "LOADING", "dataset");
    close(fd);
    future = rd_ask("GET a"); /* not done, in spite of a reset */
    fd = raw_accept(listener);
    close(fd);
    rd_failed(future, -ECONNABORTED);
    rd_end();
    close(listener);
}

/* Who may begin a unit and not end it the one way or the other gets no QUEUED for an
 * answer. */
static void unit_is_not_left_open(void **state)
{
    cadre_redis_commands unit = {.bytes = NULL};
    uint16_t port;
    int listener = raw_listen(&port, 4);
    (void)redis_says("ACL SETUSER eli on '>p' '~*' +@all -discard");
    (void)redis_says("ACL SETUSER eve on '>p' '~*' +@all -exec");
    rd_begin_with(far_away(redis_url("unix://eli:p@%s", redis_path())));
    rd_text_of(rd_ask("SET a x"), "OK");
    rd_text_of(rd_ask("GET a"), "x");
    assert_int_equal(cadre_redis_addf(&unit, "GET a"), 0);
    assert_int_equal(cadre_redis_addf(&unit, "GET a"), 0);
    cadre_buf_unref(rd_answer_of(rd_ask_all(&unit)).data);
    rd_end();
    rd_begin_with(far_away(redis_url("unix://eve:p@%s", redis_path())));
    rd_text_of(rd_ask("GET a"), "x");
    rd_end();
    rd_begin_with(
        (cadre_redis){.url = redis_url("redis://127.0.0.1:%u", port), .patience = 1});
    cadre_future *future = rd_ask("GET a");
    int fd = raw_accept(listener);
    rd_send(fd, "+PONG\r\n+OK\r\n-BUSY it runs a script\r\n");
    rd_error_of(future, "BUSY", "script");
    close(fd);
    rd_end();
    close(listener);
}

/* One that is lost before it has answered anything is no reason to hurry. */
static void lost_ones_come_slower(void **state)
{
    enum { LOST = 5, LEAST = 25 + 75 + 175 + 375 };
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with(by_hand(port));
    cadre_time since = real_now();
    for (int i = 0; i < LOST; i++) {
        cadre_future *future = rd_ask("INCR a");
        int fd = rd_accept(listener);
        rd_expect(fd, "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n");
        close(fd);
        rd_failed(future, -ECONNRESET);
    }
    assert_true(real_now() - since >= LEAST * CADRE_MS);
    rd_end();
    close(listener);
}

static void urls_are_checked(void **state)
{
    static const char *const bad[][2] = {{"http://a", "begins with none"},
                                         {"redis://", "no host"},
                                         {"redis://a:0", "the port"},
                                         {"redis://a:99999", "the port"},
                                         {"redis://a/x", "the database"},
                                         {"redis://ada@a", "without a password"},
                                         {"redis://a%zz:b@c", "begins no byte"},
                                         {"redis://[::1", "brackets"},
                                         {"redis://a?x=1", "db=NUMBER"},
                                         {"redis://a/3?db=4", "twice"},
                                         {"unix://", "the socket"},
                                         {"rediss://a", "needs a tls"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rd_begin_with((cadre_redis){.url = bad[i][0]});
        await(&rd_ended, 1);
        assert_int_equal(atomic_load(&rd_reason), -EINVAL);
        assert_true(lines_with(bad[i][1]) > 0);
        rd_end();
    }
    rd_begin_with((cadre_redis){.answer = -1});
    await(&rd_ended, 1);
    assert_int_equal(atomic_load(&rd_reason), -EINVAL);
    rd_end();
}

static int empty(void **state)
{
    (void)redis_says("FLUSHALL");
    return 0;
}
#define TEST(it) cmocka_unit_test_setup(it, empty)

int main(void)
{
    TESTS(TEST(comes_back), TEST(sent_once), TEST(unsent_is_sent_later),
          TEST(books_add_up), TEST(given_up_is_not_sent),
          TEST(cancelled_answer_is_nobodys), TEST(silent_server_is_left),
          TEST(nonsense_is_no_answer), TEST(refusal_is_named),
          TEST(server_may_say_later), TEST(unit_is_not_left_open),
          TEST(lost_ones_come_slower), TEST(urls_are_checked));
    if (!redis_make(NULL)) {
        puts("skipped: Redis's server is not there");
        return 77;
    }
    rd_begin(); /* libuv opens something for good */
    rd_text_of(rd_ask("PING"), "PONG");
    close_system(rd_sys);
    return RUN_TESTS();
}
