/* disk.c: a disk that fails, is slow, or tells what was done to it. */
#include "support/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct disk disk;

void disk_reset(void) { memset(&disk, 0, sizeof disk); }

static bool is_regular(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

static void note(char what)
{
    size_t n = strlen(disk.done);
    if (disk.records && n + 1 < sizeof disk.done &&
        (n == 0 || disk.done[n - 1] != what))
        disk.done[n] = what;
}

static int fails(int code)
{
    errno = -code;
    return -1;
}

static bool is_interrupted(void)
{
    unsigned left = atomic_load(&disk.interrupts);
    return left > 0 &&
           atomic_compare_exchange_strong(&disk.interrupts, &left, left - 1);
}

static size_t at_once(size_t size)
{
    return disk.most > 0 && size > disk.most ? disk.most : size;
}

/* How much is written of it; 0: none, it fails. */
static size_t to_write(size_t size)
{
    size = at_once(size);
    if (!disk.write_code)
        return size;
    size = size < disk.room ? size : disk.room;
    disk.room -= size;
    return size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (!is_regular(fd))
        return syscall(SYS_write, fd, bytes, size);
    if (is_interrupted())
        return fails(-EINTR);
    note('w');
    size_t part = to_write(size);
    return size > 0 && part == 0 ? fails(disk.write_code)
                                 : syscall(SYS_write, fd, bytes, part);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (is_regular(fd) && is_interrupted())
        return fails(-EINTR);
    note('w');
    size_t part = to_write(size);
    return size > 0 && part == 0 ? fails(disk.write_code)
                                 : syscall(SYS_pwrite64, fd, bytes, part, offset);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    atomic_store(&disk.fd, fd);
    atomic_fetch_add(&disk.reading, 1);
    while (atomic_load(&disk.reads_wait))
        sched_yield();
    return is_interrupted() ? fails(-EINTR)
                            : syscall(SYS_pread64, fd, bytes, at_once(size), offset);
}

static int sync_it(int fd, long call)
{
    struct stat s;
    note(fstat(fd, &s) == 0 && S_ISDIR(s.st_mode) ? 'd' : 's');
    atomic_fetch_add(&disk.syncing, 1);
    while (atomic_load(&disk.syncs_wait))
        sched_yield();
    atomic_fetch_add(&disk.syncs, 1);
    return disk.sync_code ? fails(disk.sync_code) : (int)syscall(call, fd);
}
int fsync(int fd) { return sync_it(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_it(fd, SYS_fdatasync); }

int ftruncate(int fd, off_t size)
{
    return disk.truncate_code ? fails(disk.truncate_code)
                              : (int)syscall(SYS_ftruncate, fd, size);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    note('r');
    return disk.rename_code
               ? fails(disk.rename_code)
               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

/* ---- a folder -------------------------------------------------------------------- */

char folder[] = "/tmp/cadre-files-XXXXXX";
static pid_t owner;

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    return remove(path);
}
static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
void make_folder(void)
{
    assert_non_null(mkdtemp(folder));
    owner = getpid();
    atexit(remove_folder);
}

const char *in_folder(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void assert_file(const char *path, const char *text)
{
    static char found[1 << 16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(found, 1, sizeof found - 1, file);
    found[n] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

static unsigned names;
static int count_one(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    names += ftw->level == 1;
    return 0;
}
unsigned count_names(void)
{
    names = 0;
    nftw(folder, count_one, 8, FTW_PHYS);
    return names;
}
