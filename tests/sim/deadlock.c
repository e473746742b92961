/* deadlock.c: what the log says of actors that wait for each other, against a model that
 * sees all of them at once.
 *
 * Nodes ask each other at random and wait, closed or open. They answer at once, or after
 * they have asked somebody else, or later, or never, or pass the request on; some are
 * killed. The model knows at each moment who waits for whom, and so when a circle is
 * closed, and when it is broken. Each line of the log must be of one that stands, or was
 * broken just now, and has no line yet; and none stands for 10 ms and has none. */
#include "support/story.h"

#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum {
    NODES_MAX = 8,
    CIRCLES_MAX = 256,
    WORKS = 7,
    LINES_PER_SECOND = 10,
    ENOUGH = 100
};
enum kind {
    OF_TWO,
    OF_THREE,
    OF_MORE,
    BROKEN_EARLY,
    DEFERRED,
    NESTED,
    KILLED,
    PASSED_ON,
    KINDS
};
static const char *const kinds[KINDS] = {"of two",       "of three", "of more",
                                         "broken early", "deferred", "nested",
                                         "killed",       "passed on"};
static uint64_t seen[KINDS], plays;

/* A node that waits. */
struct edge {
    bool waits, closed, nested;
    bool moved; /* the request was passed on, to `to` */
    bool owed;  /* nobody has answered, or passed it on to one that has not begun */
    uint32_t to, serial;
    cadre_time due;
};

struct circle {
    uint32_t count;
    uint32_t who[NODES_MAX], serials[NODES_MAX];
    cadre_time closed, broken; /* 0: it is not */
    bool named, excused;
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t nodes, serial;
    cadre_ref refs[NODES_MAX];
    bool gone[NODES_MAX];
    bool is_over; /* all are to stop, and what they do then is not looked at */
    struct edge edges[NODES_MAX];
    struct circle circles[CIRCLES_MAX];
    uint32_t count;
    cadre_time now;
    int64_t second; /* of the last line */
    uint32_t lines; /* in that */
} model;

typedef struct {
    uint32_t left;
} work;
static CADRE_TYPE(work);
typedef struct {
    uint32_t who, serial;
} question;
static CADRE_TYPE(question);
typedef struct {
    uint32_t nothing;
} tick;
static CADRE_TYPE(tick);

/* ---- the model ---- */

static bool stands(uint32_t i)
{
    const struct edge *e = &model.edges[i];
    return e->waits && e->closed && e->owed && model.now < e->due && !model.gone[i] &&
           !model.gone[e->to];
}

static bool still_stands(const struct circle *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!stands(c->who[i]) || model.edges[c->who[i]].serial != c->serials[i])
            return false;
    return true;
}

/* Something has changed. */
static void review(cadre_self *self)
{
    model.now = cadre_now(self);
    for (uint32_t i = 0; i < model.count; i++) {
        struct circle *c = &model.circles[i];
        if (c->broken || still_stands(c))
            continue;
        c->broken = model.now;
        seen[BROKEN_EARLY] += !c->named;
    }
}

/* This one has begun to wait: is there a circle now? */
static void close_circle(uint32_t first)
{
    struct circle c = {.closed = model.now};
    uint32_t i = first;
    do {
        if (!stands(i) || c.count == NODES_MAX)
            return;
        seen[NESTED] += model.edges[i].nested;
        c.who[c.count] = i;
        c.serials[c.count++] = model.edges[i].serial;
        i = model.edges[i].to;
    } while (i != first);
    CHECK(model.count < CIRCLES_MAX);
    if (model.count < CIRCLES_MAX)
        model.circles[model.count++] = c;
}

/* The answer to this one is given, or will be by nobody the model knows. */
static void settle(uint32_t who, uint32_t serial)
{
    if (model.edges[who].serial == serial)
        model.edges[who].owed = false;
}

/* This one has a request in hand, or defers it: where it was passed on, whoever made it
 * waits for this one from now on. */
static void has(uint32_t index, const question *q)
{
    struct edge *e = &model.edges[q->who];
    if (e->serial != q->serial || e->to == index)
        return;
    e->to = index;
    e->owed = e->moved = true;
}

/* A kill cancels what was asked for its sake. */
static void excuse_nested(void)
{
    for (uint32_t i = 0; i < model.count; i++)
        for (uint32_t k = 0; k < model.circles[i].count; k++)
            if (model.edges[model.circles[i].who[k]].nested)
                model.circles[i].excused = true;
}

static void check_circles(void)
{
    bool silent =
        model.second == model.now / CADRE_SECOND && model.lines >= LINES_PER_SECOND;
    for (uint32_t i = 0; i < model.count; i++) {
        struct circle *c = &model.circles[i];
        if (c->broken || c->named || c->excused)
            continue;
        c->excused = silent;
        if (!silent && model.now - c->closed >= 10 * CADRE_MS) {
            CHECK_EQ(c->count, 0); /* it has no line */
            c->excused = true;
        }
    }
}

/* ---- the log ---- */

static bool is_of(const struct circle *c, const uint32_t *who, uint32_t count)
{
    uint32_t shift = 0;
    while (shift < c->count && c->who[shift] != who[0])
        shift++;
    if (c->count != count || shift == c->count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (c->who[(shift + i) % count] != who[i])
            return false;
    return true;
}

static void name_circle(const uint32_t *who, uint32_t count)
{
    for (uint32_t i = model.count; i-- > 0;) {
        struct circle *c = &model.circles[i];
        if (!is_of(c, who, count))
            continue;
        CHECK(!c->named);
        CHECK(!c->broken || model.now - c->broken < CADRE_MS);
        CHECK(model.now - c->closed >= 2 * CADRE_MS);
        c->named = true;
        seen[count == 2 ? OF_TWO : count == 3 ? OF_THREE : OF_MORE]++;
        for (uint32_t k = 0; k < count; k++)
            seen[PASSED_ON] += model.edges[who[k]].moved;
        return;
    }
    CHECK_EQ(count, 0); /* there is none */
}

static void read_line(void *user, int level, const char *line)
{
    uint32_t who[NODES_MAX + 1], count = 0;
    if (model.is_over || strncmp(line, "deadlock: ", strlen("deadlock: ")) != 0)
        return;
    for (const char *p = line; (p = strstr(p, "(n")) && count <= NODES_MAX; p += 2)
        who[count++] = (uint32_t)(p[2] - '0');
    CHECK(count > 2 && who[0] == who[count - 1]);
    name_circle(who, count - 1);
    seen[DEFERRED] += strstr(line, ", deferred)") != NULL;
    model.lines = model.second == model.now / CADRE_SECOND ? model.lines + 1 : 1;
    model.second = model.now / CADRE_SECOND;
}

/* ---- the nodes ---- */

typedef struct {
    uint32_t index;
    cadre_promise promise; /* to answer this: */
    question deferred;
} node;

static uint32_t other_than(uint32_t index)
{
    return (index + 1 + dice_below(&model.dice, model.nodes - 1)) % model.nodes;
}

static cadre_time some_timeout(void)
{
    if (dice_once_in(&model.dice, 8))
        return (1 + dice_below(&model.dice, 12)) * CADRE_MS;
    return (200 + dice_below(&model.dice, 800)) * CADRE_MS;
}

static int wait_open(cadre_self *self, uint32_t index, cadre_time timeout)
{
    cadre_token token;
    cadre_msg m;
    CHECK_EQ(cadre_ask(self, &token, model.refs[other_than(index)], timeout, question,
                       index, ++model.serial),
             0);
    return cadre_await_open(self, token, &m);
}

static int wait_closed(cadre_self *self, uint32_t index, cadre_time timeout,
                       bool nested)
{
    cadre_token token;
    cadre_msg m;
    struct edge e = {.waits = true,
                     .closed = true,
                     .nested = nested,
                     .owed = true,
                     .to = other_than(index),
                     .serial = ++model.serial,
                     .due = cadre_now(self) + timeout};
    if (e.due > cadre_deadline(self))
        e.due = cadre_deadline(self);
    CHECK_EQ(
        cadre_ask(self, &token, model.refs[e.to], timeout, question, index, e.serial),
        0);
    model.edges[index] = e;
    review(self);
    close_circle(index);
    int err = cadre_await(self, token, &m);
    model.edges[index].waits = false;
    review(self);
    return err;
}

static int visit(cadre_self *self, const node *me, bool nested)
{
    cadre_time timeout = some_timeout();
    int err = dice_once_in(&model.dice, 5)
                  ? wait_open(self, me->index, timeout)
                  : wait_closed(self, me->index, timeout, nested);
    CHECK(err == 0 || (err == -ECANCELED && (model.gone[me->index] || model.is_over)));
    return err;
}

static int answer(cadre_self *self, const cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    settle(q->who, q->serial);
    review(self);
    return cadre_reply(self, m, tick, 0);
}

static int defer(cadre_self *self, node *me, const cadre_msg *m)
{
    me->deferred = *cadre_body(m, question);
    return cadre_defer(self, m, &me->promise);
}

static int answer_later(cadre_self *self, node *me)
{
    if (!me->promise.token.id)
        return 0;
    settle(me->deferred.who, me->deferred.serial);
    review(self);
    int err = cadre_answer(self, me->promise, tick, 0);
    CHECK(err == 0 || err == -EALREADY);
    me->promise.token.id = 0;
    return 0;
}

static int take_question(cadre_self *self, node *me, cadre_msg *m)
{
    question q = *cadre_body(m, question);
    uint32_t elsewhere = other_than(me->index);
    switch (dice_below(&model.dice, 10)) {
    case 0:
    case 1:
    case 2:
        has(me->index, &q);
        return visit(self, me, true) ? 0 : answer(self, m);
    case 3:
    case 4:
        if (!me->promise.token.id) {
            has(me->index, &q);
            return defer(self, me, m);
        }
        return answer(self, m);
    case 5: /* not to whom it was asked: there it would be owed again */
        if (elsewhere == model.edges[q.who].to)
            return answer(self, m);
        settle(q.who, q.serial);
        return cadre_forward(self, model.refs[elsewhere], m);
    case 6:
        settle(q.who, q.serial);
        return 0; /* forgets it */
    default:
        return answer(self, m);
    }
}

static void kill_somebody(cadre_self *self, uint32_t index)
{
    uint32_t who = other_than(index);
    if (model.gone[who])
        return;
    model.gone[who] = true;
    seen[KILLED]++;
    excuse_nested();
    review(self);
    CHECK_EQ(cadre_kill(self, model.refs[who], 0), 0);
}

static int take_work(cadre_self *self, node *me, uint32_t left)
{
    int err = 0;
    if (dice_once_in(&model.dice, 2))
        CHECK_EQ(answer_later(self, me), 0);
    if (dice_once_in(&model.dice, 60))
        kill_somebody(self, me->index);
    if (dice_once_in(&model.dice, 3))
        err = cadre_sleep(self, dice_below(&model.dice, 3 * CADRE_MS));
    if (!err)
        err = visit(self, me, false);
    return err || left == 0 ? 0 : cadre_send(self, cadre_me(self), work, left - 1);
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *me = state;
    const work *w = cadre_body(m, work);
    review(self);
    if (w)
        return take_work(self, me, w->left);
    return cadre_body(m, question) ? take_question(self, me, m) : 0;
}

#define NODE(name_)                                                                    \
    {                                                                                  \
        .name = name_, .state_size = sizeof(node), .receive = node_receive             \
    }
static const cadre_class classes[NODES_MAX] = {NODE("n0"), NODE("n1"), NODE("n2"),
                                               NODE("n3"), NODE("n4"), NODE("n5"),
                                               NODE("n6"), NODE("n7")};

/* ---- the root, which looks at the model now and then ---- */

static int root_start(cadre_self *self, void *state)
{
    for (uint32_t i = 0; i < model.nodes; i++)
        CHECK_EQ(cadre_spawn(self, &model.refs[i], &classes[i], &(node){.index = i}),
                 0);
    for (uint32_t i = 0; i < model.nodes; i++)
        CHECK_EQ(cadre_send(self, model.refs[i], work, WORKS), 0);
    return cadre_every(self, NULL, CADRE_MS / 2, tick, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    review(self);
    check_circles();
    if (model.now < 3 * CADRE_SECOND)
        return 0;
    model.is_over = true;
    return CADRE_STOP;
}

static uint64_t play(uint64_t seed)
{
    static const cadre_class root = {
        .name = "root", .start = root_start, .receive = root_receive};
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.log = read_line;
    memset(&model, 0, sizeof model);
    model.dice = dice_new(seed, 9);
    model.nodes = 2 + dice_below(&model.dice, NODES_MAX - 1);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"deadlock", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
