/* oom_names.c: allocation k fails, k = 1, 2, 3 ..., while actors take and leave names.
 *
 * A registration that fails says so with -ENOMEM, and nobody has the name; what was
 * registered is found all the same; and nothing is left allocated. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/name.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 300, CHILDREN = 20 };

static uint32_t held; /* names that the root has; one thread */

static bool worked(int64_t err)
{
    CHECK(err >= 0 || err == -ENOMEM);
    return err >= 0;
}

/* Short and long ones. */
static const char *nth(uint32_t n)
{
    static char text[CADRE_NAME_MAX + 1];
    snprintf(text, sizeof text, "%u%.*s", n, (int)(n % 5 * (n % 5) * 2),
             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    return text;
}

static void take(cadre_self *self, uint32_t n)
{
    bool has = worked(cadre_register(self, nth(n)));
    CHECK(
        cadre_same(cadre_whereis(self, nth(n)), has ? cadre_me(self) : (cadre_ref){0}));
    held += has;
    if (has && n % 3 == 0) {
        CHECK_EQ(cadre_unregister(self, nth(n)), 0);
        held--;
    }
}

static int child_start(cadre_self *self, void *state)
{
    (void)worked(cadre_register(self, "child"));
    return CADRE_STOP;
}
static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class child_class = {
    .name = "child", .start = child_start, .receive = receive};

static void count(void *user, const char *name, cadre_ref owner)
{
    ++*(uint32_t *)user;
}

static int root_start(cadre_self *self, void *state)
{
    uint32_t visited = 0;
    for (uint32_t n = 0; n < NAMES; n++)
        take(self, n);
    if (worked(cadre_system_names(cadre_system_of(self), count, &visited)))
        CHECK_EQ(visited, held);
    for (int i = 0; i < CHILDREN; i++)
        (void)worked(cadre_spawn(self, NULL, &child_class, NULL));
    return 0;
}
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = receive};

static void ignore_log(void *user, int level, const char *line) {}

static void run(struct short_heap *heap)
{
    cadre_config config = {.log = ignore_log, .workers = 2, .seed = 7};
    cadre_system *sys = NULL;
    held = 0;
    short_heap_serve(heap, &config);
    if (worked(cadre_system_new(&sys, &config, &root_class, NULL))) {
        while (cadre_system_poll(sys, 0) > 0) {
        }
        CHECK_EQ(cadre_system_whereis(sys, "child").id, 0);
        cadre_system_stop(sys);
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
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
    CHECK_EQ(held, NAMES * 2 / 3); /* in the last, where nothing failed */
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
    options_read(argc, argv, "every allocation fails once, of names", options);
    if (count) {
        (void)sweep(count, first);
    } else {
        uint64_t once = sweep(1, first), ever = sweep(UINT64_MAX, first);
        printf("%" PRIu64 " allocations failed once, %" PRIu64 " for good\n", once,
               ever);
    }
    return verdict_print();
}
