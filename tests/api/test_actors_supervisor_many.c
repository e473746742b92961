/* test_actors_supervisor_many.c: children who come and go leave no memory behind. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/actors/supervisor.h>
#include <cadre/chain.h>

#include <malloc.h>

enum { CROWD = 300, VISITS = 12000 / EFFORT_SEEDS, SLACK = 65536 };
static int visitor_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class visitor = {.name = "visitor", .receive = visitor_receive};
static cadre_ref supervisor, crowd[CROWD]; /* those that are there */
static uint32_t present, visits;
static size_t bytes_half_way, bytes_in_the_end;

static int one_has_gone(cadre_self *self, void *state, cadre_msg *m);

static void let_one_go(cadre_self *self)
{
    cadre_token token;
    uint32_t i = (uint32_t)(cadre_random(self) % present);
    cadre_ref who = crowd[i];
    crowd[i] = crowd[--present];
    assert_int_equal(
        cadre_ask(self, &token, supervisor, CADRE_NEVER, cadre_remove_child, who), 0);
    assert_int_equal(cadre_then(self, token, one_has_gone), 0);
}
static int one_has_come(cadre_self *self, void *state, cadre_msg *m)
{
    assert_non_null(cadre_body(m, cadre_child));
    crowd[present++] = cadre_body(m, cadre_child)->ref;
    if (visits == VISITS / 2)
        bytes_half_way = mallinfo2().uordblks;
    if (visits == VISITS)
        bytes_in_the_end = mallinfo2().uordblks;
    else if (present == CROWD)
        let_one_go(self);
    return 0;
}
static void let_one_come(cadre_self *self)
{
    cadre_token token;
    cadre_child_spec spec = {.cls = &visitor, .when = (uint8_t)(visits++ % 3)};
    assert_int_equal(
        cadre_ask(self, &token, supervisor, CADRE_NEVER, cadre_add_child, spec), 0);
    assert_int_equal(cadre_then(self, token, one_has_come), 0);
}
static int one_has_gone(cadre_self *self, void *state, cadre_msg *m)
{
    let_one_come(self);
    return 0;
}
static int root_start(cadre_self *self, void *state)
{
    const cadre_supervisor config = {.strategy = *(uint8_t *)state};
    int err = cadre_spawn(self, &supervisor, &cadre_supervisor_class, &config);
    for (uint32_t i = 0; i < CROWD && !err; i++)
        let_one_come(self);
    return err;
}
static const cadre_class root = {
    .start = root_start, .state_size = 1, .receive = visitor_receive};

/* The rows of those who have gone are used again, in any order, under any strategy. */
static void rows_are_used_again(void **state)
{
    for (uint8_t s = CADRE_ONE_FOR_ONE; s <= CADRE_REST_FOR_ONE; s++) {
        cadre_config config = quiet(2, 7);
        config.end_when_quiet = true;
        present = visits = 0;
        assert_int_equal(run(&config, &root, &s), 0);
        assert_int_equal(visits, VISITS);
        assert_int_equal(present, CROWD);
        assert_true(bytes_in_the_end < bytes_half_way + SLACK);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(rows_are_used_again));
    return RUN_TESTS();
}
