/* download.h: an actor that answers one request with a file. */
#ifndef ACTORS_HTTP_DOWNLOAD_H
#define ACTORS_HTTP_DOWNLOAD_H

#include <cadre/actors/http_files.h>

#include "validators.h"

/* Its state, with the first three; it drops the path. It is sent the request. */
struct download {
    const cadre_http_files *config; /* the parent's */
    cadre_buf *path;                /* with a zero */
    const char *type;
    cadre_http_request request; /* a copy, to be dropped */
    cadre_promise promise;      /* of the answer, then of the next piece */
    cadre_token token;          /* of what it waits for */
    struct validators validators;
    struct range left; /* that is to be given */
    int fd;            /* or -1 */
    bool is_answered;
};

extern const cadre_class download_class;

#endif
