/* response.h: answers. */
#ifndef ACTORS_HTTP_RESPONSE_H
#define ACTORS_HTTP_RESPONSE_H

#include <cadre/http.h>

enum { RESPONSE_CLOSES = 1 }; /* in own: the connection, afterwards */

/* Errors: -EINVAL, -ENOMEM. Consumes the buffer. */
CADRE_MUST_CHECK int response_make(cadre_http_response *r, int status,
                                   const cadre_http_field *fields, cadre_buf *take);

#endif
