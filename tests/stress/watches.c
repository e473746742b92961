/* watches.c: actors on real threads that watch each other, cancel, link and end, and are
 * born anew by their parents: each watch is told once or cancelled, in order after what
 * the other has sent. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { FAMILIES = 8, CHILDREN = 16, HALL = FAMILIES * CHILDREN };

static struct {
    uint64_t size; /* births in each family */
    atomic_uint_fast64_t watches, told, cancelled, late, links, born;
    _Atomic uint64_t hall[HALL]; /* who lives where, roughly */
} scene;

typedef struct {
    int nothing;
} tick;
typedef struct {
    uint32_t number; /* of the words from this one to that one */
} word;
CADRE_TYPE(tick);
CADRE_TYPE(word);

/* ---- those who live for a while, and talk to whoever bore them ---- */

typedef struct {
    uint32_t place, lives, said;
    cadre_ref parent;
    cadre_token watch;
    bool watches;
} child;

static int say(cadre_self *self, child *c)
{
    return cadre_send(self, c->parent, word, c->said++);
}

/* Watches or links somebody from the hall, who may be dead by now; gives up another. */
static int look_around(cadre_self *self, child *c)
{
    uint64_t dice = cadre_random(self);
    cadre_ref who = {atomic_load(&scene.hall[dice % HALL])};
    if (c->watches && (dice >> 40) % 4)
        return 0;
    if (c->watches) {
        CHECK_EQ(cadre_cancel(self, c->watch), 0);
        atomic_fetch_add(&scene.cancelled, 1);
    }
    c->watches = false;
    if (!who.id || cadre_same(who, cadre_me(self)))
        return 0;
    if ((dice >> 32) % 16 == 0) {
        atomic_fetch_add(&scene.links, 1);
        return cadre_link(self, NULL, who);
    }
    c->watches = true;
    atomic_fetch_add(&scene.watches, 1);
    return cadre_watch(self, &c->watch, who);
}

static int child_start(cadre_self *self, void *state)
{
    child *c = state;
    atomic_store(&scene.hall[c->place], cadre_me(self).id);
    return cadre_send(self, cadre_me(self), tick, 0);
}

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    child *c = state;
    if (cadre_body(m, cadre_down)) {
        CHECK(c->watches && m->token.id == c->watch.id);
        atomic_fetch_add(&scene.told, 1);
        c->watches = false;
        return 0;
    }
    int err = say(self, c);
    if (!err)
        err = look_around(self, c);
    if (err || c->lives-- == 0)
        return err ? err : cadre_random(self) % 2 ? CADRE_EUSER : CADRE_STOP;
    return cadre_send(self, cadre_me(self), tick, 0);
}

static void child_stop(cadre_self *self, void *state, int reason)
{
    child *c = state;
    CHECK_EQ(say(self, c), 0);
    if (c->watches)
        atomic_fetch_add(&scene.late, 1); /* ends before the other one */
}

static const cadre_class child_class = {.state_size = sizeof(child),
                                        .start = child_start,
                                        .receive = child_receive,
                                        .stop = child_stop};

/* ---- who bears them, watches them, and counts their words ---- */

typedef struct {
    uint32_t number;
    uint64_t born;
    struct {
        cadre_ref ref;
        cadre_token token;
        uint32_t words;
    } places[CHILDREN];
} parent;

static int bear(cadre_self *self, parent *p, uint32_t i)
{
    child init = {.place = p->number * CHILDREN + i,
                  .lives = (uint32_t)cadre_random(self) % 8,
                  .parent = cadre_me(self)};
    if (p->born++ >= scene.size)
        return 0;
    p->places[i].words = 0;
    int err = cadre_spawn(self, &p->places[i].ref, &child_class, &init);
    if (!err)
        err = cadre_watch(self, &p->places[i].token, p->places[i].ref);
    atomic_fetch_add(&scene.watches, err == 0);
    atomic_fetch_add(&scene.born, err == 0);
    return err;
}

static int parent_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < CHILDREN; i++)
        err = bear(self, state, i);
    return err;
}

static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    parent *p = state;
    uint32_t i = 0;
    while (i < CHILDREN && !cadre_same(p->places[i].ref, m->from))
        i++;
    CHECK(i < CHILDREN);
    if (i == CHILDREN)
        return 0;
    if (cadre_body(m, word)) {
        CHECK_EQ(cadre_body(m, word)->number, p->places[i].words);
        p->places[i].words++;
        return 0;
    }
    CHECK_EQ(m->token.id, p->places[i].token.id); /* and no word comes after it */
    atomic_fetch_add(&scene.told, 1);
    p->places[i].ref = (cadre_ref){0};
    return bear(self, p, i);
}

static const cadre_class parent_class = {
    .state_size = sizeof(parent), .start = parent_start, .receive = parent_receive};

/* ---- scenarios ---- */

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < FAMILIES; i++)
        err = cadre_spawn(self, NULL, &parent_class, &(parent){.number = i});
    return err;
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {.start = root_start, .receive = ignore};
static void ignore_log(void *user, int level, const char *line) {}

static void play(uint64_t size, bool to_the_end)
{
    cadre_system *sys;
    cadre_counters c = {0};
    cadre_config config = {
        .workers = 3, .end_when_quiet = to_the_end, .log = ignore_log};
    memset(&scene, 0, sizeof scene);
    scene.size = size;
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    while (!to_the_end && atomic_load(&scene.told) < 1000)
        cadre_stats(sys, &c);
    if (!to_the_end)
        cadre_system_stop(sys);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.pending, 0);
    CHECK_EQ(c.actors, 0);
    if (to_the_end) {
        CHECK_EQ(scene.watches, scene.told + scene.cancelled + scene.late);
        CHECK_EQ(scene.born, FAMILIES * size);
    }
    CHECK_EQ(cadre_system_free(sys), 0);
}

static void to_the_end(uint64_t size) { play(size, true); }
static void stopped_meanwhile(uint64_t size)
{
    for (uint64_t round = 0; round < 5 + size / 5000; round++)
        play(UINT64_MAX, false);
}

static const struct {
    const char *name;
    void (*run)(uint64_t size);
} scenarios[] = {{"to_the_end", to_the_end}, {"stopped_meanwhile", stopped_meanwhile}};

int main(int argc, char **argv)
{
    uint64_t size = effort(40000, 2000000);
    const struct option_entry options[] = {{"births", &size, NULL, "in each family"},
                                           {0}};
    options_read(argc, argv, "each watch is told once or cancelled", options);
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        double from = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--births %" PRIu64, size);
        scenarios[i].run(size);
        bool ok = verdict_end();
        printf("%s: %s, %" PRIuFAST64 " watches, %" PRIuFAST64 " told, %" PRIuFAST64
               " cancelled, %" PRIuFAST64 " links, %.2f s\n",
               scenarios[i].name, ok ? "ok" : "FAILED", atomic_load(&scene.watches),
               atomic_load(&scene.told), atomic_load(&scene.cancelled),
               atomic_load(&scene.links), effort_clock() - from);
    }
    return verdict_print();
}
