/* awaiting.c: actors whose receive a test writes, for the tests of handlers that wait. */
#include "support/awaiting.h"

#include "support/effort.h"

struct ends ends;
uint32_t returned;

static int player_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return ((player *)state)->act(self, state, m);
}

static void player_stop(cadre_self *self, void *state, int reason)
{
    if (ends.count++ == 0)
        ends.reason = reason;
}

const cadre_class player_class = {.name = "player",
                                  .state_size = sizeof(player),
                                  .receive = player_receive,
                                  .stop = player_stop};

cadre_ref cast(cadre_self *self, cadre_receive *act, cadre_ref friend)
{
    cadre_ref ref;
    player init = {.act = act, .friend = friend};
    assert_int_equal(cadre_spawn(self, &ref, &player_class, &init), 0);
    return ref;
}

static uint64_t play_once(uint32_t workers, uint64_t seed,
                          void (*scene)(cadre_self *self), void (*judge)(void))
{
    cadre_config config = quiet(workers, seed);
    drops_clear();
    record_clear();
    ends = (struct ends){0};
    returned = 0;
    outcomes.count = kept.count = 0;
    assert_int_equal(play_with(&config, scene), 0);
    if (judge)
        judge();
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.actors, 0);
    return sums.trace;
}

void awaiting(void (*scene)(cadre_self *self), void (*judge)(void))
{
    /* ThreadSanitizer learns little from one thread, and forgets each stack slowly. */
    uint64_t seeds = effort(EFFORT_SLOWDOWN < 10 ? 100 : 40, 3000);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint32_t workers = 1 + (uint32_t)(seed % 3);
        uint64_t trace = play_once(workers, seed, scene, judge);
        assert_int_equal(play_once(workers, seed, scene, judge), trace);
    }
}

void must_await(cadre_self *self, uint64_t token, cadre_msg *m)
{
    assert_int_equal(cadre_await(self, (cadre_token){token}, m), 0);
}

void must_await_open(cadre_self *self, uint64_t token, cadre_msg *m)
{
    assert_int_equal(cadre_await_open(self, (cadre_token){token}, m), 0);
}

uint64_t value_of(const cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    assert_non_null(n);
    return n->value;
}

void tell_number(cadre_self *self, cadre_ref to, uint64_t value)
{
    assert_int_equal(cadre_send(self, to, number, value), 0);
}
