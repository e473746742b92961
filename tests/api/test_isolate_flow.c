/* test_isolate_flow.c: an isolated actor holds nobody back, and nobody holds it back. */
#include "support/isolating.h"

#include <cadre/flow.h>

/* What comes by and by is looked at seldom. */
enum { MUCH = 20000, MUCH_IN_PARTS = 5 * MUCH, MORE = 200 };

/* Sends much at once, and then a little in each of many handlers. */
typedef struct {
    cadre_ref to;
    uint64_t first;
    int left;
} spout;
static int spout_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, ((spout *)state)->first);
}
static int spout_receive(cadre_self *self, void *state, cadre_msg *m)
{
    spout *s = state;
    int err = 0;
    for (uint64_t i = cadre_body(m, number)->value; !err && i > 0; i--)
        err = cadre_send(self, s->to, number, 0);
    return !err && s->left-- > 0 ? cadre_send(self, cadre_me(self), number, 1) : err;
}
static const cadre_class spout_class = {.name = "spout",
                                        .state_size = sizeof(spout),
                                        .start = spout_start,
                                        .receive = spout_receive};

static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    for (double start = effort_clock(); effort_clock() < start + 5e-6;) {
    }
    return 0;
}
static const cadre_class slow_class = {.name = "slow", .receive = slow_receive};

/* One sends to the other; which of them is isolated? */
static int pair_start(cadre_self *self, void *state)
{
    bool sends = *(bool *)state;
    const cadre_opts here = {0}, apart = {.isolated = true};
    spout s = {.first = sends ? MUCH_IN_PARTS : MUCH, .left = MORE};
    int err = cadre_spawn_with(self, &s.to, &slow_class, NULL, sends ? &here : &apart);
    return err ? err
               : cadre_spawn_with(self, NULL, &spout_class, &s, sends ? &apart : &here);
}
static const cadre_class pair_class = {.name = "pair",
                                       .state_size = sizeof(bool),
                                       .start = pair_start,
                                       .receive = slow_receive};

static void play_pair(bool isolated_sends)
{
    cadre_config config = quiet(1, 0);
    config.isolated = 1;
    config.end_when_quiet = true;
    need_processes();
    assert_int_equal(run(&config, &pair_class, &isolated_sends), 0);
    assert_true(sums.handled >= MUCH + MORE);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.mutes, 0);
}

static void isolated_mutes_nobody(void **state) { play_pair(false); }
static void isolated_is_not_muted(void **state) { play_pair(true); }

int main(void)
{
    TESTS(cmocka_unit_test(isolated_mutes_nobody),
          cmocka_unit_test(isolated_is_not_muted));
    return RUN_TESTS();
}
