/* names.c: eight threads of one system fight for a few names, leave them and end with
 * them, while everybody looks them up.
 *
 * name_is_unique: each name has a counter of who has it, which its owner raises after it
 * got the name and lowers before it leaves it; it is never above one.
 * lookup_is_never_stale: whoever was told that an actor has ended does not find it any
 * more, under any name: its parent, and the grandparent. A thread outside looks, too. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/name.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { RIVALS = 16, NAMES = 12 };

static struct {
    uint64_t rounds;
    atomic_int having[NAMES];
    _Atomic uint64_t taken, refused, found, outside;
    atomic_bool over;
} facts;

typedef struct {
    cadre_ref who; /* has ended */
} ended;
typedef struct {
    int nothing;
} go;
CADRE_TYPE(ended);
CADRE_TYPE(go);

static void ignore_log(void *user, int level, const char *line) {}

/* Of several lengths, so that entries of all sizes are used again. */
static const char *text_of(uint32_t n)
{
    static const char *const texts[NAMES] = {
        "a",
        "b",
        "c",
        "fourteen bytes",
        "fifteen bytes !",
        "sixteen bytes !!",
        "a name that needs an entry of the middle size",
        "another name that needs an entry of the same size",
        "a name that needs an entry of the largest size, because it is rather long",
        "a name that needs an entry of the largest size, because it is just as long",
        "y",
        "z"};
    return texts[n];
}

/* ---- those who fight, until they end ---- */

typedef struct {
    struct dice dice;
    bool has[NAMES];
} rival;

static void take(cadre_self *self, rival *r, uint32_t n)
{
    int err = cadre_register(self, text_of(n));
    CHECK(err == 0 || err == -EEXIST);
    if (err) {
        atomic_fetch_add(&facts.refused, 1);
        return;
    }
    CHECK(!r->has[n]);
    CHECK_EQ(atomic_fetch_add(&facts.having[n], 1), 0);
    CHECK(cadre_same(cadre_whereis(self, text_of(n)), cadre_me(self)));
    r->has[n] = true;
    atomic_fetch_add(&facts.taken, 1);
}

static void leave(cadre_self *self, rival *r, uint32_t n)
{
    CHECK(cadre_same(cadre_whereis(self, text_of(n)), cadre_me(self)));
    atomic_fetch_sub(&facts.having[n], 1);
    r->has[n] = false;
    CHECK_EQ(cadre_unregister(self, text_of(n)), 0);
    CHECK(!cadre_same(cadre_whereis(self, text_of(n)), cadre_me(self)));
}

static int rival_receive(cadre_self *self, void *state, cadre_msg *m)
{
    rival *r = state;
    for (int i = 0; i < 16; i++) {
        uint32_t n = dice_below(&r->dice, NAMES);
        if (r->has[n] && dice_once_in(&r->dice, 2))
            leave(self, r, n);
        else if (!r->has[n])
            take(self, r, n);
        cadre_ref who = cadre_whereis(self, text_of(dice_below(&r->dice, NAMES)));
        atomic_fetch_add(&facts.found, who.id != 0);
    }
    if (!dice_once_in(&r->dice, 40))
        return cadre_send(self, cadre_me(self), go, 0);
    CHECK_EQ(cadre_send(self, cadre_parent(self), go, 0), 0); /* that is to end, too */
    return (int)dice_below(&r->dice, 3) - 1; /* with the names that it has */
}

/* It has its names until after this. */
static void rival_stop(cadre_self *self, void *state, int reason)
{
    const rival *r = state;
    for (uint32_t n = 0; n < NAMES; n++)
        if (r->has[n]) {
            CHECK(cadre_same(cadre_whereis(self, text_of(n)), cadre_me(self)));
            atomic_fetch_sub(&facts.having[n], 1);
        }
}
static const cadre_class rival_class = {.name = "rival",
                                        .state_size = sizeof(rival),
                                        .receive = rival_receive,
                                        .stop = rival_stop};

/* ---- their parents, which end when their child has ---- */

typedef struct {
    uint64_t round;
    cadre_ref child;
} home;

static int home_start(cadre_self *self, void *state)
{
    home *h = state;
    rival init = {.dice = dice_new(h->round, 1)};
    int err = cadre_spawn(self, &h->child, &rival_class, &init);
    return err ? err : cadre_send(self, h->child, go, 0);
}

static int home_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}

static void find_nowhere(cadre_self *self, cadre_ref who)
{
    for (uint32_t n = 0; n < NAMES; n++)
        CHECK(!cadre_same(cadre_whereis(self, text_of(n)), who));
}

static void home_stop(cadre_self *self, void *state, int reason)
{
    const home *h = state;
    find_nowhere(self, h->child);
    CHECK_EQ(cadre_send(self, cadre_parent(self), ended, h->child), 0);
}
static const cadre_class home_class = {.name = "home",
                                       .state_size = sizeof(home),
                                       .start = home_start,
                                       .receive = home_receive,
                                       .stop = home_stop};

/* ---- the root: as many homes at a time as there are rivals ---- */

typedef struct {
    uint64_t begun, ended;
} root;

static int begin_one(cadre_self *self, root *r)
{
    return r->begun < facts.rounds
               ? cadre_spawn(self, NULL, &home_class, &(home){.round = ++r->begun})
               : 0;
}

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; i < RIVALS && !err; i++)
        err = begin_one(self, state);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    find_nowhere(self, cadre_body(m, ended)->who);
    return ++r->ended == facts.rounds ? CADRE_STOP : begin_one(self, r);
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- and somebody outside ---- */

static void count_name(void *user, const char *name, cadre_ref owner)
{
    ++*(int64_t *)user;
    CHECK(owner.id != 0);
}

static void *look_from_outside(void *arg)
{
    cadre_system *sys = arg;
    for (uint32_t n = 0; !atomic_load(&facts.over); n++) {
        int64_t visited = 0;
        atomic_fetch_add(&facts.outside,
                         cadre_system_whereis(sys, text_of(n % NAMES)).id != 0);
        if (n % 64)
            continue;
        int64_t all = cadre_system_names(sys, count_name, &visited);
        CHECK_EQ(all, visited);
        CHECK(all <= NAMES);
    }
    return NULL;
}

static void run(uint32_t workers, uint64_t rounds)
{
    cadre_counters c = {0};
    cadre_system *sys;
    cadre_config config = {.workers = workers, .log = ignore_log};
    pthread_t outside;
    memset(&facts, 0, sizeof facts);
    facts.rounds = rounds;
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return;
    CHECK_EQ(pthread_create(&outside, NULL, look_from_outside, sys), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    atomic_store(&facts.over, true);
    pthread_join(outside, NULL);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead);
    CHECK_EQ(cadre_system_names(sys, count_name, &(int64_t){0}), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    for (int n = 0; n < NAMES; n++)
        CHECK_EQ(facts.having[n], 0);
    CHECK(facts.taken > rounds && facts.refused > 0 && facts.found > 0);
    printf("%u workers: %" PRIu64 " taken, %" PRIu64 " refused, %" PRIu64
           " found, %" PRIu64 " from outside\n",
           workers, facts.taken, facts.refused, facts.found, facts.outside);
}

int main(int argc, char **argv)
{
    uint64_t rounds = effort(3000, 200000);
    const char *list = "1,2,8";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"rounds", &rounds, NULL, "actors that fight, for each number of workers"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "actors fight for names", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++) {
        verdict_begin(3600, "--workers %u --rounds %" PRIu64, workers[i], rounds);
        run(workers[i], rounds);
        (void)verdict_end();
    }
    return verdict_print();
}
