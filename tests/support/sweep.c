/* sweep.c: one system after the other, in each of which another allocation fails. */
#include "support/sweep.h"

#include "support/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void ignore_log(void *user, int level, const char *line) {}

void sweep_run(const struct sweep *sweep, struct short_heap *heap)
{
    cadre_config config = {
        .log = ignore_log, .workers = 2, .io_threads = sweep->io_threads};
    cadre_system *sys = NULL;
    cadre_counters c;
    short_heap_serve(heap, &config);
    int err = cadre_system_new(&sys, &config, sweep->root, NULL);
    CHECK(err == 0 || err == -ENOMEM);
    if (!err) {
        if (sweep->meanwhile)
            sweep->meanwhile();
        int reason = cadre_system_wait(sys);
        CHECK(reason == 0 || reason == -ENOMEM);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* Threads make no two runs alike: there are as many as one needs, and some. */
uint64_t sweep_all(const struct sweep *sweep, uint64_t count)
{
    enum { CALM = 3 };
    struct short_heap heap;
    uint64_t k = 1;
    verdict_begin(120, "--count %" PRIu64, count);
    for (int calm = 0; calm < CALM && !verdict_has_failed(); k++) {
        verdict_again(120, "--count %" PRIu64, count);
        short_heap_init(&heap, k, count);
        sweep_run(sweep, &heap);
        calm = heap.refused == 0 ? calm + 1 : 0;
    }
    (void)verdict_end();
    return k;
}

void sweep_both(const struct sweep *sweep, uint64_t count, const char *what)
{
    if (count) {
        (void)sweep_all(sweep, count);
        return;
    }
    uint64_t once = sweep_all(sweep, 1), ever = sweep_all(sweep, UINT64_MAX);
    printf("%s: %" PRIu64 " allocations failed once, %" PRIu64 " for good\n", what,
           once, ever);
}
