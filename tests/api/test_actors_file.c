/* test_actors_file.c: an open file, in virtual time. */
#include "support/disk.h"
#include "support/folder.h"
#include "support/fronts.h"
#include "support/process.h"

#include <cadre/actors/file.h>
#include <cadre/await.h>
#include <cadre/watch.h>

#include <errno.h>

/* The scene in hand, its file, and what it asks: one after the other. */
static cadre_self *me;
static cadre_ref file;
static cadre_token op;

static void open_file(const char *path, int use)
{
    cadre_file config = {.path = path, .use = use};
    assert_int_equal(cadre_spawn(me, &file, &cadre_file_class, &config), 0);
}

static cadre_msg outcome(int err)
{
    cadre_msg m;
    assert_int_equal(err, 0);
    assert_int_equal(cadre_await(me, op, &m), 0);
    return m;
}
static const void *result(int err, const cadre_type *type)
{
    cadre_msg m = outcome(err);
    if (m.type == &cadre_failure_type)
        assert_int_equal(cadre_body(&m, cadre_failure)->code, 0);
    assert_ptr_equal(m.type, type);
    return m.body;
}
static const cadre_failure *failure(int err, int code)
{
    cadre_msg m = outcome(err);
    assert_ptr_equal(m.type, &cadre_failure_type);
    assert_int_equal(cadre_body(&m, cadre_failure)->code, code);
    return m.body;
}

static int read_at(uint64_t offset, uint32_t size)
{
    return cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_read_at, offset, size);
}
static int write_at(uint64_t offset, const char *text)
{
    return cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_write_at, offset,
                     cadre_buf_new(text, strlen(text)));
}
static int append(const char *text) { return write_at(CADRE_FILE_END, text); }
static int sync_it(void)
{
    return cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_sync, 0);
}
static int truncate_to(uint64_t size)
{
    return cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_truncate, size);
}
static void reads(uint64_t offset, uint32_t size, const char *text)
{
    const cadre_file_data *data = result(read_at(offset, size), &cadre_file_data_type);
    assert_int_equal(data->offset, offset);
    assert_int_equal(cadre_buf_size(data->bytes), strlen(text));
    if (text[0])
        assert_memory_equal(cadre_buf_data(data->bytes), text, strlen(text));
}
static void written(int err, uint64_t offset, uint64_t bytes, int code)
{
    const cadre_file_written *w = result(err, &cadre_file_written_type);
    assert_int_equal(w->offset, offset);
    assert_int_equal(w->bytes, bytes);
    assert_int_equal(w->code, code);
}
static uint64_t size_of(int err)
{
    const cadre_file_status *s = result(err, &cadre_file_status_type);
    assert_int_equal(s->kind, CADRE_KIND_FILE);
    return s->size;
}

/* Plays the scene with some seeds; as many descriptors as before are open then. */
static void (*scene)(void);
static void enter(cadre_self *self)
{
    me = self;
    scene();
}
static void act(void (*it)(void))
{
    unsigned open = process_descriptors();
    scene = it;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        disk_reset();
        assert_int_equal(play_with(&config, enter), 0);
        assert_int_equal(process_descriptors(), open);
    }
}

/* ---- reading and writing --------------------------------------------------------- */

static void read_and_write(void)
{
    put_file(in_folder("file"), "");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    disk.most = 3;
    disk.interrupts = 5;
    written(append("hello, "), 0, 7, 0);
    written(append("world"), 7, 5, 0);
    written(write_at(0, "J"), 0, 1, 0);
    written(write_at(3, ""), 3, 0, 0);
    written(cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_write_at, 0, NULL), 0, 0,
            0);
    reads(0, 100, "Jello, world");
    reads(7, 2, "wo");
    reads(12, 100, "");
    reads(100, 100, "");
    reads(0, 0, "");
    assert_int_equal(size_of(sync_it()), 12);
    assert_int_equal(size_of(truncate_to(5)), 5);
    reads(0, 100, "Jello");
    assert_int_equal(size_of(truncate_to(6)), 6);
    written(write_at(7, "!"), 7, 1, 0);
    assert_int_equal(size_of(cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_ask, 0)),
                     8);
    const cadre_file_data *data = result(read_at(4, 4), &cadre_file_data_type);
    assert_memory_equal(cadre_buf_data(data->bytes), "o\0\0!", 4);
}
static void parts_are_read_and_written(void **state) { act(read_and_write); }

/* Many at a time, of which the disk takes some bytes at once. */
enum { CHANGES = 200 };
static void change_much(void)
{
    char expected[CHANGES * 4 + 1], text[16];
    cadre_token tokens[CHANGES];
    put_file(in_folder("file"), "");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    disk.most = 1 + cadre_random(me) % 4;
    disk.interrupts = cadre_random(me) % 5;
    for (int i = 0; i < CHANGES; i++) {
        snprintf(text, sizeof text, "%03d;", i);
        memcpy(expected + 4 * i, text, 5);
        assert_int_equal(append(text), 0);
        tokens[i] = op;
        if (i % 7 == 0) {
            assert_int_equal(sync_it(), 0);
            assert_int_equal(cadre_cancel(me, op), 0);
        }
    }
    for (uint64_t i = 0; i < CHANGES; i++) {
        op = tokens[i];
        written(0, 4 * i, 4, 0);
    }
    assert_file(in_folder("file"), expected);
}
/* An append that does not fit; then the same at a place that is no end. */
static void fill_the_disk(void)
{
    put_file(in_folder("file"), "abc");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    disk.write_code = -ENOSPC;
    disk.room = 4;
    const cadre_failure *f = failure(append("defghi"), -ENOSPC);
    assert_string_equal(f->message, "free some space there, then try again");
    assert_true(cadre_same(f->origin, file));
    assert_file(in_folder("file"), "abc");
    disk.room = 2;
    written(write_at(1, "xyz"), 1, 2, -ENOSPC);
    assert_file(in_folder("file"), "axy");
    (void)failure(write_at(1, "xyz"), -ENOSPC);
    disk.room = 2;
    disk.truncate_code = -EPERM; /* it cannot be taken back */
    written(append("def"), 3, 2, -ENOSPC);
    disk.truncate_code = disk.write_code = 0;
    written(append("!"), 5, 1, 0); /* there is room again */
    assert_int_equal(size_of(sync_it()), 6);
    assert_file(in_folder("file"), "axyde!");
}
static void changes_in_order(void **state)
{
    act(change_much);
    act(fill_the_disk);
}

static void write_to_full(void)
{
    open_file("/dev/full", CADRE_FILE_UPDATE);
    (void)failure(write_at(0, "x"), -ENOSPC);
    (void)failure(append("x"), -ENOSPC);
}
static void full_device_is_a_failure(void **state) { act(write_to_full); }

/* ---- syncs ----------------------------------------------------------------------- */

/* From a sync that fails on. The disk is well again, and it makes no difference. */
static void fail_a_sync(void)
{
    put_file(in_folder("file"), "");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    disk.records = true;
    written(append("x"), 0, 1, 0);
    assert_int_equal(size_of(sync_it()), 1);
    assert_string_equal(disk.done, "ws");
    written(append("y"), 1, 1, 0);
    disk.sync_code = -EIO;
    assert_non_null(strstr(failure(sync_it(), -EIO)->message, "may be lost"));
    disk.sync_code = 0;
    for (int i = 0; i < 3; i++) {
        assert_non_null(strstr(failure(sync_it(), -EIO)->message, "may be lost"));
        assert_non_null(strstr(failure(append("z"), -EIO)->message, "may be lost"));
        (void)failure(truncate_to(0), -EIO);
    }
    reads(0, 10, "xy");
    assert_int_equal(size_of(cadre_ask(me, &op, file, CADRE_NEVER, cadre_file_ask, 0)),
                     2);
    assert_int_equal(disk.syncs, 2);
}
static void fail_a_write(void)
{
    put_file(in_folder("file"), "");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    disk.write_code = -EIO;
    disk.room = 1;
    written(write_at(0, "xy"), 0, 1, -EIO);
    disk.write_code = 0;
    (void)failure(write_at(0, "xy"), -EIO);
    (void)failure(sync_it(), -EIO);
    assert_int_equal(disk.syncs, 0);
}
static void sync_means_it(void **state)
{
    act(fail_a_sync);
    act(fail_a_write);
}

/* ---- opening --------------------------------------------------------------------- */

static void open_in_each_way(void)
{
    const char *path = in_folder("new");
    (void)remove(path);
    open_file(path, CADRE_FILE_MAKE);
    disk.records = true;
    written(append("x"), 0, 1, 0);
    assert_int_equal(size_of(sync_it()), 1);
    assert_string_equal(disk.done, "dws"); /* the name first */
    open_file(path, CADRE_FILE_MAKE);
    reads(0, 2, "x");
    open_file(path, CADRE_FILE_READ);
    reads(0, 2, "x");
    (void)failure(append("y"), -EBADF);
    assert_string_equal(failure(truncate_to(0), -EBADF)->message,
                        "open the file for writing");
    assert_int_equal(size_of(sync_it()), 1);
    assert_int_equal(remove(path), 0);
    open_file(path, CADRE_FILE_NEW);
    written(append("y"), 0, 1, 0);
    assert_file(path, "y");
}
static void file_is_opened_in_each_way(void **state) { act(open_in_each_way); }

/* The requests fail, and the actor, with words. */
static void does_not_open(const char *path, int use, int code)
{
    cadre_token down, reading;
    cadre_msg m;
    open_file(path, use);
    assert_int_equal(cadre_watch(me, &down, file), 0);
    assert_int_equal(read_at(0, 1), 0);
    reading = op;
    (void)failure(use == CADRE_FILE_READ ? sync_it() : append("x"), code);
    op = reading;
    (void)failure(0, code);
    assert_int_equal(cadre_await(me, down, &m), 0);
    assert_int_equal(cadre_body(&m, cadre_down)->reason, code);
    (void)failure(read_at(0, 1), CADRE_EDEAD);
}
static void open_in_vain(void)
{
    put_file(in_folder("file"), "");
    does_not_open(in_folder("none"), CADRE_FILE_READ, -ENOENT);
    assert_int_equal(lines_with("/none: correct the path, or first make"), 1);
    does_not_open(in_folder("none"), CADRE_FILE_UPDATE, -ENOENT);
    does_not_open(in_folder("none/x"), CADRE_FILE_MAKE, -ENOENT);
    does_not_open(in_folder("file"), CADRE_FILE_NEW, -EEXIST);
    does_not_open(folder, CADRE_FILE_READ, -EISDIR);
    does_not_open(folder, CADRE_FILE_UPDATE, -EISDIR);
}
static void file_that_does_not_open_is_a_failure(void **state) { act(open_in_vain); }

static void bad_config_fails_the_start(void **state)
{
    const cadre_file bad[] = {{.use = CADRE_FILE_READ},
                              {.path = "x", .use = -1},
                              {.path = "x", .use = CADRE_FILE_NEW + 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_file_class, &bad[i], -EINVAL);
}

/* ---- requests -------------------------------------------------------------------- */

static void ask_wrongly(void)
{
    put_file(in_folder("file"), "text");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    (void)failure(read_at(0, CADRE_FILE_READ_MAX + 1), -EINVAL);
    (void)failure(read_at(UINT64_MAX, 1), -EINVAL);
    (void)failure(write_at(UINT64_MAX - 1, "x"), -EFBIG);
    (void)failure(truncate_to(UINT64_MAX), -EFBIG);
    (void)failure(cadre_ask(me, &op, file, CADRE_NEVER, number, 1), CADRE_EUNANSWERED);
    /* What nobody would be told of is not done. */
    assert_int_equal(
        cadre_send(me, file, cadre_file_write_at, 0, cadre_buf_new("x", 1)), 0);
    assert_int_equal(cadre_send(me, file, cadre_file_read_at, 0, 1), 0);
    assert_int_equal(cadre_send(me, file, cadre_file_truncate, 0), 0);
    reads(0, 10, "text");
}
static void wrong_requests_are_refused(void **state) { act(ask_wrongly); }

/* More than it keeps, from one turn: what is refused is refused at once. */
static uint32_t refused_of(uint32_t n, int (*ask)(void))
{
    cadre_token tokens[100];
    cadre_msg m;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(ask(), 0);
        tokens[i] = op;
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(cadre_await(me, tokens[i], &m), 0);
        const cadre_failure *f = cadre_body(&m, cadre_failure);
        assert_true(!f || f->code == CADRE_EFULL);
        refused += f != NULL;
    }
    return refused;
}
static int read_one(void) { return read_at(0, 1); }
static int append_ten(void) { return append("0123456789"); }
static void ask_too_much(void)
{
    put_file(in_folder("file"), "x");
    cadre_file config = {.path = in_folder("file"),
                         .use = CADRE_FILE_UPDATE,
                         .reads = 2,
                         .waiting = 10,
                         .bytes = 35};
    assert_int_equal(cadre_spawn(me, &file, &cadre_file_class, &config), 0);
    assert_true(refused_of(10, read_one) == 0);
    assert_true(refused_of(3, append_ten) == 0);
    written(append("more bytes than 35 are taken if they are alone"), 31, 46, 0);
    /* It handles what comes in one go before its calls come back. */
    assert_true(refused_of(100, read_one) > 0);
    assert_true(refused_of(100, append_ten) > 0);
    assert_true(refused_of(100, sync_it) > 0);
    reads(0, 1, "x");
}
static void within_bounds(void **state) { act(ask_too_much); }

/* Who gives up gets nothing, and holds up nobody. */
static void give_some_up(void)
{
    put_file(in_folder("file"), "text");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(i % 3 ? read_at(0, 4) : i % 2 ? append("x") : sync_it(), 0);
        if (cadre_random(me) % 2)
            assert_int_equal(cadre_sleep(me, 1 + (cadre_time)(cadre_random(me) % 1000)),
                             0);
        (void)cadre_cancel(me, op); /* it may have come */
    }
    reads(0, 4, "text");
    written(append(""), 12, 0, 0); /* what was accepted is done */
}
static void one_outcome(void **state) { act(give_some_up); }

/* Requests that wait when it ends fail, once. */
static void end_it(void)
{
    cadre_token tokens[30];
    cadre_msg m;
    put_file(in_folder("file"), "text");
    open_file(in_folder("file"), CADRE_FILE_UPDATE);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(i % 3 == 0   ? read_at(0, 4)
                         : i % 3 == 1 ? append("x")
                                      : sync_it(),
                         0);
        tokens[i] = op;
        if (i == 20 && cadre_random(me) % 2)
            assert_int_equal(cadre_kill(me, file, 0), 0);
    }
    assert_int_equal(cadre_stop(me, file), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(cadre_await(me, tokens[i], &m), 0);
        const cadre_failure *f = cadre_body(&m, cadre_failure);
        assert_true(!f || f->code == CADRE_EDEAD);
    }
}
static void descriptors_are_closed(void **state) { act(end_it); }

int main(void)
{
    TESTS(cmocka_unit_test(parts_are_read_and_written),
          cmocka_unit_test(changes_in_order),
          cmocka_unit_test(full_device_is_a_failure), cmocka_unit_test(sync_means_it),
          cmocka_unit_test(file_is_opened_in_each_way),
          cmocka_unit_test(file_that_does_not_open_is_a_failure),
          cmocka_unit_test(bad_config_fails_the_start),
          cmocka_unit_test(wrong_requests_are_refused), cmocka_unit_test(within_bounds),
          cmocka_unit_test(one_outcome), cmocka_unit_test(descriptors_are_closed));
    make_folder();
    return RUN_TESTS();
}
