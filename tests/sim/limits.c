/* limits.c: senders flood a receiver whose mailbox takes one message, or a few, while
 * somebody is killed, stopped or restarted at some step: under each policy. */
#include "support/story.h"

#include <cadre/ask.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { SENDERS = 3, KEYS = 4 };
enum {
    SENT,
    REFUSED,
    HANDLED,
    DROPPED,
    DEAD,
    ANSWERS,
    FAILURES,
    DOWNS,
    REDIRECTED,
    KINDS
};

static const char *const kinds[KINDS] = {"sent",     "refused", "handled",
                                         "dropped",  "dead",    "answers",
                                         "failures", "downs",   "redirected"};
static uint64_t seen[KINDS];
enum { ENOUGH = 400 };
static int plays;

typedef struct {
    uint32_t sender, serial, key;
    uint32_t *alive; /* one for each body; whoever drops it takes it away */
} load;
static void load_drop(void *body)
{
    load *l = body;
    CHECK_EQ(*l->alive, 1);
    *l->alive = 0;
}
static CADRE_TYPE_DROP(load, load_drop);
typedef struct {
    uint32_t what;
} pulse;
static CADRE_TYPE(pulse);

enum { BODIES = 600 };
static struct {
    cadre_limit limit;
    cadre_ref receiver, spare;
    uint32_t alive[BODIES], bodies, next[SENDERS], asked, outcomes;
    uint64_t seed;
} tale;

static uint64_t key_of(const cadre_type *type, const void *body)
{
    return type == &load_type ? ((const load *)body)->key : KEYS;
}

/* ---- receivers ---- */

typedef struct {
    struct dice dice;
    bool is_spare;
} receiver;

static int receiver_receive(cadre_self *self, void *state, cadre_msg *m)
{
    receiver *r = state;
    const load *l = cadre_body(m, load);
    if (!l) /* unstash */
        return cadre_unstash(self), 0;
    seen[r->is_spare ? REDIRECTED : HANDLED]++;
    if (m->token.id)
        return cadre_reply(self, m, pulse, 1);
    if (!r->is_spare && dice_once_in(&r->dice, 12))
        return cadre_stash(self, m);
    if (!r->is_spare) { /* what was set aside comes later */
        if (dice_once_in(&r->dice, 8))
            cadre_unstash(self);
        if (dice_once_in(&r->dice, 30))
            return CADRE_EUSER;
    }
    return 0;
}
static const cadre_class receiver_class = {
    .name = "receiver", .state_size = sizeof(receiver), .receive = receiver_receive};

/* ---- senders ---- */

typedef struct {
    uint32_t index, left;
    struct dice dice;
} sender;

static int outcome(cadre_self *self, void *state, cadre_msg *m)
{
    tale.outcomes++;
    seen[cadre_body(m, cadre_failure) ? FAILURES : ANSWERS]++;
    return 0;
}

static void send_one(cadre_self *self, sender *s)
{
    cadre_token token;
    load l = {s->index, tale.next[s->index]++, dice_below(&s->dice, KEYS),
              &tale.alive[tale.bodies++]};
    bool asks = dice_once_in(&s->dice, 4);
    *l.alive = 1;
    int err =
        asks ? cadre_ask_as(self, &token, tale.receiver, CADRE_NEVER, &load_type, &l)
             : cadre_send_as(self, tale.receiver, &load_type, &l);
    CHECK(err == 0 || (err == CADRE_EFULL && tale.limit.overflow == CADRE_REFUSE));
    seen[err ? REFUSED : SENT]++;
    CHECK(!err || *l.alive == 0);
    if (asks && !err) {
        tale.asked++;
        CHECK_EQ(cadre_then(self, token, outcome), 0);
    }
}

static int sender_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    sender *s = state;
    if (!cadre_body(m, pulse) || m->token.id)
        return 0;
    for (uint32_t n = dice_below(&s->dice, 6); n > 0 && s->left > 0; n--, s->left--)
        send_one(self, s);
    if (dice_once_in(&s->dice, 20))
        CHECK_EQ(cadre_kill(self, tale.receiver, 0), 0);
    if (dice_once_in(&s->dice, 20))
        CHECK_EQ(cadre_stop(self, tale.receiver), 0);
    return s->left == 0 ? 0 : cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(sender),
                                         .start = sender_start,
                                         .receive = sender_receive};

/* ---- the parent ---- */

static int parent_start(cadre_self *self, void *state)
{
    struct dice dice = dice_new(tale.seed, 2);
    receiver r = {dice_new(tale.seed, 3), true};
    CHECK_EQ(cadre_spawn(self, &tale.spare, &receiver_class, &r), 0);
    r.is_spare = false;
    if (tale.limit.overflow == CADRE_REDIRECT)
        tale.limit.redirect = tale.spare;
    const cadre_opts opts = {
        .keep = dice_below(&dice, 2), .mail = 0, .limit = &tale.limit};
    CHECK_EQ(cadre_spawn_with(self, &tale.receiver, &receiver_class, &r, &opts), 0);
    for (uint32_t i = 0; i < SENDERS; i++) {
        sender s = {i, 1 + dice_below(&dice, 60), dice_new(tale.seed, 4 + i)};
        CHECK_EQ(cadre_spawn(self, NULL, &sender_class, &s), 0);
    }
    return 0;
}
static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    seen[DOWNS] += down != NULL;
    return down ? cadre_restart(self, down->child) : 0;
}
static const cadre_class parent_class = {
    .name = "parent", .start = parent_start, .receive = parent_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    struct dice dice = dice_new(seed, 1);
    memset(&tale, 0, sizeof tale);
    tale.seed = seed;
    config.end_when_quiet = true;
    if (dice_below(&dice, 2))
        config.batch = 1;
    uint8_t overflow = (uint8_t)dice_below(&dice, CADRE_REDIRECT + 1);
    bool weighs = dice_once_in(&dice, 4);
    uint32_t max = dice_below(&dice, 2) ? 1 : 1 + dice_below(&dice, 9);
    tale.limit = (cadre_limit){.mailbox_max = weighs ? 0 : max,
                               .mailbox_bytes = weighs ? max * sizeof(load) : 0,
                               .overflow = overflow,
                               .key = overflow == CADRE_KEEP_LATEST ? key_of : NULL};
    CHECK_EQ(story_run(&config, &parent_class, NULL, &sums), 0);
    seen[DROPPED] += sums.dropped;
    seen[DEAD] += sums.dead;
    for (uint32_t i = 0; i < tale.bodies; i++)
        CHECK_EQ(tale.alive[i], 0);
    CHECK(tale.outcomes <= tale.asked);
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"limits", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
