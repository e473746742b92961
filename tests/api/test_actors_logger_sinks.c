/* test_actors_logger_sinks.c: lines to files and pipes, and real threads. */
#include "support/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- descriptors and files ---- */

static int ends[2];
static void read_pipe(void)
{
    ssize_t n;
    tape.used = 0;
    while ((n = read(ends[0], tape.text + tape.used, TAPE - tape.used)) > 0)
        tape.used += (size_t)n;
    tape.text[tape.used] = '\0';
}
static void to_a_pipe(void **state)
{
    amount = 10;
    assert_int_equal(pipe(ends), 0);
    log_config = (cadre_logger){.fd = ends[1]};
    play_asking(1, talk_and_stop);
    assert_int_equal(write(ends[1], "", 0), 0); /* it is open still */
    close(ends[1]);
    read_pipe();
    check_talk();
    close(ends[0]);
}
static void nobody_reads_and_no_signal_comes(void **state)
{
    amount = 10;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_DFL);
    log_config = (cadre_logger){.fd = ends[1]};
    play_asking(1, talk_and_stop);
    assert_int_equal(final.code, -EPIPE);
    assert_int_equal(final.dropped, TALKERS * amount);
    close(ends[1]);
}
static void full_pipe_does_not_hold_up_the_end(void **state)
{
    char block[4096] = {0};
    amount = 1;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], block, sizeof block) > 0) {
    }
    log_config =
        (cadre_logger){.fd = ends[1], .retry = CADRE_SECOND * 1000, .linger = 1};
    play_asking(1, talk_and_stop);
    assert_int_equal(final.code, -ETIMEDOUT);
    assert_int_equal(final.dropped, TALKERS * amount);
    close(ends[0]);
    close(ends[1]);
}

static char folder[] = "/tmp/cadre-logger-XXXXXX", path[64], old[64];
static uint64_t size_of(const char *name)
{
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    tape.used = fread(tape.text, 1, TAPE, file);
    tape.text[tape.used] = '\0';
    fclose(file);
    read_tape();
    return tape_said.lines;
}
static int on_reopened(cadre_self *self, void *state, cadre_msg *m)
{
    assert_non_null(cadre_body(m, cadre_logger_status));
    assert_int_equal(access(path, F_OK), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "new", NULL), 0);
    later(self, CADRE_SECOND, stop_it);
    return 0;
}
static void rename_and_reopen(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(
        cadre_ask(self, &token, logger, CADRE_NEVER, cadre_logger_reopen, 0), 0);
    assert_int_equal(cadre_then(self, token, on_reopened), 0);
}
static void log_and_rotate(cadre_self *self)
{
    set_up_logger(self);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "old", NULL), 0);
    later(self, CADRE_SECOND, rename_and_reopen);
}
static void reopened_file_gets_what_comes_then(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(old, sizeof old, "%s/log.1", folder);
    log_config = (cadre_logger){.path = path};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        play_asking(seed, log_and_rotate);
        assert_int_equal(size_of(old), 5);
        assert_int_equal(size_of(path), 3);
        assert_int_equal(unlink(old) + unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void log_and_flush(cadre_self *self)
{
    set_up_logger(self);
    for (int i = 0; i < 10; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "z", NULL), 0);
    assert_int_equal(
        cadre_ask(self, NULL, logger, 10 * CADRE_SECOND, cadre_logger_flush, 0), 0);
    later(self, 100 * CADRE_SECOND, stop_it);
}
static void check_no_folder(void)
{
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -ENOENT);
    assert_int_equal(final.written, 0);
    assert_int_equal(final.dropped, 10);
}
static void file_that_cannot_be_opened_is_a_failure(void **state)
{
    log_config = (cadre_logger){.path = "/no/such/folder/log"};
    play_seeds(5, clean, log_and_flush, check_no_folder);
}

/* ---- real threads ---- */

static sem_t gate;
static atomic_uint logged;
static int64_t wait_at_gate(void *user, const char *bytes, size_t size)
{
    while (sem_wait(&gate) != 0) {
    }
    sem_post(&gate); /* it stays open */
    return take(user, bytes, size);
}
static int root_start(cadre_self *self, void *state)
{
    int err = cadre_spawn(self, &logger, &cadre_logger_class, &log_config);
    for (int i = 0; i < 1000 && !err; i++)
        err = cadre_log(self, logger, CADRE_ERROR, "z", NULL);
    return err ? err : cadre_send(self, cadre_me(self), number, 1);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (++*(int *)state > 500) {
        atomic_fetch_add(&logged, 1);
        return 0;
    }
    int err = cadre_log(self, logger, CADRE_ERROR, "z", NULL);
    return err ? err : cadre_send(self, cadre_me(self), number, 1);
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(int),
                                 .start = root_start,
                                 .receive = root_receive};
/* One worker: if the logger waited for its sink, nobody else could run. */
static void senders_never_wait(void **state)
{
    cadre_system *sys;
    cadre_config one = quiet(1, 0);
    tape.used = 0;
    clean();
    overs = 0;
    atomic_store(&logged, 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    log_config = (cadre_logger){
        .write = wait_at_gate, .over = keep_final, .linger = 600 * CADRE_SECOND};
    assert_int_equal(cadre_system_new(&sys, &one, &root, NULL), 0);
    await(&logged, 1);
    assert_int_equal(
        cadre_log_outside(sys, logger, CADRE_WARN, "outside",
                          (const cadre_log_field[]){{"n", .number = 1}, {0}}),
        0);
    assert_int_equal(cadre_log_outside(sys, logger, CADRE_WARN, NULL, NULL), -EINVAL);
    assert_int_equal(tape.used, 0);
    sem_post(&gate);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    check_books();
    assert_int_equal(final.written, 1501);
    assert_non_null(strstr(tape.text, " warn outside: outside n=1\n"));
}

/* The call that writes does not return, and the logger does not wait for it. */
static void end_is_bounded(void **state)
{
    cadre_system *sys;
    cadre_config one = quiet(1, 0);
    overs = 0;
    atomic_store(&logged, 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    log_config = (cadre_logger){.write = wait_at_gate, .over = keep_final, .linger = 1};
    assert_int_equal(cadre_system_new(&sys, &one, &root, NULL), 0);
    await(&logged, 1);
    cadre_system_stop(sys);
    await(&overs, 1); /* only the call is left */
    assert_int_equal(final.lines, 1500);
    assert_int_equal(final.written + final.dropped, 1500);
    sem_post(&gate);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(to_a_pipe),
          cmocka_unit_test(nobody_reads_and_no_signal_comes),
          cmocka_unit_test(full_pipe_does_not_hold_up_the_end),
          cmocka_unit_test(reopened_file_gets_what_comes_then),
          cmocka_unit_test(file_that_cannot_be_opened_is_a_failure),
          cmocka_unit_test(senders_never_wait), cmocka_unit_test(end_is_bounded));
    return RUN_TESTS();
}
