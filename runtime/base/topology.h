/* topology.h: which CPUs are near which. */
#ifndef BASE_TOPOLOGY_H
#define BASE_TOPOLOGY_H

#include <stdint.h>

enum { TOPOLOGY_CPUS = 1024 }; /* CPUs with a greater number are unknown */

/* How far a cache line travels from one CPU to another. */
enum {
    TOPOLOGY_CORE,    /* same CPU, or threads of one core */
    TOPOLOGY_CACHE,   /* same last-level cache */
    TOPOLOGY_NODE,    /* same NUMA node and package */
    TOPOLOGY_PACKAGE, /* a package of several nodes, or a node of several packages */
    TOPOLOGY_FAR      /* neither, or nobody knows */
};

/* The caller's memory, 8 KiB. Each number names a set that the CPU is in; equal numbers
 * are the same set. Constant once it is read, so that any thread may ask. */
struct topology { /* by CPU; or TOPOLOGY_UNKNOWN */
    uint16_t core[TOPOLOGY_CPUS];
    uint16_t cache[TOPOLOGY_CPUS];
    uint16_t node[TOPOLOGY_CPUS];
    uint16_t package[TOPOLOGY_CPUS];
};
#define TOPOLOGY_UNKNOWN UINT16_MAX

/* Reads this machine's. What /sys hides, or says oddly, is unknown and no error: with no
 * /sys at all every CPU is far from every other. A few files per core. */
void topology_read(struct topology *t);
/* The same from a given root instead of "/", for tests: the files it reads are in
 * sys/devices/system/cpu and sys/devices/system/node. */
void topology_read_at(struct topology *t, const char *root);

/* Any numbers, known or not; the same both ways. */
uint32_t topology_distance(const struct topology *t, uint32_t cpu_a, uint32_t cpu_b);

#endif
