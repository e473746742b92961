/* scopes.c: many scopes at once on real workers, beside actors that talk.
 *
 * Some actors compute trees of tasks, loops and reductions, again and again, while pairs
 * of others play ping-pong until the last of them is through. All sums must be right, and
 * every message handled. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/scope.h>

#include <inttypes.h>
#include <stdatomic.h>

enum { COMPUTERS = 4, PAIRS = 2, FIB = 16, LOOP = 3000 };

typedef struct {
    uint32_t left;
} work;
CADRE_TYPE(work);
typedef struct {
    uint64_t none;
} ball;
CADRE_TYPE(ball);

static uint64_t rounds; /* of each computer */
static atomic_uint at_work;
static _Atomic uint64_t balls;

static void ignore_log(void *user, int level, const char *line) {}

/* ---- what is computed ---- */

struct fib {
    int n;
    uint64_t result;
};

static int run_fib(cadre_scope *in, void *arg)
{
    struct fib *me = arg;
    if (me->n < 2) {
        me->result = (uint64_t)me->n;
        return 0;
    }
    cadre_scope s;
    cadre_job jobs[2];
    struct fib parts[2] = {{me->n - 1, 0}, {me->n - 2, 0}};
    int err = cadre_scope_nest(in, &s);
    for (int i = 0; i < 2 && !err; i++)
        err = cadre_scope_spawn(&s, &jobs[i], run_fib, &parts[i]);
    int joined = cadre_scope_sync(&s);
    me->result = parts[0].result + parts[1].result;
    return err ? err : joined;
}

static int fill(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        ((uint64_t *)arg)[i] = i;
    return 0;
}

static int add(cadre_scope *in, void *view, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        *(uint64_t *)view += ((const uint64_t *)arg)[i];
    return 0;
}

static void merge(void *view, const void *right, void *arg)
{
    *(uint64_t *)view += *(const uint64_t *)right;
}

static int fail_at_7(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    return begin <= 7 && 7 < end ? CADRE_EUSER : 0;
}

static void compute(cadre_self *self, size_t grain)
{
    static const cadre_reduction sum = {.size = 8, .add = add, .merge = merge};
    uint64_t values[LOOP], total = 0;
    struct fib fib = {.n = FIB};
    cadre_scope s;
    cadre_job job;
    CHECK_EQ(cadre_scope_open(self, &s), 0);
    CHECK_EQ(cadre_scope_spawn(&s, &job, run_fib, &fib), 0);
    CHECK_EQ(cadre_parallel_for(&s, 0, LOOP, grain, fill, values), 0);
    CHECK_EQ(cadre_parallel_reduce(&s, &total, 0, LOOP, grain, &sum, values), 0);
    CHECK_EQ(total, (uint64_t)LOOP * (LOOP - 1) / 2);
    CHECK_EQ(cadre_scope_sync(&s), 0);
    CHECK_EQ(fib.result, 987);
    CHECK_EQ(cadre_parallel_for(&s, 0, 100, 1, fail_at_7, NULL), CADRE_EUSER);
}

/* ---- actors ---- */

static int computer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t left = cadre_body(m, work)->left;
    compute(self, left % 3 * 10);
    if (left > 1)
        return cadre_send(self, cadre_me(self), work, .left = left - 1);
    atomic_fetch_sub(&at_work, 1);
    return 0;
}

static int player_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = m->from;
    if (cadre_same(to, cadre_parent(self)))
        to = *(cadre_ref *)state;
    if (atomic_load(&at_work) == 0)
        return 0;
    atomic_fetch_add(&balls, 1);
    return cadre_send(self, to, ball, 0);
}

static const cadre_class computer = {.name = "computer", .receive = computer_receive};
static const cadre_class player = {
    .name = "player", .state_size = sizeof(cadre_ref), .receive = player_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_ref ref = {0};
    for (int i = 0; i < COMPUTERS; i++) {
        CHECK_EQ(cadre_spawn(self, &ref, &computer, NULL), 0);
        CHECK_EQ(cadre_send(self, ref, work, .left = (uint32_t)rounds), 0);
    }
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(cadre_spawn(self, &ref, &player, NULL), 0);
        CHECK_EQ(cadre_spawn(self, &ref, &player, &ref), 0);
        CHECK_EQ(cadre_send(self, ref, ball, 0), 0);
    }
    return 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void one(uint32_t workers)
{
    verdict_begin(120, "--rounds %" PRIu64, rounds);
    cadre_system *sys = NULL;
    cadre_counters sums = {0};
    cadre_config config = {
        .workers = workers, .log = ignore_log, .end_when_quiet = true};
    atomic_store(&at_work, COMPUTERS);
    atomic_store(&balls, 0);
    CHECK_EQ(cadre_system_new(&sys, &config, &root, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &sums), 0);
    CHECK_EQ(sums.accepted, sums.handled);
    CHECK_EQ(sums.handled, COMPUTERS * rounds + PAIRS + atomic_load(&balls));
    CHECK_EQ(cadre_system_free(sys), 0);
    verdict_end();
}

int main(int argc, char **argv)
{
    rounds = effort(150, 10000);
    const struct option_entry options[] = {
        {"rounds", &rounds, NULL, "how often each actor computes"}, {0}};
    options_read(argc, argv, "scopes of many actors at once, beside others", options);
    for (uint32_t workers = 1; workers <= 4; workers++)
        one(workers);
    return verdict_print();
}
