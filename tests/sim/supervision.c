/* supervision.c: trees of supervisors in which everything goes wrong at any time.
 *
 * Workers register names, take memory, start timers, watch, link, ask each other, set
 * messages aside, answer late or never; they fail, stop, and their starts fail; strangers
 * send, ask, watch, stop and kill, workers and supervisors; children are added and
 * removed. What comes first is chance. What must hold whatever comes first is checked:
 * no life of a place overlaps another one, who is ended for the sake of others ends
 * before those older than it, nobody starts below one who has ended, names are free and
 * memory is fresh in each life, nothing of a former life comes, each request and each
 * watch has one outcome, messages of one sender are handled in their order, each once,
 * and each body is dropped once. The second story kills somebody at each step of a small
 * tree. */
#include "support/story.h"

#include <cadre/actors/supervisor.h>
#include <cadre/arena.h>
#include <cadre/name.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 24, CHILDREN = 5, DEPTH = 4, STRANGERS = 3, DEEDS = 30, WORDS = 4000 };
enum { FAILED = CADRE_EUSER - 1, KILLED = CADRE_EUSER - 2, NO_START = CADRE_EUSER - 3 };
enum { ENOUGH = 100 }; /* plays, for every kind to occur */
#define SOON (20 * CADRE_MS)
#define QUIET (100000 * CADRE_SECOND)

typedef struct {
    uint32_t number; /* of all words */
    uint32_t sender, sequence;
} word;
typedef struct {
    uint32_t life;
} pulse;
typedef struct {
    int nothing;
} finale;
typedef struct {
    int nothing;
} answer;
static void drop_word(void *body);
static CADRE_TYPE_DROP(word, drop_word);
CADRE_TYPE(pulse);
CADRE_TYPE(finale);
CADRE_TYPE(answer);

enum kind {
    RESTARTS,
    ESCALATIONS,
    TO_THE_TOP,
    BAD_STARTS,
    ENDED_FOR_OTHERS,
    RETRIED,
    HANDLED_LATER, /* in another life than the one it was sent to */
    ADDED,
    REFUSED,
    REMOVED,
    TOLD_OF_ENDS,
    FAILED_ASKS,
    KINDS
};
static const char *const kind_names[KINDS] = {
    "restarts",         "escalations", "to the top",    "bad starts",
    "ended for others", "retried",     "handled later", "added",
    "refused",          "removed",     "told of ends",  "failed asks"};
static uint64_t seen[KINDS], plays;

typedef struct {
    cadre_supervisor config; /* first: of those that are supervisors */
    uint32_t id;
    uint32_t asked; /* requests that have no outcome yet */
} node;

struct place {
    uint32_t parent, count;
    bool is_boss, late;
    node init;
    cadre_child_spec specs[CHILDREN];
    /* Of its life, and of its parent's. */
    cadre_ref ref;
    bool alive, over, removed;
    uint32_t life, parent_life, order,
        born; /* born: children that have been, in order */
    uint32_t bad_starts, starts_when_over;
    uint32_t last[STRANGERS + NODES]; /* handled, of each sender to this ref */
    uint64_t last_ref;
};

struct saying {
    uint32_t life; /* of the receiver, when it was sent */
    bool begun, handled, dropped;
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t nodes, words, steps, kill_at, strangers_done, deeds;
    uint32_t sequences[STRANGERS + NODES];
    bool over, ending;
    bool links; /* bring CADRE_EPARENT as well */
    int64_t asked, outcomes, watched, told;
    cadre_ref top, strangers[STRANGERS];
    struct place places[NODES];
    struct saying sayings[WORDS];
} tale;

static cadre_time soon(void)
{
    return 1 + (cadre_time)dice_below(&tale.dice, (uint32_t)SOON);
}

static void drop_word(void *body)
{
    struct saying *s = &tale.sayings[((word *)body)->number];
    CHECK(!s->dropped);
    s->dropped = true;
}

/* ---- what anybody does ------------------------------------------------------------ */

static struct place *somebody(void)
{
    return &tale.places[dice_below(&tale.dice, tale.nodes)];
}

static void kill_somebody(cadre_self *self)
{
    CHECK_EQ(cadre_kill(self, somebody()->ref, KILLED), 0);
}

/* sender: a node, or behind those a stranger. */
static void say(cadre_self *self, uint32_t sender, node *asks)
{
    const struct place *to = somebody();
    if (tale.words == WORDS || to->is_boss || tale.ending || !to->ref.id)
        return;
    word w = {tale.words++, sender, ++tale.sequences[sender]};
    tale.sayings[w.number].life = to->life;
    cadre_time timeout = dice_once_in(&tale.dice, 3) ? soon() : CADRE_NEVER;
    if (cadre_same(to->ref, cadre_me(self)) || dice_once_in(&tale.dice, 2)) {
        CHECK_EQ(cadre_send_as(self, to->ref, &word_type, &w), 0);
        return;
    }
    CHECK_EQ(cadre_ask_as(self, NULL, to->ref, timeout, &word_type, &w), 0);
    asks->asked++;
}

/* ---- workers ----------------------------------------------------------------------- */

static uint32_t id_of(const void *state) { return ((const node *)state)->id; }

/* Everybody's, before all else. */
static int begin(cadre_self *self, uint32_t id)
{
    struct place *place = &tale.places[id], *parent = &tale.places[place->parent];
    CHECK(!place->alive);
    if (id > 0) {
        CHECK(parent->alive && cadre_same(parent->ref, cadre_parent(self)));
        parent->starts_when_over += parent->over;
        CHECK(parent->starts_when_over <= 1); /* it was on its way */
    }
    if (id > 0 && (place->parent_life != parent->life ||
                   !cadre_same(place->ref, cadre_me(self)))) {
        place->order = ++parent->born;
        place->removed = false;
    } else {
        seen[RESTARTS]++;
    }
    place->ref = cadre_me(self);
    place->parent_life = parent->life;
    place->life++;
    if (place->bad_starts == 0)
        return 0;
    place->bad_starts--;
    seen[BAD_STARTS]++;
    return NO_START;
}

static void end(uint32_t id, int reason)
{
    struct place *place = &tale.places[id];
    CHECK(place->alive);
    place->alive = false;
    for (uint32_t i = 1; i < tale.nodes; i++) {
        const struct place *other = &tale.places[i];
        if (!other->alive)
            continue;
        CHECK(other->parent != id);
        if (id > 0 && reason == CADRE_EPARENT && !tale.links &&
            other->parent == place->parent &&
            other->parent_life == place->parent_life && !other->removed)
            CHECK(other->order < place->order);
    }
    seen[ENDED_FOR_OTHERS] += reason == CADRE_EPARENT;
}

static int worker_start(cadre_self *self, void *state)
{
    char name[20];
    uint32_t id = id_of(state);
    struct place *place = &tale.places[id];
    int err = begin(self, id);
    snprintf(name, sizeof name, "worker-%u", id);
    CHECK_EQ(cadre_whereis(self, name).id, 0);
    CHECK_EQ(cadre_register(self, name), 0);
    if (err)
        return err;
    place->alive = true;
    if (place->last_ref != cadre_me(self).id)
        memset(place->last, 0, sizeof place->last);
    place->last_ref = cadre_me(self).id;
    const unsigned char *memory = cadre_alloc(self, 100 + dice_below(&tale.dice, 5000));
    CHECK(memory && memory[0] == 0 && memory[99] == 0);
    CHECK_EQ(cadre_after(self, NULL, soon(), pulse, place->life), 0);
    return place->late && !dice_once_in(&tale.dice, 10)
               ? cadre_send(self, cadre_parent(self), cadre_ready, 0)
               : 0;
}

static int on_word(cadre_self *self, node *me, cadre_msg *m)
{
    const word w = *cadre_body(m, word);
    struct saying *s = &tale.sayings[w.number];
    struct place *place = &tale.places[me->id];
    cadre_promise promise;
    CHECK(!s->handled && !s->dropped);
    CHECK(w.sequence > place->last[w.sender]);
    seen[RETRIED] += s->begun;
    seen[HANDLED_LATER] += s->life != place->life;
    s->begun = true;
    switch (dice_below(&tale.dice, 12)) {
    case 0:
        return FAILED;
    case 1:
        s->handled = true;
        return CADRE_STOP;
    case 2:
        if (m->token.id)
            CHECK_EQ(cadre_defer(self, m, &promise), 0); /* and forgets it */
        break;
    case 3:
        if (m->token.id)
            CHECK_EQ(cadre_reply(self, m, answer, 0), 0);
        if (dice_once_in(&tale.dice, 4)) /* answered: it is not tried again */
            return FAILED;
        break;
    case 4:
        break; /* no answer */
    default:
        if (m->token.id)
            CHECK_EQ(cadre_reply(self, m, answer, 0), 0);
    }
    s->handled = true;
    place->last[w.sender] = w.sequence;
    return 0;
}

static int on_pulse(cadre_self *self, node *me)
{
    struct place *place = &tale.places[me->id];
    cadre_ref other = somebody()->ref;
    if (tale.ending || tale.deeds == 0)
        return 0;
    tale.deeds--;
    say(self, me->id, me);
    switch (dice_below(&tale.dice, 12)) {
    case 0:
        CHECK_EQ(cadre_after(self, NULL, 1000 * CADRE_SECOND, pulse, 999), 0);
        return FAILED;
    case 1:
        return CADRE_STOP;
    case 2:
        if (tale.links && !cadre_same(other, cadre_me(self)))
            CHECK_EQ(cadre_link(self, NULL, other), 0);
        break;
    case 3:
        if (!cadre_same(other, cadre_me(self)))
            CHECK_EQ(cadre_watch(self, NULL, other), 0);
        break;
    case 4:
        place->bad_starts = dice_below(&tale.dice, 4);
        break;
    default:
        break;
    }
    return cadre_after(self, NULL, soon(), pulse, place->life);
}

static void step(cadre_self *self)
{
    if (++tale.steps == tale.kill_at)
        kill_somebody(self);
}

/* Of a request of this life. */
static void take_outcome(node *me)
{
    CHECK(me->asked > 0);
    me->asked -= me->asked > 0;
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *me = state;
    CHECK(tale.places[me->id].alive);
    step(self);
    if (cadre_body(m, word))
        return on_word(self, me, m);
    if (cadre_body(m, pulse)) { /* started in this life */
        CHECK_EQ(cadre_body(m, pulse)->life, tale.places[me->id].life);
        return on_pulse(self, me);
    }
    if (!cadre_body(m, cadre_down))
        take_outcome(me);
    return 0;
}

static void worker_stop(cadre_self *self, void *state, int reason)
{
    end(id_of(state), reason);
}
static const cadre_class worker = {.name = "worker",
                                   .state_size = sizeof(node),
                                   .start = worker_start,
                                   .receive = worker_receive,
                                   .stop = worker_stop};

/* ---- supervisors ------------------------------------------------------------------- */

static int boss_start(cadre_self *self, void *state)
{
    uint32_t id = id_of(state);
    struct place *place = &tale.places[id];
    int err = begin(self, id);
    if (!err) {
        place->alive = true;
        place->over = false;
        place->born = place->starts_when_over = 0;
        err = cadre_supervisor_class.start(self, state);
        CHECK_EQ(err, 0);
    }
    return err;
}
static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct place *place = &tale.places[id_of(state)];
    CHECK(place->alive && !place->over);
    step(self);
    int err = cadre_supervisor_class.receive(self, state, m);
    place->over = err != 0;
    CHECK(err == 0 || err == CADRE_ERESTARTS);
    seen[ESCALATIONS] += err != 0;
    return err;
}
static void boss_stop(cadre_self *self, void *state, int reason)
{
    end(id_of(state), reason);
    cadre_supervisor_class.stop(self, state, reason);
}
static const cadre_class boss = {.name = "boss",
                                 .state_size = sizeof(node),
                                 .start = boss_start,
                                 .receive = boss_receive,
                                 .stop = boss_stop};

static void configure(struct place *place)
{
    struct dice *dice = &tale.dice;
    bool backs_off = dice_once_in(dice, 2);
    place->is_boss = true;
    place->init.config =
        (cadre_supervisor){.children = place->specs,
                           .strategy = (uint8_t)dice_below(dice, 3),
                           .late = place->late,
                           .max_restarts = 1 + dice_below(dice, 8),
                           .within = 1 + dice_below(dice, 20) * CADRE_MS * 10,
                           .backoff = backs_off ? soon() : 0,
                           .backoff_max = backs_off ? 4 * soon() : 0,
                           .start_timeout = CADRE_SECOND};
}

static cadre_child_spec spec_of(uint32_t id)
{
    const struct place *place = &tale.places[id];
    uint32_t when = dice_below(&tale.dice, 8);
    return (cadre_child_spec){
        .cls = place->is_boss ? &boss : &worker,
        .init = &place->init,
        .when = (uint8_t)(when > CADRE_TEMPORARY ? CADRE_PERMANENT : when),
        .mail = (uint8_t)dice_below(&tale.dice, 3),
        .late = place->late};
}

static void make_places(uint32_t id, uint32_t depth)
{
    struct place *place = &tale.places[id];
    place->init.id = id;
    place->late = dice_once_in(&tale.dice, 2);
    if (id > 0 && (depth == DEPTH || !dice_once_in(&tale.dice, 3)))
        return;
    configure(place);
    for (uint32_t n = 1 + dice_below(&tale.dice, CHILDREN); n > 0; n--) {
        uint32_t child = tale.nodes;
        if (child == NODES - 2) /* two are left, to be added */
            return;
        tale.nodes++;
        tale.places[child].parent = id;
        make_places(child, depth + 1);
        place->specs[place->count++] = spec_of(child);
        place->init.config.count++;
    }
}

#include "sim/strangers.h"

/* ---- the root ---------------------------------------------------------------------- */

static int root_start(cadre_self *self, void *state)
{
    cadre_opts opts = {.keep = true};
    int err = cadre_spawn_with(self, &tale.top, &boss, &tale.places[0].init, &opts);
    for (uint32_t i = 0; i < STRANGERS && !err; i++)
        err = cadre_spawn(self, &tale.strangers[i], &stranger_class,
                          &(stranger){{.id = NODES + i}, DEEDS});
    if (!err)
        err = cadre_watch(self, NULL, tale.top);
    return err ? err : cadre_after(self, NULL, QUIET, finale, 0);
}

static void ignore_name(void *user, const char *name, cadre_ref owner) { CHECK(false); }

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down) {
        seen[TO_THE_TOP] += down->reason == CADRE_ERESTARTS;
        return tale.ending ? cadre_release(self, down->child)
                           : cadre_restart(self, down->child);
    }
    if (!cadre_body(m, finale))
        return 0;
    if (!tale.ending) {
        tale.ending = true;
        CHECK_EQ(cadre_release(self, tale.top), 0);
        return cadre_after(self, NULL, QUIET, finale, 0);
    }
    if (tale.over)
        return CADRE_STOP;
    tale.over = true; /* nobody is left but the strangers */
    for (uint32_t i = 0; i < tale.nodes; i++)
        CHECK(!tale.places[i].alive);
    CHECK_EQ(cadre_system_names(cadre_system_of(self), ignore_name, NULL), 0);
    for (uint32_t i = 0; i < STRANGERS; i++)
        CHECK_EQ(cadre_send(self, tale.strangers[i], finale, 0), 0);
    return cadre_after(self, NULL, CADRE_SECOND, finale, 0);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t tell(uint64_t seed, uint32_t kill_at, uint32_t deeds)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.nodes = 1;
    tale.links = dice_once_in(&tale.dice, 2);
    tale.kill_at = kill_at;
    tale.deeds = deeds;
    make_places(0, kill_at ? DEPTH - 1 : 0);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    CHECK(tale.over);
    CHECK_EQ(tale.strangers_done, STRANGERS);
    CHECK_EQ(tale.told, tale.watched);
    for (uint32_t i = 0; i < tale.words; i++)
        CHECK(tale.sayings[i].dropped);
    return sums.trace;
}

static uint64_t play(uint64_t seed)
{
    uint64_t trace = tell(seed, 0, 500);
    if (++plays == ENOUGH)
        story_show_kinds(kind_names, seen, KINDS);
    return trace;
}

static uint64_t play_steps(uint64_t seed)
{
    uint64_t trace = tell(seed, UINT32_MAX, 20);
    uint32_t steps = tale.steps;
    for (uint32_t k = 1; k <= steps && !verdict_has_failed(); k++)
        trace = mix64(trace ^ tell(seed, k, 20));
    return trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {
        {"supervision", play, 30000}, {"each step", play_steps, 200}, {0}};
    return story_main(argc, argv, stories);
}
