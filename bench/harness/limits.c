/* limits.c: what the machine itself can do, measured beside the runtime. */
#define _GNU_SOURCE 1
#include "harness/limits.h"

#include "harness/bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ideal;

/* The ideal runtime: a run queue of players, each with a mailbox of notes. Neither knows
 * of this game that there is never a second note, nor how many players are left: so it
 * takes as long as the program that Pony is compared by (tools/compare-report.awk). */
struct note {
    struct note *next;
    uint64_t seen;
};

struct player {
    struct player *next; /* in the run queue */
    struct note *first, **last;
    struct player *peer;
    void (*receive)(struct ideal *ideal, struct player *self, struct note *note);
};

struct ideal {
    struct player *first, **last;
};

static inline void ideal_send(struct ideal *ideal, struct player *to, struct note *note)
{
    if (!to->first) { /* it was idle: it becomes runnable */
        to->next = NULL;
        if (!ideal->first)
            ideal->last = &ideal->first;
        *ideal->last = to;
        ideal->last = &to->next;
    }
    note->next = NULL;
    *to->last = note;
    to->last = &note->next;
}

static inline void ideal_step(struct ideal *ideal)
{
    struct player *player = ideal->first;
    struct note *note = player->first;
    ideal->first = player->next;
    if (!ideal->first)
        ideal->last = &ideal->first;
    player->first = note->next;
    if (!player->first)
        player->last = &player->first;
    player->receive(ideal, player, note);
}

static void player_receive(struct ideal *ideal, struct player *self, struct note *note)
{
    note->seen++;
    ideal_send(ideal, self->peer, note);
}

static void ideal_begin(struct ideal *ideal, struct player *players, struct note *notes,
                        uint64_t pairs)
{
    ideal->last = &ideal->first;
    for (uint64_t i = 0; i < 2 * pairs; i++) {
        players[i].peer = &players[i ^ 1];
        players[i].receive = player_receive;
        players[i].last = &players[i].first;
    }
    for (uint64_t i = 0; i < pairs; i++)
        ideal_send(ideal, &players[2 * i], &notes[i]);
}

int limits_queue(double *total, const void *arg, uint64_t n)
{
    uint64_t pairs = *(const uint64_t *)arg, seen = 0;
    struct player *players = calloc(2 * pairs, sizeof *players);
    struct note *notes = calloc(pairs, sizeof *notes);
    struct ideal ideal = {NULL, NULL};
    if (players && notes) {
        ideal_begin(&ideal, players, notes, pairs);
        int64_t start = bench_now();
        for (uint64_t i = 0; i < n; i++)
            ideal_step(&ideal);
        *total = (double)(bench_now() - start);
        for (uint64_t i = 0; i < pairs; i++)
            seen += notes[i].seen;
    }
    free(notes);
    free(players);
    if (seen == n)
        return 0;
    fprintf(stderr, "queue: out of memory, or a wrong count\n");
    return -1;
}

/* Two threads on two CPUs, who take turns. */
struct duel {
    alignas(128) _Atomic uint64_t turn; /* both write it: the line that moves */
    alignas(128) _Atomic uint32_t bell[2];
    void (*play)(struct duel *duel, uint32_t side);
    uint64_t n;
    pthread_barrier_t start;
    int64_t took;
};

struct duellist {
    struct duel *duel;
    uint32_t side;
    pthread_t thread;
};

static void *fight(void *arg)
{
    struct duellist *self = arg;
    struct duel *duel = self->duel;
    pthread_barrier_wait(&duel->start);
    int64_t start = bench_now();
    duel->play(duel, self->side);
    if (self->side == 0)
        duel->took = bench_now() - start;
    return NULL;
}

/* The first two CPUs this thread may use. */
static bool find_two_cpus(cpu_set_t cpus[2])
{
    cpu_set_t allowed;
    int found = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return false;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            CPU_ZERO(&cpus[found]);
            CPU_SET(cpu, &cpus[found]);
            found++;
        }
    return found == 2;
}

static int start_on(struct duellist *duellist, const cpu_set_t *cpu)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof *cpu, cpu);
    int err = pthread_create(&duellist->thread, &attr, fight, duellist);
    pthread_attr_destroy(&attr);
    return err;
}

static int run_duel(double *total, struct duel *duel)
{
    struct duellist sides[2] = {{duel, 0, 0}, {duel, 1, 0}};
    cpu_set_t cpus[2];
    if (!find_two_cpus(cpus))
        return BENCH_SKIPPED;
    pthread_barrier_init(&duel->start, NULL, 2);
    for (int i = 0; i < 2; i++)
        if (start_on(&sides[i], &cpus[i]) != 0) {
            fprintf(stderr, "cannot create a thread\n");
            return -1; /* a first one stays at the barrier: the program ends anyway */
        }
    pthread_join(sides[0].thread, NULL);
    pthread_join(sides[1].thread, NULL);
    pthread_barrier_destroy(&duel->start);
    *total = (double)duel->took;
    return 0;
}

static void play_hop(struct duel *duel, uint32_t side)
{
    for (uint64_t i = side; i < duel->n; i += 2) {
        while (atomic_load_explicit(&duel->turn, memory_order_acquire) != i)
            ; /* a benchmark of spinning: both have a CPU to themselves */
        atomic_store_explicit(&duel->turn, i + 1, memory_order_release);
    }
}

int limits_hop(double *total, const void *arg, uint64_t n)
{
    struct duel duel = {.play = play_hop, .n = n};
    return run_duel(total, &duel);
}

static void bell_wait(_Atomic uint32_t *bell)
{
    while (atomic_load(bell) == 0)
        syscall(SYS_futex, bell, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    atomic_store(bell, 0);
}

static void bell_ring(_Atomic uint32_t *bell)
{
    atomic_store(bell, 1);
    syscall(SYS_futex, bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void play_futex(struct duel *duel, uint32_t side)
{
    for (uint64_t i = side; i < duel->n; i += 2) {
        bell_wait(&duel->bell[side]);
        bell_ring(&duel->bell[1 - side]);
    }
}

int limits_futex(double *total, const void *arg, uint64_t n)
{
    struct duel duel = {.play = play_futex, .n = n, .bell = {1, 0}};
    return run_duel(total, &duel);
}

struct node {
    alignas(64) struct node *next;
    uint64_t value;
};

/* Returns the sum of the values, 0 to n - 1. */
static uint64_t fill_and_walk(struct node *nodes, uint64_t n)
{
    struct node *first = NULL, **last = &first;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        nodes[i].value = i;
        *last = &nodes[i];
        last = &nodes[i].next;
    }
    *last = NULL;
    for (const struct node *node = first; node; node = node->next)
        sum += node->value;
    return sum;
}

int limits_list(double *total, const void *arg, uint64_t n)
{
    size_t size = n * sizeof(struct node);
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "list: out of memory\n");
        return -1;
    }
    int64_t start = bench_now();
    uint64_t sum = fill_and_walk(memory, n);
    *total = (double)(bench_now() - start);
    munmap(memory, size);
    if (sum == n * (n - 1) / 2)
        return 0;
    fprintf(stderr, "list: a wrong sum\n");
    return -1;
}
