/* test_report.c: the counters at any time, and the report of what was left over. */
#include "support/support.h"

#include <errno.h>
#include <pthread.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static cadre_system *open_system(const cadre_config *config, const cadre_class *root)
{
    cadre_system *sys = NULL;
    assert_int_equal(cadre_system_new(&sys, config, root, NULL), 0);
    return sys;
}

/* ---- stats ---- */

static int look_from_inside(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(cadre_system_of(self), &c), 0);
    assert_int_equal(c.accepted, 3);
    assert_int_equal(c.handled, 0);
    assert_int_equal(c.dead, 1);
    assert_int_equal(c.dropped, 0);
    assert_int_equal(c.pending, 2); /* the one in hand, and the next */
    assert_int_equal(c.actors, 2);
    assert_int_equal(c.spawned, 2);
    assert_int_equal(c.workers, 2);
    assert_int_equal(c.simulated, 1);
    assert_true(c.bytes > 0 && c.turns > 0 && c.trace != 0);
    return CADRE_STOP;
}

static void send_and_look(cadre_self *self)
{
    static const cadre_class looker = {.receive = look_from_inside};
    cadre_ref to;
    assert_int_equal(cadre_spawn(self, &to, &looker, NULL), 0);
    assert_int_equal(cadre_send_as(self, to, &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, to, &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, (cadre_ref){0}, &go_type, NULL), 0);
}

static void stats_in_a_handler(void **state)
{
    assert_int_equal(play(send_and_look), 0);
    assert_int_equal(sums.accepted, 3);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(sums.dead, 2);
    assert_int_equal(sums.pending, 0);
    assert_int_equal(sums.actors, 0);
}

static void stats_of_a_real_system(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_config config = quiet(3, 0);
    cadre_system *sys = open_system(&config, &root);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.workers, 3);
    assert_int_equal(sums.simulated, 0);
    assert_int_equal(sums.trace, 0);
    assert_int_equal(sums.actors, 1);
    assert_int_equal(sums.spawned, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sums.reserved[i], 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static int bounce(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->from.id == 0) {
        static const cadre_class class = {.receive = bounce};
        cadre_ref child;
        int err = cadre_spawn(self, &child, &class, NULL);
        return err ? err : cadre_send_as(self, child, &go_type, NULL);
    }
    return cadre_reply_as(self, m, &go_type, NULL);
}

static atomic_bool looked_enough;
static void *look_from_outside(void *sys)
{
    for (int i = 0; i < 2000; i++) {
        cadre_counters c;
        if (cadre_stats(sys, &c) != 0 || c.accepted != c.handled + c.dead + c.pending)
            return "wrong";
    }
    atomic_store(&looked_enough, true);
    return NULL;
}

static void stats_at_any_time_from_any_thread(void **state)
{
    static const cadre_class root = {.receive = bounce};
    cadre_config config = quiet(2, 0);
    pthread_t thread;
    void *wrong;
    cadre_system *sys = open_system(&config, &root);
    for (int i = 0; i < 4; i++)
        assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, look_from_outside, sys), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void stats_null(void)
{
    static const cadre_class root = {.receive = nothing};
    cadre_config config = quiet(1, 1);
    cadre_system *sys = open_system(&config, &root);
    assert_int_equal(cadre_stats(NULL, &sums), -EINVAL);
    assert_int_equal(cadre_stats(sys, NULL), -EINVAL);
    assert_int_equal(lines_with("cadre_stats: stats is NULL"), 1);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_report(NULL, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_system_report(sys, NULL, NULL), -EINVAL);
    assert_int_equal(lines_with("cadre_system_report: visit is NULL"), 1);
    assert_int_equal(cadre_system_free(sys), 0);
}
static void stats_and_report_of_null_are_einval(void **state) { misuse(stats_null); }

/* ---- report ---- */

enum { LINES = 2048 };
static cadre_leftover seen[LINES];
static size_t seen_count;

static void see(void *user, const cadre_leftover *line)
{
    assert_ptr_equal(user, seen);
    assert_true(seen_count < LINES);
    assert_non_null(line->actor);
    assert_non_null(line->type);
    assert_true(line->count > 0);
    seen[seen_count++] = *line;
}

static int64_t report_of(cadre_system *sys)
{
    seen_count = 0;
    int64_t sum = cadre_system_report(sys, see, seen), visited = 0;
    for (size_t i = 0; i < seen_count; i++)
        visited += (int64_t)seen[i].count;
    assert_int_equal(sum, visited);
    return sum;
}

static uint64_t count_for(const char *actor, const cadre_type *type)
{
    uint64_t n = 0;
    for (size_t i = 0; i < seen_count; i++)
        if (strcmp(seen[i].actor, actor) == 0 && (!type || seen[i].type == type))
            n += seen[i].count;
    return n;
}

static int end_at_number(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, number) ? CADRE_STOP : 0;
}

/* Leaves, when the system stops: 3 numbers and 2 gos of its own, 1 number of a child
 * that ends with it, 1 go to one that ended before, and 1 to an address of nobody. */
static cadre_ref ended_child;

static int leave(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class child_class = {.name = "child", .receive = end_at_number};
    cadre_ref me = cadre_me(self), child;
    if (m->type != &go_type || m->from.id != 0)
        return 0;
    assert_int_equal(cadre_spawn(self, &child, &child_class, NULL), 0);
    assert_int_equal(cadre_send(self, child, number, 1), 0);
    assert_int_equal(cadre_send(self, child, number, 2), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cadre_send(self, me, number, 3), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(cadre_send_as(self, me, &go_type, NULL), 0);
    return CADRE_STOP;
}

static void say_farewell(cadre_self *self, void *state, int reason)
{
    assert_int_equal(cadre_send_as(self, ended_child, &go_type, NULL), 0);
    assert_int_equal(cadre_send_as(self, (cadre_ref){UINT64_MAX}, &go_type, NULL), 0);
}

static int spawn_early(cadre_self *self, void *state)
{
    static const cadre_class early = {.name = "early", .receive = end_at_number};
    int err = cadre_spawn(self, &ended_child, &early, NULL);
    if (!err)
        err = cadre_send(self, ended_child, number, 1);
    return err ? err
               : cadre_send(self, ended_child, number, 2); /* dead, but not left */
}

static void report_lists_what_was_left(void **state)
{
    static const cadre_class root = {
        .name = "root", .start = spawn_early, .receive = leave, .stop = say_farewell};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cadre_config config = quiet(2, seed);
        cadre_system *sys = open_system(&config, &root);
        while (cadre_system_poll(sys, 0) > 0) {
        }
        assert_int_equal(cadre_system_report(sys, see, seen), -EBUSY);
        assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
        assert_int_equal(cadre_system_wait(sys), 0);
        assert_int_equal(report_of(sys), 8);
        assert_int_equal(count_for("root", &number_type), 3);
        assert_int_equal(count_for("root", &go_type), 2);
        assert_int_equal(count_for("child", &number_type), 1);
        /* The first one's name is known until another lives in its place. */
        assert_true(count_for("early", &go_type) <= 1);
        assert_int_equal(count_for("early", &go_type) + count_for("?", &go_type), 2);
        assert_int_equal(seen_count, 5);
        assert_int_equal(cadre_stats(sys, &sums), 0);
        assert_int_equal(sums.dead, 8 + 1);
        assert_int_equal(cadre_system_free(sys), 0);
    }
}

static int spread(cadre_self *self, void *state, cadre_msg *m)
{
    for (int i = 0; i < 1500; i++) {
        cadre_ref child;
        assert_int_equal(cadre_spawn(self, &child, &sink_class, NULL), 0);
        assert_int_equal(cadre_send(self, child, number, 1), 0);
        assert_int_equal(cadre_send(self, child, number, 2), 0);
        assert_int_equal(cadre_kill(self, child, 0), 0);
    }
    return CADRE_STOP;
}

static void report_sums_are_exact_when_the_table_is_full(void **state)
{
    static const cadre_class root = {.name = "root", .receive = spread};
    cadre_config config = quiet(1, 1);
    cadre_system *sys = open_system(&config, &root);
    uint64_t rest = 0;
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(report_of(sys), 3000);
    assert_int_equal(seen_count, 1024 + 1); /* the table, and the line for the rest */
    for (size_t i = 0; i < seen_count; i++)
        rest += seen[i].who.id == 0 ? seen[i].count : 0;
    assert_int_equal(rest, 3000 - 2 * (seen_count - 1));
    assert_int_equal(report_of(sys), 3000); /* as often as you like */
    assert_int_equal(cadre_system_free(sys), 0);
}

static void report_is_empty_when_nothing_was_left(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_config config = quiet(2, 0);
    cadre_system *sys = open_system(&config, &root);
    assert_int_equal(cadre_system_report(sys, see, seen), -EBUSY);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(report_of(sys), 0);
    assert_int_equal(seen_count, 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void report_after_a_poll_that_said_so(void **state)
{
    static const cadre_class root = {.receive = nothing};
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    cadre_system *sys = open_system(&config, &root);
    cadre_system_stop(sys);
    while (cadre_system_poll(sys, 0) != -ESHUTDOWN)
        assert_int_equal(cadre_system_report(sys, see, seen), -EBUSY);
    assert_int_equal(report_of(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(stats_in_a_handler),
          cmocka_unit_test(stats_of_a_real_system),
          cmocka_unit_test(stats_at_any_time_from_any_thread),
          cmocka_unit_test(stats_and_report_of_null_are_einval),
          cmocka_unit_test(report_lists_what_was_left),
          cmocka_unit_test(report_sums_are_exact_when_the_table_is_full),
          cmocka_unit_test(report_is_empty_when_nothing_was_left),
          cmocka_unit_test(report_after_a_poll_that_said_so));
    return RUN_TESTS();
}
