/* test_actors_changes.c: what changes in a folder, or with a file, as messages. */
#include "support/open.h"
#include "support/process.h"

#include <cadre/actors/changes.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>
#include <cadre/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- an actor that has something watched, and notes what it is told ------------ */

enum { CHANGES_MAX = 40000, TEMPLATE = 64 };
static cadre_change changes[CHANGES_MAX]; /* the first `told` are there */
static atomic_uint told, downs, done;
static atomic_int reason;
static unsigned seen; /* of those, by the test */
static void (*deed)(void);
static char folder[TEMPLATE], path[2 * TEMPLATE];

static bool says_whom, ends_with_it;

static int owner_start(cadre_self *self, void *state)
{
    cadre_ref child;
    if (says_whom)
        ((cadre_changes *)state)->to = cadre_me(self);
    int err = cadre_spawn(self, &child, &cadre_changes_class, state);
    return err ? err : cadre_watch(self, NULL, child);
}
static int owner_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_change *change = cadre_body(m, cadre_change);
    const cadre_down *down = cadre_body(m, cadre_down);
    if (change && atomic_load(&told) < CHANGES_MAX) {
        changes[atomic_load(&told)] = *change;
        atomic_fetch_add(&told, 1);
    }
    if (down) {
        atomic_store(&reason, down->reason);
        atomic_fetch_add(&downs, 1);
    }
    if (m->type == &number_type) {
        deed();
        atomic_fetch_add(&done, 1);
    }
    return down && ends_with_it ? CADRE_STOP : 0;
}
static const cadre_class owner = {.name = "owner",
                                  .state_size = sizeof(cadre_changes),
                                  .start = owner_start,
                                  .receive = owner_receive};

static cadre_system *sys;
static unsigned descriptors;

static void begin_with(const char *what, cadre_time settle, uint32_t workers)
{
    const cadre_changes config = {.path = what, .settle = settle};
    cadre_config c = quiet(workers, 0);
    atomic_store(&told, 0);
    atomic_store(&downs, 0);
    atomic_store(&done, 0);
    seen = 0;
    descriptors = process_descriptors();
    assert_int_equal(cadre_system_new(&sys, &c, &owner, &config), 0);
}
static void end(void)
{
    close_system(sys);
    assert_int_equal(process_descriptors(), descriptors);
}

/* The next one is that. */
static const cadre_change *expect(int kind, const char *name)
{
    await(&told, seen + 1);
    const cadre_change *c = &changes[seen++];
    if (c->kind != kind || strcmp(c->name, name) != 0)
        print_message("kind %d, name %s, from %s\n", c->kind, c->name, c->from);
    assert_int_equal(c->kind, kind);
    assert_string_equal(c->name, name);
    return c;
}
/* The same, after any number of changes of its contents. */
static const cadre_change *expect_then(int kind, const char *name)
{
    for (await(&told, seen + 1); changes[seen].kind == CADRE_CHANGE_CHANGED;
         await(&told, seen + 1))
        seen++;
    return expect(kind, name);
}
/* That it was closed: by that message, or by a later one of the same name. */
static void expect_closed(const char *name)
{
    if (!changes[seen - 1].is_closed)
        while (!expect(CADRE_CHANGE_CHANGED, name)->is_closed) {
        }
}

static void begin(const char *what)
{
    begin_with(what, CADRE_MS, 2);
    (void)expect(CADRE_CHANGE_WATCHED, "");
}

/* ---- files --------------------------------------------------------------------- */

static const char *at(const char *name)
{
    static char all[2][4 * TEMPLATE];
    static int turn;
    turn = !turn;
    snprintf(all[turn], sizeof all[turn], "%s/%s", folder, name);
    return all[turn];
}
static void put(const char *name, const char *text)
{
    int fd = open(at(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}
static void move(const char *from, const char *to)
{
    assert_int_equal(rename(at(from), at(to)), 0);
}
static void drop(const char *name) { assert_int_equal(unlink(at(name)), 0); }

static int make_folder(void **unused)
{
    snprintf(folder, sizeof folder, "/tmp/cadre-changes-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **unused) { return rmdir(folder); }

/* ---- the guarantees ------------------------------------------------------------ */

static void tell_changes(void)
{
    begin(folder);
    put("a", "x");
    (void)expect(CADRE_CHANGE_CREATED, "a");
    expect_closed("a");
    put("a", "xy");
    (void)expect(CADRE_CHANGE_CHANGED, "a");
    expect_closed("a");
    assert_int_equal(chmod(at("a"), 0400), 0);
    (void)expect(CADRE_CHANGE_CHANGED, "a");
    move("a", "b");
    assert_string_equal(expect(CADRE_CHANGE_RENAMED, "b")->from, "a");
    drop("b");
    (void)expect(CADRE_CHANGE_REMOVED, "b");
    assert_int_equal(mkdir(at("c"), 0700), 0);
    assert_true(expect(CADRE_CHANGE_CREATED, "c")->is_folder);
    assert_int_equal(rmdir(at("c")), 0);
    assert_true(expect(CADRE_CHANGE_REMOVED, "c")->is_folder);
    end();
}

static void changes_are_told(void **unused)
{
    tell_changes();
    says_whom = true;
    tell_changes();
    says_whom = false;
}

/* From one folder to another there is no from. */
static void moved_in_and_out(void **unused)
{
    char outside[] = "/tmp/cadre-changes-XXXXXX", name[2 * TEMPLATE];
    assert_non_null(mkdtemp(outside));
    snprintf(name, sizeof name, "%s/x", outside);
    put("x", "");
    begin(folder);
    assert_int_equal(rename(at("x"), name), 0);
    (void)expect(CADRE_CHANGE_REMOVED, "x");
    assert_int_equal(rename(name, at("x")), 0);
    const cadre_change *c = expect(CADRE_CHANGE_CREATED, "x");
    assert_true(c->is_closed && c->from[0] == '\0');
    end();
    drop("x");
    assert_int_equal(rmdir(outside), 0);
}

/* One file, which is not there at first; others do not count. */
static void save_is_seen(void **unused)
{
    for (int how = 0; how < 2; how++) {
        snprintf(path, sizeof path, "%s", at("file"));
        begin(path);
        put("other", "x");
        put("file", "x");
        (void)expect(CADRE_CHANGE_CREATED, "file");
        expect_closed("file");
        put("temporary", "xyz");
        if (how) { /* with a backup */
            move("file", "file~");
            assert_string_equal(expect(CADRE_CHANGE_RENAMED, "file~")->from, "file");
            drop("file~");
        }
        move("temporary", "file");
        const cadre_change *c = expect(CADRE_CHANGE_CREATED, "file");
        assert_true(c->is_closed && c->from[0] == '\0');
        drop("file");
        (void)expect(CADRE_CHANGE_REMOVED, "file");
        end();
        drop("other");
    }
}

/* Also by a name without a folder. */
static void relative_names_are_watched(void **unused)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(folder), 0);
    begin("file");
    put("file", "");
    (void)expect(CADRE_CHANGE_CREATED, "file");
    end();
    begin(".");
    drop("file");
    (void)expect_then(CADRE_CHANGE_REMOVED, "file");
    end();
    assert_int_equal(fchdir(here), 0);
    close(here);
}

static void end_of_folder_is_told(void **unused)
{
    char moved[2 * TEMPLATE];
    for (int how = 0; how < 3; how++) {
        begin(folder);
        put("x", "");
        drop("x");
        snprintf(moved, sizeof moved, "%s.moved", folder);
        int other = how == 2 ? open(folder, O_RDONLY | O_CLOEXEC) : -1;
        assert_int_equal(how == 1 ? rename(folder, moved) : rmdir(folder), 0);
        if (how == 2)
            close(other);
        (void)expect(CADRE_CHANGE_CREATED, "x");
        (void)expect_then(CADRE_CHANGE_REMOVED, "x");
        (void)expect(CADRE_CHANGE_GONE, "");
        await(&downs, 1);
        assert_int_equal(reason, 0);
        end();
        assert_int_equal(how == 1 ? rename(moved, folder) : mkdir(folder, 0700), 0);
    }
}

/* ---- many at a time: made while nobody can look -------------------------------- */

static void do_at_once(void (*what)(void))
{
    deed = what;
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 0), 0);
    await(&done, 1);
}

static void change_often(void)
{
    int fd = open(at("x"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    for (int i = 0; i < 1000; i++) {
        (void)!write(fd, "x", 1);
        (void)fchmod(fd, i % 2 ? 0600 : 0640);
    }
    close(fd);
}

static void bursts_are_few(void **unused)
{
    begin_with(folder, CADRE_SECOND, 1);
    (void)expect(CADRE_CHANGE_WATCHED, "");
    do_at_once(change_often);
    (void)expect(CADRE_CHANGE_CREATED, "x");
    expect_closed("x");
    assert_true(seen < 100); /* of 2000 */
    end();
    drop("x");
}

static void move_around(void)
{
    for (int i = 0; i < 300; i++) {
        put("x", "");
        move("x", "y");
        drop("y");
    }
}

static void in_order(void **unused)
{
    begin_with(folder, CADRE_MS, 1);
    (void)expect(CADRE_CHANGE_WATCHED, "");
    do_at_once(move_around);
    for (int i = 0; i < 300; i++) {
        (void)expect_then(CADRE_CHANGE_CREATED, "x");
        (void)expect_then(CADRE_CHANGE_RENAMED, "y");
        (void)expect_then(CADRE_CHANGE_REMOVED, "y");
    }
    end();
}

/* More than the kernel keeps. */
static void overwhelm(void)
{
    int most = 16384;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (f && fscanf(f, "%d", &most) != 1)
        most = 16384;
    if (f)
        fclose(f);
    for (int i = 0; i <= most / 2; i++) {
        (void)mknod(at("x"), S_IFREG | 0600, 0);
        (void)unlink(at("x"));
    }
}

static void loss_is_told(void **unused)
{
    begin_with(folder, CADRE_MS, 1);
    (void)expect(CADRE_CHANGE_WATCHED, "");
    do_at_once(overwhelm);
    do
        await(&told, seen + 1);
    while (changes[seen++].kind != CADRE_CHANGE_LOST);
    put("end", "");
    do
        await(&told, seen + 1);
    while (strcmp(changes[seen++].name, "end") != 0);
    end();
    drop("end");
}

/* ---- one who is told, and has no room ------------------------------------------- */

static int gate[2];
static atomic_uint waits;

/* With "stop" it stops, until the test has closed the gate. */
static int crowded_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_change *change = cadre_body(m, cadre_change);
    char byte;
    if (change && strcmp(change->name, "stop") == 0 && atomic_fetch_add(&waits, 1) == 0)
        (void)!read(gate[0], &byte, 1);
    return owner_receive(self, state, m);
}
static const cadre_class crowded = {.name = "crowded", .receive = crowded_receive};

static int crowd_start(cadre_self *self, void *state)
{
    const cadre_limit few = {.mailbox_max = 8};
    cadre_changes what = {.path = folder, .settle = CADRE_MS};
    cadre_ref child;
    int err =
        cadre_spawn_with(self, &what.to, &crowded, NULL, &(cadre_opts){.limit = &few});
    return err ? err : cadre_spawn(self, &child, &cadre_changes_class, &what);
}
static const cadre_class crowd = {
    .name = "crowd", .start = crowd_start, .receive = owner_receive};

/* The kernel's queue, of which there is one. */
static int find_queue(void)
{
    char link[64], what[64];
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, what, sizeof what - 1);
        what[n < 0 ? 0 : n] = '\0';
        if (strcmp(what, "anon_inode:inotify") == 0)
            return fd;
    }
    return -1;
}
static bool is_read(void *queue)
{
    int bytes = 0;
    return ioctl(*(int *)queue, FIONREAD, &bytes) == 0 && bytes == 0;
}
static void come_and_go(const char *name, int queue)
{
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(mknod(at(name), S_IFREG | 0600, 0), 0);
        drop(name);
    }
    await_true(is_read, &queue);
}

/* What was made since some are missing is not kept for later. */
static void full_mailbox_is_a_loss(void **unused)
{
    cadre_config config = quiet(2, 0);
    atomic_store(&told, 0);
    atomic_store(&waits, 0);
    seen = 0;
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    assert_int_equal(cadre_system_new(&sys, &config, &crowd, NULL), 0);
    (void)expect(CADRE_CHANGE_WATCHED, "");
    put("stop", "");
    await(&waits, 1);
    int queue = find_queue();
    come_and_go("early", queue);
    come_and_go("early", queue);
    come_and_go("late", queue);
    close(gate[1]);
    do
        await(&told, seen + 1);
    while (changes[seen++].kind != CADRE_CHANGE_LOST);
    drop("stop");
    do {
        await(&told, seen + 1);
        assert_string_not_equal(changes[seen].name, "early");
    } while (strcmp(changes[seen++].name, "stop") != 0);
    close_system(sys);
    close(gate[0]);
}

/* ---- failures ------------------------------------------------------------------ */

static void fails_with(const char *what, int code, const char *words)
{
    begin_with(what, 0, 2);
    await(&downs, 1);
    assert_int_equal(reason, code);
    assert_int_equal(told, 0);
    if (words)
        assert_true(lines_with(words) > 0);
    end();
}

static void what_is_missing_fails(void **unused)
{
    put("x", "");
    snprintf(path, sizeof path, "%s/x/y", folder);
    fails_with("/none/here", -ENOENT, "watch /none/here: No such file");
    fails_with(path, -ENOTDIR, "Not a directory");
    fails_with("", -EINVAL, NULL);
    fails_with(NULL, -EINVAL, NULL);
    drop("x");
}

static void write_to(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(77); /* it may not */
    close(fd);
}

/* In a namespace of its own it may set the limits. */
static void run_out_of_watches(void)
{
    if (unshare(CLONE_NEWUSER))
        _exit(77);
    write_to("/proc/sys/user/max_inotify_watches", "0");
    fails_with(folder, -ENOSPC, "fs.inotify.max_user_watches");
    write_to("/proc/sys/user/max_inotify_instances", "0");
    fails_with(folder, -EMFILE, "fs.inotify.max_user_instances");
}

static void be_somebody_else(void)
{
    if (chmod(folder, 0) || setresuid(65534, 65534, 65534))
        _exit(77);
    fails_with(folder, -EACCES, "Permission denied");
}

static void limits_have_remedies(void **unused)
{
    int status = in_child(run_out_of_watches);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void who_may_not_fails(void **unused)
{
    int status = in_child(be_somebody_else);
    assert_int_equal(chmod(folder, 0700), 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void simulated_fails(void **unused)
{
    const cadre_changes what = {.path = folder};
    cadre_config config = quiet(2, 1);
    atomic_store(&told, 0);
    ends_with_it = true;
    assert_int_equal(run(&config, &owner, &what), 0);
    ends_with_it = false;
    assert_int_equal(reason, -ENOTSUP);
    assert_int_equal(told, 0);
}

/* libuv opens a pipe for signals when it is first used, for good. */
static int warm_up(void **unused)
{
    if (make_folder(unused))
        return -1;
    begin(folder);
    close_system(sys);
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(changes_are_told), cmocka_unit_test(moved_in_and_out),
          cmocka_unit_test(save_is_seen), cmocka_unit_test(relative_names_are_watched),
          cmocka_unit_test(end_of_folder_is_told), cmocka_unit_test(bursts_are_few),
          cmocka_unit_test(in_order), cmocka_unit_test(loss_is_told),
          cmocka_unit_test(full_mailbox_is_a_loss), cmocka_unit_test(simulated_fails),
          cmocka_unit_test(what_is_missing_fails),
          cmocka_unit_test(limits_have_remedies), cmocka_unit_test(who_may_not_fails));
    return cmocka_run_group_tests(tests, warm_up, remove_folder);
}
