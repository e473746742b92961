/* knock.c: how long does it take from the call that wakes a sleeper until he runs? */
#define _GNU_SOURCE 1
#include "harness/knock.h"

#include "harness/bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(10000000000) /* then a wake-up counts as lost */

/* The state stands behind the name, and the name in brackets may hold anything. A
 * thread that has ended meanwhile disturbs nobody. */
static bool is_asleep(const char *thread)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && strncmp(name_end, ") S", 3) == 0;
}

static bool are_others_asleep(void)
{
    long me = syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    bool asleep = tasks;
    for (struct dirent *task; asleep && (task = readdir(tasks));) {
        long thread = strtol(task->d_name, NULL, 10); /* 0: "." and ".." */
        if (thread > 0 && thread != me)
            asleep = is_asleep(task->d_name);
    }
    if (tasks)
        closedir(tasks);
    return asleep;
}

static int wait_until_asleep(int64_t pause_ns)
{
    int64_t start = bench_now();
    while (!are_others_asleep())
        if (bench_now() - start > PATIENCE_NS) {
            fprintf(stderr, "the threads to be woken do not fall asleep\n");
            return -1;
        }
    int64_t idle = bench_now() + pause_ns;
    while (bench_now() < idle)
        ; /* awake: the knocking CPU is not to fall asleep itself */
    return 0;
}

void knock_answer(struct knock_door *door, uint32_t number, int64_t now)
{
    door->woke = now;
    atomic_store_explicit(&door->answered, number, memory_order_release);
}

static int knock_once(struct knock_door *door, uint32_t number)
{
    int64_t start = bench_now();
    int err = door->ring(door, number);
    if (err < 0)
        return err;
    while (atomic_load_explicit(&door->answered, memory_order_acquire) != number)
        if (bench_now() - start > PATIENCE_NS) {
            fprintf(stderr, "wake-up %" PRIu32 " was lost\n", number);
            return -1;
        }
    door->took[number - 1] = (double)(door->woke - start);
    return 0;
}

static int knock_in_turn(struct knock_door *const *doors, size_t count, uint32_t knocks,
                         int64_t pause_ns)
{
    int err = 0;
    for (uint32_t number = 1; number <= knocks && err == 0; number++)
        for (size_t d = 0; d < count && err == 0; d++) {
            err = wait_until_asleep(pause_ns);
            if (err == 0)
                err = knock_once(doors[d], number);
        }
    return err;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int open_all(struct knock_door *const *doors, size_t count)
{
    int err = 0;
    for (size_t d = 0; d < count && err == 0; d++) {
        atomic_store(&doors[d]->answered, 0);
        err = doors[d]->open(doors[d]);
    }
    return err;
}

static int close_all(struct knock_door *const *doors, size_t count, uint32_t knocks)
{
    int err = 0;
    for (size_t d = 0; d < count; d++) {
        if (doors[d]->close(doors[d], knocks) < 0)
            err = -1;
        qsort(doors[d]->took, knocks, sizeof *doors[d]->took, compare);
    }
    return err;
}

static void confine(const cpu_set_t *cpus)
{
    /* It was allowed a moment ago; if not any more, the figures only spread more. */
    (void)sched_setaffinity(0, sizeof *cpus, cpus);
}

int knock_at(struct knock_door *const *doors, size_t count, uint32_t knocks,
             int64_t pause_ns)
{
    cpu_set_t allowed, mine, theirs;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        return BENCH_SKIPPED;
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&mine);
    CPU_SET(cpu, &mine);
    theirs = allowed;
    CPU_CLR(cpu, &theirs);
    confine(&theirs);
    int err = open_all(doors, count);
    confine(&mine);
    if (err == 0)
        err = knock_in_turn(doors, count, knocks, pause_ns);
    confine(&allowed);
    if (err == 0)
        err = close_all(doors, count, knocks);
    return err < 0 ? -1 : 0;
}
