/* validators.h: what a client has of a file already, and which part of it it wants. */
#ifndef ACTORS_HTTP_VALIDATORS_H
#define ACTORS_HTTP_VALIDATORS_H

#include <cadre/actors/file.h>
#include <cadre/http.h>

enum { DATE_SIZE = 30, TAG_SIZE = 40 };

struct validators {
    char date[DATE_SIZE], tag[TAG_SIZE]; /* values of Last-Modified and ETag */
    int64_t modified;                    /* seconds since 1970 */
};

void validators_make(struct validators *v, const cadre_file_status *status);
/* Has the client the file as it is? */
bool validators_match(const struct validators *v, const cadre_http_request *r);

/* Bytes of the file. */
struct range {
    uint64_t first, size;
};
/* Returns 206 with the range that is asked for, 416 where there are no such bytes, or 200
 * with all. */
int range_find(struct range *range, const struct validators *v, uint64_t size,
               const cadre_http_request *r);

/* Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT" and the like; -1: it is none. */
int64_t date_parse(cadre_http_text text);

#endif
