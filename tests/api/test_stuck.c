/* test_stuck.c: who holds up a worker or a thread is named in the log. */
#include "support/support.h"

#include <cadre/offload.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

enum { LINES = 512 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[LINES][256];
static int levels[LINES];
static unsigned count;
static sem_t gate, entered;

/* Lines that say so, at this level. */
static unsigned said(int level, const char *text)
{
    unsigned n = 0;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < count && i < LINES; i++)
        n += levels[i] == level && strstr(lines[i], text);
    pthread_mutex_unlock(&lock);
    return n;
}

static void keep(void *user, int level, const char *line)
{
    pthread_mutex_lock(&lock);
    if (count < LINES) {
        snprintf(lines[count], sizeof lines[count], "%s", line);
        levels[count] = level;
    }
    count++;
    pthread_mutex_unlock(&lock);
}

struct expected {
    int level;
    const char *text;
    unsigned least;
};
static bool is_said(void *arg)
{
    const struct expected *e = arg;
    return said(e->level, e->text) >= e->least;
}
static void await_line(int level, const char *text, unsigned least)
{
    await_true(is_said, &(struct expected){level, text, least});
}

static int block(void *body)
{
    sem_post(&entered);
    while (sem_wait(&gate) != 0) {
    }
    return 0;
}

typedef struct {
    uint64_t n;
} line;
CADRE_TYPE(line);

static int block_at_start(cadre_self *self, void *state) { return block(NULL); }
static int block_on(cadre_self *self, void *state, cadre_msg *m) { return block(NULL); }
static void block_in_stop(cadre_self *self, void *state, int reason) { block(NULL); }
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static int stop(cadre_self *self, void *state, cadre_msg *m) { return CADRE_STOP; }

static const cadre_class parser = {.name = "parser", .receive = block_on};

static cadre_system *open_stuck(uint32_t workers, cadre_time after,
                                const cadre_class *root)
{
    cadre_config config = {.workers = workers, .stuck_after = after, .log = keep};
    cadre_system *sys;
    pthread_mutex_lock(&lock);
    count = 0;
    pthread_mutex_unlock(&lock);
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    assert_int_equal(cadre_system_new(&sys, &config, root, NULL), 0);
    return sys;
}

static void tell_line(cadre_system *sys)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), line, 1), 0);
}

/* It is in its handler, and something waits behind it. */
static void tell_two(cadre_system *sys)
{
    tell_line(sys);
    assert_int_equal(sem_wait(&entered), 0);
    tell_line(sys);
}

static void end(cadre_system *sys)
{
    for (int i = 0; i < 4; i++)
        sem_post(&gate);
    int result = cadre_system_stop_by(sys, 60 * CADRE_SECOND);
    assert_true(result == 0 || result == CADRE_EKILLED);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* Does the kernel let us look at the type? Not in every sandbox. */
static const char *on_line(void)
{
    return said(CADRE_WARN, ", on a message of type line")
               ? ", on a message of type line"
               : "ms";
}

/* The report comes while it is stuck: it is let go only when that is there. */
static void stuck_handler_is_reported_while_it_is_stuck(void **state)
{
    cadre_system *sys = open_stuck(2, CADRE_MS, &parser);
    tell_two(sys);
    await_line(CADRE_WARN, " (parser) has not returned from its handler for ", 3);
    assert_true(said(CADRE_WARN, on_line()) > 0);
    sem_post(&gate);
    await_line(CADRE_INFO, " (parser) has returned from its handler after ", 1);
    end(sys);
}

static void stuck_handler_is_reported_with_its_type(void **state)
{
    cadre_system *sys = open_stuck(2, CADRE_MS, &parser);
    tell_two(sys);
    await_line(CADRE_WARN, "(parser)", 1);
    bool has_type = said(CADRE_WARN, ", on a message of type line") > 0;
    end(sys);
    if (!has_type)
        skip(); /* the kernel refuses */
}

/* ---- where it stands ---- */

/* A stuck parser has been reported, with what `text` says, and has ended. */
static void await_report(cadre_system *sys, const char *text)
{
    tell_two(sys);
    await_line(CADRE_WARN, text, 1);
    end(sys);
}

/* A static function, deep in the handler. */
static void stuck_handler_is_reported_with_its_stack(void **state)
{
    await_report(open_stuck(2, CADRE_MS, &parser), "block_on+0x");
    assert_true(said(CADRE_WARN, "  #0 ") > 0);
    assert_true(said(CADRE_WARN, "test_stuck") > 0);
}

enum { THE_SIGNAL = 62 }; /* SIGRTMAX - 2: probe.h */

static struct sigaction action_now(void)
{
    struct sigaction now;
    assert_int_equal(sigaction(THE_SIGNAL, NULL, &now), 0);
    return now;
}

static void assert_signal_is_free(void)
{
    assert_false(action_now().sa_flags & SA_SIGINFO);
    assert_ptr_equal(action_now().sa_handler, SIG_DFL);
}

static void stuck_signal_is_taken_only_while_a_system_asks_for_it(void **state)
{
    cadre_system *none = open_stuck(2, 0, &parser);
    assert_signal_is_free();
    cadre_system *one = open_stuck(2, CADRE_MS, &parser);
    cadre_system *two = open_stuck(2, CADRE_MS, &parser);
    assert_true(action_now().sa_flags & SA_SIGINFO);
    end(one);
    assert_true(action_now().sa_flags & SA_SIGINFO);
    end(two);
    assert_signal_is_free();
    end(none);
}

static atomic_uint mine_called;
static void mine(int sig) { atomic_fetch_add(&mine_called, 1); }

static void stuck_signal_of_the_program_is_left_alone(void **state)
{
    signal(THE_SIGNAL, mine);
    await_report(open_stuck(2, CADRE_MS, &parser),
                 "no stack: the signal for it is the program's");
    assert_ptr_equal(action_now().sa_handler, mine);
    assert_int_equal(atomic_load(&mine_called), 0);
    signal(THE_SIGNAL, SIG_DFL);
}

static void stuck_signal_that_the_program_waits_for_is_left_alone(void **state)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, THE_SIGNAL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    await_report(open_stuck(2, CADRE_MS, &parser),
                 "no stack: the signal for it is the program's");
    assert_signal_is_free();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void stuck_signal_taken_by_the_program_later_stays_the_programs(void **state)
{
    cadre_system *sys = open_stuck(2, CADRE_MS, &parser);
    signal(THE_SIGNAL, mine);
    await_report(sys, "no stack: the signal for it has been taken by the program");
    assert_ptr_equal(action_now().sa_handler, mine);
    assert_int_equal(atomic_load(&mine_called), 0);
    signal(THE_SIGNAL, SIG_DFL);
}

static int block_deaf(cadre_self *self, void *state, cadre_msg *m)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    block(NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}
static const cadre_class deaf = {.name = "deaf", .receive = block_deaf};

static void stuck_handler_that_blocks_signals_is_reported_without_a_stack(void **state)
{
    await_report(open_stuck(2, CADRE_MS, &deaf),
                 "no stack: the thread has not answered");
}

/* Whoever else sends it gets no answer, and does no harm. */
static void stuck_signal_from_somebody_else_is_ignored(void **state)
{
    cadre_system *sys = open_stuck(2, CADRE_MS, &parser);
    for (int i = 0; i < 100; i++) {
        raise(THE_SIGNAL);
        kill(getpid(), THE_SIGNAL);
    }
    await_report(sys, "block_on+0x");
}

static void stuck_start_is_reported_without_a_type(void **state)
{
    static const cadre_class slow = {
        .name = "slow", .start = block_at_start, .receive = stop};
    cadre_system *sys = open_stuck(2, CADRE_MS, &slow);
    assert_int_equal(sem_wait(&entered), 0);
    tell_line(sys);
    await_line(CADRE_WARN, " (slow) has not returned from its handler for ", 1);
    end(sys);
    assert_int_equal(said(CADRE_WARN, "on a message of type"), 0);
}

static int start_and_stop_child(cadre_self *self, void *state)
{
    static const cadre_class slow = {
        .name = "slow", .receive = stop, .stop = block_in_stop};
    cadre_ref child;
    int err = cadre_spawn(self, &child, &slow, NULL);
    return err ? err : cadre_send(self, child, line, 1);
}

/* The last message it has handled is not what it is stuck on. */
static void stuck_stop_is_reported_without_a_type(void **state)
{
    static const cadre_class host = {.start = start_and_stop_child, .receive = nothing};
    cadre_system *sys = open_stuck(2, CADRE_MS, &host);
    assert_int_equal(sem_wait(&entered), 0);
    tell_line(sys);
    await_line(CADRE_WARN, " (slow) has not returned from its handler for ", 1);
    end(sys);
    assert_int_equal(said(CADRE_WARN, "on a message of type"), 0);
}

static void stuck_is_not_reported_when_it_is_to_be_never(void **state)
{
    cadre_system *sys = open_stuck(2, CADRE_NEVER, &parser);
    tell_two(sys);
    assert_int_equal(cadre_system_stop_by(sys, 20 * CADRE_MS), -ETIMEDOUT);
    end(sys);
    assert_int_equal(said(CADRE_WARN, "has not returned"), 0);
    assert_true(said(CADRE_ERROR, "stopping: ") > 0);
}

static void stuck_after_below_0_is_einval(void **state)
{
    cadre_config config = {.workers = 1, .stuck_after = -1, .log = keep};
    cadre_system *sys;
    count = 0;
    assert_int_equal(cadre_system_new(&sys, &config, &parser, NULL), -EINVAL);
    assert_int_equal(said(CADRE_ERROR, "stuck_after is negative"), 1);
}

/* ---- the end of a system ---- */

static int offload_it(cadre_self *self, void *state)
{
    return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_NEVER, block, line, 1);
}
static const cadre_class caller = {
    .name = "caller", .start = offload_it, .receive = stop};

static void stop_by_names_who_has_offloaded_a_call_that_does_not_return(void **state)
{
    cadre_system *sys = open_stuck(2, 0, &caller);
    assert_int_equal(sem_wait(&entered), 0);
    for (unsigned i = 1; i <= 2; i++) { /* it may be repeated */
        assert_int_equal(cadre_system_stop_by(sys, CADRE_MS), -ETIMEDOUT);
        assert_int_equal(said(CADRE_ERROR, "(caller) offloaded has not returned for "),
                         i);
    }
    end(sys);
}

static void stop_by_names_the_type_of_the_message_in_hand(void **state)
{
    cadre_system *sys = open_stuck(1, 0, &parser);
    tell_line(sys);
    assert_int_equal(sem_wait(&entered), 0);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_MS), -ETIMEDOUT);
    assert_int_equal(said(CADRE_ERROR, "(parser) has not returned from its handler"),
                     1);
    bool has_type = said(CADRE_ERROR, ", on a message of type line") > 0;
    end(sys);
    if (!has_type)
        skip(); /* the kernel refuses */
}

int main(void)
{
    TESTS(
        cmocka_unit_test(stuck_handler_is_reported_while_it_is_stuck),
        cmocka_unit_test(stuck_handler_is_reported_with_its_type),
        cmocka_unit_test(stuck_handler_is_reported_with_its_stack),
        cmocka_unit_test(stuck_signal_is_taken_only_while_a_system_asks_for_it),
        cmocka_unit_test(stuck_signal_of_the_program_is_left_alone),
        cmocka_unit_test(stuck_signal_that_the_program_waits_for_is_left_alone),
        cmocka_unit_test(stuck_signal_taken_by_the_program_later_stays_the_programs),
        cmocka_unit_test(stuck_handler_that_blocks_signals_is_reported_without_a_stack),
        cmocka_unit_test(stuck_signal_from_somebody_else_is_ignored),
        cmocka_unit_test(stuck_start_is_reported_without_a_type),
        cmocka_unit_test(stuck_stop_is_reported_without_a_type),
        cmocka_unit_test(stuck_is_not_reported_when_it_is_to_be_never),
        cmocka_unit_test(stuck_after_below_0_is_einval),
        cmocka_unit_test(stop_by_names_who_has_offloaded_a_call_that_does_not_return),
        cmocka_unit_test(stop_by_names_the_type_of_the_message_in_hand));
    return RUN_TESTS();
}
