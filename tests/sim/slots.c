/* slots.c: actors come and go in the same places; old, forged and foreign addresses never
 * reach anybody but the one they were given for.
 *
 * The driver knows every address that was ever given out. It sends, stops and kills by
 * these, by addresses with a few bits changed, and by pure nonsense. */
#include "support/story.h"

#include <string.h>

enum { ISSUED_MAX = 600, STEPS_MAX = 400, RECENT = 24, NOBODY = ISSUED_MAX };

typedef struct {
    uint32_t whom; /* the number of the actor it is for, or NOBODY */
} mail;
CADRE_TYPE(mail);
typedef struct {
    int nothing;
} step;
CADRE_TYPE(step);

struct issued {
    uint64_t id;
    bool started, ended, asked; /* asked: somebody may have ended it */
    uint32_t sent, received;
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t count, steps;
    uint64_t sent, handled;
    struct dice dice;
    struct issued issued[ISSUED_MAX];
} all;

/* The number of the actor with this address. */
static uint32_t whose(uint64_t id)
{
    for (uint32_t i = all.count; i-- > 0;)
        if (all.issued[i].id == id)
            return i;
    return NOBODY;
}

typedef struct {
    uint32_t number;
    uint32_t lives; /* so many messages */
} guest;

static int guest_start(cadre_self *self, void *state)
{
    struct issued *i = &all.issued[((guest *)state)->number];
    CHECK(cadre_me(self).id == i->id && !i->started);
    i->started = true;
    return 0;
}

static int guest_receive(cadre_self *self, void *state, cadre_msg *m)
{
    guest *g = state;
    struct issued *i = &all.issued[g->number];
    mail *letter = cadre_body(m, mail);
    CHECK(letter && letter->whom == g->number);
    CHECK(cadre_me(self).id == i->id && i->started && !i->ended);
    i->received++;
    all.handled++;
    if (--g->lives > 0)
        return 0;
    i->asked = true;
    return CADRE_STOP;
}

static void guest_stop(cadre_self *self, void *state, int reason)
{
    struct issued *i = &all.issued[((guest *)state)->number];
    CHECK(i->started && !i->ended);
    CHECK(i->asked || reason == CADRE_EPARENT);
    i->ended = true;
}

static const cadre_class guest_class = {.name = "guest",
                                        .state_size = sizeof(guest),
                                        .start = guest_start,
                                        .receive = guest_receive,
                                        .stop = guest_stop};

static void spawn_guest(cadre_self *self)
{
    cadre_ref ref;
    guest init = {.number = all.count, .lives = 1 + dice_below(&all.dice, 5)};
    if (all.count == ISSUED_MAX)
        return;
    int err = cadre_spawn(self, &ref, &guest_class, &init);
    CHECK_EQ(err, 0);
    if (err)
        return;
    CHECK(whose(ref.id) == NOBODY);
    all.issued[all.count++].id = ref.id;
}

/* Takes id apart and puts it together with some fields moved. Between runs in one process
 * addresses differ by a constant in each field, and so what happens must not depend on
 * more than differences. */
static uint64_t moved(uint64_t id, uint64_t system, uint64_t slot, uint64_t generation)
{
    const uint64_t mask = (UINT64_C(1) << 28) - 1;
    return ((id >> 56) + system) << 56 | (((id >> 28 & mask) + slot) & mask) << 28 |
           ((id + generation) & mask);
}

/* An address, right or wrong. */
static cadre_ref choose(cadre_self *self)
{
    static const int64_t steps[] = {-2, -1, 0, 1, 2};
    uint64_t r = dice_next(&all.dice), me = cadre_me(self).id;
    uint32_t recent = all.count < RECENT ? all.count : RECENT;
    if (r % 16 == 0 || all.count == 0)
        return (cadre_ref){moved(me, r >> 8 & 1, r >> 9, dice_next(&all.dice))};
    uint32_t back = dice_below(&all.dice, r % 4 ? recent : all.count);
    uint64_t id = all.issued[all.count - 1 - back].id;
    if (r % 16 < 8)
        return (cadre_ref){id};
    uint64_t slot = (uint64_t)steps[dice_below(&all.dice, 5)];
    uint64_t generation = (uint64_t)steps[dice_below(&all.dice, 5)];
    return (cadre_ref){moved(id, r % 32 == 31, slot, generation)};
}

static void send_mail(cadre_self *self, cadre_ref to)
{
    uint32_t whom = whose(to.id);
    CHECK_EQ(cadre_send(self, to, mail, .whom = whom), 0);
    all.sent++;
    if (whom != NOBODY)
        all.issued[whom].sent++;
}

static void go_on(cadre_self *self)
{
    CHECK_EQ(cadre_send(self, cadre_me(self), step, 0), 0);
    all.sent++;
}

static int driver_start(cadre_self *self, void *state)
{
    go_on(self);
    return 0;
}

static void ask(cadre_self *self, cadre_ref who, bool kill)
{
    uint32_t number = whose(who.id);
    if (cadre_same(who, cadre_me(self)))
        return; /* forged so well that it is the driver's own */
    if (number != NOBODY)
        all.issued[number].asked = true;
    CHECK_EQ(kill ? cadre_kill(self, who, 0) : cadre_stop(self, who), 0);
}

static int driver_receive(cadre_self *self, void *state, cadre_msg *m)
{
    all.handled++;
    if (m->type == &mail_type)
        return 0; /* forged so well that it is the driver's own */
    for (int i = 0; i < 4; i++)
        switch (dice_below(&all.dice, 8)) {
        case 0:
        case 1:
            spawn_guest(self);
            break;
        case 2:
            ask(self, choose(self), dice_once_in(&all.dice, 2));
            break;
        default:
            send_mail(self, choose(self));
        }
    if (all.steps-- == 0)
        return CADRE_STOP;
    go_on(self);
    return 0;
}

static const cadre_class driver_class = {
    .name = "driver", .start = driver_start, .receive = driver_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&all, 0, sizeof all);
    all.dice = dice_new(seed, 1);
    all.steps = 1 + dice_below(&all.dice, STEPS_MAX);
    CHECK_EQ(story_run(&config, &driver_class, NULL, &sums), 0);
    CHECK_EQ(sums.accepted, all.sent);
    CHECK_EQ(sums.handled, all.handled);
    CHECK_EQ(sums.spawned, all.count + 1);
    for (uint32_t i = 0; i < all.count; i++) {
        CHECK_EQ(all.issued[i].started, all.issued[i].ended);
        CHECK(all.issued[i].received <= all.issued[i].sent);
    }
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"slots", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
