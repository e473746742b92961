/* reads.h: which requests only read, so that they need not wait for those that write. */
#ifndef ACTORS_SQLITE_READS_H
#define ACTORS_SQLITE_READS_H

#include <cadre/actors/sql.h>

/* Is it one statement that changes nothing, as far as its first word says so? What is
 * not recognised is not one of these. */
bool sqlite_only_reads(const cadre_sql *sql);

#endif
