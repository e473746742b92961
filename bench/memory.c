/* memory.c: how much memory does an idle actor with 16 bytes of state take?
 *
 * A master creates the actors in waves; each tells it once that its start has run, and
 * then idles. The resident set of the process, read by the master before the first and
 * after the last, is the whole truth: control blocks, tables, pools and all. Every run
 * is a process of its own, because memory that an earlier run gave back to the
 * allocator would hide what this one takes. */
#include "harness/bench.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAVE = 1000 }; /* few enough that the messages in flight do not matter */

typedef struct {
    uint64_t none;
} started;
static CADRE_TYPE(started);

struct idler {
    uint64_t state[2];
};

static int idler_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_parent(self), started, 0);
}
static int idler_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class idler = {.name = "idler",
                                  .state_size = sizeof(struct idler),
                                  .start = idler_start,
                                  .receive = idler_receive};

/* The bytes of RAM that this process holds; 0 when /proc does not tell. */
static uint64_t resident_bytes(void)
{
    uint64_t total, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    int found = fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident);
    fclose(file);
    return found == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* What the main program lends the master. */
struct job {
    uint64_t actors, before, after;
};

struct master {
    struct job *job;
    uint64_t spawned, started;
};

static int spawn_wave(cadre_self *self, struct master *me)
{
    for (int i = 0; i < WAVE && me->spawned < me->job->actors; i++, me->spawned++) {
        struct idler init = {{me->spawned, 0}};
        int err = cadre_spawn(self, NULL, &idler, &init);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    me->job->before = resident_bytes();
    return spawn_wave(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, started))
        return cadre_unhandled(self, m);
    if (++me->started < me->spawned)
        return 0;
    if (me->spawned < me->job->actors)
        return spawn_wave(self, me);
    me->job->after = resident_bytes();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static int measure(double *total, uint32_t workers, uint64_t n)
{
    struct job job = {.actors = n};
    int err = trial_run("memory", workers, &master, &(struct master){.job = &job}, n);
    if (err == 0 && job.before == 0) {
        fprintf(stderr, "memory: cannot read /proc/self/statm\n");
        return -1;
    }
    *total = (double)job.after - (double)job.before;
    return err;
}

/* measure() in a child process, which sends the figure through a pipe. */
static int run(double *total, const void *arg, uint64_t n)
{
    int ends[2], status = 1;
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        double figure;
        bool failed = measure(&figure, *(const uint32_t *)arg, n) < 0 ||
                      write(ends[1], &figure, sizeof figure) != sizeof figure;
        _exit(failed);
    }
    close(ends[1]);
    bool got = child > 0 && read(ends[0], total, sizeof *total) == sizeof *total;
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    if (got && status == 0)
        return 0;
    fprintf(stderr, "memory: the measuring process failed\n");
    return -1;
}

int main(int argc, char **argv)
{
    uint64_t actors = 1000000, workers = 1;
    struct bench bench = {
        .name = "memory",
        .question = "How much memory does an idle actor with 16 bytes of state take?",
        .method =
            "growth of the resident set from before the first spawn to the last start",
        .repeat = 3,
        .warmup = 0};
    const struct option_row own[] = {
        {"actors", "N", "actors per run", &actors, .min = 1, .max = 100000000},
        {"workers", "W", "threads", &workers, .min = 1, .max = 1024},
        {0}};
    bench_options(&bench, own, argc, argv);
    uint32_t threads = (uint32_t)workers;
    struct bench_row row = {.name = "memory",
                            .operation = "actor",
                            .unit = BENCH_BYTES,
                            .n = actors,
                            .cpus = threads,
                            .run = run,
                            .arg = &threads};
    snprintf(row.params, sizeof row.params, "workers=%" PRIu32, threads);
    return bench_run(&bench, &row, 1);
}
