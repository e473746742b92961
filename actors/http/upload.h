/* upload.h: the body of a request that is handed out in pieces, while it comes. */
#ifndef ACTORS_HTTP_UPLOAD_H
#define ACTORS_HTTP_UPLOAD_H

#include <cadre/http.h>

/* Of a connection one at a time. All zero: none. */
struct upload {
    uint64_t key;          /* of this one, the next has one more */
    cadre_promise promise; /* of the piece that is asked for */
    int code;              /* why there will be no more; 0: that was all */
    bool is_on;            /* it is not complete */
    bool is_asked;
};

/* A new one; its source. */
cadre_http_source upload_begin(cadre_self *self, struct upload *u, uint64_t size);
/* Is a piece asked for, or nothing handed out in pieces? */
bool upload_is_read(cadre_self *self, struct upload *u);
/* m asks for one. Returns whether it is to be given; else m was answered, or is
 * no request. */
bool upload_more(cadre_self *self, struct upload *u, const cadre_msg *m);
/* Gives the one that is asked for. Consumes the buffer. Errors: as cadre_answer_as(). */
CADRE_MUST_CHECK int upload_give(cadre_self *self, struct upload *u, cadre_buf *take,
                                 bool is_last);
/* There will be no more, for this reason. */
void upload_fail(cadre_self *self, struct upload *u, int code);

#endif
