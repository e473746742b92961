/* world.h: what all the actors of one system share. */
#ifndef ACTOR_WORLD_H
#define ACTOR_WORLD_H

#include "actor/gauge.h"
#include "actor/names.h"
#include "actor/table.h"
#include "base/log.h"
#include "mem/pool.h"
#include "queue/list.h"
#include "sched/blocking.h"
#include "sched/sched.h"

#include <cadre/offload.h>

enum { REPORT_LINES = 1024, REPORT_PLACES = 2 * REPORT_LINES }; /* half full */

enum { ACCOUNT_CHAINS = 256 };

/* A line of the final report: messages of one type that one actor left unhandled. */
struct report_line {
    uint64_t to;
    const char *actor;
    const cadre_type *type;
    uint64_t count;
};

/* What is outside, of a library of its own (port.h). */
struct driver {
    void (*stop)(struct driver *driver); /* closes all ports; no actor is left */
    void (*release)(struct driver *driver);
    bool (*makes)(const cadre_type *type); /* is it a message of a port's? */
};

struct world {
    struct heap heap;
    struct pool_depot depot;
    struct table table;
    struct names names;
    struct gauges gauges;
    struct sched sched;
    struct blocking blocking[CADRE_POOLS];
    ATOMIC(struct driver *)
    driver; /* NULL until it is first used; set under the lock */
    struct log log;
    uint32_t io_threads; /* of that; constant */
    uint64_t tag;        /* of its addresses: 1..255 */
    bool simulated;
    bool records;           /* messages are noted, too: config.record_messages */
    bool orphaned;          /* in the child of a fork: its threads are gone */
    ATOMIC(uint64_t) trace; /* simulated: the hash of what happened; its one thread's */
    struct cadre_system *system; /* opaque here; for cadre_system_of */
    /* Of actors with a process of their own: whence they come, and which types they know;
     * NULL: there are none. And in such a process: the way out; else NULL. Constant. */
    struct isolation *isolation;
    const struct image *image;
    struct uplink *uplink;
    uint64_t outer_parent; /* there: of the root; else 0 */

    struct cadre_self *selves;  /* one per worker ... */
    struct cadre_self *outside; /* ... and one for all other threads, under the lock */
    pthread_mutex_t outside_lock;

    /* How many actors were, so that aloof workers get them in turn; whoever spawns. */
    ATOMIC(uint32_t) pinned;
    ATOMIC(bool) stopping; /* the root was asked to stop, or is ending */
    /* The system closes (closing.h). Whoever shuts it down, once, under the outside lock;
     * the rest under it: who is to be told, and how long it may take to drain. */
    ATOMIC(bool) closing;
    struct list closings;
    cadre_time drain_until;
    void (*root_ended)(struct world *world, int reason); /* once, by the root's turn */

    /* Futures and raises that threads have not freed; whoever makes or frees one. */
    ATOMIC(uint32_t) handles;
    ATOMIC(uint32_t) calls; /* that threads have made; by the same */
    struct list raises;     /* all there are (apply.h); under the outside lock */
    struct log_limit dead_log, fail_log, misuse_log, cycle_log, over_log;
    pthread_mutex_t accounts_lock;        /* usage.h: */
    struct list accounts[ACCOUNT_CHAINS]; /* of actors that have a budget */
    pthread_mutex_t report_lock;
    struct report_line *report; /* a hash table; the last one stands for the rest */
    uint32_t report_used;
};

/* FNV-1a of a name, which unlike its address is the same in every run. */
static inline uint64_t name_hash(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; name && *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* An address as it is in every run: without the tag and with generations from 1. */
static inline uint64_t world_relative(const struct world *world, uint64_t id)
{
    return (id << 8) - ((uint64_t)(world->table.first_generation - 1) << 8);
}

/* An FNV-1a step over whole words: anything that must replay is fed to it. */
static inline void world_trace(struct world *world, uint64_t what)
{
    if (unlikely(world->simulated))
        store_relaxed(&world->trace,
                      (load_relaxed(&world->trace) ^ what) * UINT64_C(0x100000001b3));
}

#endif
