/* urgent.c: messages of two levels, against numbers.
 *
 * Senders number what they send, on each level for itself: messages and requests, to a
 * box that may have a limit, waits in some of its handlers, and fails in others and is
 * started again. On each level each sender's numbers come in order, without a gap, and
 * each request has one outcome. */
#include "support/story.h"

#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/urgent.h>

#include <string.h>

enum { SENDERS = 3, ITEMS_MAX = 40, LEVELS = 2 };

typedef struct {
    uint32_t sender, level, number;
} item;
CADRE_TYPE(item);
typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);
typedef struct {
    int nothing;
} done;
CADRE_TYPE(done);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t numbers; /* of each sender, on both levels together */
    uint32_t sent[SENDERS][LEVELS], next[SENDERS][LEVELS];
    uint32_t asked, outcomes;
    bool waits, fails;
    struct dice dice;
    cadre_ref box;
} model;

/* ---- the box ---- */

static int box_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const item *i = cadre_body(m, item);
    CHECK_EQ(i->number, model.next[i->sender][i->level]);
    model.next[i->sender][i->level]++;
    if (m->token.id)
        CHECK_EQ(cadre_reply(self, m, done, 0), 0);
    if (model.waits && dice_once_in(&model.dice, 4))
        CHECK_EQ(cadre_sleep(self, 1 + dice_below(&model.dice, 2000)), 0);
    return model.fails && dice_once_in(&model.dice, 8) ? CADRE_EUSER : 0;
}
static const cadre_class box_class = {.name = "box", .receive = box_receive};

/* ---- senders ---- */

static int send_one(cadre_self *self, item *i)
{
    static const cadre_type *const type = &item_type;
    bool asks = dice_once_in(&model.dice, 3);
    int err = 0;
    if (asks && i->level)
        err = cadre_ask_urgent_as(self, NULL, model.box, CADRE_NEVER, type, i);
    else if (asks)
        err = cadre_ask_as(self, NULL, model.box, CADRE_NEVER, type, i);
    else if (i->level)
        err = cadre_send_urgent_as(self, model.box, type, i);
    else
        err = cadre_send_as(self, model.box, type, i);
    model.asked += asks && !err;
    return err;
}

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t id = *(uint32_t *)state;
    if (!cadre_body(m, pulse)) {
        model.outcomes++;
        return 0;
    }
    for (uint32_t n = 1 + dice_below(&model.dice, 6); n > 0; n--) {
        uint32_t level = dice_once_in(&model.dice, 4);
        item i = {id, level, model.sent[id][level]};
        int err = send_one(self, &i);
        CHECK(!err || err == CADRE_EFULL);
        model.sent[id][level] += !err;
    }
    if (model.sent[id][0] + model.sent[id][1] >= model.numbers)
        return 0;
    return cadre_after(self, NULL, dice_below(&model.dice, 1000), pulse, 0);
}

static int sender_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, 1, pulse, 0);
}
static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(uint32_t),
                                         .start = sender_start,
                                         .receive = sender_receive};

/* ---- the root ---- */

static int root_start(cadre_self *self, void *state)
{
    const cadre_limit limit = {.mailbox_max = 10};
    const cadre_opts opts = {.keep = true,
                             .levels = true,
                             .mail = CADRE_MAIL_KEEP,
                             .limit = dice_once_in(&model.dice, 2) ? &limit : NULL};
    int err = cadre_spawn_with(self, &model.box, &box_class, NULL, &opts);
    for (uint32_t i = 0; !err && i < SENDERS; i++)
        err = cadre_spawn(self, NULL, &sender_class, &i);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(cadre_body(m, cadre_child_down) != NULL);
    return cadre_restart(self, model.box);
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&model, 0, sizeof model);
    model.dice = dice_new(seed, 1);
    model.numbers = 1 + dice_below(&model.dice, ITEMS_MAX);
    model.waits = dice_once_in(&model.dice, 2);
    model.fails = dice_once_in(&model.dice, 2);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(model.outcomes, model.asked);
    for (uint32_t i = 0; i < SENDERS; i++)
        for (uint32_t level = 0; level < LEVELS; level++)
            CHECK_EQ(model.next[i][level], model.sent[i][level]);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"urgent", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
