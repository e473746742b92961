/* pump.c: a thread that reads or writes a file for a connection. */
#include "io/pump.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static ssize_t move(struct pump *p)
{
    ssize_t n;
    do
        n = p->writes ? writev(p->fd, p->pieces, p->count)
                      : readv(p->fd, p->pieces, p->count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void *run(void *arg)
{
    struct pump *p = arg;
    for (;;) {
        while (sem_wait(&p->go)) { /* interrupted */
        }
        if (p->quits)
            return NULL;
        p->moved = move(p);
        handle_command(p->handle, p->command);
    }
}

int pump_make(struct pump **result, struct handle *handle, uint32_t command, int fd,
              bool writes)
{
    void *memory;
    int err = cadre_port_get(handle->port.world, &memory, sizeof **result);
    if (err) {
        close(fd);
        return err;
    }
    struct pump *p = memory;
    p->handle = handle;
    p->command = command;
    p->fd = fd;
    p->writes = writes;
    p->is_busy = p->quits = false;
    sem_init(&p->go, 0, 0);
    err = thread_start(&p->thread, "cadre-file", run, p);
    if (!err) {
        *result = p;
        return 0;
    }
    sem_destroy(&p->go);
    close(fd);
    cadre_port_put(handle->port.world, p, sizeof *p);
    return err;
}

void pump_free(struct pump *p, struct world *world)
{
    if (!p)
        return;
    p->quits = true;
    sem_post(&p->go);
    thread_join(&p->thread);
    sem_destroy(&p->go);
    close(p->fd);
    cadre_port_put(world, p, sizeof *p);
}

void pump_read(struct pump *p, size_t size)
{
    p->pieces[0].iov_base = p->scratch;
    p->pieces[0].iov_len = size < PUMP_SCRATCH ? size : PUMP_SCRATCH;
    p->count = 1;
    p->is_busy = true;
    sem_post(&p->go);
}

void pump_write(struct pump *p, const struct iovec *pieces, unsigned count)
{
    memcpy(p->pieces, pieces, count * sizeof *pieces);
    p->count = (int)count;
    p->is_busy = true;
    sem_post(&p->go);
}
