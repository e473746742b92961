/* process.c: runs in a process of their own, and the memory a process holds. */
#include "harness/process.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int process_run(double *total, int (*run)(double *total, const void *arg, uint64_t n),
                const void *arg, uint64_t n)
{
    int ends[2], status = SIGHUP; /* as if killed */
    bool got = false;
    if (pipe(ends) == 0) {
        pid_t child = fork();
        if (child == 0) {
            double figure;
            bool failed = run(&figure, arg, n) != 0 ||
                          write(ends[1], &figure, sizeof figure) != sizeof figure;
            _exit(failed);
        }
        close(ends[1]);
        got = child > 0 && read(ends[0], total, sizeof *total) == sizeof *total;
        close(ends[0]);
        if (child > 0)
            waitpid(child, &status, 0);
    }
    if (got && status == 0)
        return 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0) /* else it has said why */
        fprintf(stderr, "a measuring process could not start or did not end\n");
    return -1;
}

uint64_t process_resident_of(pid_t pid)
{
    char path[32];
    uint64_t total, resident;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int found = fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident);
    fclose(file);
    return found == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t process_resident_bytes(void) { return process_resident_of(getpid()); }

uint64_t process_peak_bytes(void)
{
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? (uint64_t)use.ru_maxrss * 1024 : 0;
}

static double sum_children(pid_t pid)
{
    char path[64];
    double sum = 0;
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fscanf(file, "%d", &child) == 1)
        sum += process_cpu_time(child);
    fclose(file);
    return sum;
}

double process_cpu_time(pid_t pid)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(pid, &clock) == 0)
        (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec + sum_children(pid);
}

double process_children_cpu_time(void) { return sum_children(getpid()); }
