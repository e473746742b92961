/* forward.c: chains of actors that pass messages on keep their order, their sender and
 * what they own; the reply goes back to where the message came from. */
#include "support/story.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH_MAX = 12, CHAINS_MAX = 3, ITEMS_MAX = 100 };

typedef struct {
    uint32_t number;
    uint32_t hops;
    uint32_t *own;
} item;
typedef struct {
    uint32_t number, chain;
} answer;
CADRE_TYPE(answer);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t length, chains, items, created, dropped, answered;
    struct dice dice;
} tale;

static void drop_item(void *body)
{
    item *i = body;
    CHECK_EQ(*i->own, i->number);
    free(i->own);
    i->own = NULL;
    tale.dropped++;
}
CADRE_TYPE_DROP(item, drop_item);

typedef struct {
    uint32_t chain;
    uint32_t left; /* links behind this one */
    cadre_ref next, source;
    uint32_t number; /* that comes next */
} link;

static int link_start(cadre_self *self, void *state);
static int link_receive(cadre_self *self, void *state, cadre_msg *m);
static const cadre_class link_class = {.name = "link",
                                       .state_size = sizeof(link),
                                       .start = link_start,
                                       .receive = link_receive};

static int link_start(cadre_self *self, void *state)
{
    link *l = state;
    link next = {.chain = l->chain, .left = l->left - 1, .source = l->source};
    return l->left > 0 ? cadre_spawn(self, &l->next, &link_class, &next) : 0;
}

static int link_receive(cadre_self *self, void *state, cadre_msg *m)
{
    link *l = state;
    item *i = cadre_body(m, item);
    CHECK(i && i->number == l->number && *i->own == i->number);
    CHECK(cadre_same(m->from, l->source));
    CHECK_EQ(i->hops, tale.length - l->left);
    l->number++;
    i->hops++;
    if (l->left > 0)
        return cadre_forward(self, l->next, m);
    return cadre_reply(self, m, answer, i->number, l->chain);
}

/* Each source has a chain and sends itself pulses, to be interleaved with the answers. */
typedef struct {
    uint32_t chain, sent, answered;
    cadre_ref first;
} source;
typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);

static int source_start(cadre_self *self, void *state)
{
    source *s = state;
    link first = {.chain = s->chain, .left = tale.length, .source = cadre_me(self)};
    int err = cadre_spawn(self, &s->first, &link_class, &first);
    return err ? err : cadre_send(self, cadre_me(self), pulse, 0);
}

static int send_some(cadre_self *self, source *s)
{
    int err = 0;
    for (uint32_t n = dice_below(&tale.dice, 5); !err && n > 0; n--)
        if (s->sent < tale.items) {
            item i = {.number = s->sent++, .own = malloc(sizeof *i.own)};
            if (!i.own)
                return CADRE_EUSER;
            *i.own = i.number;
            tale.created++;
            err = cadre_send_as(self, s->first, &item_type, &i);
        }
    if (!err && s->sent < tale.items)
        err = cadre_send(self, cadre_me(self), pulse, 0);
    return err;
}

static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    source *s = state;
    answer *a = cadre_body(m, answer);
    if (!a)
        return send_some(self, s);
    CHECK_EQ(a->number, s->answered++);
    CHECK_EQ(a->chain, s->chain);
    tale.answered++;
    return 0;
}

static const cadre_class source_class = {.name = "source",
                                         .state_size = sizeof(source),
                                         .start = source_start,
                                         .receive = source_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t c = 0; !err && c < tale.chains; c++)
        err = cadre_spawn(self, NULL, &source_class, &(source){.chain = c});
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
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.length = dice_below(&tale.dice, LENGTH_MAX);
    tale.chains = 1 + dice_below(&tale.dice, CHAINS_MAX);
    tale.items = 1 + dice_below(&tale.dice, ITEMS_MAX);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(tale.created, tale.chains * tale.items);
    CHECK_EQ(tale.answered, tale.created);
    CHECK_EQ(tale.dropped, tale.created);
    CHECK_EQ(sums.dead, 0);
    CHECK_EQ(sums.handled, sums.accepted);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"forward", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
