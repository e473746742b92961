/* storm.c: a storm of failures, on real workers and in virtual time.
 *
 * Three levels of supervisors; every strategy; some back off; all give up soon, so that
 * failures go up to the top, which the root starts again. Each worker has a name, a
 * timer, memory, and a child with a child. However many fail, nothing is left of them:
 * no children, no names, no timers, and no memory but what pools keep. */
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

#include <inttypes.h>
#include <stdio.h>

enum { FLEETS = 4, SHIPS = 3, CREW = 4, SAILORS = FLEETS * SHIPS * CREW };
enum { SMALLEST_BLOCK = 16, REGIONS = 4 << 20 };

typedef struct {
    int nothing;
} go;
static CADRE_TYPE(go);
typedef struct {
    int nothing;
} never;
static CADRE_TYPE(never);

enum count { STARTED, STOPPED, GIVEN_UP };
static struct {
    struct tally tally;
    struct short_heap heap;
    uint64_t enough;
    _Atomic uint64_t failures;
    _Atomic long long early; /* bytes, when few had failed */
    cadre_ref root;          /* written before there are others */
    uint32_t tops;
    bool is_over;
} sea;

static void up(enum count which) { tally_add(&sea.tally, which); }
static uint64_t sum(enum count which) { return tally_sum(&sea.tally, which); }
static void ignore_log(void *user, int level, const char *line) {}
static void no_name(void *user, const char *name, cadre_ref owner) { CHECK(false); }

/* ---- sailors, and what belongs to them ------------------------------------------- */

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int parrot_start(cadre_self *self, void *state)
{
    static const cadre_class egg = {.name = "egg", .receive = ignore};
    up(STARTED);
    return cadre_spawn(self, NULL, &egg, NULL);
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
    up(STARTED);
    snprintf(name, sizeof name, "sailor %u", ((sailor *)state)->index);
    CHECK_EQ(cadre_register(self, name), 0);
    CHECK(cadre_alloc(self, 200) != NULL);
    CHECK_EQ(cadre_after(self, NULL, 3600 * CADRE_SECOND, never, 0), 0);
    CHECK_EQ(cadre_spawn(self, NULL, &parrot, NULL), 0);
    return cadre_send(self, cadre_me(self), go, 0);
}
static int sailor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(cadre_body(m, go) != NULL);
    uint64_t number = atomic_fetch_add(&sea.failures, 1) + 1;
    if (number == sea.enough / 4)
        atomic_store(&sea.early, atomic_load(&sea.heap.bytes));
    if (number == sea.enough)
        CHECK_EQ(cadre_send(self, sea.root, go, 0), 0);
    return number <= sea.enough ? CADRE_EUSER : 0;
}
static const cadre_class sailor_class = {.name = "sailor",
                                         .state_size = sizeof(sailor),
                                         .start = sailor_start,
                                         .receive = sailor_receive,
                                         .stop = count_stop};

/* ---- supervisors ----------------------------------------------------------------- */

static int captain_start(cadre_self *self, void *state)
{
    up(STARTED);
    return cadre_supervisor_class.start(self, state);
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

static cadre_supervisor give_up_soon(uint32_t i, const cadre_child_spec *children,
                                     uint32_t count)
{
    return (cadre_supervisor){.children = children,
                              .count = count,
                              .strategy = (uint8_t)(i % 3),
                              .max_restarts = 3 + i % 3,
                              .within = CADRE_SECOND,
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
    CHECK(late <= atomic_load(&sea.early) + REGIONS +
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
    CHECK_EQ(down->reason, CADRE_ERESTARTS);
    CHECK_EQ(down->starts, ++sea.tops);
    (void)cadre_restart(self, down->child); /* or it has been released meanwhile */
    return 0;
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* workers 0: simulated. */
static void run(uint32_t workers, uint64_t failures)
{
    verdict_begin(1200, "--workers %u --failures %" PRIu64, workers, failures);
    cadre_system *sys = NULL;
    cadre_counters c = {0};
    cadre_config config = {
        .workers = workers ? workers : 3, .seed = workers ? 0 : 1, .log = ignore_log};
    double start = effort_clock();
    tally_clear(&sea.tally);
    atomic_store(&sea.failures, 0);
    sea.enough = failures;
    sea.tops = 0;
    sea.is_over = false;
    short_heap_init(&sea.heap, 0, 0);
    short_heap_serve(&sea.heap, &config);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(sum(STARTED), sum(STOPPED));
    CHECK_EQ(atomic_load(&sea.heap.blocks), 0);
    CHECK(sea.is_over && sum(GIVEN_UP) > 0 && sea.tops > 0);
    printf("%u workers: %" PRIu64 " failures, %" PRIu64 " times given up, %u times at "
           "the top; %" PRIu64 " starts and ends; %.0f failures a second%s\n",
           workers, failures, sum(GIVEN_UP), sea.tops, sum(STARTED),
           (double)failures / (effort_clock() - start),
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
    run(0, failures);
    for (unsigned i = 0; i < n; i++)
        run(workers[i], failures);
    return verdict_print();
}
