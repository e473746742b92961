/* wake.c: how long does an idle system take to handle a message from outside?
 *
 * A thread that is none of the system's reads the clock and tells an actor; the actor
 * reads the clock first of all. Beside it the least that this can take: the same thread
 * reads the clock and wakes a thread at a bare futex, which reads the clock. Systems and
 * futex live side by side and are knocked at in turn, see knock.h. The rows are
 * percentiles, all of the same knocks: the first row's run takes them, the others look
 * them up. */
#include "harness/knock.h"
#include "harness/plan.h"

#include <cadre.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct door {
    struct knock_door knock; /* first */
    uint32_t workers;        /* of the system; 0: a thread at a futex */
    cadre_system *sys;
    pthread_t thread;
    alignas(128) _Atomic uint32_t bell; /* the number of the last knock */
};

typedef struct {
    uint32_t number;
} knock;
static CADRE_TYPE(knock);

struct porter {
    struct door *door;
};

static int porter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int64_t now = bench_now();
    const knock *k = cadre_body(m, knock);
    if (!k)
        return cadre_unhandled(self, m);
    knock_answer(&((struct porter *)state)->door->knock, k->number, now);
    return 0;
}
static const cadre_class porter = {
    .name = "porter", .state_size = sizeof(struct porter), .receive = porter_receive};

static int open_system(struct knock_door *base)
{
    struct door *door = (struct door *)base;
    const cadre_config config = {.workers = door->workers};
    int err = cadre_system_new(&door->sys, &config, &porter, &(struct porter){door});
    if (err < 0)
        fprintf(stderr, "wake: no system: %s\n", cadre_strerror(err));
    return err;
}

static int tell_system(struct knock_door *base, uint32_t number)
{
    const struct door *door = (struct door *)base;
    int err = cadre_tell(door->sys, cadre_system_root(door->sys), knock, number);
    if (err < 0)
        fprintf(stderr, "wake: not told: %s\n", cadre_strerror(err));
    return err;
}

/* Every knock was handled, and each found a worker asleep. */
static int close_system(struct knock_door *base, uint32_t knocks)
{
    struct door *door = (struct door *)base;
    cadre_counters books = {0};
    cadre_system_stop(door->sys);
    int err = cadre_system_wait(door->sys);
    if (err == 0)
        err = cadre_stats(door->sys, &books);
    cadre_system_free(door->sys);
    if (err == 0 && books.accepted == knocks && books.handled == knocks &&
        books.dead + books.dropped + books.pending == 0 && books.parks >= knocks)
        return 0;
    fprintf(stderr,
            "wake: wrong count: %" PRIu32 " knocks, %" PRIu64 " accepted, %" PRIu64
            " handled, %" PRIu64 " times asleep (%s)\n",
            knocks, books.accepted, books.handled, books.parks, cadre_strerror(err));
    return -1;
}

#define BELL_END UINT32_MAX

static void *sleep_at_bell(void *arg)
{
    struct door *door = arg;
    for (uint32_t heard = 0;;) {
        uint32_t number = atomic_load_explicit(&door->bell, memory_order_acquire);
        if (number == BELL_END)
            return NULL;
        if (number != heard)
            knock_answer(&door->knock, number, bench_now());
        else
            syscall(SYS_futex, &door->bell, FUTEX_WAIT_PRIVATE, heard, NULL, NULL, 0);
        heard = number;
    }
}

static int open_bell(struct knock_door *base)
{
    struct door *door = (struct door *)base;
    atomic_store(&door->bell, 0);
    int err = -pthread_create(&door->thread, NULL, sleep_at_bell, door);
    if (err < 0)
        fprintf(stderr, "wake: no thread: %s\n", cadre_strerror(err));
    return err;
}

static int ring_bell(struct knock_door *base, uint32_t number)
{
    struct door *door = (struct door *)base;
    atomic_store_explicit(&door->bell, number, memory_order_release);
    syscall(SYS_futex, &door->bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    return 0;
}

static int close_bell(struct knock_door *base, uint32_t knocks)
{
    ring_bell(base, BELL_END);
    return -pthread_join(((struct door *)base)->thread, NULL);
}

/* What the options say, and what the first row's run leaves to the others. */
static struct {
    uint64_t knocks, pause_us;
    struct door doors[1 + PLAN_WORKERS_MAX];
    struct knock_door *knocks_at[1 + PLAN_WORKERS_MAX];
    size_t count;
} house = {.knocks = 2000, .pause_us = 50};

/* One percentile at one door: the case's size is in per mille. */
static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    size_t d = 0;
    while (house.doors[d].workers != setting->workers)
        d++;
    double took = house.doors[d].knock.took[(n - 1) * setting->size / 1000];
    *total = took * (double)n;
    return took > 0 ? 0 : BENCH_SKIPPED; /* nobody has knocked */
}
static int run_first(double *total, const void *arg, uint64_t n)
{
    int err = knock_at(house.knocks_at, house.count, (uint32_t)n,
                       (int64_t)house.pause_us * 1000);
    return err < 0 ? err : run(total, arg, n);
}

static int add_door(uint32_t workers)
{
    for (size_t d = 0; d < house.count; d++)
        if (house.doors[d].workers == workers)
            return 0;
    struct door *door = &house.doors[house.count];
    *door = (struct door){.workers = workers,
                          .knock = {.open = workers > 0 ? open_system : open_bell,
                                    .ring = workers > 0 ? tell_system : ring_bell,
                                    .close = workers > 0 ? close_system : close_bell}};
    door->knock.took = calloc(house.knocks, sizeof *door->knock.took);
    house.knocks_at[house.count++] = &door->knock;
    if (door->knock.took)
        return 0;
    fprintf(stderr, "wake: out of memory\n");
    return -1;
}

static const struct {
    const char *name;
    struct plan_case futex;
} percentiles[] = {{"p50", {500, 0}}, {"p99", {990, 0}}, {"p99.9", {999, 0}}};
enum { PERCENTILES = sizeof percentiles / sizeof *percentiles };

static int add_rows(struct plan *plan)
{
    const struct bench_row *futex[PERCENTILES];
    struct bench_row row = {
        .operation = "wake-up", .n = house.knocks, .cpus = 2, .run = run_first};
    for (size_t i = 0; i < PERCENTILES; i++) {
        row.name = "futex";
        row.arg = &percentiles[i].futex;
        snprintf(row.params, sizeof row.params, "%s", percentiles[i].name);
        futex[i] = plan_add(plan, &row);
        row.run = run;
    }
    row.name = "wake";
    for (size_t i = 0; i < PERCENTILES; i++) {
        row.ideal = futex[i];
        snprintf(row.params, sizeof row.params, "%s", percentiles[i].name);
        plan_sweep(plan, &row, percentiles[i].futex.size);
    }
    int err = 0;
    for (size_t i = 0; i < plan->count && err == 0; i++)
        err = add_door(((const struct plan_case *)plan->rows[i].arg)->workers);
    return err;
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    struct bench bench = {
        .name = "wake",
        .question = "How long does an idle system take to handle a message?",
        .method = "time from just before a foreign thread's call to the first line of "
                  "the handler",
        .repeat = 7,
        .warmup = 1};
    const struct option_row own[] = {
        {"knocks", "N", "messages per run to each system", &house.knocks, .min = 10,
         .max = 1000000},
        {"pause", "US", "microseconds between falling asleep and the next knock",
         &house.pause_us, .min = 0, .max = 1000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (getenv("CADRE_SEED")) {
        fprintf(stderr,
                "wake: CADRE_SEED is set, and a simulation is no measurement\n");
        return 1;
    }
    return add_rows(&plan) < 0 ? 1 : plan_run(&plan, &bench);
}
