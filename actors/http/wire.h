/* wire.h: an answer as it is sent. */
#ifndef ACTORS_HTTP_WIRE_H
#define ACTORS_HTTP_WIRE_H

#include <cadre/http.h>

#include <string.h>

/* How the one is that it is for. */
struct wire_manner {
    bool closes; /* the connection, afterwards */
    bool http10; /* so it does not expect it to stay */
    bool is_head;
};

/* A body in pieces is sent in chunks if its length is not known; where the peer would not
 * know these, it ends with the connection. */
static inline bool wire_has_chunks(const cadre_http_source *source,
                                   struct wire_manner manner)
{
    return source->from.id && source->size == 0 && !manner.http10;
}
static inline bool wire_has_no_end(const cadre_http_source *source,
                                   struct wire_manner manner)
{
    return source->from.id && source->size == 0 && manner.http10;
}

/* Is anything of it sent behind its head? */
bool wire_has_body(const cadre_http_response *r, bool is_head);
/* Has it a length? Else it ends with its last piece, or is none. */
bool wire_has_length(const cadre_http_response *r);
/* Which, of one with so many bytes. */
static inline uint64_t wire_length(const cadre_http_response *r, bool is_head,
                                   size_t size)
{
    bool is_told = r->source.from.id || (is_head && size == 0); /* by a server */
    return is_told ? r->source.size : size;
}

/* Bytes, which may be none; returns where they end. */
static inline char *wire_put(char *at, const void *from, size_t size)
{
    if (size > 0)
        memcpy(at, from, size);
    return at + size;
}
/* "name: value" and the end of the line: 4 bytes more than they have. */
static inline char *wire_put_field(char *at, cadre_http_text name,
                                   cadre_http_text value)
{
    at = wire_put(wire_put(at, name.at, name.size), ": ", 2);
    return wire_put(wire_put(at, value.at, value.size), "\r\n", 2);
}
/* Digits, at most 16 and 20 bytes; return where they end. */
char *wire_put_hex(char *at, uint64_t number);
char *wire_put_number(char *at, uint64_t number);

/* The date when somebody last asked: it is made once a second. All zero: never. */
struct wire_date {
    int64_t second;
    char text[29];
};

/* Now. */
const char *wire_date_now(struct wire_date *date);
/* 29 bytes, as in "Sun, 06 Nov 1994 08:49:37 GMT", of seconds since 1970. */
void wire_make_date(char *at, int64_t second);

/* The words for a status, or an empty text. */
const char *wire_reason(uint32_t status);
/* Status line, fields, the empty line; and the body if it is short: then *body is NULL
 * afterwards, and whatever it was is gone. (One in pieces follows.) NULL: no memory. */
cadre_buf *wire_answer(const cadre_http_response *r, struct wire_manner manner,
                       cadre_buf **body, struct wire_date *date);

#endif
