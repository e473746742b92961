/* local.c: names of UNIX sockets, and the files that come with them. */
#include "io/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_file(const struct local *local) { return local->name.sun_path[0] != 0; }

int local_parse(struct local *local, const char *path)
{
    size_t length = strlen(path);
    *local = (struct local){.name.sun_family = AF_UNIX};
    if (length == 0 || (path[0] == '@' && length == 1))
        return -EINVAL;
    if (length >= sizeof local->name.sun_path)
        return -ENAMETOOLONG;
    memcpy(local->name.sun_path, path, length);
    local->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    if (path[0] == '@') {
        local->name.sun_path[0] = 0;
        local->size--; /* all of it counts, so without the end of the string */
    }
    return 0;
}

int local_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

int local_connect(int fd, const struct local *local)
{
    const struct sockaddr *name = (const struct sockaddr *)&local->name;
    return connect(fd, name, local->size) ? -errno : 0;
}

/* 0: that is what somebody has left who listens no more; else -EADDRINUSE, or why it
 * cannot be told. A socket of the wrong kind is told without making a connection. */
static int look_whether_stale(const struct local *local)
{
    struct stat file;
    if (!has_file(local) || lstat(local->name.sun_path, &file) ||
        !S_ISSOCK(file.st_mode))
        return -EADDRINUSE;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int err = local_connect(fd, local);
    close(fd);
    return err == -ECONNREFUSED ? 0 : -EADDRINUSE;
}

static int bind_there(int fd, const struct local *local)
{
    const struct sockaddr *name = (const struct sockaddr *)&local->name;
    if (bind(fd, name, local->size) == 0)
        return 0;
    int err = -errno;
    if (err == -EADDRINUSE)
        err = look_whether_stale(local);
    if (err)
        return err;
    (void)unlink(local->name.sun_path);
    return bind(fd, name, local->size) ? -errno : 0;
}

static void note_file(struct local *local)
{
    struct stat file;
    if (!has_file(local) || lstat(local->name.sun_path, &file))
        return;
    local->device = file.st_dev;
    local->inode = file.st_ino;
}

static int listen_there(struct local *local, int backlog)
{
    int fd = local_socket();
    int err = fd < 0 ? fd : bind_there(fd, local);
    if (!err) {
        note_file(local);
        if (listen(fd, backlog) == 0)
            return fd;
        err = -errno;
        local_unlink(local);
    }
    if (fd >= 0)
        close(fd);
    return err;
}

/* ---- one at a time --------------------------------------------------------------- */

/* Between bind and listen a file looks like one that was left behind, and of two that
 * find one like that, the second would remove what the first has put there. So a file
 * beside it is locked meanwhile, which goes with its lock. */
struct lock {
    int fd;
    char path[sizeof(struct sockaddr_un) + 16];
};

/* Nobody had it meanwhile, and has removed it. */
static bool is_there(const struct lock *lock)
{
    struct stat ours, there;
    return fstat(lock->fd, &ours) == 0 && lstat(lock->path, &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* Who has it is about to listen there: so it is in use. */
static int take(struct lock *lock, const struct local *local)
{
    snprintf(lock->path, sizeof lock->path, "%s.cadre-lock", local->name.sun_path);
    for (;;) {
        lock->fd = open(lock->path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock->fd < 0)
            return -errno;
        int err = flock(lock->fd, LOCK_EX | LOCK_NB) ? -EADDRINUSE : 0;
        if (!err && is_there(lock))
            return 0;
        close(lock->fd);
        if (err)
            return err;
    }
}

static void leave(const struct lock *lock)
{
    (void)unlink(lock->path);
    close(lock->fd);
}

int local_listen(struct local *local, int backlog)
{
    struct lock lock = {.fd = -1};
    if (!has_file(local))
        return listen_there(local, backlog);
    int fd = take(&lock, local);
    if (fd)
        return fd;
    fd = listen_there(local, backlog);
    leave(&lock);
    return fd;
}

void local_unlink(const struct local *local)
{
    struct stat file;
    if (local->inode && lstat(local->name.sun_path, &file) == 0 &&
        file.st_ino == local->inode && file.st_dev == local->device)
        (void)unlink(local->name.sun_path);
}
