/* machine.c: which machine this is, which CPUs are ours, and who else uses them. */
#define _GNU_SOURCE 1
#include "harness/machine.h"

#include "harness/process.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Copies what follows `key` and its separators in the first line that starts with it;
 * an empty key takes the first line. Leaves `value` alone when there is none. */
static void read_value(char *value, size_t size, const char *path, const char *key)
{
    char line[512];
    size_t length = strlen(key);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0)
            continue;
        const char *found = line + length + strspn(line + length, " \t:");
        snprintf(value, size, "%.*s", (int)strcspn(found, "\n"), found);
        break;
    }
    fclose(file);
}

/* The smaller of `least` (0: none) and the quota written as "quota period"; "max" and
 * negative numbers are no quota. */
static double smaller_quota(double least, const char *text)
{
    double quota, period;
    if (sscanf(text, "%lf %lf", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return least;
    return least > 0 && least < quota / period ? least : quota / period;
}

/* Version 1 of cgroups: a container's own group is the root of the mount. Version 2:
 * the smallest counts, from our own group up to the root. */
static double read_quota(void)
{
    char quota[32] = "", period[32] = "", text[80], group[256] = "", path[320];
    read_value(quota, sizeof quota, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "");
    read_value(period, sizeof period, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "");
    snprintf(text, sizeof text, "%s %s", quota, period);
    double least = smaller_quota(0, text);
    read_value(group, sizeof group, "/proc/self/cgroup", "0::");
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
        text[0] = '\0';
        read_value(text, sizeof text, path, "");
        least = smaller_quota(least, text);
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static size_t first_cpu(const cpu_set_t *set)
{
    size_t cpu = 0;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, set))
        cpu++;
    return cpu;
}

static void read_allowed(struct machine *machine)
{
    if (sched_getaffinity(0, sizeof machine->allowed, &machine->allowed) != 0) {
        /* More CPUs than a cpu_set_t holds: the first ones will do. */
        CPU_ZERO(&machine->allowed);
        for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
            CPU_SET(cpu, &machine->allowed);
    }
    machine->cpus = (unsigned)CPU_COUNT(&machine->allowed);
}

void machine_describe(struct machine *machine)
{
    struct utsname system;
    char path[96], load[64] = "0";
    *machine = (struct machine){.cpu = "unknown CPU", .governor = "unknown"};
    read_allowed(machine);
    machine->quota = read_quota();
    read_value(machine->cpu, sizeof machine->cpu, "/proc/cpuinfo", "model name");
    if (uname(&system) == 0)
        snprintf(machine->kernel, sizeof machine->kernel, "%.20s %.40s %.20s",
                 system.sysname, system.release, system.machine);
    snprintf(path, sizeof path,
             "/sys/devices/system/cpu/cpu%zu/cpufreq/scaling_governor",
             first_cpu(&machine->allowed));
    read_value(machine->governor, sizeof machine->governor, path, "");
    read_value(load, sizeof load, "/proc/loadavg", "");
    machine->load = strtod(load, NULL);
#ifdef __clang__
    snprintf(machine->compiler, sizeof machine->compiler, "clang %s",
             __clang_version__);
#else
    snprintf(machine->compiler, sizeof machine->compiler, "gcc %s", __VERSION__);
#endif
#ifndef __OPTIMIZE__
    strncat(machine->compiler, " WITHOUT OPTIMISATION", 22);
#endif
}

void machine_line(char *line, size_t size, const struct machine *machine)
{
    char quota[32] = "no quota";
    if (machine->quota > 0)
        snprintf(quota, sizeof quota, "a quota of %.2g CPUs", machine->quota);
    snprintf(line, size, "%s, %u CPU%s allowed, %s, %s, %s, governor %s, load %.2f",
             machine->cpu, machine->cpus, machine->cpus == 1 ? "" : "s", quota,
             machine->kernel, machine->compiler, machine->governor, machine->load);
}

void machine_pin(const struct machine *machine, unsigned cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && cpus > 0; cpu++)
        if (CPU_ISSET(cpu, &machine->allowed)) {
            CPU_SET(cpu, &set);
            cpus--;
        }
    if (cpus > 0 || CPU_COUNT(&set) == 0)
        set = machine->allowed;
    sched_setaffinity(0, sizeof set, &set);
}

/* Seconds that the CPUs of `set` spent on anybody; 0 when the kernel does not tell. */
static double busy_seconds(const cpu_set_t *set)
{
    char line[512];
    uint64_t sum = 0;
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        unsigned cpu;
        uint64_t user, nice, system, idle, wait, irq, softirq, steal;
        if (sscanf(line,
                   "cpu%u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                   " %" SCNu64 " %" SCNu64 " %" SCNu64,
                   &cpu, &user, &nice, &system, &idle, &wait, &irq, &softirq,
                   &steal) == 9 &&
            cpu < CPU_SETSIZE && CPU_ISSET(cpu, set))
            sum += user + nice + system + irq + softirq + steal;
    }
    fclose(file);
    return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

static double own_seconds(int who)
{
    struct rusage use;
    if (getrusage(who, &use) != 0)
        return 0;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

void machine_use_now(struct machine_use *use, const struct machine *machine)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    use->wall = machine->cpus * ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    use->busy = busy_seconds(&machine->allowed);
    use->own = own_seconds(RUSAGE_SELF) + own_seconds(RUSAGE_CHILDREN) +
               1e-9 * process_children_cpu_time();
}

void machine_use_add(struct machine_use *sum, const struct machine_use *start,
                     const struct machine *machine)
{
    struct machine_use now;
    machine_use_now(&now, machine);
    sum->wall += now.wall - start->wall;
    sum->busy += now.busy - start->busy;
    sum->own += now.own - start->own;
}

double machine_use_foreign(const struct machine_use *use)
{
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    double foreign = use->busy - use->own - 2 * tick;
    return foreign > 0 && use->wall > 0 ? foreign / use->wall : 0;
}
