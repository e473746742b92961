/* wire.h: an answer as it is sent. */
#ifndef ACTORS_HTTP_WIRE_H
#define ACTORS_HTTP_WIRE_H

#include <cadre/http.h>

/* How the one is that it is for. */
struct wire_manner {
    bool closes; /* the connection, afterwards */
    bool http10; /* so it does not expect it to stay */
    bool is_head;
};

/* The date when somebody last asked: it is made once a second. All zero: never. */
struct wire_date {
    int64_t second;
    char text[29];
};

/* The words for a status, or an empty text. */
const char *wire_reason(uint32_t status);
/* Status line, fields, the empty line; and the body if it is short: then *body is NULL
 * afterwards, and whatever it was is gone. NULL: no memory. */
cadre_buf *wire_write(const cadre_http_response *r, struct wire_manner manner,
                      cadre_buf **body, struct wire_date *date);

#endif
