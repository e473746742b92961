/* ready.h: that a descriptor can be read or written, as a message. Of the library
 * cadre-io, which needs libuv.
 *
 * For libraries that read and write by themselves, such as a database's: they say for
 * which descriptor they wait, and an actor has it watched instead of waiting. A watch
 * belongs to one actor; when that ends it ends before anybody is told. The descriptor is
 * duplicated: it may be closed at any time, and its number be another's; but the socket
 * itself is closed when both are. It is made non-blocking. Whoever is told may find that
 * there is nothing after all. In a simulation cadre_ready_watch() returns -ENOTSUP; in an
 * isolated actor all calls do. These messages come to receive only: what awaits one
 * (await.h) is refused, by its type with -EINVAL, by the id with -ENOENT.
 *
 * Guarantees, each with a test of that name:
 *   told_once_per_when   nothing is told that was not asked for, and each once
 *   ready_is_not_missed  what is so when it is asked for, or later, is told; also that
 *                        the other side has closed, or an error: as both
 *   descriptor_is_its_own  closing the one that was given ends nothing
 *   one_ready_closed     each watch has exactly one cadre_ready_closed, its last message;
 *                        none after cadre_cancel() of its id, or its owner's end */
#ifndef CADRE_READY_H
#define CADRE_READY_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A value; id 0 is none. */
typedef struct cadre_ready {
    uint64_t id;
} cadre_ready;

enum { CADRE_READY_READ = 1, CADRE_READY_WRITE = 2 };

/* events: which of those that were asked for are so. */
typedef struct cadre_ready_now {
    cadre_ready ready;
    int events;
} cadre_ready_now;
/* The last message. reason: 0 by cadre_ready_close(); -EPERM (a file of a kind that is
 * always ready), -ENOMEM, and what else the system says. */
typedef struct cadre_ready_closed {
    cadre_ready ready;
    int reason;
} cadre_ready_closed;
CADRE_API extern const cadre_type cadre_ready_now_type, cadre_ready_closed_type;

/* Watches it; nothing is told before it is asked for. Errors: -EBADF, -EMFILE, -ENFILE,
 * -EAGAIN (no thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_ready_watch(cadre_self *self, cadre_ready *ready,
                                                 int fd);
/* One message when any of these is so; of what was asked for before and was not told, it
 * stays asked for. Errors: -EINVAL (events), -ENOENT (no watch of this actor's, or it is
 * closed). */
CADRE_API CADRE_MUST_CHECK int cadre_ready_when(cadre_self *self, cadre_ready ready,
                                                int events);
/* Ends it: only cadre_ready_closed comes. Errors: -ENOENT. */
CADRE_API int cadre_ready_close(cadre_self *self, cadre_ready ready);

#ifdef __cplusplus
}
#endif
#endif
