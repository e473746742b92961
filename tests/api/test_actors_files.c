/* test_actors_files.c: files and directories by path. */
#include "support/disk.h"
#include "support/folder.h"
#include "support/process.h"

#include <cadre/actors/file.h>
#include <cadre/await.h>
#include <cadre/future.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The scene in hand: one operation after the other. */
static cadre_self *me;
static cadre_token op;

/* Waits for the outcome of what was started by the call that returned err. */
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

/* The operations, which all go on for as long as it takes. */
static int read_it(const char *path, uint64_t max)
{
    return cadre_file_read(me, &op, CADRE_NEVER, path, max);
}
static int write_it(const char *path, const char *text)
{
    return cadre_file_write(me, &op, CADRE_NEVER, path,
                            cadre_buf_new(text, strlen(text)));
}
static int append_it(const char *path, const char *text, bool durable)
{
    return cadre_file_append(me, &op, CADRE_NEVER, path,
                             cadre_buf_new(text, strlen(text)), durable);
}
static int list_it(const char *path, uint32_t max)
{
    return cadre_file_list(me, &op, CADRE_NEVER, path, max);
}
static int make_it(const char *path)
{
    return cadre_file_make_directory(me, &op, CADRE_NEVER, path);
}
static int remove_it(const char *path)
{
    return cadre_file_remove(me, &op, CADRE_NEVER, path);
}
static int rename_it(const char *from, const char *to)
{
    return cadre_file_rename(me, &op, CADRE_NEVER, from, to);
}
static void done(int err) { (void)result(err, &cadre_file_done_type); }
static const cadre_file_status *status_of(const char *path)
{
    return result(cadre_file_stat(me, &op, CADRE_NEVER, path), &cadre_file_status_type);
}

/* Plays the scene; as many descriptors as before are open then. */
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
    disk_reset();
    assert_int_equal(play(enter), 0);
    assert_int_equal(process_descriptors(), open);
}

/* ---- reading --------------------------------------------------------------------- */

static void reads_text(const char *path, uint64_t max, const char *text)
{
    const cadre_file_data *data = result(read_it(path, max), &cadre_file_data_type);
    assert_int_equal(data->offset, 0);
    assert_int_equal(cadre_buf_size(data->bytes), strlen(text));
    assert_memory_equal(cadre_buf_data(data->bytes), text, strlen(text));
}
static void reads(void)
{
    static char large[100001];
    memset(large, 'x', sizeof large - 1);
    put_file(in_folder("small"), "small");
    put_file(in_folder("empty"), "");
    put_file(in_folder("large"), large);
    reads_text(in_folder("small"), 0, "small");
    reads_text(in_folder("small"), 5, "small");
    reads_text(in_folder("empty"), 0, "");
    reads_text(in_folder("large"), 0, large);
    reads_text("/dev/null", 0, "");
    disk.most = 999;
    disk.interrupts = 3;
    reads_text(in_folder("large"), 0, large);
    /* Its size is said to be 0. */
    const cadre_file_data *data =
        result(read_it("/proc/self/status", 0), &cadre_file_data_type);
    assert_memory_equal(cadre_buf_data(data->bytes), "Name:", 5);
    (void)failure(read_it(in_folder("small"), 4), -EFBIG);
    (void)failure(read_it("/proc/self/status", 4), -EFBIG);
    (void)failure(read_it("/dev/zero", 10000), -EFBIG);
}
static void whole_file_is_read_up_to_a_maximum(void **state) { act(reads); }

static int open_it(const char *path)
{
    return cadre_file_open(me, &op, CADRE_NEVER, path);
}

/* A descriptor that is not taken is closed with its message. */
static void opens(void)
{
    char text[8] = "";
    put_file(in_folder("small"), "small");
    cadre_msg m = outcome(open_it(in_folder("small")));
    cadre_file_opened *opened = cadre_body(&m, cadre_file_opened);
    assert_non_null(opened);
    assert_int_equal(opened->status.kind, CADRE_KIND_FILE);
    assert_int_equal(opened->status.size, 5);
    assert_int_equal(fcntl(opened->fd, F_GETFD), FD_CLOEXEC);
    int fd = opened->fd;
    opened->fd = -1;
    (void)result(open_it(in_folder("small")), &cadre_file_opened_type);
    (void)result(open_it("/dev/null"), &cadre_file_opened_type);
    (void)failure(open_it(in_folder("none")), -ENOENT);
    (void)failure(open_it(in_folder("")), -EISDIR);
    assert_int_equal(open_it(NULL), -EINVAL);
    assert_int_equal(read(fd, text, sizeof text), 5);
    assert_string_equal(text, "small");
    close(fd);
}
static void opened_file_is_a_descriptor(void **state) { act(opens); }

/* ---- what is refused ------------------------------------------------------------- */

static void bad_arguments(void)
{
    cadre_buf *buf = cadre_buf_new("x", 1);
    assert_int_equal(read_it(NULL, 0), -EINVAL);
    assert_int_equal(cadre_file_write(me, &op, CADRE_NEVER, NULL, buf), -EINVAL);
    buf = cadre_buf_new("x", 1);
    assert_int_equal(cadre_file_append(me, &op, 0, "/tmp/x", buf, true), -EINVAL);
    assert_int_equal(cadre_file_stat(me, &op, CADRE_NEVER, NULL), -EINVAL);
    assert_int_equal(list_it(NULL, 0), -EINVAL);
    assert_int_equal(make_it(NULL), -EINVAL);
    assert_int_equal(remove_it(NULL), -EINVAL);
    assert_int_equal(rename_it("x", NULL), -EINVAL);
    assert_int_equal(rename_it(NULL, "x"), -EINVAL);
}
static void bad_arguments_are_refused_once(void) { act(bad_arguments); }
static void bad_arguments_are_refused(void **state)
{
    misuse(bad_arguments_are_refused_once);
}

static void remedies(void)
{
    static char long_path[2 * PATH_MAX];
    char text[300], expected[400];
    memset(long_path, 'x', sizeof long_path - 1);
    const cadre_failure *f = failure(read_it(in_folder("none"), 0), -ENOENT);
    assert_true(cadre_same(f->origin, cadre_me(me)));
    snprintf(expected, sizeof expected,
             "read %s: %s: correct the path, or first make what is missing in it",
             in_folder("none"), cadre_strerror(-ENOENT));
    assert_string_equal(
        cadre_failure_text(text, sizeof text, "read", in_folder("none"), f), expected);
    cadre_failure_text(text, 12, "read", in_folder("none"), f);
    assert_memory_equal(text, expected, 11);
    assert_int_equal(text[11], '\0');
    cadre_failure_text(text, sizeof text, "do", "x", &(cadre_failure){.code = -EDOM});
    snprintf(expected, sizeof expected, "do x: %s", cadre_strerror(-EDOM));
    assert_string_equal(text, expected);
    f = failure(read_it(long_path, 0), -ENAMETOOLONG);
    assert_string_equal(f->message, "shorten the path");
    (void)failure(write_it(long_path, "x"), -ENAMETOOLONG);
    (void)failure(rename_it(long_path, long_path), -ENAMETOOLONG);
    (void)failure(append_it("", "x", true), -ENOENT);
    (void)failure(make_it(""), -ENOENT);
}
static void failure_has_remedy(void **state) { act(remedies); }

static void wrong_kinds(void)
{
    const char *pipe = in_folder("pipe"), *file = in_folder("plain");
    put_file(file, "plain");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    (void)failure(read_it(folder, 0), -EISDIR);
    (void)failure(write_it(folder, "x"), -EISDIR);
    (void)failure(write_it(in_folder(""), "x"), -EISDIR);
    (void)failure(append_it(folder, "x", false), -EISDIR);
    (void)failure(read_it(pipe, 0), -ENOTSUP);
    (void)failure(write_it(pipe, "x"), -ENOTSUP);
    assert_int_equal(status_of(pipe)->kind, CADRE_KIND_OTHER);
    (void)failure(append_it(pipe, "x", false), -ENXIO); /* nobody reads */
    (void)failure(list_it(file, 0), -ENOTDIR);
    (void)failure(read_it(in_folder("plain/x"), 0), -ENOTDIR);
    (void)failure(write_it(in_folder("none/x"), "x"), -ENOENT);
    assert_int_equal(unlink(pipe), 0);
}
static void what_is_no_file_is_refused(void **state) { act(wrong_kinds); }

static void forbidden(void)
{
    (void)failure(read_it(in_folder("forbidden"), 0), -EACCES);
    (void)failure(append_it(in_folder("forbidden"), "x", true), -EACCES);
    (void)failure(write_it("/cadre-forbidden", "x"), -EACCES);
}
/* In a child, which may not be root. */
static void try_as_nobody(void)
{
    if (geteuid() == 0)
        assert_int_equal(chmod(folder, 0711) || setuid(65534), 0);
    act(forbidden);
}
static void no_permission_is_a_failure(void **state)
{
    put_file(in_folder("forbidden"), "x");
    assert_int_equal(chmod(in_folder("forbidden"), 0), 0);
    assert_int_equal(in_child(try_as_nobody), 0);
}

/* ---- writing --------------------------------------------------------------------- */

static void writes(void)
{
    const char *path = in_folder("written");
    done(write_it(path, "first"));
    assert_file(path, "first");
    assert_int_equal(chmod(path, 04604), 0);
    disk.most = 2;
    disk.interrupts = 2;
    done(write_it(path, "second"));
    assert_file(path, "second");
    assert_int_equal(status_of(path)->mode, 0604);
    done(cadre_file_write(me, &op, CADRE_NEVER, path, NULL));
    assert_file(path, "");
    assert_int_equal(symlink("written", in_folder("link")), 0);
    done(write_it(in_folder("link"), "beside"));
    assert_file(path, "");
    assert_file(in_folder("link"), "beside");
}
static void written_file_has_what_was_written(void **state) { act(writes); }

/* Whichever of its steps fails, the old file is there, and nothing else. */
static void fail_each_step(void)
{
    const char *path = in_folder("old");
    put_file(path, "old");
    unsigned names = count_names();
    for (uint64_t room = 0; room < 4; room++) {
        disk.write_code = -ENOSPC;
        disk.room = room;
        (void)failure(write_it(path, "newer"), -ENOSPC);
        assert_file(path, "old");
    }
    disk.write_code = 0;
    disk.sync_code = -EIO;
    (void)failure(write_it(path, "newer"), -EIO);
    assert_file(path, "old");
    disk.sync_code = 0;
    disk.rename_code = -EDQUOT;
    (void)failure(write_it(path, "newer"), -EDQUOT);
    assert_file(path, "old");
    assert_int_equal(count_names(), names);
}
/* Of many that write and read at the same time nobody meets a part. */
enum { ROUNDS = 50, SIZE = 20000 };
static void mix(void)
{
    static char text[2][SIZE + 1];
    const char *path = in_folder("mixed");
    cadre_token reading[ROUNDS], writing[ROUNDS];
    memset(text[0], 'a', SIZE);
    memset(text[1], 'b', SIZE);
    put_file(path, text[0]);
    disk.most = SIZE / 3;
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(write_it(path, text[i % 2]), 0);
        writing[i] = op;
        assert_int_equal(read_it(path, 0), 0);
        reading[i] = op;
    }
    for (int i = 0; i < ROUNDS; i++) {
        op = reading[i];
        const cadre_file_data *data = result(0, &cadre_file_data_type);
        const char *found = (const char *)cadre_buf_data(data->bytes);
        assert_int_equal(cadre_buf_size(data->bytes), SIZE);
        assert_memory_equal(found, text[found[0] == 'b'], SIZE);
        op = writing[i];
        done(0);
    }
}
static int mixer_start(cadre_self *self, void *state)
{
    me = self;
    mix();
    return CADRE_STOP;
}
static int mixer_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class mixer = {
    .name = "mixer", .start = mixer_start, .receive = mixer_receive};
static void mix_for_real(void)
{
    cadre_config two = quiet(2, 0);
    disk_reset();
    assert_int_equal(run(&two, &mixer, NULL), 0);
}
static void write_is_atomic(void **state)
{
    act(fail_each_step);
    act(mix);
    /* Handlers of real workers do not return from an assertion: it ends the child. */
    assert_int_equal(in_child(mix_for_real), 0);
}

static void appends(void)
{
    const char *path = in_folder("appended");
    const cadre_file_written *w =
        result(append_it(path, "one", true), &cadre_file_written_type);
    assert_true(w->offset == 0 && w->bytes == 3 && w->code == 0);
    disk.most = 1;
    disk.interrupts = 1;
    w = result(append_it(path, "two", false), &cadre_file_written_type);
    assert_true(w->offset == 3 && w->bytes == 3 && w->code == 0);
    disk.write_code = -EDQUOT;
    disk.room = 2;
    w = result(append_it(path, "three", false), &cadre_file_written_type);
    assert_true(w->offset == 6 && w->bytes == 2 && w->code == -EDQUOT);
    (void)failure(append_it(path, "four", false), -EDQUOT);
    assert_file(path, "onetwoth");
    disk.write_code = 0;
    disk.sync_code = -EIO;
    w = result(append_it(path, "ree", true), &cadre_file_written_type);
    assert_true(w->offset == 8 && w->bytes == 3 && w->code == -EIO);
    const cadre_failure *f = failure(append_it("/dev/full", "x", false), -ENOSPC);
    assert_string_equal(f->message, "free some space there, then try again");
}
static void append_says_how_much_is_in(void **state) { act(appends); }

static void did(const char *what)
{
    assert_string_equal(disk.done, what);
    memset(disk.done, 0, sizeof disk.done);
}
static void durable(void)
{
    const char *path = in_folder("durable");
    disk.records = true;
    done(write_it(path, "x"));
    did("wsrd");
    (void)result(append_it(path, "x", true), &cadre_file_written_type);
    did("wsd");
    (void)result(append_it(path, "x", false), &cadre_file_written_type);
    did("w");
    done(rename_it(path, in_folder("durable2")));
    did("rd");
    done(remove_it(in_folder("durable2")));
    did("d");
    (void)result(append_it(path, "x", true), &cadre_file_written_type);
    did("wsd");
    done(make_it(in_folder("deep")));
    did("d");
    done(make_it(in_folder("deep")));
    did("");
    disk.sync_code = -EIO;
    (void)failure(rename_it(path, in_folder("durable2")), -EIO);
    (void)failure(remove_it(in_folder("durable2")), -EIO);
    (void)failure(make_it(in_folder("deeper")), -EIO);
}
static void done_is_durable(void **state) { act(durable); }

/* ---- names ----------------------------------------------------------------------- */

static void names(void)
{
    char path[300];
    done(make_it(in_folder("dir//a/b/")));
    done(make_it(in_folder("dir/a/b")));
    assert_int_equal(status_of(in_folder("dir/a/b"))->kind, CADRE_KIND_DIRECTORY);
    put_file(in_folder("dir/file"), "12345");
    assert_int_equal(symlink("file", in_folder("dir/Link")), 0);
    assert_int_equal(status_of(in_folder("dir/Link"))->size, 5);
    assert_int_equal(mkfifo(in_folder("dir/pipe"), 0600), 0);
    const cadre_file_names *n =
        result(list_it(in_folder("dir"), 4), &cadre_file_names_type);
    const cadre_file_entry *e = cadre_file_entries(n);
    assert_int_equal(n->count, 4);
    assert_string_equal(e[0].name, "Link");
    assert_int_equal(e[0].kind, CADRE_KIND_LINK);
    assert_string_equal(e[1].name, "a");
    assert_int_equal(e[1].kind, CADRE_KIND_DIRECTORY);
    assert_string_equal(e[2].name, "file");
    assert_int_equal(e[2].kind, CADRE_KIND_FILE);
    assert_string_equal(e[3].name, "pipe");
    assert_int_equal(e[3].kind, CADRE_KIND_OTHER);
    (void)failure(list_it(in_folder("dir"), 3), -EFBIG);
    n = result(list_it(in_folder("dir/a/b"), 0), &cadre_file_names_type);
    assert_int_equal(n->count, 0);
    (void)failure(make_it(in_folder("dir/file")), -EEXIST);
    (void)failure(make_it(in_folder("dir/file/x")), -ENOTDIR);
    (void)failure(remove_it(in_folder("dir/a")), -ENOTEMPTY);
    (void)failure(remove_it(in_folder("dir/none")), -ENOENT);
    done(remove_it(in_folder("dir/a/b/")));
    done(remove_it(in_folder("dir/Link")));
    done(remove_it(in_folder("dir/pipe")));
    done(rename_it(in_folder("dir/file"), in_folder("dir/a/moved")));
    assert_file(in_folder("dir/a/moved"), "12345");
    (void)failure(rename_it(in_folder("dir/file"), in_folder("dir/a/moved")), -ENOENT);
    (void)failure(rename_it(in_folder("dir/a/moved"), "/proc/x"), -EXDEV);
    /* From where one is. */
    assert_non_null(getcwd(path, sizeof path));
    assert_int_equal(chdir(folder), 0);
    done(make_it("here/there"));
    done(remove_it("here/there"));
    done(remove_it("here"));
    assert_int_equal(chdir(path), 0);
}
static void names_are_made_listed_moved_and_removed(void **state) { act(names); }

static void many_names(void)
{
    char path[300];
    assert_int_equal(mkdir(in_folder("many"), 0700), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "%s/many/%03d", folder, (i * 7) % 1000);
        put_file(path, "");
    }
    const cadre_file_names *n =
        result(list_it(in_folder("many"), 1000), &cadre_file_names_type);
    assert_int_equal(n->count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(atoi(cadre_file_entries(n)[i].name), i);
}
static void list_is_sorted(void **state) { act(many_names); }

/* ---- outcomes -------------------------------------------------------------------- */

/* With and without a token; given up at once, in time, and not at all. */
static uint32_t came;
static int count_one(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &cadre_file_data_type);
    came++;
    return 0;
}
static void give_some_up(cadre_self *self)
{
    cadre_become(self, count_one);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cadre_file_read(self, &op, CADRE_NEVER, "/proc/self/stat", 0),
                         0);
        if (i % 2)
            assert_int_equal(cadre_cancel(self, op), 0);
        assert_int_equal(cadre_file_read(self, NULL, CADRE_NEVER, "/dev/null", 0), 0);
    }
}
static void ask_and_end(cadre_self *self)
{
    for (int i = 0; i < 50; i++)
        assert_int_equal(cadre_file_read(self, NULL, CADRE_NEVER, in_folder("old"), 0),
                         0);
    assert_int_equal(cadre_kill(self, cadre_me(self), 0), 0);
}
static void one_outcome(void **state)
{
    came = 0;
    assert_int_equal(play(give_some_up), 0);
    assert_int_equal(came, 150);
}

static void descriptors_are_closed(void **state)
{
    unsigned open = process_descriptors();
    assert_int_equal(play(ask_and_end), CADRE_EKILLED);
    assert_int_equal(play(give_some_up), 0);
    assert_int_equal(process_descriptors(), open);
}

/* What goes on for too long is given up, and done nevertheless. */
static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *asked = state;
    if (cadre_body(m, number)) {
        int err = cadre_defer(self, m, asked);
        return err ? err
                   : cadre_file_write(self, NULL, 20 * CADRE_MS, in_folder("late"),
                                      cadre_buf_new("late", 4));
    }
    return cadre_answer_as(self, *asked, m->type, m->body);
}
static const cadre_class reader = {
    .name = "reader", .state_size = sizeof(cadre_promise), .receive = reader_receive};
/* False: it had not begun then, and was not done. */
static bool outlast_a_timeout(void)
{
    cadre_system *sys;
    cadre_future *future;
    cadre_msg m;
    cadre_config one = quiet(1, 0);
    disk_reset();
    atomic_store(&disk.syncs_wait, true);
    assert_int_equal(cadre_system_new(&sys, &one, &reader, NULL), 0);
    assert_int_equal(cadre_call(sys, &future, cadre_system_root(sys), number, 1), 0);
    assert_int_equal(cadre_future_wait(future, CADRE_NEVER, &m), 0);
    assert_int_equal(cadre_body(&m, cadre_failure)->code, -ETIMEDOUT);
    assert_string_equal(cadre_body(&m, cadre_failure)->message,
                        "allow more time; it goes on meanwhile, and may be done");
    cadre_future_free(future);
    atomic_store(&disk.syncs_wait, false);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    return atomic_load(&disk.syncing) > 0;
}
static void call_that_outlasts_its_timeout_goes_on(void **state)
{
    while (!outlast_a_timeout()) {
    }
    assert_file(in_folder("late"), "late");
}

int main(void)
{
    TESTS(cmocka_unit_test(whole_file_is_read_up_to_a_maximum),
          cmocka_unit_test(opened_file_is_a_descriptor),
          cmocka_unit_test(bad_arguments_are_refused),
          cmocka_unit_test(failure_has_remedy),
          cmocka_unit_test(what_is_no_file_is_refused),
          cmocka_unit_test(no_permission_is_a_failure),
          cmocka_unit_test(written_file_has_what_was_written),
          cmocka_unit_test(write_is_atomic),
          cmocka_unit_test(append_says_how_much_is_in),
          cmocka_unit_test(done_is_durable),
          cmocka_unit_test(names_are_made_listed_moved_and_removed),
          cmocka_unit_test(list_is_sorted), cmocka_unit_test(one_outcome),
          cmocka_unit_test(descriptors_are_closed),
          cmocka_unit_test(call_that_outlasts_its_timeout_goes_on));
    make_folder();
    return RUN_TESTS();
}
