/* http2.h: a client of HTTP/2 that is frames, of what support/web.h serves. */
#ifndef SUPPORT_HTTP2_H
#define SUPPORT_HTTP2_H

#include "support/web.h"

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RESET,
    H2_SETTINGS,
    H2_PING = 6,
    H2_GOAWAY,
    H2_WINDOW,
    H2_CONTINUATION,
    H2_GONE = -1 /* the connection's end */
};
enum { H2_END = 1, H2_ACK = 1, H2_WHOLE = 4, H2_PADDED = 8 };
enum { H2_REFUSED = 7, H2_CANCEL, H2_CALM = 11 }; /* the last: ENHANCE_YOUR_CALM */

struct http2_frame {
    int type;
    uint32_t flags, stream, size;
    uint8_t bytes[1 << 14];
};

/* Is the server without nghttp2? */
bool http2_is_missing(void);
/* web_serve(); without nghttp2 the test is skipped. */
cadre_system *http2_serve(void);
/* The other way round: one who has connected, whose preface has come, and to whom a
 * SETTINGS is sent of these bytes. */
int http2_accept(int listener, const void *settings, size_t size);
/* Connected, with the preface and an empty SETTINGS sent. */
int http2_connect(void);
void http2_send(int fd, int type, unsigned flags, uint32_t stream, const void *bytes,
                size_t size);
void http2_send_number(int fd, int type, uint32_t stream, uint32_t value);
/* A request, with more fields: names and values in turn, until a NULL; or NULL. */
void http2_ask(int fd, const char *method, const char *path, unsigned flags,
               uint32_t stream, const char *const *fields);
/* A field as HPACK has it, of texts of up to 126 bytes. Returns its end. */
char *http2_field(char *at, const char *name, const char *value);
/* GET of this path, which is all. */
void http2_get(int fd, const char *path, uint32_t stream);
/* The next frame. */
void http2_read(int fd, struct http2_frame *frame);
/* The next one of this type, or the end, of this stream. */
void http2_expect(int fd, int type, uint32_t stream, struct http2_frame *frame);
/* The status of the answer on this stream. */
int http2_status(int fd, uint32_t stream);
/* GET of / is answered with this text. */
void http2_expect_text(int fd, uint32_t stream, const char *text);
/* The value that such a frame has: the reason of a reset, and of the end of all. */
uint32_t http2_reset(int fd, uint32_t stream);
uint32_t http2_goaway(int fd);

#endif
