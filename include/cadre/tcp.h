/* tcp.h: TCP: connections and listeners are streams (stream.h), whose messages tell what
 * happens to them. Of the library cadre-io. */
#ifndef CADRE_TCP_H
#define CADRE_TCP_H
#include <cadre/address.h>
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Listens there, from this call on. host: a numeric address, such as 127.0.0.1 or ::1;
 * NULL: any, of IPv4 and IPv6. port 0: a free one (cadre_tcp_local). options may be NULL.
 * Accepted connections come as cadre_stream_opened. The loops of all workers, but for
 * pinned ones (pin.h), take turns with reading and writing them (test:
 * one_listener_uses_all_loops), but for those that would leave too few descriptors or too
 * little memory (tests: loops_leave_descriptors, loops_leave_memory). Where descriptors
 * run out, who connects waits until there are some. Errors: -EINVAL (host, options),
 * -EADDRINUSE, -EADDRNOTAVAIL, -EACCES (ports below 1,024), -EMFILE, -ENFILE, -EAGAIN (no
 * thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_tcp_listen(cadre_self *self,
                                                cadre_stream *listener,
                                                const char *host, uint16_t port,
                                                const cadre_stream_options *options);
/* Connects; *stream is known at once, then cadre_stream_opened comes, or
 * cadre_stream_closed. What is written before is sent when it is connected. timeout: over
 * 0, or CADRE_NEVER. Errors: as above; -EINVAL also for host NULL, port 0, timeout. */
CADRE_API CADRE_MUST_CHECK int cadre_tcp_connect(cadre_self *self, cadre_stream *stream,
                                                 const char *host, uint16_t port,
                                                 cadre_time timeout,
                                                 const cadre_stream_options *options);

/* The address on this side, and of the peer. Errors: -ENOTCONN (not connected yet, or a
 * listener's peer), -EINVAL (not of TCP). */
CADRE_API int cadre_tcp_local(cadre_self *self, cadre_stream stream,
                              cadre_address *address);
CADRE_API int cadre_tcp_peer(cadre_self *self, cadre_stream stream,
                             cadre_address *address);

#ifdef __cplusplus
}
#endif
#endif
