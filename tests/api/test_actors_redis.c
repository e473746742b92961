/* test_actors_redis.c: a real Redis server, which the test starts: what is asked and
 * answered. */
#include "support/redising.h"
#include "support/sockets.h"

#include <cadre/limit.h>
#include <cadre/shutdown.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- commands and values --------------------------------------------------------- */

static void commands_are_answered(void **state)
{
    rd_begin();
    rd_text_of(rd_ask("SET name Ada"), "OK");
    rd_text_of(rd_ask("GET name"), "Ada");
    assert_int_equal(rd_number_of(rd_ask("INCRBY n 41")), 41);
    assert_int_equal(rd_number_of(rd_ask("INCR n")), 42);
    assert_int_equal(rd_number_of(rd_ask("GET n")), 42);
    assert_string_equal(redis_says("GET name"), "Ada");
    cadre_redis_answer none = rd_answer_of(rd_ask("GET nothing"));
    assert_int_equal(cadre_redis_value_of(&none)->kind, CADRE_REDIS_NIL);
    assert_null(cadre_redis_text(cadre_redis_value_of(&none)));
    assert_int_equal(cadre_redis_integer(cadre_redis_value_of(&none), 7), 7);
    cadre_buf_unref(none.data);
    rd_end();
}

static cadre_future *ask_args(uint32_t count, const char *const *args,
                              const size_t *sizes)
{
    cadre_redis_commands commands = {.bytes = NULL};
    assert_int_equal(cadre_redis_add(&commands, count, args, sizes), 0);
    return rd_ask_all(&commands);
}

static void check_bytes(const char *bytes, size_t size)
{
    const char *const set[] = {"SET", "a key\r\n", bytes}, *const get[] = {"GET",
                                                                           "a key\r\n"};
    rd_text_of(ask_args(3, set, (size_t[]){3, 7, size}), "OK");
    cadre_redis_answer answer = rd_answer_of(ask_args(2, get, NULL));
    const cadre_redis_value *v = cadre_redis_value_of(&answer);
    assert_int_equal(v->kind, CADRE_REDIS_TEXT);
    assert_int_equal(v->size, size);
    assert_memory_equal(v->is.text, bytes, size);
    assert_int_equal(v->is.text[size], 0);
    cadre_buf_unref(answer.data);
}

static void values_are_exact(void **state)
{
    enum { LARGE = 3 << 20 };
    char *large = malloc(LARGE);
    assert_non_null(large);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 7 + i / 251);
    rd_begin();
    check_bytes("a\0b\r\n$3\r\n\xff", 10);
    check_bytes("", 0);
    check_bytes(large, LARGE);
    rd_end();
    free(large);
}

static void values_are_trees(void **state)
{
    const char *const eval[] = {
        "EVAL", "return {1, {'a', {2, {}}, false}, {err = 'MY words'}, 'z'}", "0"};
    rd_begin();
    cadre_redis_answer answer = rd_answer_of(ask_args(3, eval, NULL));
    const cadre_redis_value *v = cadre_redis_value_of(&answer);
    assert_int_equal(v->kind, CADRE_REDIS_ARRAY);
    assert_int_equal(v->size, 4);
    assert_int_equal(cadre_redis_integer(cadre_redis_at(v, 0), 0), 1);
    const cadre_redis_value *inner = cadre_redis_at(v, 1);
    assert_int_equal(inner->size, 3);
    assert_string_equal(cadre_redis_text(cadre_redis_at(inner, 0)), "a");
    assert_int_equal(
        cadre_redis_integer(cadre_redis_at(cadre_redis_at(inner, 1), 0), 0), 2);
    assert_int_equal(cadre_redis_at(cadre_redis_at(inner, 1), 1)->size, 0);
    assert_int_equal(cadre_redis_at(inner, 2)->kind, CADRE_REDIS_NIL);
    assert_int_equal(cadre_redis_at(inner, 3)->kind, CADRE_REDIS_NIL);
    assert_int_equal(cadre_redis_at(v, 2)->kind, CADRE_REDIS_ERROR);
    assert_string_equal(cadre_redis_at(v, 2)->is.text, "MY words");
    assert_string_equal(cadre_redis_text(cadre_redis_at(v, 3)), "z");
    cadre_buf_unref(answer.data);
    rd_end();
}

/* ---- requests -------------------------------------------------------------------- */

static void formats_part_arguments(void **state)
{
    cadre_redis_commands c = {.bytes = NULL};
    assert_int_equal(cadre_redis_addf(&c, "SET %s:%d  %s", "a b", -7, "x\r\ny"), 0);
    const char made[] = "*3\r\n$3\r\nSET\r\n$6\r\na b:-7\r\n$4\r\nx\r\ny\r\n";
    assert_int_equal(c.count, 1);
    assert_int_equal(c.used, sizeof made - 1);
    assert_memory_equal(cadre_buf_data(c.bytes), made, sizeof made - 1);
    assert_int_equal(cadre_redis_addf(&c, "INCRBY %s %lld", "", 1LL << 40), 0);
    assert_int_equal(c.count, 2);
    uint64_t used = c.used;
    assert_int_equal(cadre_redis_addf(&c, " "), -EINVAL);
    assert_int_equal(cadre_redis_addf(&c, "GET %zu", (size_t)1), -EINVAL);
    const char *bytes = "GET %%%b"; /* which hiredis has */
    assert_int_equal(cadre_redis_addf(&c, bytes, "x", (size_t)1), -EINVAL);
    assert_int_equal(cadre_redis_add(&c, 0, (const char *const[]){"GET"}, NULL),
                     -EINVAL);
    assert_int_equal(cadre_redis_add(&c, 2, (const char *const[]){"GET", NULL}, NULL),
                     -EINVAL);
    assert_int_equal(cadre_redis_add(&c, 2, (const char *const[]){"GET", ""},
                                     (size_t[]){3, SIZE_MAX / 2}),
                     -EMSGSIZE);
    assert_int_equal(c.used, used);
    cadre_redis_drop(&c);
    assert_null(c.bytes);
}

static void others_connection_is_left_alone(void **state)
{
    static const char *const refused[] = {
        "AUTH x",      "select 1", "MULTI",   "Hello 3",          "RESET",
        "SUBSCRIBE a", "WATCH k",  "MONITOR", "client reply off", "PSUBSCRIBE a"};
    cadre_redis_commands c = {.bytes = NULL};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(cadre_redis_addf(&c, refused[i], NULL), -ENOTSUP);
    assert_int_equal(cadre_redis_addf(&c, "CLIENT GETNAME"), 0);
    assert_int_equal(cadre_redis_addf(&c, "CLIENT"), 0);
    cadre_redis_drop(&c);
}

static void in_order(void **state)
{
    enum { ASKS = 2000 };
    static cadre_future *futures[ASKS];
    rd_begin();
    for (int i = 0; i < ASKS; i++)
        futures[i] = rd_ask("RPUSH list %d", i);
    for (int i = 0; i < ASKS; i++)
        assert_int_equal(rd_number_of(futures[i]), i + 1);
    cadre_redis_answer answer = rd_answer_of(rd_ask("LRANGE list 0 -1"));
    for (uint32_t i = 0; i < ASKS; i++)
        assert_int_equal(
            cadre_redis_integer(cadre_redis_at(cadre_redis_value_of(&answer), i), -1),
            i);
    cadre_buf_unref(answer.data);
    rd_end();
}

static cadre_future *ask_unit(const char *a, const char *b, const char *c)
{
    cadre_redis_commands commands = {.bytes = NULL};
    assert_int_equal(cadre_redis_addf(&commands, a, NULL), 0);
    assert_int_equal(cadre_redis_addf(&commands, b, NULL), 0);
    assert_int_equal(cadre_redis_addf(&commands, c, NULL), 0);
    return rd_ask_all(&commands);
}

static void all_or_none(void **state)
{
    enum { UNITS = 200 };
    static cadre_future *futures[UNITS];
    rd_begin();
    cadre_redis_answer answer = rd_answer_of(ask_unit("SET s x", "INCR i", "GET s"));
    const cadre_redis_value *v = cadre_redis_value_of(&answer);
    assert_int_equal(v->size, 3);
    assert_string_equal(cadre_redis_text(cadre_redis_at(v, 0)), "OK");
    assert_int_equal(cadre_redis_integer(cadre_redis_at(v, 1), 0), 1);
    assert_string_equal(cadre_redis_text(cadre_redis_at(v, 2)), "x");
    cadre_buf_unref(answer.data);
    rd_error_of(ask_unit("INCR i", "GET", "INCR i"), "ERR",
                "wrong number of arguments for 'get'");
    assert_int_equal(rd_number_of(rd_ask("GET i")), 1);
    answer = rd_answer_of(ask_unit("INCR i", "LPUSH s x", "INCR i"));
    v = cadre_redis_value_of(&answer);
    assert_int_equal(cadre_redis_at(v, 1)->kind, CADRE_REDIS_ERROR);
    assert_non_null(strstr(cadre_redis_at(v, 1)->is.text, "WRONGTYPE"));
    assert_int_equal(cadre_redis_integer(cadre_redis_at(v, 2), 0), 3);
    cadre_buf_unref(answer.data);
    for (int i = 0; i < UNITS; i++)
        futures[i] = i % 2 ? ask_unit("INCR u", "INCR u", "INCR u") : rd_ask("PING");
    for (int i = 0; i < UNITS; i++)
        cadre_buf_unref(rd_answer_of(futures[i]).data);
    assert_int_equal(rd_number_of(rd_ask("GET u")), UNITS / 2 * 3);
    rd_end();
}

static void error_has_words(void **state)
{
    rd_begin();
    rd_text_of(rd_ask("SET s x"), "OK");
    rd_error_of(rd_ask("LPUSH s x"), "WRONGTYPE", "wrong kind of value");
    rd_error_of(rd_ask("NONSENSE 1"), "ERR", "unknown command 'NONSENSE'");
    rd_text_of(rd_ask("REPLICAOF 127.0.0.1 1"), "OK");
    rd_error_of(rd_ask("SET s y"), "READONLY", "read only replica");
    rd_text_of(rd_ask("REPLICAOF NO ONE"), "OK");
    rd_text_of(rd_ask("SET s y"), "OK");
    rd_end();
}

static void within_bounds(void **state)
{
    const char *const many[] = {
        "EVAL", "local t = {} for i = 1, 5000 do t[i] = i end return t", "0"};
    const char *const large[] = {"EVAL", "return string.rep('x', 1000000)", "0"};
    rd_begin_with((cadre_redis){.bytes = 4096});
    rd_text_of(rd_ask("SET small y"), "OK");
    assert_int_equal(rd_number_of(rd_ask("SETRANGE big 3000 x")), 3001);
    cadre_buf_unref(rd_answer_of(rd_ask("GET big")).data);
    cadre_future *future = ask_args(3, many, NULL), *behind = rd_ask("GET small");
    rd_failed(future, -EMSGSIZE);
    rd_text_of(behind, "y");
    rd_failed(ask_args(3, large, NULL), -EMSGSIZE);
    rd_text_of(rd_ask("GET small"), "y");
    rd_end();
}

/* By a server by hand, which is late. */
static void waiting_is_bounded(void **state)
{
    enum { WAITING = 8 };
    cadre_future *futures[WAITING];
    uint16_t port;
    int listener = raw_listen(&port, 4);
    rd_begin_with((cadre_redis){.url = redis_url("redis://127.0.0.1:%u", port),
                                .waiting = WAITING});
    for (int i = 0; i < WAITING; i++)
        futures[i] = rd_ask("PING");
    rd_failed(rd_ask("PING"), CADRE_EFULL);
    cadre_future_free(futures[0]); /* so there is room for another one */
    futures[0] = rd_ask("PING");
    int fd = rd_accept(listener);
    for (int i = 0; i < WAITING; i++)
        rd_expect(fd, "*1\r\n$4\r\nPING\r\n");
    rd_failed(rd_ask("PING"), CADRE_EFULL);
    for (int i = 0; i < WAITING; i++)
        rd_send(fd, "+PONG\r\n");
    for (int i = 0; i < WAITING; i++)
        rd_text_of(futures[i], "PONG");
    close(fd);
    rd_end();
    close(listener);
}

/* What a limit of its own mailbox drops of its own messages is made up for. */
static atomic_uint asked_wrong, asked_right;
static int flooder_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    atomic_fetch_add(&asked_wrong, f && f->code != CADRE_EFULL);
    atomic_fetch_add(&asked_right, 1);
    return 0;
}
static int flooder_start(cadre_self *self, void *state)
{
    const cadre_limit limit = {.mailbox_max = 2, .overflow = CADRE_DROP_OLDEST};
    const cadre_redis config = {.url = redis_url("unix://%s", redis_path())};
    cadre_ref redis;
    int err = cadre_spawn_with(self, &redis, &cadre_redis_class, &config,
                               &(cadre_opts){.limit = &limit});
    for (int i = 0; !err && i < 100; i++)
        err = cadre_redis_ask(self, NULL, redis, 60 * CADRE_SECOND, "PING");
    return err;
}
static const cadre_class flooder_class = {
    .name = "flooder", .start = flooder_start, .receive = flooder_receive};
static void limit_stops_nothing(void **state)
{
    rd_begin();
    (void)rd_spawn(&flooder_class);
    await(&asked_right, 100);
    assert_int_equal(atomic_load(&asked_wrong), 0);
    rd_end();
}

/* What has been asked is answered before the system ends. */
static void drains(void **state)
{
    rd_begin();
    cadre_future *future = rd_ask("INCR drained");
    assert_int_equal(
        cadre_system_shutdown(rd_sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND), 0);
    assert_int_equal(rd_number_of(future), 1);
    assert_int_equal(cadre_system_free(rd_sys), 0);
}

static int empty(void **state)
{
    (void)redis_says("FLUSHALL");
    return 0;
}
#define TEST(it) cmocka_unit_test_setup(it, empty)

int main(void)
{
    TESTS(TEST(commands_are_answered), TEST(values_are_exact), TEST(values_are_trees),
          TEST(formats_part_arguments), TEST(others_connection_is_left_alone),
          TEST(in_order), TEST(all_or_none), TEST(error_has_words), TEST(within_bounds),
          TEST(waiting_is_bounded), TEST(limit_stops_nothing), TEST(drains));
    if (!redis_make(NULL)) {
        puts("skipped: Redis's server is not there");
        return 77;
    }
    rd_begin(); /* libuv opens something for good */
    rd_text_of(rd_ask("PING"), "PONG");
    close_system(rd_sys);
    return RUN_TESTS();
}
