/* test_limit_edges.c: limits as other threads meet them; limits that are none. */
#include "support/support.h"

#include <cadre/apply.h>
#include <cadre/await.h>
#include <cadre/future.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>

#include <errno.h>

static cadre_limit limit;

static cadre_ref spawn_limited(cadre_self *self, const cadre_class *class)
{
    cadre_ref ref;
    const cadre_opts opts = {.limit = &limit};
    assert_int_equal(cadre_spawn_with(self, &ref, class, NULL, &opts), 0);
    return ref;
}

static uint64_t value_of(const cadre_type *type, const void *body) { return 0; }

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* ---- from other threads ---- */

static int door_start(cadre_self *self, void *state)
{
    limit = (cadre_limit){.mailbox_max = 2};
    *(cadre_ref *)state = spawn_limited(self, &recorder_class);
    return 0;
}
static cadre_ref door;
static int tell_door(cadre_self *self, void *state, void *arg)
{
    door = *(cadre_ref *)state;
    return 0;
}
static const cadre_class door_class = {.name = "door",
                                       .state_size = sizeof(cadre_ref),
                                       .start = door_start,
                                       .receive = ignore};
static void tells_are_limited_too(void **state)
{
    cadre_system *sys;
    cadre_future *future;
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    record_clear();
    assert_int_equal(cadre_system_new(&sys, &config, &door_class, NULL), 0);
    cadre_ref root = cadre_system_root(sys);
    assert_int_equal(cadre_apply_outside(sys, root, tell_door, NULL), 0);
    while (cadre_system_poll(sys, 0) > 0)
        ;
    assert_int_equal(cadre_tell(sys, door, number, 1), 0);
    assert_int_equal(cadre_tell(sys, door, number, 2), 0);
    assert_int_equal(cadre_tell(sys, door, number, 3), CADRE_EFULL);
    assert_int_equal(cadre_call_as(sys, &future, door, CADRE_BODY(number, 4)),
                     CADRE_EFULL);
    while (cadre_system_poll(sys, 0) > 0)
        ;
    assert_int_equal(cadre_tell(sys, door, number, 5), 0);
    while (cadre_system_poll(sys, 0) > 0)
        ;
    assert_record(1, 2, 5);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* ---- news ---- */

static int put_aside(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_stash(self, m);
}
static const cadre_class full_class = {.name = "full", .receive = put_aside};

static cadre_ref spawn_killed(cadre_self *self)
{
    cadre_ref child;
    const cadre_opts kept = {.keep = true};
    assert_int_equal(cadre_spawn_with(self, &child, &sink_class, NULL, &kept), 0);
    assert_int_equal(cadre_kill(self, child, 0), 0);
    return child;
}

static cadre_ref full, awaited;
static int parent_start(cadre_self *self, void *state)
{
    limit = (cadre_limit){.mailbox_max = 1};
    full = spawn_limited(self, &full_class);
    assert_int_equal(cadre_send(self, full, number, 1), 0);
    return cadre_send(self, cadre_me(self), number, 1);
}
static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg news;
    if (cadre_body(m, number)) {
        awaited = spawn_killed(self);
        assert_int_equal(
            cadre_receive_type(self, &cadre_child_down_type, CADRE_SECOND, &news), 0);
        assert_true(cadre_body(&news, cadre_child_down)->child.id == awaited.id);
        (void)spawn_killed(self);
        return 0;
    }
    cadre_child_down copy = *cadre_body(m, cadre_child_down);
    assert_true(copy.child.id != awaited.id);
    assert_int_equal(cadre_send_as(self, full, &cadre_child_down_type, &copy),
                     CADRE_EFULL);
    assert_int_equal(cadre_forward(self, full, m), CADRE_EFULL);
    record_add(1);
    return CADRE_STOP;
}
static const cadre_class parent_class = {
    .name = "parent", .start = parent_start, .receive = parent_receive};

static void keep_two(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, NULL, &parent_class, NULL), 0);
}
/* What the runtime tells is news; from anybody else it is a message. */
static void news_passed_on_are_messages(void **state)
{
    record_clear();
    assert_int_equal(play(keep_two), 0);
    assert_record(1);
}

/* ---- bad limits ---- */

static void spawn_badly(cadre_self *self)
{
    cadre_ref ref = {77};
    const cadre_opts opts = {.limit = &limit};
    assert_int_equal(cadre_spawn_with(self, &ref, &sink_class, NULL, &opts), -EINVAL);
    assert_int_equal(ref.id, 77);
}
static void play_badly(void) { assert_int_equal(play(spawn_badly), 0); }

static void bad_limits_are_refused(void **state)
{
    static int x;
    const cadre_limit all[] = {
        {.mailbox_max = 1, .overflow = CADRE_REDIRECT + 1},
        {.mailbox_max = 1, .overflow = CADRE_REDIRECT},
        {.mailbox_max = 1, .overflow = CADRE_KEEP_LATEST},
        {.mailbox_max = 1, .key = value_of},
        {.mailbox_max = 1, .redirect = {1}},
        {.overflow = CADRE_DROP_OLDEST},
        {.mailbox_bytes = UINT64_C(1) << 36},
        {.mailbox_max = 1, .reserved = {&x}},
        {.mailbox_max = 1, .reserved = {NULL, &x}},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        limit = all[i];
        misuse(play_badly);
    }
}

static void send_to_unlimited(cadre_self *self)
{
    cadre_ref to = spawn_limited(self, &sink_class);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(cadre_send(self, to, number, i), 0);
}
static void no_limit_is_none(void **state)
{
    limit = (cadre_limit){0};
    assert_int_equal(play(send_to_unlimited), 0);
    assert_int_equal(sums.handled, 1000);
}

int main(void)
{
    TESTS(cmocka_unit_test(tells_are_limited_too),
          cmocka_unit_test(news_passed_on_are_messages),
          cmocka_unit_test(bad_limits_are_refused), cmocka_unit_test(no_limit_is_none));
    return RUN_TESTS();
}
