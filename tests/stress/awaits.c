/* awaits.c: many handlers wait at once, while others answer, forget, cancel and kill.
 *
 * Clients wait for servers on other workers, for timers, for calls that block and for
 * messages that they pick; now and then one kills another, or ends a wait of its own
 * actor. Every handler goes on on the thread where it waited, every wait has one end, and
 * the sums are exact. */
#include "stress/tally.h"
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/await.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { CLIENTS = 48, SERVERS = 6, LIVES = 3 };
static uint64_t rounds;

enum count {
    CREATED, /* bodies that own something */
    DROPPED,
    HANDLED, /* receive returned, or a wait had an outcome */
    WAITED,
    ANSWERED,
    FAILED,
    CANCELLED,
    STARTED, /* actors */
    STOPPED,
    KILLED
};

static struct {
    struct tally tally;
    cadre_ref servers[SERVERS];        /* constant once clients run */
    _Atomic uint64_t clients[CLIENTS]; /* addresses; maybe of the dead */
} town;

static void up(enum count which) { tally_add(&town.tally, which); }

/* Servers ask only those behind them, so nobody waits in a circle. */
static void read_log(void *user, int level, const char *line)
{
    CHECK(strncmp(line, "deadlock", strlen("deadlock")) != 0);
}

/* ---- messages ---- */

typedef struct {
    uint32_t way, hops;
} load;
static void drop_load(void *body) { up(DROPPED); }
static CADRE_TYPE_DROP(load, drop_load);

typedef struct {
    uint64_t left;
} work;
static CADRE_TYPE(work);

typedef struct {
    uint32_t index;
} seat;
static CADRE_TYPE(seat);

typedef struct {
    uint64_t token;
} quit;
static CADRE_TYPE(quit);

static load new_load(uint32_t way, uint32_t hops)
{
    up(CREATED);
    return (load){way, hops};
}

/* What every wait comes to. */
static int judge(int err, const cadre_msg *m, pthread_t before)
{
    CHECK(pthread_equal(before, pthread_self()));
    up(WAITED);
    CHECK(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
    if (err == -ECANCELED)
        up(CANCELLED);
    else
        up(HANDLED);
    if (err == -ETIMEDOUT || (err == 0 && m && m->type == &cadre_failure_type))
        up(FAILED);
    else if (err == 0)
        up(ANSWERED);
    return err;
}

static int wait_for(cadre_self *self, cadre_token token, bool open)
{
    cadre_msg m = {0};
    pthread_t before = pthread_self();
    int err = open ? cadre_await_open(self, token, &m) : cadre_await(self, token, &m);
    return judge(err, &m, before);
}

/* ---- servers ---- */

typedef struct {
    uint32_t index;
    cadre_promise promise;
} server;

static int ask_further(cadre_self *self, const server *s, uint32_t hops)
{
    cadre_token token;
    load l = new_load(0, hops - 1);
    uint32_t to = s->index + 1;
    int err = cadre_ask_as(self, &token, town.servers[to], CADRE_MS, &load_type, &l);
    CHECK_EQ(err, 0);
    return wait_for(self, token, hops % 2);
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    server *s = state;
    load l = *cadre_body(m, load);
    up(HANDLED);
    if (l.hops > 0 && s->index + 1 < SERVERS)
        (void)ask_further(self, s, l.hops);
    if (l.way == 1) { /* with the next such one */
        if (s->promise.token.id && cadre_is_awaited(self, s->promise)) {
            load other = new_load(0, 0);
            (void)cadre_answer_as(self, s->promise, &load_type, &other);
        }
        CHECK_EQ(cadre_defer(self, m, &s->promise), 0);
    } else if (l.way != 2) { /* else it is forgotten */
        load answer = new_load(0, 0);
        CHECK_EQ(cadre_reply_as(self, m, &load_type, &answer), 0);
    }
    return 0;
}

/* ---- clients ---- */

typedef struct {
    uint32_t index;
    struct dice dice;
} client;

static int ask_and_wait(cadre_self *self, client *c, bool open)
{
    static const cadre_time timeouts[] = {20000, CADRE_MS, CADRE_SECOND / 100};
    cadre_token token;
    load l = new_load(dice_below(&c->dice, 3), dice_below(&c->dice, 3));
    cadre_time timeout = timeouts[dice_below(&c->dice, 3)];
    int err = cadre_ask_as(self, &token, town.servers[dice_below(&c->dice, SERVERS)],
                           timeout, &load_type, &l);
    CHECK_EQ(err, 0);
    if (open && dice_once_in(&c->dice, 4))
        CHECK_EQ(cadre_send(self, cadre_me(self), quit, token.id), 0);
    return wait_for(self, token, open);
}

static int work_off(void *body) { return 0; }

static int offload_and_wait(cadre_self *self, bool open)
{
    cadre_token token;
    load l = new_load(0, 0);
    int err = cadre_offload_as(self, &token, CADRE_POOL_USER, CADRE_NEVER, work_off,
                               &load_type, &l);
    return err ? 0 : wait_for(self, token, open); /* too many wait */
}

static int sleep_a_little(cadre_self *self, client *c)
{
    pthread_t before = pthread_self();
    return judge(cadre_sleep(self, dice_below(&c->dice, 30000)), NULL, before);
}

static int pick(cadre_self *self, client *c)
{
    cadre_msg m = {0};
    pthread_t before = pthread_self();
    seat mine = {c->index};
    if (dice_once_in(&c->dice, 2))
        CHECK_EQ(cadre_send_as(self, cadre_me(self), &seat_type, &mine), 0);
    return judge(cadre_receive_type(self, &seat_type, 50000, &m), &m, before);
}

static void kill_somebody(cadre_self *self, client *c)
{
    cadre_ref who = {atomic_load(&town.clients[dice_below(&c->dice, CLIENTS)])};
    CHECK_EQ(cadre_kill(self, who, CADRE_EUSER), 0);
}

static int do_something(cadre_self *self, client *c)
{
    bool open = dice_once_in(&c->dice, 2);
    switch (dice_below(&c->dice, 8)) {
    case 0:
        return sleep_a_little(self, c);
    case 1:
        return pick(self, c);
    case 2:
        return offload_and_wait(self, open);
    default:
        return ask_and_wait(self, c, open);
    }
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    const work *w = cadre_body(m, work);
    up(HANDLED);
    if (cadre_body(m, quit))
        (void)cadre_cancel(self, (cadre_token){cadre_body(m, quit)->token});
    if (!w)
        return 0;
    for (int i = 0; i < 2 && do_something(self, c) != -ECANCELED; i++) {
    }
    CHECK_EQ(w->left, cadre_body(m, work)->left);
    if (dice_once_in(&c->dice, 100))
        kill_somebody(self, c);
    if (w->left == 0)
        return CADRE_STOP;
    return cadre_send(self, cadre_me(self), work, w->left - 1);
}

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    up(STARTED);
    atomic_store(&town.clients[c->index], cadre_me(self).id);
    c->dice = dice_new(cadre_random(self), c->index);
    return cadre_send(self, cadre_me(self), work, rounds);
}

/* The handlers have returned. */
static void client_stop(cadre_self *self, void *state, int reason)
{
    up(STOPPED);
    if (reason == CADRE_EUSER)
        up(KILLED);
    CHECK_EQ(cadre_send(self, cadre_parent(self), seat, ((client *)state)->index), 0);
}

static const cadre_class server_class = {
    .name = "server", .state_size = sizeof(server), .receive = server_receive};
static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive,
                                         .stop = client_stop};

/* ---- the root ---- */

typedef struct {
    uint32_t lives;
} root;

static int root_start(cadre_self *self, void *state)
{
    for (uint32_t i = 0; i < SERVERS; i++)
        CHECK_EQ(
            cadre_spawn(self, &town.servers[i], &server_class, &(server){.index = i}),
            0);
    for (uint32_t i = 0; i < CLIENTS; i++)
        CHECK_EQ(cadre_spawn(self, NULL, &client_class, &(client){.index = i}), 0);
    return 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    up(HANDLED);
    if (r->lives++ < CLIENTS * (LIVES - 1))
        return cadre_spawn(self, NULL, &client_class,
                           &(client){.index = cadre_body(m, seat)->index});
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static uint64_t sum(enum count which) { return tally_sum(&town.tally, which); }

static void one(uint32_t workers)
{
    verdict_begin(120, "--rounds %" PRIu64, rounds);
    cadre_system *sys = NULL;
    cadre_counters c = {0};
    cadre_config config = {.workers = workers,
                           .log = read_log,
                           .end_when_quiet = true,
                           .stack_size = 64 << 10};
    tally_clear(&town.tally);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.handled, sum(HANDLED));
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(sum(CREATED), sum(DROPPED));
    CHECK_EQ(sum(STARTED), CLIENTS * LIVES);
    CHECK_EQ(sum(STOPPED), CLIENTS * LIVES);
    CHECK_EQ(sum(WAITED), sum(ANSWERED) + sum(FAILED) + sum(CANCELLED));
    CHECK(sum(ANSWERED) > 0 && sum(FAILED) > 0 && sum(CANCELLED) > 0);
    CHECK(sum(KILLED) > 0 || rounds < 10);
    CHECK_EQ(cadre_system_free(sys), 0);
    printf("%u workers: %" PRIu64 " waits: %" PRIu64 " answered, %" PRIu64
           " failed, %" PRIu64 " cancelled; %" PRIu64 " clients killed%s\n",
           workers, sum(WAITED), sum(ANSWERED), sum(FAILED), sum(CANCELLED),
           sum(KILLED), verdict_end() ? "" : ", FAILED");
}

int main(int argc, char **argv)
{
    rounds = effort(150, 5000);
    const struct option_entry options[] = {
        {"rounds", &rounds, NULL, "how much each client has to do"}, {0}};
    options_read(argc, argv, "many handlers wait at once", options);
    for (uint32_t workers = 2; workers <= 4; workers++)
        one(workers);
    return verdict_print();
}
