/* holder.h: the descriptor of an open file, and the calls that use it.
 *
 * The actor and each call have a share in a holder, a call until its job is dropped; who
 * leaves last closes the descriptor. So the end of the actor waits for no call, and no
 * call meets the descriptor of another file. Calls that read may run at the same time as
 * any other; of those that change there is one at a time, and only they know what is
 * broken. The opening comes before all. */
#ifndef ACTORS_HOLDER_H
#define ACTORS_HOLDER_H

#include "rows.h"

#include <cadre/actors/file.h>

/* Has one share. NULL: out of memory. */
CADRE_MUST_CHECK cadre_buf *holder_new(const cadre_file *config);
/* One share more. Returns the holder. */
cadre_buf *holder_share(cadre_buf *holder);
/* One less. NULL is fine. */
void holder_leave(cadre_buf *holder);
const char *holder_path(cadre_buf *holder);

/* The calls: each a cadre_work that returns 0, and its job, which has a share. */

typedef struct file_open {
    cadre_buf *holder;
    int code;
} file_open;
extern const cadre_type file_open_type;
int holder_open(void *job);

typedef struct file_read {
    cadre_buf *holder;
    cadre_buf *bytes; /* the result */
    cadre_promise promise;
    cadre_file_read_at what;
    int code;
} file_read;
extern const cadre_type file_read_type;
int holder_read(void *job);

struct change {
    const cadre_type *type; /* of the request */
    cadre_promise promise;
    uint64_t offset; /* or size */
    cadre_buf *bytes;
    size_t size; /* of bytes */
    uint64_t done;
    int code;
    bool is_lost; /* because of what was broken before */
};

/* One after the other; then, if one of them is a sync, a sync for all. */
typedef struct file_changes {
    cadre_buf *holder;
    struct rows rows; /* of changes */
    cadre_file_status status;
} file_changes;
extern const cadre_type file_changes_type;
int holder_change(void *job);

static inline struct change *change_at(const struct rows *rows, uint32_t i)
{
    return rows_at(rows, sizeof(struct change), i);
}
void holder_free_changes(struct rows *rows);

#endif
