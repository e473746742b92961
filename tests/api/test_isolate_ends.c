/* test_isolate_ends.c: isolated actors die of everything there is. */
#include "support/isolating.h"
#include "support/process.h"

#include <cadre/apply.h>
#include <cadre/await.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of what; a sanitizer has its own way to end. */
static void assert_words(const char *words)
{
    if (!strstr(notes.down.text, words))
        print_message("%s: %s\n", words, notes.down.text);
    assert_non_null(strstr(notes.down.text, words));
    assert_true(lines_with(words) > 0);
}

static const cadre_isolation small = {.memory_max = (size_t)64 << 20};
/* Perhaps it does not even start in that time: then that is what it is killed for. */
static const cadre_isolation brief = {.timeout = 20 * CADRE_MS};
static cadre_opts opts_for(uint64_t how)
{
    return (cadre_opts){.isolated = true, .isolation = how == LOOP ? &brief : &small};
}

/* A sanitizer lets it take all memory there is, and so it is not asked to. */
static bool can_bomb(void) { return EFFORT_SLOWDOWN == 1; }

static void fault_is_contained(void **state)
{
    begin(2);
    cadre_ref sibling = odd_one();
    for (uint64_t how = SEGV; how <= FAIL; how++) {
        if (how == BOMB && !can_bomb())
            continue;
        unsigned before = atomic_load(&notes.ends);
        cadre_ref who = spawn_odd(opts_for(how), (odd){0});
        if (how != LOOP)
            assert_int_equal(ask(who, PING, 1), 2);
        assert_int_equal(ask(who, how, 0), CADRE_EDEAD);
        await(&notes.ends, before + 1);
        assert_int_equal(notes.end.who.id, who.id);
        assert_true(notes.end.reason < 0);
        assert_int_equal(ask(sibling, PING, how), how + 1);
        assert_int_equal(ask(who, PING, 1), CADRE_EDEAD);
    }
    assert_int_equal(ask(sibling, COUNT, 0), can_bomb() ? 7 : 6);
    end();
}

static void death_at_the_start_is_contained(void **state)
{
    begin(1);
    for (uint64_t how = SEGV; how <= STOP; how++) {
        if (how == BOMB && !can_bomb())
            continue;
        unsigned before = atomic_load(&notes.ends);
        cadre_opts opts = opts_for(how);
        opts.announce = true;
        cadre_ref who = spawn_odd(opts, (odd){.seed = how});
        await(&notes.ends, before + 1);
        assert_int_equal(notes.end.who.id, who.id);
        assert_int_equal(notes.end.reason == 0, how == STOP);
    }
    assert_int_equal(atomic_load(&notes.ups), 0);
    end();
}

/* That it waits, and is sent something meanwhile, is no sign that it has started. */
static void up_after_start(void **state)
{
    const cadre_opts opts = {.isolated = true, .announce = true};
    begin(1);
    cadre_ref who = spawn_odd(opts, (odd){.seed = SLEEPY});
    assert_int_equal(ask(who, PING, 1), 2);
    await(&notes.ups, 1);
    who = spawn_odd(opts, (odd){.seed = LATE});
    assert_int_equal(ask(who, PING, 1), CADRE_EDEAD);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, CADRE_EUSER);
    assert_int_equal(atomic_load(&notes.ups), 1);
    assert_int_equal(lines_with("failed at its start"), 1);
    end();
}

static void death_has_words(void **state)
{
    begin(1);
    notes.restarts = true;
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
    tell(who, SEGV, 0);
    await(&notes.downs, 1);
    assert_words("its process was killed by signal 11 (SIGSEGV)");
    assert_int_equal(notes.down.reason, CADRE_ECRASHED);
    tell(who, ABORT, 0);
    await(&notes.downs, 2);
    assert_words("its process was killed by signal 6 (SIGABRT)");
    tell(who, EXIT, 0);
    await(&notes.downs, 3);
    assert_words("its process has ended with exit status 3");
    tell(who, FAIL, 0);
    await(&notes.downs, 4);
    assert_words("no luck");
    assert_int_equal(notes.down.reason, CADRE_EUSER - 3);
    assert_int_equal(notes.down.starts, 4);
    tell(who, STOP, 0);
    await(&notes.downs, 5);
    assert_int_equal(notes.down.reason, 0);
    end();
}

static void stuck_is_killed(void **state)
{
    begin(1);
    cadre_ref who = spawn_odd(opts_for(LOOP), (odd){0});
    assert_int_equal(ask(who, LOOP, 0), CADRE_EDEAD);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, -ETIMEDOUT);
    assert_int_equal(lines_with("it has not got on for 20 ms"), 1);
    end();
}

/* A handler that waits longer than `timeout`, and a process that rests, are not stuck.
 * It has to start in that time. */
static const cadre_isolation slow = {.timeout =
                                         (500 + 100 * EFFORT_SLOWDOWN) * CADRE_MS};
static int wait_long(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    int err = cadre_after(self, &token, 2 * slow.timeout, number, 1);
    cadre_msg rung;
    if (!err)
        err = cadre_await(self, token, &rung);
    return err ? err : cadre_reply(self, m, number, 99);
}
static const cadre_class patient_class = {.name = "patient", .receive = wait_long};
static int spawn_patient(cadre_self *self, void *state, void *arg)
{
    const cadre_opts opts = {.isolated = true, .isolation = &slow};
    notes.err = cadre_spawn_with(self, &notes.child, &patient_class, NULL, &opts);
    atomic_fetch_add(&notes.spawned, 1);
    return 0;
}
static void one_that_waits_is_not_stuck(void **state)
{
    begin(1);
    assert_int_equal(
        cadre_apply_outside(sys, cadre_system_root(sys), spawn_patient, NULL), 0);
    await(&notes.spawned, 1);
    assert_int_equal(ask(notes.child, 0, 0), 99);
    end();
}

static int kill_it(cadre_self *self, void *state, void *arg)
{
    return cadre_kill(self, notes.child, 0);
}
static int stop_it(cadre_self *self, void *state, void *arg)
{
    return cadre_stop(self, notes.child);
}

static void kill_reaches_a_loop(void **state)
{
    begin(1);
    cadre_ref who = odd_one();
    assert_int_equal(ask(who, PING, 1), 2);
    cadre_future *stuck = call_as(who, (errand){.value = LOOP});
    cadre_future *waits = call_as(who, (errand){.value = PING});
    rest(10 * CADRE_MS); /* it is in there */
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), kill_it, NULL),
                     0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, CADRE_EKILLED);
    assert_int_equal(outcome(stuck), CADRE_EDEAD);
    assert_int_equal(outcome(waits), CADRE_EDEAD);
    end();
}

static void stop_comes_after_what_waits(void **state)
{
    begin(1);
    cadre_ref root = cadre_system_root(sys);
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true}, (odd){.friend = root});
    for (uint64_t i = 0; i < 10; i++)
        tell(who, TELL, i);
    assert_int_equal(cadre_apply_outside(sys, root, stop_it, NULL), 0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, 0);
    assert_int_equal(atomic_load(&notes.numbered), 11);
    assert_int_equal(notes.numbers[9], 9);
    assert_int_equal(notes.numbers[10], 5000); /* its stop's */
    end();
}

static void hanging_stop_is_killed(void **state)
{
    begin(1);
    const cadre_opts opts = {.isolated = true, .isolation = &brief};
    cadre_ref who = spawn_odd(opts, (odd){0});
    tell(who, HANG_AT_STOP, 0);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), stop_it, NULL),
                     0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, -ETIMEDOUT);
    end();
}

static void it_stops_others(void **state)
{
    begin(1);
    cadre_ref first = odd_one(), second = odd_one();
    assert_int_equal(cadre_tell(sys, second, errand, STOP_OTHER, 0, first), 0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.who.id, first.id);
    assert_int_equal(ask(second, PING, 1), 2);
    end();
}

/* It stays. */
static int cause_of(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, 60 * CADRE_SECOND, &m), 0);
    return cadre_body(&m, cadre_failure)->cause;
}

static void asks_fail_once(void **state)
{
    enum { ASKS = 40 };
    begin(2);
    cadre_future *futures[ASKS];
    cadre_ref who = odd_one();
    /* Answered, deferred, the one it dies on, and others that wait. */
    futures[0] = call_as(who, (errand){.value = PING, .first = 1});
    futures[1] = call_as(who, (errand){.value = DEFER});
    futures[2] = call_as(who, (errand){.value = SEGV});
    for (int i = 3; i < ASKS; i++)
        futures[i] = call_as(who, (errand){.value = PING});
    assert_int_equal(outcome(futures[0]), 2);
    assert_int_equal(cause_of(futures[1]), CADRE_ECRASHED);
    assert_int_equal(cause_of(futures[2]), CADRE_ECRASHED);
    for (int i = 1; i < ASKS; i++)
        assert_int_equal(outcome(futures[i]), CADRE_EDEAD);
    end();
}

static void mail_is_kept_apart(void **state)
{
    enum { ASKS = 20 };
    begin(2);
    notes.restarts = true;
    cadre_future *futures[ASKS];
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
    for (uint64_t i = 0; i < ASKS; i++)
        futures[i] = call_as(who, (errand){i == 5 ? SEGV : COUNT, 0, {0}});
    for (int i = 0; i < ASKS; i++)
        assert_int_equal(outcome(futures[i]), i < 5    ? i + 1
                                              : i == 5 ? CADRE_EDEAD
                                                       : i - 5);
    end();
}

/* A message counts until it is handled, but for the moment in which it is passed on. */
static void limit_of_one_holds(void **state)
{
    enum { MAX = 5 };
    static const cadre_limit limit = {.mailbox_max = MAX};
    int err = 0, accepted = 0;
    begin(1);
    cadre_ref who =
        spawn_odd((cadre_opts){.isolated = true, .limit = &limit}, (odd){0});
    tell(who, LOOP, 0);
    while (!err && accepted <= 2 * MAX) {
        err = cadre_tell(sys, who, errand, PING, 0, {0});
        accepted += err == 0;
        rest(CADRE_MS); /* it is passed on */
    }
    assert_int_equal(err, CADRE_EFULL);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), kill_it, NULL),
                     0);
    await(&notes.ends, 1);
    end();
}

static void mail_is_dropped(void **state)
{
    begin(1);
    const cadre_opts opts = {.isolated = true, .keep = true, .mail = CADRE_MAIL_DROP};
    cadre_ref who = spawn_odd(opts, (odd){0});
    cadre_future *first = call_as(who, (errand){.value = SEGV});
    cadre_future *second = call_as(who, (errand){.value = PING});
    assert_int_equal(outcome(first), CADRE_EDEAD);
    assert_int_equal(outcome(second), CADRE_EDEAD);
    end();
}

/* In a file: the process that dies of the first try must not forget it. */
static char trial[64];
static int trial_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const errand *w = cadre_body(m, errand);
    if (w->value == SEGV && access(trial, F_OK) != 0) {
        int fd = open(trial, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            return CADRE_EUSER;
        touch_nowhere();
    }
    return answer(self, m, w->first + 1);
}
static const cadre_class trial_class = {.name = "trial", .receive = trial_receive};
static int spawn_trial(cadre_self *self, void *state, void *arg)
{
    static const cadre_isolation open_to_files = {.unfiltered = true};
    const cadre_opts opts = {.isolated = true,
                             .keep = true,
                             .mail = CADRE_MAIL_RETRY,
                             .isolation = &open_to_files};
    notes.err = cadre_spawn_with(self, &notes.child, &trial_class, NULL, &opts);
    atomic_fetch_add(&notes.spawned, 1);
    return 0;
}
static void message_is_retried(void **state)
{
    snprintf(trial, sizeof trial, "/tmp/cadre-trial-%d", (int)getpid());
    (void)unlink(trial);
    begin(1);
    notes.restarts = true;
    assert_int_equal(
        cadre_apply_outside(sys, cadre_system_root(sys), spawn_trial, NULL), 0);
    await(&notes.spawned, 1);
    cadre_future *first = call_as(notes.child, (errand){SEGV, 6, {0}});
    cadre_future *second = call_as(notes.child, (errand){PING, 7, {0}});
    assert_int_equal(outcome(first), 7);
    assert_int_equal(outcome(second), 8);
    assert_int_equal(atomic_load(&notes.downs), 1);
    end();
    (void)unlink(trial);
}

static void nothing_is_left(void **state)
{
    unsigned before = process_descriptors();
    for (int round = 0; round < 3; round++) {
        begin(2);
        for (int i = 0; i < 5; i++) {
            unsigned ends = atomic_load(&notes.ends);
            cadre_ref who = odd_one();
            tell(who, i % 2 ? SEGV : STOP, 0);
            await(&notes.ends, ends + 1);
        }
        odd_one();
        end();
        assert_int_equal(process_descriptors(), before);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child at all */
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    TESTS(cmocka_unit_test(fault_is_contained),
          cmocka_unit_test(death_at_the_start_is_contained),
          cmocka_unit_test(up_after_start), cmocka_unit_test(death_has_words),
          cmocka_unit_test(stuck_is_killed),
          cmocka_unit_test(one_that_waits_is_not_stuck),
          cmocka_unit_test(kill_reaches_a_loop),
          cmocka_unit_test(stop_comes_after_what_waits),
          cmocka_unit_test(hanging_stop_is_killed), cmocka_unit_test(it_stops_others),
          cmocka_unit_test(asks_fail_once), cmocka_unit_test(mail_is_kept_apart),
          cmocka_unit_test(mail_is_dropped), cmocka_unit_test(limit_of_one_holds),
          cmocka_unit_test(message_is_retried), cmocka_unit_test(nothing_is_left));
    return RUN_TESTS();
}
