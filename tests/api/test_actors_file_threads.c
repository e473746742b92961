/* test_actors_file_threads.c: an open file, on real threads, whose disk stands still. */
#include "support/disk.h"
#include "support/folder.h"
#include "support/open.h"
#include "support/process.h"

#include <cadre/actors/file.h>
#include <cadre/future.h>
#include <cadre/watch.h>

#include <errno.h>
#include <fcntl.h>

/* One worker: if anything waited for the disk there, nobody would run. */
static cadre_file config;
static cadre_ref file;
static atomic_uint opened, ended;
static int root_start(cadre_self *self, void *state)
{
    cadre_token token;
    int err = cadre_spawn(self, &file, &cadre_file_class, &config);
    if (!err)
        err = cadre_watch(self, &token, file);
    atomic_fetch_add(&opened, !err);
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, cadre_down))
        atomic_fetch_add(&ended, 1);
    if (cadre_body(m, number))
        return cadre_kill(self, file, 0);
    return 0;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static cadre_system *sys;
static unsigned descriptors;
static void begin(const char *text, cadre_file how)
{
    disk_reset();
    put_file(in_folder("file"), text);
    config = how;
    config.path = in_folder("file");
    config.use = CADRE_FILE_UPDATE;
    atomic_store(&opened, 0);
    atomic_store(&ended, 0);
    descriptors = process_descriptors();
    sys = open_system(1, 0, &root);
    await(&opened, 1);
}
/* The futures are given back. */
static void end(cadre_future **futures, int n)
{
    for (int i = 0; i < n; i++)
        cadre_future_free(futures[i]);
    close_system(sys);
    assert_int_equal(process_descriptors(), descriptors);
}

static cadre_future *ask_to_read(void)
{
    cadre_future *future;
    assert_int_equal(cadre_call(sys, &future, file, cadre_file_read_at, 0, 4), 0);
    return future;
}
static cadre_future *ask_to_append(const char *text)
{
    cadre_future *future;
    assert_int_equal(cadre_call(sys, &future, file, cadre_file_write_at, CADRE_FILE_END,
                                cadre_buf_new(text, strlen(text))),
                     0);
    return future;
}
static cadre_future *ask_to_sync(void)
{
    cadre_future *future;
    assert_int_equal(cadre_call(sys, &future, file, cadre_file_sync, 0), 0);
    return future;
}
static cadre_msg answer_of(cadre_future *future)
{
    cadre_msg m;
    assert_int_equal(cadre_future_wait(future, CADRE_NEVER, &m), 0);
    return m;
}
static bool is_answered(cadre_future *future)
{
    cadre_msg m;
    return cadre_future_wait(future, 0, &m) == 0;
}
static void assert_read(cadre_future *future, const char *text)
{
    cadre_msg m = answer_of(future);
    assert_non_null(cadre_body(&m, cadre_file_data));
    assert_memory_equal(cadre_buf_data(cadre_body(&m, cadre_file_data)->bytes), text,
                        strlen(text));
}
static void assert_failed(cadre_future *future, int code)
{
    cadre_msg m = answer_of(future);
    assert_non_null(cadre_body(&m, cadre_failure));
    assert_int_equal(cadre_body(&m, cadre_failure)->code, code);
}
static void assert_synced(cadre_future *future)
{
    cadre_msg m = answer_of(future);
    assert_non_null(cadre_body(&m, cadre_file_status));
}

/* While a sync stands still others, and appends, wait for the next one; reads do not, and
 * by the answer to one that came later all of them are there. */
static void syncs_are_shared(void **state)
{
    enum { SYNCS = 50, ALL = 2 * SYNCS + 2 };
    cadre_future *futures[ALL];
    begin("text", (cadre_file){.reads = 0});
    atomic_store(&disk.syncs_wait, true);
    futures[0] = ask_to_sync();
    await(&disk.syncing, 1);
    for (int i = 0; i < SYNCS; i++) {
        futures[1 + i] = ask_to_append("x");
        futures[1 + SYNCS + i] = ask_to_sync();
    }
    futures[ALL - 1] = ask_to_read();
    assert_read(futures[ALL - 1], "text");
    for (int i = 0; i <= 2 * SYNCS; i++)
        assert_false(is_answered(futures[i]));
    atomic_store(&disk.syncs_wait, false);
    for (int i = 0; i < SYNCS; i++)
        assert_synced(futures[1 + SYNCS + i]);
    assert_int_equal(atomic_load(&disk.syncs), 2);
    end(futures, ALL);
}

/* As many as there may be, and one more that waits; a write is not held up. */
static void reads_go_on(void **state)
{
    cadre_future *futures[6];
    begin("text", (cadre_file){.reads = 4});
    atomic_store(&disk.reads_wait, true);
    for (int i = 0; i < 5; i++)
        futures[i] = ask_to_read();
    await(&disk.reading, 4);
    futures[5] = ask_to_append("x");
    cadre_msg m = answer_of(futures[5]);
    assert_non_null(cadre_body(&m, cadre_file_written));
    assert_int_equal(atomic_load(&disk.reading), 4);
    atomic_store(&disk.reads_wait, false);
    for (int i = 0; i < 5; i++)
        assert_read(futures[i], "text");
    end(futures, 6);
}

/* A read that nobody waits for any more is not made. */
static void read_that_is_given_up_is_not_made(void **state)
{
    cadre_future *futures[3];
    begin("text", (cadre_file){.reads = 1});
    atomic_store(&disk.reads_wait, true);
    futures[0] = ask_to_read();
    await(&disk.reading, 1);
    for (int i = 0; i < 10; i++)
        cadre_future_free(ask_to_read());
    futures[1] = ask_to_append("x");
    (void)answer_of(futures[1]);
    atomic_store(&disk.reads_wait, false);
    futures[2] = ask_to_read();
    assert_read(futures[2], "text");
    assert_int_equal(atomic_load(&disk.reading), 2);
    end(futures, 3);
}

static void within_bounds(void **state)
{
    cadre_future *futures[10];
    begin("text", (cadre_file){.reads = 1, .waiting = 6, .bytes = 10});
    atomic_store(&disk.reads_wait, true);
    atomic_store(&disk.syncs_wait, true);
    futures[0] = ask_to_sync();
    await(&disk.syncing, 1);
    futures[1] = ask_to_append("12345");
    futures[2] = ask_to_append("67890");
    futures[3] = ask_to_append("x"); /* an eleventh byte */
    assert_failed(futures[3], CADRE_EFULL);
    for (int i = 4; i < 7; i++)
        futures[i] = ask_to_read();
    await(&disk.reading, 1);
    futures[7] = ask_to_read(); /* a seventh request */
    assert_failed(futures[7], CADRE_EFULL);
    futures[8] = ask_to_sync();
    assert_failed(futures[8], CADRE_EFULL);
    atomic_store(&disk.reads_wait, false);
    atomic_store(&disk.syncs_wait, false);
    for (int i = 0; i < 7; i++)
        if (i != 3)
            assert_ptr_not_equal(answer_of(futures[i]).type, &cadre_failure_type);
    assert_file(in_folder("file"), "text1234567890");
    futures[9] = ask_to_append("0123456789");
    (void)answer_of(futures[9]);
    end(futures, 10);
}

/* The actor has ended, and its descriptor is open while the call is under way. */
static void closed_after_the_last_call(void **state)
{
    cadre_future *futures[3];
    struct stat before, after;
    begin("text", (cadre_file){.reads = 0});
    atomic_store(&disk.reads_wait, true);
    futures[0] = ask_to_read();
    await(&disk.reading, 1);
    futures[1] = ask_to_append("x");
    (void)answer_of(futures[1]);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
    await(&ended, 1);
    assert_failed(futures[0], CADRE_EDEAD);
    futures[2] = ask_to_read();
    assert_failed(futures[2], CADRE_EDEAD);
    int fd = atomic_load(&disk.fd);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(stat(in_folder("file"), &before), 0);
    assert_int_equal(fstat(fd, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_dev == after.st_dev);
    atomic_store(&disk.reads_wait, false);
    end(futures, 3);
}

int main(void)
{
    TESTS(cmocka_unit_test(syncs_are_shared), cmocka_unit_test(reads_go_on),
          cmocka_unit_test(read_that_is_given_up_is_not_made),
          cmocka_unit_test(within_bounds),
          cmocka_unit_test(closed_after_the_last_call));
    make_folder();
    return RUN_TESTS();
}
