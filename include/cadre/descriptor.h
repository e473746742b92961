/* descriptor.h: descriptors of the program as streams (stream.h): its standard input and
 * output, pipes, sockets, terminals, files. Of the library cadre-io.
 *
 *   cadre_stream in, out;
 *   err = cadre_descriptor_open(self, &in, 0, CADRE_DESCRIPTOR_READ, NULL);
 *   err = cadre_descriptor_open(self, &out, 1, CADRE_DESCRIPTOR_WRITE, NULL);
 *
 * The stream has a descriptor of its own, so the one that is given stays the program's:
 * of a pipe one closes it, or the other side sees no end. Messages, credits, deadlines
 * and ends are those of any stream; cadre_stream_opened comes first. One that is read
 * only, of which the end has come, closes, like a connection, unless it is half_open; to
 * shut one down that is written only closes it when all is sent. Others share what is
 * read: what another process has read of the same pipe or terminal does not come here.
 *
 *   a pipe, a FIFO   is opened anew by /proc, to be non-blocking by itself: the shell's,
 *                    or whoever else has it, goes on blocking, whatever becomes of this
 *                    process. A write that finds nobody there closes with -EPIPE
 *   a terminal       likewise (terminal.h). ^D is its end, and that it has hung up; or
 *                    it closes with -EIO then, as it does when it is written after that,
 *                    or read in the background
 *   a socket, what cannot be opened anew (no /proc, another user's pipe), and other
 *                    devices are made non-blocking; for everybody who has them, until the
 *                    stream closes. So each is opened once at a time, a socket for both;
 *                    and a process that is killed leaves it like this
 *   a file, and what the kernel says of that it is always ready, such as /dev/null
 *                    is read or written by a thread of the stream's, from where its
 *                    offset is, which goes on with it. A disk that does not answer holds
 *                    up the end of the stream, and of its owner
 *
 * In a simulation the call returns -ENOTSUP, and in an isolated actor.
 *
 * Guarantees, each with a test of that name:
 *   any_kind_is_read      files, pipes, sockets, terminals, /dev/null: what they have
 *   any_kind_is_written   in order and complete, or it is closed with a reason
 *   others_go_on_blocking O_NONBLOCK is never set on a pipe or terminal that others have,
 *                         and on a socket not longer than the stream lives
 *   released_in_order     what the stream has read comes before its descriptor, and
 *                         what it has not read is still there
 *   descriptor_stays      the one that was given is as open as before */
#ifndef CADRE_DESCRIPTOR_H
#define CADRE_DESCRIPTOR_H
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

enum { CADRE_DESCRIPTOR_READ = 1, CADRE_DESCRIPTOR_WRITE = 2 };

/* Opens it to be read, written, or both: where a terminal is both, say what you mean, as
 * one that is read takes what another one waits for. options may be NULL; those of a
 * listener and `delay` are of no effect.
 * Errors: -EINVAL (use, options; TLS: see cadre_tls_connect()), -EBADF (no descriptor, or
 * not open for that), -ENOTSUP (a file for both: see actors/file.h; a socket that listens
 * or has no stream; an eventfd and the like: see ready.h), -EMFILE, -ENFILE, -EAGAIN (no
 * thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int
cadre_descriptor_open(cadre_self *self, cadre_stream *stream, int fd, int use,
                      const cadre_stream_options *options);

/* A stream has given its descriptor out. Set fd to -1 to keep it: else it is closed when
 * this has been handled. It is closed by exec, and mostly non-blocking. */
typedef struct cadre_descriptor_released {
    cadre_stream stream;
    int fd;
} cadre_descriptor_released;
CADRE_API extern const cadre_type cadre_descriptor_released_type;

/* Takes the descriptor out of a connection, such as one that is to be sent to another
 * process (cadre_unix_send()), which can open it there. No more is read: with a window of
 * 0 as soon as it is opened, hardly anything; what was read comes as ever, then
 * cadre_descriptor_released, then cadre_stream_closed, with 0; or that alone, with a
 * reason. The peer notices nothing.
 * Errors: -ENOENT, -EINVAL (a listener), -ENOTCONN (not connected yet), -EPIPE (closed,
 * or released already), -EBUSY (something waits to be sent: cadre_stream_flush()),
 * -ENOTSUP (with TLS; a file). */
CADRE_API CADRE_MUST_CHECK int cadre_descriptor_release(cadre_self *self,
                                                        cadre_stream stream);

#ifdef __cplusplus
}
#endif
#endif
