/* test_actors_redis_listen.c: who listens hears what is published at a real Redis
 * server. */
#include "support/redising.h"
#include "support/sockets.h"

#include <cadre/limit.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What all that listen have heard. */
static atomic_uint answered, refused, heard, patterns, lost, over, wrong;
static atomic_int last; /* the number that was heard last */

typedef struct listen_to {
    char channel[32];
    bool is_pattern, stop;
} listen_to;
static CADRE_TYPE(listen_to);

static void on_notice(const cadre_redis_notice *n)
{
    bool by_pattern = n->pattern.kind == CADRE_REDIS_TEXT;
    atomic_fetch_add(&over, n->is_over);
    atomic_fetch_add(&lost, n->is_lost && !n->is_over);
    if (n->is_lost)
        return;
    atomic_fetch_add(&patterns, by_pattern);
    int n_said = (int)cadre_redis_integer(&n->payload, -1);
    if (!by_pattern && n_said != atomic_exchange(&last, n_said) + 1)
        atomic_fetch_add(&wrong, 1);
    if (strcmp(n->channel.is.text, "news.a") != 0 ||
        (by_pattern && strcmp(n->pattern.is.text, "news.*") != 0))
        atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&heard, 1);
}

static int ear_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const listen_to *to = cadre_body(m, listen_to);
    cadre_redis_listen ask = {.stop = to && to->stop};
    if (cadre_body(m, cadre_redis_notice))
        on_notice(m->body);
    atomic_fetch_add(&answered, cadre_body(m, cadre_redis_answer) != NULL);
    atomic_fetch_add(&refused, cadre_body(m, cadre_redis_error) != NULL ||
                                   cadre_body(m, cadre_failure) != NULL);
    if (!to)
        return cadre_body(m, number) ? CADRE_STOP : 0;
    snprintf(ask.channel, sizeof ask.channel, "%s", to->channel);
    ask.is_pattern = to->is_pattern;
    return cadre_ask_as(self, NULL, rd, CADRE_NEVER, &cadre_redis_listen_type, &ask);
}
static const cadre_class ear = {.name = "ear", .receive = ear_receive};

static void tell(cadre_ref who, const char *channel, bool is_pattern, bool stop)
{
    listen_to it = {.is_pattern = is_pattern, .stop = stop};
    snprintf(it.channel, sizeof it.channel, "%s", channel);
    assert_int_equal(cadre_tell_as(rd_sys, who, &listen_to_type, &it), 0);
}
static void forget_all(void)
{
    atomic_uint *const all[] = {&answered, &refused, &heard, &patterns,
                                &lost,     &over,    &wrong};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        atomic_store(all[i], 0);
    atomic_store(&last, 0);
}

/* Returns how many have got it. */
static int64_t publish(int n) { return rd_number_of(rd_ask("PUBLISH news.a %d", n)); }

static bool nobody_listens(void *unused)
{
    return strcmp(redis_says("PUBSUB NUMSUB news.a | tail -1"), "0") == 0 &&
           strcmp(redis_says("PUBSUB NUMPAT"), "0") == 0;
}
static bool is_subscribed(void *unused)
{
    return strcmp(redis_says("PUBSUB NUMSUB news.a | tail -1"), "1") == 0 &&
           strcmp(redis_says("PUBSUB NUMPAT"), "1") == 0;
}

static void messages_are_heard(void **state)
{
    enum { SAID = 200 };
    forget_all();
    rd_begin();
    cadre_ref one = rd_spawn(&ear), other = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    tell(other, "news.*", true, false);
    await(&answered, 2);
    for (int i = 1; i <= SAID; i++)
        assert_int_equal(publish(i), 2);
    await(&heard, 2 * SAID);
    assert_int_equal(atomic_load(&patterns), SAID);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&lost), 0);
    tell(one, "news.a", false, true);
    await(&answered, 3);
    assert_int_equal(cadre_tell(rd_sys, other, number, 0), 0);
    await_true(nobody_listens, NULL);
    assert_int_equal(publish(0), 0);
    rd_end();
}

static void loss_is_told(void **state)
{
    forget_all();
    rd_begin();
    cadre_ref one = rd_spawn(&ear), other = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    tell(other, "news.*", true, false);
    await(&answered, 2);
    redis_crash();
    redis_start();
    await(&lost, 2);
    assert_true(is_subscribed(NULL));
    (void)publish(1);
    await(&heard, 2);
    assert_int_equal(atomic_load(&lost), 2);
    assert_int_equal(atomic_load(&wrong), 0);
    rd_end();
}

/* Two of one channel are one subscription; a second request is not another one. */
static void listeners_share(void **state)
{
    forget_all();
    rd_begin();
    cadre_ref one = rd_spawn(&ear), other = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    await(&answered, 1);
    tell(one, "news.a", false, false);
    tell(other, "news.a", false, false);
    await(&answered, 3);
    assert_int_equal(publish(1), 1);
    await(&heard, 2);
    tell(other, "news.a", false, true);
    await(&answered, 4);
    assert_int_equal(publish(2), 1);
    await(&heard, 3);
    for (int i = 0; i < 20; i++) { /* it is left and asked for again */
        tell(one, "news.a", false, true);
        tell(one, "news.a", false, false);
    }
    await(&answered, 44);
    assert_int_equal(publish(3), 1);
    await(&heard, 4);
    rd_end();
}

static void bad_ones_are_refused(void **state)
{
    forget_all();
    rd_begin_with((cadre_redis){.waiting = 1, .patience = 60 * CADRE_SECOND});
    cadre_ref one = rd_spawn(&ear);
    tell(one, "", false, false);
    await(&refused, 1);
    tell(one, "a", false, false);
    await(&answered, 1);
    tell(one, "b", false, false);
    await(&refused, 2);
    rd_end();
}

/* By the server: at first, and after it was heard. */
static void server_may_refuse(void **state)
{
    forget_all();
    (void)redis_says("ACL SETUSER eve on '>p' '~*' '&news.*' +@all");
    rd_begin_with((cadre_redis){.url = redis_url("unix://eve:p@%s", redis_path()),
                                .patience = 60 * CADRE_SECOND});
    cadre_ref one = rd_spawn(&ear);
    tell(one, "other", false, false);
    await(&refused, 1);
    tell(one, "news.a", false, false);
    await(&answered, 1);
    (void)redis_says("ACL SETUSER eve resetchannels"); /* whoever listens is cut off */
    await(&over, 1);
    assert_int_equal(atomic_load(&lost), 0);
    rd_end();
}

/* A server that is far away is asked whether it is there. */
static void silence_is_noticed(void **state)
{
    uint16_t port;
    int listener = raw_listen(&port, 4);
    forget_all();
    rd_begin_with((cadre_redis){.url = redis_url("redis://127.0.0.1:%u", port),
                                .answer = 40 * CADRE_MS});
    cadre_ref one = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    for (int i = 0; i < 2; i++) {
        int fd = rd_accept(listener);
        rd_expect(fd, "*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nnews.a\r\n");
        rd_send(fd, "*3\r\n$9\r\nsubscribe\r\n$6\r\nnews.a\r\n:1\r\n");
        await(i ? &lost : &answered, 1);
        rd_expect(fd, "*1\r\n$4\r\nPING\r\n");
        rd_send(fd, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
        rd_expect(fd, "*1\r\n$4\r\nPING\r\n");
        if (i == 0)
            assert_true(raw_end(fd) <= 0);
        close(fd);
    }
    rd_end();
    close(listener);
}

static int begin_by_hand(cadre_time answer, uint16_t *port)
{
    int listener = raw_listen(port, 4);
    forget_all();
    rd_begin_with((cadre_redis){.url = redis_url("redis://127.0.0.1:%u", *port),
                                .answer = answer});
    return listener;
}
static void subscribed(int fd, const char *name)
{
    char text[100];
    snprintf(text, sizeof text, "*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\n%s\r\n", name);
    rd_expect(fd, text);
    snprintf(text, sizeof text, "*3\r\n$9\r\nsubscribe\r\n$6\r\n%s\r\n:1\r\n", name);
    rd_send(fd, text);
}

/* To one who may not ping the server says so, and that is a sign of life, too: of nothing
 * else that it was asked. */
static void ping_may_be_refused(void **state)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    uint16_t port;
    int listener = begin_by_hand(8 * CADRE_SECOND, &port);
    cadre_ref one = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    int fd = rd_accept(listener);
    subscribed(fd, "news.a");
    await(&answered, 1);
    rd_expect(fd, ping);
    tell(one, "news.b", false, false);
    rd_expect(fd, "*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nnews.b\r\n");
    rd_send(fd, "-NOPERM no ping\r\n");
    rd_send(fd, "*3\r\n$9\r\nsubscribe\r\n$6\r\nnews.b\r\n:1\r\n");
    await(&answered, 2);
    rd_expect(fd, ping);
    rd_send(fd, "-NOPERM no ping\r\n");
    tell(one, "news.c", false, false);
    subscribed(fd, "news.c");
    await(&answered, 3);
    assert_int_equal(atomic_load(&lost) + atomic_load(&refused), 0);
    close(fd);
    rd_end();
    close(listener);
}

/* Who stops before the server has answered leaves nothing behind. */
static void stop_comes_first(void **state)
{
    uint16_t port;
    int listener = begin_by_hand(0, &port);
    cadre_ref one = rd_spawn(&ear);
    tell(one, "news.a", false, false);
    int fd = rd_accept(listener);
    rd_expect(fd, "*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nnews.a\r\n");
    tell(one, "news.a", false, true);
    await(&answered, 2);
    rd_send(fd, "*3\r\n$9\r\nsubscribe\r\n$6\r\nnews.a\r\n:1\r\n");
    rd_expect(fd, "*2\r\n$11\r\nUNSUBSCRIBE\r\n$6\r\nnews.a\r\n");
    rd_send(fd, "*3\r\n$11\r\nunsubscribe\r\n$6\r\nnews.a\r\n:0\r\n");
    assert_true(raw_end(fd) <= 0);
    close(fd);
    rd_end();
    close(listener);
}

/* What a limit refuses is told, also when nothing is published any more. */
static atomic_uint put_off, may_go_on;
static const cadre_type look_type = {.name = "look"};
static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_redis_notice *n = cadre_body(m, cadre_redis_notice);
    atomic_fetch_add(&answered, cadre_body(m, cadre_redis_answer) != NULL);
    atomic_fetch_add(&lost, n && n->is_lost);
    if (atomic_load(&may_go_on))
        cadre_unstash(self);
    if (!n || n->is_lost || atomic_load(&may_go_on))
        return 0;
    atomic_fetch_add(&put_off, 1);
    return cadre_stash(self, m);
}
static int slow_start(cadre_self *self, void *state)
{
    int err =
        cadre_ask(self, NULL, rd, CADRE_NEVER, cadre_redis_listen, .channel = "news.a");
    return err ? err : cadre_every_as(self, NULL, CADRE_MS, &look_type, NULL);
}
static const cadre_class slow = {
    .name = "slow", .start = slow_start, .receive = slow_receive};
static int limited_start(cadre_self *self, void *state)
{
    cadre_ref child;
    const cadre_limit limit = {.mailbox_max = 1};
    return cadre_spawn_with(self, &child, &slow, NULL, &(cadre_opts){.limit = &limit});
}
static int limited_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class limited = {
    .name = "limited", .start = limited_start, .receive = limited_receive};

static void refused_notice_is_told(void **state)
{
    forget_all();
    rd_begin_with((cadre_redis){.answer = 8 * CADRE_SECOND});
    (void)rd_spawn(&limited);
    await(&answered, 1);
    cadre_ref other = rd_spawn(&ear);
    tell(other, "news.a", false, false);
    await(&answered, 2);
    (void)publish(1);
    await(&put_off, 1);
    (void)publish(2);
    await(&heard, 2);
    assert_int_equal(atomic_load(&lost), 0);
    atomic_store(&may_go_on, 1);
    await(&lost, 1);
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
    TESTS(TEST(messages_are_heard), TEST(loss_is_told), TEST(listeners_share),
          TEST(bad_ones_are_refused), TEST(server_may_refuse), TEST(silence_is_noticed),
          TEST(ping_may_be_refused), TEST(stop_comes_first),
          TEST(refused_notice_is_told));
    if (!redis_make(NULL)) {
        puts("skipped: Redis's server is not there");
        return 77;
    }
    rd_begin(); /* libuv opens something for good */
    rd_text_of(rd_ask("PING"), "PONG");
    close_system(rd_sys);
    return RUN_TESTS();
}
