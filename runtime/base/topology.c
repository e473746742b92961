/* topology.c: which CPUs are near which.
 *
 * Linux tells it in small files: for each CPU the threads of its core, its package, and
 * for each of its caches who shares it; for each node its CPUs. A file about a set of
 * CPUs is read for the first of them only, and marks them all. core_id is not read: it
 * is unique within a package only, and thread_siblings_list says more.
 *
 * `possible` says which CPUs to ask about. `online` would leave out less, but containers
 * show an invented one, while the affinity mask and the rest stay the machine's. */
#include "base/topology.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LENGTH = 4096, PATH_LENGTH = 4096, CACHES_MAX = 16 };

/* Reads a file of one line, without its end. Too long a line is as good as none. */
static bool read_line(char text[TEXT_LENGTH], const char *root, const char *name)
{
    char path[PATH_LENGTH];
    int length = snprintf(path, sizeof path, "%s/sys/devices/system/%s", root, name);
    FILE *file = (size_t)length < sizeof path ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    bool read = fgets(text, TEXT_LENGTH, file) != NULL;
    fclose(file);
    size_t end = read ? strcspn(text, "\n") : 0;
    if (end == TEXT_LENGTH - 1)
        return false;
    text[end] = '\0';
    return read;
}

/* Takes a number from the front of the text. */
static bool take_number(const char **text, uint32_t *number)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    unsigned long long value = strtoull(*text, &end, 10);
    *number = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    *text = end;
    return true;
}

/* Takes "3" or "3-5", and the comma behind it, from the front of a list. */
static bool take_range(const char **list, uint32_t *first, uint32_t *last)
{
    if (!take_number(list, first))
        return false;
    *last = *first;
    if (**list == '-') {
        ++*list;
        if (!take_number(list, last))
            return false;
    }
    if (**list == '\0')
        return true;
    return *(*list)++ == ',' && isdigit((unsigned char)**list);
}

/* Marks in `set` the CPUs of a list such as "0-3,8". Returns whether it is one. */
static bool parse_list(bool set[TOPOLOGY_CPUS], const char *list)
{
    uint32_t first, last;
    memset(set, 0, TOPOLOGY_CPUS * sizeof *set);
    while (*list) {
        if (!take_range(&list, &first, &last))
            return false;
        for (uint32_t cpu = first; cpu <= last && cpu < TOPOLOGY_CPUS; cpu++)
            set[cpu] = true;
    }
    return true;
}

static bool read_list(bool set[TOPOLOGY_CPUS], const char *root, const char *name)
{
    char text[TEXT_LENGTH];
    return read_line(text, root, name) && parse_list(set, text);
}

/* Gives the CPUs of the set that have no number yet this one. */
static void mark(uint16_t numbers[TOPOLOGY_CPUS], const bool set[TOPOLOGY_CPUS],
                 uint32_t number)
{
    for (uint32_t cpu = 0; cpu < TOPOLOGY_CPUS; cpu++)
        if (set[cpu] && numbers[cpu] == TOPOLOGY_UNKNOWN)
            numbers[cpu] = (uint16_t)number;
}

/* The file lists the CPUs that share something with this one; one that leaves out the
 * CPU itself is not believed. */
static void read_shared(uint16_t numbers[TOPOLOGY_CPUS], const char *root, uint32_t cpu,
                        const char *file)
{
    char name[64];
    bool set[TOPOLOGY_CPUS];
    snprintf(name, sizeof name, "cpu/cpu%u/%s", (unsigned)cpu, file);
    if (read_list(set, root, name) && set[cpu])
        mark(numbers, set, cpu);
}

static void read_core(struct topology *t, const char *root, uint32_t cpu)
{
    if (t->core[cpu] == TOPOLOGY_UNKNOWN) /* else another CPU of the core has told */
        read_shared(t->core, root, cpu, "topology/thread_siblings_list");
}

/* The index of the cache with the highest level, -1 when there is none. */
static int last_cache(const char *root, uint32_t cpu)
{
    char name[64], text[TEXT_LENGTH];
    uint32_t level, highest = 0;
    int last = -1;
    for (int i = 0; i < CACHES_MAX; i++) {
        snprintf(name, sizeof name, "cpu/cpu%u/cache/index%d/level", (unsigned)cpu, i);
        if (!read_line(text, root, name))
            break;
        const char *number = text;
        if (take_number(&number, &level) && level > highest) {
            highest = level;
            last = i;
        }
    }
    return last;
}

static void read_cache(struct topology *t, const char *root, uint32_t cpu)
{
    char file[64];
    int last = t->cache[cpu] == TOPOLOGY_UNKNOWN ? last_cache(root, cpu) : -1;
    snprintf(file, sizeof file, "cache/index%d/shared_cpu_list", last);
    if (last >= 0)
        read_shared(t->cache, root, cpu, file);
}

/* The id may be -1: the firmware has not said. */
static void read_package(struct topology *t, const char *root, uint32_t cpu)
{
    char name[64], text[TEXT_LENGTH];
    const char *at = text;
    uint32_t id;
    snprintf(name, sizeof name, "cpu/cpu%u/topology/physical_package_id",
             (unsigned)cpu);
    if (read_line(text, root, name) && take_number(&at, &id) && *at == '\0' &&
        id < TOPOLOGY_UNKNOWN)
        t->package[cpu] = (uint16_t)id;
}

static void read_nodes(struct topology *t, const char *root)
{
    char name[64];
    bool nodes[TOPOLOGY_CPUS], set[TOPOLOGY_CPUS]; /* Linux has 1,024 nodes at most */
    if (!read_list(nodes, root, "node/online"))
        return;
    for (uint32_t node = 0; node < TOPOLOGY_CPUS; node++) {
        snprintf(name, sizeof name, "node/node%u/cpulist", (unsigned)node);
        if (nodes[node] && read_list(set, root, name))
            mark(t->node, set, node);
    }
}

void topology_read_at(struct topology *t, const char *root)
{
    bool possible[TOPOLOGY_CPUS];
    memset(t, 0xff, sizeof *t); /* all unknown */
    if (!read_list(possible, root, "cpu/possible"))
        return;
    for (uint32_t cpu = 0; cpu < TOPOLOGY_CPUS; cpu++)
        if (possible[cpu]) {
            read_core(t, root, cpu);
            read_cache(t, root, cpu);
            read_package(t, root, cpu);
        }
    read_nodes(t, root);
}

void topology_read(struct topology *t) { topology_read_at(t, ""); }

enum answer { DIFFERENT, UNKNOWN, SAME };

static enum answer same(const uint16_t numbers[TOPOLOGY_CPUS], uint32_t a, uint32_t b)
{
    if (numbers[a] == TOPOLOGY_UNKNOWN || numbers[b] == TOPOLOGY_UNKNOWN)
        return UNKNOWN;
    return numbers[a] == numbers[b] ? SAME : DIFFERENT;
}

uint32_t topology_distance(const struct topology *t, uint32_t cpu_a, uint32_t cpu_b)
{
    if (cpu_a == cpu_b)
        return TOPOLOGY_CORE;
    if (cpu_a >= TOPOLOGY_CPUS || cpu_b >= TOPOLOGY_CPUS)
        return TOPOLOGY_FAR;
    if (same(t->core, cpu_a, cpu_b) == SAME)
        return TOPOLOGY_CORE;
    if (same(t->cache, cpu_a, cpu_b) == SAME)
        return TOPOLOGY_CACHE;
    enum answer node = same(t->node, cpu_a, cpu_b);
    enum answer package = same(t->package, cpu_a, cpu_b);
    if (node != SAME && package != SAME)
        return TOPOLOGY_FAR;
    return node == DIFFERENT || package == DIFFERENT ? TOPOLOGY_PACKAGE : TOPOLOGY_NODE;
}
