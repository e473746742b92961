/* holder.c: the descriptor of an open file, and the calls that use it. */
#include "holder.h"

#include "disk.h"
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct holder {
    atomic_uint shares;
    int fd;     /* -1 until it is open */
    int broken; /* why nothing is safe any more; by changes */
    int use;
    char path[];
};

static struct holder *holder_of(cadre_buf *buf)
{
    return (struct holder *)(void *)cadre_buf_data(buf);
}

const char *holder_path(cadre_buf *buf) { return holder_of(buf)->path; }

cadre_buf *holder_new(const cadre_file *config)
{
    size_t length = strlen(config->path) + 1;
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct holder) + length);
    if (!buf)
        return NULL;
    struct holder *holder = holder_of(buf);
    atomic_init(&holder->shares, 1);
    holder->fd = -1;
    holder->use = config->use;
    memcpy(holder->path, config->path, length);
    return buf;
}

cadre_buf *holder_share(cadre_buf *buf)
{
    atomic_fetch_add_explicit(&holder_of(buf)->shares, 1, memory_order_relaxed);
    return buf;
}

/* What others did with the descriptor is over before it is closed: hence the order. */
void holder_leave(cadre_buf *buf)
{
    if (!buf)
        return;
    struct holder *holder = holder_of(buf);
    if (atomic_fetch_sub_explicit(&holder->shares, 1, memory_order_acq_rel) > 1)
        return;
    if (holder->fd >= 0)
        close(holder->fd);
    cadre_buf_unref(buf);
}

/* ---- calls, on threads of the pool ----------------------------------------------- */

static void drop_open(void *body)
{
    holder_leave(cadre_buf_move(&((file_open *)body)->holder));
}
CADRE_TYPE_DROP(file_open, drop_open);

int holder_open(void *body)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT,
                                O_RDWR | O_CREAT | O_EXCL};
    file_open *job = body;
    struct holder *holder = holder_of(job->holder);
    job->code = disk_open(&holder->fd, NULL, holder->path, flags[holder->use]);
    if (!job->code && (flags[holder->use] & O_CREAT))
        job->code = folder_sync(holder->path);
    return 0;
}

static void drop_read(void *body)
{
    file_read *job = body;
    cadre_buf_unref(cadre_buf_move(&job->bytes));
    holder_leave(cadre_buf_move(&job->holder));
}
CADRE_TYPE_DROP(file_read, drop_read);

int holder_read(void *body)
{
    file_read *job = body;
    job->code = disk_read_at(&job->bytes, holder_of(job->holder)->fd, job->what.offset,
                             job->what.size);
    return 0;
}

void holder_free_changes(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        cadre_buf_unref(change_at(rows, i)->bytes);
    rows_free(rows);
}
static void drop_changes(void *body)
{
    file_changes *job = body;
    holder_free_changes(&job->rows);
    holder_leave(cadre_buf_move(&job->holder));
}
CADRE_TYPE_DROP(file_changes, drop_changes);

/* What could not be appended whole is taken back. */
static int append(int fd, struct change *change)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return -errno;
    change->offset = (uint64_t)s.st_size;
    int err = disk_write(&change->done, fd, s.st_size, change->bytes);
    if (err && change->done > 0 && ftruncate(fd, s.st_size) == 0)
        change->done = 0;
    return err;
}

static int write_at(int fd, struct change *change)
{
    if (change->offset == CADRE_FILE_END)
        return append(fd, change);
    if (change->offset > (uint64_t)INT64_MAX - cadre_buf_size(change->bytes))
        return -EFBIG;
    return disk_write(&change->done, fd, (int64_t)change->offset, change->bytes);
}

static int truncate_to(int fd, uint64_t size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    return ftruncate(fd, (int64_t)size) == 0 ? 0 : -errno;
}

static void make_change(struct holder *holder, struct change *change)
{
    if (change->type == &cadre_file_ask_type)
        return;
    change->code = holder->broken;
    change->is_lost = holder->broken != 0;
    if (change->is_lost || change->type == &cadre_file_sync_type)
        return;
    change->code = change->type == &cadre_file_truncate_type
                       ? truncate_to(holder->fd, change->offset)
                       : write_at(holder->fd, change);
    if (change->code == -EIO)
        holder->broken = -EIO;
}

/* For all that want it. After a failure the kernel may have forgotten what it could not
 * write, and a second sync would succeed. */
static void sync_all(struct holder *holder, const struct rows *rows)
{
    bool wanted = false;
    for (uint32_t i = 0; i < rows->count; i++)
        wanted = wanted || change_at(rows, i)->type == &cadre_file_sync_type;
    if (wanted && !holder->broken && fdatasync(holder->fd) != 0)
        holder->broken = -errno;
    for (uint32_t i = 0; wanted && i < rows->count; i++)
        if (change_at(rows, i)->type == &cadre_file_sync_type) {
            change_at(rows, i)->code = holder->broken;
            change_at(rows, i)->is_lost = holder->broken != 0;
        }
}

int holder_change(void *body)
{
    file_changes *job = body;
    struct holder *holder = holder_of(job->holder);
    struct stat s;
    for (uint32_t i = 0; i < job->rows.count; i++)
        make_change(holder, change_at(&job->rows, i));
    sync_all(holder, &job->rows);
    if (fstat(holder->fd, &s) == 0)
        disk_status(&job->status, &s);
    return 0;
}
