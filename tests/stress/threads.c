/* threads.c: short storms with many threads: made for ThreadSanitizer, which sees every
 * pair of accesses that nothing orders, if only they happen. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { TELLERS = 6, RECEIVERS = 4, CROWD = 64, KILLERS = 4 };

typedef struct {
    uint32_t teller, number;
} word;
CADRE_TYPE(word);

/* Of the scenario that is running. */
static struct {
    uint64_t size; /* how much of everything */
    cadre_system *systems[2];
    _Atomic uint64_t receivers[RECEIVERS], crowd[CROWD];
    atomic_uint_fast64_t accepted, handled, started, stopped, spawned;
    atomic_bool over;
} scene;

static void up(atomic_uint_fast64_t *counter) { atomic_fetch_add(counter, 1); }

static void ignore_log(void *user, int level, const char *line) {}

static void clear(uint64_t size)
{
    scene.size = size;
    atomic_store(&scene.accepted, 0);
    atomic_store(&scene.handled, 0);
    atomic_store(&scene.started, 0);
    atomic_store(&scene.stopped, 0);
    atomic_store(&scene.spawned, 0);
    atomic_store(&scene.over, false);
    for (int i = 0; i < RECEIVERS; i++)
        atomic_store(&scene.receivers[i], 0);
    for (int i = 0; i < CROWD; i++)
        atomic_store(&scene.crowd[i], 0);
}

static cadre_system *start(uint32_t workers, const cadre_class *root)
{
    cadre_system *sys = NULL;
    cadre_config config = {.workers = workers, .batch = 8, .log = ignore_log};
    CHECK_EQ(cadre_system_new(&sys, &config, root, NULL), 0);
    return sys;
}

static void finish(cadre_system *sys, uint64_t actors)
{
    cadre_counters c = {0};
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(c.spawned, actors);
    CHECK_EQ(cadre_system_free(sys), 0);
}

static void run_threads(unsigned n, void *(*run)(void *))
{
    pthread_t threads[16];
    static const uint32_t numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                         8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < n; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)&numbers[i]),
                 0);
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* ---- tellers: each receiver gets the words of each teller in order ---- */

typedef struct {
    uint32_t index;
    uint32_t next[TELLERS]; /* plain: one handler at a time */
} receiver;

static int receiver_start(cadre_self *self, void *state)
{
    atomic_store(&scene.receivers[((receiver *)state)->index], cadre_me(self).id);
    return 0;
}

static int receiver_receive(cadre_self *self, void *state, cadre_msg *m)
{
    word *w = cadre_body(m, word);
    CHECK_EQ(w->number, ((receiver *)state)->next[w->teller]++);
    up(&scene.handled);
    return 0;
}

static const cadre_class receiver_class = {.name = "receiver",
                                           .state_size = sizeof(receiver),
                                           .start = receiver_start,
                                           .receive = receiver_receive};

static int hall_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < RECEIVERS; i++)
        err = cadre_spawn(self, NULL, &receiver_class, &(receiver){.index = i});
    return err;
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class hall_class = {
    .name = "hall", .start = hall_start, .receive = ignore};

static uint64_t address_of(uint32_t index)
{
    uint64_t id = 0;
    while ((id = atomic_load(&scene.receivers[index])) == 0)
        sched_yield();
    return id;
}

static void *tell_all(void *arg)
{
    uint32_t me = *(const uint32_t *)arg;
    for (uint32_t n = 0; n < scene.size; n++)
        for (uint32_t r = 0; r < RECEIVERS; r++) {
            cadre_ref to = {address_of(r)};
            CHECK_EQ(cadre_tell(scene.systems[0], to, word, me, n), 0);
            up(&scene.accepted);
        }
    return NULL;
}

static void tellers(uint64_t size)
{
    clear(size);
    scene.systems[0] = start(3, &hall_class);
    run_threads(TELLERS, tell_all);
    cadre_system_stop(scene.systems[0]);
    CHECK_EQ(cadre_system_wait(scene.systems[0]), 0);
    CHECK_EQ(scene.handled, scene.accepted); /* stop comes after what there was */
    finish(scene.systems[0], RECEIVERS + 1);
}

/* ---- stop while telling, from several threads, several of which wait ---- */

static void *tell_and_stop(void *arg)
{
    uint32_t me = *(const uint32_t *)arg;
    cadre_system *sys = scene.systems[0];
    int err = 0;
    for (uint32_t n = 0; err == 0; n++) {
        err = cadre_tell(sys, (cadre_ref){address_of(n % RECEIVERS)}, word, me,
                         n / RECEIVERS);
        if (err == 0)
            up(&scene.accepted);
        if (n > scene.size && n % TELLERS == me)
            cadre_system_stop(sys);
    }
    CHECK_EQ(err, -ESHUTDOWN);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    return NULL;
}

static void stop_while_telling(uint64_t size)
{
    for (int i = 0; i < 10; i++) {
        clear(size / 10);
        scene.systems[0] = start(2, &hall_class);
        run_threads(TELLERS, tell_and_stop);
        finish(scene.systems[0], RECEIVERS + 1);
    }
}

/* ---- spawn storm: a tree that grows on all workers, and ends from its leaves ---- */

typedef struct {
    uint32_t depth;
} branch;
static int branch_start(cadre_self *self, void *state);
static void branch_stop(cadre_self *self, void *state, int reason)
{
    up(&scene.stopped);
}
static const cadre_class branch_class = {.name = "branch",
                                         .state_size = sizeof(branch),
                                         .start = branch_start,
                                         .receive = ignore,
                                         .stop = branch_stop};

static int branch_start(cadre_self *self, void *state)
{
    uint32_t depth = ((branch *)state)->depth;
    up(&scene.started);
    for (int i = 0; i < 2 && depth > 0; i++) {
        CHECK_EQ(cadre_spawn(self, NULL, &branch_class, &(branch){depth - 1}), 0);
        up(&scene.spawned);
    }
    return depth == 0 ? cadre_stop(self, cadre_me(self)) : 0;
}

static void spawn_storm(uint64_t size)
{
    uint32_t depth = 1;
    while ((UINT64_C(2) << depth) < size)
        depth++;
    clear(size);
    cadre_config config = {.workers = 4, .end_when_quiet = true, .log = ignore_log};
    cadre_system *sys = NULL;
    CHECK_EQ(cadre_system_new(&sys, &config, &branch_class, &(branch){depth}), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(scene.started, (UINT64_C(2) << depth) - 1);
    CHECK_EQ(scene.stopped, scene.started);
    finish(sys, scene.started);
}

/* ---- kill storm: everybody kills, stops and writes to everybody ---- */

typedef struct {
    struct dice dice;
    uint32_t index;
    uint32_t left;
} killer;

static int victim_start(cadre_self *self, void *state)
{
    up(&scene.started);
    atomic_store(&scene.crowd[*(uint32_t *)state % CROWD], cadre_me(self).id);
    return 0;
}

static int victim_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_spawn(self, NULL, m->from.id ? &receiver_class : NULL,
                       &(receiver){.index = *(uint32_t *)state % RECEIVERS});
}

static const cadre_class victim_class = {.name = "victim",
                                         .state_size = sizeof(uint32_t),
                                         .start = victim_start,
                                         .receive = victim_receive,
                                         .stop = branch_stop};

static int strike(cadre_self *self, killer *k)
{
    uint32_t place = dice_below(&k->dice, CROWD);
    cadre_ref who = {atomic_load(&scene.crowd[place])};
    switch (dice_below(&k->dice, 4)) {
    case 0:
        return cadre_kill(self, who, CADRE_EUSER);
    case 1:
        return cadre_stop(self, who);
    case 2:
        return cadre_spawn(self, NULL, &victim_class, &place);
    default:
        return cadre_send(self, who, word, k->index, 0);
    }
}

static int killer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    killer *k = state;
    for (int i = 0; i < 8; i++)
        CHECK_EQ(strike(self, k), 0);
    if (k->left-- == 0)
        return CADRE_STOP;
    CHECK_EQ(cadre_send(self, cadre_me(self), word, k->index, 0), 0);
    return 0;
}

static int killer_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), word, 0, 0);
}

static const cadre_class killer_class = {.name = "killer",
                                         .state_size = sizeof(killer),
                                         .start = killer_start,
                                         .receive = killer_receive};

static int arena_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < KILLERS; i++) {
        killer k = {dice_new(scene.size, i), i, (uint32_t)scene.size};
        err = cadre_spawn(self, NULL, &killer_class, &k);
    }
    return err;
}

static const cadre_class arena_class = {
    .name = "arena", .start = arena_start, .receive = ignore};

static void *watch(void *arg)
{
    cadre_counters c;
    while (!atomic_load(&scene.over)) {
        CHECK_EQ(cadre_stats(scene.systems[0], &c), 0);
        sched_yield();
    }
    return NULL;
}

static void kill_storm(uint64_t size)
{
    pthread_t watcher;
    cadre_counters c = {0};
    clear(size / 8);
    cadre_config config = {
        .workers = 4, .batch = 4, .end_when_quiet = true, .log = ignore_log};
    CHECK_EQ(cadre_system_new(&scene.systems[0], &config, &arena_class, NULL), 0);
    CHECK_EQ(pthread_create(&watcher, NULL, watch, NULL), 0);
    CHECK_EQ(cadre_system_wait(scene.systems[0]), 0);
    atomic_store(&scene.over, true);
    pthread_join(watcher, NULL);
    CHECK_EQ(scene.stopped, scene.started);
    CHECK_EQ(cadre_stats(scene.systems[0], &c), 0);
    finish(scene.systems[0], c.spawned);
}

/* ---- two systems tell each other ---- */

typedef struct {
    uint32_t system;
    uint32_t next;
} mirror;

static int mirror_receive(cadre_self *self, void *state, cadre_msg *m)
{
    mirror *me = state;
    uint32_t other = 1 - me->system, number = cadre_body(m, word)->number;
    cadre_system *sys = scene.systems[other];
    CHECK_EQ(number, me->next++);
    up(&scene.handled);
    if (number == scene.size)
        return CADRE_STOP;
    int err = cadre_tell(sys, cadre_system_root(sys), word, 0, number + (other == 0));
    CHECK(err == 0 || err == -ESHUTDOWN);
    return me->system == 1 && number + 1 == scene.size ? CADRE_STOP : 0;
}

static const cadre_class mirror_class = {
    .name = "mirror", .state_size = sizeof(mirror), .receive = mirror_receive};

static void two_systems(uint64_t size)
{
    cadre_config config = {.workers = 2, .log = ignore_log};
    clear(size);
    for (uint32_t i = 0; i < 2; i++)
        CHECK_EQ(cadre_system_new(&scene.systems[i], &config, &mirror_class,
                                  &(mirror){.system = i}),
                 0);
    cadre_ref first = cadre_system_root(scene.systems[0]);
    CHECK_EQ(cadre_tell(scene.systems[0], first, word, 0, 0), 0);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(cadre_system_wait(scene.systems[i]), 0);
    CHECK_EQ(scene.handled, 2 * size + 1);
    for (int i = 0; i < 2; i++)
        finish(scene.systems[i], 1);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*run)(uint64_t size);
    uint64_t size;
} storms[] = {{"tellers", tellers, 20000},
              {"stop_while_telling", stop_while_telling, 50000},
              {"spawn_storm", spawn_storm, 200000},
              {"kill_storm", kill_storm, 100000},
              {"two_systems", two_systems, 30000}};

int main(int argc, char **argv)
{
    uint64_t times = effort_is_long() ? 100 : 1;
    const struct option_entry options[] = {{"times", &times, NULL, "how often"}, {0}};
    options_read(argc, argv, "short storms with many threads", options);
    for (unsigned i = 0; i < sizeof storms / sizeof storms[0]; i++) {
        double begin = effort_clock();
        verdict_begin(120, "--times %" PRIu64, times);
        for (uint64_t n = 0; n < times && !verdict_has_failed(); n++)
            storms[i].run(storms[i].size / EFFORT_SLOWDOWN);
        printf("%s: %s, %.2f s\n", storms[i].name, verdict_end() ? "ok" : "FAILED",
               effort_clock() - begin);
    }
    return verdict_print();
}
