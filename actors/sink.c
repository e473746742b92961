/* sink.c: where a logger's lines go: writing that may block.
 *
 * It waits for a descriptor that is full with poll() and not for ever, so that a call
 * returns soon after its logger has ended. For a pipe that poll() calls ready, a write of
 * up to PIPE_BUF bytes does not block, even if its descriptor is a blocking one: so the
 * logger's own writes, at its end, are no longer. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 100, PATIENCE_MS = 1000 };

struct sink {
    pthread_mutex_t lock;
    pthread_cond_t rests; /* nobody writes any more */
    /* Under the lock: a call writes; the logger has ended, and did not wait for it. */
    bool writes, over, is_left;
    uint32_t at; /* how far the writing of the batch in hand has come */
    /* Whoever writes: */
    cadre_log_write *write;
    void *user;
    int fd;
    bool is_ours; /* fd was opened here */
    char path[];  /* "": none */
};

static struct sink *sink_of(cadre_buf *buf)
{
    return (struct sink *)(void *)cadre_buf_data(buf);
}

static void drop_job(void *body)
{
    sink_job *job = body;
    cadre_buf_unref(cadre_buf_move(&job->sink));
    cadre_buf_unref(cadre_buf_move(&job->buf));
}
CADRE_TYPE_DROP(sink_job, drop_job);

int64_t sink_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * CADRE_SECOND + t.tv_nsec;
}

int sink_new(cadre_buf **result, const cadre_logger *config)
{
    size_t length = config->path ? strlen(config->path) : 0;
    pthread_condattr_t monotonic;
    *result = cadre_buf_new(NULL, sizeof(struct sink) + length + 1);
    if (!*result)
        return -ENOMEM;
    struct sink *sink = sink_of(*result);
    pthread_mutex_init(&sink->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sink->rests, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sink->write = config->write;
    sink->user = config->user;
    sink->fd = config->path ? -1 : config->fd ? config->fd : STDERR_FILENO;
    if (length > 0)
        memcpy(sink->path, config->path, length);
    return 0;
}

/* ---- the file -------------------------------------------------------------------- */

static void close_ours(struct sink *sink)
{
    if (sink->is_ours)
        close(sink->fd);
    sink->is_ours = false;
}

/* The old one stays until there is a new one. Errors: open's. */
static int open_path(struct sink *sink, int flags)
{
    if (sink->path[0] == '\0')
        return 0;
    int fd = open(sink->path,
                  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0640);
    if (fd < 0)
        return -errno;
    close_ours(sink);
    sink->fd = fd;
    sink->is_ours = true;
    return 0;
}

/* ---- writing --------------------------------------------------------------------- */

/* write(), where EPIPE is an error and no signal. */
static int64_t write_quietly(int fd, const char *bytes, size_t size)
{
    sigset_t pipe, old, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&before);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    ssize_t n = write(fd, bytes, size);
    int64_t result = n < 0 ? -errno : n;
    if (result == -EPIPE && !sigismember(&before, SIGPIPE))
        while (sigtimedwait(&pipe, NULL, &(struct timespec){0}) < 0 && errno == EINTR) {
        }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return result;
}

static int64_t write_some(struct sink *sink, const char *bytes, size_t size)
{
    if (!sink->write)
        return write_quietly(sink->fd, bytes, size);
    int64_t n = sink->write(sink->user, bytes, size);
    return n > (int64_t)size ? -EIO : n;
}

static bool is_full(int64_t n) { return n == -EAGAIN || n == -EWOULDBLOCK; }

/* False: it cannot take anything for so long. */
static bool await_room(const struct sink *sink, int timeout_ms)
{
    struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
    return poll(&room, 1, timeout_ms) > 0;
}

static bool is_over(struct sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    bool over = sink->over;
    pthread_mutex_unlock(&sink->lock);
    return over;
}

/* Nothing can be written now: is it worth trying again? */
static bool has_room_soon(struct sink *sink)
{
    if (sink->write)
        return false;
    for (int waited = 0; waited < PATIENCE_MS && !is_over(sink); waited += SLICE_MS)
        if (await_room(sink, SLICE_MS))
            return true;
    return false;
}

static int write_all(struct sink *sink, const char *bytes, uint32_t *at, uint32_t end)
{
    while (*at < end && !is_over(sink)) {
        int64_t n = write_some(sink, bytes + *at, end - *at);
        if (n > 0)
            *at += (uint32_t)n;
        else if (n == 0)
            return -EIO;
        else if (n != -EINTR && (!is_full(n) || !has_room_soon(sink)))
            return (int)n;
    }
    return *at < end ? -ECANCELED : 0;
}

/* ---- the call -------------------------------------------------------------------- */

static bool enter(struct sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    bool may = !sink->over;
    sink->writes = may;
    pthread_mutex_unlock(&sink->lock);
    return may;
}

static void leave(struct sink *sink, uint32_t at)
{
    pthread_mutex_lock(&sink->lock);
    sink->writes = false;
    sink->at = at;
    if (sink->is_left)
        close_ours(sink);
    pthread_cond_signal(&sink->rests);
    pthread_mutex_unlock(&sink->lock);
}

void sink_begin(cadre_buf *buf, uint32_t at)
{
    struct sink *sink = sink_of(buf);
    pthread_mutex_lock(&sink->lock);
    sink->at = at;
    pthread_mutex_unlock(&sink->lock);
}

int sink_work(void *body)
{
    sink_job *job = body;
    struct sink *sink = sink_of(job->sink);
    job->code = -ECANCELED;
    if (!enter(sink))
        return 0;
    job->code = job->open ? open_path(sink, 0) : 0;
    if (job->code == 0) {
        job->open = false;
        job->code =
            write_all(sink, (const char *)cadre_buf_data(job->buf), &job->at, job->end);
    }
    leave(sink, job->at);
    return 0;
}

/* ---- the end --------------------------------------------------------------------- */

int sink_end(cadre_buf *buf, int64_t until, uint32_t *at)
{
    struct sink *sink = sink_of(buf);
    struct timespec time = {until / CADRE_SECOND, until % CADRE_SECOND};
    int err = 0;
    pthread_mutex_lock(&sink->lock);
    sink->over = true;
    while (sink->writes && err == 0)
        err = pthread_cond_timedwait(&sink->rests, &sink->lock, &time);
    sink->is_left = sink->writes;
    *at = sink->at;
    err = sink->is_left ? -EBUSY : 0;
    pthread_mutex_unlock(&sink->lock);
    return err;
}

int sink_write_rest(cadre_buf *buf, int64_t until, struct batch *batch)
{
    struct sink *sink = sink_of(buf);
    const char *bytes = (const char *)cadre_buf_data(batch->buf);
    bool opens = sink->fd < 0 && batch->at < batch->end;
    int err = opens ? open_path(sink, O_NONBLOCK) : 0;
    while (batch->at < batch->end && err == 0) {
        uint32_t size = batch->end - batch->at;
        if (sink_clock() >= until)
            return -ETIMEDOUT;
        if (!sink->write && !await_room(sink, SLICE_MS))
            continue;
        int64_t n =
            write_some(sink, bytes + batch->at, size > PIPE_BUF ? PIPE_BUF : size);
        if (n > 0)
            batch->at += (uint32_t)n;
        else if (n != -EINTR && (sink->write || !is_full(n)))
            err = n < 0 ? (int)n : -EIO;
    }
    return err;
}

/* A call that was withdrawn too late may still ask whether it may write: so the lock is
 * not destroyed, which on Linux frees nothing. */
void sink_close(cadre_buf *buf) { close_ours(sink_of(buf)); }
