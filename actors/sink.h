/* sink.h: where a logger's lines go: writing that may block.
 *
 * A sink is shared by its logger and the one call that may be writing, on a thread of a
 * pool. Who writes is settled under its lock: the call, or once that is over (sink_end)
 * the logger itself. Should the call not return in time the sink is left to it, and it
 * closes the file. */
#ifndef ACTORS_SINK_H
#define ACTORS_SINK_H

#include <cadre/actors/logger.h>

/* Lines on their way: a buffer of many. */
struct batch {
    cadre_buf *buf;
    uint32_t at, end; /* the bytes that are still to be written */
    uint32_t lines;
};

/* What goes to the call and comes back. */
typedef struct sink_job {
    cadre_buf *sink;
    cadre_buf *buf; /* of the batch */
    uint32_t at, end;
    bool open; /* anew, first; stays set when that fails */
    int code;
} sink_job;
extern const cadre_type sink_job_type;

/* Errors: -ENOMEM. */
CADRE_MUST_CHECK int sink_new(cadre_buf **sink, const cadre_logger *config);

/* A call is going to begin there. */
void sink_begin(cadre_buf *sink, uint32_t at);
/* The call: a cadre_work. Always returns 0; job->at and code say how far it came. */
int sink_work(void *job);

/* No call writes any more, or none for long: waits at most until then, by sink_clock().
 * Returns 0, and in *at how far the batch in hand has come; or -EBUSY. */
CADRE_MUST_CHECK int sink_end(cadre_buf *sink, int64_t until, uint32_t *at);
/* After that: writes what it can until then. Returns 0 or why not all. */
int sink_write_rest(cadre_buf *sink, int64_t until, struct batch *batch);
/* After that: closes it. Not after -EBUSY. */
void sink_close(cadre_buf *sink);

/* Real time in nanoseconds: the clock of what blocks. */
int64_t sink_clock(void);

#endif
