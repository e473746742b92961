/* dial.h: a connection is begun: on a thread, because hosts are looked up. */
#ifndef ACTORS_POSTGRES_DIAL_H
#define ACTORS_POSTGRES_DIAL_H

#include <cadre/message.h>

#include <libpq-fe.h>

enum { DIAL_TEXT = 256 };

/* Why libpq does not understand this url. 0, or -EINVAL. */
CADRE_MUST_CHECK int dial_check(const char *url, char text[DIAL_TEXT]);

/* A cadre_work and its job. conn: begun, or with its error; NULL: see text. */
typedef struct postgres_dial {
    cadre_buf *url;
    uint32_t link, round; /* whose */
    PGconn *conn;
    char text[DIAL_TEXT];
} postgres_dial;
extern const cadre_type postgres_dial_type;
int dial_begin(void *job);

/* The same for a query that is to end: PQcancel() waits. */
typedef struct postgres_cancel {
    PGcancel *cancel;
    uint32_t link, round;
    bool failed;
} postgres_cancel;
extern const cadre_type postgres_cancel_type;
int dial_cancel(void *job);

#endif
