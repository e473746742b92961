/* stash.c: setting aside, giving back, passing on and becoming, against a model.
 *
 * The model is two lists: what is set aside, and what was given back. As long as there is
 * something in the second, nothing else may be received; otherwise the next number of
 * some sender. */
#include "support/story.h"

#include <string.h>

enum { SENDERS = 3, ITEMS_MAX = 40, ALL = SENDERS * ITEMS_MAX };

typedef struct {
    uint32_t sender, number;
} item;
CADRE_TYPE(item);

struct items {
    uint32_t count;
    item items[2 * ALL];
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t numbers; /* from each sender */
    uint32_t next[SENDERS];
    struct items aside, back;
    uint64_t sent, handled, passed_on;
    bool changed, ends, ended;
    struct dice dice;
    cadre_ref sink;
} model;

static bool same_item(const item *a, const item *b)
{
    return a->sender == b->sender && a->number == b->number;
}

static void append(struct items *list, const item *i)
{
    CHECK(list->count < 2 * ALL);
    if (list->count < 2 * ALL)
        list->items[list->count++] = *i;
}

/* May this be received now? */
static void model_receive(const item *i)
{
    struct items *back = &model.back;
    if (back->count > 0) {
        CHECK(same_item(i, &back->items[0]));
        memmove(back->items, back->items + 1, --back->count * sizeof(item));
    } else {
        CHECK_EQ(i->number, model.next[i->sender]);
        model.next[i->sender] = i->number + 1;
    }
}

static void give_back(cadre_self *self)
{
    struct items *aside = &model.aside, *back = &model.back;
    for (uint32_t i = 0; i < back->count; i++)
        append(aside, &back->items[i]);
    *back = *aside;
    aside->count = 0;
    cadre_unstash(self);
}

static int box_receive(cadre_self *self, void *state, cadre_msg *m);

static int box_receive_too(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(model.changed);
    model.changed = false; /* for box_receive's check */
    int result = box_receive(self, state, m);
    return result;
}

/* What the box does with an item. Returns what receive returns. */
static int act(cadre_self *self, cadre_msg *m, uint32_t r)
{
    item i = *cadre_body(m, item);
    if (r < 30) {
        CHECK_EQ(cadre_stash(self, m), 0);
        append(&model.aside, &i);
        model.handled--;
    } else if (r < 40) {
        CHECK_EQ(cadre_forward(self, model.sink, m), 0);
        model.passed_on++;
    }
    return r == 99 && model.ends ? CADRE_STOP : r == 98 && model.ends ? CADRE_EUSER : 0;
}

static int box_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t r = dice_below(&model.dice, 100);
    CHECK(!model.ended && !model.changed);
    model_receive(cadre_body(m, item));
    bool first = dice_once_in(&model.dice, 2), gives = dice_once_in(&model.dice, 8);
    model.handled++;
    if (gives && first)
        give_back(self);
    int result = act(self, m, r);
    if (gives && !first)
        give_back(self);
    model.handled -= result < 0;
    model.ended = result != 0;
    model.changed = dice_once_in(&model.dice, 2);
    cadre_become(self, model.changed ? box_receive_too : NULL);
    return result;
}

static const cadre_class box_class = {.name = "box", .receive = box_receive};

static int sink_receive(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(cadre_body(m, item) != NULL);
    model.handled++;
    return 0;
}

static const cadre_class sink_class = {.name = "sink", .receive = sink_receive};

typedef struct {
    uint32_t id, number;
    cadre_ref box;
} sender;

typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);

static int pulse_itself(cadre_self *self, uint32_t n)
{
    int err = 0;
    if (n < model.numbers) {
        err = cadre_send(self, cadre_me(self), pulse, 0);
        model.sent++;
        model.handled++; /* it will be */
    }
    return err;
}

static int sender_start(cadre_self *self, void *state) { return pulse_itself(self, 0); }

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    sender *s = state;
    for (uint32_t i = 1 + dice_below(&model.dice, 4); i > 0; i--)
        if (s->number < model.numbers) {
            CHECK_EQ(cadre_send(self, s->box, item, s->id, s->number), 0);
            s->number++;
            model.sent++;
        }
    return pulse_itself(self, s->number);
}

static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(sender),
                                         .start = sender_start,
                                         .receive = sender_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_ref box;
    int err = cadre_spawn(self, &model.sink, &sink_class, NULL);
    if (!err)
        err = cadre_spawn(self, &box, &box_class, NULL);
    for (uint32_t i = 0; !err && i < SENDERS; i++)
        err = cadre_spawn(self, NULL, &sender_class, &(sender){.id = i, .box = box});
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }

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
    model.ends = dice_once_in(&model.dice, 2);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(sums.accepted, model.sent + model.passed_on);
    CHECK_EQ(sums.handled, model.handled);
    if (!model.ended) {
        CHECK_EQ(sums.dead, model.aside.count);
        CHECK_EQ(model.back.count, 0);
        for (uint32_t i = 0; i < SENDERS; i++)
            CHECK_EQ(model.next[i], model.numbers);
    }
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"stash", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
