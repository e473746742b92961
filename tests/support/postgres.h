/* postgres.h: a PostgreSQL server of the test's own, in a folder of its own. */
#ifndef SUPPORT_POSTGRES_H
#define SUPPORT_POSTGRES_H

#include "support/support.h"

/* Makes one, once, and starts it; it ends with the program. False: PostgreSQL is not
 * installed. */
bool postgres_make(void);
/* It ends at once, as in a crash; and it starts again, and accepts. */
void postgres_crash(void);
void postgres_start(void);
/* Where it is: by its UNIX socket, or on loopback; with more words, such as
 * " dbname=none". Valid until eight others are asked for. */
const char *postgres_url(const char *more);
const char *postgres_tcp_url(const char *more);
/* The first value that psql prints for this. */
const char *postgres_says(const char *sql);

#endif
