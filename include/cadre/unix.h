/* unix.h: UNIX sockets: connections and listeners of this machine are streams (stream.h),
 * whose messages tell what happens to them. Of the library cadre-io.
 *
 * A path is that of a file, which says who may connect by its mode (umask) and that of
 * its folder; or @ and a name of no file (unix(7): abstract), where everybody may. It has
 * at most 107 bytes. A relative one is that of the folder the process is in when it is
 * used: after chdir() a listener does not find its file, which stays. There are no
 * resets: the peer of what is aborted sees an end, or -ECONNRESET if it had sent
 * something that was not read.
 *
 * Guarantees, each with a test of that name:
 *   path_goes_with_the_listener
 *                        the file is removed before anybody is told that the listener is
 *                        closed or its owner has ended, but not a newer one there
 *   live_listener_stays  a path where somebody listens is refused, and so is a file that
 *                        is no socket; one that was left behind is taken over
 *   one_takes_it_over    what was left behind is one listener's, however many try at the
 *                        same time: a file beside it, PATH.cadre-lock, is locked and
 *                        removed by the call
 *   descriptors_arrive   each that was sent comes with the bytes it was sent with, once
 *   no_descriptor_is_left  what nobody takes, or is not sent any more, is closed, however
 *                        the stream or its owner ends
 *   peer_is_known        cadre_unix_peer() is what the system says of the process that
 *                        connected, or that listens */
#ifndef CADRE_UNIX_H
#define CADRE_UNIX_H
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Listens there, from this call on. options may be NULL; `delay` is of no effect.
 * Accepted connections come as cadre_stream_opened, in the loops in turn (tcp.h).
 * Errors: -EINVAL (path, options), -ENAMETOOLONG, -EADDRINUSE, -ENOENT (no such folder),
 * -EACCES and what else the system says of the path, -EMFILE, -ENFILE, -EAGAIN (no
 * thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_unix_listen(cadre_self *self,
                                                 cadre_stream *listener,
                                                 const char *path,
                                                 const cadre_stream_options *options);
/* Connects, as cadre_tcp_connect() does; where too many wait, it tries again until the
 * timeout. That nobody listens there is the reason in cadre_stream_closed: -ENOENT or
 * -ECONNREFUSED. Errors: -EINVAL (path, timeout, options), -ENAMETOOLONG, -EMFILE,
 * -ENFILE, -EAGAIN (no thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_unix_connect(cadre_self *self,
                                                  cadre_stream *stream,
                                                  const char *path, cadre_time timeout,
                                                  const cadre_stream_options *options);

/* Who is on the other side. */
typedef struct cadre_unix_id {
    int64_t pid;
    uint32_t uid, gid;
} cadre_unix_id;
/* When it connected, or began to listen. Errors: -ENOTCONN (not connected yet, or a
 * listener), -EINVAL (no UNIX socket). */
CADRE_API CADRE_MUST_CHECK int cadre_unix_peer(cadre_self *self, cadre_stream stream,
                                               cadre_unix_id *peer);

/* ---- descriptors, between processes ----------------------------------------------- */

/* Writes a copy of the bytes, at least one, with copies of these descriptors, at most 16,
 * which the peer gets with the first of the bytes. Yours stay yours. For a stream whose
 * options have `descriptors`; it closes with -ETOOMANYREFS where more of this user's are
 * on their way than a process may have open (unix(7)). Errors: cadre_stream_write()'s;
 * -EBADF, -EMFILE, -ENFILE; -EINVAL (no bytes, no descriptors, too many); -ENOTSUP
 * (options.descriptors was 0; no UNIX socket; with TLS). Nothing is written then. */
CADRE_API CADRE_MUST_CHECK int cadre_unix_send(cadre_self *self, cadre_stream stream,
                                               const void *bytes, size_t size,
                                               const int *fds, uint32_t count);
/* The next descriptor of those that came with the cadre_stream_data that is being
 * handled: it is yours now, and closed by exec. Each is where the first of the bytes is
 * that it was sent with. What is not taken is closed when the handler returns, or, while
 * it awaits openly (await.h), when more comes. More than options.descriptors at a time
 * close the stream with -EMSGSIZE, and -EMFILE does where this process can have no more;
 * without that option all are dropped.
 * Errors: -EINVAL, -ENOENT; -ENODATA: there is none left. */
CADRE_API CADRE_MUST_CHECK int cadre_unix_take(cadre_self *self, cadre_stream stream,
                                               int *fd);

#ifdef __cplusplus
}
#endif
#endif
