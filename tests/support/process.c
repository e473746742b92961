/* process.c: what this process holds: threads, descriptors, memory. */
#include "support/process.h"

#include "support/effort.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static unsigned entries(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

unsigned process_threads(unsigned expected)
{
    double end = effort_clock() + 10;
    unsigned n = entries("/proc/self/task");
    while (n > expected && effort_clock() < end) {
        sched_yield();
        n = entries("/proc/self/task");
    }
    return n;
}

unsigned process_descriptors(void)
{
    return entries("/proc/self/fd") - 1; /* not the directory itself */
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
