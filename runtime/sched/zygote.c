/* zygote.c: a process that makes processes. */
#include "sched/zygote.h"

#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open /* by older headers; the same everywhere */
#define SYS_pidfd_open 434
#endif

enum { FIRST_FD = STDERR_FILENO + 1 }; /* before it are the standard ones */

/* What it is asked for: to spawn, with a descriptor, or to kill. */
struct request {
    uint32_t slot;
    bool spawns;
};

/* A request on its way, and room for a descriptor. */
struct parcel {
    struct msghdr head;
    struct iovec bytes;
    alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
};

static void wrap(struct parcel *p, struct request *r)
{
    memset(p->room, 0, sizeof p->room);
    p->bytes = (struct iovec){r, sizeof *r};
    p->head = (struct msghdr){.msg_iov = &p->bytes,
                              .msg_iovlen = 1,
                              .msg_control = p->room,
                              .msg_controllen = sizeof p->room};
}

/* It is the next child's. Whoever asks for that does it, in case the zygote dies before
 * it obeys; and the zygote, because the one before may have been alive still. The socket
 * orders all this. */
static void clear(struct zygote_page *page)
{
    store_relaxed(&page->begun, 0);
    store_relaxed(&page->due, 0);
    store_relaxed(&page->status, ZYGOTE_NO_STATUS);
}

/* ---- the zygote -------------------------------------------------------------------- */

/* One child of the zygote; pid 0: none. */
struct child {
    pid_t pid;
    int end; /* its end of the socket */
};

/* In the zygote. */
struct nursery {
    struct zygote *zygote;
    zygote_main *main;
    void *user;
    int asker;        /* a pidfd; or -1 */
    sigset_t outside; /* of poll, and of children: nothing is blocked */
    struct child children[ZYGOTE_SLOTS];
};

static void bury(const struct nursery *n, uint32_t slot, int status, int end)
{
    store_release(&zygote_page(n->zygote, slot)->status, status);
    shutdown(end, SHUT_RDWR); /* what the child has forked may have it as well */
    close(end);
}

static void reap(struct nursery *n)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t slot = 0; slot < n->zygote->slots; slot++)
            if (n->children[slot].pid == pid) {
                n->children[slot].pid = 0;
                bury(n, slot, status, n->children[slot].end);
            }
}

/* In the child: of all that is shared only its own. */
static struct zygote_page *keep_page(const struct zygote *z, uint32_t slot)
{
    unsigned char *own = z->shared + slot * z->share;
    size_t after = (z->slots - slot - 1) * z->share;
    if (slot > 0)
        munmap(z->shared, slot * z->share);
    if (after > 0)
        munmap(own + z->share, after);
    madvise(own, z->share, MADV_DONTFORK);
    return (void *)own;
}

static CC_NORETURN void live(const struct nursery *n, uint32_t slot, int fd,
                             pid_t zygote)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote)
        confine_exit(0); /* it died before we could say so */
    close(n->zygote->fd);
    confine_descriptors(fd, 16 + n->zygote->slots); /* the zygote has no others */
    sigaction(SIGCHLD, &by_default, NULL);
    sigprocmask(SIG_SETMASK, &n->outside, NULL);
    prctl(PR_SET_NAME, "cadre-isolated");
    n->main(n->user, fd, keep_page(n->zygote, slot));
    confine_exit(0);
}

static void spawn(struct nursery *n, uint32_t slot, int fd)
{
    struct child *old = &n->children[slot];
    if (old->pid > 0) { /* it has shut down its socket, and lives */
        kill(old->pid, SIGKILL);
        waitpid(old->pid, NULL, 0);
        close(old->end);
        old->pid = 0;
    }
    clear(zygote_page(n->zygote, slot));
    /* Nobody's fork handlers: they would take our descriptors for theirs. */
    pid_t zygote = getpid(), pid = _Fork();
    if (pid == 0)
        live(n, slot, fd, zygote);
    if (pid < 0)
        bury(n, slot, -errno, fd);
    else
        n->children[slot] = (struct child){pid, fd};
}

/* False: nobody asks any more. */
static bool obey(struct nursery *n)
{
    struct request r = {.slot = 0};
    struct parcel p;
    int fd;
    wrap(&p, &r);
    ssize_t got = recvmsg(n->zygote->fd, &p.head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&p.head);
    if (got == 0 || r.slot >= n->zygote->slots)
        return got > 0;
    if (r.spawns && c) { /* else there was no room for it, and the other side sees */
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        spawn(n, r.slot, fd);
    } else if (n->children[r.slot].pid > 0) {
        kill(n->children[r.slot].pid, SIGKILL);
    }
    return true;
}

static void wake(int sig) { (void)sig; }

static CC_NORETURN void serve(struct nursery *n)
{
    struct pollfd p[2] = {{.fd = n->zygote->fd, .events = POLLIN},
                          {.fd = n->asker, .events = POLLIN}};
    const struct sigaction act = {.sa_handler = wake};
    sigaction(SIGCHLD, &act, NULL); /* a handler: so that it ends the poll */
    do
        reap(n);
    while (ppoll(p, 2, NULL, &n->outside) < 0 || (!p[1].revents && obey(n)));
    confine_exit(0); /* and the kernel kills the children, if there are any left */
}

/* -1: the kernel has none, or it is too late. */
static int watch_asker(pid_t asker)
{
    int fd = (int)syscall(SYS_pidfd_open, asker, 0);
    if (getppid() != asker)
        confine_exit(0);
    return fd;
}

static CC_NORETURN void begin(struct zygote *z, pid_t asker, zygote_main *main,
                              void *user)
{
    int fd;
    sigset_t block;
    struct nursery n = {.zygote = z, .main = main, .user = user};
    confine_signals();
    while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd < FIRST_FD) {
    } /* so that no other descriptor is one of those */
    confine_descriptors(z->fd, ~0U);
    n.asker = watch_asker(asker);
    sigemptyset(&n.outside);
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    sigprocmask(SIG_BLOCK, &block, NULL);
    (void)setsid(); /* signals of the terminal are for the program: it decides */
    prctl(PR_SET_NAME, "cadre-zygote");
    serve(&n);
}

/* ---- here -------------------------------------------------------------------------- */

static void forget(struct zygote *z)
{
    munmap(z->shared, z->slots * z->share);
    z->fd = -1;
}

/* Else what a program that has closed its stdout prints, is a request. */
static int pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return zygote_lacks(errno);
    for (int i = 0; i < 2; i++) {
        int low = ends[i];
        if (low >= FIRST_FD)
            continue;
        ends[i] = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD);
        close(low);
    }
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    close(ends[0]);
    close(ends[1]);
    return -EMFILE;
}

/* The child has the program's handlers: no signal comes before it has its own. */
static pid_t fork_blocked(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int zygote_start(struct zygote *z, uint32_t slots, zygote_main *main, void *user)
{
    int ends[2];
    *z = (struct zygote){
        .fd = -1, .slots = slots, .share = (size_t)sysconf(_SC_PAGESIZE)};
    z->shared = mmap(NULL, slots * z->share, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (z->shared == MAP_FAILED)
        return -ENOMEM;
    int err = pair(ends);
    if (err) {
        forget(z);
        return err;
    }
    pid_t asker = getpid();
    z->pid = fork_blocked();
    if (z->pid == 0) {
        z->fd = ends[1];
        begin(z, asker, main, user);
    }
    close(ends[1]);
    if (z->pid < 0) {
        close(ends[0]);
        forget(z);
        return -EAGAIN;
    }
    /* Nobody else whom we fork has them: not another system's processes. */
    madvise(z->shared, slots * z->share, MADV_DONTFORK);
    z->fd = ends[0];
    return 0;
}

void zygote_stop(struct zygote *z)
{
    if (z->fd < 0)
        return;
    shutdown(z->fd, SHUT_RDWR); /* the child of a fork may have it as well */
    close(z->fd);
    while (waitpid(z->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    forget(z);
}

static int ask(const struct zygote *z, struct parcel *p)
{
    while (sendmsg(z->fd, &p->head, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int zygote_spawn(const struct zygote *z, uint32_t slot, int fd)
{
    struct request r = {slot, true};
    struct parcel p;
    wrap(&p, &r);
    struct cmsghdr *c = CMSG_FIRSTHDR(&p.head);
    *c = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    clear(zygote_page(z, slot));
    return ask(z, &p);
}

int zygote_kill(const struct zygote *z, uint32_t slot)
{
    struct request r = {slot, false};
    struct parcel p;
    wrap(&p, &r);
    p.head.msg_controllen = 0;
    int err;
    do /* there is nobody else who would end it */
        err = ask(z, &p);
    while (err == -ENOBUFS || err == -ENOMEM);
    return err;
}
