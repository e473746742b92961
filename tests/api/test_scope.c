/* test_scope.c: fork and join in a handler: what scope.h guarantees. */
#include "support/sample.h"
#include "support/support.h"

#include <errno.h>
#include <sched.h>

enum { TASKS = 200 };

/* The scene that is played every way. */
static void (*scene)(cadre_self *self);
static bool is_serial; /* nobody but one thread runs it */

static void play_scene(const cadre_config *config)
{
    cadre_config own = *config;
    is_serial = config->seed || config->workers == 1;
    assert_int_equal(play_with(&own, scene), 0);
}

static void play_every_way(void (*what)(cadre_self *self))
{
    scene = what;
    every_way(play_scene);
}

static void play_on(uint32_t workers, void (*what)(cadre_self *self))
{
    cadre_config config = quiet(workers, 0);
    assert_int_equal(play_with(&config, what), 0);
}

/* ---- all_tasks_run_once ---- */

static atomic_uint runs[TASKS];

/* A tree in an array: the children of i are 2i+1 and 2i+2. */
static int run_node(cadre_scope *in, void *arg)
{
    uintptr_t i = (uintptr_t)arg;
    cadre_scope s;
    cadre_job jobs[2];
    atomic_fetch_add(&runs[i], 1);
    assert_int_equal(cadre_scope_nest(in, &s), 0);
    for (uintptr_t child = 2 * i + 1; child <= 2 * i + 2 && child < TASKS; child++)
        assert_int_equal(
            cadre_scope_spawn(&s, &jobs[child - 2 * i - 1], run_node, (void *)child),
            0);
    assert_int_equal(cadre_scope_sync(&s), 0);
    return 0;
}

static void run_tree(cadre_self *self)
{
    cadre_scope s;
    cadre_job root, loose[TASKS];
    for (int i = 0; i < TASKS; i++)
        atomic_store(&runs[i], 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (uintptr_t round = 1; round <= 3; round++) { /* it can be used again */
        assert_int_equal(cadre_scope_spawn(&s, &root, run_node, NULL), 0);
        for (uintptr_t i = TASKS / 2; i < TASKS; i++)
            assert_int_equal(cadre_scope_spawn(&s, &loose[i], run_node, (void *)i), 0);
        assert_int_equal(cadre_scope_sync(&s), 0);
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(atomic_load(&runs[i]), round * (i < TASKS / 2 ? 1 : 2));
        assert_int_equal(cadre_scope_sync(&s), 0); /* nothing is left */
    }
}

static void all_tasks_run_once(void **state) { play_every_way(run_tree); }

/* Two scopes at once, joined in either order. */
static void run_two(cadre_self *self)
{
    cadre_scope a, b;
    cadre_job jobs[4];
    for (int i = 0; i < TASKS; i++)
        atomic_store(&runs[i], 0);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(cadre_scope_open(self, &a), 0);
        assert_int_equal(cadre_scope_open(self, &b), 0);
        for (uintptr_t i = 0; i < 4; i++)
            assert_int_equal(cadre_scope_spawn(i % 2 ? &a : &b, &jobs[i], run_node,
                                               (void *)(TASKS - 4 + i)),
                             0);
        assert_int_equal(cadre_scope_sync(turn ? &a : &b), 0);
        assert_int_equal(cadre_scope_sync(turn ? &b : &a), 0);
        for (int i = TASKS - 4; i < TASKS; i++)
            assert_int_equal(atomic_load(&runs[i]), turn + 1);
    }
}

static void scopes_join_in_any_order(void **state) { play_every_way(run_two); }

/* ---- first_error_cancels ---- */

static atomic_uint begun;
static atomic_bool failed;

static int fail_third(cadre_scope *in, void *arg)
{
    if (is_serial)
        assert_false(atomic_load(&failed)); /* none begins after it is known */
    if (atomic_fetch_add(&begun, 1) != 2)
        return 0;
    atomic_store(&failed, true);
    return -77;
}

static void fail_some(cadre_self *self)
{
    cadre_scope s;
    cadre_job jobs[TASKS];
    atomic_store(&begun, 0);
    atomic_store(&failed, false);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(cadre_scope_spawn(&s, &jobs[i], fail_third, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), -77);
    assert_false(cadre_scope_is_cancelled(&s));
    assert_int_equal(cadre_scope_spawn(&s, &jobs[0], run_node, (void *)(TASKS - 1)), 0);
    assert_int_equal(cadre_scope_sync(&s), 0);
}

static int await_cancel(cadre_scope *in, void *arg)
{
    cadre_scope s;
    cadre_job job;
    while (!cadre_scope_is_cancelled(in))
        sched_yield();
    assert_int_equal(cadre_scope_nest(in, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, fail_third, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), -ECANCELED);
    return -78; /* too late */
}

static int fail_at_once(cadre_scope *in, void *arg) { return -77; }

/* The youngest waits until the other has failed, which somebody else must run. */
static void fail_elsewhere(cadre_self *self)
{
    cadre_scope s;
    cadre_job jobs[2];
    atomic_store(&begun, 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &jobs[0], fail_at_once, NULL), 0);
    assert_int_equal(cadre_scope_spawn(&s, &jobs[1], await_cancel, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), -77);
    assert_int_equal(atomic_load(&begun), 0);
}

static int return_5(cadre_scope *in, void *arg) { return 5; }

static void return_too_much(cadre_self *self)
{
    cadre_scope s;
    cadre_job job;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, return_5, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), -EINVAL);
}

static void first_error_cancels(void **state)
{
    play_every_way(fail_some);
    play_on(2, fail_elsewhere);
    play_on(4, fail_elsewhere);
    play_every_way(return_too_much);
}

/* ---- writes_visible_after_sync ---- */

static int double_it(cadre_scope *in, void *arg)
{
    *(uint64_t *)arg *= 2;
    return 0;
}

static void write_plainly(cadre_self *self)
{
    uint64_t values[TASKS];
    cadre_scope s;
    cadre_job jobs[TASKS];
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (uint64_t i = 0; i < TASKS; i++)
        values[i] = i + 1;
    for (uint64_t round = 1; round <= 10; round++) {
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(cadre_scope_spawn(&s, &jobs[i], double_it, &values[i]), 0);
        assert_int_equal(cadre_scope_sync(&s), 0);
        for (uint64_t i = 0; i < TASKS; i++)
            assert_int_equal(values[i], (i + 1) << round);
    }
}

static void writes_visible_after_sync(void **state) { play_every_way(write_plainly); }

/* ---- own_tasks_only ---- */

static _Thread_local bool joins; /* an outer task on this thread waits for inner ones */

static int inner(cadre_scope *in, void *arg) { return 0; }

static int outer(cadre_scope *in, void *arg)
{
    cadre_scope s;
    cadre_job jobs[3];
    assert_false(joins);
    assert_int_equal(cadre_scope_nest(in, &s), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cadre_scope_spawn(&s, &jobs[i], inner, NULL), 0);
    joins = true;
    assert_int_equal(cadre_scope_sync(&s), 0);
    joins = false;
    return 0;
}

static int must_not_join(cadre_self *self, void *state, cadre_msg *m)
{
    assert_false(joins);
    return 0;
}

static void join_outer(cadre_self *self)
{
    static const cadre_class other = {.receive = must_not_join};
    cadre_scope s;
    cadre_job jobs[TASKS];
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &other, NULL), 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(cadre_send(self, ref, number, 1), 0);
        assert_int_equal(cadre_scope_spawn(&s, &jobs[i], outer, NULL), 0);
    }
    assert_int_equal(cadre_scope_sync(&s), 0);
}

static void own_tasks_only(void **state) { play_every_way(join_outer); }

/* ---- loops and reductions ---- */

static int count_indices(cadre_scope *in, size_t begin, size_t end, void *arg)
{
    assert_true(begin < end && end - begin <= *(const size_t *)arg);
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&runs[i], 1);
    return 0;
}

static void loop_over(cadre_self *self)
{
    static const size_t grains[] = {0, 1, 3, TASKS, SIZE_MAX};
    cadre_scope s;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
        size_t most = grains[g] ? grains[g] : TASKS;
        for (int i = 0; i < TASKS; i++)
            atomic_store(&runs[i], 0);
        assert_int_equal(
            cadre_parallel_for(&s, 5, TASKS, grains[g], count_indices, &most), 0);
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(atomic_load(&runs[i]), i >= 5);
    }
    assert_int_equal(cadre_parallel_for(&s, 9, 9, 0, count_indices, NULL), 0);
    assert_int_equal(cadre_parallel_for(&s, 9, 8, 0, count_indices, NULL), 0);
}

static void loop_reaches_each_index_once(void **state) { play_every_way(loop_over); }

/* A view is a run of indices; only neighbours may be merged. */
struct stretch {
    size_t begin, end;
};

static int add_stretch(cadre_scope *in, void *view, size_t begin, size_t end, void *arg)
{
    struct stretch *v = view;
    assert_true(v->begin == v->end || v->end == begin);
    *v = (struct stretch){v->begin == v->end ? begin : v->begin, end};
    return 0;
}

static void merge_stretches(void *view, const void *right, void *arg)
{
    struct stretch *v = view;
    const struct stretch *r = right;
    assert_true(v->end == r->begin && v->begin < v->end && r->begin < r->end);
    v->end = r->end;
}

static void reduce_range(cadre_self *self)
{
    static const cadre_reduction how = {
        .size = sizeof(struct stretch), .add = add_stretch, .merge = merge_stretches};
    struct stretch result = {7, 7};
    cadre_scope s;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    for (size_t grain = 0; grain < 5; grain++) {
        assert_int_equal(cadre_parallel_reduce(&s, &result, 3, 3000, grain, &how, NULL),
                         0);
        assert_true(result.begin == 3 && result.end == 3000);
    }
    assert_int_equal(cadre_parallel_reduce(&s, &result, 3, 3, 0, &how, NULL), 0);
    assert_true(result.begin == 0 && result.end == 0);
}

static void merged_in_order(void **state) { play_every_way(reduce_range); }

/* ---- serial_elision ---- */

static void compare_with_elision(cadre_self *self)
{
    struct sample here = sample_run(self), there = sample_serially(self);
    assert_int_equal(here.sum, 610);
    assert_int_equal(here.error, -77);
    assert_true(memcmp(&here, &there, sizeof here) == 0);
}

static void serial_elision(void **state) { play_every_way(compare_with_elision); }

/* ---- beside other actors ---- */

static atomic_uint pongs;
enum { PONGS = 100 };

static int pong(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref to = m->from;
    if (cadre_same(to, cadre_parent(self)))
        to = cadre_me(self);
    return atomic_fetch_add(&pongs, 1) < PONGS ? cadre_send(self, to, number, 1) : 0;
}

static int await_pongs(cadre_scope *in, void *arg)
{
    await(&pongs, PONGS);
    return 0;
}

/* Its task does not end before the other actors have talked to each other: while it runs
 * on one worker and another waits in the join, a third one takes them over. */
static void compute_beside(cadre_self *self)
{
    static const cadre_class ponger = {.receive = pong};
    cadre_scope s;
    cadre_job job;
    cadre_ref ref;
    atomic_store(&pongs, 0);
    assert_int_equal(cadre_spawn(self, &ref, &ponger, NULL), 0);
    assert_int_equal(cadre_send(self, ref, number, 1), 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, await_pongs, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), 0);
}

static int spin_a_little(cadre_scope *in, void *arg)
{
    sched_yield();
    return 0;
}

/* There are always tasks for the other worker, too; it runs its actors in between. The
 * handler itself waits for them, not in a join. */
static void burst_beside(cadre_self *self)
{
    static const cadre_class ponger = {.receive = pong};
    static cadre_job jobs[100 * TASKS];
    cadre_scope s;
    cadre_ref ref;
    size_t used = 0;
    atomic_store(&pongs, 0);
    assert_int_equal(cadre_spawn(self, &ref, &ponger, NULL), 0);
    assert_int_equal(cadre_send(self, ref, number, 1), 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    while (used < sizeof jobs / sizeof *jobs)
        assert_int_equal(cadre_scope_spawn(&s, &jobs[used++], spin_a_little, NULL), 0);
    await(&pongs, PONGS);
    assert_int_equal(cadre_scope_sync(&s), 0);
}

static void others_are_handled_meanwhile(void **state)
{
    for (int i = 0; i < 5; i++) {
        play_on(3, compute_beside);
        play_on(2, burst_beside);
        play_on(4, compute_beside);
    }
}

/* Killed in the middle of a join, it goes on until its handler returns. */
static atomic_uint after_kill;

static int start_and_die(cadre_self *self, void *state)
{
    assert_int_equal(cadre_kill(self, cadre_me(self), -5), 0);
    scene(self);
    atomic_fetch_add(&after_kill, 1);
    return 0;
}

static void killed_actor_finishes_its_join(void **state)
{
    static const cadre_class dying = {.start = start_and_die, .receive = must_not_join};
    for (uint32_t workers = 1; workers <= 2; workers++) {
        cadre_config config = quiet(workers, 0);
        scene = write_plainly;
        atomic_store(&after_kill, 0);
        assert_int_equal(run(&config, &dying, NULL), -5);
        assert_int_equal(atomic_load(&after_kill), 1);
    }
}

/* ---- polled ---- */

static int play_start(cadre_self *self, void *state)
{
    run_tree(self);
    run_two(self);
    loop_over(self);
    return CADRE_STOP;
}

static void polled_system_runs_all_itself(void **state)
{
    static const cadre_class root = {.start = play_start, .receive = must_not_join};
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    cadre_system *sys = NULL;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    while (cadre_system_poll(sys, 0) != -ESHUTDOWN) {
    }
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(all_tasks_run_once),
          cmocka_unit_test(scopes_join_in_any_order),
          cmocka_unit_test(first_error_cancels),
          cmocka_unit_test(writes_visible_after_sync), cmocka_unit_test(own_tasks_only),
          cmocka_unit_test(loop_reaches_each_index_once),
          cmocka_unit_test(merged_in_order), cmocka_unit_test(serial_elision),
          cmocka_unit_test(others_are_handled_meanwhile),
          cmocka_unit_test(killed_actor_finishes_its_join),
          cmocka_unit_test(polled_system_runs_all_itself));
    return RUN_TESTS();
}
