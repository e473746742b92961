/* supervise.c: what does it cost to heal, and to know that somebody has ended?
 *
 * restart: one actor fails on the message that it sends itself at its start, and is
 * started again, by a parent that does so by hand, and by a supervisor: from one start to
 * the next. storm: many such actors at once, each with a timer and a name, below
 * supervisors that give up again and again and are started again themselves; some back
 * off. tree: supervisors with workers below start, each after the one before, and are
 * ended in reverse order. watch: actors are spawned, watched, and end; ended is the same
 * without the watch.
 *
 * Each run checks itself: as many starts as ends, the order in a tree, exactly one news
 * of each end, and that no actor and no name is left in the system. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/actors/supervisor.h>
#include <cadre/name.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { BURST = 1000, BELOW = 5, WIDTH = 1000, STORM_MAX = 1000 };

typedef struct {
    int nothing;
} again;
static CADRE_TYPE(again);

/* What the actors of a run add to. */
static struct {
    atomic_uint_fast64_t starts, stops, failures, news, wrong;
    uint64_t enough; /* failures, or ends */
    int64_t start, end;
    cadre_ref root, top;
} facts;

static void ignore_log(void *user, int level, const char *line) {}
static void ignore_name(void *user, const char *name, cadre_ref owner) {}

/* The root is the only one, and there are no names. */
static int check_is_alone(cadre_self *self)
{
    cadre_counters books;
    int err = cadre_stats(cadre_system_of(self), &books);
    facts.wrong += err || books.actors != 1 ||
                   cadre_system_names(cadre_system_of(self), ignore_name, NULL) != 0;
    return CADRE_STOP;
}

/* As trial_run, but messages may have become dead letters: with whom they failed on. */
static int run_mortals(const struct plan_case *setting, const cadre_class *root,
                       uint64_t enough)
{
    const cadre_config config = {.workers = setting->workers, .log = ignore_log};
    cadre_system *sys = NULL;
    cadre_counters books = {0};
    memset(&facts, 0, sizeof facts);
    facts.enough = enough;
    if (trial_refuse_simulation("supervise") < 0)
        return -1;
    int err = cadre_system_new(&sys, &config, root, setting);
    if (err == 0)
        err = cadre_system_wait(sys);
    if (err == 0)
        err = cadre_stats(sys, &books);
    cadre_system_free(sys);
    if (err == 0 && facts.wrong == 0 && facts.starts == facts.stops &&
        facts.starts >= enough &&
        books.accepted == books.handled + books.dead + books.dropped &&
        books.pending == 0)
        return 0;
    fprintf(stderr,
            "supervise: %s; %" PRIuFAST64 " starts, %" PRIuFAST64 " ends, %" PRIuFAST64
            " things were wrong, %" PRIu64 " messages are left\n",
            cadre_strerror(err), facts.starts, facts.stops, facts.wrong, books.pending);
    return -1;
}

/* ---- one that fails, again and again --------------------------------------------- */

static int mortal_start(cadre_self *self, void *state)
{
    if (facts.starts++ == 0)
        facts.start = bench_now();
    return cadre_send(self, cadre_me(self), again, 0);
}
static int mortal_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (facts.failures++ < facts.enough)
        return CADRE_EUSER;
    facts.end = bench_now();
    int err = cadre_send(self, facts.root, again, 0);
    return err ? err : CADRE_STOP;
}
static void mortal_stop(cadre_self *self, void *state, int reason) { facts.stops++; }
static const cadre_class mortal = {.name = "mortal",
                                   .start = mortal_start,
                                   .receive = mortal_receive,
                                   .stop = mortal_stop};

static int by_hand_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.keep = true};
    facts.root = cadre_me(self);
    return cadre_spawn_with(self, NULL, &mortal, NULL, &opts);
}
static int by_hand_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return CADRE_STOP;
    return down->reason ? cadre_restart(self, down->child) : 0;
}
static const cadre_class by_hand = {
    .name = "by hand", .start = by_hand_start, .receive = by_hand_receive};

static int supervised_start(cadre_self *self, void *state)
{
    static const cadre_child_spec spec = {.cls = &mortal, .when = CADRE_TRANSIENT};
    const cadre_supervisor config = {
        .children = &spec, .count = 1, .max_restarts = UINT32_MAX, .within = 1};
    facts.root = cadre_me(self);
    return cadre_spawn(self, NULL, &cadre_supervisor_class, &config);
}
static const cadre_class supervised = {
    .name = "supervised", .start = supervised_start, .receive = by_hand_receive};

static int run_by_hand(double *total, const void *arg, uint64_t n)
{
    int err = run_mortals(arg, &by_hand, n);
    *total = (double)(facts.end - facts.start);
    return err;
}
static int run_supervised(double *total, const void *arg, uint64_t n)
{
    int err = run_mortals(arg, &supervised, n);
    *total = (double)(facts.end - facts.start);
    return err;
}

/* ---- a storm --------------------------------------------------------------------- */

typedef struct {
    uint32_t index;
} sailor;
static sailor sailors[STORM_MAX][BELOW];
static cadre_child_spec crews[STORM_MAX][BELOW], ships[STORM_MAX];
static cadre_supervisor captains[STORM_MAX];

static int sailor_start(cadre_self *self, void *state)
{
    char name[24];
    snprintf(name, sizeof name, "sailor %u", ((sailor *)state)->index);
    facts.starts++;
    facts.wrong += cadre_register(self, name) != 0;
    int err = cadre_after(self, NULL, 3600 * CADRE_SECOND, again, 0);
    return err || facts.failures >= facts.enough
               ? err
               : cadre_send(self, cadre_me(self), again, 0);
}
static int sailor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t before = facts.failures++;
    if (before + 1 == facts.enough)
        facts.wrong += cadre_send(self, facts.root, again, 0) != 0;
    return before < facts.enough ? CADRE_EUSER : 0;
}
static const cadre_class sailor_class = {.name = "sailor",
                                         .state_size = sizeof(sailor),
                                         .start = sailor_start,
                                         .receive = sailor_receive,
                                         .stop = mortal_stop};

/* Every strategy; every second one backs off; all give up soon. */
static void build_ships(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < BELOW; k++) {
            sailors[i][k].index = i * BELOW + k;
            crews[i][k] =
                (cadre_child_spec){.cls = &sailor_class, .init = &sailors[i][k]};
        }
        captains[i] = (cadre_supervisor){.children = crews[i],
                                         .count = BELOW,
                                         .strategy = (uint8_t)(i % 3),
                                         .max_restarts = 5,
                                         .within = CADRE_SECOND,
                                         .backoff = i % 2 ? 20000 : 0,
                                         .backoff_max = CADRE_MS};
        ships[i] =
            (cadre_child_spec){.cls = &cadre_supervisor_class, .init = &captains[i]};
    }
}

static int storm_start(cadre_self *self, void *state)
{
    uint32_t count = (uint32_t)((const struct plan_case *)state)->size;
    const cadre_supervisor config = {
        .children = ships, .count = count, .max_restarts = UINT32_MAX, .within = 1};
    build_ships(count);
    facts.root = cadre_me(self);
    facts.start = bench_now();
    int err = cadre_spawn(self, &facts.top, &cadre_supervisor_class, &config);
    return err ? err : cadre_watch(self, NULL, facts.top);
}
static int storm_receive(cadre_self *self, void *state, cadre_msg *m)
{
    facts.end = facts.end ? facts.end : bench_now();
    return cadre_body(m, cadre_down) ? check_is_alone(self)
                                     : cadre_stop(self, facts.top);
}
static const cadre_class storm = {.name = "storm",
                                  .state_size = sizeof(struct plan_case),
                                  .start = storm_start,
                                  .receive = storm_receive};

static int run_storm(double *total, const void *arg, uint64_t n)
{
    int err = run_mortals(arg, &storm, n);
    *total = (double)(facts.end - facts.start);
    return err;
}

/* ---- a tree ---------------------------------------------------------------------- */

typedef struct {
    uint64_t number;
} leaf;
static cadre_child_spec leaves[WIDTH];

static int leaf_start(cadre_self *self, void *state)
{
    ((leaf *)state)->number = facts.starts++;
    return 0;
}
static void leaf_stop(cadre_self *self, void *state, int reason)
{
    facts.wrong += ((leaf *)state)->number != facts.starts - 1 - facts.stops++;
}
static const cadre_class leaf_class = {.name = "leaf",
                                       .state_size = sizeof(leaf),
                                       .start = leaf_start,
                                       .receive = mortal_receive,
                                       .stop = leaf_stop};

static int tree_start(cadre_self *self, void *state)
{
    static const cadre_supervisor branch = {
        .children = leaves, .count = WIDTH, .late = true, .start_timeout = CADRE_NEVER};
    for (uint32_t i = 0; i < WIDTH; i++)
        leaves[i] = (cadre_child_spec){.cls = &leaf_class};
    const uint32_t count = (uint32_t)((facts.enough + WIDTH - 1) / WIDTH);
    for (uint32_t i = 0; i < count; i++)
        ships[i] = (cadre_child_spec){
            .cls = &cadre_supervisor_class, .init = &branch, .late = true};
    const cadre_supervisor top = {
        .children = ships, .count = count, .late = true, .start_timeout = CADRE_NEVER};
    facts.start = bench_now();
    int err = cadre_spawn(self, &facts.top, &cadre_supervisor_class, &top);
    return err ? err : cadre_watch(self, NULL, facts.top);
}
/* The first time: of its start; the second: of its end. */
static int tree_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t stops = ((const struct plan_case *)state)->size;
    facts.end = !cadre_body(m, cadre_down) || stops ? bench_now() : facts.end;
    if (cadre_body(m, cadre_down))
        return check_is_alone(self);
    facts.start = stops ? bench_now() : facts.start;
    return cadre_stop(self, facts.top);
}
static const cadre_class tree = {.name = "tree",
                                 .state_size = sizeof(struct plan_case),
                                 .start = tree_start,
                                 .receive = tree_receive};

static int run_tree(double *total, const void *arg, uint64_t n)
{
    int err = run_mortals(arg, &tree, n);
    *total = (double)(facts.end - facts.start);
    return err;
}

/* ---- to know of an end ----------------------------------------------------------- */

static int brief_start(cadre_self *self, void *state)
{
    facts.starts++;
    return *(bool *)state ? 0 : cadre_send(self, cadre_parent(self), again, 0);
}
static int brief_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}
static const cadre_class brief = {.name = "brief",
                                  .state_size = sizeof(bool),
                                  .start = brief_start,
                                  .receive = brief_receive,
                                  .stop = mortal_stop};

static int make_burst(cadre_self *self, bool watches)
{
    int err = 0;
    for (int i = 0; i < BURST && err == 0; i++) {
        cadre_ref who;
        err = cadre_spawn(self, &who, &brief, &watches);
        if (err == 0)
            err = cadre_send(self, who, again, 0);
        if (err == 0 && watches)
            err = cadre_watch(self, NULL, who);
    }
    return err;
}
static int watcher_start(cadre_self *self, void *state)
{
    facts.start = bench_now();
    return make_burst(self, ((const struct plan_case *)state)->size);
}
static int watcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    bool watches = ((const struct plan_case *)state)->size;
    facts.wrong += !cadre_body(m, cadre_down) == watches;
    if (++facts.news % BURST > 0)
        return 0;
    facts.end = bench_now();
    return facts.news < facts.enough ? make_burst(self, watches) : CADRE_STOP;
}
static const cadre_class watcher = {.name = "watcher",
                                    .state_size = sizeof(struct plan_case),
                                    .start = watcher_start,
                                    .receive = watcher_receive};

static int run_watches(double *total, const void *arg, uint64_t n)
{
    int err = run_mortals(arg, &watcher, n);
    *total = (double)(facts.end - facts.start);
    if (err == 0 && facts.news != n) {
        fprintf(stderr, "supervise: %" PRIuFAST64 " news of %" PRIu64 " ends\n",
                facts.news, n);
        err = -1;
    }
    return err;
}

static void add_row(struct plan *plan, struct bench_row row, uint64_t size)
{
    if (!row.params[0])
        snprintf(row.params, sizeof row.params, "actors=%" PRIu64, row.n);
    plan_sweep(plan, &row, size);
}

int main(int argc, char **argv)
{
    uint64_t failures = 200000, actors = 100000, watches = 1000000, size = 100;
    struct plan plan = {0};
    struct bench bench = {
        .name = "supervise",
        .question = "What does it cost to restart an actor, to start and end a tree of "
                    "them in order, and to know of an end?",
        .method =
            "restart, storm: from the first start to the last failure; tree: from "
            "the spawn to the ready, from the stop to the news of the end; watch: "
            "from the first spawn to the last news",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"failures", "N", "failures per run", &failures, .min = 1, .max = 1000000000},
        {"actors", "N", "workers in the tree", &actors, .min = 1,
         .max = (uint64_t)STORM_MAX * WIDTH},
        {"watches", "N", "actors that are watched", &watches, .min = BURST,
         .max = 1000000000},
        {"ships", "N", "supervisors in the storm", &size, .min = 1, .max = STORM_MAX},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    actors = (actors + WIDTH - 1) / WIDTH * WIDTH;
    watches = plan_whole(watches, BURST);
    struct bench_row row = {.operation = "failure", .n = failures};
    row.name = "restart";
    row.run = run_by_hand;
    snprintf(row.params, sizeof row.params, "by=hand");
    add_row(&plan, row, 0);
    row.run = run_supervised;
    snprintf(row.params, sizeof row.params, "by=supervisor");
    add_row(&plan, row, 0);
    row.name = "storm";
    row.run = run_storm;
    snprintf(row.params, sizeof row.params, "actors=%" PRIu64, size * BELOW);
    add_row(&plan, row, size);
    row = (struct bench_row){.operation = "actor", .n = actors, .run = run_tree};
    row.name = "tree up";
    add_row(&plan, row, 0);
    row.name = "tree down";
    add_row(&plan, row, 1);
    row = (struct bench_row){.operation = "actor", .n = watches, .run = run_watches};
    row.name = "ended";
    add_row(&plan, row, 0);
    row.name = "watched";
    add_row(&plan, row, 1);
    return plan_run(&plan, &bench);
}
