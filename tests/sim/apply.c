/* apply.c: calls among messages, and raises, against a model.
 *
 * Every sender numbers what it sends to its receiver, messages and calls alike: they are
 * handled in that order. A raise is made again once its call has begun, not before. */
#include "support/story.h"

#include <cadre/apply.h>

#include <errno.h>
#include <string.h>

enum { ACTORS = 4, OUTSIDE = ACTORS, SENDERS, RAISES = 6, ITEMS_MAX = 40 };

typedef struct {
    uint32_t sender, number;
} item;
CADRE_TYPE(item);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    cadre_ref actors[ACTORS];
    cadre_raise *raises[RAISES];
    bool up[RAISES];       /* raised, and its call has not begun */
    bool gone;             /* the one that stops has done so */
    uint32_t items, stops; /* from each sender; which actor is stopped, if any */
    uint32_t sent[SENDERS], next[ACTORS][SENDERS];
    uint64_t called, handled, raised;
    struct dice dice;
} tale;

static uint32_t number_of(cadre_self *self)
{
    uint32_t i = 0;
    while (!cadre_same(cadre_me(self), tale.actors[i]))
        i++;
    return i;
}

/* What a call is told: whose number and which. */
static void *pack(uint32_t sender, uint32_t number)
{
    return (void *)(((uintptr_t)sender << 32) | number);
}

static void check_order(cadre_self *self, uint32_t sender, uint32_t number)
{
    uint32_t *next = &tale.next[number_of(self)][sender];
    CHECK(number >= *next); /* it skips what went to others */
    *next = number + 1;
    tale.handled++;
}

static int applied(cadre_self *self, void *state, void *arg)
{
    check_order(self, (uint32_t)((uintptr_t)arg >> 32), (uint32_t)(uintptr_t)arg);
    return 0;
}

static void raise_one(uint32_t which)
{
    if (!tale.raises[which])
        return; /* freed */
    bool up = tale.up[which];
    tale.up[which] = true;
    int err = cadre_raise_now(tale.raises[which]);
    bool over = tale.gone && which % ACTORS == tale.stops; /* it comes down unseen */
    CHECK(err == (up ? -EALREADY : 0) || err == -ESHUTDOWN || (over && err == 0));
    tale.raised += !err;
    if (err == -ESHUTDOWN)
        tale.up[which] = up;
}

static int raised(cadre_self *self, void *state, void *arg)
{
    uint32_t which = (uint32_t)(uintptr_t)arg;
    CHECK(tale.up[which]);
    CHECK_EQ(number_of(self), which % ACTORS);
    tale.up[which] = false;
    tale.called++;
    if (dice_once_in(&tale.dice, 3))
        raise_one(which);
    return 0;
}

/* A message or a call to somebody, or a raise. */
static void do_something(cadre_self *self, uint32_t me)
{
    cadre_ref to = tale.actors[dice_below(&tale.dice, ACTORS)];
    uint32_t number = tale.sent[me]++;
    if (dice_once_in(&tale.dice, 3))
        raise_one(dice_below(&tale.dice, RAISES));
    else if (dice_once_in(&tale.dice, 2))
        CHECK_EQ(cadre_apply(self, to, applied, pack(me, number)), 0);
    else
        CHECK_EQ(cadre_send(self, to, item, me, number), 0);
}

static int actor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const item *i = cadre_body(m, item);
    uint32_t me = number_of(self);
    check_order(self, i->sender, i->number);
    for (uint32_t n = dice_below(&tale.dice, 4); n > 0 && tale.sent[me] < tale.items;
         n--)
        do_something(self, me);
    bool stops = tale.stops == me && dice_once_in(&tale.dice, 10);
    tale.gone |= stops;
    return stops ? CADRE_STOP : 0;
}
static const cadre_class actor_class = {.name = "actor", .receive = actor_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < ACTORS; i++)
        err = cadre_spawn(self, &tale.actors[i], &actor_class, NULL);
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static void begin(uint64_t seed)
{
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.items = 1 + dice_below(&tale.dice, ITEMS_MAX);
    tale.stops = dice_below(&tale.dice, 2 * ACTORS);
}

/* From outside, with turns in between. */
static void poke(cadre_system *sys)
{
    for (uint32_t i = 10 + dice_below(&tale.dice, 30); i > 0; i--) {
        cadre_ref to = tale.actors[dice_below(&tale.dice, ACTORS)];
        if (dice_once_in(&tale.dice, 2))
            raise_one(dice_below(&tale.dice, RAISES));
        else
            CHECK_EQ(cadre_tell(sys, to, item, OUTSIDE, tale.sent[OUTSIDE]++), 0);
        if (dice_once_in(&tale.dice, 4))
            CHECK(cadre_system_poll(sys, 0) >= 0);
    }
}

static void free_raises(void)
{
    for (uint32_t i = 0; i < RAISES; i++) {
        cadre_raise_free(tale.raises[i]);
        tale.raises[i] = NULL;
    }
}

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_system *sys;
    cadre_config config = story_config(seed);
    begin(seed);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return 0;
    CHECK(cadre_system_poll(sys, 0) > 0); /* they are born */
    for (uint32_t i = 0; i < RAISES; i++)
        CHECK_EQ(cadre_raise_new(&tale.raises[i], sys, tale.actors[i % ACTORS], raised,
                                 (void *)(uintptr_t)i),
                 0);
    poke(sys);
    if (dice_once_in(&tale.dice, 2)) /* under way */
        free_raises();
    bool all = dice_once_in(&tale.dice, 2);
    if (all)
        CHECK_EQ(cadre_system_wait(sys), -EDEADLK);
    CHECK_EQ(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    free_raises();
    story_check_end(sys, &sums);
    CHECK_EQ(sums.handled, tale.handled + tale.called);
    if (tale.stops >= ACTORS && all) {
        CHECK_EQ(tale.called, tale.raised);
        CHECK_EQ(sums.dead, 0);
    }
    CHECK_EQ(cadre_system_free(sys), 0);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"apply", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
