/* test_probe.c: another thread says where it stands. */
#include "base/probe.h"

#include "base/backtrace.h"
#include "base/sigstack.h"
#include "base/thread.h"
#include "support/effort.h"
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

static struct probe probe;
static sem_t opened, gate;
static atomic_uint kept_errno;
static bool deaf;

__attribute__((noinline)) static void stand_here(void)
{
    sem_post(&opened);
    errno = 77;
    while (sem_wait(&gate) != 0)
        errno = 77;
    atomic_store(&kept_errno, errno == 77);
}

static void be_asked(void *arg)
{
    sigset_t set;
    probe_open(&probe);
    sigemptyset(&set);
    sigaddset(&set, PROBE_SIGNAL);
    if (deaf)
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    stand_here();
    probe_close();
}

static void *run_aside(void *arg)
{
    sigstack_run(be_asked, arg);
    return NULL;
}

static void *run_plainly(void *arg)
{
    be_asked(arg);
    return NULL;
}

static void start(struct thread *thread, void *(*main)(void *), bool is_deaf)
{
    memset(&probe, 0, sizeof probe);
    deaf = is_deaf;
    sem_init(&opened, 0, 0);
    sem_init(&gate, 0, 0);
    assert_true(probe_hold());
    assert_int_equal(thread_start(thread, "asked", main, NULL), 0);
    while (sem_wait(&opened) != 0) {
    }
}

static void finish(struct thread *thread)
{
    sem_post(&gate);
    thread_join(thread);
    probe_release();
}

static bool names(void *const *frames, unsigned count, const char *name)
{
    char text[256];
    for (unsigned i = 0; i < count; i++) {
        backtrace_describe(text, sizeof text, frames[i]);
        if (strstr(text, name) == text)
            return true;
    }
    return false;
}

/* ThreadSanitizer has code of its own that cannot always be followed; it is asked again
 * where it stands in that. */
static bool stands_there(void *arg)
{
    void *frames[PROBE_FRAMES];
    const char *why;
    unsigned count = probe_ask(&probe, frames, &why);
    bool is_there = count > 2 && names(frames, count, "stand_here");
#ifndef EFFORT_THREAD_SANITIZER
    assert_true(is_there);
#endif
    return is_there;
}

static void probe_answers_with_the_stack(void **state)
{
    struct thread thread;
    void *(*const ways[])(void *) = {run_plainly, run_aside};
    for (int i = 0; i < 2; i++) {
        start(&thread, ways[i], false);
        for (int times = 0; times < 20; times++)
            await_true(stands_there, NULL);
        finish(&thread);
        assert_int_equal(atomic_load(&kept_errno), 1);
    }
}

static void probe_of_a_thread_that_blocks_the_signal_gives_up(void **state)
{
    void *frames[PROBE_FRAMES];
    const char *why = NULL;
    struct thread thread;
    start(&thread, run_plainly, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(probe_ask(&probe, frames, &why), 0);
        assert_string_equal(why, "the thread has not answered");
    }
    finish(&thread);
}

static void probe_of_no_thread_has_no_answer(void **state)
{
    void *frames[PROBE_FRAMES];
    const char *why = NULL;
    struct thread thread;
    struct probe none = {0};
    assert_int_equal(probe_ask(&none, frames, &why), 0);
    assert_string_equal(why, "the thread has ended");
    start(&thread, run_plainly, false);
    finish(&thread);
    assert_int_equal(probe_ask(&probe, frames, &why), 0);
}

static atomic_uint answers;
static void *ask_often(void *arg)
{
    void *frames[PROBE_FRAMES];
    const char *why;
    for (int i = 0; i < 100; i++)
        if (probe_ask(&probe, frames, &why) > 0)
            atomic_fetch_add(&answers, 1);
    return NULL;
}

/* One at a time has an answer; nobody waits for ever, and none is lost. */
static void probe_asked_by_two_answers_each_or_refuses(void **state)
{
    struct thread thread, other;
    atomic_store(&answers, 0);
    start(&thread, run_aside, false);
    assert_int_equal(thread_start(&other, "asks", ask_often, NULL), 0);
    (void)ask_often(NULL);
    thread_join(&other);
    finish(&thread);
    assert_true(atomic_load(&answers) >= 1);
    assert_int_equal(load_relaxed(&probe.state), 0);
}

static void ignore(int sig) {}

static void probe_leaves_a_signal_with_a_handler_alone(void **state)
{
    struct sigaction now;
    signal(PROBE_SIGNAL, ignore);
    assert_false(probe_hold());
    signal(PROBE_SIGNAL, SIG_IGN);
    assert_false(probe_hold());
    signal(PROBE_SIGNAL, SIG_DFL);
    assert_true(probe_hold());
    assert_true(probe_hold());
    signal(PROBE_SIGNAL, ignore);
    probe_release();
    probe_release();
    sigaction(PROBE_SIGNAL, NULL, &now);
    assert_ptr_equal(now.sa_handler, ignore);
    signal(PROBE_SIGNAL, SIG_DFL);
}

/* ---- base/sigstack ---- */

static stack_t seen, before;
static void look(void *arg) { sigaltstack(NULL, arg); }
static void look_twice(void *arg)
{
    sigstack_run(look, arg);
    look(&before);
}

static void sigstack_is_there_while_it_runs(void **state)
{
    stack_t first, last;
    look(&first);
    sigstack_run(look_twice, &seen);
    look(&last);
    assert_int_equal(seen.ss_size, SIGSTACK_SIZE);
    assert_int_equal(before.ss_size, SIGSTACK_SIZE);
    assert_ptr_not_equal(seen.ss_sp, before.ss_sp);
    assert_int_equal(last.ss_flags, first.ss_flags);
    assert_ptr_equal(last.ss_sp, first.ss_sp);
}

int main(void)
{
    TESTS(cmocka_unit_test(probe_answers_with_the_stack),
          cmocka_unit_test(probe_of_a_thread_that_blocks_the_signal_gives_up),
          cmocka_unit_test(probe_of_no_thread_has_no_answer),
          cmocka_unit_test(probe_asked_by_two_answers_each_or_refuses),
          cmocka_unit_test(probe_leaves_a_signal_with_a_handler_alone),
          cmocka_unit_test(sigstack_is_there_while_it_runs));
    return RUN_TESTS();
}
