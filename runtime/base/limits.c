/* limits.c: how many CPUs and how much memory this process may use.
 *
 * A container's limits live in its cgroup. Version 2 keeps them in cpu.max and
 * memory.max of the process's own group and of every group above it, and the smallest
 * counts; version 1 keeps them per controller, where a process in a container sees its
 * own group as the mount's root. Files that are missing or odd mean no limit. */
#include "base/limits.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096 };

static bool read_line(char *line, size_t size, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return read;
}

/* cpu.max: "max 100000" or "150000 100000". */
static uint64_t parse_quota_v2(const char *line)
{
    uint64_t quota, period;
    if (sscanf(line, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
        return 0;
    return (quota + period - 1) / period;
}

static uint64_t parse_bytes(const char *line)
{
    uint64_t bytes;
    if (sscanf(line, "%" SCNu64, &bytes) != 1 || bytes > UINT64_MAX / 4)
        return 0; /* "max", or v1's way of saying so */
    return bytes;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* The path behind "0::" in proc/self/cgroup: our group in the v2 tree. */
static bool own_group(char *group, size_t size, const char *root)
{
    char path[PATH_LENGTH], line[PATH_LENGTH];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            found = strlen(line + 3) < size;
            if (found)
                memcpy(group, line + 3, strlen(line + 3) + 1);
        }
    fclose(file);
    return found;
}

/* The smallest limit on the way from our group up to the root of the v2 tree. */
static uint64_t smallest_v2(const char *root, const char *file,
                            uint64_t (*parse)(const char *))
{
    char group[PATH_LENGTH / 2], path[PATH_LENGTH], line[128];
    uint64_t least = 0;
    if (!own_group(group, sizeof group, root))
        return 0;
    for (;;) {
        snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/%s", root, group, file);
        if (read_line(line, sizeof line, path))
            least = smaller(least, parse(line));
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static uint64_t value_v1(const char *root, const char *file)
{
    char path[PATH_LENGTH], line[128];
    snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s", root, file);
    return read_line(line, sizeof line, path) ? parse_bytes(line) : 0;
}

uint32_t limits_quota_cpus_at(const char *root)
{
    uint64_t cpus = smallest_v2(root, "cpu.max", parse_quota_v2);
    uint64_t quota = value_v1(root, "cpu/cpu.cfs_quota_us");
    uint64_t period = value_v1(root, "cpu/cpu.cfs_period_us");
    if (quota && period)
        cpus = smaller(cpus, (quota + period - 1) / period);
    return cpus > UINT32_MAX ? 0 : (uint32_t)cpus;
}

uint64_t limits_cgroup_memory_at(const char *root)
{
    return smaller(smallest_v2(root, "memory.max", parse_bytes),
                   value_v1(root, "memory/memory.limit_in_bytes"));
}

static uint32_t affinity_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t holds */
    return online > 0 ? (uint32_t)online : 1;
}

uint32_t limits_cpus(void)
{
    uint32_t cpus = affinity_cpus(), quota = limits_quota_cpus_at("");
    return quota && quota < cpus ? quota : cpus;
}

uint64_t limits_memory(void)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return smaller(ram, limits_cgroup_memory_at(""));
}
