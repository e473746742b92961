/* test_actors_resp.c: a server for clients of Redis, asked over sockets. */
#include "support/disk.h"
#include "support/folder.h"
#include "support/open.h"
#include "support/sockets.h"

#include <cadre/actors/resp.h>
#include <cadre/watch.h>

#include <sys/socket.h>

enum { ROOM = 1 << 20 };

/* ---- commands: values are buffers -------------------------------------------------- */

static void drop(void *value) { cadre_buf_unref(*(cadre_buf **)value); }

static void get(cadre_resp_call *call)
{
    cadre_buf **value = cadre_resp_find(call);
    cadre_resp_buf(call, value ? *value : NULL);
}
static void set(cadre_resp_call *call)
{
    cadre_resp_slice text = cadre_resp_next(call);
    cadre_buf **value = cadre_resp_add(call);
    if (!value)
        return;
    drop(value);
    *value = cadre_buf_new(text.bytes, text.size);
    cadre_resp_keep(call);
    cadre_resp_simple(call, "OK");
}
static void one(cadre_resp_call *call) { cadre_resp_integer(call, 1); }
static void left(cadre_resp_call *call)
{
    cadre_resp_array(call, 2);
    cadre_resp_integer(call, call->left);
    cadre_resp_integer(call, call->command->with + *(int64_t *)call->context);
}
static void nothing(cadre_resp_call *call) {}
static void two_lines(cadre_resp_call *call)
{
    cadre_resp_slice next = cadre_resp_next(call);
    cadre_resp_error(call, "ERR %.*s", (int)next.size, (const char *)next.bytes);
}
static const cadre_resp_command commands[] = {
    {"get", 2, 2, CADRE_RESP_KEY, get, 0},
    {"set", 3, 3, CADRE_RESP_KEY, set, 0},
    {"mget", 2, 0, CADRE_RESP_LIST, get, 0},
    {"mset", 3, 0, CADRE_RESP_PAIRS, set, 0},
    {"shards", 1, 1, CADRE_RESP_ALL, one, 0},
    {"touch", 1, 1, CADRE_RESP_ALL_OK, one, 0},
    {"words", 2, 0, CADRE_RESP_EACH, one, 0},
    {"here", 1, 3, CADRE_RESP_HERE, left, 40},
    {"nothing", 2, 2, CADRE_RESP_KEY, nothing, 0},
    {"nothinghere", 1, 1, CADRE_RESP_HERE, nothing, 0},
    {"complain", 2, 2, CADRE_RESP_HERE, two_lines, 0},
    {0}};

/* ---- the server -------------------------------------------------------------------- */

static int64_t context = 2;
static _Atomic uint16_t port, told;
static atomic_int ended;
static cadre_system *sys;

static void listens(void *arg, uint16_t at) { atomic_store(&told, at); }

static int root_start(cadre_self *self, void *state)
{
    cadre_ref server;
    int err = cadre_spawn(self, &server, &cadre_resp_class, state);
    if (!err)
        err = cadre_watch(self, NULL, server);
    return err ? err : cadre_ask(self, NULL, server, CADRE_NEVER, cadre_resp_ask, 0);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_resp_status *status = cadre_body(m, cadre_resp_status);
    const cadre_down *down = cadre_body(m, cadre_down);
    if (status)
        atomic_store(&port, status->port);
    if (down)
        atomic_store(&ended, down->reason);
    return 0;
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(cadre_resp),
                                 .start = root_start,
                                 .receive = root_receive};

static bool is_up(void *arg) { return atomic_load(&port) || atomic_load(&ended); }
static bool has_ended(void *arg) { return atomic_load(&ended); }

static void begin_with(cadre_resp with)
{
    cadre_config config = quiet(2, 0);
    with.commands = with.commands ? with.commands : commands;
    with.value_size = sizeof(cadre_buf *);
    with.drop = drop;
    with.context = &context;
    with.listens = listens;
    atomic_store(&port, 0);
    atomic_store(&told, 0);
    atomic_store(&ended, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &root, &with), 0);
    await_true(is_up, NULL);
}
static void begin(uint32_t shards) { begin_with((cadre_resp){.shards = shards}); }
static void end(void) { close_system(sys); }

static int dial(void) { return raw_connect(atomic_load(&port)); }
static void says(int fd, const char *text) { raw_send(fd, text, strlen(text)); }
static void hears(int fd, const char *text) { raw_expect(fd, text, strlen(text)); }
static void ask(int fd, const char *text, const char *answer)
{
    says(fd, text);
    hears(fd, answer);
}
static void hang_up(int fd)
{
    ask(fd, "QUIT\r\n", "+OK\r\n");
    assert_int_equal(raw_end(fd), 0);
    close(fd);
}

/* ---- the guarantees ---------------------------------------------------------------- */

/* A pipeline of what is done here, and there. */
static void answers_in_order(void **state)
{
    static char asked[ROOM], answers[ROOM];
    size_t a = 0, b = 0;
    for (int i = 0; i < 1000; i++) {
        a += (size_t)snprintf(asked + a, 200, "set k%d v%d\r\necho %d\r\nget k%d\r\n",
                              i, i, i, i);
        char text[24];
        int n = snprintf(text, sizeof text, "%d", i);
        b += (size_t)snprintf(answers + b, 200, "+OK\r\n$%d\r\n%s\r\n$%d\r\nv%s\r\n", n,
                              text, n + 1, text);
    }
    for (uint32_t shards = 1; shards <= 4; shards += 3) {
        begin(shards);
        int fd = dial();
        raw_send(fd, asked, a);
        raw_expect(fd, answers, b);
        hang_up(fd);
        end();
    }
}

static void cut_anywhere(void **state)
{
    static const char asked[] = "*3\r\n$3\r\nset\r\n$2\r\nab\r\n$12\r\na\r\nb\r\n*1 $x*"
                                "\r\nget ab\r\n*2\r\n$4\r\necho\r\n$1\r\nx\r\n";
    static const char answers[] = "+OK\r\n$12\r\na\r\nb\r\n*1 $x*\r\n$1\r\nx\r\n";
    begin(2);
    int fd = dial();
    for (size_t piece = 1; piece < sizeof asked; piece++) {
        for (size_t at = 0; at < sizeof asked - 1; at += piece) {
            size_t rest = sizeof asked - 1 - at;
            raw_send(fd, asked + at, rest < piece ? rest : piece);
        }
        hears(fd, answers);
    }
    hang_up(fd);
    end();
}

static void routes_as_said(void **state)
{
    begin(3);
    int fd = dial();
    ask(fd, "SET a 1\r\nget a\r\nget b\r\n", "+OK\r\n$1\r\n1\r\n$-1\r\n");
    ask(fd, "mset a 2 b 3 c 4\r\n", "+OK\r\n");
    ask(fd, "mget a x b c\r\n", "*4\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n$1\r\n4\r\n");
    ask(fd, "mset a 2 b\r\n", "-ERR wrong number of arguments for 'mset' command\r\n");
    ask(fd, "words a b c d e\r\n", ":5\r\n");
    ask(fd, "shards\r\ntouch\r\n", ":3\r\n+OK\r\n");
    ask(fd, "here x y\r\nhere x y z\r\n",
        "*2\r\n:2\r\n:42\r\n-ERR wrong number of arguments for 'here' command\r\n");
    ask(fd, "nothing a\r\n", "-ERR there is no answer to 'nothing'\r\n");
    ask(fd, "nothinghere\r\n", "-ERR there is no answer to 'nothinghere'\r\n");
    ask(fd, "*2\r\n$8\r\ncomplain\r\n$4\r\na\r\nb\r\n", "-ERR a  b\r\n");
    ask(fd, "what a\r\n",
        "-ERR unknown command 'what', with args beginning with: 'a' \r\n");
    hang_up(fd);
    end();
}

static void every_server_has(void **state)
{
    begin_with((cadre_resp){.shards = 2, .name = "mine"});
    int fd = dial();
    assert_int_equal(atomic_load(&told), atomic_load(&port));
    ask(fd, "PING\r\nping x\r\nping x y\r\necho x\r\n",
        "+PONG\r\n$1\r\nx\r\n-ERR wrong number of arguments for 'ping' "
        "command\r\n$1\r\n"
        "x\r\n");
    ask(fd, "hello\r\n",
        "*10\r\n$6\r\nserver\r\n$4\r\nmine\r\n$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n$"
        "10\r\n"
        "standalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    ask(fd, "hello 3\r\nhello x\r\nhello 2 auth\r\n",
        "-NOPROTO unsupported protocol version\r\n"
        "-ERR Protocol version is not an integer or out of range\r\n"
        "-ERR Syntax error in HELLO\r\n");
    ask(fd, "command docs\r\nconfig get save\r\nconfig get appendonly\r\n",
        "*0\r\n*2\r\n$4\r\nsave\r\n$0\r\n\r\n*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
    ask(fd, "config get x\r\nconfig set x y\r\n",
        "*0\r\n-ERR unknown subcommand or wrong number of arguments for 'config'\r\n");
    ask(fd, "mset a 1 b 2 c 3\r\ndbsize\r\nexists a b x\r\ndel a x\r\ndbsize\r\n",
        "+OK\r\n:3\r\n:2\r\n:1\r\n:2\r\n");
    ask(fd, "flushall\r\ndbsize\r\n", "+OK\r\n:0\r\n");
    says(fd, "info\r\n");
    char head[4], line[64];
    raw_expect(fd, "$", 1);
    assert_true(recv(fd, head, 3, MSG_WAITALL) == 3);
    assert_true(recv(fd, line, 32, MSG_WAITALL) == 32);
    assert_non_null(memmem(line, 32, "server_name:mine", 16));
    close(fd);
    end();
}

static void repeat_until(int fd, const char *text, const char *answer)
{
    char got[64];
    size_t size = strlen(answer);
    do {
        says(fd, text);
        assert_int_equal(recv(fd, got, size, MSG_WAITALL), size);
    } while (memcmp(got, answer, size) != 0);
}

static void keys_expire(void **state)
{
    begin(2);
    int fd = dial();
    ask(fd, "mset a 1 b 2 c 3\r\nexpire b 1000\r\nttl b\r\nttl a\r\nttl x\r\n",
        "+OK\r\n:1\r\n:1000\r\n:-1\r\n:-2\r\n");
    ask(fd, "expire a x\r\nexpire a 10 z\r\nexpire a 9223372036854775807\r\n",
        "-ERR value is not an integer or out of range\r\n-ERR Unsupported option z\r\n"
        "-ERR invalid expire time in 'expire' command\r\n");
    ask(fd, "expire x 1\r\npexpireat c 1\r\nexists c\r\n", ":0\r\n:1\r\n:0\r\n");
    char text[64];
    snprintf(text, sizeof text, "pexpireat a %lld\r\n",
             (long long)cadre_resp_now() + 20);
    ask(fd, text, ":1\r\n");
    repeat_until(fd, "dbsize\r\n", ":1\r\n"); /* nobody asks for it */
    ask(fd, "get a\r\nget b\r\nset a 5\r\nttl a\r\n",
        "$-1\r\n$1\r\n2\r\n+OK\r\n:-1\r\n");
    assert_int_equal(cadre_resp_time(5, true, false), 5000);
    assert_int_equal(cadre_resp_time(5, false, false), 5);
    assert_int_equal(cadre_resp_time(INT64_MAX, true, false), 0);
    assert_true(cadre_resp_time(5, true, true) > 5000);
    hang_up(fd);
    end();
}

/* ---- what is kept ---- */

static cadre_journal *open_journal(const char *path)
{
    cadre_journal *journal = NULL;
    assert_int_equal(cadre_resp_journal(&journal, path, CADRE_FSYNC_ALWAYS, commands),
                     0);
    return journal;
}

static void copy_file(const char *to, const char *from)
{
    static char bytes[ROOM];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t size = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    fclose(in);
    fclose(out);
}

/* What is in the file when the answers are there, whatever comes then. */
static void answered_is_kept(void **state)
{
    make_folder();
    cadre_journal *journal = open_journal(in_folder("kept"));
    begin_with((cadre_resp){.shards = 3, .journal = journal});
    int fd = dial();
    ask(fd, "mset a 1 b 2 c 3 d 4\r\ndel c x\r\nset d 5\r\nexpire a 1000\r\n",
        "+OK\r\n:1\r\n+OK\r\n:1\r\n");
    ask(fd, "pexpireat b 5\r\nconfig get appendonly\r\n",
        ":1\r\n*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n");
    copy_file(in_folder("copy"), in_folder("kept"));
    hang_up(fd);
    end();
    assert_int_equal(cadre_journal_close(journal), 0);
    for (uint32_t shards = 1; shards <= 4; shards++) {
        journal = open_journal(in_folder(shards % 2 ? "copy" : "kept"));
        begin_with((cadre_resp){.shards = shards, .journal = journal});
        fd = dial();
        ask(fd, "mget a b c d\r\ndbsize\r\n",
            "*4\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$1\r\n5\r\n:2\r\n");
        ask(fd, "ttl d\r\nflushall\r\nmset a 1 d 5\r\nexpire a 10\r\n",
            ":-1\r\n+OK\r\n+OK\r\n:1\r\n");
        hang_up(fd);
        end();
        assert_int_equal(cadre_journal_close(journal), 0);
    }
}

/* The server ends and begins again, with the same open journal. */
static void started_again_it_has_the_same(void **state)
{
    make_folder();
    cadre_journal *journal = open_journal(in_folder("again"));
    for (int i = 0; i < 3; i++) {
        static const char *const has[] = {"$-1\r\n", "$1\r\n0\r\n", "$1\r\n1\r\n"};
        char text[32];
        begin_with((cadre_resp){.shards = 2, .journal = journal});
        int fd = dial();
        snprintf(text, sizeof text, "set a %d\r\n", i);
        ask(fd, "get a\r\n", has[i]);
        ask(fd, text, "+OK\r\n");
        hang_up(fd);
        end();
    }
    assert_int_equal(cadre_journal_close(journal), 0);
}

static void another_journal_is_refused(void **state)
{
    static const char *const texts[] = {
        "garbage\r\n", "*1\r\n$4\r\nping\r\n", "*2\r\n$3\r\nset\r\n$1\r\na\r\n",
        "*3\r\n$3\r\ndel\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n$8\r\nflushall\r\n"};
    cadre_journal *journal;
    make_folder();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_file(in_folder("other"), texts[i]);
        assert_int_equal(cadre_resp_journal(&journal, in_folder("other"), 0, commands),
                         -EPROTO);
    }
    put_file(in_folder("other"), "*2\r\n$3\r\ndel\r\n$1\r\na\r\n*2\r\n$3\r\nd");
    journal = open_journal(in_folder("other"));
    assert_int_equal(cadre_journal_cut(journal), 9);
    assert_int_equal(cadre_journal_close(journal), 0);
}

static void failed_journal_ends_it(void **state)
{
    char got[8];
    make_folder();
    disk_reset();
    disk.write_code = -ENOSPC;
    disk.room = strlen("*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n");
    cadre_journal *journal = open_journal(in_folder("full"));
    begin_with((cadre_resp){.shards = 2, .journal = journal});
    int fd = dial();
    ask(fd, "set a 1\r\n", "+OK\r\n");
    says(fd, "set b 2\r\n");
    await_true(has_ended, NULL);
    assert_int_equal(atomic_load(&ended), -ENOSPC);
    assert_true(recv(fd, got, sizeof got, 0) <= 0);
    close(fd);
    end();
    assert_int_equal(cadre_journal_close(journal), -ENOSPC);
    disk_reset();
}

/* ---- limits ---- */

static void limits_hold(void **state)
{
    begin_with((cadre_resp){
        .shards = 1, .limits = {.connections = 1, .command = 100, .waiting = 4}});
    int fd = dial(), other = dial();
    ask(fd, "ping\r\n", "+PONG\r\n");
    says(other, "echo other\r\n");
    for (int i = 0; i < 50; i++)
        says(fd, "get a\r\n");
    for (int i = 0; i < 50; i++)
        hears(fd, "$-1\r\n");
    says(fd, "*2\r\n$3\r\nget\r\n$200\r\n");
    for (int i = 0; i < 40; i++)
        says(fd, "12345");
    hears(fd, "-ERR Protocol error: a frame is longer than 100 bytes\r\n");
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    hears(other, "$5\r\nother\r\n"); /* it was not taken before */
    hang_up(other);
    end();
}

static void idle_ones_end(void **state)
{
    begin_with((cadre_resp){.shards = 1, .limits = {.idle = CADRE_MS}});
    int fd = dial();
    (void)raw_end(fd);
    close(fd);
    end();
}

static void bad_bytes_end_it(void **state)
{
    begin(2);
    int fd = dial(), other = dial();
    ask(fd, "ping\r\n*1\r\n!",
        "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    ask(other, "ping\r\n", "+PONG\r\n");
    hang_up(other);
    end();
}

/* It is not read from; then it gets everything. */
static void slow_reader_waits(void **state)
{
    static char asked[ROOM / 8 + 64], answer[ROOM / 8 + 64], text[ROOM / 8];
    memset(text, 'v', sizeof text);
    int n = snprintf(asked, 64, "*2\r\n$4\r\necho\r\n$%zu\r\n", sizeof text);
    int m = snprintf(answer, 64, "$%zu\r\n", sizeof text);
    memcpy(asked + n, text, sizeof text);
    memcpy(answer + m, text, sizeof text);
    memcpy(asked + n + sizeof text, "\r\n", 2);
    memcpy(answer + m + sizeof text, "\r\n", 2);
    size_t each = (size_t)n + sizeof text + 2, most = 1000 * each;
    begin(2);
    int fd = dial();
    size_t sent = raw_repeat_until_stuck(fd, asked, each, most);
    assert_in_range(sent, 1, most - 1);
    for (size_t i = 0; i < sent / each; i++)
        raw_expect(fd, answer, (size_t)m + sizeof text + 2);
    close(fd);
    end();
}

static void published_is_heard(void **state)
{
    begin(2);
    int fd = dial(), other = dial();
    ask(fd, "subscribe news x\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2\r\n");
    for (int i = 0; i < 100; i++)
        ask(other, "publish news a\r\npublish x b\r\npublish y c\r\n",
            ":1\r\n:1\r\n:0\r\n");
    for (int i = 0; i < 100; i++)
        hears(fd, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\na\r\n"
                  "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nb\r\n");
    ask(fd, "get a\r\n",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
        "QUIT "
        "/ RESET are allowed in this context\r\n");
    ask(fd, "ping\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    ask(fd, "unsubscribe x\r\nunsubscribe\r\nunsubscribe\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:1\r\n"
        "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n"
        "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
    ask(other, "publish news a\r\n", ":0\r\n");
    ask(other, "subscribe a*\r\n", "-ERR a channel has 1 to 63 bytes and no *\r\n");
    hang_up(fd);
    hang_up(other);
    end();
}

static void deaf_subscriber_ends(void **state)
{
    static char text[ROOM / 4];
    char head[64];
    begin_with((cadre_resp){.shards = 1, .limits = {.behind = ROOM}});
    int fd = dial(), other = dial();
    ask(fd, "subscribe a\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    memset(text, 'x', sizeof text);
    int n = snprintf(head, sizeof head, "*3\r\n$7\r\npublish\r\n$1\r\na\r\n$%zu\r\n",
                     sizeof text);
    char got[4];
    do {
        raw_send(other, head, (size_t)n);
        raw_send(other, text, sizeof text);
        says(other, "\r\n");
        assert_int_equal(recv(other, got, 4, MSG_WAITALL), 4);
    } while (got[1] == '1');
    assert_memory_equal(got, ":0\r\n", 4);
    close(fd);
    hang_up(other);
    end();
}

/* ---- bad configurations ---- */

static void refused(cadre_resp with, int code)
{
    begin_with(with);
    await_true(has_ended, NULL);
    assert_int_equal(atomic_load(&ended), code);
    end();
}
static void listen_nowhere(void) { refused((cadre_resp){.host = "nowhere"}, -EINVAL); }
static void bad_config_is_refused(void **state)
{
    static const cadre_resp_command bad[][2] = {
        {{"a", 2, 2, CADRE_RESP_KEY, NULL, 0}, {0}},
        {{"", 2, 2, CADRE_RESP_KEY, get, 0}, {0}},
        {{"Get", 2, 2, CADRE_RESP_KEY, get, 0}, {0}},
        {{"get", 1, 2, CADRE_RESP_KEY, get, 0}, {0}},
        {{"get", 3, 2, CADRE_RESP_KEY, get, 0}, {0}},
        {{"get", 2, 0, CADRE_RESP_PAIRS, get, 0}, {0}},
        {{"get", 2, 2, CADRE_RESP_ALL_OK + 1, get, 0}, {0}}};
    cadre_journal *journal;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refused((cadre_resp){.commands = bad[i]}, -EINVAL);
        assert_int_equal(cadre_resp_journal(&journal, "x", 0, bad[i]), -EINVAL);
    }
    refused((cadre_resp){.shards = 65}, -EINVAL);
    refused((cadre_resp){.limits = {.idle = -1}}, -EINVAL);
    refused((cadre_resp){.limits = {.command = (size_t)2 << 30}}, -EINVAL);
    misuse(listen_nowhere);
    begin(1);
    uint16_t taken = atomic_load(&port);
    cadre_system *first = sys;
    refused((cadre_resp){.port = taken}, -EADDRINUSE);
    assert_true(lines_with("resp: cannot listen at 127.0.0.1 port") > 0);
    sys = first;
    end();
}

int main(void)
{
    TESTS(cmocka_unit_test(answers_in_order), cmocka_unit_test(cut_anywhere),
          cmocka_unit_test(routes_as_said), cmocka_unit_test(every_server_has),
          cmocka_unit_test(keys_expire), cmocka_unit_test(answered_is_kept),
          cmocka_unit_test(started_again_it_has_the_same),
          cmocka_unit_test(another_journal_is_refused),
          cmocka_unit_test(failed_journal_ends_it), cmocka_unit_test(limits_hold),
          cmocka_unit_test(idle_ones_end), cmocka_unit_test(bad_bytes_end_it),
          cmocka_unit_test(slow_reader_waits), cmocka_unit_test(published_is_heard),
          cmocka_unit_test(deaf_subscriber_ends),
          cmocka_unit_test(bad_config_is_refused));
    return RUN_TESTS();
}
