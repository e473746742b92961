/* test_abi.c: sizes, offsets and values that programs have compiled in, on 64-bit
 * machines. A change here breaks every program linked to the shared library. */
#include "support/support.h"

#include <cadre/account.h>
#include <cadre/isolate.h>
#include <cadre/async.h>
#include <cadre/dispatch.h>
#include <cadre/scope.h>

#define SIZE(T, size) assert_int_equal(sizeof(T), size)
#define FIELD(T, field, offset, size)                                                  \
    assert_int_equal(offsetof(T, field), offset);                                      \
    assert_int_equal(sizeof(((T *)0)->field), size)

static void handles_are_one_integer(void **state)
{
    SIZE(cadre_ref, 8);
    FIELD(cadre_ref, id, 0, 8);
    SIZE(cadre_token, 8);
    FIELD(cadre_token, id, 0, 8);
    SIZE(cadre_time, 8);
}

static void type_layout(void **state)
{
    SIZE(cadre_type, 56);
    FIELD(cadre_type, name, 0, 8);
    FIELD(cadre_type, size, 8, 4);
    FIELD(cadre_type, flags, 12, 4);
    FIELD(cadre_type, drop, 16, 8);
    FIELD(cadre_type, reserved, 24, 32);
}

static void msg_layout(void **state)
{
    SIZE(cadre_msg, 32);
    FIELD(cadre_msg, type, 0, 8);
    FIELD(cadre_msg, from, 8, 8);
    FIELD(cadre_msg, token, 16, 8);
    FIELD(cadre_msg, body, 24, 8);
}

static void class_layout(void **state)
{
    SIZE(cadre_class, 64);
    FIELD(cadre_class, name, 0, 8);
    FIELD(cadre_class, state_size, 8, 8);
    FIELD(cadre_class, start, 16, 8);
    FIELD(cadre_class, receive, 24, 8);
    FIELD(cadre_class, stop, 32, 8);
    FIELD(cadre_class, reserved, 40, 24);
}

static void on_layout(void **state)
{
    SIZE(cadre_on, 16);
    FIELD(cadre_on, type, 0, 8);
    FIELD(cadre_on, handle, 8, 8);
}

static void async_layout(void **state)
{
    SIZE(cadre_async, 32);
    FIELD(cadre_async, token, 0, 8);
    FIELD(cadre_async, over, 8, 8);
    FIELD(cadre_async, back, 16, 8);
    FIELD(cadre_async, line, 24, 4);
    FIELD(cadre_async, locked, 28, 1);
}

static void config_layout(void **state)
{
    SIZE(cadre_config, 96);
    FIELD(cadre_config, workers, 0, 4);
    FIELD(cadre_config, batch, 4, 4);
    FIELD(cadre_config, seed, 8, 8);
    FIELD(cadre_config, memory_max, 16, 8);
    FIELD(cadre_config, end_when_quiet, 24, 1);
    FIELD(cadre_config, report_faults, 25, 1);
    FIELD(cadre_config, record_messages, 26, 1);
    FIELD(cadre_config, isolated, 27, 1);
    FIELD(cadre_config, pinned, 28, 4);
    FIELD(cadre_config, log, 32, 8);
    FIELD(cadre_config, log_user, 40, 8);
    FIELD(cadre_config, alloc, 48, 8);
    FIELD(cadre_config, alloc_user, 56, 8);
    FIELD(cadre_config, blocking_threads, 64, 4);
    FIELD(cadre_config, blocking_waiting, 68, 4);
    FIELD(cadre_config, stack_size, 72, 8);
    FIELD(cadre_config, stuck_after, 80, 8);
    FIELD(cadre_config, io_threads, 88, 4);
    FIELD(cadre_config, reserved, 92, 4);
}

static void budget_layout(void **state)
{
    SIZE(cadre_budget, 72);
    FIELD(cadre_budget, window, 0, 8);
    FIELD(cadre_budget, time, 8, 8);
    FIELD(cadre_budget, messages, 16, 8);
    FIELD(cadre_budget, bytes, 24, 8);
    FIELD(cadre_budget, over, 32, 1);
    FIELD(cadre_budget, told, 40, 8);
    FIELD(cadre_budget, user, 48, 8);
    FIELD(cadre_budget, reserved, 56, 16);
}

static void usage_layout(void **state)
{
    SIZE(cadre_usage, 88);
    FIELD(cadre_usage, who, 0, 8);
    FIELD(cadre_usage, actor, 8, 8);
    FIELD(cadre_usage, messages, 16, 8);
    FIELD(cadre_usage, time, 24, 8);
    FIELD(cadre_usage, rested, 32, 8);
    FIELD(cadre_usage, bytes, 40, 8);
    FIELD(cadre_usage, bytes_max, 48, 8);
    FIELD(cadre_usage, overs, 56, 8);
    FIELD(cadre_usage, rests, 64, 1);
    FIELD(cadre_usage, reserved, 72, 16);
}

static void isolation_layout(void **state)
{
    SIZE(cadre_opts, 40);
    FIELD(cadre_opts, keep, 0, 1);
    FIELD(cadre_opts, announce, 1, 1);
    FIELD(cadre_opts, pinned, 2, 1);
    FIELD(cadre_opts, levels, 3, 1);
    FIELD(cadre_opts, mail, 4, 1);
    FIELD(cadre_opts, isolated, 5, 1);
    FIELD(cadre_opts, limit, 8, 8);
    FIELD(cadre_opts, budget, 16, 8);
    FIELD(cadre_opts, isolation, 24, 8);
    FIELD(cadre_opts, reserved, 32, 8);
    SIZE(cadre_isolation, 40);
    FIELD(cadre_isolation, memory_max, 0, 8);
    FIELD(cadre_isolation, timeout, 8, 8);
    FIELD(cadre_isolation, unfiltered, 16, 1);
    FIELD(cadre_isolation, reserved, 24, 16);
}

static void counters_layout(void **state)
{
    SIZE(cadre_counters, 136);
    FIELD(cadre_counters, accepted, 0, 8);
    FIELD(cadre_counters, handled, 8, 8);
    FIELD(cadre_counters, dead, 16, 8);
    FIELD(cadre_counters, dropped, 24, 8);
    FIELD(cadre_counters, pending, 32, 8);
    FIELD(cadre_counters, actors, 40, 8);
    FIELD(cadre_counters, spawned, 48, 8);
    FIELD(cadre_counters, turns, 56, 8);
    FIELD(cadre_counters, steals, 64, 8);
    FIELD(cadre_counters, parks, 72, 8);
    FIELD(cadre_counters, bytes, 80, 8);
    FIELD(cadre_counters, trace, 88, 8);
    FIELD(cadre_counters, workers, 96, 4);
    FIELD(cadre_counters, simulated, 100, 4);
    FIELD(cadre_counters, mutes, 104, 8);
    FIELD(cadre_counters, reserved, 112, 24);
}

static void leftover_layout(void **state)
{
    SIZE(cadre_leftover, 32);
    FIELD(cadre_leftover, who, 0, 8);
    FIELD(cadre_leftover, actor, 8, 8);
    FIELD(cadre_leftover, type, 16, 8);
    FIELD(cadre_leftover, count, 24, 8);
}

static void scope_layout(void **state)
{
    SIZE(cadre_scope, 80);
    SIZE(cadre_job, 48);
    SIZE(cadre_reduction, 32);
    FIELD(cadre_reduction, size, 0, 8);
    FIELD(cadre_reduction, init, 8, 8);
    FIELD(cadre_reduction, add, 16, 8);
    FIELD(cadre_reduction, merge, 24, 8);
}

static void constants_have_their_values(void **state)
{
    assert_int_equal(CADRE_OK, 0);
    assert_int_equal(CADRE_STOP, 1);
    assert_int_equal(CADRE_EDEAD, -5000);
    assert_int_equal(CADRE_EFULL, -5001);
    assert_int_equal(CADRE_EKILLED, -5002);
    assert_int_equal(CADRE_EPARENT, -5003);
    assert_int_equal(CADRE_EUSER, -10000);
    assert_int_equal(CADRE_VIEW_MAX, 256);
    assert_int_equal(CADRE_BODY_MAX, 16777216);
    assert_int_equal(CADRE_NO_WORKERS, 4294967295);
    assert_int_equal(CADRE_MS, 1000000);
    assert_int_equal(CADRE_SECOND, 1000000000);
    assert_int_equal(CADRE_NEVER, INT64_MAX);
    assert_int_equal(CADRE_ERROR, 1);
    assert_int_equal(CADRE_WARN, 2);
    assert_int_equal(CADRE_INFO, 3);
    assert_int_equal(CADRE_DEBUG, 4);
}

int main(void)
{
    TESTS(cmocka_unit_test(handles_are_one_integer), cmocka_unit_test(type_layout),
          cmocka_unit_test(msg_layout), cmocka_unit_test(class_layout),
          cmocka_unit_test(on_layout), cmocka_unit_test(async_layout),
          cmocka_unit_test(budget_layout), cmocka_unit_test(usage_layout),
          cmocka_unit_test(config_layout), cmocka_unit_test(isolation_layout),
          cmocka_unit_test(counters_layout), cmocka_unit_test(leftover_layout),
          cmocka_unit_test(scope_layout),
          cmocka_unit_test(constants_have_their_values));
    return RUN_TESTS();
}
