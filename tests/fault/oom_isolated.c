/* oom_isolated.c: allocation k fails, k = 1, 2, 3 ..., while an isolated actor is
 * spawned, asked, dies, is restarted and is stopped.
 *
 * What fails says so, or is the failure of that actor; every request has one outcome, and
 * nothing stays allocated. (The memory of the process itself is not ours to refuse.) */
#include "support/effort.h"
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/isolate.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Too large for the pools, and for what is read at once. */
typedef struct {
    uint64_t what;
    char fill[40000];
} parcel;
static CADRE_TYPE(parcel);
enum { ECHO, DIE };

static struct {
    uint32_t asked, outcomes, answers, spawned, downs;
} facts;

static int odd_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, parcel)->what == DIE)
        raise(SIGABRT);
    return cadre_reply_as(self, m, &parcel_type, m->body);
}
static const cadre_class odd_class = {
    .name = "odd", .state_size = 9000, .receive = odd_receive};

static void ask(cadre_self *self, cadre_ref who, uint64_t what)
{
    static parcel p;
    p.what = what;
    int err = cadre_ask_as(self, NULL, who, CADRE_NEVER, &parcel_type, &p);
    CHECK(err == 0 || err == -ENOMEM);
    facts.asked += err == 0;
}

/* When all is over. */
static int judge(void)
{
    return facts.outcomes == facts.asked && facts.downs >= 2 ? CADRE_STOP : 0;
}

static int parent_start(cadre_self *self, void *state)
{
    static const char init[9000] = {1};
    cadre_ref child;
    const cadre_opts opts = {.keep = true, .announce = true, .isolated = true};
    int err = cadre_spawn_with(self, &child, &odd_class, init, &opts);
    CHECK(err == 0 || err == -ENOMEM);
    if (err)
        return CADRE_STOP;
    facts.spawned++;
    for (uint64_t what = ECHO; what <= DIE; what++)
        ask(self, child, what);
    return facts.asked > DIE ? 0 : cadre_kill(self, child, 0); /* it goes down anyway */
}

static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const cadre_failure *f = cadre_body(m, cadre_failure);
    const parcel *p = cadre_body(m, parcel);
    if (f)
        CHECK(f->code == CADRE_EDEAD || f->code == -ENOMEM);
    facts.outcomes += f || p;
    facts.answers += p != NULL;
    if (!down)
        return judge();
    facts.downs++;
    int err = facts.downs < 2 ? cadre_restart(self, down->child) : 0;
    CHECK(err == 0 || err == -ENOMEM);
    if (!err && facts.downs < 2)
        err = cadre_stop(self, down->child);
    if (err || facts.downs >= 2)
        CHECK_EQ(cadre_release(self, down->child), 0);
    if (err)
        facts.downs = 2;
    return judge();
}
static const cadre_class parent_class = {
    .name = "parent", .start = parent_start, .receive = parent_receive};

static void ignore_log(void *user, int level, const char *line) {}

static void run(struct short_heap *heap)
{
    cadre_counters c;
    cadre_system *sys = NULL;
    cadre_config config = {.log = ignore_log, .workers = 1, .isolated = 1};
    memset(&facts, 0, sizeof facts);
    short_heap_serve(heap, &config);
    int err = cadre_system_new(&sys, &config, &parent_class, NULL);
    CHECK(err == 0 || err == -ENOMEM);
    if (err == 0) {
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
        CHECK_EQ(c.actors, 0);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(facts.outcomes, facts.asked);
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

static void sweep(uint64_t count, uint64_t first)
{
    struct short_heap heap;
    uint64_t k = first, dead = 0;
    verdict_begin(120, "--count %" PRIu64, count);
    do {
        verdict_again(120, "--count %" PRIu64 " --first %" PRIu64, count, k);
        short_heap_init(&heap, k++, count);
        run(&heap);
        dead += facts.spawned && facts.answers == 0;
    } while (heap.refused > 0 && !verdict_has_failed());
    CHECK(facts.answers == 1 && facts.downs == 2); /* nothing failed */
    (void)verdict_end();
    printf("%" PRIu64 " allocations failed %s, %" PRIu64 " times nobody answered\n",
           k - 1 - first, count == 1 ? "once" : "for good", dead);
}

int main(int argc, char **argv)
{
    uint64_t count = 0, first = 1;
    const struct option_entry options[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "isolated actors without memory", options);
    if (!effort_can_fork())
        return 77;
    if (count != 0)
        sweep(count, first);
    else
        for (int i = 0; i < 2; i++)
            sweep(i == 0 ? 1 : UINT64_MAX, first);
    return verdict_print();
}
