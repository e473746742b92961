/* sqlite.h: a database in a file, as an actor: SQLite's, without blocking.
 *
 * Library cadre-sqlite. cadre_sqlite_class is asked by the messages of sql.h. Its calls
 * run on threads of CADRE_POOL_DATA, so that a slow query holds up neither a worker nor
 * a file. One connection writes, in the order in which requests came: all that wait are
 * one transaction, with one sync for them all, and each is answered after it. A request
 * that fails takes nothing of the others with it. Others read beside that: a request of
 * one statement that begins with SELECT, VALUES or EXPLAIN. They see what was answered
 * before they came. (One that begins with WITH may write, and waits with the writes.)
 *
 * The journal is a write-ahead log, foreign keys are enforced, a database that another
 * process writes to is waited for 5 s. BEGIN, COMMIT and the like, ATTACH, and PRAGMAs
 * that set something are refused: put what belongs together into one request. Its end
 * takes the log into the file, on its worker: milliseconds, but more behind a cursor that
 * was kept for long. What runs past the deadline of its request is
 * stopped; a write of which the time is up before it has begun is not done.
 *
 * Guarantees, each with a test of that name, besides those of sql.h:
 *   writes_in_order      each of them once, in the order in which they came
 *   commits_are_shared   as above
 *   reads_go_on          beside each other, and beside writes
 *   within_bounds        no more than `waiting` requests and `bytes` are kept
 *   cursors_end          with their last row, when closed, when nobody asks for a while
 *   closed_after_the_last_call  nothing of it is open once it has ended and they have */
#ifndef CADRE_ACTORS_SQLITE_H
#define CADRE_ACTORS_SQLITE_H
#include <cadre/actors/file.h>
#include <cadre/actors/sql.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a path, with one for memory (a
 * database is a file), or with a use that is none, the start fails with -EINVAL. It is
 * opened then; requests may come at once, and wait. When it cannot be opened they fail
 * with the reason, and so does the actor, with words. What waits when the actor ends
 * fails with CADRE_EDEAD, and is done or not. */
typedef struct cadre_sqlite {
    const char *path;  /* copied at each start */
    int use;           /* enum cadre_file_use */
    uint32_t readers;  /* connections, 2 to 16. 0: 4. One of them never has a cursor */
    uint32_t waiting;  /* requests, most, those under way included. 0: 1,024 */
    uint32_t bytes;    /* of an answer, most. 0: 16 MiB */
    bool may_forget;   /* the last writes may be lost in a power failure, and no sync is
                        * waited for (synchronous=NORMAL) */
    cadre_time cursor; /* one is closed that nobody has asked for so long. 0: 30 s */
    uint64_t own[16];  /* zero; the actor's own */
} cadre_sqlite;
CADRE_API extern const cadre_class cadre_sqlite_class;

#ifdef __cplusplus
}
#endif
#endif
