/* disk.h: a disk that fails, is slow, or tells what was done to it.
 *
 * Functions of the C library that read, write, sync and rename files are replaced, in the
 * program that has this in one of its files, by ones that do as they are told here, and
 * else what they always do. */
#ifndef SUPPORT_DISK_H
#define SUPPORT_DISK_H

#include "support/support.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct disk {
    /* Negative: it fails with it. */
    int read_code, write_code, sync_code, rename_code, truncate_code;
    uint64_t room;          /* bytes that are written before write_code comes */
    uint64_t most;          /* bytes that a write or read handles at once. 0: any */
    atomic_uint interrupts; /* so many reads and writes are interrupted */
    /* In order: w a write, s a sync of a file, d of a directory, r a rename. Each once
     * when it comes again at once. Not with several threads. */
    char done[256];
    bool records;
    /* While it is set, reads (at an offset) and syncs wait. */
    atomic_bool reads_wait, syncs_wait;
    atomic_uint reading, syncing; /* how many have come there, ever */
    atomic_uint syncs;
    atomic_int fd; /* of the last read */
} disk;

/* It works again, and forgets what was done. */
static void disk_reset(void) { memset(&disk, 0, sizeof disk); }

static bool disk_has(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

static void disk_note(char what)
{
    size_t n = strlen(disk.done);
    if (disk.records && n + 1 < sizeof disk.done &&
        (n == 0 || disk.done[n - 1] != what))
        disk.done[n] = what;
}

static int disk_fails(int code)
{
    errno = -code;
    return -1;
}

static bool disk_interrupts(void)
{
    unsigned left = atomic_load(&disk.interrupts);
    return left > 0 &&
           atomic_compare_exchange_strong(&disk.interrupts, &left, left - 1);
}

static size_t disk_at_once(size_t size)
{
    return disk.most > 0 && size > disk.most ? disk.most : size;
}

/* How much is written of it; 0: none, it fails. */
static size_t disk_takes(size_t size)
{
    size = disk_at_once(size);
    if (!disk.write_code)
        return size;
    size = size < disk.room ? size : disk.room;
    disk.room -= size;
    return size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (!disk_has(fd))
        return syscall(SYS_write, fd, bytes, size);
    if (disk_interrupts())
        return disk_fails(-EINTR);
    disk_note('w');
    size_t part = disk_takes(size);
    return size > 0 && part == 0 ? disk_fails(disk.write_code)
                                 : syscall(SYS_write, fd, bytes, part);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (disk_has(fd) && disk_interrupts())
        return disk_fails(-EINTR);
    disk_note('w');
    size_t part = disk_takes(size);
    return size > 0 && part == 0 ? disk_fails(disk.write_code)
                                 : syscall(SYS_pwrite64, fd, bytes, part, offset);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    atomic_store(&disk.fd, fd);
    atomic_fetch_add(&disk.reading, 1);
    while (atomic_load(&disk.reads_wait))
        sched_yield();
    if (disk_interrupts())
        return disk_fails(-EINTR);
    return disk.read_code ? disk_fails(disk.read_code)
                          : syscall(SYS_pread64, fd, bytes, disk_at_once(size), offset);
}

static int disk_sync(int fd, long call)
{
    struct stat s;
    disk_note(fstat(fd, &s) == 0 && S_ISDIR(s.st_mode) ? 'd' : 's');
    atomic_fetch_add(&disk.syncing, 1);
    while (atomic_load(&disk.syncs_wait))
        sched_yield();
    atomic_fetch_add(&disk.syncs, 1);
    return disk.sync_code ? disk_fails(disk.sync_code) : (int)syscall(call, fd);
}
int fsync(int fd) { return disk_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return disk_sync(fd, SYS_fdatasync); }

int ftruncate(int fd, off_t size)
{
    return disk.truncate_code ? disk_fails(disk.truncate_code)
                              : (int)syscall(SYS_ftruncate, fd, size);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    disk_note('r');
    return disk.rename_code
               ? disk_fails(disk.rename_code)
               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

#endif
