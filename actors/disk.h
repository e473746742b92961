/* disk.h: what is in files, by system calls that block, for threads of a pool.
 *
 * Short reads and writes, and EINTR, end here. All return 0 or a negative code. */
#ifndef ACTORS_DISK_H
#define ACTORS_DISK_H

#include <cadre/actors/file.h>

#include <sys/stat.h>

/* A descriptor of a regular file or a device, which passes no exec, and is never a
 * standard one. what: it is, or NULL. flags: as for open().
 * Errors: open()'s, -EISDIR, -ENOTSUP (a pipe, a socket). */
CADRE_MUST_CHECK int disk_open(int *fd, struct stat *what, const char *path, int flags);

/* A whole file; max: bytes, more is -EFBIG. */
CADRE_MUST_CHECK int disk_read(cadre_buf **bytes, const char *path, uint64_t max);
/* A buffer of so many bytes; fewer, where the file ends before. */
CADRE_MUST_CHECK int disk_read_at(cadre_buf **bytes, int fd, uint64_t offset,
                                  size_t size);
/* All of it from this offset on, or (-1) where the descriptor is; in *done, how much of
 * it, also after a failure. */
CADRE_MUST_CHECK int disk_write(uint64_t *done, int fd, int64_t offset,
                                cadre_buf *bytes);

void disk_status(cadre_file_status *status, const struct stat *stat);
/* What to do about a code; constant, or NULL. */
const char *disk_remedy(int code);

#endif
