/* driver.c: all loops of one system.
 *
 * A worker has a loop from the first time on that an actor of its opens something; when
 * one listens, all of them have that there is room for. Where threads are asked for, or
 * there are no workers, the loops are those threads'. */
#include "io/driver.h"

#include "base/panic.h"

#include <cadre/descriptor.h>
#include <cadre/process.h>
#include <cadre/ready.h>
#include <cadre/signal.h>
#include <cadre/tls.h>
#include <cadre/udp.h>

#include <errno.h>
#include <sys/resource.h>

struct io {
    struct driver driver;
    struct world *world;
    uint32_t count;
    uint32_t shared; /* of those: what listeners accept is for these */
    bool of_threads;
    bool stopped;
    ATOMIC(struct shard *) shards[]; /* NULL: not needed so far; set under the lock */
};

static size_t size_of(uint32_t count)
{
    return sizeof(struct io) + count * sizeof(struct shard *);
}

/* That of this number, or NULL. */
static struct shard *shard_at(const struct io *io, uint32_t i)
{
    return load_acquire(&io->shards[i]); /* pairs with start's */
}

static bool clear(const struct io *io)
{
    bool is_clear = true;
    for (uint32_t i = 0; i < io->count; i++)
        if (shard_at(io, i))
            is_clear = shard_clear(shard_at(io, i)) && is_clear;
    return is_clear;
}

static void stop(struct driver *driver)
{
    struct io *io = container_of(driver, struct io, driver);
    if (io->stopped)
        return;
    io->stopped = true;
    for (uint32_t i = 0; i < io->count; i++)
        if (shard_at(io, i))
            shard_halt(shard_at(io, i));
    while (!clear(io)) { /* one hands connections to another */
    }
}

static void release(struct driver *driver)
{
    struct io *io = container_of(driver, struct io, driver);
    struct world *world = io->world;
    stop(driver);
    for (uint32_t i = 0; i < io->count; i++) {
        struct shard *shard = shard_at(io, i);
        if (!shard)
            continue;
        shard_fini(shard);
        cadre_port_put(world, shard, sizeof *shard);
    }
    cadre_port_put(world, io, size_of(io->count));
}

static bool makes(const cadre_type *type)
{
    const cadre_type *const all[] = {&cadre_stream_opened_type,
                                     &cadre_stream_data_type,
                                     &cadre_stream_ended_type,
                                     &cadre_stream_wrote_type,
                                     &cadre_stream_closed_type,
                                     &cadre_udp_packet_type,
                                     &cadre_udp_opened_type,
                                     &cadre_udp_failed_type,
                                     &cadre_udp_closed_type,
                                     &cadre_process_ended_type,
                                     &cadre_signal_type,
                                     &cadre_ready_now_type,
                                     &cadre_ready_closed_type,
                                     &cadre_tls_ready_type,
                                     &cadre_descriptor_released_type,
                                     NULL};
    for (const cadre_type *const *at = all; *at; at++)
        if (type == *at)
            return true;
    return false;
}

static int make(struct world *world, struct io **result)
{
    void *p;
    const struct sched *sched = &world->sched;
    invariant(port_version == sizeof *world);
    bool of_threads = world->io_threads > 0 || sched->mode != SCHED_THREADS;
    uint32_t count = of_threads ? world->io_threads : sched->crew.count;
    count += count == 0;
    int err = cadre_port_get(world, &p, size_of(count));
    if (err)
        return err;
    struct io *io = *result = p;
    *io = (struct io){.driver = {stop, release, makes},
                      .world = world,
                      .count = count,
                      .shared = of_threads ? count : crew_ordinary(&sched->crew),
                      .of_threads = of_threads};
    for (uint32_t i = 0; i < count; i++)
        atomic_set(&io->shards[i], NULL);
    store_release(&world->driver, &io->driver); /* pairs with port_stop's */
    return 0;
}

/* They may be lent to the first worker's, once that is there. Those of pinned actors are
 * not; nor is any where libuv does not say that the kernel is to be told of something
 * (berth_due_ms), as it has since 1.44. */
static void may_lend(const struct io *io)
{
    enum { SAYS_SO = 1 << 16 | 44 << 8 };
    struct shard *first = uv_version() >= SAYS_SO ? shard_at(io, 0) : NULL;
    for (uint32_t i = 1; first && i < io->shared; i++)
        if (shard_at(io, i))
            berth_may_lend(&shard_at(io, i)->berth, &first->berth);
}

/* Under the lock. */
static int start(struct io *io, uint32_t i)
{
    void *p;
    int err = cadre_port_get(io->world, &p, sizeof(struct shard));
    if (err)
        return err;
    struct shard *shard = p;
    err = shard_init(shard, io->world);
    if (!err && io->of_threads && (err = shard_start(shard)))
        shard_fini(shard);
    if (err) {
        cadre_port_put(io->world, p, sizeof *shard);
        return err;
    }
    if (!io->of_threads)
        berth_belongs(&shard->berth, &io->world->sched.crew.idle, i);
    store_release(&io->shards[i], shard); /* pairs with shard_at's */
    if (io->of_threads)
        return 0;
    may_lend(io);
    cadre_port_offer(io->world, i, &shard->berth.nap);
    return 0;
}

/* Under the lock. */
static int get(struct cadre_self *self, struct io **result)
{
    struct driver *driver = load_relaxed(&self->world->driver); /* set under the lock */
    if (!driver)
        return make(self->world, result);
    *result = container_of(driver, struct io, driver);
    return 0;
}

static int own_shard(struct io *io, const struct worker *worker, struct shard **shard)
{
    uint32_t i = worker->id % io->count;
    int err = shard_at(io, i) ? 0 : start(io, i);
    if (err)
        return err;
    *shard = shard_at(io, i);
    if (!io->of_threads) /* it is awake, and may not lie down for long */
        idle_settle(&worker->crew->idle, i);
    return 0;
}

int driver_shard(struct cadre_self *self, struct shard **shard)
{
    struct world *world = self->world;
    struct io *io;
    if (world->simulated) {
        cadre_port_log(world, LOG_ERROR, "what is outside is not simulated");
        return -ENOTSUP;
    }
    pthread_mutex_lock(&world->outside_lock);
    int err = get(self, &io);
    if (!err)
        err = own_shard(io, self->worker, shard);
    pthread_mutex_unlock(&world->outside_lock);
    return err;
}

/* Is so much a small part of what is left? */
static bool is_small(uint64_t part, uint64_t all, uint64_t taken)
{
    return taken < all && part <= (all - taken) / 4;
}

/* Under the lock. May there be one more? Connections need some of both, too. The kernel
 * gives the lowest descriptor: so those below the newest are taken. */
static bool has_room(const struct io *io, int newest)
{
    enum { DESCRIPTORS = 6 }; /* of one loop */
    const struct heap *heap = &io->world->heap;
    struct rlimit most;
    uint64_t loops = 1;
    for (uint32_t i = 0; i < io->count; i++)
        loops += shard_at(io, i) != NULL;
    /* Relaxed: a number that is compared. */
    return getrlimit(RLIMIT_NOFILE, &most) == 0 &&
           is_small(loops * DESCRIPTORS, most.rlim_cur, (uint64_t)newest) &&
           is_small(loops * sizeof(struct shard), heap->max,
                    load_relaxed(&heap->bytes));
}

void driver_spread(struct shard *own, int newest)
{
    struct world *world = own->world;
    pthread_mutex_lock(&world->outside_lock);
    struct io *io = container_of(load_relaxed(&world->driver), struct io, driver);
    for (uint32_t i = 0; i < io->shared; i++)
        if (!shard_at(io, i) && (!has_room(io, newest) || start(io, i) != 0))
            break; /* it does without */
    pthread_mutex_unlock(&world->outside_lock);
}

/* Is there somebody to run it? */
static bool is_run(const struct io *io, uint32_t i)
{
    struct shard *shard = shard_at(io, i);
    return shard && (io->of_threads || idle_nap(&io->world->sched.crew.idle, i) ||
                     load_relaxed(&shard->berth.is_lent));
}

struct shard *driver_next(struct shard *own, uint32_t *turn)
{
    struct driver *driver = load_acquire(&own->world->driver); /* its maker's */
    const struct io *io = container_of(driver, struct io, driver);
    for (uint32_t i = 0; i < io->shared; i++) {
        uint32_t next = (*turn)++ % io->shared;
        if (is_run(io, next))
            return shard_at(io, next);
    }
    return own;
}
