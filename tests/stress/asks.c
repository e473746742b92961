/* asks.c: requests on real threads, with everything that can come between.
 *
 * Clients ask servers with deadlines about as long as the answers take, and cancel some;
 * servers answer at once or later, pass on, delegate, forget, fail; a root kills servers
 * and makes new ones; threads outside call the servers and wait, or give up. At the end
 * each request of a client that lived has had one outcome, or was cancelled; each call
 * has had one answer; each body was dropped once; and the sums of the system agree. */
#include "stress/tally.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/future.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS = 6, SERVERS = 4, WINDOW = 8, THREADS = 2 };
enum what {
    ASKED,
    OUTCOMES,
    CANCELLED,
    CALLED,
    WAITED,
    GIVEN_UP,
    MADE,
    DROPPED,
    WHATS
};
static struct tally tally;
static uint64_t asks, calls; /* of each client, of each thread */

typedef struct {
    char *own; /* so that a second drop is seen by everybody's tools */
} load;
typedef struct {
    int nothing;
} pulse;
typedef struct {
    cadre_ref servers[SERVERS];
} directory;
CADRE_TYPE(pulse);
CADRE_TYPE(directory);

static void drop_load(void *body)
{
    load *l = body;
    free(l->own);
    l->own = NULL;
    tally_add(&tally, DROPPED);
}
CADRE_TYPE_DROP(load, drop_load);

static load new_load(void)
{
    tally_add(&tally, MADE);
    return (load){malloc(1)};
}

/* ---- servers ---- */

enum { KEPT = 16 };
typedef struct {
    cadre_ref next;
    uint32_t count;
    cadre_promise kept[KEPT];
} server;

static int answer(cadre_self *self, cadre_promise promise)
{
    load l = new_load();
    int err = cadre_answer_as(self, promise, &load_type, &l);
    CHECK(err == 0 || err == -EALREADY);
    return 0;
}

static int defer(cadre_self *self, server *s, cadre_msg *m)
{
    cadre_promise p;
    CHECK_EQ(cadre_defer(self, m, &p), 0);
    if (s->count == KEPT)
        return answer(self, p);
    s->kept[s->count++] = p;
    cadre_time delay = (cadre_time)(cadre_random(self) % 200000);
    return cadre_after(self, NULL, delay, pulse, 0);
}

static int pass_on(cadre_self *self, const server *s, cadre_msg *m)
{
    cadre_promise p;
    load l = new_load();
    CHECK_EQ(cadre_defer(self, m, &p), 0);
    CHECK_EQ(cadre_delegate_as(self, p, s->next, &load_type, &l), 0);
    return 0;
}

static int serve(cadre_self *self, server *s, cadre_msg *m)
{
    load l;
    switch (cadre_random(self) % 32) {
    case 0:
        return 0;
    case 1:
        return cadre_random(self) % 32 ? 0 : CADRE_EUSER;
    case 2:
    case 3:
        return cadre_forward(self, s->next, m);
    case 4:
    case 5:
        return pass_on(self, s, m);
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
        return defer(self, s, m);
    default:
        l = new_load();
        CHECK_EQ(cadre_reply_as(self, m, &load_type, &l), 0);
        return 0;
    }
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    server *s = state;
    if (cadre_body(m, load))
        return serve(self, s, m);
    return s->count > 0 ? answer(self, s->kept[--s->count]) : 0;
}

static const cadre_class server_class = {
    .name = "server", .state_size = sizeof(server), .receive = server_receive};

/* ---- clients ---- */

typedef struct {
    uint64_t left;
    uint32_t open;
    directory to;
    cadre_token tokens[WINDOW]; /* 0: free */
} client;

static int ask(cadre_self *self, client *c, cadre_token *token)
{
    load l = new_load();
    cadre_ref to = c->to.servers[cadre_random(self) % SERVERS];
    cadre_time timeout = 1 + (cadre_time)(cadre_random(self) % 400000);
    c->left--;
    c->open++;
    tally_add(&tally, ASKED);
    return cadre_ask_as(self, token, to, timeout, &load_type, &l);
}

/* Fills the window; cancels one now and then, which may be any. */
static int go_on(cadre_self *self, client *c)
{
    int err = 0;
    for (int i = 0; !err && i < WINDOW; i++)
        if (c->tokens[i].id == 0 && c->left > 0)
            err = ask(self, c, &c->tokens[i]);
    cadre_token *token = &c->tokens[cadre_random(self) % WINDOW];
    if (!err && token->id && cadre_random(self) % 8 == 0) {
        CHECK_EQ(cadre_cancel(self, *token), 0);
        CHECK_EQ(cadre_cancel(self, *token), -ENOENT);
        tally_add(&tally, CANCELLED);
        token->id = 0;
        c->open--;
        if (c->open == 0 && c->left > 0) /* else nothing would come any more */
            err = ask(self, c, token);
    }
    return !err && c->left == 0 && c->open == 0 ? CADRE_STOP : err;
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    int i = 0;
    if (cadre_body(m, directory)) {
        c->to = *cadre_body(m, directory);
        return c->open == 0 && c->left > 0 ? go_on(self, c) : 0;
    }
    tally_add(&tally, OUTCOMES);
    while (i < WINDOW && c->tokens[i].id != m->token.id)
        i++;
    CHECK(m->token.id != 0 && i < WINDOW); /* neither cancelled nor ended before */
    if (i == WINDOW)
        return CADRE_STOP;
    c->tokens[i].id = 0;
    c->open--;
    return go_on(self, c);
}

static void client_stop(cadre_self *self, void *state, int reason)
{
    CHECK_EQ(((client *)state)->open, 0);
    (void)cadre_send(self, cadre_parent(self), pulse, 0);
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .receive = client_receive,
                                         .stop = client_stop};

/* ---- the root ---- */

static atomic_bool clients_are_done;
static _Atomic uint64_t published[SERVERS]; /* for the threads */

typedef struct {
    directory servers;
    cadre_ref clients[CLIENTS];
    uint32_t done;
} root;

static int new_server(cadre_self *self, root *r, uint32_t i)
{
    server init = {.next = r->servers.servers[(i + 1) % SERVERS]};
    int err = cadre_spawn(self, &r->servers.servers[i], &server_class, &init);
    atomic_store(&published[i], r->servers.servers[i].id);
    return err;
}

static int tell_clients(cadre_self *self, root *r)
{
    int err = 0;
    for (int i = 0; !err && i < CLIENTS; i++)
        err = cadre_send_as(self, r->clients[i], &directory_type, &r->servers);
    return err;
}

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    int err = 0;
    for (uint32_t i = 0; !err && i < SERVERS; i++)
        err = new_server(self, r, i);
    for (int i = 0; !err && i < CLIENTS; i++)
        err = cadre_spawn(self, &r->clients[i], &client_class, &(client){.left = asks});
    if (!err)
        err = cadre_every(self, NULL, CADRE_MS, pulse, 0);
    return err ? err : tell_clients(self, r);
}

/* Another server for one of the old ones, which is stopped or killed. */
static int replace_one(cadre_self *self, root *r)
{
    uint32_t i = (uint32_t)(cadre_random(self) % SERVERS);
    cadre_ref old = r->servers.servers[i];
    int err = new_server(self, r, i);
    if (!err)
        err = tell_clients(self, r);
    if (!err)
        err = cadre_random(self) % 2 ? cadre_kill(self, old, 0) : cadre_stop(self, old);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    if (m->token.id)
        return replace_one(self, r);
    if (++r->done == CLIENTS)
        atomic_store(&clients_are_done, true);
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- threads ---- */

static void finish_call(cadre_future *f, uint64_t n)
{
    cadre_msg m;
    int err = -ETIMEDOUT;
    if (n % 4 == 1) /* for a while */
        err = cadre_future_wait(f, (cadre_time)(n % 100) * 1000, &m);
    else if (n % 4 != 0)
        err = cadre_future_wait(f, CADRE_NEVER, &m);
    CHECK(err == 0 || (err == -ETIMEDOUT && n % 4 < 2));
    tally_add(&tally, err ? GIVEN_UP : WAITED);
    if (!err)
        CHECK(cadre_body(&m, load) || cadre_body(&m, cadre_failure));
    cadre_future_free(f);
}

static void *call_and_wait(void *arg)
{
    cadre_system *sys = arg;
    for (uint64_t n = 0; n < calls; n++) {
        cadre_future *f = NULL;
        load l = new_load();
        cadre_ref to = {atomic_load(&published[n % SERVERS])};
        CHECK_EQ(cadre_call_as(sys, &f, to, &load_type, &l), 0);
        tally_add(&tally, CALLED);
        if (f)
            finish_call(f, n);
    }
    return NULL;
}

/* ---- one run ---- */

static void ignore_log(void *user, int level, const char *line) {}

static void check(cadre_system *sys)
{
    cadre_counters c;
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.pending + c.actors, 0);
    CHECK_EQ(tally_sum(&tally, ASKED), CLIENTS * asks);
    CHECK_EQ(tally_sum(&tally, ASKED),
             tally_sum(&tally, OUTCOMES) + tally_sum(&tally, CANCELLED));
    CHECK_EQ(tally_sum(&tally, CALLED), THREADS * calls);
    CHECK_EQ(tally_sum(&tally, CALLED),
             tally_sum(&tally, WAITED) + tally_sum(&tally, GIVEN_UP));
}

static void one(uint32_t workers)
{
    cadre_system *sys = NULL;
    pthread_t threads[THREADS];
    cadre_config config = {.workers = workers, .log = ignore_log};
    verdict_begin(120, "--asks %" PRIu64 " --calls %" PRIu64, asks, calls);
    tally_clear(&tally);
    atomic_store(&clients_are_done, false);
    for (int i = 0; i < SERVERS; i++)
        atomic_store(&published[i], 0);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, call_and_wait, sys), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    while (!atomic_load(&clients_are_done) && !verdict_has_failed())
        sched_yield();
    cadre_system_stop(sys);
    CHECK_EQ(cadre_system_wait(sys), 0);
    check(sys);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(tally_sum(&tally, DROPPED), tally_sum(&tally, MADE));
    printf("%u workers: %" PRIu64 " asked, %" PRIu64 " cancelled, %" PRIu64
           " called, %" PRIu64 " given up\n",
           workers, tally_sum(&tally, ASKED), tally_sum(&tally, CANCELLED),
           tally_sum(&tally, CALLED), tally_sum(&tally, GIVEN_UP));
    (void)verdict_end();
}

int main(int argc, char **argv)
{
    asks = effort(6000, 600000);
    calls = effort(3000, 300000);
    const struct option_entry options[] = {
        {"asks", &asks, NULL, "requests of each client"},
        {"calls", &calls, NULL, "calls of each thread"},
        {0}};
    options_read(argc, argv, "requests, and what can come between", options);
    for (uint32_t workers = 1; workers <= 4; workers++)
        one(workers);
    return verdict_print();
}
