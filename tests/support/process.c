/* process.c: what this process holds: threads, descriptors, memory. */
#include "support/process.h"

#include "support/effort.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned entries(const char *path, bool (*counts)(const char *name))
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += counts(e->d_name);
    closedir(dir);
    return n;
}

static bool is_visible(const char *name) { return name[0] != '.'; }

static bool is_worker(const char *thread)
{
    char path[300], name[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool is = fgets(name, sizeof name, file) && strncmp(name, "cadre-", 6) == 0;
    fclose(file);
    return is;
}

unsigned process_workers(void)
{
    double end = effort_clock() + 10;
    unsigned n;
    while ((n = entries("/proc/self/task", is_worker)) > 0 && effort_clock() < end)
        sched_yield();
    return n;
}

unsigned process_descriptors(void)
{
    return entries("/proc/self/fd", is_visible) - 1; /* not the directory itself */
}

uint64_t process_resident(void)
{
    uint64_t size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
