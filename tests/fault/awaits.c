/* awaits.c: allocation k fails while handlers wait, k = 1, 2, 3 ...; and the memory limit
 * has no room for their stacks.
 *
 * A wait without a stack returns -ENOMEM, and what it was to wait for is still pending.
 * Everything else is as without: outcomes come, bodies are dropped once, and
 * nothing is left allocated. In virtual time two also wait for each other for a while,
 * which is found out, or not when there is no memory. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum mode { ON_THREADS, POLLED, SIMULATED, MODES };
enum { WAITERS = 8 };

static struct facts {
    atomic_uint created, dropped, waited, refused, named;
} facts;
static uint64_t ever_waited, ever_refused, ever_named, ever_not_named;

static void up(atomic_uint *counter) { atomic_fetch_add(counter, 1); }

static void read_log(void *user, int level, const char *line)
{
    if (strncmp(line, "deadlock: ", strlen("deadlock: ")) == 0)
        up(&facts.named);
}

typedef struct {
    uint32_t number;
} thing;
static void drop_thing(void *body) { up(&facts.dropped); }
static CADRE_TYPE_DROP(thing, drop_thing);

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);

static thing new_thing(void)
{
    up(&facts.created);
    return (thing){7};
}

/* True: it worked. */
static bool worked(int err)
{
    CHECK(err == 0 || err == -ENOMEM || err == CADRE_EFULL);
    return err == 0;
}

static void wait_for(cadre_self *self, cadre_token token, bool open)
{
    cadre_msg m = {0};
    int err = open ? cadre_await_open(self, token, &m) : cadre_await(self, token, &m);
    if (err == 0) {
        CHECK(m.type == &thing_type || m.type == &cadre_failure_type);
        CHECK_EQ(m.token.id, token.id);
        up(&facts.waited);
        CHECK_EQ(cadre_cancel(self, token), -ENOENT);
    } else {
        CHECK_EQ(err, -ENOMEM);
        up(&facts.refused);
        CHECK_EQ(cadre_cancel(self, token), 0); /* it was pending */
    }
}

static void ask_and_wait(cadre_self *self, cadre_ref whom, bool open)
{
    cadre_token token;
    thing t = new_thing();
    if (worked(cadre_ask_as(self, &token, whom, CADRE_SECOND, &thing_type, &t)))
        wait_for(self, token, open);
}

static void set_and_wait(cadre_self *self, bool open)
{
    cadre_token token;
    thing t = new_thing();
    if (worked(cadre_after_as(self, &token, 1000, &thing_type, &t)))
        wait_for(self, token, open);
}

static void sleep_and_pick(cadre_self *self)
{
    cadre_msg m;
    int err = cadre_sleep(self, 1000);
    CHECK(err == 0 || err == -ENOMEM || err == CADRE_EFULL);
    bool sent = worked(cadre_send(self, cadre_me(self), tick, 0));
    err = cadre_receive_type(self, &tick_type, 2000, &m);
    CHECK(err == 0 || err == -ENOMEM || err == CADRE_EFULL || err == -ETIMEDOUT);
    CHECK(sent || err != 0);
}

static int waiter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref whom = *(cadre_ref *)state;
    if (m->type != &thing_type)
        return 0;
    ask_and_wait(self, whom, false);
    set_and_wait(self, true);
    sleep_and_pick(self);
    ask_and_wait(self, whom, true);
    set_and_wait(self, false);
    return 0;
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    thing t = new_thing();
    (void)worked(cadre_reply_as(self, m, &thing_type, &t));
    return 0;
}

static const cadre_class waiter_class = {
    .name = "waiter", .state_size = sizeof(cadre_ref), .receive = waiter_receive};
static const cadre_class server_class = {.name = "server", .receive = server_receive};

/* To one of the two that wait for each other: the other one. */
typedef struct {
    cadre_ref ref;
} partner;
static CADRE_TYPE(partner);

static int knot_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg outcome;
    const partner *p = cadre_body(m, partner);
    if (p && worked(cadre_sleep(self, CADRE_MS)) &&
        worked(cadre_ask(self, &token, p->ref, CADRE_SECOND, tick, 0)))
        (void)worked(cadre_await(self, token, &outcome));
    return 0;
}
static const cadre_class knot_class = {.name = "knot", .receive = knot_receive};

static void tie_knot(cadre_self *self)
{
    cadre_ref a, b;
    if (worked(cadre_spawn(self, &a, &knot_class, NULL)) &&
        worked(cadre_spawn(self, &b, &knot_class, NULL))) {
        (void)worked(cadre_send(self, a, partner, b));
        (void)worked(cadre_send(self, b, partner, a));
    }
}

static void send_things(cadre_self *self, cadre_ref waiter)
{
    for (int i = 0; i < 2; i++) {
        thing t = new_thing();
        (void)worked(cadre_send_as(self, waiter, &thing_type, &t));
    }
}

static int root_start(cadre_self *self, void *state)
{
    cadre_ref whom = {0}, waiter;
    (void)worked(cadre_spawn(self, &whom, &server_class, NULL));
    if (*(const enum mode *)state == SIMULATED)
        tie_knot(self);
    for (int i = 0; i < WAITERS; i++)
        if (worked(cadre_spawn(self, &waiter, &waiter_class, &whom)))
            send_things(self, waiter);
    return 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(enum mode),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- one run ---- */

static cadre_config config_for(enum mode mode, struct short_heap *heap)
{
    cadre_config config = {.log = read_log, .workers = 2, .end_when_quiet = true};
    if (mode == POLLED)
        config.workers = CADRE_NO_WORKERS;
    if (mode == SIMULATED)
        config.seed = 7;
    short_heap_serve(heap, &config);
    return config;
}

static void run(const cadre_config *config, enum mode mode, struct short_heap *heap)
{
    cadre_system *sys = NULL;
    memset(&facts, 0, sizeof facts);
    int err = cadre_system_new(&sys, config, &root_class, &mode);
    CHECK(err == 0 || err == -ENOMEM);
    if (!err) {
        cadre_counters c;
        while (mode == POLLED && cadre_system_poll(sys, CADRE_MS) != -ESHUTDOWN) {
        }
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(facts.dropped, facts.created);
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
    ever_waited += facts.waited;
    ever_refused += facts.refused;
    CHECK(facts.named <= 1);
    ever_named += facts.named;
    ever_not_named += !err && facts.named == 0 && mode == SIMULATED;
}

/* Returns how many allocations could fail. */
static uint64_t sweep(enum mode mode, uint64_t count, uint64_t first)
{
    enum { ENOUGH = 3 };
    struct short_heap heap;
    uint64_t k = first;
    verdict_begin(120, "--mode %u --count %" PRIu64, mode, count);
    for (int unharmed = 0; unharmed < ENOUGH; k++) {
        verdict_again(120, "--mode %u --count %" PRIu64 " --first %" PRIu64, mode,
                      count, k);
        short_heap_init(&heap, k, count);
        cadre_config config = config_for(mode, &heap);
        run(&config, mode, &heap);
        if (verdict_has_failed())
            break;
        unharmed = heap.refused > 0 ? 0 : unharmed + 1;
    }
    (void)verdict_end();
    return k - ENOUGH;
}

/* Too little for stacks of this size, but enough for all else. */
static void limited(enum mode mode)
{
    struct short_heap heap;
    verdict_begin(120, "--mode %u", mode);
    short_heap_init(&heap, 0, 0);
    cadre_config config = config_for(mode, &heap);
    config.memory_max = 16 << 20;
    config.stack_size = 32 << 20;
    run(&config, mode, &heap);
    CHECK_EQ(facts.waited, 0);
    CHECK(facts.refused > 0);
    (void)verdict_end();
}

int main(int argc, char **argv)
{
    uint64_t mode = MODES, count = 0, first = 1;
    const struct option_entry options[] = {
        {"mode", &mode, NULL, "0: on threads, 1: polled, 2: simulated"},
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "allocations fail while handlers wait", options);
    for (unsigned m = 0; m < MODES; m++) {
        if (mode < MODES && mode != m)
            continue;
        uint64_t once = sweep((enum mode)m, count ? count : 1, first);
        uint64_t ever = count ? 0 : sweep((enum mode)m, UINT64_MAX, first);
        limited((enum mode)m);
        printf("mode %u: %" PRIu64 " allocations failed once, %" PRIu64 " for good\n",
               m, once, ever);
    }
    verdict_begin(1, "# all of it");
    CHECK(ever_waited > 0);
    CHECK(ever_refused > 0);
    CHECK(mode < SIMULATED || (ever_named > 0 && ever_not_named > 0));
    (void)verdict_end();
    return verdict_print();
}
