/* disk.c: files by system calls that block, for threads of a pool. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BYTES = 4096 };

/* Where the program has closed those, nobody who writes there is to find this file. */
static int above_standard(int fd)
{
    if (fd > STDERR_FILENO)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), err = errno;
    close(fd);
    errno = err;
    return above;
}

int disk_open(int *result, struct stat *what, const char *path, int flags)
{
    struct stat s;
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd >= 0)
        fd = above_standard(fd);
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &s) != 0                           ? -errno
              : S_ISDIR(s.st_mode)                         ? -EISDIR
              : S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode) ? -ENOTSUP
                                                           : 0;
    if (err) {
        close(fd);
        return err;
    }
    *result = fd;
    if (what)
        *what = s;
    return 0;
}

/* ---- bytes ----------------------------------------------------------------------- */

static bool is_interrupted(ssize_t n) { return n < 0 && errno == EINTR; }

/* As many as there are until the end, from this offset on, or (-1) where the descriptor
 * is. Returns how many, or a negative code. */
static int64_t read_all(int fd, int64_t offset, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = offset < 0
                        ? read(fd, to + done, size - done)
                        : pread(fd, to + done, size - done, offset + (int64_t)done);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (!is_interrupted(n))
            return -errno;
    }
    return (int64_t)done;
}

int disk_write(uint64_t *done, int fd, int64_t offset, cadre_buf *bytes)
{
    const uint8_t *from = cadre_buf_data(bytes);
    size_t size = cadre_buf_size(bytes);
    for (*done = 0; *done < size;) {
        ssize_t n = offset < 0 ? write(fd, from + *done, size - *done)
                               : pwrite(fd, from + *done, size - *done,
                                        offset + (int64_t)*done);
        if (n == 0)
            return -EIO;
        if (n > 0)
            *done += (uint64_t)n;
        else if (!is_interrupted(n))
            return -errno;
    }
    return 0;
}

/* Makes it a buffer of exactly so many bytes. Errors: -ENOMEM, and then it is freed. */
static int cut(cadre_buf **buf, size_t size)
{
    cadre_buf *old = *buf;
    if (size == cadre_buf_size(old))
        return 0;
    *buf = cadre_buf_new(size > 0 ? cadre_buf_data(old) : NULL, size);
    cadre_buf_unref(old);
    return *buf ? 0 : -ENOMEM;
}

int disk_read_at(cadre_buf **bytes, int fd, uint64_t offset, size_t size)
{
    if (offset > INT64_MAX - size)
        return -EINVAL;
    *bytes = cadre_buf_new(NULL, size);
    if (!*bytes)
        return -ENOMEM;
    int64_t n = read_all(fd, (int64_t)offset, cadre_buf_data(*bytes), size);
    if (n >= 0)
        return cut(bytes, (size_t)n);
    cadre_buf_unref(cadre_buf_move(bytes));
    return (int)n;
}

void disk_status(cadre_file_status *status, const struct stat *s)
{
    *status = (cadre_file_status){.size = (uint64_t)s->st_size,
                                  .modified = s->st_mtim.tv_sec * CADRE_SECOND +
                                              s->st_mtim.tv_nsec,
                                  .mode = s->st_mode & 07777,
                                  .kind = S_ISREG(s->st_mode)   ? CADRE_KIND_FILE
                                          : S_ISDIR(s->st_mode) ? CADRE_KIND_DIRECTORY
                                          : S_ISLNK(s->st_mode) ? CADRE_KIND_LINK
                                                                : CADRE_KIND_OTHER};
}

/* ---- a whole file ---------------------------------------------------------------- */

/* Twice as large, or as `first` to begin with, but no more than max. */
static int grow(cadre_buf **buf, size_t first, uint64_t max)
{
    size_t old = cadre_buf_size(*buf), size = old ? 2 * old : first;
    cadre_buf *larger = cadre_buf_new(NULL, size < max ? size : (size_t)max);
    if (!larger)
        return -ENOMEM;
    if (old > 0)
        memcpy(cadre_buf_data(larger), cadre_buf_data(*buf), old);
    cadre_buf_unref(*buf);
    *buf = larger;
    return 0;
}

/* Until the end, wherever that is: a file in /proc has no size, and others grow. */
static int read_to_end(cadre_buf **buf, int fd, size_t first, uint64_t max)
{
    bool has_more = false;
    size_t used = 0;
    uint8_t more;
    for (;;) {
        int err = grow(buf, first, max);
        if (err)
            return err;
        if (has_more)
            cadre_buf_data(*buf)[used++] = more;
        size_t room = cadre_buf_size(*buf) - used;
        int64_t n = read_all(fd, -1, cadre_buf_data(*buf) + used, room);
        if (n < 0)
            return (int)n;
        used += (size_t)n;
        if ((size_t)n < room)
            return cut(buf, used);
        n = read_all(fd, -1, &more, 1);
        if (n <= 0)
            return n < 0 ? (int)n : cut(buf, used);
        if (used == max)
            return -EFBIG;
        has_more = true;
    }
}

int disk_read(cadre_buf **bytes, const char *path, uint64_t max)
{
    struct stat s = {0};
    int fd = -1;
    int err = disk_open(&fd, &s, path, O_RDONLY);
    if (err)
        return err;
    *bytes = NULL;
    if (s.st_size > 0 && (uint64_t)s.st_size > max)
        err = -EFBIG;
    else
        err = read_to_end(bytes, fd, s.st_size > 0 ? (size_t)s.st_size : FIRST_BYTES,
                          max);
    close(fd);
    if (err)
        cadre_buf_unref(cadre_buf_move(bytes));
    return err;
}

/* ---- what to do about it --------------------------------------------------------- */

const char *disk_remedy(int code)
{
    static const struct {
        int code;
        const char *text;
    } remedies[] = {
        {-ENOENT, "correct the path, or first make what is missing in it"},
        {-ENOTDIR, "correct the path: a part of it is a file"},
        {-EISDIR, "name a file: this is a directory"},
        {-EEXIST, "remove what is there, or choose another name"},
        {-ENOTEMPTY, "first remove what is in it"},
        {-EACCES, "give this user the right to it and to the directories above"},
        {-EPERM, "give this user the right to it: who owns it, is it immutable?"},
        {-EROFS, "choose a place on a file system that can be written to"},
        {-ENAMETOOLONG, "shorten the path"},
        {-ELOOP, "correct the symbolic links, which lead in a circle"},
        {-ENOSPC, "free some space there, then try again"},
        {-EDQUOT, "free some of this user's space there, then try again"},
        {-EFBIG, "allow more, or read it in pieces"},
        {-EXDEV, "write it there and remove it here: these are two file systems"},
        {-EMFILE, "have fewer files open, or raise the limit (ulimit -n)"},
        {-ENFILE, "have fewer files open on this machine"},
        {-ENOMEM, "ask for less at a time, or give the program more memory"},
        {-ENOTSUP, "name a regular file: this is a pipe, a socket or a device"},
        {-EBADF, "open the file for writing"},
        {-EIO, "look after the device, and at what is in the file"},
        {CADRE_EFULL, "ask again later, or raise cadre_config.blocking_waiting"},
        {-ETIMEDOUT, "allow more time; it goes on meanwhile, and may be done"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].code == code)
            return remedies[i].text;
    return NULL;
}
