/* pingpong.c: many pairs play; each ball comes back in its turn, and nothing is left. */
#include "support/story.h"

typedef struct {
    uint32_t number;
} ball;
CADRE_TYPE(ball);
typedef struct {
    uint32_t pair;
} done;
CADRE_TYPE(done);

enum { PAIRS_MAX = 20, BALLS_MAX = 8, ROUNDS_MAX = 30 };

/* Of the story that is being told; a simulation has one thread. */
static struct {
    uint32_t pairs, balls, rounds;
    uint64_t sent, received;
} game;

typedef struct {
    uint32_t pair;
    cadre_ref partner;
    uint32_t next; /* the number of the ball that comes next */
} player;

static int ponger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    player *p = state;
    ball *b = cadre_body(m, ball);
    CHECK(b && b->number == p->next);
    p->next++;
    game.received++;
    game.sent++;
    return cadre_reply(self, m, ball, .number = b->number);
}

static const cadre_class ponger_class = {
    .name = "ponger", .state_size = sizeof(player), .receive = ponger_receive};

static int pinger_start(cadre_self *self, void *state)
{
    player *p = state;
    int err = cadre_spawn(self, &p->partner, &ponger_class, NULL);
    for (uint32_t i = 0; !err && i < game.balls; i++) {
        game.sent++;
        err = cadre_send(self, p->partner, ball, .number = i);
    }
    return err;
}

static int pinger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    player *p = state;
    ball *b = cadre_body(m, ball);
    CHECK(b && b->number == p->next && cadre_same(m->from, p->partner));
    p->next++;
    game.received++;
    if (p->next == game.balls * game.rounds) {
        game.sent++;
        int err = cadre_send(self, cadre_parent(self), done, .pair = p->pair);
        return err ? err : CADRE_STOP;
    }
    if (b->number + game.balls >= game.balls * game.rounds)
        return 0;
    game.sent++;
    return cadre_send(self, m->from, ball, .number = b->number + game.balls);
}

static const cadre_class pinger_class = {.name = "pinger",
                                         .state_size = sizeof(player),
                                         .start = pinger_start,
                                         .receive = pinger_receive};

typedef struct {
    uint32_t done;
} root;

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < game.pairs; i++)
        err = cadre_spawn(self, NULL, &pinger_class, &(player){.pair = i});
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    CHECK(cadre_body(m, done) != NULL);
    game.received++;
    return ++r->done == game.pairs ? CADRE_STOP : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    struct dice dice = dice_new(seed, 1);
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    game.pairs = 1 + dice_below(&dice, PAIRS_MAX);
    game.balls = 1 + dice_below(&dice, BALLS_MAX);
    game.rounds = 1 + dice_below(&dice, ROUNDS_MAX);
    game.sent = game.received = 0;
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(sums.accepted, game.sent);
    CHECK_EQ(sums.handled, game.received);
    CHECK_EQ(sums.dead, 0);
    CHECK_EQ(game.sent, game.pairs * (2 * game.balls * game.rounds + 1));
    CHECK_EQ(sums.spawned, 2 * game.pairs + 1);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"pingpong", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
