/* offloads.c: calls that block by many actors on real threads, some of which give up,
 * time out or end meanwhile: each call has one outcome or none, and each body is dropped
 * once. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/offload.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { CALLERS = 8, OPEN_MAX = 32 };

/* What came of the calls, and of their bodies. */
static struct {
    uint64_t size;
    atomic_uint_fast64_t accepted, refused, values, failures, timeouts, cancelled;
    atomic_uint_fast64_t run, dropped;
} scene;

typedef struct {
    uint64_t number;
    bool was_run;
} call;
static void drop_call(void *body)
{
    call *c = body;
    CHECK(c->number != UINT64_MAX);
    c->number = UINT64_MAX;
    atomic_fetch_add(&scene.dropped, 1);
}
CADRE_TYPE_DROP(call, drop_call);

static int work(void *body)
{
    call *c = body;
    CHECK(!c->was_run);
    c->was_run = true;
    atomic_fetch_add(&scene.run, 1);
    return c->number % 5 == 0 ? CADRE_EUSER : 0;
}

/* ---- a caller ---- */

typedef struct {
    uint64_t sent, open;
    cadre_token tokens[OPEN_MAX];
} caller;
typedef struct {
    int nothing;
} more;
CADRE_TYPE(more);

/* Some with a time that is too short, some that are cancelled at once or later. */
static int call_one(cadre_self *self, caller *c)
{
    uint64_t dice = cadre_random(self);
    cadre_time timeout = dice % 4 ? CADRE_NEVER : 1 + (cadre_time)(dice >> 8) % 100000;
    cadre_token *t = &c->tokens[c->sent % OPEN_MAX];
    if ((dice >> 32) % 8 == 0 && cadre_cancel(self, *t) == 0) {
        atomic_fetch_add(&scene.cancelled, 1);
        c->open--;
    }
    int err = cadre_offload(self, t, (cadre_pool)((dice >> 40) % CADRE_POOLS), timeout,
                            work, call, .number = c->sent++);
    CHECK(err == 0 || err == CADRE_EFULL);
    c->open += err == 0;
    atomic_fetch_add(err ? &scene.refused : &scene.accepted, 1);
    return 0;
}

static void note(caller *c, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (f)
        CHECK(f->code == CADRE_EUSER || f->code == -ETIMEDOUT);
    else
        CHECK(cadre_body(m, call)->was_run && cadre_body(m, call)->number % 5 != 0);
    atomic_fetch_add(!f                      ? &scene.values
                     : f->code == -ETIMEDOUT ? &scene.timeouts
                                             : &scene.failures,
                     1);
    c->open--;
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    caller *c = state;
    if (m->type != &more_type)
        note(c, m);
    for (int i = 0; i < 4 && c->sent < scene.size && c->open < OPEN_MAX; i++)
        (void)call_one(self, c);
    if (c->sent < scene.size && c->open == 0)
        return cadre_send(self, cadre_me(self), more, 0);
    return 0;
}
static int start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), more, 0);
}
static const cadre_class caller_class = {
    .state_size = sizeof(caller), .start = start, .receive = receive};

/* ---- scenarios ---- */

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < CALLERS; i++)
        err = cadre_spawn(self, NULL, &caller_class, NULL);
    return err;
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {.start = root_start, .receive = ignore};
static void ignore_log(void *user, int level, const char *line) {}

static void begin(uint64_t size)
{
    memset(&scene, 0, sizeof scene);
    scene.size = size;
}

static void check_sums(cadre_system *sys, bool all_came)
{
    cadre_counters c = {0};
    uint64_t made = scene.accepted + scene.refused;
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.pending, 0);
    CHECK_EQ(scene.dropped, made);
    CHECK(scene.run <= scene.accepted);
    uint64_t came = scene.values + scene.failures + scene.timeouts + scene.cancelled;
    if (all_came)
        CHECK_EQ(came, scene.accepted);
    CHECK(came <= scene.accepted);
}

static void to_the_end(uint64_t size)
{
    cadre_system *sys;
    cadre_config config = {.workers = 3,
                           .blocking_threads = 3,
                           .blocking_waiting = 20,
                           .end_when_quiet = true,
                           .log = ignore_log};
    begin(size);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    check_sums(sys, true);
    CHECK_EQ(scene.accepted + scene.refused, CALLERS * size);
    CHECK_EQ(cadre_system_free(sys), 0);
}

static void stopped_meanwhile(uint64_t size)
{
    for (uint64_t round = 0; round < 5 + size / 1000; round++) {
        cadre_system *sys;
        cadre_config config = {.workers = 2, .blocking_threads = 2, .log = ignore_log};
        begin(UINT64_MAX);
        CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
        while (atomic_load(&scene.run) < 100)
            sched_yield();
        cadre_system_stop(sys);
        CHECK_EQ(cadre_system_wait(sys), 0);
        check_sums(sys, false);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
}

static const struct {
    const char *name;
    void (*run)(uint64_t size);
} scenarios[] = {{"to_the_end", to_the_end}, {"stopped_meanwhile", stopped_meanwhile}};

int main(int argc, char **argv)
{
    uint64_t size = effort(20000, 400000);
    const struct option_entry options[] = {{"calls", &size, NULL, "by each actor"},
                                           {0}};
    options_read(argc, argv, "each call has one outcome", options);
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        double from = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--calls %" PRIu64, size);
        scenarios[i].run(size);
        bool ok = verdict_end();
        printf("%s: %s, %" PRIuFAST64 " calls run, %" PRIuFAST64 " timed out, %.2f s\n",
               scenarios[i].name, ok ? "ok" : "FAILED", atomic_load(&scene.run),
               atomic_load(&scene.timeouts), effort_clock() - from);
    }
    return verdict_print();
}
