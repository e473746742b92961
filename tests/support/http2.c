/* http2.c: a client of HTTP/2 that is frames. */
#include "support/http2.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 9, TEXT_MAX = 126 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- out -------------------------------------------------------------------------- */

bool http2_is_missing(void)
{
    char first[4];
    int fd = raw_connect(web.port);
    raw_send(fd, preface, strlen(preface));
    assert_int_equal(raw_read_all(fd, first, sizeof first), sizeof first);
    close(fd);
    return memcmp(first, "HTTP", sizeof first) == 0;
}

cadre_system *http2_serve(void)
{
    cadre_system *sys = web_serve();
    if (!http2_is_missing())
        return sys;
    web_served(sys);
    skip();
    return NULL;
}

int http2_connect(void)
{
    const int on = 1;
    int fd = raw_connect(web.port);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    raw_send(fd, preface, strlen(preface));
    http2_send(fd, H2_SETTINGS, 0, 0, NULL, 0);
    return fd;
}

int http2_accept(int listener, const void *settings, size_t size)
{
    char bytes[sizeof preface - 1];
    int fd = raw_accept(listener);
    assert_int_equal(raw_read_all(fd, bytes, sizeof bytes), sizeof bytes);
    assert_memory_equal(bytes, preface, sizeof bytes);
    http2_send(fd, H2_SETTINGS, 0, 0, settings, size);
    return fd;
}

static void put_number(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Where the server has closed it, that is seen when it is read. */
static void send_all(int fd, const uint8_t *at, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        assert_true(n > 0);
        at += n;
        size -= (size_t)n;
    }
}

void http2_send(int fd, int type, unsigned flags, uint32_t stream, const void *bytes,
                size_t size)
{
    uint8_t frame[HEAD + (1 << 14)];
    assert_true(size <= sizeof frame - HEAD);
    put_number(frame, (uint32_t)size << 8);
    frame[3] = (uint8_t)type;
    frame[4] = (uint8_t)flags;
    put_number(frame + 5, stream);
    if (size > 0)
        memcpy(frame + HEAD, bytes, size);
    send_all(fd, frame, HEAD + size);
}

void http2_send_number(int fd, int type, uint32_t stream, uint32_t value)
{
    uint8_t bytes[4];
    put_number(bytes, value);
    http2_send(fd, type, 0, stream, bytes, sizeof bytes);
}

/* A text of HPACK, behind what says what it is. */
static char *put_text(char *at, const char *text)
{
    size_t size = strlen(text);
    assert_true(size <= TEXT_MAX);
    *at++ = (char)size;
    memcpy(at, text, size);
    return at + size;
}

char *http2_field(char *at, const char *name, const char *value)
{
    *at++ = 0;
    return put_text(put_text(at, name), value);
}

/* Of the table that all know: 1 is the authority, 2 the method, 4 the path, and 6, as it
 * is there, the scheme. None goes into the other table. */
void http2_ask(int fd, const char *method, const char *path, unsigned flags,
               uint32_t stream, const char *const *fields)
{
    char bytes[4096], *at = bytes;
    *at++ = (char)0x86;
    *at++ = 2;
    at = put_text(at, method);
    *at++ = 4;
    at = put_text(at, path);
    *at++ = 1;
    at = put_text(at, "here");
    for (; fields && *fields; fields += 2)
        at = http2_field(at, fields[0], fields[1]);
    http2_send(fd, H2_HEADERS, flags, stream, bytes, (size_t)(at - bytes));
}

void http2_get(int fd, const char *path, uint32_t stream)
{
    http2_ask(fd, "GET", path, H2_WHOLE | H2_END, stream, NULL);
}

/* ---- in --------------------------------------------------------------------------- */

void http2_read(int fd, struct http2_frame *frame)
{
    uint8_t head[HEAD];
    frame->type = H2_GONE;
    if (raw_read_all(fd, head, HEAD) != HEAD)
        return;
    frame->size = number_at(head) >> 8;
    frame->flags = head[4];
    frame->stream = number_at(head + 5);
    assert_true(frame->size <= sizeof frame->bytes);
    if (raw_read_all(fd, frame->bytes, frame->size) == (ssize_t)frame->size)
        frame->type = head[3];
}

void http2_expect(int fd, int type, uint32_t stream, struct http2_frame *frame)
{
    do
        http2_read(fd, frame);
    while (frame->type != H2_GONE && (frame->type != type || frame->stream != stream));
    assert_int_equal(frame->type, type);
}

/* Three digits as HPACK has them when they are short: five or six bits each. */
static int digits_of(const uint8_t *at, size_t size)
{
    uint32_t bits = 0, left = 32;
    int sum = 0;
    for (size_t i = 0; i < 4; i++)
        bits = bits << 8 | (i < size ? at[i] : 0xffu);
    for (int i = 0; i < 3; i++) {
        uint32_t five = bits >> (left - 5) & 31, six = bits >> (left - 6) & 63;
        sum = sum * 10 + (int)(five < 3 ? five : six - 0x19 + 3);
        left -= five < 3 ? 5 : 6;
    }
    return sum;
}

/* The first field of a connection's first answer. */
static int status_at(const uint8_t *at)
{
    static const int known[] = {200, 204, 206, 304, 400, 404, 500};
    if (at[0] >= 0x88 && at[0] <= 0x8e)
        return known[at[0] - 0x88];
    assert_int_equal(at[0], 0x48);
    if (at[1] & 0x80)
        return digits_of(at + 2, at[1] & 0x7f);
    return (at[2] - '0') * 100 + (at[3] - '0') * 10 + at[4] - '0';
}

int http2_status(int fd, uint32_t stream)
{
    static struct http2_frame frame;
    http2_expect(fd, H2_HEADERS, stream, &frame);
    return status_at(frame.bytes);
}

uint32_t http2_reset(int fd, uint32_t stream)
{
    static struct http2_frame frame;
    http2_expect(fd, H2_RESET, stream, &frame);
    return number_at(frame.bytes);
}

uint32_t http2_goaway(int fd)
{
    static struct http2_frame frame;
    http2_expect(fd, H2_GOAWAY, 0, &frame);
    return number_at(frame.bytes + 4);
}

void http2_expect_text(int fd, uint32_t stream, const char *text)
{
    static struct http2_frame frame;
    http2_get(fd, "/", stream);
    http2_expect(fd, H2_HEADERS, stream, &frame);
    http2_expect(fd, H2_DATA, stream, &frame);
    assert_int_equal(frame.size, strlen(text));
    assert_memory_equal(frame.bytes, text, frame.size);
}
