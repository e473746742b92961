/* test_process.c: child processes: how they end, and what is left of them. What one says
 * to them, and hears, is in test_process_pipes.c. */
#include "support/process.h"
#include "support/starting.h"

#include <cadre/ask.h>
#include <cadre/process.h>
#include <cadre/watch.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 200 };

/* ---- how it ends ----------------------------------------------------------------- */

static int exit_with_7(cadre_self *self)
{
    return START(self, NULL, "/bin/sh", "-c", "exit 7");
}

static void exit_status_is_told(void **unused)
{
    starting.begin = exit_with_7;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(started.last.process.id, started.process.id);
    assert_int_equal(started.last.status, 7);
    assert_int_equal(started.last.signal, 0);
    assert_int_equal(started.pipes.in.id | started.pipes.out.id | started.pipes.err.id,
                     0);
}

static int kill_itself(cadre_self *self)
{
    return START(self, NULL, "/bin/sh", "-c", "kill -KILL $$");
}
static int kill_from_here(cadre_self *self)
{
    int err = START(self, &from_us, "cat");
    return err ? err : cadre_process_kill(self, started.process, SIGUSR1);
}
static int kill_the_dead(cadre_self *self, cadre_msg *m)
{
    if (m->type == &cadre_process_ended_type)
        wrong_unless(cadre_process_kill(self, started.process, SIGUSR1) == -ENOENT);
    return 0;
}

static void signal_is_told(void **unused)
{
    starting.begin = kill_itself;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(started.last.status, 128 + SIGKILL);
    assert_int_equal(started.last.signal, SIGKILL);
    starting.begin = kill_from_here;
    starting.hear = kill_the_dead;
    starting.ended = 1;
    starting.closed = 1; /* nobody reads what it had as its input */
    play_out(2);
    assert_int_equal(started.last.status, 128 + SIGUSR1);
    assert_int_equal(started.last.signal, SIGUSR1);
    assert_int_equal(started.reason, 0);
}

/* ---- one_ended, reaped_when_told ------------------------------------------------- */

static cadre_process_pipes all_pipes[MANY];
static cadre_process all[MANY];

/* All of them wait for the end of their input. */
static int start_many(cadre_self *self)
{
    int err = 0;
    for (int i = 0; !err && i < MANY; i++)
        err = cadre_process_start(self, &all[i], &all_pipes[i],
                                  (const char *const[]){"cat", NULL}, &from_us);
    for (int i = 0; !err && i < MANY; i++)
        err = cadre_stream_close(self, all_pipes[i].in, CADRE_SECOND);
    return err;
}

static int count_each(cadre_self *self, cadre_msg *m)
{
    const cadre_process_ended *ended = cadre_body(m, cadre_process_ended);
    unsigned found = 0;
    for (int i = 0; ended && i < MANY; i++)
        if (all[i].id == ended->process.id) {
            found++;
            all[i].id = 0;
        }
    wrong_unless(!ended || (found == 1 && ended->status == 0));
    return 0;
}

/* Its SIGKILL comes when the grace is over: the cancelled one is stopped. */
static int cancel_with_grace(cadre_self *self)
{
    const cadre_process_options options = {.grace = CADRE_MS};
    int err = START(self, &options, "/bin/sh", "-c", "kill -STOP $$");
    wrong_unless(cadre_cancel(self, (cadre_token){started.process.id}) == 0);
    return err ? err : START(self, NULL, "true");
}

static void one_ended(void **unused)
{
    starting.begin = start_many;
    starting.hear = count_each;
    starting.ended = starting.closed = MANY;
    play_out(2);
    starting.begin = cancel_with_grace;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(started.last.status, 0); /* of the other one */
}

static unsigned descriptors_before;

static int is_gone_when_told(cadre_self *self, cadre_msg *m)
{
    const cadre_process_ended *ended = cadre_body(m, cadre_process_ended);
    if (!ended)
        return 0;
    wrong_unless(is_reaped(started.pid));
    if (started.ended == 1)
        descriptors_before = process_descriptors();
    wrong_unless(process_descriptors() == descriptors_before);
    return started.ended < starting.ended ? START(self, NULL, "true") : 0;
}

static void reaped_when_told(void **unused)
{
    starting.begin = exit_with_7;
    starting.hear = is_gone_when_told;
    starting.ended = 10;
    play_out(1);
}

/* ---- killed_at_the_end ----------------------------------------------------------- */

static const cadre_process_options *owner_options;
static const char *owner_script;
static int64_t owner_pid;

static int owner_start(cadre_self *self, void *state)
{
    return START(self, owner_options, "/bin/sh", "-c", owner_script);
}
/* Its first line says that it is ready: so the owner ends. */
static int owner_receive(cadre_self *self, void *state, cadre_msg *m)
{
    owner_pid = started.pid;
    return m->type == &cadre_stream_data_type ? CADRE_STOP : 0;
}
static const cadre_class owner_class = {
    .name = "owner", .start = owner_start, .receive = owner_receive};

static int spawn_owner(cadre_self *self)
{
    cadre_ref owner;
    int err = cadre_spawn(self, &owner, &owner_class, NULL);
    return err ? err : cadre_watch(self, NULL, owner);
}
static int is_gone_with_owner(cadre_self *self, cadre_msg *m)
{
    wrong_unless(m->type == &cadre_down_type && is_reaped(owner_pid));
    return 0;
}

static void killed_with(const cadre_process_options *options, const char *script)
{
    owner_options = options;
    owner_script = script;
    starting.begin = spawn_owner;
    starting.hear = is_gone_with_owner;
    starting.downs = 1;
    play_out(2);
}

static void killed_at_the_end(void **unused)
{
    static const cadre_process_options gently = {.out = CADRE_PROCESS_PIPE,
                                                 .grace = CADRE_NEVER},
                                       in_time = {.out = CADRE_PROCESS_PIPE,
                                                  .grace = 10 * CADRE_MS},
                                       at_once = {.out = CADRE_PROCESS_PIPE,
                                                  .grace = CADRE_NEVER,
                                                  .kill = true};
    killed_with(&gently, "echo ready; exec tail -f /dev/null");
    killed_with(&in_time, "trap '' TERM; echo ready; while :; do kill -STOP $$; done");
    killed_with(&at_once, "trap '' TERM; echo ready; while :; do kill -STOP $$; done");
}

/* ---- failed_start_is_none -------------------------------------------------------- */

static int start_in_vain(cadre_self *self)
{
    static const cadre_process_options nowhere = {.in = CADRE_PROCESS_PIPE,
                                                  .out = CADRE_PROCESS_PIPE,
                                                  .err = CADRE_PROCESS_PIPE,
                                                  .cwd = "/none/there"};
    wrong_unless(START(self, &both, "/none/such") == -ENOENT);
    wrong_unless(START(self, &both, "none such in PATH") == -ENOENT);
    wrong_unless(START(self, &to_us, "/etc/passwd") == -EACCES);
    wrong_unless(START(self, &nowhere, "true") == -ENOENT);
    wrong_unless(started.process.id == 0 && started.pipes.in.id == 0);
    return START(self, NULL, "true");
}

static void failed_start_is_none(void **unused)
{
    starting.begin = start_in_vain;
    starting.reopens = true;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(started.last.process.id, started.process.id);
    assert_int_equal(lines_with("/none/such"), 1);
    assert_int_equal(lines_with("/etc/passwd"), 1);
    assert_int_equal(lines_with("true in /none/there"), 1);
}

enum { FEW = 128 };

static int start_with_room(cadre_self *self, unsigned room)
{
    static const cadre_process_options three = {
        .in = CADRE_PROCESS_PIPE, .out = CADRE_PROCESS_PIPE, .err = CADRE_PROCESS_PIPE};
    int spare[FEW];
    unsigned n = 0;
    while (n < FEW && (spare[n] = dup(STDIN_FILENO)) >= 0)
        n++;
    for (unsigned i = 0; i < room && n > 0; i++)
        close(spare[--n]);
    int err = START(self, &three, "true");
    while (n > 0)
        close(spare[--n]);
    return err;
}

/* Descriptors run out at each of those that a start takes. The loop has its own already;
 * it closes what was in vain when this has returned. */
static int start_with_few(cadre_self *self)
{
    struct rlimit before, few;
    unsigned room = 0;
    int err;
    /* It lives until these are counted: one that ends gives some back. */
    wrong_unless(START(self, NULL, "tail", "-f", "/dev/null") == 0);
    const cadre_process first = started.process;
    wrong_unless(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = (struct rlimit){FEW, before.rlim_max};
    wrong_unless(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while ((err = start_with_room(self, room)) == -EMFILE && room < 20)
        room++;
    wrong_unless(room == 7); /* three pipes, and a pidfd */
    wrong_unless(setrlimit(RLIMIT_NOFILE, &before) == 0);
    wrong_unless(cadre_process_kill(self, first, SIGKILL) == 0);
    return err;
}

static void failed_start_leaves_no_descriptor(void **unused)
{
    starting.begin = start_with_few;
    starting.reopens = true;
    starting.ended = 2;
    starting.closed = 3;
    play_out(1);
}

/* ---- nothing_inherited ----------------------------------------------------------- */

static int look_at_signals(cadre_self *self)
{
    return START(self, &to_us, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status");
}
static int look_at_descriptors(cadre_self *self)
{
    return START(self, &to_us, "ls", "/proc/self/fd");
}

static void nothing_inherited(void **unused)
{
    sigset_t some, before;
    void (*former)(int) = signal(SIGUSR1, SIG_IGN);
    int fd = dup(STDERR_FILENO); /* which exec does not close */
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &some, &before);
    starting.begin = look_at_signals;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGUSR1, former);
    assert_said("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "");
    starting.begin = look_at_descriptors;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
    close(fd);
    assert_said("0\n1\n2\n3\n", ""); /* the last one is the folder */
}

/* ---- the program's SIGCHLD ------------------------------------------------------- */

static void ignored_sigchld_hides_the_status(void **unused)
{
    struct sigaction now;
    void (*former)(int) = signal(SIGCHLD, SIG_IGN);
    starting.begin = exit_with_7;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(sigaction(SIGCHLD, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
    signal(SIGCHLD, former);
    assert_int_equal(started.last.status, -ECHILD);
    assert_int_equal(started.last.signal, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(exit_status_is_told), cmocka_unit_test(signal_is_told),
          cmocka_unit_test(one_ended), cmocka_unit_test(reaped_when_told),
          cmocka_unit_test(killed_at_the_end), cmocka_unit_test(failed_start_is_none),
          cmocka_unit_test(failed_start_leaves_no_descriptor),
          cmocka_unit_test(nothing_inherited),
          cmocka_unit_test(ignored_sigchld_hides_the_status));
    return cmocka_run_group_tests(tests, starting_warm_up, NULL);
}
