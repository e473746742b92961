/* oom.c: allocation k fails, k = 1, 2, 3 ... until a scenario needs no more.
 *
 * Each scenario is played on threads, in a program's own loop and simulated; the k-th
 * allocation fails once, or it and all that follow. Whatever fails says so with a
 * documented error and changes nothing; stopping works without memory; every message and
 * every body has its fate; and nothing is left allocated. */
#include "fault/oom_actor.h"
#include "support/options.h"
#include "support/short_heap.h"

#include <cadre/arena.h>
#include <cadre/chain.h>
#include <cadre/offload.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum mode { ON_THREADS, POLLED, SIMULATED, RUN, MODES };

static void ignore_log(void *user, int level, const char *line) {}

/* ---- scenarios: what the root does at its start; then it is asked to stop ---- */

static void nothing(cadre_self *self) {}

static void spawning(cadre_self *self)
{
    for (int i = 0; i < 10; i++)
        (void)spawn(self, (cadre_ref){0});
    for (int i = 0; i < 10; i++)
        (void)spawn_fat(self);
}

static void many_spawns(cadre_self *self)
{
    for (int i = 0; i < 3000; i++)
        (void)spawn(self, (cadre_ref){0});
}

static void sending(cadre_self *self)
{
    cadre_ref to = spawn(self, (cadre_ref){0});
    for (int i = 0; i < 10; i++)
        send_large(self, to, TAKE);
    for (int i = 0; i < 3000; i++)
        send_small(self, to, TAKE);
}

static void to_the_dead(cadre_self *self)
{
    for (int i = 0; i < 10; i++)
        send_large(self, (cadre_ref){UINT64_C(123456789) << 20}, TAKE);
}

static void owning(cadre_self *self)
{
    for (int i = 0; i < 300; i++)
        cadre_dealloc(self, i % 3 ? NULL : cadre_alloc(self, 40));
    for (size_t size = 1; size < 100000; size *= 3)
        (void)cadre_alloc(self, size);
}

static void replies(cadre_self *self)
{
    cadre_ref to = spawn(self, (cadre_ref){0});
    for (int i = 0; i < 1500; i++)
        send_small(self, to, REPLY);
}

static void forwards(cadre_self *self)
{
    cadre_ref last = spawn(self, (cadre_ref){0});
    cadre_ref middle = spawn(self, last);
    for (int i = 0; i < 10; i++)
        send_large(self, middle, FORWARD);
    for (int i = 0; i < 1000; i++)
        send_small(self, middle, FORWARD);
}

static void stashes(cadre_self *self)
{
    cadre_ref keeper = spawn(self, (cadre_ref){0});
    cadre_ref miser = spawn(self, (cadre_ref){0});
    for (int i = 0; i < 10; i++) {
        send_large(self, keeper, STASH);
        send_large(self, miser, STASH);
    }
    for (int i = 0; i < 800; i++)
        send_small(self, keeper, STASH);
    send_small(self, keeper, UNSTASH);
}

static void stops(cadre_self *self)
{
    for (int i = 0; i < 20; i++) {
        cadre_ref child = spawn_fat(self);
        send_large(self, child, TAKE);
        CHECK_EQ(cadre_stop(self, child), 0);
        send_large(self, child, TAKE);
    }
}

static void kills(cadre_self *self)
{
    for (int i = 0; i < 20; i++) {
        cadre_ref child = spawn_fat(self);
        send_large(self, child, SPAWN);
        CHECK_EQ(cadre_kill(self, child, 0), 0);
        send_large(self, child, SPAWN);
    }
}

static void trees(cadre_self *self)
{
    for (int i = 0; i < 20; i++) {
        cadre_ref child = spawn(self, (cadre_ref){0});
        for (int n = 0; n < 5; n++)
            send_large(self, child, SPAWN);
    }
}

static void applies(cadre_self *self)
{
    cadre_ref to = spawn(self, (cadre_ref){0});
    for (int i = 0; i < 3000; i++)
        sent(cadre_apply(self, to, handle_call, NULL));
    sent(cadre_apply(self, (cadre_ref){UINT64_C(123456789) << 20}, handle_call, NULL));
}

/* What these start ends with the actor; but on threads a blocking call may be over before
 * that. */
static void token_of(cadre_self *self, cadre_token *t)
{
    up(&facts.created);
    if (!worked(cadre_after(self, t, CADRE_SECOND, small, .what = TAKE)))
        t->id = 0;
}

static int step(cadre_self *self, void *state, cadre_msg *m)
{
    CHECK(false); /* nobody lives that long */
    return 0;
}

static void chains(cadre_self *self)
{
    cadre_token t, next;
    for (int i = 0; i < 20; i++) {
        token_of(self, &t);
        int n = 0;
        while (t.id && n++ < 30 && worked(cadre_chain(self, &next, t, step, step)))
            t = next;
        if (t.id && i % 2) /* it is there, with a step or without */
            CHECK_EQ(cadre_cancel(self, t), 0);
    }
}

/* After one that failed, each member is as it was. */
static void joins(cadre_self *self)
{
    enum { N = 600 };
    static cadre_token t[N];
    cadre_token next;
    uint32_t n = 0;
    for (uint32_t i = 0; i < N; i++) {
        token_of(self, &t[n]);
        n += t[n].id != 0;
    }
    if (n == 0)
        return;
    bool ok = worked(cadre_join(self, &next, t, n, n));
    for (uint32_t i = 0; i < n; i++) {
        int err = cadre_chain(self, NULL, t[i], step, step);
        CHECK(ok ? err == -EBUSY : err == 0 || err == -ENOMEM);
    }
}

static void promises(cadre_self *self)
{
    for (int i = 0; i < 300; i++) {
        cadre_token t = {0};
        cadre_promise promise = {.token = {7}};
        if (!worked(cadre_promise_new(self, &t, &promise, CADRE_SECOND)))
            CHECK(t.id == 0 && promise.token.id == 7);
    }
}

/* Of one that lives longer: what is not cancelled ends with the actor. */
static void watches(cadre_self *self)
{
    cadre_ref who = spawn(self, (cadre_ref){0});
    for (int i = 0; who.id && i < 1000; i++) {
        cadre_token t = {0};
        bool ok =
            worked(i % 8 ? cadre_watch(self, &t, who) : cadre_link(self, &t, who));
        CHECK(ok == (t.id != 0));
        if (ok && i % 3)
            CHECK_EQ(cadre_cancel(self, t), 0);
    }
}

static int do_nothing(void *body) { return 0; }

static void offloads(cadre_self *self)
{
    static const large blank;
    for (int i = 0; i < 60; i++) {
        cadre_token t = {0};
        large body = blank;
        up(&facts.created);
        bool ok = worked(cadre_offload_as(self, &t, (cadre_pool)(i % CADRE_POOLS),
                                          CADRE_NEVER, do_nothing, &large_type, &body));
        CHECK(ok == (t.id != 0));
        if (ok && i % 2)
            CHECK_EQ(cadre_cancel(self, t), 0);
    }
}

static void closings(cadre_self *self)
{
    cadre_token token;
    for (int i = 0; i < 300; i++)
        if (worked(cadre_when_closing(self, &token)) && i % 3 == 0)
            CHECK_EQ(cadre_cancel(self, token), 0);
}

static const struct scenario {
    const char *name;
    void (*act)(cadre_self *self);
} scenarios[] = {{"nothing", nothing},   {"spawning", spawning}, {"many", many_spawns},
                 {"sending", sending},   {"dead", to_the_dead},  {"replies", replies},
                 {"owning", owning},     {"forwards", forwards}, {"stashes", stashes},
                 {"stops", stops},       {"kills", kills},       {"trees", trees},
                 {"applies", applies},   {"chains", chains},     {"joins", joins},
                 {"promises", promises}, {"offloads", offloads}, {"watches", watches},
                 {"closings", closings}};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

/* ---- one run ---- */

typedef struct {
    const struct scenario *scenario;
    bool stops; /* nobody outside will ask it to */
} root;

static int root_start(cadre_self *self, void *state)
{
    root *r = state;
    r->scenario->act(self);
    return r->stops ? cadre_stop(self, cadre_me(self)) : 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    up(&facts.handled);
    if (m->token.id) /* of a call: accepted when it came */
        up(&facts.accepted);
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

/* A raise that is made needs no more memory. */
static void raise_one(cadre_system *sys)
{
    cadre_raise *untouched = (cadre_raise *)(uintptr_t)64, *raise = untouched;
    int err = cadre_raise_new(&raise, sys, cadre_system_root(sys), handle_call, NULL);
    CHECK((raise == untouched) == (err != 0));
    if (worked(err)) {
        sent(cadre_raise_now(raise));
        cadre_raise_free(raise);
    }
}

/* From outside, while it may be stopping. */
static void tell_some(cadre_system *sys)
{
    static const large blank;
    for (int i = 0; i < 5; i++) {
        large body = blank;
        up(&facts.created);
        int err = cadre_tell_as(sys, cadre_system_root(sys), &large_type, &body);
        CHECK(err == 0 || err == -ENOMEM);
        if (err == 0)
            up(&facts.accepted);
    }
}

static void add_line(void *user, const cadre_leftover *line)
{
    *(uint64_t *)user += line->count;
}

static void check_end(cadre_system *sys)
{
    cadre_counters c;
    uint64_t sum = 0;
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, facts.accepted);
    CHECK_EQ(c.handled, facts.handled);
    CHECK_EQ(c.accepted, c.handled + c.dead);
    CHECK_EQ(c.pending, 0);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(c.spawned, facts.spawned + 1);
    int64_t left = cadre_system_report(sys, add_line, &sum);
    CHECK_EQ(left, sum);
    CHECK(sum <= c.dead);
}

static void drive(cadre_system *sys, enum mode mode)
{
    if (mode == POLLED)
        while (cadre_system_poll(sys, 0) != -ESHUTDOWN) {
        }
    else
        CHECK_EQ(cadre_system_wait(sys), 0);
}

static cadre_config config_for(enum mode mode, struct short_heap *heap)
{
    cadre_config config = {.log = ignore_log, .workers = 2};
    if (mode == POLLED)
        config.workers = CADRE_NO_WORKERS;
    if (mode == SIMULATED)
        config.seed = 7;
    short_heap_serve(heap, &config);
    return config;
}

static void play(const cadre_config *config, const root *init, enum mode mode)
{
    cadre_system *untouched = (cadre_system *)(uintptr_t)64, *sys = untouched;
    int err = cadre_system_new(&sys, config, &root_class, init);
    if (worked(err)) {
        tell_some(sys);
        raise_one(sys);
        sent(cadre_apply_outside(sys, cadre_system_root(sys), handle_call, NULL));
        cadre_system_stop(sys);
        drive(sys, mode);
        check_end(sys);
        CHECK_EQ(cadre_system_free(sys), 0);
    } else {
        CHECK(sys == untouched);
    }
}

static void run(const struct scenario *scenario, enum mode mode,
                struct short_heap *heap)
{
    cadre_config config = config_for(mode, heap);
    root init = {.scenario = scenario, .stops = mode == RUN};
    memset(&facts, 0, sizeof facts);
    if (mode == RUN)
        (void)worked(cadre_run(&config, &root_class, &init));
    else
        play(&config, &init, mode);
    CHECK_EQ(facts.stopped, facts.started);
    CHECK_EQ(facts.dropped, facts.created);
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* ---- all of them ---- */

static const char *const mode_names[MODES] = {"threads", "polled", "simulated",
                                              "cadre_run"};

/* Returns how many allocations could fail. Threads may need more or fewer of them each
 * time, so it goes on a little when one run needed fewer. */
static uint64_t sweep(unsigned s, enum mode mode, uint64_t count, uint64_t first)
{
    enum { ENOUGH = 3 };
    struct short_heap heap;
    uint64_t k = first;
    verdict_begin(120, "--scenario %u --mode %u --count %" PRIu64, s, mode, count);
    for (int unharmed = 0; unharmed < ENOUGH; k++) {
        verdict_again(120,
                      "--scenario %u --mode %u --count %" PRIu64 " --first %" PRIu64, s,
                      mode, count, k);
        short_heap_init(&heap, k, count);
        run(&scenarios[s], mode, &heap);
        if (verdict_has_failed())
            break;
        unharmed = heap.refused > 0 ? 0 : unharmed + 1;
    }
    (void)verdict_end();
    return k - ENOUGH;
}

static void sweep_once_and_for_good(unsigned s, enum mode mode)
{
    uint64_t once = sweep(s, mode, 1, 1), ever = sweep(s, mode, UINT64_MAX, 1);
    printf("%-9s %-9s: %3" PRIu64 " allocations failed once, %3" PRIu64 " for good\n",
           scenarios[s].name, mode_names[mode], once, ever);
}

int main(int argc, char **argv)
{
    uint64_t scenario = SCENARIOS, mode = MODES, count = 0, first = 1;
    const struct option_entry options[] = {
        {"scenario", &scenario, NULL, "only this one"},
        {"mode", &mode, NULL, "0: on threads, 1: polled, 2: simulated, 3: cadre_run"},
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "every allocation fails once", options);
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = 0; m < MODES; m++)
            if ((scenario < SCENARIOS && scenario != s) || (mode < MODES && mode != m))
                continue;
            else if (count)
                (void)sweep(s, (enum mode)m, count, first);
            else
                sweep_once_and_for_good(s, (enum mode)m);
    return verdict_print();
}
