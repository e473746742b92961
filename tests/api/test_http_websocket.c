/* test_http_websocket.c: WebSockets, as actors/http_websocket.h promises, against a
 * client that is bytes, and Python's. */
#include "support/folder.h"
#include "support/web.h"

#include <cadre/actors/http_websocket.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, LAST = 0x80 };

static atomic_uint handled, may_go_on, code, opened, is_none;
static atomic_uint_fast64_t socket_id;

/* ---- sessions --------------------------------------------------------------------- */

static void note(const cadre_msg *m)
{
    const cadre_websocket_close *close = cadre_body(m, cadre_websocket_close);
    const cadre_websocket_opened *o = cadre_body(m, cadre_websocket_opened);
    if (close)
        atomic_store(&code, close->code);
    if (o) {
        atomic_store(&socket_id, o->socket.id);
        atomic_fetch_add(&opened, 1);
    }
}

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
    note(m);
    return got ? cadre_reply(self, m, cadre_websocket_message,
                             .bytes = cadre_buf_move(&got->bytes),
                             .is_text = got->is_text)
               : 0;
}
static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};

/* Is slow, and answers nothing. */
static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    note(m);
    if (m->type != &cadre_websocket_message_type)
        return 0;
    atomic_fetch_add(&handled, 1);
    while (!atomic_load(&may_go_on))
        if (cadre_sleep(self, CADRE_MS))
            return -ECANCELED;
    return 0;
}
static const cadre_class slow_class = {.name = "slow", .receive = slow_receive};

/* Fails, or stops, on a message. */
static int ending_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
    return !got ? 0 : cadre_buf_size(got->bytes) > 0 ? CADRE_STOP : -EIO;
}
static const cadre_class ending_class = {.name = "ending", .receive = ending_receive};

/* Sends large ones, the next when the last has found room; or all at once. */
typedef struct {
    cadre_ref socket;
    cadre_token token;
    unsigned left;
} flood;
enum { LARGE = 100000, MANY = 1000 };

static int flood_receive(cadre_self *self, void *state, cadre_msg *m)
{
    flood *me = state;
    const cadre_websocket_opened *o = cadre_body(m, cadre_websocket_opened);
    note(m);
    if (o)
        me->socket = o->socket;
    if (!o && m->type != &cadre_websocket_sent_type)
        return m->type == &cadre_failure_type ? -EIO : 0;
    if (me->left-- == 0)
        return cadre_send(self, me->socket, cadre_websocket_close, .code = 4000);
    atomic_fetch_add(&handled, 1);
    return cadre_ask(self, &me->token, me->socket, 60 * CADRE_SECOND,
                     cadre_websocket_message, .bytes = cadre_buf_new(NULL, LARGE));
}
static const cadre_class flood_class = {
    .name = "flood", .state_size = sizeof(flood), .receive = flood_receive};

static int burst_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_websocket_opened *o = cadre_body(m, cadre_websocket_opened);
    int err = 0;
    note(m);
    for (int i = 0; o && !err && i < MANY; i++)
        err = cadre_send(self, o->socket, cadre_websocket_message,
                         .bytes = cadre_buf_new(NULL, LARGE));
    if (o && !err) /* refused, as it has ended, when all that is dealt with */
        err = cadre_ask(self, NULL, o->socket, CADRE_NEVER, cadre_websocket_message, 0);
    if (m->type == &cadre_failure_type)
        atomic_fetch_add(&handled, 1);
    return err;
}
static const cadre_class burst_class = {.name = "burst", .receive = burst_receive};

/* ---- the server ------------------------------------------------------------------- */

static int begin(cadre_self *self, cadre_msg *m, const cadre_class *cls,
                 const void *init)
{
    cadre_ref session;
    int err = cadre_spawn(self, &session, cls, init);
    if (!err)
        err = cadre_http_reply_websocket(self, m, session, "chat");
    if (err == -ENOTSUP)
        atomic_store(&is_none, 1);
    return err == -EPROTO ? cadre_http_reply(self, m, 426, NULL, NULL) : err;
}
static int echo(cadre_self *self, void *state, cadre_msg *m)
{
    return begin(self, m, &echo_class, NULL);
}
static int slow(cadre_self *self, void *state, cadre_msg *m)
{
    return begin(self, m, &slow_class, NULL);
}
static int ending(cadre_self *self, void *state, cadre_msg *m)
{
    return begin(self, m, &ending_class, NULL);
}
static int flooding(cadre_self *self, void *state, cadre_msg *m)
{
    return begin(self, m, &flood_class, &(flood){.left = MANY});
}
static int burst(cadre_self *self, void *state, cadre_msg *m)
{
    return begin(self, m, &burst_class, NULL);
}
static const cadre_http_route routes[] = {
    {"GET", "/echo", echo},      {"GET", "/slow", slow},   {"GET", "/ending", ending},
    {"GET", "/flood", flooding}, {"GET", "/burst", burst}, {0}};

static const cadre_http_route uploads[] = {{"GET", "/upload", echo}, {0}};

static cadre_system *serve(void)
{
    web.routes = routes;
    web.uploads = uploads;
    atomic_store(&handled, 0);
    atomic_store(&may_go_on, 0);
    atomic_store(&opened, 0);
    atomic_store(&code, 0);
    return web_serve();
}

/* ---- frames ----------------------------------------------------------------------- */

#define FIELDS                                                                         \
    "Host: here\r\nUpgrade: WebSocket\r\n"                                             \
    "Connection: keep-alive\r\nConnection: a, Upgrade\r\n"                             \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int shake_hands(const char *path)
{
    char text[512];
    int fd = raw_connect(web.port);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" FIELDS "\r\n", path);
    raw_send(fd, text, strlen(text));
    web_expect_end(fd, "\r\n\r\n");
    await(&opened, 1);
    return fd;
}

static void send_frame(int fd, int first, const void *bytes, size_t size)
{
    uint8_t head[14] = {(uint8_t)first, (uint8_t)(0x80 | (size < 126 ? size : 127))};
    size_t used = 2;
    for (int i = 0; size >= 126 && i < 8; i++)
        head[used++] = (uint8_t)(size >> (56 - 8 * i));
    used += 4; /* the mask, of zeros */
    raw_send(fd, head, used);
    if (size > 0)
        raw_send(fd, bytes, size);
}

/* Reads one: its first byte; its size in *size, of whose bytes up to 256 are kept. */
static int read_frame(int fd, uint8_t *bytes, size_t *size)
{
    static uint8_t all[1 << 20];
    uint8_t head[10];
    assert_int_equal(raw_read_all(fd, head, 2), 2);
    assert_true(head[1] < 0x80); /* a server does not mask */
    size_t more = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
    assert_int_equal(raw_read_all(fd, head + 2, more), more);
    *size = more ? 0 : head[1];
    for (size_t i = 0; i < more; i++)
        *size = *size << 8 | head[2 + i];
    assert_true(*size <= sizeof all);
    assert_int_equal(raw_read_all(fd, all, *size), *size);
    memcpy(bytes, all, *size < 256 ? *size : 256);
    return head[0];
}

static void expect_frame(int fd, int first, const char *text)
{
    uint8_t bytes[256];
    size_t size;
    assert_int_equal(read_frame(fd, bytes, &size), first);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
}

static void expect_close(int fd, unsigned expected)
{
    uint8_t bytes[256];
    size_t size;
    int first;
    do
        first = read_frame(fd, bytes, &size);
    while (first != (LAST | CLOSE));
    unsigned code_of = size < 2 ? 1005 : (unsigned)(bytes[0] << 8 | bytes[1]);
    assert_int_equal(code_of, expected);
}

static bool skipped(cadre_system *sys)
{
    static const char request[] = "GET /echo HTTP/1.1\r\n" FIELDS "\r\n";
    int fd = raw_connect(web.port);
    raw_send(fd, request, strlen(request));
    web_expect_end(fd, "\r\n\r\n");
    close(fd);
    if (!atomic_load(&is_none))
        return false;
    web_served(sys);
    skip();
    return true;
}

/* ---- tests ------------------------------------------------------------------------ */

static void handshake_is_checked(void **state)
{
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = raw_connect(web.port);
    static const char request[] = "GET /echo HTTP/1.1\r\n" FIELDS "\r\n";
    raw_send(fd, request, strlen(request));
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\nDate: ";
    raw_expect(fd, start, strlen(start));
    web_expect_end(fd, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                       "Sec-WebSocket-Protocol: chat\r\n\r\n");
    close(fd);
    assert_int_equal(web_status(web_talk("GET /echo HTTP/1.1\r\nHost: a\r\n"
                                         "Connection: close\r\n\r\n")),
                     426);
    assert_int_equal(
        web_status(web_talk("GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                            "Connection: upgrade, close\r\nSec-WebSocket-Version: 12"
                            "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")),
        426);
    assert_int_equal(
        web_status(web_talk("GET /echo HTTP/1.1\r\nConnection: close\r\n" FIELDS
                            "Sec-WebSocket-Key: "
                            "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")),
        426);
    /* While its body comes it is no WebSocket. */
    assert_int_equal(web_status(web_talk("GET /upload HTTP/1.1\r\n" FIELDS
                                         "Content-Length: 9\r\n\r\n")),
                     426);
    web_served(sys);
}

static void messages_in_order(void **state)
{
    static char large[300000];
    uint8_t bytes[256];
    size_t size;
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/echo");
    send_frame(fd, LAST | TEXT, "hello", 5);
    send_frame(fd, LAST | BINARY, "\1\2", 2);
    send_frame(fd, TEXT, "in ", 3);
    send_frame(fd, LAST | PING, "?", 1);
    send_frame(fd, LAST, "parts", 5);
    send_frame(fd, LAST | TEXT, "", 0);
    send_frame(fd, LAST | BINARY, large, sizeof large);
    for (int i = 0; i < 6; i++) { /* the pong comes when it likes */
        int first = read_frame(fd, bytes, &size);
        if (first == (LAST | PONG)) {
            assert_int_equal(size, 1);
            continue;
        }
        static const char *const texts[] = {"hello", "\1\2", "in parts", ""};
        static int next;
        assert_int_equal(first,
                         LAST | (next % 5 == 1 || next % 5 == 4 ? BINARY : TEXT));
        if (next % 5 < 4) {
            assert_int_equal(size, strlen(texts[next % 5]));
            assert_memory_equal(bytes, texts[next % 5], size);
        } else {
            assert_int_equal(size, sizeof large);
        }
        next++;
    }
    for (int i = 0; i < 1000; i++)
        send_frame(fd, LAST | TEXT, "x", 1);
    for (int i = 0; i < 1000; i++)
        expect_frame(fd, LAST | TEXT, "x");
    send_frame(fd, LAST | CLOSE, "\x0f\xa1", 2); /* 4001 */
    expect_close(fd, 4001);
    await(&code, 4001);
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    web_served(sys);
}

static void slow_session_waits(void **state)
{
    static uint8_t frame[6 + 100] = {LAST | BINARY, 0x80 | 100};
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/slow");
    size_t sent = raw_repeat_until_stuck(fd, frame, sizeof frame, 64 << 20);
    assert_true(sent < 64 << 20);
    assert_int_equal(atomic_load(&handled), 1);
    atomic_store(&may_go_on, 1);
    char rest[sizeof frame];
    size_t part = sent % sizeof frame;
    memcpy(rest, frame, sizeof rest);
    if (part > 0)
        raw_send(fd, rest + part, sizeof rest - part);
    await(&handled, (unsigned)((sent + sizeof frame - 1) / sizeof frame));
    close(fd);
    web_served(sys);
}

static bool is_past(void *until) { return real_now() >= *(int64_t *)until; }

static void slow_peer_is_bounded(void **state)
{
    uint8_t bytes[256];
    size_t size;
    web.limits.idle = 600 * CADRE_SECOND; /* it answers no pings */
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/flood");
    for (unsigned before = 0; before != atomic_load(&handled) || before == 0;) {
        int64_t until = real_now() + 100 * CADRE_MS;
        before = atomic_load(&handled);
        await_true(is_past, &until);
    }
    assert_true(atomic_load(&handled) < MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(read_frame(fd, bytes, &size), LAST | BINARY);
        assert_int_equal(size, LARGE);
    }
    expect_close(fd, 4000);
    close(fd);
    atomic_store(&handled, 0);
    fd = shake_hands("/burst");
    await(&handled, 1);
    expect_close(fd, 1008);
    close(fd);
    web_served(sys);
}

static void close_is_told(void **state)
{
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/echo"); /* without a word */
    close(fd);
    await(&code, 1006);
    atomic_store(&code, 0);
    fd = shake_hands("/echo"); /* without a code */
    send_frame(fd, LAST | CLOSE, "", 0);
    await(&code, 1005);
    close(fd);
    fd = shake_hands("/ending");
    send_frame(fd, LAST | TEXT, "stop", 4);
    expect_close(fd, 1000);
    close(fd);
    fd = shake_hands("/ending");
    send_frame(fd, LAST | TEXT, "", 0);
    expect_close(fd, 1011);
    close(fd);
    web_served(sys);
}

static void silent_peer_is_cut_off(void **state)
{
    web.limits.idle = CADRE_SECOND;
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/echo");
    for (int i = 0; i < 3; i++) {
        expect_frame(fd, LAST | PING, "");
        send_frame(fd, LAST | PONG, "", 0);
    }
    expect_frame(fd, LAST | PING, "");
    assert_int_equal(raw_end(fd), -ECONNRESET);
    close(fd);
    await(&code, 1006);
    web_served(sys);
}

/* Sends this again and again, and reads nothing. */
static void expect_cut(const char *path, int first)
{
    enum { FRAME = 6 + 100, ALL = 1000 * FRAME, ENOUGH = 64 << 20 };
    static uint8_t frames[ALL];
    for (int i = 0; i < ALL; i += FRAME) {
        frames[i] = (uint8_t)(LAST | first);
        frames[i + 1] = 0x80 | 100;
    }
    int fd = shake_hands(path);
    size_t sum = 0;
    ssize_t n = 0;
    do {
        sum += (size_t)n;
        n = send(fd, frames + sum % ALL, ALL - sum % ALL, MSG_NOSIGNAL);
    } while (n > 0 && sum < ENOUGH);
    assert_int_equal(n, -1);
    assert_true(errno == ECONNRESET || errno == EPIPE);
    close(fd);
}

/* Whatever it says: pongs for it are bounded, and what is to be sent has its time. */
static void deaf_peer_is_cut_off(void **state)
{
    web.limits.idle = 100 * CADRE_MS;
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    expect_cut("/echo", PING);
    expect_cut("/flood", PONG);
    web_served(sys);
}

static size_t resident(void)
{
    size_t all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %zu", &all, &pages), 2);
    assert_int_equal(fclose(f), 0);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A message takes its size, in however many fragments it comes. */
static void fragments_take_no_more(void **state)
{
    enum { FRAGMENTS = 400000, FRAME = 7, MOST = 20 << 20 };
    static uint8_t frames[FRAGMENTS * FRAME], bytes[256];
    size_t size;
    for (int i = 0; i < FRAGMENTS; i++)
        memcpy(frames + i * FRAME, "\0\x81\0\0\0\0x", FRAME);
    frames[0] = BINARY;
    web.limits.body = FRAGMENTS;
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/echo");
    size_t before = resident();
    raw_send(fd, frames, sizeof frames);
    send_frame(fd, LAST | PING, "", 0); /* answered when all before it is read */
    expect_frame(fd, LAST | PONG, "");
    assert_true(resident() < before + MOST); /* it may have become less */
    send_frame(fd, LAST, "", 0);
    assert_int_equal(read_frame(fd, bytes, &size), LAST | BINARY);
    assert_int_equal(size, FRAGMENTS);
    assert_memory_equal(bytes, "xxxxxxxx", 8);
    raw_send(fd, frames, sizeof frames); /* and one that is too long by a byte */
    send_frame(fd, LAST, "x", 1);
    expect_close(fd, 1009);
    close(fd);
    web_served(sys);
}

static void bad_frames_end_it(void **state)
{
    static const uint8_t unmasked[] = {LAST | TEXT, 1, 'x'};
    static const uint8_t reserved[] = {LAST | TEXT | 0x40, 0x81, 0, 0, 0, 0, 'x'};
    static const uint8_t opcode[] = {LAST | 3, 0x81, 0, 0, 0, 0, 'x'};
    static const uint8_t text[] = {LAST | TEXT, 0x81, 0, 0, 0, 0, 0xff};
    static const uint8_t huge[] = {
        LAST | BINARY, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'x'};
    static const uint8_t ping[] = {PING, 0x80, 0, 0, 0, 0}; /* in fragments */
    static const struct {
        const uint8_t *bytes;
        size_t size;
        unsigned code;
    } cases[] = {{unmasked, sizeof unmasked, 1002}, {reserved, sizeof reserved, 1002},
                 {opcode, sizeof opcode, 1002},     {text, sizeof text, 1007},
                 {huge, sizeof huge, 1009},         {ping, sizeof ping, 1005}};
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = shake_hands("/echo");
        raw_send(fd, cases[i].bytes, cases[i].size);
        expect_close(fd, cases[i].code);
        close(fd);
    }
    web_served(sys);
}

static void *shut_down(void *sys)
{
    return cadre_system_shutdown(sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND) ? sys
                                                                            : NULL;
}

static void closing_is_told(void **state)
{
    pthread_t thread;
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    int fd = shake_hands("/echo");
    assert_int_equal(pthread_create(&thread, NULL, shut_down, sys), 0);
    expect_close(fd, 1001);
    send_frame(fd, LAST | CLOSE, "\x03\xe9", 2);
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    web_served(sys);
}

/* ---- Python's --------------------------------------------------------------------- */

static const char script[] =
    "import asyncio, sys, websockets\n"
    "async def main():\n"
    "    url = 'ws://127.0.0.1:%s/echo' % sys.argv[1]\n"
    "    async with websockets.connect(url, subprotocols=['chat'], max_size=None) as "
    "w:\n"
    "        assert w.subprotocol == 'chat'\n"
    "        for m in ['hello', b'\\0\\1', '', 'x' * 100000, b'y' * 900000]:\n"
    "            await w.send(m)\n"
    "            assert await w.recv() == m\n"
    "        await w.send(['in', 'parts'])\n"
    "        assert await w.recv() == 'inparts'\n"
    "        await (await w.ping())\n"
    "        for i in range(500): await w.send(str(i))\n"
    "        for i in range(500): assert await w.recv() == str(i)\n"
    "        await w.close(4002)\n"
    "asyncio.run(main())\n"
    "print('fine')\n";

static void python_agrees(void **state)
{
    char line[512], text[64];
    if (system("/usr/bin/python3 -c 'import websockets' >/dev/null 2>&1") != 0)
        skip();
    make_folder();
    put_file(in_folder("client.py"), script);
    cadre_system *sys = serve();
    if (skipped(sys))
        return;
    snprintf(line, sizeof line, "/usr/bin/python3 %s %u 2>&1", in_folder("client.py"),
             web.port);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    assert_string_equal(text, "fine\n");
    assert_int_equal(pclose(f), 0);
    await(&code, 4002);
    web_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(handshake_is_checked), cmocka_unit_test(messages_in_order),
          cmocka_unit_test(slow_session_waits), cmocka_unit_test(slow_peer_is_bounded),
          cmocka_unit_test(close_is_told), cmocka_unit_test(silent_peer_is_cut_off),
          cmocka_unit_test(deaf_peer_is_cut_off),
          cmocka_unit_test(fragments_take_no_more), cmocka_unit_test(bad_frames_end_it),
          cmocka_unit_test(closing_is_told), cmocka_unit_test(python_agrees));
    return RUN_TESTS();
}
