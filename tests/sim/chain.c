/* chain.c: random trees of futures, with cancels and deaths: each has at most one
 * outcome, exactly one unless it was cancelled, none after that.
 *
 * Clients build futures from requests, timers, promises and calls, by steps, joins and
 * races, and end what they wait for with a step that notes it, or with receive. */
#include "support/story.h"

#include <cadre/chain.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { CLIENTS_MAX = 3, SERVERS = 3, FREE_MAX = 24, ENDS_MAX = 400, STORY_MS = 40 };

typedef struct {
    uint32_t value; /* 42 until it is dropped */
} item;
typedef struct {
    uint32_t nothing;
} pulse;
CADRE_TYPE(pulse);
typedef struct {
    cadre_promise promise;
} task;
CADRE_TYPE(task);

static struct {
    uint32_t made, dropped; /* items */
    uint32_t outcomes, cancelled, gone;
    struct dice dice;
    cadre_ref servers[SERVERS];
} tale;

static void drop_item(void *body)
{
    item *i = body;
    CHECK_EQ(i->value, 42);
    i->value = 0;
    tale.dropped++;
}
CADRE_TYPE_DROP(item, drop_item);

/* ---- servers ---- */

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    const task *t = cadre_body(m, task);
    uint32_t what = dice_below(&tale.dice, 40);
    if (t) {
        for (uint32_t n = dice_below(&tale.dice, 3); n > 0; n--) {
            tale.made++;
            (void)cadre_answer(self, t->promise, item, 42);
        }
        return 0;
    }
    if (!m->token.id || what == 0)
        return what == 0 && tale.made % 7 == 0 ? CADRE_STOP
                                               : 0; /* may end, or forget */
    if (what < 12)
        return cadre_reply(self, m, cadre_failure, .code = CADRE_EUSER);
    cadre_promise kept;
    if (what < 16)
        return cadre_defer(self, m, &kept); /* and never answers */
    tale.made++;
    return cadre_reply(self, m, item, 42);
}
static const cadre_class server_class = {.name = "server", .receive = serve};

/* ---- clients ---- */

enum end_state { PENDING, HAD, CANCELLED };
typedef struct {
    uint64_t free[FREE_MAX]; /* futures that nothing follows yet */
    uint32_t free_count;
    uint64_t ends[ENDS_MAX]; /* whose outcomes come here */
    uint8_t states[ENDS_MAX];
    uint32_t count, pulses;
} client;

static int work(void *body) { return ((item *)body)->value == 42 ? 0 : CADRE_EUSER; }
static int fail_work(void *body) { return CADRE_EUSER - 1; }

static cadre_token make_source(cadre_self *self)
{
    cadre_token t = {0};
    cadre_promise p;
    cadre_time time = 1 + dice_below(&tale.dice, 4000000);
    cadre_ref to = tale.servers[dice_below(&tale.dice, SERVERS)];
    switch (dice_below(&tale.dice, 4)) {
    case 0:
        tale.made++;
        CHECK_EQ(cadre_ask(self, &t, to, time, item, 42), 0);
        break;
    case 1:
        tale.made++;
        CHECK_EQ(cadre_after(self, &t, time, item, 42), 0);
        break;
    case 2:
        CHECK_EQ(cadre_promise_new(self, &t, &p, time), 0);
        CHECK_EQ(cadre_send(self, to, task, p), 0);
        break;
    default:
        tale.made++;
        CHECK_EQ(cadre_offload(self, &t, (cadre_pool)dice_below(&tale.dice, 3), time,
                               dice_once_in(&tale.dice, 4) ? fail_work : work, item,
                               42),
                 0);
    }
    return t;
}

/* A step that does one of all that a step may do. */
static int step(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    tale.outcomes++;
    switch (dice_below(&tale.dice, 8)) {
    case 0:
        tale.made++;
        return cadre_pass_as(self, CADRE_BODY(item, 42));
    case 1:
        return CADRE_EUSER - 2;
    case 2:
    case 3:
        return cadre_follow(self, make_source(self));
    case 4: /* of one that may wait for this step */
        if (c->free_count > 0)
            CHECK_EQ(cadre_cancel(self, (cadre_token){c->free[--c->free_count]}), 0);
        return 0;
    case 5:
        tale.made++;
        CHECK_EQ(cadre_pass_as(self, CADRE_BODY(item, 42)), 0);
        return dice_once_in(&tale.dice, 2) ? CADRE_EUSER : 0;
    default:
        return 0;
    }
}

static cadre_receive *some_step(void)
{
    return dice_once_in(&tale.dice, 3) ? NULL : step;
}

/* Makes a future of some of the free ones. */
static void build(cadre_self *self, client *c)
{
    cadre_token next = {0}, t[FREE_MAX];
    uint32_t n = 1 + dice_below(&tale.dice, 4);
    uint32_t what = dice_below(&tale.dice, 3);
    if (n > c->free_count || what == 0)
        n = 1;
    for (uint32_t i = 0; i < n; i++)
        t[i].id = c->free[--c->free_count];
    int err = what == 0 ? cadre_chain(self, &next, t[0], some_step(), some_step())
              : what == 1
                  ? cadre_race(self, &next, t, n)
                  : cadre_join(self, &next, t, n, 1 + dice_below(&tale.dice, n));
    CHECK_EQ(err, 0);
    c->free[c->free_count++] = next.id;
}

/* From here on it is watched. */
static void watch(cadre_self *self, client *c)
{
    if (c->free_count == 0 || c->count == ENDS_MAX)
        return;
    uint64_t id = c->free[--c->free_count];
    cadre_token next = {id};
    if (dice_once_in(&tale.dice, 2))
        CHECK_EQ(cadre_chain(self, &next, next, NULL, step), 0);
    c->states[c->count] = PENDING;
    c->ends[c->count++] = next.id;
}

static void cancel_one(cadre_self *self, client *c)
{
    if (c->count == 0)
        return;
    uint32_t i = dice_below(&tale.dice, c->count);
    int err = cadre_cancel(self, (cadre_token){c->ends[i]});
    CHECK(err == 0 || err == -ENOENT);
    CHECK_EQ(err == 0, c->states[i] == PENDING);
    if (err)
        return;
    c->states[i] = CANCELLED;
    tale.cancelled++;
}

static void note(client *c, const cadre_msg *m)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->ends[i] == m->token.id) {
            CHECK_EQ(c->states[i], PENDING);
            c->states[i] = HAD;
            tale.outcomes++;
            return;
        }
    for (uint32_t i = 0; i < c->free_count; i++)
        if (c->free[i] == m->token.id) { /* before anything was made of it */
            c->free[i] = c->free[--c->free_count];
            return;
        }
    CHECK(m->token.id == 0); /* nobody has asked for this */
}

static int act(cadre_self *self, client *c)
{
    for (uint32_t n = 1 + dice_below(&tale.dice, 12); n > 0; n--)
        switch (dice_below(&tale.dice, 8)) {
        case 0:
        case 1:
        case 2:
            if (c->free_count < FREE_MAX)
                c->free[c->free_count++] = make_source(self).id;
            break;
        case 3:
        case 4:
            if (c->free_count > 0)
                build(self, c);
            break;
        case 5:
        case 6:
            watch(self, c);
            break;
        default:
            cancel_one(self, c);
        }
    if (c->pulses++ < STORY_MS)
        return cadre_after(self, NULL, CADRE_MS, pulse, 0);
    while (c->free_count > 0 && c->count < ENDS_MAX)
        watch(self, c);
    return 0;
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &pulse_type) {
        note(state, m);
        return 0;
    }
    if (dice_once_in(&tale.dice, 200))
        return CADRE_STOP;
    return act(self, state);
}
static int client_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
/* At a quiet end everything has had its outcome. */
static void client_stop(cadre_self *self, void *state, int reason)
{
    const client *c = state;
    for (uint32_t i = 0; i < c->count && c->pulses > STORY_MS; i++)
        CHECK(c->states[i] != PENDING);
    tale.gone++;
}
static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive,
                                         .stop = client_stop};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < SERVERS; i++)
        err = cadre_spawn(self, &tale.servers[i], &server_class, NULL);
    for (uint32_t n = 1 + dice_below(&tale.dice, CLIENTS_MAX); !err && n > 0; n--)
        err = cadre_spawn(self, NULL, &client_class, NULL);
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
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK_EQ(tale.dropped, tale.made);
    return mix64(sums.trace ^ tale.outcomes) ^ tale.cancelled;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"chain", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
