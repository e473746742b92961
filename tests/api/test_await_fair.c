/* test_await_fair.c: handlers that wait for each other leave the rest of their worker its
 * time, and what came meanwhile its order. */
#include "support/support.h"

#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/timer.h>

static atomic_bool over, rang;
static int64_t start;

static bool goes_on(unsigned round)
{
    if (round % 1024 == 0 && real_now() - start > 5 * CADRE_SECOND)
        atomic_store(&over, true); /* in vain */
    return !atomic_load(&over);
}

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg query;
    while (cadre_receive_type(self, &number_type, CADRE_SECOND, &query) == 0)
        if (cadre_send(self, query.from, contact, {0}) || atomic_load(&over))
            break;
    return 0;
}
static int call(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref server = ((const contact *)m->body)->ref;
    cadre_msg answer;
    for (unsigned round = 1; goes_on(round); round++)
        if (cadre_send(self, server, number, 0) ||
            cadre_receive_type(self, &contact_type, CADRE_SECOND, &answer))
            break;
    return cadre_send(self, server, number, 0);
}

static int set_up(cadre_self *self, void *state)
{
    static const cadre_class server = {.receive = serve}, client = {.receive = call};
    cadre_ref served, calling;
    start = real_now();
    int err = cadre_spawn(self, &served, &server, NULL);
    if (!err)
        err = cadre_spawn(self, &calling, &client, NULL);
    if (!err)
        err = cadre_send(self, served, number, 0);
    if (!err)
        err = cadre_send(self, calling, contact, served);
    return err ? err : cadre_after(self, NULL, 20 * CADRE_MS, number, 1);
}
static int ring(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_store(&rang, !atomic_load(&over));
    atomic_store(&over, true);
    return CADRE_STOP;
}

static void timer_rings_beside_handlers_that_wait(void **state)
{
    static const cadre_class root = {.start = set_up, .receive = ring};
    cadre_config config = quiet(1, 0);
    assert_int_equal(run(&config, &root, NULL), 0);
    assert_true(atomic_load(&rang));
}

/* ---- what is held is found by the next wait, and comes in order ---- */

static int wait_for_both(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token sooner, later;
    cadre_msg rung;
    uint64_t n = ((const number *)m->body)->value;
    if (n == 1) {
        assert_int_equal(cadre_after(self, &sooner, CADRE_MS, number, 7), 0);
        assert_int_equal(cadre_after(self, &later, 2 * CADRE_MS, number, 8), 0);
        assert_int_equal(cadre_await(self, later, &rung), 0);
        record_add(((const number *)rung.body)->value);
        assert_int_equal(cadre_await(self, sooner, &rung), 0);
        record_add(((const number *)rung.body)->value);
        assert_true(cadre_now(self) < 100 * CADRE_MS);
    }
    assert_int_equal(cadre_sleep(self, CADRE_MS), 0);
    record_add(n);
    return 0;
}
static void send_some(cadre_self *self)
{
    static const cadre_class waiter = {.receive = wait_for_both};
    cadre_ref to;
    record_clear();
    assert_int_equal(cadre_spawn(self, &to, &waiter, NULL), 0);
    for (uint64_t n = 1; n <= 4; n++)
        assert_int_equal(cadre_send(self, to, number, n), 0);
}

static void held_outcome_is_found_by_the_next_wait(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        assert_int_equal(play_with(&config, send_some), 0);
        assert_record(8, 7, 1, 2, 3, 4);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(timer_rings_beside_handlers_that_wait),
          cmocka_unit_test(held_outcome_is_found_by_the_next_wait));
    return RUN_TESTS();
}
