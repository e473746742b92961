/* zygote.h: a process that makes processes.
 *
 * A process with threads cannot fork one that goes on by itself: what its other threads
 * hold at that moment is held for ever. So one is forked before there are threads, and
 * does nothing but fork others when it is asked to. They have the program's code and
 * constants at the same addresses, its memory as it was then, and no descriptor but
 * one. Nobody inherits anything from anybody: not even a crash.
 *
 * That descriptor is one end of a socket whose other end we keep; the zygote has it, too.
 * When its child has ended it writes down how, in a page that it shares with us and the
 * child, and shuts the socket down. So the end of what comes from there comes after all
 * that the child has sent, and says that the page is right. It comes as well when the
 * zygote dies, which nobody can survive; then the page says nothing.
 *
 * When we die the kernel tells the zygote (by a pidfd; where there is none, by the end of
 * its socket, which whoever we have forked may keep open), and it ends; when it does, the
 * kernel kills its children. It reaps them; so the program sees no SIGCHLD of theirs, and
 * there are no zombies. The zygote itself is the program's child.
 *
 * It never waits for anything but its socket. So a call that finds the socket full
 * waits for as long as the zygote forks, which is for each of some hundred requests
 * before it less than a millisecond. Requests are obeyed in order. */
#ifndef SCHED_ZYGOTE_H
#define SCHED_ZYGOTE_H

#include "base/atomic.h"
#include "base/cc.h"

#include <errno.h>
#include <sys/types.h>

enum { ZYGOTE_SLOTS = 255 };       /* at most */
#define ZYGOTE_NO_STATUS INT32_MIN /* nobody has said how it has ended */

/* What a child shares with the zygote and us. It may write nonsense there. */
struct zygote_page {
    /* As of waitpid; or negative, the error of fork. The zygote's. */
    ATOMIC(int32_t) status;
    ATOMIC(uint64_t) begun; /* messages that it has begun with ... */
    ATOMIC(int64_t) due;    /* ... and when it kills itself; the child's */
};

/* What its child does, all its life; fd: its end of the socket. */
typedef void zygote_main(void *user, int fd, struct zygote_page *page);

struct zygote {
    int fd; /* -1: there is none */
    pid_t pid;
    uint32_t slots;
    size_t share;          /* bytes from one page to the next */
    unsigned char *shared; /* all of them */
};

/* A descriptor could not be had for this errno: what is said of it. */
static inline int zygote_lacks(int error)
{
    return error == ENOMEM ? -ENOMEM : -EMFILE;
}

/* Here is no thread yet that matters. Returns 0, -ENOMEM, -EAGAIN, -EMFILE. */
CC_MUST_CHECK int zygote_start(struct zygote *zygote, uint32_t slots, zygote_main *main,
                               void *user);
/* Ends and reaps it. It has no children any more. */
void zygote_stop(struct zygote *zygote);

static inline struct zygote_page *zygote_page(const struct zygote *zygote,
                                              uint32_t slot)
{
    return (void *)(zygote->shared + slot * zygote->share);
}

/* A child that has this slot, where there is none. Returns 0, or the error of sendmsg. */
CC_MUST_CHECK int zygote_spawn(const struct zygote *zygote, uint32_t slot, int fd);
/* Kills it, if it lives. Returns 0, or an error: the zygote has died, and so has it. */
int zygote_kill(const struct zygote *zygote, uint32_t slot);

#endif
