/* memory.c: how much memory do an idle actor with 16 bytes of state and a queued message
 * of 8 bytes take?
 *
 * For the actors a master creates them in waves; each tells it once that its start has
 * run, and then idles. For the messages it sends all of them to an actor that cannot run
 * meanwhile, since there is one worker and the master's handler has it. The resident set
 * of the process, read by the master before the first and after the last, is the whole
 * truth: control blocks, tables, pools and all. Every run is a process of its own. */
#include "harness/plan.h"
#include "harness/process.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

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

/* What the main program lends a master. */
struct job {
    uint64_t count, before, after;
};

struct master {
    struct job *job;
    uint64_t spawned, started;
};

static int spawn_wave(cadre_self *self, struct master *me)
{
    for (int i = 0; i < WAVE && me->spawned < me->job->count; i++, me->spawned++) {
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
    me->job->before = process_resident_bytes();
    return spawn_wave(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, started))
        return cadre_unhandled(self, m);
    if (++me->started < me->spawned)
        return 0;
    if (me->spawned < me->job->count)
        return spawn_wave(self, me);
    me->job->after = process_resident_bytes();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

typedef struct {
    uint64_t number;
} letter;
static CADRE_TYPE(letter);

static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, letter) ? 0 : cadre_unhandled(self, m);
}
static const cadre_class reader = {.name = "reader", .receive = reader_receive};

/* The reader has its letters before it is asked to stop, and reads them all. */
static int writer_start(cadre_self *self, void *state)
{
    struct job *job = ((struct master *)state)->job;
    cadre_ref to;
    int err = cadre_spawn(self, &to, &reader, NULL);
    job->before = process_resident_bytes();
    for (uint64_t i = 0; i < job->count && err == 0; i++)
        err = cadre_send(self, to, letter, .number = i);
    job->after = process_resident_bytes();
    return err < 0 ? err : CADRE_STOP;
}
static int writer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class writer = {.name = "writer",
                                   .state_size = sizeof(struct master),
                                   .start = writer_start,
                                   .receive = writer_receive};

static int measure(double *total, const cadre_class *root, uint32_t workers, uint64_t n)
{
    struct job job = {.count = n};
    int err = trial_run("memory", workers, root, &(struct master){.job = &job}, n);
    if (err == 0 && job.before == 0) {
        fprintf(stderr, "memory: cannot read /proc/self/statm\n");
        return -1;
    }
    *total = (double)job.after - (double)job.before;
    return err;
}

static int measure_actors(double *total, const void *arg, uint64_t n)
{
    return measure(total, &master, ((const struct plan_case *)arg)->workers, n);
}
static int run_actors(double *total, const void *arg, uint64_t n)
{
    return process_run(total, measure_actors, arg, n);
}

static int measure_messages(double *total, const void *arg, uint64_t n)
{
    return measure(total, &writer, 1, n);
}
static int run_messages(double *total, const void *arg, uint64_t n)
{
    return process_run(total, measure_messages, arg, n);
}

int main(int argc, char **argv)
{
    uint64_t actors = 1000000, messages = 1000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "memory",
        .question = "How much memory do an idle actor with 16 bytes of state and a "
                    "queued message of 8 bytes take?",
        .method =
            "growth of the resident set from before the first spawn to the last start, "
            "or over the sends",
        .repeat = 3,
        .warmup = 0};
    const struct option_row own[] = {
        {"actors", "N", "actors per run", &actors, .min = 1, .max = 100000000},
        {"messages", "N", "messages per run", &messages, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_sweep(&plan,
               &(struct bench_row){.name = "memory",
                                   .operation = "actor",
                                   .unit = BENCH_BYTES,
                                   .n = actors,
                                   .run = run_actors},
               0);
    plan_add(&plan, &(struct bench_row){.name = "memory-message",
                                        .params = "workers=1",
                                        .operation = "message",
                                        .unit = BENCH_BYTES,
                                        .n = messages,
                                        .cpus = 1,
                                        .run = run_messages});
    return plan_run(&plan, &bench);
}
