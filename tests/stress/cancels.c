/* cancels.c: cancels that follow their requests, on real threads.
 *
 * Clients ask; fronts pass the requests on, by one to three of themselves; workers defer
 * them, or wait with them in hand, and ask for their sake what is never answered. Clients
 * cancel when they like, at once or later, and end; a thread outside calls, and gives its
 * futures up. So all that was started ends by its cancel, or is still under way when all
 * is quiet. */
#include "stress/tally.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/future.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

enum { CLIENTS = 4, FRONTS = 3, WORKERS = 4, WINDOW = 8, FUTURES = 64 };
enum what { ASKED, CANCELLED, STARTED, OVER, ENDED, WHATS };
static struct tally tally;
static uint64_t asks; /* of each client */

typedef struct {
    uint32_t hops;
} request;
CADRE_TYPE(request);
typedef struct {
    uint64_t left;
} pulse;
CADRE_TYPE(pulse);

/* No writer after the root's start. */
static cadre_ref fronts[FRONTS], workers[WORKERS], bottom;
static cadre_system *sys;

/* ---- those that it comes to ---- */

static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    uint64_t dice = cadre_random(self);
    request *r = cadre_body(m, request);
    cadre_ref to = r->hops-- ? fronts[dice / 4 % FRONTS] : workers[dice / 4 % WORKERS];
    if (dice % 4)
        return cadre_forward(self, to, m);
    CHECK_EQ(cadre_defer(self, m, &promise), 0);
    return cadre_delegate_as(self, promise, to, CADRE_BODY(request, r->hops));
}

static void note(const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    CHECK(f && f->code == -ECANCELED);
    tally_add(&tally, OVER);
}

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    cadre_token token;
    cadre_msg answer;
    if (!cadre_body(m, request)) {
        note(m);
        return 0;
    }
    bool waits = cadre_random(self) % 4 == 0;
    if (!waits)
        CHECK_EQ(cadre_defer(self, m, &promise), 0);
    int err = cadre_ask(self, &token, bottom, CADRE_NEVER, request, 0);
    tally_add(&tally, STARTED);
    if (err || !waits)
        return err;
    err = cadre_random(self) % 2 ? cadre_await(self, token, &answer)
                                 : cadre_await_open(self, token, &answer);
    if (!err)
        note(&answer);
    return err;
}

static int keep(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise; /* for ever, or until it is cancelled */
    return cadre_defer(self, m, &promise);
}

static const cadre_class front_class = {.name = "front", .receive = pass_on};
static const cadre_class worker_class = {.name = "worker", .receive = work};
static const cadre_class bottom_class = {.name = "bottom", .receive = keep};

/* ---- clients ---- */

typedef struct {
    cadre_token tokens[WINDOW];
} client;

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    uint64_t left = cadre_body(m, pulse)->left;
    cadre_token *token = &c->tokens[left % WINDOW];
    if (left == 0)
        return CADRE_STOP; /* the rest is cancelled so */
    if (token->id) {
        CHECK_EQ(cadre_cancel(self, *token), 0);
        tally_add(&tally, CANCELLED);
    }
    cadre_ref to = fronts[cadre_random(self) % FRONTS];
    int err = cadre_ask(self, token, to, CADRE_NEVER, request,
                        (uint32_t)(cadre_random(self) % 3));
    tally_add(&tally, ASKED);
    if (!err && cadre_random(self) % 4 == 0) { /* at once */
        CHECK_EQ(cadre_cancel(self, *token), 0);
        tally_add(&tally, CANCELLED);
        token->id = 0;
    }
    return err ? err : cadre_send(self, cadre_me(self), pulse, left - 1);
}

static void client_stop(cadre_self *self, void *state, int reason)
{
    CHECK_EQ(reason, 0);
    tally_add(&tally, ENDED);
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .receive = client_receive,
                                         .stop = client_stop};

/* ---- a thread ---- */

/* Every second time the requests have come to rest before they are given up. */
static void *call_and_free(void *arg)
{
    cadre_msg answer;
    cadre_future *futures[FUTURES];
    for (uint64_t round = 0; round < asks / FUTURES; round++) {
        for (uint32_t i = 0; i < FUTURES; i++)
            CHECK_EQ(
                cadre_call(sys, &futures[i], cadre_system_root(sys), request, i % 2),
                0);
        if (round % 2)
            CHECK_EQ(cadre_future_wait(futures[0], CADRE_MS, &answer), -ETIMEDOUT);
        for (uint32_t i = 0; i < FUTURES; i++) {
            cadre_future_free(futures[i]);
            tally_add(&tally, ASKED);
            tally_add(&tally, CANCELLED);
        }
    }
    return NULL;
}

/* ---- one run ---- */

/* With a timer it is not quiet until the thread is done. */
static int root_start(cadre_self *self, void *state)
{
    cadre_ref to;
    int err = cadre_after(self, state, CADRE_NEVER / 2, pulse, 0);
    if (!err)
        err = cadre_spawn(self, &bottom, &bottom_class, NULL);
    for (int i = 0; !err && i < FRONTS; i++)
        err = cadre_spawn(self, &fronts[i], &front_class, NULL);
    for (int i = 0; !err && i < WORKERS; i++)
        err = cadre_spawn(self, &workers[i], &worker_class, NULL);
    for (int i = 0; !err && i < CLIENTS; i++) {
        err = cadre_spawn(self, &to, &client_class, NULL);
        if (!err)
            err = cadre_send(self, to, pulse, asks);
    }
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, request) ? pass_on(self, state, m)
                                  : cadre_cancel(self, *(cadre_token *)state);
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(cadre_token),
                                       .start = root_start,
                                       .receive = root_receive};

static void ignore_log(void *user, int level, const char *line) {}

static bool all_is_over(void)
{
    bool ended = tally_sum(&tally, ENDED) == CLIENTS;
    uint64_t over = tally_sum(&tally, OVER);
    return ended && over > 0 && over == tally_sum(&tally, STARTED);
}

static void one(uint32_t threads)
{
    cadre_counters c;
    pthread_t thread;
    cadre_config config = {
        .workers = threads, .log = ignore_log, .end_when_quiet = true};
    verdict_begin(120, "--asks %" PRIu64, asks);
    tally_clear(&tally);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, call_and_free, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(cadre_tell(sys, cadre_system_root(sys), pulse, 0), 0);
    CHECK_EQ(cadre_system_wait(sys), 0); /* quiet: nothing is on its way any more */
    CHECK(all_is_over());
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(cadre_system_free(sys), 0);
    printf("%u workers: %" PRIu64 " asked, %" PRIu64 " cancelled, %" PRIu64
           " started for their sake\n",
           threads, tally_sum(&tally, ASKED), tally_sum(&tally, CANCELLED),
           tally_sum(&tally, STARTED));
    (void)verdict_end();
}

int main(int argc, char **argv)
{
    asks = effort(2000, 20000);
    const struct option_entry options[] = {
        {"asks", &asks, NULL, "requests of each client"}, {0}};
    options_read(argc, argv, "cancels that follow their requests", options);
    for (uint32_t threads = 1; threads <= 4; threads++)
        one(threads);
    return verdict_print();
}
