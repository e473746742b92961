/* limits.h: how many CPUs and how much memory this process may use. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

/* CPUs in the affinity mask, capped by the cgroup's quota rounded up; at least 1. */
uint32_t limits_cpus(void);
/* Bytes: the smaller of the cgroup's memory limit and the machine's RAM. */
uint64_t limits_memory(void);

/* The same from a given root instead of "/", for tests: the files it reads are
 * proc/self/cgroup, sys/fs/cgroup/... (v2, or v1's cpu and memory controllers). */
uint32_t limits_quota_cpus_at(const char *root);    /* 0: no quota */
uint64_t limits_cgroup_memory_at(const char *root); /* 0: no limit */

#endif
