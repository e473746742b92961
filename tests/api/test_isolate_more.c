/* test_isolate_more.c: what an isolated actor begins, and what it does when it is not
 * handling a message, is as it is of any other. */
#include "support/isolating.h"

#include <cadre/apply.h>
#include <cadre/shutdown.h>

#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { BRIEF = 60 * CADRE_MS };
static const cadre_isolation brief = {.timeout = BRIEF};
static const cadre_isolation open_to_files = {.unfiltered = true};

static int stop_it(cadre_self *self, void *state, void *arg)
{
    return cadre_stop(self, notes.child);
}

/* On a busy machine not every one has started, and answered, in that time. */
static cadre_ref brief_one(odd init)
{
    const cadre_opts opts = {.isolated = true, .isolation = &brief};
    unsigned ends = atomic_load(&notes.ends);
    for (;;) {
        cadre_ref who = spawn_odd(opts, init);
        bool lives = ask(who, PING, 1) == 2;
        rest(2 * BRIEF);
        if (lives && atomic_load(&notes.ends) == ends)
            return who;
        await(&notes.ends, ++ends);
    }
}

static void await_timeout(cadre_ref who, unsigned ends)
{
    await(&notes.ends, ends);
    assert_int_equal(notes.end.who.id, who.id);
    assert_int_equal(notes.end.reason, -ETIMEDOUT);
}

/* After a rest as well: in a stop, in a timer's message, in an answer. */
static void stuck_is_killed(void **state)
{
    begin(1);
    cadre_ref who = brief_one((odd){.hangs = true});
    unsigned ends = atomic_load(&notes.ends);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), stop_it, NULL),
                     0);
    await_timeout(who, ends + 1);
    who = brief_one((odd){0});
    ends = atomic_load(&notes.ends);
    tell(who, LOOP_LATER, 2 * BRIEF);
    await_timeout(who, ends + 1);
    cadre_ref friend = odd_one();
    who = brief_one((odd){0});
    ends = atomic_load(&notes.ends);
    assert_int_equal(cadre_tell(sys, who, errand, LOOP_ASKING, 0, friend), 0);
    rest(2 * BRIEF);
    tell(friend, ANSWER, 1);
    await_timeout(who, ends + 1);
    end();
}

/* Made in there and kept outside, and the other way round. */
static void promises_cross(void **state)
{
    begin(2);
    cadre_ref who = odd_one();
    assert_int_equal(ask(who, PROMISE, 0), 98);
    cadre_ref other = odd_one();
    assert_int_equal(outcome(call_as(who, (errand){PROMISE, 0, other})), 99);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), errand, GIVE, 0, who), 0);
    await(&notes.numbered, 1);
    assert_int_equal(notes.numbers[0], 99);
    end();
}

/* What one has asked whose place another one has taken is not that one's answer. */
static void answers_find_who_has_asked(void **state)
{
    begin(2);
    notes.restarts = true;
    cadre_ref friends[2] = {odd_one(), odd_one()};
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cadre_tell(sys, who, errand, LOOP_ASKING, 0, friends[i]), 0);
        assert_int_equal(ask(who, PING, 1), 2);
        if (i == 0)
            assert_int_equal(ask(who, SEGV, 0), CADRE_EDEAD);
    }
    tell(friends[0], ANSWER, 1);
    assert_int_equal(ask(friends[0], PING, 1), 2); /* so it has answered */
    assert_int_equal(ask(who, COUNT, 0), 3);       /* and this one lives */
    end();
}

static int fail_and_stop(cadre_self *self, void *state, void *arg)
{
    int err = cadre_send(self, notes.child, errand, .value = FAIL);
    return err ? err : cadre_stop(self, notes.child);
}

/* The stop is known here before the process has begun with the message. */
static void failure_before_a_stop_is_told(void **state)
{
    begin(1);
    cadre_ref who = odd_one();
    assert_int_equal(
        cadre_apply_outside(sys, cadre_system_root(sys), fail_and_stop, NULL), 0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.who.id, who.id);
    assert_int_equal(notes.end.reason, CADRE_EUSER - 3);
    assert_int_equal(lines_with("no luck"), 1);
    end();
}

/* A request that it has deferred is under way. */
static void drained_is_done(void **state)
{
    begin(2);
    cadre_ref who = odd_one();
    cadre_future *late = call_as(who, (errand){.value = LATER, .first = 9});
    assert_int_equal(cadre_system_shutdown(sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND),
                     0);
    assert_int_equal(outcome(late), 9);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* Nor is one that nobody waits for any more, whenever it gets to that. */
static void expired_is_not_owed(void **state)
{
    begin(2);
    cadre_ref who = odd_one();
    cadre_future *busy = call_as(who, (errand){.value = BUSY, .first = 2 * BRIEF});
    assert_int_equal(
        cadre_tell(sys, cadre_system_root(sys), errand, EXPIRE, BRIEF / 4, who), 0);
    await(&notes.numbered, 1);
    assert_int_equal(notes.err, -ETIMEDOUT);
    assert_int_equal(cadre_system_shutdown(sys, 60 * CADRE_SECOND, 60 * CADRE_SECOND),
                     0);
    assert_int_equal(outcome(busy), 2 * BRIEF);
    assert_int_equal(lines_with("deferred"), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* Each message is a step: what was sent leaves, what has come is heard, and time begins
 * anew. */
static void sends_to_itself_are_steps(void **state)
{
    enum { STEP = EFFORT_SLOWDOWN > 1 ? 32 : 8 }; /* a busy machine takes its time */
    static const cadre_isolation longer = {.timeout =
                                               STEP * BRIEF}; /* than it is out */
    begin(2);
    cadre_ref root = cadre_system_root(sys);
    cadre_ref who =
        spawn_odd((cadre_opts){.isolated = true, .isolation = &longer}, (odd){0});
    assert_int_equal(outcome(call_as(who, (errand){CIRCLE, 7, root})), 7);
    rest((STEP + 2) * BRIEF);
    await(&notes.numbered, 3);
    assert_int_equal(ask(who, PING, 1), 2);
    assert_int_equal(cadre_apply_outside(sys, root, stop_it, NULL), 0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, 0);
    who = odd_one();
    assert_int_equal(ask(who, AND_THEN, SEGV), SEGV);
    await(&notes.ends, 2);
    assert_int_equal(notes.end.reason, CADRE_ECRASHED);
    end();
}

/* The root of a system that ends when it is quiet; it asks one that asks it. */
static int quiet_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const errand *w = cadre_body(m, errand);
    const number *n = cadre_body(m, number);
    if (w)
        return answer(self, m, w->first + 1);
    if (!n)
        return CADRE_EUSER;
    bool is_first = notes.numbers[0] == 0;
    notes.numbers[0] += n->value;
    return is_first ? cadre_ask(self, NULL, notes.child, CADRE_NEVER, errand,
                                .value = LATER, .first = 100)
                    : 0;
}
static int quiet_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.isolated = true};
    int err = cadre_spawn_with(self, &notes.child, &odd_class, NULL, &opts);
    return err ? err
               : cadre_ask(self, NULL, notes.child, CADRE_NEVER, errand, ASK, 0,
                           cadre_me(self));
}
static const cadre_class quiet_class = {
    .name = "quiet", .start = quiet_start, .receive = quiet_receive};

static void quiet_is_when_it_rests(void **state)
{
    memset(&notes, 0, sizeof notes);
    cadre_config config = quiet(2, 0);
    config.isolated = 1;
    need_processes();
    config.end_when_quiet = true;
    assert_int_equal(run(&config, &quiet_class, NULL), 0);
    assert_int_equal(notes.numbers[0], 108);
}

/* One of another system has nothing of this one's processes. */
static void systems_share_nothing(void **state)
{
    const cadre_opts opts = {.isolated = true, .isolation = &open_to_files};
    begin(1);
    cadre_system *first = sys;
    cadre_ref who = spawn_odd(opts, (odd){0});
    assert_int_equal(ask(who, SHARED, 0), 1);
    begin(1);
    cadre_ref other = spawn_odd(opts, (odd){0});
    assert_int_equal(ask(other, SHARED, 0), 1);
    assert_int_equal(ask(other, OPENED, 0), 4); /* its own, and the standard ones */
    assert_int_equal(ask(other, DUMPABLE, 0), 0);
    end();
    sys = first;
    assert_int_equal(ask(who, PING, 1), 2);
    end();
}

static void damage_is_contained(void **state)
{
    begin(1);
    cadre_ref sibling = odd_one();
    for (unsigned i = 0; i < 2; i++) {
        cadre_ref who = odd_one();
        assert_int_equal(ask(who, GARBAGE, i), CADRE_EDEAD);
        await(&notes.ends, i + 1);
        assert_int_equal(notes.end.reason, CADRE_ECRASHED);
        assert_int_equal(lines_with("its process has written nonsense"), i + 1);
        assert_int_equal(ask(sibling, PING, i), i + 1);
    }
    end();
}

static void no_memory_to_send_has_a_code(void **state)
{
    static const cadre_isolation small = {.memory_max = (size_t)64 << 20};
    if (EFFORT_SLOWDOWN > 1)
        skip(); /* a sanitizer lets it take all memory there is */
    begin(1);
    cadre_ref who =
        spawn_odd((cadre_opts){.isolated = true, .isolation = &small}, (odd){0});
    assert_int_equal(ask(who, GLUT, 0), CADRE_EDEAD);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, -ENOMEM);
    end();
}

/* Also for a program that gets the children of its children. */
static void nothing_is_left(void **state)
{
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    begin(1);
    cadre_ref busy = odd_one();
    assert_int_equal(ask(busy, PING, 1), 2);
    end();
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(stuck_is_killed), cmocka_unit_test(promises_cross),
          cmocka_unit_test(answers_find_who_has_asked),
          cmocka_unit_test(failure_before_a_stop_is_told),
          cmocka_unit_test(drained_is_done), cmocka_unit_test(expired_is_not_owed),
          cmocka_unit_test(sends_to_itself_are_steps),
          cmocka_unit_test(quiet_is_when_it_rests),
          cmocka_unit_test(systems_share_nothing),
          cmocka_unit_test(damage_is_contained),
          cmocka_unit_test(no_memory_to_send_has_a_code),
          cmocka_unit_test(nothing_is_left));
    return RUN_TESTS();
}
