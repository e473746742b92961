/* test_after.c: when silence counts as silence. */
#include "actor/after.h"

#include "support/support.h"
#include "unit/actor/stage.h"

enum { IDLE = 1000000 };

static cadre_token idle;

/* 1: wants to know. Notes what it gets. */
static int note(cadre_self *s, void *state, cadre_msg *m)
{
    uint64_t value = ((const number *)m->body)->value;
    record_add(value);
    if (value == 1)
        return cadre_when_idle_as(s, &idle, IDLE, CADRE_BODY(number, .value = 9));
    assert_int_equal(m->token.id != 0, value == 9);
    return 0;
}
static const cadre_class noter = {.name = "noter", .receive = note};

static void pass(int64_t ns)
{
    clock_advance(&world.sched.crew.clock, ns);
    worker_ring(worker, worker, clock_now(&world.sched.crew.clock));
    run_dry();
}

static void idle_comes_once_for_each_silence(void **state)
{
    struct cell *cell = born(&noter, NULL);
    tell_number(cell, 1);
    run_dry();
    pass(IDLE - 1);
    assert_record(1);
    pass(1);
    assert_record(1, 9);
    for (int i = 0; i < 10; i++)
        pass(IDLE); /* its own message was no other one */
    assert_record(1, 9);
    tell_number(cell, 2);
    run_dry();
    pass(IDLE);
    assert_record(1, 9, 2, 9);
    assert_false(alarms_are_set(&worker->alarms));
}

static void idle_is_put_off_by_each_message(void **state)
{
    struct cell *cell = born(&noter, NULL);
    tell_number(cell, 1);
    run_dry();
    for (int i = 0; i < 5; i++) {
        pass(IDLE - 1);
        tell_number(cell, 2);
        run_dry();
    }
    assert_record(1, 2, 2, 2, 2, 2);
    pass(IDLE);
    assert_int_equal(record.count, 7);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    TESTS(ON_STAGE(idle_comes_once_for_each_silence),
          ON_STAGE(idle_is_put_off_by_each_message));
    return RUN_TESTS();
}
