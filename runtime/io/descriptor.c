/* descriptor.c: descriptors of the program as streams.
 *
 * O_NONBLOCK is not the descriptor's but the open file's, which the shell has, too. So
 * what can be opened anew without being something else is: pipes and terminals. */
#include "io/bytes.h"
#include "io/driver.h"
#include "io/owner.h"

#include <cadre/descriptor.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ = CADRE_DESCRIPTOR_READ, WRITE = CADRE_DESCRIPTOR_WRITE };

/* What was given, and what is made of it. */
struct source {
    int fd, own;
    int use, flags; /* of F_GETFL */
    bool is_pipe, is_socket, is_terminal, is_polled;
    bool is_unix;
    bool restores; /* own is the same open file, which blocks */
};

/* ---- what it is ---------------------------------------------------------------- */

/* The side of a terminal at which somebody sits: the other one, opened anew, would be
 * another terminal. */
static bool is_terminal(int fd)
{
    unsigned number;
    return isatty(fd) && ioctl(fd, TIOCGPTN, &number) != 0;
}

static int check_socket(int fd, bool *is_unix)
{
    int type = 0, listens = 0, family = 0;
    socklen_t size = sizeof type;
    (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    size = sizeof family;
    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    *is_unix = family == AF_UNIX;
    size = sizeof listens;
    (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    return type == SOCK_STREAM && !listens ? 0 : -ENOTSUP;
}

/* libuv would end the process if it were told to wait for another one. */
static int look_whether_polled(struct source *s)
{
    struct epoll_event none = {0};
    int set = epoll_create1(EPOLL_CLOEXEC);
    if (set < 0)
        return -errno;
    int err = epoll_ctl(set, EPOLL_CTL_ADD, s->fd, &none) ? -errno : 0;
    close(set);
    s->is_polled = err == 0;
    return err == -EPERM ? 0 : err;
}

/* FUSE says of its files that they can be waited for, and makes who reads them wait all
 * the same. Of the system's that is true, such as /proc/kmsg: which are empty. */
static bool is_stored(const struct stat *file, int use)
{
    return S_ISREG(file->st_mode) && (use & WRITE || file->st_size > 0);
}

static int look_at(struct source *s)
{
    struct stat file;
    s->flags = fcntl(s->fd, F_GETFL);
    if (s->flags < 0 || fstat(s->fd, &file))
        return -errno;
    int mode = s->flags & O_ACCMODE;
    if (s->flags & O_PATH || (s->use & READ && mode == O_WRONLY) ||
        (s->use & WRITE && mode == O_RDONLY))
        return -EBADF;
    if ((file.st_mode & S_IFMT) == 0) /* as the loop's own is, where 0 was closed */
        return -ENOTSUP;
    s->is_pipe = S_ISFIFO(file.st_mode);
    s->is_socket = S_ISSOCK(file.st_mode);
    s->is_terminal = is_terminal(s->fd);
    int err = s->is_socket ? check_socket(s->fd, &s->is_unix) : 0;
    if (!err && !is_stored(&file, s->use))
        err = look_whether_polled(s);
    return !err && !s->is_polled && s->use == (READ | WRITE) ? -ENOTSUP : err;
}

/* ---- a descriptor of the stream's own ------------------------------------------ */

/* Returns it, or an error: then it is done without. */
static int open_anew(const struct source *s)
{
    char path[32];
    int use = s->use == READ ? O_RDONLY : s->use == WRITE ? O_WRONLY : O_RDWR;
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->fd);
    return open(path, use | (s->flags & O_APPEND) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Never a standard one: the program may close those, and somebody else's would take its
 * place. */
static int get_own(struct source *s)
{
    s->own = s->is_pipe || s->is_terminal ? open_anew(s) : -1;
    if (s->own >= 0)
        return 0;
    s->own = fcntl(s->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    s->restores = s->is_polled && !(s->flags & O_NONBLOCK);
    return s->own < 0 ? -errno : 0;
}

static int open_source(struct source *s)
{
    int err = look_at(s);
    return err ? err : get_own(s);
}

/* ---- the stream ---------------------------------------------------------------- */

/* Takes the descriptor, also by a failure. */
static int equip(struct stream *s, const struct source *from, uint32_t descriptors)
{
    s->is_local = true;
    s->is_plain = !from->is_socket;
    s->is_read = s->no_more = s->did_shut_down = from->use == READ;
    s->is_written = s->eof = from->use == WRITE;
    s->restores = from->restores;
    if (!from->is_polled)
        return pump_make(&s->pump, &s->h, STREAM_MOVED, from->own, from->use == WRITE);
    s->fd = from->own;
    if (from->is_unix && from->use == (READ | WRITE)) {
        int err = stream_pass(s, descriptors);
        if (err)
            return err;
    }
    if (from->is_terminal)
        s->terminal = fcntl(from->own, F_DUPFD_CLOEXEC, 0);
    return from->is_terminal && s->terminal < 0 ? -errno : 0;
}

static int make(struct stream **stream, struct shard *shard, const struct source *from,
                const cadre_stream_options *options)
{
    static const cadre_stream_options usual = {0};
    int err = stream_make(stream, shard, &owner_streams, options ? options : &usual);
    if (err) {
        close(from->own);
        return err;
    }
    err = equip(*stream, from, options ? options->descriptors : 0);
    if (err)
        stream_free(*stream);
    return err;
}

static int check(struct cadre_self *self, const char *what, int use,
                 const cadre_stream_options *options)
{
    if (use < READ || use > (READ | WRITE) || (options && options->tls))
        return cadre_port_misuse(self->world, -EINVAL, "%s: use %d, or options: tls",
                                 what, use);
    return owner_check_options(self, what, options);
}

int cadre_descriptor_open(cadre_self *self, cadre_stream *stream, int fd, int use,
                          const cadre_stream_options *options)
{
    static const char what[] = "cadre_descriptor_open";
    struct source from = {.fd = fd, .use = use};
    struct shard *shard;
    struct stream *s;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!stream)
        return cadre_port_misuse(self->world, -EINVAL, "%s: stream is NULL", what);
    err = check(self, what, use, options);
    if (!err)
        err = driver_shard(self, &shard);
    if (!err)
        err = open_source(&from);
    if (!err)
        err = make(&s, shard, &from, options);
    return err ? err : owner_open(self, stream, &s->h);
}

int cadre_descriptor_release(cadre_self *self, cadre_stream stream)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_descriptor_release", stream, &s);
    if (err)
        return err;
    if (s->closing || s->releases)
        return -EPIPE;
    if (s->tls || s->pump)
        return -ENOTSUP;
    if (!s->known)
        return -ENOTCONN;
    if (bytes_unsent(s) > 0)
        return -EBUSY;
    s->no_more = s->releases = true;
    handle_command(&s->h, STREAM_RELEASE);
    return 0;
}
