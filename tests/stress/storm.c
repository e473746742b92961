/* storm.c: a storm of failures, on real workers and in virtual time.
 *
 * Three levels of supervisors; every strategy; some back off; all give up soon, so that
 * failures go up to the top, which the root starts again. Each worker has a name, a
 * timer, memory, and a child with a child. However many fail, nothing is left of them:
 * no children, no names, no timers, and no memory but what pools keep; also where the
 * system's memory is enough for a few of them only, so that starts fail all the time. */
#include "stress/tally.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre/actors/supervisor.h>
#include <cadre/arena.h>
#include <cadre/name.h>
#include <cadre/system.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { FLEETS = 4, SHIPS = 3, CREW = 4, SAILORS = FLEETS * SHIPS * CREW };
enum { SMALLEST_BLOCK = 16, REGIONS = 4 << 20 };
enum { CHEST = 1 << 20, LIMIT = 8 * CHEST };

typedef struct {
    int nothing;
} go;
static CADRE_TYPE(go);
typedef struct {
    int nothing;
} never;
static CADRE_TYPE(never);

enum count { STARTED, STOPPED, GIVEN_UP, SHORT };
static struct {
    struct tally tally;
    struct short_heap heap;
    uint64_t enough;
    _Atomic uint64_t failures;
    _Atomic long long early; /* bytes, when few had failed */
    cadre_ref root;          /* written before there are others */
    _Atomic uint32_t tops;   /* failures that went up to there; written by the root */
    bool is_over, is_limited;
    atomic_bool is_told;
} sea;

static void up(enum count which) { tally_add(&sea.tally, which); }
static uint64_t sum(enum count which) { return tally_sum(&sea.tally, which); }
static void ignore_log(void *user, int level, const char *line) {}

/* A start goes on; or memory is short, as it may be. */
static int lacks(int err)
{
    CHECK(err == 0 || (sea.is_limited && (err == -ENOMEM || err == CADRE_EFULL)));
    if (err)
        up(SHORT);
    return err;
}

static void no_name(void *user, const char *name, cadre_ref owner) { CHECK(false); }

/* ---- sailors, and what belongs to them ------------------------------------------- */

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int parrot_start(cadre_self *self, void *state)
{
    static const cadre_class egg = {.name = "egg", .receive = ignore};
    int err = lacks(cadre_spawn(self, NULL, &egg, NULL));
    if (!err)
        up(STARTED);
    return err;
}
static void count_stop(cadre_self *self, void *state, int reason) { up(STOPPED); }

typedef struct {
    uint32_t index;
} sailor;

static int sailor_start(cadre_self *self, void *state)
{
    static const cadre_class parrot = {
        .name = "parrot", .start = parrot_start, .receive = ignore, .stop = count_stop};
    char name[24];
    snprintf(name, sizeof name, "sailor %u", ((sailor *)state)->index);
    int err = cadre_register(self, name);
    if (!err && !cadre_alloc(self, sea.is_limited ? CHEST : 200))
        err = -ENOMEM;
    if (!err)
        err = cadre_after(self, NULL, 3600 * CADRE_SECOND, never, 0);
    if (!err)
        err = cadre_spawn(self, NULL, &parrot, NULL);
    if (!err)
        err = cadre_send(self, cadre_me(self), go, 0);
    if (!lacks(err))
        up(STARTED);
    return err;
}

/* Once; by whoever comes first, or after him where he cannot. */
static void tell_root(cadre_self *self)
{
    if (!atomic_exchange(&sea.is_told, true) &&
        lacks(cadre_send(self, sea.root, go, 0)))
        atomic_store(&sea.is_told, false);
}

static int sailor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(cadre_body(m, go) != NULL);
    uint64_t number = atomic_fetch_add(&sea.failures, 1) + 1;
    if (number == sea.enough / 4)
        atomic_store(&sea.early, atomic_load(&sea.heap.bytes));
    if (number >= sea.enough && atomic_load(&sea.tops) > 0)
        tell_root(self);
    return atomic_load(&sea.is_told) ? 0 : CADRE_EUSER;
}
static const cadre_class sailor_class = {.name = "sailor",
                                         .state_size = sizeof(sailor),
                                         .start = sailor_start,
                                         .receive = sailor_receive,
                                         .stop = count_stop};

/* ---- supervisors ----------------------------------------------------------------- */

static int captain_start(cadre_self *self, void *state)
{
    int err = lacks(cadre_supervisor_class.start(self, state));
    if (!err)
        up(STARTED);
    return err;
}
static int captain_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int result = cadre_supervisor_class.receive(self, state, m);
    if (result == CADRE_ERESTARTS)
        up(GIVEN_UP);
    return result;
}
static void captain_stop(cadre_self *self, void *state, int reason)
{
    up(STOPPED);
    cadre_supervisor_class.stop(self, state, reason);
}
static const cadre_class captain = {.name = "captain",
                                    .state_size = sizeof(cadre_supervisor),
                                    .start = captain_start,
                                    .receive = captain_receive,
                                    .stop = captain_stop};

/* Constant while a system runs. */
static sailor sailors[SAILORS];
static cadre_child_spec crews[SAILORS], ships[FLEETS * SHIPS], fleets[FLEETS];
static cadre_supervisor of_ships[FLEETS * SHIPS], of_fleets[FLEETS], top;

/* However slow the machine is: so few failures are too many at any time, and some of them
 * go up to the top for certain. */
static cadre_supervisor give_up_soon(uint32_t i, const cadre_child_spec *children,
                                     uint32_t count)
{
    return (cadre_supervisor){.children = children,
                              .count = count,
                              .strategy = (uint8_t)(i % 3),
                              .max_restarts = 3 + i % 3,
                              .within = 3600 * CADRE_SECOND,
                              .backoff = i % 2 ? 10000 : 0,
                              .backoff_max = CADRE_MS / 10};
}

static void build(void)
{
    for (uint32_t i = 0; i < SAILORS; i++) {
        sailors[i].index = i;
        crews[i] = (cadre_child_spec){.cls = &sailor_class, .init = &sailors[i]};
    }
    for (uint32_t i = 0; i < FLEETS * SHIPS; i++) {
        of_ships[i] = give_up_soon(i, &crews[i * CREW], CREW);
        ships[i] = (cadre_child_spec){.cls = &captain, .init = &of_ships[i]};
    }
    for (uint32_t i = 0; i < FLEETS; i++) {
        of_fleets[i] = give_up_soon(i, &ships[i * SHIPS], SHIPS);
        fleets[i] = (cadre_child_spec){.cls = &captain, .init = &of_fleets[i]};
    }
    top = give_up_soon(0, fleets, FLEETS);
}

/* ---- the root -------------------------------------------------------------------- */

typedef struct {
    cadre_ref top;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    const cadre_opts opts = {.keep = true};
    sea.root = cadre_me(self);
    int err = cadre_spawn_with(self, &r->top, &captain, &top, &opts);
    return err ? err : cadre_watch(self, NULL, r->top);
}

/* All has ended but the root. */
static int check_is_alone(cadre_self *self)
{
    cadre_counters c = {0};
    cadre_system *sys = cadre_system_of(self);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.actors, 1);
    CHECK_EQ(cadre_system_names(sys, no_name, NULL), 0);
    long long late = atomic_load(&sea.heap.bytes);
    CHECK(sea.is_limited || late <= atomic_load(&sea.early) + REGIONS +
                                        (long long)sea.enough / 2 * SMALLEST_BLOCK);
    sea.is_over = true;
    return CADRE_STOP;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (cadre_body(m, cadre_down))
        return check_is_alone(self);
    if (cadre_body(m, go))
        return cadre_release(self, r->top);
    if (down)
        atomic_store(&sea.tops, down->starts);
    CHECK(!down || down->reason == CADRE_ERESTARTS || sea.is_limited);
    int err = cadre_restart(self, r->top); /* or it has been released meanwhile */
    if (err == -ENOMEM)                    /* it stays down: it is tried again */
        CHECK_EQ(cadre_after(self, NULL, CADRE_MS, never, 0), 0);
    return 0;
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* workers 0: simulated. */
static void run(uint32_t workers, uint64_t failures, bool is_limited)
{
    verdict_begin(1200, "--workers %u --failures %" PRIu64, workers, failures);
    cadre_system *sys = NULL;
    cadre_counters c = {0};
    cadre_config config = {.workers = workers ? workers : 3,
                           .seed = workers ? 0 : 1,
                           .memory_max = is_limited ? LIMIT : 0,
                           .log = ignore_log};
    double start = effort_clock();
    tally_clear(&sea.tally);
    atomic_store(&sea.failures, 0);
    sea.enough = failures;
    atomic_store(&sea.tops, 0);
    sea.is_over = false;
    sea.is_limited = is_limited;
    atomic_store(&sea.is_told, false);
    short_heap_init(&sea.heap, 0, 0);
    short_heap_serve(&sea.heap, &config);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(sum(STARTED), sum(STOPPED));
    CHECK_EQ(atomic_load(&sea.heap.blocks), 0);
    CHECK(sea.is_over && sum(GIVEN_UP) > 0 && atomic_load(&sea.tops) > 0);
    CHECK((sum(SHORT) > 0) == is_limited);
    printf("%u workers: %" PRIu64 " failures, %" PRIu64 " times given up, %u times at "
           "the top; %" PRIu64 " starts and ends, %" PRIu64
           " for want of memory; %.0f failures a second%s\n",
           workers, failures, sum(GIVEN_UP), atomic_load(&sea.tops), sum(STARTED),
           sum(SHORT), (double)failures / (effort_clock() - start),
           verdict_end() ? "" : ", FAILED");
}

int main(int argc, char **argv)
{
    const char *list = "1,2,4";
    uint32_t workers[8];
    uint64_t failures = effort(50000, 1000000);
    const struct option_entry options[] = {
        {"failures", &failures, NULL, "of workers, in each run"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "a storm of failures leaves nothing behind", options);
    unsigned n = options_list(list, workers, 8);
    build();
    run(0, failures, false);
    run(0, failures / 10, true);
    for (unsigned i = 0; i < n; i++) {
        run(workers[i], failures, false);
        run(workers[i], failures / 10, true);
    }
    return verdict_print();
}
