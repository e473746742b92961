/* restarts.c: allocation k fails, k = 1, 2, 3 ..., while children are spawned to be kept,
 * go down, and are restarted.
 *
 * What fails says so and changes nothing: a child that cannot be restarted stays down,
 * and is restarted later or let go. Going down fails never. Nothing stays allocated. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint32_t life;
} pulse;
static CADRE_TYPE(pulse);

static void ignore_log(void *user, int level, const char *line) {}

/* Too large for the pools: each of its lives, and each copy of it, is felt. */
typedef struct {
    uint32_t life;
    char fill[9000];
} giant;

static struct {
    uint32_t spawned, starts, stops, downs, ups, restarts, refused;
} facts;

static int giant_start(cadre_self *self, void *state)
{
    giant *g = state;
    CHECK_EQ(g->life, 42);
    g->life = 0;
    facts.starts++;
    return 0;
}
static int giant_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, pulse)->life ? CADRE_EUSER : 0;
}
static void giant_stop(cadre_self *self, void *state, int reason) { facts.stops++; }
static const cadre_class giant_class = {.name = "giant",
                                        .state_size = sizeof(giant),
                                        .start = giant_start,
                                        .receive = giant_receive,
                                        .stop = giant_stop};

static void fail(cadre_self *self, cadre_ref who)
{
    for (uint32_t i = 1; i <= 2; i++) {
        int err = cadre_send(self, who, pulse, i);
        CHECK(err == 0 || err == -ENOMEM);
    }
}

static int parent_start(cadre_self *self, void *state)
{
    static const giant init = {.life = 42};
    for (int i = 0; i < 3; i++) {
        static const cadre_limit limit = {.mailbox_max = 100}; /* its gauge is memory */
        const cadre_opts opts = {.keep = true,
                                 .announce = i > 0,
                                 .mail = (uint8_t)i,
                                 .limit = i > 0 ? &limit : NULL};
        cadre_ref child = {77};
        int err = cadre_spawn_with(self, &child, &giant_class, &init, &opts);
        CHECK(err == 0 || err == -ENOMEM);
        CHECK((child.id == 77) == (err != 0));
        facts.spawned += err == 0;
        if (err == 0)
            fail(self, child);
    }
    int err = cadre_stop_in_order(self);
    CHECK(err == 0 || err == -ENOMEM);
    return 0;
}

static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    facts.ups += cadre_body(m, cadre_child_up) != NULL;
    facts.downs += down != NULL;
    if (!down)
        return 0;
    int err = down->starts > 4 ? 1 : cadre_restart(self, down->child);
    CHECK(err == 0 || err == 1 || err == -ENOMEM);
    facts.restarts += err == 0;
    facts.refused += err < 0;
    if (err < 0) /* once it may have been bad luck */
        err = cadre_restart(self, down->child);
    CHECK(err == 0 || err == 1 || err == -ENOMEM);
    if (err)
        CHECK_EQ(cadre_release(self, down->child), 0);
    else
        fail(self, down->child);
    return 0;
}

static const cadre_class parent_class = {
    .name = "parent", .start = parent_start, .receive = parent_receive};

static void run(struct short_heap *heap, uint64_t seed)
{
    cadre_counters c;
    cadre_system *sys = NULL;
    cadre_config config = {
        .log = ignore_log, .workers = 2, .seed = seed, .end_when_quiet = true};
    memset(&facts, 0, sizeof facts);
    short_heap_serve(heap, &config);
    int err = cadre_system_new(&sys, &config, &parent_class, NULL);
    CHECK(err == 0 || err == -ENOMEM);
    if (err == 0) {
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
        CHECK_EQ(c.spawned, facts.spawned + 1);
        CHECK_EQ(c.actors, 0);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(facts.starts, facts.stops);
    CHECK(facts.ups <= facts.starts);
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* Returns how many allocations could fail. */
static uint64_t sweep(uint64_t count, uint64_t first)
{
    struct short_heap heap;
    uint64_t k = first, refused = 0;
    verdict_begin(120, "--count %" PRIu64, count);
    do {
        verdict_again(120, "--count %" PRIu64 " --first %" PRIu64, count, k);
        short_heap_init(&heap, k++, count);
        run(&heap, 1 + k % 5);
        refused += facts.refused;
    } while (heap.refused > 0 && !verdict_has_failed());
    CHECK(facts.downs > 9 && facts.restarts > 6 && facts.ups > 4); /* nothing failed */
    (void)verdict_end();
    printf("%" PRIu64 " allocations failed %s, %" PRIu64 " restarts were refused\n",
           k - 1 - first, count == 1 ? "once" : "for good", refused);
    return k;
}

int main(int argc, char **argv)
{
    uint64_t count = 0, first = 1;
    const struct option_entry options[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "restarts without memory", options);
    if (count != 0)
        (void)sweep(count, first);
    else
        for (int i = 0; i < 2; i++)
            (void)sweep(i == 0 ? 1 : UINT64_MAX, first);
    return verdict_print();
}
