/* supervisors.c: a tree of supervisors beside a small model of it, deed by deed.
 *
 * A seed gives the tree: every strategy, when, and mail policy, with a backoff or
 * without. Deeds come one by one, each after everything has settled: a worker fails or
 * ends, is stopped or killed from outside, so is a supervisor, a child is removed, starts
 * fail. What happens then is determined: who ends, for which reason, who starts, in which
 * order, and when there have been too many restarts. The model says it beforehand; what
 * the actors do must be the same, event by event. So it is with messages sent before and
 * after the deed: which are handled, how often, which are not, and in which order. */
#include "support/story.h"

#include <cadre/actors/supervisor.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    NODES = 20,
    CHILDREN = 4,
    DEPTH = 4,
    EVENTS = 3000,
    DEEDS = 30,
    ROOT_RESTARTS = 2,
    LETTERS = 3 * DEEDS
};
enum { FAILED = CADRE_EUSER - 1, KILLED = CADRE_EUSER - 2, NO_START = CADRE_EUSER - 3 };
enum { ENOUGH = 300 }; /* plays, for every kind to occur */
#define PAUSE (100 * CADRE_SECOND)

typedef struct {
    int nothing;
} pulse;
typedef struct {
    int result;
    uint32_t letter; /* its number */
} deed;
CADRE_TYPE(pulse);
CADRE_TYPE(deed);

enum kind {
    RESTARTS,
    ESCALATIONS,
    TO_THE_TOP,
    LOST,
    BAD_STARTS,
    REMOVED,
    SURVIVED, /* letters that wait for the next life */
    RETRIED,
    DIED,
    KINDS
};
static const char *const kind_names[KINDS] = {"restarts", "escalations", "to the top",
                                              "for good", "bad starts",  "removed",
                                              "survived", "retried",     "died"};
static uint64_t seen[KINDS], plays;

/* s: starts, f: fails to, x: ends. */
struct event {
    char what;
    uint32_t id;
    int code;
};
struct record {
    uint32_t count;
    struct event events[EVENTS];
};

typedef struct {
    cadre_supervisor config; /* first: of those that are supervisors */
    uint32_t id;
} node;

struct place {
    uint32_t parent, index; /* in the parent's table */
    bool is_boss;
    node init;
    cadre_child_spec specs[CHILDREN];
    uint32_t children[CHILDREN];
    cadre_ref ref;
    uint32_t bad_starts; /* how many of its next starts fail */
};

/* The model: what its supervisor should know of each. */
struct model {
    enum { IDLE, UP, GONE } phase;
    uint32_t bad_starts, restarts;
    uint32_t made, started; /* how often it has got a new address; has been up */
    uint32_t restarted[DEEDS + 60]; /* at which deed */
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t letters, last_letter[NODES];
    struct {
        uint32_t least, most, handled; /* times: as the model says; and as it was */
    } mail[LETTERS];
    uint32_t nodes, deeds, window, root_restarts, top_starts;
    bool over;
    struct place places[NODES];
    struct model models[NODES];
    struct record expected, happened;
} tale;

static void add_event(struct record *record, char what, uint32_t id, int code)
{
    CHECK(record->count < EVENTS);
    if (record->count < EVENTS)
        record->events[record->count++] = (struct event){what, id, code};
}

/* ---- the model ------------------------------------------------------------------- */

static void model_end(uint32_t id, int code)
{
    const struct place *place = &tale.places[id];
    for (uint32_t i = place->init.config.count; i-- > 0;)
        if (tale.models[place->children[i]].phase == UP)
            model_end(place->children[i], CADRE_EPARENT);
    tale.models[id].phase = IDLE;
    add_event(&tale.expected, 'x', id, code);
}

static bool model_may_restart(uint32_t boss)
{
    uint32_t kept = 0;
    struct model *m = &tale.models[boss];
    for (uint32_t i = 0; i < m->restarts; i++)
        if (tale.deeds - m->restarted[i] < tale.window)
            m->restarted[kept++] = m->restarted[i];
    m->restarts = kept;
    if (kept >= tale.places[boss].init.config.max_restarts)
        return false;
    m->restarted[m->restarts++] = tale.deeds;
    seen[RESTARTS]++;
    return true;
}

static void model_lose(uint32_t id)
{
    tale.models[id].phase = GONE;
    seen[LOST]++;
}

/* The child is down. False: the supervisor gives up, with all that it has. */
static bool model_down(uint32_t id, int reason)
{
    const struct place *place = &tale.places[id], *boss = &tale.places[place->parent];
    uint8_t when = boss->specs[place->index].when;
    uint8_t strategy = boss->init.config.strategy;
    tale.models[id].phase = IDLE;
    if (when == CADRE_TEMPORARY || (when == CADRE_TRANSIENT && reason == 0)) {
        model_lose(id);
        return true;
    }
    if (!model_may_restart(place->parent)) {
        model_end(place->parent, CADRE_ERESTARTS);
        seen[ESCALATIONS]++;
        return false;
    }
    uint32_t from = strategy == CADRE_ONE_FOR_ALL    ? 0
                    : strategy == CADRE_REST_FOR_ONE ? place->index + 1
                                                     : CHILDREN;
    for (uint32_t i = boss->init.config.count; i-- > from;) {
        uint32_t other = boss->children[i];
        if (tale.models[other].phase != UP)
            continue;
        model_end(other, CADRE_EPARENT);
        if (boss->specs[i].when == CADRE_TEMPORARY)
            model_lose(other);
    }
    return true;
}

static int model_start(uint32_t id);

/* All that are to start, in order. False: it gives up. */
static bool model_settle(uint32_t boss)
{
    const struct place *place = &tale.places[boss];
    for (uint32_t i = 0; i < place->init.config.count; i++) {
        uint32_t id = place->children[i];
        if (tale.models[id].phase != IDLE)
            continue;
        int code = model_start(id);
        if (code && !model_down(id, code))
            return false;
        if (code)
            i = UINT32_MAX; /* from the beginning */
    }
    return true;
}

static int model_start(uint32_t id)
{
    struct model *m = &tale.models[id];
    if (m->bad_starts > 0) {
        m->bad_starts--;
        seen[BAD_STARTS]++;
        add_event(&tale.expected, 'f', id, NO_START);
        return NO_START;
    }
    add_event(&tale.expected, 's', id, 0);
    m->phase = UP;
    m->started++;
    m->restarts = 0;
    for (uint32_t i = 0; i < tale.places[id].init.config.count; i++) {
        tale.models[tale.places[id].children[i]].phase = IDLE;
        tale.models[tale.places[id].children[i]].made++;
    }
    return model_settle(id) ? 0 : CADRE_ERESTARTS;
}

/* One that is up has ended, or has given up. */
static void model_ended(uint32_t id, int reason)
{
    while (id > 0) {
        if (model_down(id, reason) && model_settle(tale.places[id].parent))
            return;
        id = tale.places[id].parent;
        reason = CADRE_ERESTARTS;
    }
    seen[TO_THE_TOP]++;
    while (tale.root_restarts > 0) {
        tale.root_restarts--;
        if (model_start(0) == 0)
            return;
    }
    tale.models[0].phase = GONE;
}

/* How often letters were handled that were sent behind what has ended worker `id`; was:
 * the model of it then; from: the first of them; retried: the one that it failed on, or
 * none. One that runs again at its address has got those that waited. How far one got
 * that was up again, but has ended since, only the actors know. */
static void model_mail(uint32_t id, const struct model *was, uint32_t from,
                       uint32_t retried)
{
    const struct place *place = &tale.places[id];
    uint8_t mail = tale.places[place->parent].specs[place->index].mail;
    const struct model *m = &tale.models[id];
    bool lives = m->phase == UP && m->made == was->made;
    bool ran_again = m->started != was->started;
    bool waits = mail != CADRE_MAIL_DROP;
    for (uint32_t i = from; i < tale.letters; i++) {
        tale.mail[i].least = lives && waits;
        tale.mail[i].most = ran_again && waits;
        seen[lives && waits ? SURVIVED : DIED]++;
    }
    if (retried == UINT32_MAX)
        return;
    tale.mail[retried].least = 1 + (lives && mail == CADRE_MAIL_RETRY);
    tale.mail[retried].most = 1 + (ran_again && mail == CADRE_MAIL_RETRY);
    seen[RETRIED] += lives && mail == CADRE_MAIL_RETRY;
}

static void compare_mail(void)
{
    for (uint32_t i = 0; i < tale.letters; i++)
        CHECK(tale.mail[i].handled >= tale.mail[i].least &&
              tale.mail[i].handled <= tale.mail[i].most);
}

/* ---- the actors ------------------------------------------------------------------ */

static uint32_t id_of(const void *state) { return ((const node *)state)->id; }

static int begin(cadre_self *self, uint32_t id)
{
    struct place *place = &tale.places[id];
    place->ref = cadre_me(self);
    if (place->bad_starts > 0) {
        place->bad_starts--;
        add_event(&tale.happened, 'f', id, NO_START);
        return NO_START;
    }
    add_event(&tale.happened, 's', id, 0);
    return 0;
}

static int worker_start(cadre_self *self, void *state)
{
    int err = begin(self, id_of(state));
    bool late = tale.places[tale.places[id_of(state)].parent]
                    .specs[tale.places[id_of(state)].index]
                    .late;
    return err || !late ? err : cadre_send(self, cadre_parent(self), cadre_ready, 0);
}
static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    deed *d = cadre_body(m, deed);
    int result = d->result;
    uint32_t *last = &tale.last_letter[id_of(state)];
    CHECK(d->letter + 1 > *last || (d->letter + 1 == *last && result == 0));
    *last = d->letter + 1;
    tale.mail[d->letter].handled++;
    d->result = 0; /* when it is retried */
    return result;
}
static void worker_stop(cadre_self *self, void *state, int reason)
{
    add_event(&tale.happened, 'x', id_of(state), reason);
}
static const cadre_class worker = {.name = "worker",
                                   .state_size = sizeof(node),
                                   .start = worker_start,
                                   .receive = worker_receive,
                                   .stop = worker_stop};

static int boss_start(cadre_self *self, void *state)
{
    int err = begin(self, id_of(state));
    return err ? err : cadre_supervisor_class.start(self, state);
}
static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_supervisor_class.receive(self, state, m);
}
static void boss_stop(cadre_self *self, void *state, int reason)
{
    add_event(&tale.happened, 'x', id_of(state), reason);
    cadre_supervisor_class.stop(self, state, reason);
}
static const cadre_class boss = {.name = "boss",
                                 .state_size = sizeof(node),
                                 .start = boss_start,
                                 .receive = boss_receive,
                                 .stop = boss_stop};

/* ---- the tree -------------------------------------------------------------------- */

static void configure(struct place *place)
{
    struct dice *dice = &tale.dice;
    bool backs_off = dice_once_in(dice, 3);
    place->init.config = (cadre_supervisor){
        .children = place->specs,
        .strategy = (uint8_t)dice_below(dice, 3),
        .late = true,
        .max_restarts = 1 + dice_below(dice, 4),
        .within = (cadre_time)tale.window * PAUSE - PAUSE / 2,
        .backoff = backs_off ? (1 + dice_below(dice, 100)) * CADRE_MS : 0,
        .backoff_max = backs_off ? 200 * CADRE_MS : 0};
}

static void make_places(uint32_t id, uint32_t depth)
{
    struct place *place = &tale.places[id];
    place->init.id = id;
    place->is_boss = id == 0 || (depth < DEPTH && dice_once_in(&tale.dice, 3));
    if (!place->is_boss)
        return;
    configure(place);
    for (uint32_t n = 1 + dice_below(&tale.dice, CHILDREN); n > 0; n--) {
        uint32_t child = tale.nodes, i = place->init.config.count;
        if (child == NODES)
            return;
        tale.nodes++;
        place->init.config.count++;
        place->children[i] = child;
        tale.places[child].parent = id;
        tale.places[child].index = i;
        make_places(child, depth + 1);
        bool is_boss = tale.places[child].is_boss;
        uint32_t when = dice_below(&tale.dice, 6);
        place->specs[i] = (cadre_child_spec){
            .cls = is_boss ? &boss : &worker,
            .init = &tale.places[child].init,
            .when = (uint8_t)(when > CADRE_TEMPORARY ? CADRE_PERMANENT : when),
            .mail = (uint8_t)dice_below(&tale.dice, 3),
            .late = is_boss || dice_once_in(&tale.dice, 3)};
    }
}

/* ---- deeds ----------------------------------------------------------------------- */

static bool is_up(uint32_t id)
{
    for (; id > 0; id = tale.places[id].parent)
        if (tale.models[id].phase != UP)
            return false;
    return tale.models[0].phase == UP;
}

/* Returns its number. */
static uint32_t send_letter(cadre_self *self, uint32_t id, int result)
{
    uint32_t letter = tale.letters++;
    CHECK(letter < LETTERS);
    tale.mail[letter].least = tale.mail[letter].most = 1;
    CHECK_EQ(cadre_send(self, tale.places[id].ref, deed, result, letter), 0);
    return letter;
}

/* A stop is behind what was sent before; a kill is not. */
static void end_worker(cadre_self *self, uint32_t id, bool kill)
{
    const struct model was = tale.models[id];
    uint32_t before = send_letter(self, id, 0);
    CHECK_EQ(kill ? cadre_kill(self, tale.places[id].ref, KILLED)
                  : cadre_stop(self, tale.places[id].ref),
             0);
    (void)send_letter(self, id, 0);
    model_end(id, kill ? KILLED : 0);
    model_ended(id, kill ? KILLED : 0);
    model_mail(id, &was, before + !kill, UINT32_MAX);
}

static void end_one(cadre_self *self, uint32_t id, bool kill)
{
    const struct place *place = &tale.places[id];
    int reason = kill ? KILLED : 0;
    if (!place->is_boss) {
        end_worker(self, id, kill);
        return;
    }
    if (kill)
        CHECK_EQ(cadre_kill(self, place->ref, reason), 0);
    else
        CHECK_EQ(cadre_stop(self, place->ref), 0);
    model_end(id, reason);
    model_ended(id, reason);
}

static void let_fail(cadre_self *self, uint32_t id, int result)
{
    const struct model was = tale.models[id];
    (void)send_letter(self, id, 0);
    uint32_t letter = send_letter(self, id, result);
    (void)send_letter(self, id, 0);
    int reason = result == CADRE_STOP ? 0 : result;
    model_end(id, reason);
    model_ended(id, reason);
    model_mail(id, &was, letter + 1, reason ? letter : UINT32_MAX);
}

static void remove_one(cadre_self *self, uint32_t id)
{
    cadre_ref ref = tale.places[id].ref;
    CHECK_EQ(cadre_ask(self, NULL, tale.places[tale.places[id].parent].ref, CADRE_NEVER,
                       cadre_remove_child, ref),
             0);
    model_end(id, 0);
    tale.models[id].phase = GONE;
    seen[REMOVED]++;
}

static void act(cadre_self *self)
{
    uint32_t id = dice_below(&tale.dice, tale.nodes);
    uint32_t other = dice_below(&tale.dice, tale.nodes);
    if (!is_up(id))
        return;
    if (dice_once_in(&tale.dice, 5))
        tale.places[other].bad_starts = tale.models[other].bad_starts =
            1 + dice_below(&tale.dice, 5);
    switch (dice_below(&tale.dice, 12)) {
    case 0:
        end_one(self, id, false);
        return;
    case 1:
    case 2:
        end_one(self, id, true);
        return;
    case 3:
        if (id > 0)
            remove_one(self, id);
        return;
    case 4:
        if (!tale.places[id].is_boss)
            let_fail(self, id, CADRE_STOP);
        return;
    default:
        if (!tale.places[id].is_boss)
            let_fail(self, id, FAILED);
    }
}

/* ---- the root -------------------------------------------------------------------- */

static void print_record(const char *name, const struct record *record, uint32_t from)
{
    printf("%s:", name);
    for (uint32_t i = from > 20 ? from - 20 : 0; i < record->count && i < from + 20;
         i++)
        printf(" %s%c%u(%d)", i == from ? "| " : "", record->events[i].what,
               record->events[i].id, record->events[i].code);
    printf("\n");
}

static void compare(void)
{
    uint32_t i = 0;
    const struct record *a = &tale.expected, *b = &tale.happened;
    while (i < a->count && i < b->count && a->events[i].what == b->events[i].what &&
           a->events[i].id == b->events[i].id && a->events[i].code == b->events[i].code)
        i++;
    if ((i < a->count || i < b->count) && !verdict_has_failed()) {
        print_record("expected", a, i);
        print_record("happened", b, i);
    }
    CHECK(i == a->count && i == b->count);
    compare_mail();
}

static int root_start(cadre_self *self, void *state)
{
    cadre_opts opts = {.keep = true};
    int err = cadre_spawn_with(self, NULL, &boss, &tale.places[0].init, &opts);
    if (model_start(0))
        model_ended(0, CADRE_ERESTARTS);
    return err ? err : cadre_after(self, NULL, PAUSE, pulse, 0);
}

static int on_down(cadre_self *self, const cadre_child_down *down)
{
    CHECK_EQ(down->starts, ++tale.top_starts);
    return down->starts <= ROOT_RESTARTS ? cadre_restart(self, down->child)
                                         : cadre_release(self, down->child);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, cadre_child_down))
        return on_down(self, cadre_body(m, cadre_child_down));
    if (m->type != &pulse_type)
        return 0;
    compare();
    if (tale.deeds++ < DEEDS && !verdict_has_failed()) {
        act(self);
        return cadre_after(self, NULL, PAUSE, pulse, 0);
    }
    if (!tale.over && is_up(0)) {
        model_end(0, 0);
        CHECK_EQ(cadre_release(self, tale.places[0].ref), 0);
    }
    if (tale.over)
        return CADRE_STOP;
    tale.over = true;
    return cadre_after(self, NULL, PAUSE, pulse, 0);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.window = 1 + dice_below(&tale.dice, 6);
    tale.nodes = 1;
    tale.root_restarts = ROOT_RESTARTS;
    make_places(0, 0);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    CHECK(tale.over);
    if (++plays == ENOUGH)
        story_show_kinds(kind_names, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"supervisors", play, 1000000}, {0}};
    return story_main(argc, argv, stories);
}
