/* folder.c: files and their names: what makes both durable, and lists of names. */
#include "folder.h"

#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- names ----------------------------------------------------------------------- */

/* Where a path leads: an open directory, and a name in it. */
struct place {
    int dir;
    const char *name;
};

static int place_open(struct place *place, char *path)
{
    char *slash = strrchr(path, '/');
    char *end = !slash ? path : slash == path ? slash + 1 : slash;
    char was = *end;
    *end = '\0';
    place->name = slash ? slash + 1 : path;
    place->dir = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = place->dir < 0 ? -errno : 0;
    *end = was;
    return err;
}

/* Some file systems have no fsync for directories, and need none. */
static int sync_directory(int dir)
{
    return fsync(dir) == 0 || errno == EINVAL ? 0 : -errno;
}

int folder_sync(char *path)
{
    struct place place;
    int err = place_open(&place, path);
    if (err)
        return err;
    err = sync_directory(place.dir);
    close(place.dir);
    return err;
}

/* Cuts slashes off the end of a path, but for the first. */
static void trim(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
}

enum { TEMPORARY = sizeof ".cadre-0123456789abcdef", FIRST_BYTES = 4096 };

/* A new file beside it, with the mode that the old one has. A device is not replaced. */
static int open_temporary(int *fd, char name[TEMPORARY], const struct place *place)
{
    uint64_t number;
    struct stat s;
    bool is_there = fstatat(place->dir, place->name, &s, 0) == 0;
    if (is_there && !S_ISREG(s.st_mode))
        return S_ISDIR(s.st_mode) ? -EISDIR : -ENOTSUP;
    do {
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return -EAGAIN;
        snprintf(name, TEMPORARY, ".cadre-%016llx", (unsigned long long)number);
        *fd = openat(place->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (*fd < 0 && (errno == EEXIST || errno == EINTR));
    if (*fd < 0)
        return -errno;
    /* It may have another owner, whose rights are not to be had by running it. */
    if (is_there && fchmod(*fd, s.st_mode & 0777) != 0) {
        int err = -errno;
        close(*fd);
        unlinkat(place->dir, name, 0);
        return err;
    }
    return 0;
}

static int replace_in(const struct place *place, cadre_buf *bytes)
{
    char name[TEMPORARY];
    uint64_t done;
    int fd;
    int err = open_temporary(&fd, name, place);
    if (err)
        return err;
    err = disk_write(&done, fd, -1, bytes);
    if (!err && fsync(fd) != 0)
        err = -errno;
    if (close(fd) != 0 && !err && errno != EINTR)
        err = -errno;
    if (!err && renameat(place->dir, name, place->dir, place->name) != 0)
        err = -errno;
    if (err)
        unlinkat(place->dir, name, 0);
    return err ? err : sync_directory(place->dir);
}

int folder_replace(char *path, cadre_buf *bytes)
{
    struct place place;
    int err = place_open(&place, path);
    if (err)
        return err;
    err = place.name[0] ? replace_in(&place, bytes) : -EISDIR;
    close(place.dir);
    return err;
}

static int append_to(cadre_file_written *written, int fd, cadre_buf *bytes)
{
    int err = disk_write(&written->bytes, fd, -1, bytes);
    int64_t end = lseek(fd, 0, SEEK_CUR);
    written->offset = end > 0 ? (uint64_t)end - written->bytes : 0;
    return err;
}

/* The name each time: it may be new, and who made it need not have waited for it. */
int folder_append(cadre_file_written *written, char *path, cadre_buf *bytes,
                  bool durable)
{
    int fd = -1;
    int err = disk_open(&fd, NULL, path, O_WRONLY | O_APPEND | O_CREAT);
    if (err)
        return err;
    err = append_to(written, fd, bytes);
    if (!err && durable && fdatasync(fd) != 0)
        err = -errno;
    close(fd);
    return !err && durable ? folder_sync(path) : err;
}

int folder_make(char *path)
{
    struct stat s;
    int err = path[0] ? 0 : -ENOENT;
    trim(path);
    for (char *end = path; !err && end;) {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        if (mkdir(path, 0777) == 0)
            err = folder_sync(path);
        else if (errno != EEXIST)
            err = -errno;
        if (end)
            *end = '/';
    }
    if (!err && stat(path, &s) == 0 && !S_ISDIR(s.st_mode))
        err = -EEXIST;
    return err;
}

static int remove_in(const struct place *place)
{
    int result = unlinkat(place->dir, place->name, 0);
    if (result != 0 && errno == EISDIR)
        result = unlinkat(place->dir, place->name, AT_REMOVEDIR);
    return result == 0 ? sync_directory(place->dir) : -errno;
}

int folder_remove(char *path)
{
    struct place place;
    trim(path);
    int err = place_open(&place, path);
    if (err)
        return err;
    err = remove_in(&place);
    close(place.dir);
    return err;
}

static int rename_in(const struct place *from, const struct place *to)
{
    if (renameat(from->dir, from->name, to->dir, to->name) != 0)
        return -errno;
    int err = sync_directory(to->dir);
    return err ? err : sync_directory(from->dir);
}

int folder_rename(char *old, char *new)
{
    struct place from, to;
    trim(old);
    trim(new);
    int err = place_open(&from, old);
    if (err)
        return err;
    err = place_open(&to, new);
    if (!err) {
        err = rename_in(&from, &to);
        close(to.dir);
    }
    close(from.dir);
    return err;
}

/* ---- lists ----------------------------------------------------------------------- */

/* Entries as they are found: a byte for the kind, the name, a 0. */
struct found {
    cadre_buf *text;
    size_t used;
    uint32_t count;
};

static int kind_of(int dir, const struct dirent *d)
{
    struct stat s;
    cadre_file_status status = {.kind = CADRE_KIND_OTHER};
    if (d->d_type != DT_UNKNOWN)
        return d->d_type == DT_REG   ? CADRE_KIND_FILE
               : d->d_type == DT_DIR ? CADRE_KIND_DIRECTORY
               : d->d_type == DT_LNK ? CADRE_KIND_LINK
                                     : CADRE_KIND_OTHER;
    if (fstatat(dir, d->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0)
        disk_status(&status, &s);
    return status.kind;
}

static int note(struct found *found, int kind, const char *name)
{
    size_t length = strlen(name) + 1, size = cadre_buf_size(found->text);
    if (found->used + 1 + length > size) {
        cadre_buf *larger = cadre_buf_new(NULL, 2 * size + FIRST_BYTES);
        if (!larger)
            return -ENOMEM;
        if (found->used > 0)
            memcpy(cadre_buf_data(larger), cadre_buf_data(found->text), found->used);
        cadre_buf_unref(found->text);
        found->text = larger;
    }
    uint8_t *to = cadre_buf_data(found->text) + found->used;
    to[0] = (uint8_t)kind;
    memcpy(to + 1, name, length);
    found->used += 1 + length;
    found->count++;
    return 0;
}

static int find_all(struct found *found, DIR *dir, uint32_t max)
{
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(dir);
        if (!d)
            return -errno;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        if (found->count == max)
            return -EFBIG;
        int err = note(found, kind_of(dirfd(dir), d), d->d_name);
        if (err)
            return err;
    }
}

static int compare(const void *a, const void *b)
{
    const cadre_file_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The entries, and behind them their names. */
static int sort(cadre_file_names *names, const struct found *found)
{
    size_t bytes = found->count * sizeof(cadre_file_entry);
    names->entries = cadre_buf_new(NULL, bytes + found->used);
    if (!names->entries)
        return -ENOMEM;
    cadre_file_entry *entries = (void *)cadre_buf_data(names->entries);
    char *text = (char *)cadre_buf_data(names->entries) + bytes;
    if (found->used > 0)
        memcpy(text, cadre_buf_data(found->text), found->used);
    for (uint32_t i = 0; i < found->count; i++) {
        entries[i] = (cadre_file_entry){.name = text + 1, .kind = text[0]};
        text += 1 + strlen(text + 1) + 1;
    }
    if (found->count > 0)
        qsort(entries, found->count, sizeof *entries, compare);
    names->count = found->count;
    return 0;
}

int folder_list(cadre_file_names *names, const char *path, uint32_t max)
{
    struct found found = {.text = NULL};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    int err = find_all(&found, dir, max);
    closedir(dir);
    if (!err)
        err = sort(names, &found);
    cadre_buf_unref(found.text);
    return err;
}
