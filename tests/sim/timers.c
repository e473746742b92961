/* timers.c: timers of every kind against a model that knows when each is due.
 *
 * Actors set timers, periodic ones and the one of silence, cancel some, set others aside,
 * talk to each other, and end. Nothing comes early, twice, or after a cancel; what
 * repeats stays on its grid; silence is silence; and each body is dropped once. */
#include "support/story.h"

#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ACTORS_MAX = 4, TIMERS_MAX = 40, LINES = ACTORS_MAX * TIMERS_MAX };
enum { SPAN = 400000, ENOUGH = 600 };

typedef struct {
    uint32_t line;
    bool *alive; /* the book's: is this body not dropped yet? */
} bell;
typedef struct {
    uint32_t line;
} tick; /* periodic: owns nothing */
typedef struct {
    int nothing;
} word;
CADRE_TYPE(tick);
CADRE_TYPE(word);

enum state { UNUSED, SET, ASIDE, CAME, CANCELLED, REPLACED, OWNER_ENDED };
enum kind { ONCE, AGAIN, SILENCE };

static struct line {
    enum state state;
    enum kind kind;
    uint64_t token;
    uint32_t actor, ticks, heard;
    cadre_time begin, due, period;
    bool alive;
} book[LINES];

/* What must occur. */
enum rare {
    CANCEL_IN_TIME,
    CANCEL_WHEN_DUE, /* its time had come already */
    CANCEL_REFUSED,
    TICK_LEFT_OUT,
    SILENT,
    SET_ASIDE,
    ENDED_WITH_TIMERS,
    KINDS
};
static const char *const names[KINDS] = {
    "cancelled in time", "cancelled when due", "cancel refused",   "tick left out",
    "silence",           "set aside",          "ended with timers"};
static uint64_t seen[KINDS], plays;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t actors, timers, used;
    struct dice dice;
    cadre_ref refs[ACTORS_MAX];
    bool ended[ACTORS_MAX];
} tale;

static void drop_bell(void *body)
{
    bool *alive = ((bell *)body)->alive;
    CHECK(*alive);
    *alive = false;
}
CADRE_TYPE_DROP(bell, drop_bell);

typedef struct {
    uint32_t number, silence; /* the line of its silence; LINES: none */
    uint32_t heard;           /* how many messages came that were not of silence ... */
    cadre_time last;          /* ... and when the last of them */
} actor;

static cadre_time soon(void) { return (cadre_time)dice_below(&tale.dice, SPAN); }

/* ---- setting ---- */

static int set_once(cadre_self *self, struct line *l, uint32_t n, cadre_token *token)
{
    bell b = {n, &l->alive};
    l->alive = true;
    cadre_time delay = soon();
    l->due = l->begin + delay;
    return cadre_after_as(self, token, delay, &bell_type, &b);
}

static int set_again(cadre_self *self, struct line *l, uint32_t n, cadre_token *token)
{
    l->period = 1000 + soon() / 4;
    l->due = l->begin + l->period;
    return cadre_every(self, token, l->period, tick, n);
}

static int set_silence(cadre_self *self, actor *a, struct line *l, uint32_t n,
                       cadre_token *token)
{
    if (a->silence < LINES && book[a->silence].state == SET)
        book[a->silence].state = REPLACED;
    a->silence = n;
    a->last = l->begin;
    l->period = 1000 + soon() / 4;
    return cadre_when_idle_as(self, token, l->period, CADRE_BODY(tick, n));
}

static int set_one(cadre_self *self, actor *a)
{
    uint32_t n = tale.used++;
    struct line *l = &book[n];
    cadre_token token = {0};
    *l = (struct line){.state = SET, .actor = a->number, .begin = cadre_now(self)};
    l->kind =
        (enum kind)(dice_once_in(&tale.dice, 2) ? ONCE : 1 + dice_below(&tale.dice, 2));
    int err = l->kind == ONCE    ? set_once(self, l, n, &token)
              : l->kind == AGAIN ? set_again(self, l, n, &token)
                                 : set_silence(self, a, l, n, &token);
    l->token = token.id;
    CHECK(token.id != 0);
    return err;
}

static void cancel_one(cadre_self *self, actor *a)
{
    struct line *l = &book[dice_below(&tale.dice, tale.used)];
    bool mine = l->actor == a->number && l->state == SET;
    int err = cadre_cancel(self, (cadre_token){l->token});
    CHECK_EQ(err, mine ? 0 : -ENOENT);
    seen[CANCEL_REFUSED] += err != 0;
    if (err)
        return;
    l->state = CANCELLED;
    CHECK(!l->alive);
    bool due = l->kind == ONCE && cadre_now(self) > l->due;
    seen[due ? CANCEL_WHEN_DUE : CANCEL_IN_TIME]++;
}

/* ---- coming ---- */

static void once_came(actor *a, struct line *l, cadre_time now)
{
    CHECK(l->state == SET || l->state == ASIDE);
    CHECK(now >= l->due);
    l->state = CAME;
}

static void tick_came(struct line *l, cadre_time now)
{
    CHECK_EQ(l->state, SET);
    CHECK(now >= l->due);
    seen[TICK_LEFT_OUT] += now - l->due >= l->period;
    l->due += ((now - l->due) / l->period + 1) * l->period; /* the next on the grid */
    l->ticks++;
}

static void silence_came(actor *a, struct line *l, cadre_time now)
{
    CHECK_EQ(l->state, SET);
    CHECK(now - a->last >= l->period);
    CHECK(l->ticks == 0 || l->heard < a->heard); /* something since the one before */
    l->heard = a->heard;
    l->ticks++;
    seen[SILENT]++;
}

static void came(actor *a, const cadre_msg *m, uint32_t n, cadre_time now)
{
    struct line *l = &book[n];
    CHECK_EQ(l->actor, a->number);
    CHECK_EQ(m->token.id, l->token);
    CHECK(cadre_same(m->from, tale.refs[a->number]));
    if (l->kind == ONCE)
        once_came(a, l, now);
    else if (l->kind == AGAIN)
        tick_came(l, now);
    else
        silence_came(a, l, now);
}

static void hear(actor *a, cadre_time now)
{
    a->heard++;
    a->last = now;
}

static int act(cadre_self *self, actor *a)
{
    int err = 0;
    for (uint32_t i = dice_below(&tale.dice, 4); !err && i > 0; i--)
        if (tale.used < tale.actors * tale.timers)
            err = set_one(self, a);
    if (!err && dice_once_in(&tale.dice, 3))
        err = cadre_send(self, tale.refs[dice_below(&tale.dice, tale.actors)], word, 0);
    for (uint32_t i = dice_below(&tale.dice, 3); i > 0 && tale.used > 0; i--)
        cancel_one(self, a);
    if (err || !dice_once_in(&tale.dice, 60))
        return err;
    return dice_once_in(&tale.dice, 2) ? CADRE_STOP : -7;
}

static int handle(cadre_self *self, void *state, cadre_msg *m)
{
    actor *a = state;
    cadre_time now = cadre_now(self);
    const bell *b = cadre_body(m, bell);
    const tick *t = cadre_body(m, tick);
    CHECK(!tale.ended[a->number]);
    bool silent = t && book[t->line].kind == SILENCE;
    if (b || t)
        came(a, m, b ? b->line : t->line, now);
    if (!silent)
        hear(a, now);
    return act(self, a);
}

/* Sometimes a message is set aside for a while: then it is not handled yet. */
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    actor *a = state;
    if (cadre_body(m, bell) && dice_once_in(&tale.dice, 8)) {
        hear(a, cadre_now(self)); /* received it was */
        seen[SET_ASIDE]++;
        struct line *l = &book[cadre_body(m, bell)->line];
        CHECK((l->state == SET || l->state == ASIDE) && cadre_now(self) >= l->due);
        l->state = ASIDE;
        return cadre_stash(self, m);
    }
    if (dice_once_in(&tale.dice, 4))
        cadre_unstash(self);
    return handle(self, state, m);
}

static int start(cadre_self *self, void *state)
{
    actor *a = state;
    tale.refs[a->number] = cadre_me(self);
    int err = set_one(self, a);
    return err ? err : cadre_send(self, cadre_me(self), word, 0);
}

static void stop(cadre_self *self, void *state, int reason)
{
    uint32_t number = ((actor *)state)->number;
    tale.ended[number] = true;
    for (uint32_t i = 0; i < tale.used; i++)
        if (book[i].actor == number && book[i].state <= ASIDE) {
            seen[ENDED_WITH_TIMERS] += book[i].state == SET;
            book[i].state = OWNER_ENDED;
        }
}

static const cadre_class actor_class = {.name = "actor",
                                        .state_size = sizeof(actor),
                                        .start = start,
                                        .receive = receive,
                                        .stop = stop};

/* ---- the story ---- */

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < tale.actors; i++)
        err = cadre_spawn(self, NULL, &actor_class, &(actor){i, LINES, 0, 0});
    /* Periodic timers go on for ever. */
    return err ? err : cadre_after(self, NULL, 4 * SPAN, word, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    memset(book, 0, sizeof book);
    tale.dice = dice_new(seed, 1);
    tale.actors = 1 + dice_below(&tale.dice, ACTORS_MAX);
    tale.timers = 1 + dice_below(&tale.dice, TIMERS_MAX);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    for (uint32_t i = 0; i < tale.used; i++) {
        CHECK(!book[i].alive);
        CHECK(book[i].state > ASIDE);
    }
    if (++plays == ENOUGH)
        story_show_kinds(names, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"timers", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
