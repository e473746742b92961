/* names.c: actors take names, leave them and end with them, against a book of who has
 * which: every lookup finds whom the book has, wherever it is made. */
#include "support/story.h"

#include <cadre/name.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 10, ACTS = 300, ENOUGH = 300 };

typedef struct {
    int nothing;
} act;
CADRE_TYPE(act);

/* What must occur. */
enum rare { TAKEN, REFUSED, LEFT, FOREIGN, ENDED_WITH, START_FAILED, KILLED, KINDS };
static const char *const kinds[KINDS] = {
    "taken",          "refused",          "left",  "not one's own",
    "ended with one", "its start failed", "killed"};
static uint64_t seen[KINDS], plays;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t acts;
    uint64_t owners[NAMES];
    cadre_ref last; /* that was born */
} tale;

static const char *text_of(uint32_t n)
{
    static char text[64];
    snprintf(text, sizeof text, "%u%.*s", n, (int)(n * 5),
             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    return text;
}

static void look(cadre_self *self)
{
    for (uint32_t n = 0; n < NAMES; n++)
        CHECK_EQ(cadre_whereis(self, text_of(n)).id, tale.owners[n]);
}

static void change(cadre_self *self, uint32_t n)
{
    uint64_t me = cadre_me(self).id;
    if (dice_once_in(&tale.dice, 2)) {
        int err = cadre_register(self, text_of(n));
        CHECK_EQ(err, tale.owners[n] ? -EEXIST : 0);
        seen[err ? REFUSED : TAKEN]++;
        tale.owners[n] = err ? tale.owners[n] : me;
    } else {
        int err = cadre_unregister(self, text_of(n));
        CHECK_EQ(err, tale.owners[n] == me ? 0 : -ENOENT);
        seen[err ? FOREIGN : LEFT]++;
        tale.owners[n] = err ? tale.owners[n] : 0;
    }
    look(self);
}

static void leave_all(uint64_t me)
{
    for (uint32_t n = 0; n < NAMES; n++)
        if (tale.owners[n] == me) {
            seen[ENDED_WITH]++;
            tale.owners[n] = 0;
        }
}

/* It has no stop: what it has is gone when its start has failed. */
static int actor_start(cadre_self *self, void *state)
{
    tale.last = cadre_me(self);
    change(self, dice_below(&tale.dice, NAMES));
    if (!dice_once_in(&tale.dice, 8))
        return cadre_send(self, cadre_me(self), act, 0);
    seen[START_FAILED]++;
    leave_all(cadre_me(self).id);
    return -3;
}

static int actor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    change(self, dice_below(&tale.dice, NAMES));
    if (dice_once_in(&tale.dice, 10)) {
        seen[KILLED]++;
        CHECK_EQ(cadre_kill(self, tale.last, 0), 0);
    }
    if (dice_once_in(&tale.dice, 30))
        return dice_once_in(&tale.dice, 2) ? CADRE_STOP : -7;
    return cadre_send(self, cadre_me(self), act, 0);
}

/* Nobody comes in between here and the end. */
static void actor_stop(cadre_self *self, void *state, int reason)
{
    look(self);
    leave_all(cadre_me(self).id);
}
static const cadre_class actor_class = {.name = "actor",
                                        .start = actor_start,
                                        .receive = actor_receive,
                                        .stop = actor_stop};

static int root_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), act, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    look(self);
    if (++tale.acts == ACTS)
        return CADRE_STOP;
    if (tale.acts % (ACTS / 20) == 1 && cadre_spawn(self, NULL, &actor_class, NULL))
        return -1;
    return cadre_send(self, cadre_me(self), act, 0);
}
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    for (uint32_t n = 0; n < NAMES; n++)
        CHECK_EQ(tale.owners[n], 0);
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"names", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
