/* files.c: operations on files by path: a call on a thread, and a step that tells.
 *
 * The call leaves what it has found in its job. A step (chain.h) in the turn of whoever
 * asked makes of that the message he was promised, and of a code a failure with words. */
#include "disk.h"
#include "folder.h"

#include <cadre/chain.h>
#include <cadre/offload.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void drop_data(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_file_data *)body)->bytes));
}
CADRE_TYPE_DROP(cadre_file_data, drop_data);
static void drop_names(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_file_names *)body)->entries));
}
CADRE_TYPE_DROP(cadre_file_names, drop_names);
static void drop_opened(void *body)
{
    const cadre_file_opened *opened = body;
    if (opened->fd >= 0)
        close(opened->fd);
}
CADRE_TYPE_DROP(cadre_file_opened, drop_opened);
CADRE_TYPE(cadre_file_written);
CADRE_TYPE(cadre_file_status);
CADRE_TYPE(cadre_file_done);

enum { READ_MAX = 64 << 20, LIST_MAX = 65536 };

typedef struct file_job {
    /* Does it, and leaves the result here. */
    int (*work)(struct file_job *job);
    cadre_buf *paths; /* one, or two with their zeros */
    cadre_buf *bytes; /* to be written; or that were read */
    uint64_t max;
    bool durable;
    /* What the outcome is: its type, and its body if that is not made of the bytes. */
    const cadre_type *type;
    union {
        cadre_file_written written;
        cadre_file_status status;
        cadre_file_names names;
        cadre_file_opened opened;
        cadre_file_done done;
    } result;
} file_job;

static void drop_job(void *body)
{
    file_job *job = body;
    cadre_buf_unref(cadre_buf_move(&job->paths));
    cadre_buf_unref(cadre_buf_move(&job->bytes));
    if (job->type == &cadre_file_names_type)
        drop_names(&job->result.names);
    if (job->type == &cadre_file_opened_type)
        drop_opened(&job->result.opened);
}
static CADRE_TYPE_DROP(file_job, drop_job);

static char *path_of(const file_job *job) { return (char *)cadre_buf_data(job->paths); }

/* ---- on a thread of the pool ----------------------------------------------------- */

static int read_it(file_job *job)
{
    return disk_read(&job->bytes, path_of(job), job->max);
}
static int write_it(file_job *job) { return folder_replace(path_of(job), job->bytes); }
/* Of which a part is in the file: no failure, or it would be done again. */
static int append_it(file_job *job)
{
    cadre_file_written *written = &job->result.written;
    int err = folder_append(written, path_of(job), job->bytes, job->durable);
    written->code = err;
    return written->bytes > 0 ? 0 : err;
}
static int stat_it(file_job *job)
{
    struct stat s;
    if (stat(path_of(job), &s) != 0)
        return -errno;
    disk_status(&job->result.status, &s);
    return 0;
}
static int open_it(file_job *job)
{
    struct stat s;
    cadre_file_opened *opened = &job->result.opened;
    int err = disk_open(&opened->fd, &s, path_of(job), O_RDONLY);
    if (!err)
        disk_status(&opened->status, &s);
    return err;
}
static int list_it(file_job *job)
{
    return folder_list(&job->result.names, path_of(job), (uint32_t)job->max);
}
static int make_it(file_job *job) { return folder_make(path_of(job)); }
static int remove_it(file_job *job) { return folder_remove(path_of(job)); }
static int rename_it(file_job *job)
{
    char *from = path_of(job);
    return folder_rename(from, from + strlen(from) + 1);
}

static int work(void *body)
{
    file_job *job = body;
    return job->work(job);
}

/* ---- in the turn of whoever asked ------------------------------------------------ */

/* What the result owns goes along. */
static int tell(cadre_self *self, void *state, cadre_msg *m)
{
    file_job *job = m->body;
    const cadre_type *type = job->type;
    if (type == &cadre_file_data_type) {
        cadre_file_data data = {0, cadre_buf_move(&job->bytes)};
        return cadre_pass_as(self, type, &data);
    }
    job->type = NULL;
    return cadre_pass_as(self, type, &job->result);
}

static int tell_failure(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_failure failure = *(const cadre_failure *)m->body;
    if (!failure.message)
        failure.message = disk_remedy(failure.code);
    return cadre_pass_as(self, &cadre_failure_type, &failure);
}

/* The job is consumed. */
static int start(cadre_self *self, cadre_token *token, cadre_time timeout,
                 const file_job *job)
{
    cadre_token call, next;
    int err = cadre_offload_as(self, &call, CADRE_POOL_FILES, timeout, work,
                               &file_job_type, job);
    if (err)
        return err;
    err = cadre_chain(self, &next, call, tell, tell_failure);
    if (err)
        (void)cadre_cancel(self, call);
    else if (token)
        *token = next;
    return err;
}

/* The same for one path. */
static int start_at(cadre_self *self, cadre_token *token, cadre_time timeout,
                    const char *path, file_job *job)
{
    job->paths = path ? cadre_buf_new(path, strlen(path) + 1) : NULL;
    if (job->paths)
        return start(self, token, timeout, job);
    drop_job(job);
    return path ? -ENOMEM : -EINVAL;
}

int cadre_file_read(cadre_self *self, cadre_token *token, cadre_time timeout,
                    const char *path, uint64_t max)
{
    file_job job = {
        .work = read_it, .type = &cadre_file_data_type, .max = max ? max : READ_MAX};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_write(cadre_self *self, cadre_token *token, cadre_time timeout,
                     const char *path, cadre_buf *bytes)
{
    file_job job = {.work = write_it, .type = &cadre_file_done_type, .bytes = bytes};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_append(cadre_self *self, cadre_token *token, cadre_time timeout,
                      const char *path, cadre_buf *bytes, bool durable)
{
    file_job job = {.work = append_it,
                    .type = &cadre_file_written_type,
                    .bytes = bytes,
                    .durable = durable};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_stat(cadre_self *self, cadre_token *token, cadre_time timeout,
                    const char *path)
{
    file_job job = {.work = stat_it, .type = &cadre_file_status_type};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_open(cadre_self *self, cadre_token *token, cadre_time timeout,
                    const char *path)
{
    file_job job = {
        .work = open_it, .type = &cadre_file_opened_type, .result.opened.fd = -1};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_list(cadre_self *self, cadre_token *token, cadre_time timeout,
                    const char *path, uint32_t max)
{
    file_job job = {
        .work = list_it, .type = &cadre_file_names_type, .max = max ? max : LIST_MAX};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_make_directory(cadre_self *self, cadre_token *token, cadre_time timeout,
                              const char *path)
{
    file_job job = {.work = make_it, .type = &cadre_file_done_type};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_remove(cadre_self *self, cadre_token *token, cadre_time timeout,
                      const char *path)
{
    file_job job = {.work = remove_it, .type = &cadre_file_done_type};
    return start_at(self, token, timeout, path, &job);
}

int cadre_file_rename(cadre_self *self, cadre_token *token, cadre_time timeout,
                      const char *from, const char *to)
{
    if (!from || !to)
        return -EINVAL;
    size_t first = strlen(from) + 1, second = strlen(to) + 1;
    file_job job = {.work = rename_it,
                    .type = &cadre_file_done_type,
                    .paths = cadre_buf_new(NULL, first + second)};
    if (!job.paths)
        return -ENOMEM;
    memcpy(cadre_buf_data(job.paths), from, first);
    memcpy(cadre_buf_data(job.paths) + first, to, second);
    return start(self, token, timeout, &job);
}
