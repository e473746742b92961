/* test_ask_room.c: requests fail, each exactly once, where there is no memory at all. */
#include "support/asking.h"
#include "support/short_heap.h"

#include <errno.h>

enum { EACH = 8 }; /* requests of a kind */

/* ---- memory runs out ---- */

static struct short_heap heap;

/* What it is sent stays where it is. */
static cadre_ref hoard;
static int keep_it(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stash(self, m), 0);
    return 0;
}

/* From now on there is none: not from the system, and not from the pools either, of which
 * every size is used up. What is freed afterwards is there again. */
static void use_it_up(cadre_self *self)
{
    enum { SIZES = 144, FINE = 64 };
    static unsigned char nothing[FINE * 8 + (SIZES - FINE) * 64];
    static cadre_type types[SIZES];
    short_heap_refuse(&heap, true);
    for (uint32_t i = 0; i < SIZES; i++) {
        int err;
        types[i].name = "hoarded";
        types[i].size = i < FINE ? i * 8 : FINE * 8 + (i - FINE) * 64;
        while (!(err = cadre_send_as(self, hoard, &types[i], nothing))) {
        }
        assert_int_equal(err, -ENOMEM);
    }
}

/* ---- answer_needs_no_room ---- */

/* What a server does, and how its first request fails, and the others. The first three
 * kinds are read while there is memory, and then killed, or too late. */
static const struct {
    enum way way;
    int first, code;
} kinds[] = {{KEEP, CADRE_EDEAD, CADRE_EDEAD},
             {SET_ASIDE, CADRE_EDEAD, CADRE_EDEAD},
             {KEEP, -ETIMEDOUT, -ETIMEDOUT},
             {FORGET, CADRE_EUNANSWERED, CADRE_EUNANSWERED},
             {UNEXPECTED, CADRE_EUNANSWERED, CADRE_EUNANSWERED},
             {FAIL, CADRE_EDEAD, CADRE_EDEAD},
             {KILL_ITSELF, CADRE_EUNANSWERED, CADRE_EDEAD}};
enum { KINDS = sizeof kinds / sizeof *kinds, EARLY = 3, REQUESTS = KINDS * EACH };
static cadre_ref servers[KINDS];
static uint64_t tokens[REQUESTS];

static void ask_kind(cadre_self *self, uint32_t kind)
{
    cadre_time timeout = kinds[kind].code == -ETIMEDOUT ? CADRE_SECOND : CADRE_NEVER;
    for (uint32_t i = kind * EACH; i < (kind + 1) * EACH; i++)
        tokens[i] = ask_for(self, servers[kind], timeout, i);
}

/* The outcome stays, or the next failure could be made of it. */
static int note_and_keep(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note_outcome(self, state, m);
    use_it_up(self);
    return keep_it(self, state, m);
}

static int ask_on_and_run_out(cadre_self *self, void *state, cadre_msg *m)
{
    for (uint32_t kind = EARLY; kind < KINDS; kind++)
        ask_kind(self, kind);
    use_it_up(self);
    assert_int_equal(cadre_kill(self, servers[0], 0), 0);
    assert_int_equal(cadre_kill(self, servers[1], 0), 0);
    cadre_become(self, note_and_keep);
    return keep_it(self, state, m);
}

static void ask_and_run_out(cadre_self *self)
{
    static const cadre_class hoarder = {.receive = keep_it};
    assert_int_equal(cadre_spawn(self, &hoard, &hoarder, NULL), 0);
    assert_int_equal(cadre_send(self, hoard, go, 0), 0);
    for (uint32_t kind = 0; kind < KINDS; kind++)
        servers[kind] = serve(self, kinds[kind].way, (cadre_ref){0});
    for (uint32_t kind = 0; kind < EARLY; kind++)
        ask_kind(self, kind);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, 0), 0);
    cadre_become(self, ask_on_and_run_out);
}

/* Exactly one, and that one. */
static void judge_request(uint32_t n)
{
    uint32_t times = 0;
    int code = n % EACH ? kinds[n / EACH].code : kinds[n / EACH].first;
    for (uint32_t i = 0; i < outcomes.count; i++)
        if (outcomes.list[i].token == tokens[n]) {
            assert_int_equal(outcomes.list[i].code, code);
            times++;
        }
    assert_int_equal(times, 1);
}

static void fail_without_memory(uint64_t seed)
{
    cadre_config config = quiet(1, seed);
    short_heap_init(&heap, 0, 0);
    short_heap_serve(&heap, &config);
    config.batch = seed % 2 ? 1 : 64;
    drops_clear();
    outcomes.count = kept.count = 0;
    assert_int_equal(play_with(&config, ask_and_run_out), 0);
    assert_int_equal(outcomes.count, REQUESTS);
    for (uint32_t i = 0; i < REQUESTS; i++)
        judge_request(i);
    assert_dropped_once(REQUESTS);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(atomic_load(&heap.blocks), 0);
}

static void answer_needs_no_room(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++)
        fail_without_memory(seed);
}

int main(void)
{
    TESTS(cmocka_unit_test(answer_needs_no_room));
    return RUN_TESTS();
}
