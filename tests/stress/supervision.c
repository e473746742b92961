/* supervision.c: a tree of supervisors on real workers, in which everything goes wrong.
 *
 * Workers fail, stop, and do not start; they kill, stop, watch and link each other;
 * strangers do the same to workers and to supervisors, add children and remove them. All
 * strategies, policies, and reasons to restart are there, with a backoff and without.
 * Each life has the name of its place to itself, fresh memory, and its own timers only;
 * each start has one end, each watch one news, each request one outcome, each body is
 * dropped once, and nothing is left. */
#include "stress/tally.h"
#include "support/dice.h"
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

enum { BOSSES = 9, CHILDREN = 4, SPARE = 8, WORKERS = BOSSES * CHILDREN };
enum { PLACES = WORKERS + SPARE, STRANGERS = 4, TOP = BOSSES };
enum { FAILED = CADRE_EUSER - 1, KILLED = CADRE_EUSER - 2, NO_START = CADRE_EUSER - 3 };
static uint64_t deeds;

enum count {
    CREATED, /* bodies that own something */
    DROPPED,
    STARTED, /* starts called */
    UNBORN,  /* of those: they failed */
    STOPPED,
    FAILURES,
    GIVEN_UP, /* supervisors */
    WATCHED,
    TOLD,
    ASKED,
    ANSWERED,
    REFUSED,
    LINKED,
    TO_THE_TOP
};

static struct {
    struct tally tally;
    _Atomic int64_t deeds; /* left */
    _Atomic bool is_ending;
    _Atomic uint64_t bosses[BOSSES + 1], workers[PLACES]; /* addresses; maybe dead */
    struct {
        atomic_bool lives;
        atomic_uint life;
    } places[PLACES];
} town;

static void up(enum count which) { tally_add(&town.tally, which); }
static uint64_t sum(enum count which) { return tally_sum(&town.tally, which); }
static void ignore_log(void *user, int level, const char *line) {}

typedef struct {
    uint32_t what;
} word;
static void drop_word(void *body) { up(DROPPED); }
static CADRE_TYPE_DROP(word, drop_word);
typedef struct {
    uint32_t life;
} pulse;
static CADRE_TYPE(pulse);

static bool may_go_on(void) { return atomic_fetch_sub(&town.deeds, 1) > 0; }

static cadre_ref some_worker(struct dice *dice)
{
    return (cadre_ref){atomic_load(&town.workers[dice_below(dice, PLACES)])};
}
static cadre_ref some_boss(struct dice *dice)
{
    return (cadre_ref){atomic_load(&town.bosses[dice_below(dice, BOSSES + 1)])};
}

static void say(cadre_self *self, cadre_ref to, uint32_t what)
{
    word w = {what};
    up(CREATED);
    CHECK_EQ(cadre_send_as(self, to, &word_type, &w), 0);
}

/* ---- workers --------------------------------------------------------------------- */

typedef struct {
    uint32_t place, life; /* life 0 in what it starts from */
    bool late;
    struct dice dice;
} worker;

static int worker_start(cadre_self *self, void *state)
{
    worker *w = state;
    char name[24];
    up(STARTED);
    CHECK(!atomic_exchange(&town.places[w->place].lives, true));
    CHECK_EQ(w->life, 0);
    w->life = atomic_fetch_add(&town.places[w->place].life, 1) + 1;
    w->dice = dice_new(cadre_random(self), w->place);
    snprintf(name, sizeof name, "worker %u", w->place);
    CHECK_EQ(cadre_whereis(self, name).id, 0);
    CHECK_EQ(cadre_register(self, name), 0);
    const unsigned char *memory = cadre_alloc(self, 100);
    CHECK(memory && memory[0] == 0 && memory[99] == 0);
    CHECK_EQ(cadre_after(self, NULL, dice_below(&w->dice, 50000), pulse, w->life), 0);
    if (dice_once_in(&w->dice, 12)) {
        up(UNBORN);
        atomic_store(&town.places[w->place].lives, false);
        return NO_START;
    }
    atomic_store(&town.workers[w->place], cadre_me(self).id);
    return w->late && !dice_once_in(&w->dice, 12)
               ? cadre_send(self, cadre_parent(self), cadre_ready, 0)
               : 0;
}

static void worker_stop(cadre_self *self, void *state, int reason)
{
    up(STOPPED);
    CHECK(atomic_exchange(&town.places[((worker *)state)->place].lives, false));
}

static int worker_deed(cadre_self *self, worker *w)
{
    cadre_ref other = some_worker(&w->dice);
    bool is_other = other.id && !cadre_same(other, cadre_me(self));
    say(self, some_worker(&w->dice), dice_below(&w->dice, 20));
    switch (dice_below(&w->dice, 12)) {
    case 0:
        up(FAILURES);
        return FAILED;
    case 1:
        return CADRE_STOP;
    case 2:
        return cadre_kill(self, other, KILLED);
    case 3:
        return cadre_stop(self, other);
    case 4:
        up(LINKED);
        return is_other ? cadre_link(self, NULL, other) : 0;
    case 5:
        return is_other ? cadre_watch(self, NULL, other) : 0;
    default:
        return 0;
    }
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    worker *w = state;
    CHECK(atomic_load(&town.places[w->place].lives));
    word *got = cadre_body(m, word);
    if (got) {
        uint32_t what = got->what;
        got->what = 9; /* when it is tried again */
        return what == 0 ? FAILED : what == 1 ? CADRE_STOP : 0;
    }
    const pulse *p = cadre_body(m, pulse);
    if (!p)
        return 0;
    CHECK_EQ(p->life, w->life);
    int result = may_go_on() ? worker_deed(self, w) : 0;
    return result ? result
                  : cadre_after(self, NULL, 1 + dice_below(&w->dice, 100000), pulse,
                                w->life);
}
static const cadre_class worker_class = {.name = "worker",
                                         .state_size = sizeof(worker),
                                         .start = worker_start,
                                         .receive = worker_receive,
                                         .stop = worker_stop};

/* ---- supervisors ----------------------------------------------------------------- */

typedef struct {
    cadre_supervisor config; /* first */
    uint32_t index;
} boss;

static int boss_start(cadre_self *self, void *state)
{
    up(STARTED);
    atomic_store(&town.bosses[((boss *)state)->index], cadre_me(self).id);
    int err = cadre_supervisor_class.start(self, state);
    CHECK_EQ(err, 0);
    return err;
}
static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int result = cadre_supervisor_class.receive(self, state, m);
    CHECK(result == 0 || result == CADRE_ERESTARTS);
    if (result)
        up(GIVEN_UP);
    return result;
}
static void boss_stop(cadre_self *self, void *state, int reason)
{
    up(STOPPED);
    cadre_supervisor_class.stop(self, state, reason);
}
static const cadre_class boss_class = {.name = "boss",
                                       .state_size = sizeof(boss),
                                       .start = boss_start,
                                       .receive = boss_receive,
                                       .stop = boss_stop};

/* Constant while the system runs. */
static worker worker_inits[PLACES];
static cadre_child_spec worker_specs[PLACES], boss_specs[BOSSES];
static boss boss_inits[BOSSES + 1];

static void build(void)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        bool is_late = i % 5 == 4;
        worker_inits[i] = (worker){.place = i, .late = is_late};
        worker_specs[i] =
            (cadre_child_spec){.cls = &worker_class,
                               .init = &worker_inits[i],
                               .when = i % 7 < 3 ? (uint8_t)(i % 7) : CADRE_PERMANENT,
                               .mail = (uint8_t)(i % 3),
                               .late = is_late};
    }
    for (uint32_t i = 0; i <= BOSSES; i++) {
        bool is_top = i == TOP;
        boss_inits[i] =
            (boss){{.children = is_top ? boss_specs : &worker_specs[i * CHILDREN],
                    .count = is_top ? (uint32_t)BOSSES : (uint32_t)CHILDREN,
                    .strategy = (uint8_t)(is_top ? CADRE_REST_FOR_ONE : i % 3),
                    .max_restarts = 4,
                    .within = is_top ? CADRE_MS : CADRE_SECOND / 50,
                    .backoff = i % 2 ? 20000 : 0,
                    .backoff_max = CADRE_MS / 5,
                    .start_timeout = is_top ? 5 * CADRE_SECOND : 2 * CADRE_MS},
                   i};
        if (!is_top)
            boss_specs[i] =
                (cadre_child_spec){.cls = &boss_class, .init = &boss_inits[i]};
    }
}

/* ---- strangers ------------------------------------------------------------------- */

typedef struct {
    uint32_t index, spares; /* spares: places it may have added, one at a time each */
    cadre_ref added;
    bool adds, is_done;
    struct dice dice;
} stranger;

static int add_or_remove(cadre_self *self, stranger *s)
{
    if (s->adds)
        return 0;
    up(ASKED);
    if (s->added.id) {
        cadre_ref who = s->added;
        s->added = (cadre_ref){0};
        return cadre_ask(self, NULL, some_boss(&s->dice), CADRE_NEVER,
                         cadre_remove_child, who);
    }
    if (s->spares == SPARE / STRANGERS) { /* each place is used by one actor, once */
        cadre_which_child which = {dice_below(&s->dice, CHILDREN)};
        return cadre_ask_as(self, NULL, some_boss(&s->dice), CADRE_NEVER,
                            &cadre_which_child_type, &which);
    }
    uint32_t place = WORKERS + s->index * (SPARE / STRANGERS) + s->spares++;
    cadre_ref to = {atomic_load(&town.bosses[dice_below(&s->dice, BOSSES)])};
    s->adds = true;
    return cadre_ask(self, NULL, to, CADRE_NEVER, cadre_add_child, worker_specs[place]);
}

static int stranger_deed(cadre_self *self, stranger *s)
{
    switch (dice_below(&s->dice, 10)) {
    case 0:
        return cadre_kill(self, some_worker(&s->dice), KILLED);
    case 1:
        return cadre_stop(self, some_worker(&s->dice));
    case 2:
        return dice_once_in(&s->dice, 4) ? cadre_kill(self, some_boss(&s->dice), KILLED)
                                         : 0;
    case 3:
        return dice_once_in(&s->dice, 4) ? cadre_stop(self, some_boss(&s->dice)) : 0;
    case 4:
    case 5:
        up(WATCHED);
        return cadre_watch(self, NULL, some_worker(&s->dice));
    case 6:
        return add_or_remove(self, s);
    default:
        say(self, some_worker(&s->dice), dice_below(&s->dice, 20));
        return 0;
    }
}

static int stranger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    stranger *s = state;
    const cadre_child *child = cadre_body(m, cadre_child);
    if (cadre_body(m, cadre_down)) {
        up(TOLD);
        return 0;
    }
    if (child || cadre_body(m, cadre_failure)) {
        up(child ? ANSWERED : REFUSED);
        s->added = child && s->adds ? child->ref : s->added;
        s->adds = false;
        return 0;
    }
    CHECK(cadre_body(m, pulse) != NULL);
    if (!may_go_on())
        return cadre_send(self, cadre_parent(self), pulse, 0);
    CHECK_EQ(stranger_deed(self, s), 0);
    return cadre_after(self, NULL, 1 + dice_below(&s->dice, 20000), pulse, 0);
}
static int stranger_start(cadre_self *self, void *state)
{
    stranger *s = state;
    s->dice = dice_new(cadre_random(self), s->index);
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class stranger_class = {.name = "stranger",
                                           .state_size = sizeof(stranger),
                                           .start = stranger_start,
                                           .receive = stranger_receive};

/* ---- the root -------------------------------------------------------------------- */

typedef struct {
    cadre_ref top;
    uint32_t strangers_left;
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    const cadre_opts opts = {.keep = true};
    int err = cadre_spawn_with(self, &r->top, &boss_class, &boss_inits[TOP], &opts);
    if (!err)
        err = cadre_watch(self, NULL, r->top);
    for (uint32_t i = 0; i < STRANGERS && !err; i++)
        err = cadre_spawn(self, NULL, &stranger_class, &(stranger){.index = i});
    r->strangers_left = STRANGERS;
    return err;
}

static void no_name(void *user, const char *name, cadre_ref owner) { CHECK(false); }

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down) {
        up(TO_THE_TOP);
        if (!atomic_load(&town.is_ending))
            return cadre_restart(self, down->child);
    } else if (cadre_body(m, cadre_down)) { /* with all that was below */
        CHECK_EQ(cadre_system_names(cadre_system_of(self), no_name, NULL), 0);
        for (uint32_t i = 0; i < PLACES; i++)
            CHECK(!atomic_load(&town.places[i].lives));
    } else if (--r->strangers_left == 0) {
        atomic_store(&town.is_ending, true);
        return cadre_release(self, r->top);
    }
    return 0;
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static void check(const cadre_counters *c, const struct short_heap *heap)
{
    CHECK_EQ(c->accepted, c->handled + c->dead + c->dropped);
    CHECK_EQ(c->actors, 0);
    CHECK_EQ(c->pending, 0);
    CHECK_EQ(sum(CREATED), sum(DROPPED));
    CHECK_EQ(sum(STARTED), sum(STOPPED) + sum(UNBORN));
    CHECK_EQ(sum(WATCHED), sum(TOLD));
    CHECK_EQ(sum(ASKED), sum(ANSWERED) + sum(REFUSED));
    CHECK_EQ(atomic_load(&heap->blocks), 0);
    CHECK_EQ(atomic_load(&heap->bytes), 0);
    if (deeds >= 3000)
        CHECK(sum(UNBORN) > 0 && sum(FAILURES) > 0 && sum(GIVEN_UP) > 0 &&
              sum(LINKED) > 0 && sum(ANSWERED) > 0 && sum(REFUSED) > 0);
}

static void run(uint32_t workers)
{
    verdict_begin(300, "--workers %u --deeds %" PRIu64, workers, deeds);
    cadre_system *sys = NULL;
    cadre_counters c = {0};
    struct short_heap heap;
    cadre_config config = {
        .workers = workers, .log = ignore_log, .end_when_quiet = true};
    tally_clear(&town.tally);
    atomic_store(&town.deeds, (int64_t)deeds);
    atomic_store(&town.is_ending, false);
    for (uint32_t i = 0; i < PLACES; i++)
        atomic_store(&town.workers[i], 0);
    short_heap_init(&heap, 0, 0);
    short_heap_serve(&heap, &config);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    check(&c, &heap);
    printf("%u workers: %" PRIu64 " starts, %" PRIu64 " of them failed; %" PRIu64
           " failures, %" PRIu64 " supervisors gave up, %" PRIu64
           " times down to the top; %" PRIu64 " watches, %" PRIu64 " links, %" PRIu64
           " requests, %" PRIu64 " of them refused%s\n",
           workers, sum(STARTED), sum(UNBORN), sum(FAILURES), sum(GIVEN_UP),
           sum(TO_THE_TOP), sum(WATCHED), sum(LINKED), sum(ASKED), sum(REFUSED),
           verdict_end() ? "" : ", FAILED");
}

int main(int argc, char **argv)
{
    const char *list = "2,3,4";
    uint32_t workers[8];
    deeds = effort(60000, 3000000);
    const struct option_entry options[] = {
        {"deeds", &deeds, NULL, "of workers and strangers, in each run"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "supervisors, and all that goes wrong below them",
                 options);
    unsigned n = options_list(list, workers, 8);
    build();
    for (unsigned i = 0; i < n; i++)
        run(workers[i]);
    return verdict_print();
}
