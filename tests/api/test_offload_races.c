/* test_offload_races.c: a call that fails while the request it was made for is cancelled,
 * and its actor moves from worker to worker. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/offload.h>

#include <errno.h>

enum { PINGS = 6, PINGERS = 3 };

static unsigned outcomes, cancelled;

static int refuse(void *body) { return CADRE_EUSER; }

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p;
    if (m->type != &contact_type) {
        outcomes += m->type == &cadre_failure_type;
        return m->type == &number_type ? cadre_reply(self, m, number, 0) : 0;
    }
    assert_int_equal(cadre_defer(self, m, &p), 0);
    assert_int_equal(
        cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_SECOND, refuse, number, 1), 0);
    return cadre_send(self, m->from, number, 0);
}

static int ping(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t *left = state;
    cadre_ref to = m->type == &contact_type ? ((contact *)m->body)->ref : m->from;
    return (*left)-- > 0 ? cadre_send(self, to, number, 0) : 0;
}

static cadre_token asked;

static int cancel(cadre_self *self, void *state, cadre_msg *m)
{
    cancelled += cadre_cancel(self, asked) == 0;
    return 0;
}
static int set_up(cadre_self *self, void *state)
{
    static const cadre_class worker = {.receive = work};
    static const cadre_class pinger = {.state_size = 8, .receive = ping};
    uint64_t pings = PINGS;
    cadre_ref to, from;
    assert_int_equal(cadre_spawn(self, &to, &worker, NULL), 0);
    assert_int_equal(cadre_ask(self, &asked, to, CADRE_SECOND, contact, {0}), 0);
    for (int i = 0; i < PINGERS; i++) {
        assert_int_equal(cadre_spawn(self, &from, &pinger, &pings), 0);
        assert_int_equal(cadre_send(self, from, contact, to), 0);
    }
    return 0;
}

static void failed_and_cancelled_at_once(void **state)
{
    static const cadre_class root = {.start = set_up, .receive = cancel};
    uint64_t seeds = effort(1000, 20000);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        cadre_config config = quiet(4, seed);
        config.end_when_quiet = true;
        outcomes = cancelled = 0;
        assert_int_equal(run(&config, &root, NULL), 0);
        assert_int_equal(cancelled, 1);
        assert_int_equal(outcomes, 1);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(failed_and_cancelled_at_once));
    return RUN_TESTS();
}
