/* oom_accounts.c: allocation k fails, k = 1, 2, 3 ..., while actors have budgets.
 *
 * A spawn that fails says so with -ENOMEM, and there is no account. One that has no
 * memory to rest goes on, and its account is exact all the same; and nothing is left. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/account.h>
#include <cadre/arena.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <inttypes.h>

enum { CHILDREN = 12, MAILS = 10 };

typedef struct {
    uint32_t nothing;
} mail;
static CADRE_TYPE(mail);

static uint32_t handled, accounts; /* one thread */

static bool worked(int64_t err)
{
    CHECK(err >= 0 || err == -ENOMEM);
    return err >= 0;
}

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_usage usage = {0}, before = {0};
    cadre_system *sys = cadre_system_of(self);
    handled++;
    CHECK_EQ(cadre_usage_of(sys, cadre_me(self), &before), 0);
    bool has = cadre_alloc(self, 20000) != NULL;
    CHECK_EQ(cadre_usage_of(sys, cadre_me(self), &usage), 0);
    CHECK_EQ(usage.bytes >= before.bytes + 20000, has);
    CHECK_EQ(usage.bytes == before.bytes, !has);
    return 0;
}
static const cadre_class child_class = {
    .name = "child", .state_size = 100, .receive = child_receive};

static void count(void *user, const cadre_usage *usage) { ++*(uint32_t *)user; }

static int root_start(cadre_self *self, void *state)
{
    static const cadre_budget budget = {.messages = 3, .over = CADRE_OVER_THROTTLE};
    for (int i = 0; i < CHILDREN; i++) {
        cadre_ref child;
        cadre_opts opts = {.keep = i % 2, .budget = &budget};
        if (!worked(cadre_spawn_with(self, &child, &child_class, NULL, &opts)))
            continue;
        accounts++;
        for (int n = 0; n < MAILS; n++)
            (void)worked(cadre_send(self, child, mail, 0));
    }
    return 0;
}
static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = receive};

static void ignore_log(void *user, int level, const char *line) {}

static void run(struct short_heap *heap)
{
    cadre_config config = {.log = ignore_log, .workers = 2, .seed = 7};
    cadre_system *sys = NULL;
    uint32_t visited = 0;
    handled = accounts = 0;
    short_heap_serve(heap, &config);
    if (worked(cadre_system_new(&sys, &config, &root_class, NULL))) {
        while (cadre_system_poll(sys, 10 * CADRE_SECOND) > 0) {
        }
        CHECK_EQ(cadre_usage_visit(sys, count, &visited), accounts);
        CHECK_EQ(visited, accounts);
        cadre_system_stop(sys);
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_usage_visit(sys, count, &visited), 0);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* Returns how many allocations could fail. */
static uint64_t sweep(uint64_t how_many, uint64_t first)
{
    struct short_heap heap = {.refused = 1};
    uint64_t k = first;
    verdict_begin(120, "--count %" PRIu64, how_many);
    for (; heap.refused > 0; k++) {
        verdict_again(120, "--count %" PRIu64 " --first %" PRIu64, how_many, k);
        short_heap_init(&heap, k, how_many);
        run(&heap);
        if (verdict_has_failed())
            break;
    }
    CHECK_EQ(handled, CHILDREN * MAILS); /* in the last, where nothing failed */
    (void)verdict_end();
    return k - first;
}

int main(int argc, char **argv)
{
    uint64_t how_many = 0, first = 1;
    const struct option_entry options[] = {
        {"count", &how_many, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "Budgets while allocations fail.", options);
    CHECK(sweep(how_many ? how_many : 1, first) > 10);
    if (!how_many)
        CHECK(sweep(UINT64_MAX, first) > 10);
    return verdict_print();
}
