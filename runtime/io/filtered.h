/* filtered.h: a connection whose bytes are not those on the wire. All of it in the
 * owner's turn, and for one that has stream->tls. */
#ifndef IO_FILTERED_H
#define IO_FILTERED_H

#include "io/bytes.h"

/* It gets its filter; see filter.h's make. Errors: make's. */
CC_MUST_CHECK int filtered_make(struct stream *stream, const char *name);
void filtered_free(struct stream *stream);

/* Goes on with the greeting, if that is not over. The outcome is pending: NEWS_READY,
 * NEWS_OPENED, or nothing: it failed, and is closed. */
void filtered_greet(struct stream *stream);
/* The next bytes for the owner, which may be no more than size. 0: when more has come,
 * and NEWS_DATA is no longer pending. */
size_t filtered_read(struct stream *stream, void *bytes, size_t size);
/* The peer has ended, one way or the other: true: in order, and the owner is to be told.
 * False: nothing is to be told. */
CC_MUST_CHECK bool filtered_ends(struct stream *stream);

/* Errors: -ENOMEM, CADRE_EFULL; and then it is closed for that. */
CC_MUST_CHECK int filtered_write(struct stream *stream, const void *bytes, size_t size);
/* The same for a buffer, which it consumes. */
CC_MUST_CHECK int filtered_write_buf(struct stream *stream, cadre_buf *buf);
/* True: the loop is to do so now; else that is seen to later. */
CC_MUST_CHECK bool filtered_flush(struct stream *stream);
CC_MUST_CHECK bool filtered_shutdown(struct stream *stream);
CC_MUST_CHECK bool filtered_close(struct stream *stream, uint64_t grace_ms);

/* Bytes that were written and are not on their way to the loop. */
static inline size_t filtered_waiting(const struct stream *s)
{
    return s->filter ? s->filter->waiting : 0;
}
/* Closed, but something that was written waits for the end of the greeting. */
static inline bool filtered_is_finishing(const struct stream *s)
{
    return s->filter && s->filter->closes && !s->filter->ready;
}

#endif
