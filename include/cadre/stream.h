/* stream.h: connections as messages: TCP (tcp.h), UNIX sockets (unix.h), descriptors of
 * the program such as its standard input (descriptor.h), and pipes of child processes
 * (process.h). Of the library cadre-io, which needs libuv.
 *
 * A socket belongs to one actor, whose messages tell what happens to it; each carries the
 * handle, and its id as token. What comes is read ahead up to a window, which is free
 * again when the actor has handled it: so one that is slow slows its peer down, and needs
 * no code for that. (Handled is also what was stashed or forwarded, and what a handler
 * has that awaits openly, when a later one of that socket returns: cadre_stream_window()
 * stops what is too much.) What is written waits in a queue with a limit. When the actor
 * ends, all that it owned is closed before anybody is told of its end, and before its
 * stop hook runs; if something is unsent, or came and was not read, by a reset. The
 * buffers are not counted by the system's memory limit. In a simulation the
 * calls that open something return -ENOTSUP; in an isolated actor all do. These messages
 * come to receive only: what awaits one (await.h) is refused, by its type with -EINVAL,
 * once a socket was opened in this system, by the id with -ENOENT.
 *
 * An error that concerns the socket is no result of a call but the reason in
 * cadre_stream_closed. So a call fails for what the caller did, or for want of memory:
 * -ENOENT, besides those of base.h, for a handle that is no socket of this actor's
 * (closed, given away, another's, never one); -EINVAL where a listener is meant, or is
 * not.
 *
 * Guarantees, each with a test of that name:
 *   one_closed           each handle that was returned, or came in cadre_stream_opened,
 *                        has exactly one cadre_stream_closed, its last message; none
 *                        after cadre_cancel() of its id, or when its owner has ended
 *   bytes_in_order       what was written comes out complete and in order, or the socket
 *                        is closed with a reason, and the peer of TCP sees a reset
 *   slow_reader_throttles
 *                        not more than the window is read before it is handled
 *   write_is_bounded     not more than write_max waits to be sent
 *   file_is_sent         what was asked for of a file comes out in its place, or the
 *                        socket is closed likewise; no descriptor is left open
 *   closed_at_the_end    the sockets of an actor that has ended are closed when its end
 *                        is told; what it listened at is free
 *   stale_handle_is_refused
 *                        a handle never reaches another socket than its own */
#ifndef CADRE_STREAM_H
#define CADRE_STREAM_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A connection or a listener. A value; id 0 is none. */
typedef struct cadre_stream {
    uint64_t id;
} cadre_stream;

typedef struct cadre_tls cadre_tls; /* tls.h */

/* All zero is the default. */
typedef struct cadre_stream_options {
    uint32_t window;    /* bytes read ahead. 0: 64 KiB */
    uint32_t write_max; /* bytes that may wait to be sent. 0: 1 MiB */
    /* Closed with -ETIMEDOUT when nothing came or could be sent for so long; not while
     * the owner has to handle what came. 0: never */
    cadre_time idle;
    /* The end of what the peer sends is told by cadre_stream_ended, and one may go on
     * writing. false: it is closed then, as by cadre_stream_close() with 30 seconds. */
    bool half_open;
    bool delay; /* small writes wait for each other (no TCP_NODELAY) */
    /* Of a listener; the above is for what it accepts. */
    uint32_t backlog;         /* that may wait in the kernel. 0: 511 */
    uint32_t connections_max; /* at a time; more wait in the kernel. 0: no limit */
    /* That may come at a time, and go, with the bytes of a UNIX socket (unix.h), at most
     * 16. It has one more itself then. Of no effect elsewhere. 0: none */
    uint32_t descriptors;
    /* With TLS, by this configuration, which it keeps (tls.h). To listen without a
     * certificate is -EINVAL. NULL: without TLS */
    cadre_tls *tls;
    const char *tls_name; /* of the host that one connects to. NULL: the address */
    /* ALPN (tls.h) of who connects, also by cadre_tls_connect(), instead of the
     * configuration's; of a listener, where that has none. Stays where it is. NULL: the
     * configuration's */
    const char *tls_protocols;
    void *reserved[1]; /* zero, else -EINVAL */
} cadre_stream_options;

/* It is yours now: accepted by the listener `via`, connected (via.id is 0), or given to
 * you. After a restart (supervise.h) one may come that a listener of the former life has
 * accepted: its via is none of yours. */
typedef struct cadre_stream_opened {
    cadre_stream stream, via;
} cadre_stream_opened;
/* Bytes, at least one. */
typedef struct cadre_stream_data {
    cadre_stream stream;
    cadre_buf *buf;
} cadre_stream_data;
/* half_open: the peer sends no more. */
typedef struct cadre_stream_ended {
    cadre_stream stream;
} cadre_stream_ended;
/* After cadre_stream_flush(): all that was written then has been sent. After CADRE_EFULL:
 * there is room again. */
typedef struct cadre_stream_wrote {
    cadre_stream stream;
    size_t unsent; /* bytes that wait to be sent */
} cadre_stream_wrote;
/* The last message. reason: 0 by cadre_stream_close() or the peer's end; -ECANCELED by
 * cadre_stream_abort() or give; -ETIMEDOUT (connect, idle, the grace of a close);
 * -ECONNREFUSED, -ECONNRESET and what else the system says; -ENOMEM; CADRE_ETLS and the
 * codes behind it. */
typedef struct cadre_stream_closed {
    cadre_stream stream;
    int reason;
    size_t unsent; /* bytes that were written, and not given to the system */
} cadre_stream_closed;
CADRE_API extern const cadre_type cadre_stream_opened_type, cadre_stream_data_type,
    cadre_stream_ended_type, cadre_stream_wrote_type, cadre_stream_closed_type;

/* Writes a copy. size 0 is nothing.
 * Errors: CADRE_EFULL (write_max would be exceeded: cadre_stream_wrote comes when three
 * quarters of it are free; a write to an empty queue is never too large), -EPIPE (after a
 * shutdown or close), -ENOMEM. Nothing is written then. */
CADRE_API CADRE_MUST_CHECK int cadre_stream_write(cadre_self *self, cadre_stream stream,
                                                  const void *bytes, size_t size);
/* The same without a copy. Takes one reference, also when it fails; nobody may change the
 * bytes. */
CADRE_API CADRE_MUST_CHECK int
cadre_stream_write_buf(cadre_self *self, cadre_stream stream, cadre_buf *take);
/* Writes so many bytes of a regular file, from this offset on, of which the system makes
 * no copy. take: a descriptor, open for reading, which stays yours if this fails. Of any
 * size: it needs none of the room that write_max limits, but counts as unsent. What of it
 * is not in memory, the connection's loop reads, which may wait for the disk meanwhile.
 * Where the file turns out to be shorter the connection is closed with -ENODATA, where it
 * cannot be read with what the system says.
 * Errors: CADRE_EFULL, -EPIPE, -ENOMEM, as above; -EINVAL (no regular file, size is 0, or
 * more than a file can have), -EBADF (not open for reading); -ENOTSUP (with TLS, and what
 * is no socket). */
CADRE_API CADRE_MUST_CHECK int cadre_stream_write_file(cadre_self *self,
                                                       cadre_stream stream, int take,
                                                       uint64_t offset, uint64_t size);
/* Asks for one cadre_stream_wrote. Asked again before that came, it is for the later. */
CADRE_API CADRE_MUST_CHECK int cadre_stream_flush(cadre_self *self,
                                                  cadre_stream stream);
/* How many bytes wait to be sent; 0 for what is no connection of this actor's. */
CADRE_API size_t cadre_stream_unsent(cadre_self *self, cadre_stream stream);
/* Changes the window; 0: nothing more is read, but for what is on its way. */
CADRE_API CADRE_MUST_CHECK int cadre_stream_window(cadre_self *self,
                                                   cadre_stream stream, uint32_t bytes);

/* Tells the peer that no more is written, when all that was is sent. */
CADRE_API int cadre_stream_shutdown(cadre_self *self, cadre_stream stream);
/* Closes it: no more data comes; what was written is sent, and the peer told that this is
 * all. cadre_stream_closed comes when the peer has closed its side, or has not for 5
 * seconds; and after `grace` in any case, with -ETIMEDOUT if something is unsent. So the
 * peer gets what was sent, whatever it sends itself; with grace 0 it may see a reset
 * instead. A listener just closes. grace: 0 or more. */
CADRE_API int cadre_stream_close(cadre_self *self, cadre_stream stream,
                                 cadre_time grace);
/* Closes it at once; the peer of a TCP connection sees a reset. */
CADRE_API int cadre_stream_abort(cadre_self *self, cadre_stream stream);
/* It is another actor's now, which gets cadre_stream_opened and what was not handled yet:
 * where something has come already, when this handler returns or waits. Where that one
 * does not live, is isolated, or has no memory for it, it is closed, and nobody is told.
 * What is no actor gets nothing: it is aborted, and stays yours until
 * cadre_stream_closed. Errors: -EPIPE (after a close), -ENOTCONN (not connected yet). */
CADRE_API CADRE_MUST_CHECK int cadre_stream_give(cadre_self *self, cadre_stream stream,
                                                 cadre_ref to);

#ifdef __cplusplus
}
#endif
#endif
