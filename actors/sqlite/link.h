/* link.h: a connection to a database: for one thread at a time. */
#ifndef ACTORS_SQLITE_LINK_H
#define ACTORS_SQLITE_LINK_H

#include "../sql/statement.h"
#include "../sql/table.h"

#include <sqlite3.h>
#include <stdatomic.h>

enum { KEPT = 16 };

/* All zero: not open. */
struct link {
    sqlite3 *db;
    sqlite3_stmt *kept[KEPT]; /* that were prepared, the latest first */
    sqlite3_stmt *cursor;     /* one that has more rows; NULL: none */
    atomic_bool *is_over;     /* what runs is to stop */
    cadre_time until;         /* and so it is then; 0: never */
    cadre_time busy;          /* until when somebody else's lock is waited for */
    bool is_ours;             /* may begin and end transactions */
};

enum link_use { LINK_READS, LINK_WRITES, LINK_MAKES };

/* Opens it. is_new: it must not be there. text: room for why not, LINK_TEXT bytes.
 * is_over: as above, it outlives it. Returns 0 or a negative code; then it is closed. */
enum { LINK_TEXT = 256 };
CADRE_MUST_CHECK int link_open(struct link *link, const char *path, enum link_use use,
                               bool may_forget, bool is_new, atomic_bool *is_over,
                               char *text);
void link_close(struct link *link);

/* One statement of ours. False: it failed. */
bool link_tell(struct link *link, const char *sql);
/* Is it time to stop, whatever is being done? */
bool link_is_over(const struct link *link);
/* Makes the outcome the error of what failed last. Returns its code. */
int link_fail(struct link *link, struct outcome *outcome);
/* A statement: its rows, of which max bytes, or an error. When rows is not 0 and there
 * are more, the rest stays as the cursor. Returns the error's code. */
int link_run(struct link *link, const struct statement *statement, uint32_t rows,
             uint32_t max, struct outcome *outcome);
/* So many more of the cursor, as above. */
int link_go_on(struct link *link, uint32_t rows, uint32_t max, struct outcome *outcome);
void link_forget(struct link *link); /* the cursor */

#endif
