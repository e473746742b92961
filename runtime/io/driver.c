/* driver.c: all loops of one system.
 *
 * A worker has a loop from the first time on that an actor of its opens something. Where
 * threads are asked for, or there are no workers, the loops are those threads'. */
#include "io/driver.h"

#include <cadre/tcp.h>

#include <errno.h>

struct io {
    struct driver driver;
    struct world *world;
    uint32_t count;
    bool of_threads;
    struct shard *shards[]; /* NULL: not needed so far; under the lock */
};

static size_t size_of(uint32_t count)
{
    return sizeof(struct io) + count * sizeof(struct shard *);
}

static void stop(struct driver *driver)
{
    const struct io *io = container_of(driver, struct io, driver);
    for (uint32_t i = 0; i < io->count; i++)
        if (io->shards[i])
            shard_stop(io->shards[i]);
}

static void release(struct driver *driver)
{
    struct io *io = container_of(driver, struct io, driver);
    struct world *world = io->world;
    stop(driver);
    for (uint32_t i = 0; i < io->count; i++)
        if (io->shards[i]) {
            shard_fini(io->shards[i]);
            cadre_port_put(world, io->shards[i], sizeof *io->shards[i]);
        }
    cadre_port_put(world, io, size_of(io->count));
}

static bool makes(const cadre_type *type)
{
    return type == &cadre_stream_opened_type || type == &cadre_stream_data_type ||
           type == &cadre_stream_ended_type || type == &cadre_stream_wrote_type ||
           type == &cadre_stream_closed_type;
}

static int make(struct world *world, struct io **result)
{
    void *p;
    const struct sched *sched = &world->sched;
    bool of_threads = world->io_threads > 0 || sched->mode != SCHED_THREADS;
    uint32_t count = of_threads ? world->io_threads : sched->crew.count;
    count += count == 0;
    int err = cadre_port_get(world, &p, size_of(count));
    if (err)
        return err;
    struct io *io = *result = p;
    *io = (struct io){{stop, release, makes}, world, count, of_threads};
    for (uint32_t i = 0; i < count; i++)
        io->shards[i] = NULL;
    store_release(&world->driver, &io->driver); /* pairs with port_stop's */
    return 0;
}

static int start(struct io *io, struct shard **result, struct worker *worker)
{
    void *p;
    int err = cadre_port_get(io->world, &p, sizeof **result);
    if (err)
        return err;
    struct shard *shard = p;
    err = shard_init(shard, io->world);
    if (!err && io->of_threads && (err = shard_start(shard)))
        shard_fini(shard);
    if (err) {
        cadre_port_put(io->world, p, sizeof **result);
        return err;
    }
    if (!io->of_threads)
        shard_settle(shard, worker);
    *result = shard;
    return 0;
}

int driver_shard(struct cadre_self *self, struct shard **shard)
{
    struct world *world = self->world;
    struct io *io = NULL;
    int err = 0;
    if (world->simulated) {
        cadre_port_log(world, LOG_ERROR, "sockets are not simulated");
        return -ENOTSUP;
    }
    pthread_mutex_lock(&world->outside_lock);
    struct driver *driver = load_relaxed(&world->driver);
    if (driver)
        io = container_of(driver, struct io, driver);
    else
        err = make(world, &io);
    if (!err) {
        struct shard **place = &io->shards[self->worker->id % io->count];
        if (!*place)
            err = start(io, place, self->worker);
        *shard = *place;
    }
    pthread_mutex_unlock(&world->outside_lock);
    return err;
}
