/* test_actors_resp_limits.c: what clients of Redis can make the server hold, as
 * actors/resp.h promises. */
#include "support/open.h"
#include "support/sockets.h"

#include <cadre/actors/resp.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VALUE = 1 << 18, BEHIND = 1 << 20, MANY = 160, FEW = MANY / 2, TOPICS = 4096 };

static atomic_uint runs;
static _Atomic uint16_t port;
static cadre_system *sys;

static void large(cadre_resp_call *call)
{
    static char bytes[VALUE];
    atomic_fetch_add(&runs, 1);
    cadre_resp_bulk(call, bytes, sizeof bytes);
}
static void small(cadre_resp_call *call) { cadre_resp_simple(call, "small"); }

static const cadre_resp_command commands[] = {{"large", 2, 2, CADRE_RESP_KEY, large, 0},
                                              {"small", 2, 2, CADRE_RESP_KEY, small, 0},
                                              {"all", 2, 0, CADRE_RESP_LIST, large, 0},
                                              {0}};

static void listens(void *context, uint16_t at) { atomic_store(&port, at); }
static bool is_up(void *unused) { return atomic_load(&port); }

static int root_start(cadre_self *self, void *state)
{
    const cadre_resp server = {
        .shards = 1, .commands = commands, .listens = listens, .limits.behind = BEHIND};
    return cadre_spawn(self, NULL, &cadre_resp_class, &server);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void begin(void)
{
    cadre_config config = quiet(2, 0);
    atomic_store(&port, 0);
    atomic_store(&runs, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    await_true(is_up, NULL);
}

static int dial(void) { return raw_connect(atomic_load(&port)); }
static void says(int fd, const char *text) { raw_send(fd, text, strlen(text)); }
static void hears(int fd, const char *text) { raw_expect(fd, text, strlen(text)); }

/* Others are answered, by the same shard, as often as it takes. */
static void go_round(void)
{
    int fd = dial();
    for (int i = 0; i < 200; i++) {
        says(fd, "small a\r\n");
        hears(fd, "+small\r\n");
    }
    close(fd);
}

static void expect_large(int fd)
{
    static char bytes[VALUE + 64];
    int n = snprintf(bytes, 64, "$%d\r\n", VALUE);
    memset(bytes + n, 0, VALUE);
    memcpy(bytes + n + VALUE, "\r\n", 2);
    raw_expect(fd, bytes, (size_t)n + VALUE + 2);
}

/* What it has asked for is done as it reads, also behind its end; and it gets all. */
static void limits_hold_in_bytes(void **state)
{
    for (int many = 10; many <= MANY; many += MANY - 10) {
        begin();
        int fd = dial();
        for (int i = 0; i < many; i++)
            says(fd, "large a\r\n");
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        go_round();
        assert_in_range(atomic_load(&runs), 1, FEW);
        for (int i = 0; i < many; i++)
            expect_large(fd);
        assert_int_equal(raw_end(fd), 0);
        assert_int_equal(atomic_load(&runs), many);
        close(fd);
        close_system(sys);
    }
}

/* The same of one command for many keys. */
static void limits_hold_within_a_command(void **state)
{
    begin();
    int fd = dial();
    says(fd, "all");
    for (int i = 0; i < MANY; i++)
        says(fd, " a");
    says(fd, "\r\nsmall a\r\n");
    go_round();
    assert_in_range(atomic_load(&runs), 1, FEW);
    hears(fd, "*160\r\n");
    for (int i = 0; i < MANY; i++)
        expect_large(fd);
    hears(fd, "+small\r\n");
    close(fd);
    close_system(sys);
}

static void expect_channel(int fd, const char *what, int i, int count)
{
    char text[96], name[16];
    snprintf(name, sizeof name, "c%d", i);
    snprintf(text, sizeof text, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:%d\r\n",
             strlen(what), what, strlen(name), name, count);
    hears(fd, text);
}

/* One that there is no room for is none: not in the count, and not to be left. */
static void refused_channel_is_none(void **state)
{
    static char text[16 * (TOPICS + 10)] = "subscribe";
    size_t size = strlen(text);
    char refused[128];
    for (int i = 0; i < TOPICS + 10; i++)
        size += (size_t)snprintf(text + size, 16, " c%d", i);
    begin();
    int fd = dial();
    says(fd, text);
    says(fd, "\r\nsubscribe c0 a*\r\n");
    for (int i = 0; i < TOPICS; i++)
        expect_channel(fd, "subscribe", i, i + 1);
    snprintf(refused, sizeof refused, "-ERR %s\r\n", cadre_strerror(CADRE_EFULL));
    for (int i = 0; i < 10; i++)
        hears(fd, refused);
    expect_channel(fd, "subscribe", 0, TOPICS);
    hears(fd, "-ERR a channel has 1 to 63 bytes and no *\r\n");
    says(fd, "unsubscribe c1 c1 c5000\r\nunsubscribe\r\nping\r\n");
    expect_channel(fd, "unsubscribe", 1, TOPICS - 1);
    expect_channel(fd, "unsubscribe", 1, TOPICS - 1);
    expect_channel(fd, "unsubscribe", 5000, TOPICS - 1);
    for (int i = 0, left = TOPICS - 1; i < TOPICS; i++)
        if (i != 1)
            expect_channel(fd, "unsubscribe", i, --left);
    hears(fd, "+PONG\r\n");
    close(fd);
    close_system(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(limits_hold_in_bytes),
          cmocka_unit_test(limits_hold_within_a_command),
          cmocka_unit_test(refused_channel_is_none));
    return RUN_TESTS();
}
