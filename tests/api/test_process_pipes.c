/* test_process_pipes.c: child processes: their pipes, what they are given, and what is
 * refused. */
#include "support/effort.h"
#include "support/starting.h"

#include <cadre/await.h>
#include <cadre/process.h>
#include <cadre/supervise.h>
#include <cadre/unix.h>
#include <cadre/watch.h>

#include <errno.h>
#include <signal.h>

/* ---- pipes ----------------------------------------------------------------------- */

enum { HALF = 1 << 19 };

static int feed_cat(cadre_self *self)
{
    static char bytes[2][HALF];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i / HALF][i % HALF] = (char)(i * 7 % 251);
    int err = START(self, &both, "cat");
    for (int i = 0; !err && i < 2; i++)
        err = cadre_stream_write(self, started.pipes.in, bytes[i], HALF);
    return err ? err : cadre_stream_shutdown(self, started.pipes.in);
}

static void pipes_carry_more_than_they_hold(void **unused)
{
    starting.begin = feed_cat;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
    assert_int_equal(started.out_size, 2 * HALF);
    for (size_t i = 0; i < started.out_size; i++)
        if (started.out[i] != (char)(i * 7 % 251))
            fail();
    assert_int_equal(started.last.status, 0);
}

static int speak_twice(cadre_self *self)
{
    return START(self, &to_us, "/bin/sh", "-c", "echo out; echo err >&2");
}
static int speak_as_one(cadre_self *self)
{
    static const cadre_process_options merged = {.out = CADRE_PROCESS_PIPE,
                                                 .err = CADRE_PROCESS_STDOUT};
    return START(self, &merged, "/bin/sh", "-c", "echo out; echo err >&2; echo end");
}

static void stderr_is_told(void **unused)
{
    starting.begin = speak_twice;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
    assert_said("out\n", "err\n");
    starting.begin = speak_as_one;
    starting.ended = starting.closed = 1;
    play_out(2);
    assert_said("out\nerr\nend\n", "");
    assert_int_equal(started.pipes.err.id, 0);
}

static int look_around(cadre_self *self)
{
    static const char *const env[] = {"COLOUR=blue", NULL};
    const cadre_process_options options = {
        .out = CADRE_PROCESS_PIPE, .env = env, .cwd = "/"};
    return START(self, &options, "/bin/sh", "-c", "echo $COLOUR $HOME; pwd");
}

static void env_and_cwd_are_given(void **unused)
{
    starting.begin = look_around;
    starting.ended = starting.closed = 1;
    play_out(2);
    assert_said("blue\n/\n", "");
}

/* It reads no more, and is stopped. */
static int close_input(cadre_self *self)
{
    return START(self, &both, "/bin/sh", "-c", "exec <&-; echo closed; kill -STOP $$");
}
static int write_in_vain(cadre_self *self, cadre_msg *m)
{
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (m->type == &cadre_stream_data_type)
        return cadre_stream_write(self, started.pipes.in, "x", 1);
    if (!closed || closed->stream.id != started.pipes.in.id)
        return 0;
    wrong_unless(closed->reason == -EPIPE && closed->unsent == 1);
    return cadre_process_kill(self, started.process, SIGKILL);
}

static void write_to_nobody_closes(void **unused)
{
    starting.begin = close_input;
    starting.hear = write_in_vain;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
}

static int start_yes(cadre_self *self) { return START(self, &both, "yes"); }
static int have_enough(cadre_self *self, cadre_msg *m)
{
    cadre_unix_id id;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (!data || started.out_size > cadre_buf_size(data->buf))
        return 0;
    wrong_unless(cadre_stream_write(self, started.pipes.out, "x", 1) == -EPIPE);
    wrong_unless(cadre_unix_peer(self, started.pipes.out, &id) == -EINVAL);
    return cadre_stream_close(self, started.pipes.out, CADRE_SECOND);
}

/* A pipe has one way; when it is closed, who writes gets a SIGPIPE at once. */
static void closed_output_ends_it(void **unused)
{
    starting.begin = start_yes;
    starting.hear = have_enough;
    starting.ended = 1;
    starting.closed = 2;
    play_out(2);
    assert_int_equal(started.last.signal, SIGPIPE);
}

/* ---- refused --------------------------------------------------------------------- */

static int ask_for_nonsense(cadre_self *self)
{
    static const char *const argv[] = {"true", NULL};
    cadre_process p;
    cadre_process_pipes pipes;
    int64_t pid;
    const cadre_stream_options odd_pipes = {.idle = -1};
    const cadre_process_options odd[] = {{.in = CADRE_PROCESS_STDOUT},
                                         {.out = CADRE_PROCESS_STDOUT},
                                         {.in = (cadre_process_stream)9},
                                         {.grace = -1},
                                         {.reserved = {&p}},
                                         {.pipes = &odd_pipes}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        wrong_unless(cadre_process_start(self, &p, &pipes, argv, &odd[i]) == -EINVAL);
    wrong_unless(cadre_process_start(self, NULL, NULL, argv, NULL) == -EINVAL);
    wrong_unless(cadre_process_start(self, &p, NULL, NULL, NULL) == -EINVAL);
    wrong_unless(cadre_process_start(self, &p, NULL, argv + 1, NULL) == -EINVAL);
    wrong_unless(cadre_process_start(self, &p, NULL, argv, &both) == -EINVAL);
    wrong_unless(cadre_process_kill(self, (cadre_process){0}, 1) == -ENOENT);
    wrong_unless(cadre_process_pid(self, (cadre_process){77}, &pid) == -ENOENT);
    int err = START(self, NULL, "true");
    wrong_unless(cadre_process_pid(self, started.process, NULL) == -EINVAL);
    wrong_unless(cadre_process_kill(self, started.process, 0) == -EINVAL);
    wrong_unless(cadre_process_kill(self, started.process, 999) == -EINVAL);
    return err;
}

static void bad_input(void)
{
    starting.begin = ask_for_nonsense;
    starting.ended = 1;
    play_out(2);
}

static void bad_input_is_refused(void **unused) { misuse(bad_input); }

static int await_ended(cadre_self *self, cadre_msg *m)
{
    cadre_msg got;
    if (m->type == &cadre_process_ended_type)
        wrong_unless(cadre_receive_type(self, &cadre_process_ended_type, CADRE_SECOND,
                                        &got) == -EINVAL);
    return 0;
}

static int start_true(cadre_self *self) { return START(self, NULL, "true"); }

static void wait_for_it(void)
{
    starting.begin = start_true;
    starting.hear = await_ended;
    starting.ended = 1;
    play_out(2);
}

static void await_is_refused(void **unused) { misuse(wait_for_it); }

static int start_one(cadre_self *self, void *state)
{
    cadre_process p;
    return cadre_process_start(self, &p, NULL, (const char *const[]){"true", NULL},
                               NULL);
}

static void simulated_is_refused(void **unused)
{
    static const cadre_class class = {.start = start_one, .receive = started_receive};
    cadre_config config = quiet(2, 1);
    assert_int_equal(run(&config, &class, NULL), -ENOTSUP);
}

static int spawn_isolated(cadre_self *self)
{
    static const cadre_class class = {
        .name = "vain", .start = start_one, .receive = started_receive};
    const cadre_opts opts = {.isolated = true};
    cadre_ref vain;
    int err = cadre_spawn_with(self, &vain, &class, NULL, &opts);
    return err ? err : cadre_watch(self, NULL, vain);
}

static int is_unsupported(cadre_self *self, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    wrong_unless(down && down->reason == -ENOTSUP);
    return 0;
}

static void isolated_is_refused(void **unused)
{
    if (!effort_can_fork())
        skip();
    cadre_config config = quiet(2, 0);
    config.isolated = 1;
    memset(&started, 0, sizeof started);
    starting.begin = spawn_isolated;
    starting.hear = is_unsupported;
    starting.downs = 1;
    assert_int_equal(run(&config, &starting_class, NULL), 0);
    assert_int_equal(started.wrongs, 0);
    memset(&starting, 0, sizeof starting);
}

int main(void)
{
    TESTS(cmocka_unit_test(pipes_carry_more_than_they_hold),
          cmocka_unit_test(stderr_is_told), cmocka_unit_test(env_and_cwd_are_given),
          cmocka_unit_test(write_to_nobody_closes),
          cmocka_unit_test(closed_output_ends_it),
          cmocka_unit_test(bad_input_is_refused), cmocka_unit_test(await_is_refused),
          cmocka_unit_test(simulated_is_refused),
          cmocka_unit_test(isolated_is_refused));
    return cmocka_run_group_tests(tests, starting_warm_up, NULL);
}
