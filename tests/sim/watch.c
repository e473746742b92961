/* watch.c: every race of watch, cancel, link and end, told by a book.
 *
 * Actors watch each other, and the dead, and those that are ending; cancel; link and
 * unlink; end in every way, some after their children, some while a handler of theirs
 * waits closed. Each watch has a line in the book: it is told once, none after a
 * successful cancel, none to the dead; and a message that was sent before the end has
 * come before it. Of two that are linked none outlives the failure of the other. Over the
 * seeds every kind must occur. */
#include "support/story.h"

#include <cadre/await.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ACTORS_MAX = 12, BOOK = 600, DEEDS = 12, SOON = 30000 };
enum { ENOUGH = 600 }; /* plays, for every kind to occur */

typedef struct {
    int nothing;
} pulse;
typedef struct {
    uint32_t from;
} word;
CADRE_TYPE(pulse);
CADRE_TYPE(word);

enum kind {
    TOLD_NORMAL,
    TOLD_FAILURE,
    TOLD_DEAD, /* it had ended before */
    CANCELLED,
    CANCELLED_LATE, /* its news was there, or on its way */
    CANCEL_REFUSED,
    WATCHER_ENDED,
    TOLD_CHILDREN_FIRST, /* it was ending, and had children */
    WATCHED_WHILE_ENDING,
    LINK_FAILED,    /* both for one reason */
    LINK_DEAD,      /* the other had ended before */
    LINK_PASSED_BY, /* after a normal end nothing happens */
    CUT_SHORT,      /* a handler that waited */
    KINDS
};
static const char *const kind_names[KINDS] = {
    "told: normal",         "told: failed",     "told: was dead",     "cancelled",
    "cancelled late",       "cancel refused",   "watcher ended",      "after children",
    "watched while ending", "failed by a link", "failed by the dead", "link passed by",
    "a closed wait ended"};
static uint64_t seen[KINDS], plays;

struct entry {
    uint64_t token;
    uint32_t watcher, watched;
    bool cancelled, told, was_dead, link;
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t actors, used;
    struct entry book[BOOK];
    cadre_ref refs[ACTORS_MAX];
    bool over, begun[ACTORS_MAX], ending[ACTORS_MAX], ended[ACTORS_MAX];
    bool parent[ACTORS_MAX];
    int reasons[ACTORS_MAX];
    uint32_t sent[ACTORS_MAX][ACTORS_MAX], came[ACTORS_MAX][ACTORS_MAX];
} tale;

typedef struct {
    uint32_t number, deeds;
} player;

static cadre_time soon(void) { return 1 + (cadre_time)dice_below(&tale.dice, SOON); }

static struct entry *entry_of(uint32_t watcher, uint64_t token)
{
    for (uint32_t i = 0; i < tale.used; i++)
        if (tale.book[i].token == token && tale.book[i].watcher == watcher)
            return &tale.book[i];
    return NULL;
}

/* ---- the news ---- */

static void enter(player *p, struct entry *e, const cadre_down *down)
{
    uint32_t who = e->watched;
    CHECK(!e->told && !e->cancelled && !e->link);
    CHECK(down->who.id == tale.refs[who].id);
    if (!tale.begun[who]) { /* killed before: no stop */
        tale.ended[who] = true;
        tale.reasons[who] = down->reason == CADRE_EDEAD ? -99 : down->reason;
    }
    CHECK(tale.ended[who]);
    CHECK(down->reason == tale.reasons[who] || down->reason == CADRE_EDEAD);
    CHECK_EQ(tale.came[who][p->number], tale.sent[who][p->number]);
    e->told = true;
    seen[down->reason == CADRE_EDEAD ? TOLD_DEAD
         : down->reason              ? TOLD_FAILURE
                                     : TOLD_NORMAL]++;
    seen[TOLD_CHILDREN_FIRST] += tale.parent[who];
}

/* ---- deeds ---- */

static void watch(cadre_self *self, player *p)
{
    uint32_t who = dice_below(&tale.dice, tale.actors);
    bool link = dice_once_in(&tale.dice, 12);
    cadre_token token = {0};
    if (tale.used == BOOK || who == p->number)
        return;
    struct entry *e = &tale.book[tale.used++];
    *e = (struct entry){.watcher = p->number, .watched = who, .link = link};
    e->was_dead = tale.ended[who];
    seen[WATCHED_WHILE_ENDING] += tale.ending[who] && !tale.ended[who];
    CHECK_EQ(link ? cadre_link(self, &token, tale.refs[who])
                  : cadre_watch(self, &token, tale.refs[who]),
             0);
    e->token = token.id;
}

static void cancel(cadre_self *self, const player *p)
{
    if (tale.used == 0)
        return;
    struct entry *e = &tale.book[dice_below(&tale.dice, tale.used)];
    if (e->watcher != p->number || e->cancelled)
        return;
    int err = cadre_cancel(self, (cadre_token){e->token});
    if (e->link)
        CHECK(err == 0 || err == -ENOENT);
    else
        CHECK_EQ(err, e->told ? -ENOENT : 0);
    seen[CANCEL_REFUSED] += err != 0;
    e->cancelled = err == 0;
    if (err == 0)
        seen[tale.ended[e->watched] ? CANCELLED_LATE : CANCELLED]++;
}

static void talk(cadre_self *self, const player *p)
{
    uint32_t to = dice_below(&tale.dice, tale.actors);
    tale.sent[p->number][to]++;
    CHECK_EQ(cadre_send(self, tale.refs[to], word, p->number), 0);
}

static int wait_closed(cadre_self *self)
{
    cadre_msg m;
    cadre_token token;
    static const cadre_type slept = {.name = "slept"};
    CHECK_EQ(cadre_after_as(self, &token, soon(), &slept, NULL), 0);
    int err = cadre_await(self, token, &m);
    CHECK(err == 0 || err == -ECANCELED);
    seen[CUT_SHORT] += err != 0;
    return err;
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
/* Takes its time to end: its own child ends first. */
static int nurse_start(cadre_self *self, void *state)
{
    static const cadre_class leaf = {.receive = ignore};
    return cadre_spawn(self, NULL, &leaf, NULL);
}
static void bear(cadre_self *self, const player *p)
{
    static const cadre_class nurse = {.start = nurse_start, .receive = ignore};
    tale.parent[p->number] = true;
    CHECK_EQ(cadre_spawn(self, NULL, &nurse, NULL), 0);
}

static int end_somebody(cadre_self *self)
{
    uint32_t who = dice_below(&tale.dice, tale.actors);
    return dice_once_in(&tale.dice, 2) ? cadre_stop(self, tale.refs[who])
                                       : cadre_kill(self, tale.refs[who], -99);
}

static int act(cadre_self *self, player *p)
{
    switch (dice_below(&tale.dice, 24)) {
    case 0:
        return dice_once_in(&tale.dice, 2) ? end_somebody(self) : 0;
    case 1:
        return dice_once_in(&tale.dice, 3) ? CADRE_STOP : 0;
    case 2:
        return dice_once_in(&tale.dice, 3) ? CADRE_EUSER : 0;
    case 3:
        return wait_closed(self);
    case 4:
        bear(self, p);
        return 0;
    case 5:
    case 6:
    case 7:
    case 8:
        cancel(self, p);
        return 0;
    case 9:
    case 10:
    case 11:
    case 12:
        talk(self, p);
        return 0;
    default:
        watch(self, p);
        return 0;
    }
}

/* ---- players ---- */

static int player_start(cadre_self *self, void *state)
{
    tale.begun[((player *)state)->number] = true;
    return cadre_after(self, NULL, soon(), pulse, 0);
}

static int player_receive(cadre_self *self, void *state, cadre_msg *m)
{
    player *p = state;
    const cadre_down *down = cadre_body(m, cadre_down);
    int err = 0;
    CHECK(!tale.ended[p->number]);
    if (cadre_body(m, word))
        tale.came[cadre_body(m, word)->from][p->number]++;
    if (down) {
        struct entry *e = entry_of(p->number, m->token.id);
        CHECK(e != NULL);
        if (e)
            enter(p, e, down);
    }
    if (m->type != &pulse_type)
        return 0;
    for (uint32_t n = 1 + dice_below(&tale.dice, 5); !err && n > 0; n--)
        err = act(self, p);
    if (err == 0 && p->deeds++ < DEEDS)
        err = cadre_after(self, NULL, soon(), pulse, 0);
    tale.ending[p->number] |= err != 0;
    return err;
}

static void player_stop(cadre_self *self, void *state, int reason)
{
    uint32_t number = ((player *)state)->number;
    tale.ended[number] = true;
    tale.reasons[number] = reason;
    for (uint32_t i = 0; i < tale.used; i++)
        seen[WATCHER_ENDED] += tale.book[i].watcher == number && !tale.book[i].told &&
                               !tale.book[i].cancelled;
}

static const cadre_class player_class = {.name = "player",
                                         .state_size = sizeof(player),
                                         .start = player_start,
                                         .receive = player_receive,
                                         .stop = player_stop};

/* ---- the story ---- */

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < tale.actors; i++)
        err = cadre_spawn(self, &tale.refs[i], &player_class, &(player){.number = i});
    return err ? err : cadre_after(self, NULL, 100 * DEEDS * SOON, pulse, 0);
}

/* All is quiet now. */
static void check_entry(const struct entry *e)
{
    uint32_t a = e->watcher, b = e->watched;
    if (e->cancelled || !tale.begun[b])
        return;
    if (e->link) {
        int why_a = tale.reasons[a], why_b = tale.reasons[b];
        CHECK(!tale.ended[b] || why_b == 0 || tale.ended[a]);
        /* One with children may have begun to stop, and was killed then. */
        CHECK(!tale.ended[a] || why_a == 0 || tale.ended[b] || tale.parent[a]);
        seen[LINK_FAILED] += tale.ended[a] && tale.ended[b] && why_a == why_b && why_a;
        seen[LINK_DEAD] += tale.ended[a] && tale.ended[b] && why_a == CADRE_EDEAD;
        seen[LINK_PASSED_BY] += tale.ended[b] && why_b == 0 && !tale.ended[a];
    } else {
        CHECK_EQ(e->told, tale.ended[b] && (e->told || !tale.ended[a]));
    }
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    tale.over = true;
    for (uint32_t i = 0; i < tale.used; i++)
        check_entry(&tale.book[i]);
    return CADRE_STOP;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.actors = 2 + dice_below(&tale.dice, ACTORS_MAX - 1);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK(tale.over);
    if (++plays == ENOUGH)
        story_show_kinds(kind_names, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"watch", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
