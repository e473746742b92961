/* response.h: answers. */
#ifndef ACTORS_HTTP_RESPONSE_H
#define ACTORS_HTTP_RESPONSE_H

#include <cadre/http.h>

/* In own. */
enum {
    RESPONSE_CLOSES = 1, /* the connection, afterwards */
    RESPONSE_UPGRADES =
        2 /* it becomes a WebSocket, of the source, which is a session */
};

/* Of a response; 0: none. */
void response_close(int file);

static inline bool response_is_status(uint32_t status)
{
    return status >= 200 && status <= 599;
}

/* Errors: -EINVAL, -ENOMEM. Consumes the buffer. */
CADRE_MUST_CHECK int response_make(cadre_http_response *r, int status,
                                   const cadre_http_field *fields, cadre_buf *take);

/* One that has come to a client, with the fields of that head but for those that concern
 * the connection. Errors: -ENOMEM. Consumes the buffer. */
CADRE_MUST_CHECK int response_from(cadre_http_response *r, uint32_t status,
                                   const cadre_http_request *head, cadre_buf *take);

#endif
