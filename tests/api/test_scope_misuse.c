/* test_scope_misuse.c: scopes not joined, not there, or used by who did not open them. */
#include "support/effort.h"
#include "support/open.h"

#include <cadre/scope.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static void play_on(uint32_t workers, void (*scene)(cadre_self *self))
{
    cadre_config config = quiet(workers, 0);
    assert_int_equal(play_with(&config, scene), 0);
}

static int inner(cadre_scope *in, void *arg) { return 0; }

static atomic_uint runs;

static int count(cadre_scope *in, void *arg)
{
    atomic_fetch_add(&runs, 1);
    return 0;
}

static cadre_scope kept;
static cadre_job kept_jobs[4];

static int forget(cadre_scope *in, void *arg)
{
    assert_int_equal(cadre_scope_nest(in, &kept), 0);
    assert_int_equal(cadre_scope_spawn(&kept, &kept_jobs[0], count, NULL), 0);
    return 0;
}

static void forget_in_handler(cadre_self *self)
{
    atomic_store(&runs, 0);
    assert_int_equal(cadre_scope_open(self, &kept), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(cadre_scope_spawn(&kept, &kept_jobs[i], count, NULL), 0);
}

static void forget_in_task(cadre_self *self)
{
    cadre_scope s;
    cadre_job job;
    atomic_store(&runs, 0);
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, forget, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), 0);
    assert_int_equal(atomic_load(&runs), 1);
}

static void forget_and_go(void)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        play_on(workers, forget_in_handler);
        assert_int_equal(atomic_load(&runs), 4);
        assert_int_equal(lines_with("stage"), 1);
        assert_int_equal(lines_with("returned without having joined"), 1);
    }
}

static void forget_in_task_and_go(void)
{
    play_on(1, forget_in_task);
    assert_int_equal(lines_with("a task: returned without having joined"), 1);
}

static void forgotten_sync_is_done_and_logged(void **state)
{
    misuse(forget_and_go);
    misuse(forget_in_task_and_go);
}

static void forget_on_stack(cadre_self *self)
{
    cadre_scope s;
    cadre_job job;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, inner, NULL), 0);
}

static void forget_on_stack_and_go(void) { play_on(1, forget_on_stack); }

static void forget_on_stack_simulated(void)
{
    cadre_config config = quiet(1, 7);
    (void)play_with(&config, forget_on_stack);
}

/* AddressSanitizer keeps local variables apart from the stack, where nobody sees that
 * they are gone; then its own report ends the process. */
static bool ended_badly(int status)
{
#if defined(EFFORT_ADDRESS_SANITIZER)
    return status != 0;
#else
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
#endif
}

static void forgotten_memory_ends_the_process(void **state)
{
    assert_true(ended_badly(in_child(forget_on_stack_and_go)));
    assert_true(ended_badly(in_child(forget_on_stack_simulated)));
}

static int nothing(cadre_scope *in, size_t begin, size_t end, void *arg) { return 0; }

static void open_with_null(cadre_self *self)
{
    assert_int_equal(cadre_scope_open(self, NULL), -EINVAL);
    assert_int_equal(lines_with("cadre_scope_open: the scope is NULL"), 1);
    assert_int_equal(cadre_scope_open(NULL, &kept), -EINVAL);
}

static void use_null(cadre_self *self)
{
    cadre_scope s;
    cadre_job job;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(NULL, &job, inner, NULL), -EINVAL);
    assert_int_equal(cadre_scope_spawn(&s, NULL, inner, NULL), -EINVAL);
    assert_int_equal(cadre_scope_spawn(&s, &job, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_scope_sync(NULL), -EINVAL);
    assert_int_equal(cadre_scope_nest(&s, NULL), -EINVAL);
    assert_int_equal(cadre_scope_nest(NULL, &s), -EINVAL);
    assert_false(cadre_scope_is_cancelled(NULL));
    assert_int_equal(cadre_parallel_for(NULL, 0, 1, 1, nothing, NULL), -EINVAL);
    assert_int_equal(cadre_parallel_for(&s, 0, 1, 1, NULL, NULL), -EINVAL);
    assert_int_equal(cadre_scope_sync(&s), 0);
    assert_int_equal(lines_with(" NULL"), 9);
}

static int add_nothing(cadre_scope *in, void *view, size_t begin, size_t end, void *arg)
{
    return 0;
}

static void merge_nothing(void *view, const void *right, void *arg) {}

static void reduce_badly(cadre_self *self)
{
    cadre_reduction how = {.size = 8, .add = add_nothing, .merge = merge_nothing};
    uint64_t result;
    cadre_scope s;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_parallel_reduce(&s, NULL, 0, 1, 0, &how, NULL), -EINVAL);
    assert_int_equal(cadre_parallel_reduce(&s, &result, 0, 1, 0, NULL, NULL), -EINVAL);
    how.size = CADRE_VIEW_MAX + 1;
    assert_int_equal(cadre_parallel_reduce(&s, &result, 0, 1, 0, &how, NULL), -EINVAL);
    how.size = 0;
    assert_int_equal(cadre_parallel_reduce(&s, &result, 0, 1, 0, &how, NULL), -EINVAL);
    how.size = 8;
    how.merge = NULL;
    assert_int_equal(cadre_parallel_reduce(&s, &result, 0, 1, 0, &how, NULL), -EINVAL);
}

static void play_open_with_null(void) { play_on(1, open_with_null); }
static void play_use_null(void) { play_on(1, use_null); }
static void play_reduce_badly(void) { play_on(1, reduce_badly); }

static void bad_input_is_refused(void **state)
{
    misuse(play_open_with_null);
    misuse(play_use_null);
    misuse(play_reduce_badly);
}

/* What a task may not do, wherever it runs. */
struct captured {
    cadre_self *self;
    cadre_scope *s;
};

static int trespass(cadre_scope *in, void *arg)
{
    struct captured *c = arg;
    cadre_scope own;
    cadre_job job;
    assert_int_equal(cadre_scope_open(c->self, &own), -EPERM);
    assert_int_equal(cadre_send(c->self, (cadre_ref){0}, number, 1), -EPERM);
    assert_int_equal(cadre_scope_spawn(in, &job, inner, NULL), -EPERM);
    assert_int_equal(cadre_scope_sync(in), -EPERM);
    assert_int_equal(cadre_scope_nest(c->s, &own), -EPERM);
    return 0;
}

static void let_trespass(cadre_self *self)
{
    cadre_scope s, other;
    cadre_job job;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_open(self, &other), 0);
    assert_int_equal(
        cadre_scope_spawn(&s, &job, trespass, &(struct captured){self, &other}), 0);
    assert_int_equal(cadre_scope_sync(&s), 0);
    assert_true(cadre_me(self).id); /* it has its self again */
}

static int open_kept(cadre_self *self, void *state)
{
    return cadre_scope_open(self, &kept);
}

static int use_kept(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_scope_spawn(&kept, &kept_jobs[0], inner, NULL), -EPERM);
    return CADRE_STOP;
}

static void use_another_callbacks_scope(void)
{
    static const cadre_class keeper = {.start = open_kept, .receive = use_kept};
    cadre_system *sys = open_system(1, 0, &keeper);
    assert_int_equal(
        cadre_tell_as(sys, cadre_system_root(sys), &number_type, &(number){0}), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    close_system(sys);
}

static void play_trespass(void)
{
    play_on(1, let_trespass);
    play_on(2, let_trespass);
}

static void wrong_place_is_refused(void **state)
{
    cadre_scope s = {{0}};
    cadre_job job;
    assert_int_equal(cadre_scope_spawn(&s, &job, inner, NULL), -EPERM);
    assert_int_equal(cadre_scope_sync(&s), -EPERM);
    assert_int_equal(cadre_scope_nest(&s, &s), -EPERM);
    assert_int_equal(cadre_parallel_for(&s, 0, 1, 0, nothing, NULL), -EPERM);
    assert_false(cadre_scope_is_cancelled(&s));
    misuse(play_trespass);
    misuse(use_another_callbacks_scope);
}

int main(void)
{
    TESTS(cmocka_unit_test(forgotten_sync_is_done_and_logged),
          cmocka_unit_test(forgotten_memory_ends_the_process),
          cmocka_unit_test(bad_input_is_refused),
          cmocka_unit_test(wrong_place_is_refused));
    return RUN_TESTS();
}
