/* bytes.h: the owner's side of a connection: bytes in and out. All of it in the owner's
 * turn. */
#ifndef IO_BYTES_H
#define IO_BYTES_H

#include "io/stream.h"

/* How many wait to be sent. */
size_t bytes_unsent(struct stream *stream);
/* The next buffer that was read, which is the caller's; or NULL, and then NEWS_DATA is no
 * longer pending. */
cadre_buf *bytes_take(struct stream *stream);
/* So many were handled. */
void bytes_credit(struct stream *stream, uint64_t n);
/* Room for n, by their buffer, is at the end of what waits. Consumes the buffer. Errors:
 * cadre_port_get's. */
CC_MUST_CHECK int bytes_append(struct stream *stream, cadre_buf *buf);
/* The same with a parcel, which is consumed, too; NULL: none. */
CC_MUST_CHECK int bytes_append_with(struct stream *stream, cadre_buf *buf,
                                    struct parcel *parcel);
/* The same with bytes of a file, whose descriptor is consumed if this succeeds. Errors:
 * also -EBADF (it is not open for reading), -EINVAL (no regular file). */
CC_MUST_CHECK int bytes_append_file(struct stream *stream, struct part part);
/* The owner is told when so many of all that were written are sent. */
void bytes_mark(struct stream *stream, uint64_t at);
/* Nothing is written or read any more. */
void bytes_end(struct stream *stream, uint32_t command);

#endif
