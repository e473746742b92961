/* test_scope.c: fork and join from inside, on one thread: who runs what, in which order,
 * and who is called. Other workers are played by the test itself. */
#include "base/thread.h"
#include "sched/scope.h"

#include "support/support.h"
#include "unit/sched/jobs.h"

#include <errno.h>
#include <sys/wait.h>

enum { SPAWNED = 8 };

static struct worker *const other = &workers[1];
static struct scope scope, inner;
static struct scope_job spawned[SPAWNED], more[SPAWNED];

static void job_runs(struct job *job, struct worker *worker) {}

/* The first worker is in a handler; the others have nothing to do. */
static int make_handler(void **state)
{
    make_crew(CREW, 1);
    crew.can_stop = thread_has_barrier();
    for (uint32_t i = 0; i < CREW; i++) {
        workers[i].jobs.fenced = !crew.can_stop;
        workers[i].jobs.word.fd = PARK_ON_NOTHING;
    }
    bias_leave(&w->bias);
    scope_open(w, &scope, NULL);
    return 0;
}

/* As where the kernel refuses barriers. */
static int make_fenced(void **state)
{
    (void)make_handler(NULL);
    crew.can_stop = false;
    for (uint32_t i = 0; i < CREW; i++)
        workers[i].jobs.fenced = true;
    return 0;
}

static int write_down(struct cadre_scope *in, void *arg)
{
    record_add((uintptr_t)arg);
    return 0;
}

static int fails(struct cadre_scope *in, void *arg)
{
    record_add((uintptr_t)arg);
    return -7;
}

static bool spawn(struct scope *s, struct scope_job *job, scope_task *task,
                  uintptr_t arg)
{
    return scope_spawn(s->worker, s, job, task, (void *)arg);
}

static void spawn_all(void)
{
    for (uintptr_t i = 0; i < SPAWNED; i++)
        spawn(&scope, &spawned[i], write_down, i);
}

static void assert_clean(const struct worker *worker)
{
    assert_true(list_is_empty(&worker->jobs.list));
    assert_int_equal(load_relaxed(&worker->jobs.waiting), 0);
    assert_null(worker->jobs.unsynced);
}

/* ---- one worker ---- */

static void scope_runs_the_youngest_first(void **state)
{
    spawn_all();
    assert_int_equal(load_relaxed(&w->jobs.waiting), SPAWNED);
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_record(7, 6, 5, 4, 3, 2, 1, 0);
    assert_clean(w);
}

static void scope_shuffled_runs_in_any_order(void **state)
{
    bool first[SPAWNED] = {false};
    worker_shuffle(w);
    for (int round = 0; round < 200; round++) {
        record_clear();
        spawn_all();
        assert_int_equal(scope_sync(w, &scope), 0);
        assert_int_equal(record.count, SPAWNED);
        first[record.values[0]] = true;
    }
    for (int i = 0; i < SPAWNED; i++)
        assert_true(first[i]);
}

static void scope_shuffled_runs_some_at_the_spawn(void **state)
{
    bool early = false;
    worker_shuffle(w);
    for (int i = 0; i < 1000 && !early; i++) {
        record_clear();
        assert_true(spawn(&scope, &spawned[0], write_down, 1)); /* attend to it */
        scope_attend(w, &scope);
        early = record.count == 1;
        assert_int_equal(scope_sync(w, &scope), 0);
        assert_record(1);
    }
    assert_true(early);
}

static void scope_leaves_out_the_rest_after_an_error(void **state)
{
    for (uintptr_t i = 0; i < SPAWNED; i++)
        spawn(&scope, &spawned[i], i == 5 ? fails : write_down, i);
    assert_int_equal(scope_sync(w, &scope), -7);
    assert_record(7, 6, 5);
    assert_false(scope_is_cancelled(&scope));
    assert_int_equal(load_relaxed(&crew.scopes.cancelled), 0);
    assert_clean(w);
}

static void scope_keeps_to_its_own(void **state)
{
    scope_open(w, &inner, &scope);
    spawn(&scope, &spawned[0], write_down, 1);
    spawn(&inner, &more[0], write_down, 2);
    spawn(&scope, &spawned[1], write_down, 3);
    assert_int_equal(scope_sync(w, &inner), 0);
    assert_record(2);
    assert_ptr_equal(w->jobs.unsynced, &scope);
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_record(2, 3, 1);
}

static void scope_belongs_to_a_strand(void **state)
{
    assert_true(scope_is_ours(w, &scope));
    assert_false(scope_is_ours(other, &scope));
    scope_end_strand(w);
    assert_false(scope_is_ours(w, &scope));
}

static void scope_finish_joins_what_was_forgotten(void **state)
{
    scope_open(w, &inner, &scope);
    spawn(&scope, &spawned[0], write_down, 1);
    struct scope *before = w->jobs.unsynced;
    spawn(&inner, &more[0], write_down, 2);
    assert_true(scope_finish(w, before, CC_FRAME));
    assert_record(2);
    assert_false(scope_finish(w, before, CC_FRAME));
    assert_true(scope_finish(w, NULL, CC_FRAME));
    assert_record(2, 1);
    assert_clean(w);
}

static CC_NOINLINE void spawn_from_a_frame_that_goes(void)
{
    struct scope_job gone;
    spawn(&scope, &gone, write_down, 1);
}

static void forget_a_frame(void)
{
    spawn_from_a_frame_that_goes();
    (void)scope_finish(w, NULL, CC_FRAME);
}

static void scope_finish_notices_memory_that_is_gone(void **state)
{
    if (CC_ASAN)
        skip(); /* frames are not where they seem to be */
    int status = in_child(forget_a_frame);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- others ---- */

static void scope_gives_the_oldest_first(void **state)
{
    assert_false(scope_wants_help(other));
    spawn_all();
    assert_true(scope_wants_help(other));
    assert_false(scope_wants_help(w)); /* its own are no help */
    assert_true(scope_help(other));
    assert_true(scope_help(&workers[3]));
    assert_record(0, 1);
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_record(0, 1, 7, 6, 5, 4, 3, 2);
    assert_false(scope_help(other));
    assert_clean(w);
    assert_int_equal(load_relaxed(&other->steals), 1);
    assert_true(load_relaxed(&other->bias.inside));
}

static void scope_error_comes_from_elsewhere(void **state)
{
    for (uintptr_t i = 0; i < SPAWNED; i++)
        spawn(&scope, &spawned[i], fails, i);
    assert_true(scope_help(other));
    assert_true(scope_is_cancelled(&scope));
    assert_int_equal(scope_sync(w, &scope), -7);
    assert_record(0);
}

/* In a join of the inner scope: it takes only what is nested in that. */
static int help_within(struct cadre_scope *in, void *arg)
{
    scope_open(other, &inner, (struct scope *)(void *)in);
    spawn(&inner, &more[0], write_down, 100);
    assert_int_equal(scope_sync(other, &inner), 0);
    return 0;
}

static void scope_nests_where_its_task_runs(void **state)
{
    spawn(&scope, &spawned[0], help_within, 0);
    spawn(&scope, &spawned[1], write_down, 1);
    assert_true(scope_help(other));
    assert_record(100);
    assert_clean(other);
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_record(100, 1);
}

/* An outer scope is cancelled: what is nested in it begins no task. */
static int nest_in_cancelled(struct cadre_scope *in, void *arg)
{
    assert_true(scope_help(&workers[2])); /* the one that fails */
    scope_open(other, &inner, (struct scope *)(void *)in);
    spawn(&inner, &more[0], write_down, 100);
    assert_true(scope_is_cancelled(&inner));
    assert_int_equal(scope_sync(other, &inner), -ECANCELED);
    return -8;
}

static void scope_cancels_what_is_nested(void **state)
{
    spawn(&scope, &spawned[0], nest_in_cancelled, 0);
    spawn(&scope, &spawned[1], fails, 1);
    assert_true(scope_help(other));
    assert_int_equal(scope_sync(w, &scope), -7);
    assert_record(1);
    assert_int_equal(load_relaxed(&crew.scopes.cancelled), 0);
}

/* ---- who is called ---- */

static void fall_asleep(struct worker *worker) { assert_true(worker_lie_down(worker)); }

static void scope_calls_a_hungry_one(void **state)
{
    assert_false(spawn(&scope, &spawned[0], write_down, 0)); /* nobody is there */
    fall_asleep(other);
    assert_true(spawn(&scope, &spawned[1], write_down, 1));
    scope_attend(w, &scope);
    assert_false(idle_is_asleep(&crew.idle, 1));
    worker_get_up(other);
    assert_true(scope_help(other));
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_record(0, 1);
}

/* Each call that leads to nothing makes the next one rarer. */
static void scope_calls_less_often_when_it_does_not_pay(void **state)
{
    int calls = 0;
    for (int i = 0; i < 1000; i++) {
        if (!idle_is_asleep(&crew.idle, 1))
            fall_asleep(other);
        if (spawn(&scope, &spawned[0], write_down, 1))
            scope_attend(w, &scope);
        record_clear();
        assert_int_equal(scope_sync(w, &scope), 0);
        if (!idle_is_asleep(&crew.idle, 1)) {
            calls++;
            worker_get_up(other);
        }
    }
    assert_in_range(calls, 5, 12); /* 1, 2, 4, ... */
}

static int takes_long(struct cadre_scope *in, void *arg)
{
    clock_advance(&crew.clock, CADRE_MS);
    return 0;
}

static void scope_calls_again_when_it_pays(void **state)
{
    store_relaxed(&w->jobs.reluctance, 512);
    spawn(&scope, &spawned[0], write_down, 0);
    spawn(&scope, &spawned[1], takes_long, 0);
    assert_true(scope_help(other));
    assert_int_equal(load_relaxed(&w->jobs.reluctance), 512);
    assert_true(scope_help(other));
    assert_int_equal(load_relaxed(&w->jobs.reluctance), 1);
    assert_int_equal(scope_sync(w, &scope), 0);
}

/* Takes one that takes no time. Does it go on helping? */
static bool helps_with_tiny(void)
{
    record_clear();
    spawn(&scope, &spawned[0], write_down, 7);
    bool goes_on = scope_help(other);
    assert_record(7);
    assert_int_equal(scope_sync(w, &scope), 0);
    return goes_on;
}

static void scope_helps_no_longer_when_tasks_are_tiny(void **state)
{
    int helped = 0;
    while (helps_with_tiny())
        helped++;
    assert_in_range(helped, 3, 20);
    assert_false(other->jobs.eager);
    assert_false(helps_with_tiny()); /* one at a time from now on */
    spawn(&scope, &spawned[0], takes_long, 0);
    assert_true(scope_help(other));
    assert_int_equal(scope_sync(w, &scope), 0);
    assert_true(helps_with_tiny());
}

/* Many that take a while each pay as one does that takes long. */
static int takes_a_while(struct cadre_scope *in, void *arg)
{
    clock_advance(&crew.clock, CADRE_MS / 200);
    return 0;
}

static void scope_calls_again_when_many_pay_together(void **state)
{
    int helped = 0;
    store_relaxed(&w->jobs.reluctance, 512);
    while (load_relaxed(&w->jobs.reluctance) > 1 && helped < 100) {
        spawn(&scope, &spawned[0], takes_a_while, 0);
        assert_true(scope_help(other));
        assert_int_equal(scope_sync(w, &scope), 0);
        helped++;
    }
    assert_in_range(helped, 4, 10);
}

static void scope_calls_the_next_when_there_is_more(void **state)
{
    spawn_all();
    fall_asleep(&workers[2]);
    assert_true(scope_help(other));
    assert_false(idle_is_asleep(&crew.idle, 2));
    assert_int_equal(scope_sync(w, &scope), 0);
}

#define ON_HANDLER(test) cmocka_unit_test_setup(test, make_handler)
#define FENCED(test) cmocka_unit_test_setup(test, make_fenced)

int main(void)
{
    TESTS(
        ON_HANDLER(scope_runs_the_youngest_first),
        ON_HANDLER(scope_shuffled_runs_in_any_order),
        ON_HANDLER(scope_shuffled_runs_some_at_the_spawn),
        ON_HANDLER(scope_leaves_out_the_rest_after_an_error),
        ON_HANDLER(scope_keeps_to_its_own), ON_HANDLER(scope_belongs_to_a_strand),
        ON_HANDLER(scope_finish_joins_what_was_forgotten),
        ON_HANDLER(scope_finish_notices_memory_that_is_gone),
        ON_HANDLER(scope_gives_the_oldest_first), FENCED(scope_gives_the_oldest_first),
        ON_HANDLER(scope_error_comes_from_elsewhere),
        ON_HANDLER(scope_nests_where_its_task_runs),
        ON_HANDLER(scope_cancels_what_is_nested), ON_HANDLER(scope_calls_a_hungry_one),
        ON_HANDLER(scope_calls_less_often_when_it_does_not_pay),
        ON_HANDLER(scope_calls_again_when_it_pays),
        ON_HANDLER(scope_helps_no_longer_when_tasks_are_tiny),
        ON_HANDLER(scope_calls_again_when_many_pay_together),
        ON_HANDLER(scope_calls_the_next_when_there_is_more));
    return RUN_TESTS();
}
