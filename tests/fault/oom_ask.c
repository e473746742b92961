/* oom_ask.c: allocation k fails, k = 1, 2, 3 ..., in requests, timers and calls.
 *
 * Whatever fails says so with -ENOMEM and changes nothing: no outcome comes for it, and
 * its body is dropped. What was accepted has its one outcome all the same, because room
 * for a failure was made ahead; timers come, and periodic ones leave ticks out. And
 * nothing is left allocated. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/future.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPERATIONS = 300, PARTNERS = 3, CALLS = 20, POLLS = 4 };

/* Of the run in progress, which is a simulation or polled: one thread. */
static struct {
    uint32_t created, dropped; /* bodies that own something */
    uint32_t asked, outcomes, cancelled;
    uint32_t set, rang, silenced;
    uint32_t called, answered, ticks;
} facts;

typedef struct {
    uint32_t number;
    bool dropped;
    char fill[20];
} small;
typedef struct {
    uint32_t number;
    bool dropped;
    char fill[7000]; /* more than the pools have: straight from the heap */
} large;
typedef struct {
    int nothing;
} tick;
CADRE_TYPE(tick);
static const cadre_type end_type = {.name = "end"};

static void drop_small(void *body)
{
    small *s = body;
    CHECK(!s->dropped);
    s->dropped = true;
    facts.dropped++;
}
static void drop_large(void *body) { drop_small(body); } /* the same beginning */
CADRE_TYPE_DROP(small, drop_small);
CADRE_TYPE_DROP(large, drop_large);

static bool worked(int err)
{
    CHECK(err == 0 || err == -ENOMEM);
    return err == 0;
}

/* A body of either kind, to be given away. */
static union {
    small small;
    large large;
} body;
static const cadre_type *make_body(uint32_t number)
{
    memset(&body, 0, sizeof body);
    body.small.number = number;
    facts.created++;
    return number % 8 == 0 ? &large_type : &small_type;
}

/* ---- the other side ---- */

typedef struct {
    cadre_ref next;
    uint32_t kept;
    cadre_promise promises[4];
} partner;

static void reply_to(cadre_self *self, const cadre_msg *m, uint32_t number)
{
    const cadre_type *type = make_body(number);
    (void)worked(cadre_reply_as(self, m, type, &body));
}

static void get_rid(cadre_self *self, const partner *p, cadre_promise promise,
                    uint32_t number)
{
    const cadre_type *type = make_body(number);
    bool awaited = cadre_is_awaited(self, promise);
    int err = number % 2 ? cadre_answer_as(self, promise, type, &body)
                         : cadre_delegate_as(self, promise, p->next, type, &body);
    CHECK(err == 0 || err == -ENOMEM || err == -EALREADY);
    CHECK(cadre_is_awaited(self, promise) == (awaited && err != 0)); /* it stays open */
}

static void defer(cadre_self *self, partner *p, const cadre_msg *m, uint32_t number)
{
    cadre_promise promise = {.token = {77}};
    if (!worked(cadre_defer(self, m, &promise))) {
        CHECK_EQ(promise.token.id, 77);
        reply_to(self, m, number); /* it is still to be answered */
        return;
    }
    if (number % 3 == 0)
        get_rid(self, p, promise, number);
    else
        p->promises[p->kept++ % 4] = promise; /* of some it forgets where they are */
}

static int partner_receive(cadre_self *self, void *state, cadre_msg *m)
{
    partner *p = state;
    if (m->type == &tick_type || m->token.id == 0)
        return 0;
    uint32_t number = ((small *)m->body)->number;
    switch (number % 5) {
    case 0:
        reply_to(self, m, number + 1);
        break;
    case 1:
    case 2:
        defer(self, p, m, number);
        break;
    case 3:
        (void)worked(cadre_forward(self, p->next, m));
        break;
    default:
        break;
    }
    if (p->kept > 0 && number % 7 == 0)
        get_rid(self, p, p->promises[(p->kept - 1) % 4], number);
    return 0;
}

static const cadre_class partner_class = {
    .name = "partner", .state_size = sizeof(partner), .receive = partner_receive};

/* ---- the actor that starts operations ---- */

typedef struct {
    cadre_ref partners[PARTNERS];
    cadre_token every;
} root;

static void ask_one(cadre_self *self, const root *r, uint32_t n)
{
    cadre_token token = {77};
    const cadre_type *type = make_body(n);
    cadre_time timeout = n % 3 ? CADRE_NEVER : 1 + n * 10;
    if (!worked(cadre_ask_as(self, &token, r->partners[n % PARTNERS], timeout, type,
                             &body))) {
        CHECK_EQ(token.id, 77);
        return;
    }
    facts.asked++;
    if (n % 11 == 0) {
        CHECK_EQ(cadre_cancel(self, token), 0);
        facts.cancelled++;
    }
}

static void set_one(cadre_self *self, uint32_t n)
{
    cadre_token token = {77};
    const cadre_type *type = make_body(n);
    if (!worked(cadre_after_as(self, &token, n * 100, type, &body))) {
        CHECK_EQ(token.id, 77);
        return;
    }
    facts.set++;
    if (n % 13 == 0) {
        CHECK_EQ(cadre_cancel(self, token), 0);
        facts.silenced++;
    }
}

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    partner init = {.kept = 0};
    for (int i = 0; i < PARTNERS; i++) {
        (void)worked(cadre_spawn(self, &r->partners[i], &partner_class, &init));
        init.next = r->partners[i];
    }
    (void)worked(cadre_every(self, &r->every, 2000, tick, 0));
    cadre_token idle;
    (void)worked(cadre_when_idle_as(self, &idle, 5000, CADRE_BODY(tick, 0)));
    for (uint32_t n = 0; n < OPERATIONS; n++) {
        ask_one(self, r, n);
        set_one(self, n);
    }
    return 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    if (m->type == &tick_type) {
        facts.ticks++;
    } else if (m->type == &end_type) {
        (void)cadre_cancel(self, r->every);
        for (int i = 0; i < PARTNERS; i++)
            CHECK_EQ(cadre_kill(self, r->partners[i], 0), 0);
    } else if (!cadre_same(m->from, cadre_me(self))) {
        facts.outcomes++;
    } else {
        facts.rang++;
    }
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- one run ---- */

static void ignore_log(void *user, int level, const char *line) {}

static cadre_future *futures[CALLS];

static void call_some(cadre_system *sys)
{
    for (uint32_t n = 0; n < CALLS; n++) {
        futures[n] = NULL;
        const cadre_type *type = make_body(n);
        cadre_ref to = {cadre_system_root(sys).id + (n % 2 ? UINT64_C(1) << 28 : 1)};
        int err = cadre_call_as(sys, &futures[n], to, type, &body);
        CHECK((futures[n] != NULL) == worked(err));
        facts.called += err == 0;
    }
}

static void take_answers(void)
{
    cadre_msg m;
    for (uint32_t n = 0; n < CALLS; n++) {
        if (futures[n])
            facts.answered += cadre_future_wait(futures[n], 0, &m) == 0;
        cadre_future_free(futures[n]);
    }
}

static void check(cadre_system *sys)
{
    cadre_counters c;
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(facts.called, facts.answered);
    CHECK_EQ(facts.set, facts.rang + facts.silenced);
    CHECK_EQ(facts.asked, facts.outcomes + facts.cancelled);
}

static void drive(cadre_system *sys, struct short_heap *heap)
{
    for (int i = 0; i < POLLS; i++)
        CHECK(cadre_system_poll(sys, 0) >= 0);
    heap->fail_first = 0; /* that is enough: now everything comes to its end */
    CHECK_EQ(cadre_tell_as(sys, cadre_system_root(sys), &end_type, NULL), 0);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    cadre_system_stop(sys);
    CHECK_EQ(cadre_system_wait(sys), 0);
}

static void run(struct short_heap *heap)
{
    cadre_config config = {.log = ignore_log, .workers = 2, .seed = 7};
    cadre_system *sys = NULL;
    memset(&facts, 0, sizeof facts);
    short_heap_serve(heap, &config);
    if (worked(cadre_system_new(&sys, &config, &root_class, NULL))) {
        call_some(sys);
        drive(sys, heap);
        take_answers();
        check(sys);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(facts.dropped, facts.created);
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* Returns how many allocations could fail. */
static uint64_t sweep(uint64_t count, uint64_t first)
{
    struct short_heap heap = {.refused = 1};
    uint64_t k = first;
    verdict_begin(120, "--count %" PRIu64, count);
    for (; heap.refused > 0; k++) {
        verdict_again(120, "--count %" PRIu64 " --first %" PRIu64, count, k);
        short_heap_init(&heap, k, count);
        run(&heap);
        if (verdict_has_failed())
            break;
    }
    CHECK(facts.ticks > 0 && facts.rang > 0 && facts.outcomes > 0); /* in the last */
    (void)verdict_end();
    return k - first;
}

int main(int argc, char **argv)
{
    uint64_t count = 0, first = 1;
    const struct option_entry options[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "every allocation fails once, in requests and timers",
                 options);
    if (count) {
        (void)sweep(count, first);
    } else {
        uint64_t once = sweep(1, first), ever = sweep(UINT64_MAX, first);
        printf("%" PRIu64 " allocations failed once, %" PRIu64 " for good\n", once,
               ever);
    }
    return verdict_print();
}
