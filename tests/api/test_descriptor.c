/* test_descriptor.c: descriptors of the program as streams. */
#include "support/using.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ = CADRE_DESCRIPTOR_READ, WRITE = CADRE_DESCRIPTOR_WRITE };
enum { MUCH = 3 << 20, SOME = 1000 };

static bool blocks(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

/* Both ends block, as those that a shell makes. */
static void make_pipe(int ends[2]) { assert_int_equal(pipe2(ends, O_CLOEXEC), 0); }

static void make_sockets(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void feed(int fd, size_t size)
{
    char bytes[1 << 12];
    for (size_t at = 0; at < size;) {
        size_t n = size - at < sizeof bytes ? size - at : sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = using_byte(at + i);
        ssize_t written = write(fd, bytes, n);
        assert_true(written > 0);
        at += (size_t)written;
    }
}

/* A file that has no name, at its beginning. */
static int make_file(size_t size)
{
    char name[] = "/tmp/cadre-descriptor-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    feed(fd, size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void drain(int fd, size_t size)
{
    char bytes[1 << 12];
    for (size_t at = 0; at < size;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++, at++)
            if (bytes[i] != using_byte(at))
                fail();
    }
}

static void both_ways(void (*scenario)(void))
{
    for (uint32_t threads = 0; threads < 2; threads++) {
        using_begin(threads);
        scenario();
        using_end();
    }
}

/* ---- any_kind_is_read ---------------------------------------------------------- */

/* A pipe, or a socket. */
static void read_from(void (*make)(int ends[2]))
{
    int ends[2];
    make(ends);
    using_do_well(USE_OPEN, ends[0], READ);
    assert_int_equal(using_do(USE_WRITE, SOME, 0), -EPIPE);
    close(ends[0]);
    feed(ends[1], MUCH);
    using_expect(MUCH);
    close(ends[1]);
    using_expect_closed(1, 0);
    assert_int_equal(atomic_load(&used.opened), 1);
}
static void read_pipe(void) { read_from(make_pipe); }
static void read_socket(void) { read_from(make_sockets); }

static void read_file(void)
{
    int fd = make_file(MUCH / 3);
    using_do_well(USE_OPEN_HALF, fd, READ);
    using_expect(MUCH / 3);
    await(&used.ended, 1);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), MUCH / 3);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    using_do_well(USE_OPEN, fd, READ); /* from where it is: the end */
    using_expect_closed(2, 0);
    close(fd);
}

/* The kernel says of this one that it can be waited for. */
static void read_file_that_polls(void)
{
    int fd = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    using_do_well(USE_OPEN_HALF, fd, READ);
    await(&used.ended, 1);
    assert_true(atomic_load(&used.size) > 0);
    assert_true(blocks(fd));
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    close(fd);
}

static void read_nothing(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    using_do_well(USE_OPEN, fd, READ);
    using_expect_closed(1, 0);
    close(fd);
    fd = open("/", O_RDONLY | O_CLOEXEC);
    using_do_well(USE_OPEN, fd, READ);
    using_expect_closed(2, -EISDIR);
    close(fd);
}

/* A line, and ^D. */
static void read_terminal(void)
{
    int master, slave;
    using_terminal(&master, &slave);
    using_do_well(USE_OPEN, slave, READ);
    assert_int_equal(write(master, "hi\n\4", 4), 4);
    using_expect_closed(1, 0);
    using_expect_bytes("hi\n");
    close(master);
    close(slave);
}

static void any_kind_is_read(void **unused)
{
    both_ways(read_pipe);
    both_ways(read_socket);
    both_ways(read_file);
    both_ways(read_file_that_polls);
    both_ways(read_nothing);
    both_ways(read_terminal);
}

/* Not more than was on its way is read while the window is shut. */
static void read_slowly(void)
{
    enum { WINDOW = 1 << 16 };
    int fd = make_file(MUCH / 3);
    using_do_well(USE_OPEN_SHUT, fd, READ);
    await(&used.opened, 1);
    assert_true(atomic_load(&used.size) <= WINDOW);
    using_do_well(USE_WINDOW, WINDOW, 0);
    using_expect(MUCH / 3);
    using_expect_closed(1, 0);
    close(fd);
}
static void slow_reader_throttles(void **unused) { both_ways(read_slowly); }

/* ---- any_kind_is_written ------------------------------------------------------- */

static void write_to(void (*make)(int ends[2]))
{
    int ends[2];
    make(ends);
    using_do_well(USE_OPEN, ends[1], WRITE);
    close(ends[1]);
    using_do_well(USE_WRITE, MUCH, 0);
    drain(ends[0], MUCH);
    using_do_well(USE_SHUTDOWN, 0, 0);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0);
    using_expect_closed(1, 0);
    close(ends[0]);
}
static void write_pipe(void) { write_to(make_pipe); }
static void write_socket(void) { write_to(make_sockets); }

static void write_file(void)
{
    int fd = make_file(0);
    using_do_well(USE_OPEN, fd, WRITE);
    using_do_well(USE_WRITE, MUCH, 0);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), MUCH);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    drain(fd, MUCH);
    close(fd);
}

static void write_to_nobody(void)
{
    int ends[2];
    make_pipe(ends);
    close(ends[0]);
    using_do_well(USE_OPEN, ends[1], WRITE);
    using_do_well(USE_WRITE, SOME, 0);
    using_expect_closed(1, -EPIPE);
    close(ends[1]);
}

static void write_without_room(void)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    using_do_well(USE_OPEN, fd, WRITE);
    using_do_well(USE_WRITE, SOME, 0);
    using_expect_closed(1, -ENOSPC);
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    using_do_well(USE_OPEN, fd, WRITE);
    using_do_well(USE_WRITE, SOME, 0);
    using_do_well(USE_SHUTDOWN, 0, 0);
    using_expect_closed(2, 0);
    close(fd);
}

static void write_terminal(void)
{
    int master, slave;
    char bytes[8];
    using_terminal(&master, &slave);
    using_do_well(USE_OPEN, slave, READ | WRITE);
    using_do_well(USE_WRITE, 1, 0); /* a zero */
    assert_int_equal(read(master, bytes, sizeof bytes), 1);
    using_do_well(USE_SHUTDOWN, 0, 0); /* it can be read on */
    assert_int_equal(write(master, "x\n", 2), 2);
    using_expect_bytes("x\n");
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    close(master);
    close(slave);
}

static void any_kind_is_written(void **unused)
{
    both_ways(write_pipe);
    both_ways(write_socket);
    both_ways(write_file);
    both_ways(write_to_nobody);
    both_ways(write_without_room);
    both_ways(write_terminal);
}

/* A socket goes both ways, and tells its end. */
static void talk_by_socket(void)
{
    int ends[2];
    make_sockets(ends);
    using_do_well(USE_OPEN_HALF, ends[0], READ | WRITE);
    close(ends[0]);
    using_do_well(USE_WRITE, SOME, 0);
    using_do_well(USE_SHUTDOWN, 0, 0);
    drain(ends[1], SOME);
    assert_int_equal(raw_end(ends[1]), 0);
    feed(ends[1], SOME);
    using_expect(SOME);
    close(ends[1]);
    await(&used.ended, 1);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
}
static void sockets_go_both_ways(void **unused) { both_ways(talk_by_socket); }

static bool is_unsent(void *most) { return using_do(USE_UNSENT, 0, 0) <= *(int *)most; }

/* Also where little is read of what waits; but for what is asked for at a time. */
static void read_some(void)
{
    enum { AT_A_TIME = 1 << 14, READ_SO_FAR = 250000 };
    int ends[2], most = MUCH - READ_SO_FAR + AT_A_TIME;
    make_sockets(ends);
    using_do_well(USE_OPEN, ends[0], READ | WRITE);
    using_do_well(USE_WRITE, MUCH, 0);
    drain(ends[1], READ_SO_FAR);
    await_true(is_unsent, &most);
    using_do_well(USE_ABORT, 0, 0);
    using_expect_closed(1, -ECANCELED);
    close(ends[0]);
    close(ends[1]);
}
static void what_was_sent_is_counted(void **unused) { both_ways(read_some); }

static void abort_socket(void)
{
    uint16_t port;
    int listener = raw_listen(&port, 1), peer = raw_connect(port);
    int own = raw_accept(listener);
    using_do_well(USE_OPEN, own, READ | WRITE);
    await(&used.opened, 1);
    close(own);
    using_do_well(USE_ABORT, 0, 0);
    assert_int_equal(raw_end(peer), -ECONNRESET);
    using_expect_closed(1, -ECANCELED);
    close(listener);
    close(peer);
}
static void aborted_socket_is_reset(void **unused) { both_ways(abort_socket); }

/* ---- others_go_on_blocking, descriptor_stays ----------------------------------- */

static void open_and_look(int fd, int use, bool meanwhile)
{
    assert_true(blocks(fd));
    using_do_well(USE_OPEN, fd, use);
    unsigned opened = atomic_load(&used.closed) + 1;
    await(&used.opened, opened);
    assert_int_equal(blocks(fd), meanwhile);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(opened, 0);
    assert_true(blocks(fd));
    assert_int_equal(close(fd), 0);
}

static void look_at_each(void)
{
    int ends[2], master, slave;
    make_pipe(ends);
    int reader = dup(ends[0]); /* else it could not be opened to be written */
    open_and_look(ends[0], READ, true);
    open_and_look(ends[1], WRITE, true);
    close(reader);
    using_terminal(&master, &slave);
    int sitter = dup(slave); /* else it hangs up */
    open_and_look(slave, READ, true);
    open_and_look(master, READ | WRITE, false);
    close(sitter);
    make_sockets(ends);
    open_and_look(ends[0], READ, false);
    close(ends[1]);
}
static void others_go_on_blocking(void **unused) { both_ways(look_at_each); }

/* Also when their owner stops, or its system just ends. */
static void ends_make_it_block(void **unused)
{
    for (int stops = 0; stops < 2; stops++) {
        int ends[2];
        make_sockets(ends);
        using_begin(0);
        using_do_well(USE_OPEN, ends[0], READ);
        await(&used.opened, 1);
        assert_false(blocks(ends[0]));
        if (stops)
            (void)using_do(USE_STOP, 0, 0);
        using_end();
        assert_true(blocks(ends[0]));
        close(ends[0]);
        close(ends[1]);
    }
}

static void read_and_read_on(void)
{
    int ends[2];
    make_pipe(ends);
    using_do_well(USE_OPEN, ends[0], READ);
    await(&used.opened, 1);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    feed(ends[1], SOME);
    drain(ends[0], SOME);
    close(ends[0]);
    close(ends[1]);
}
static void descriptor_stays(void **unused) { both_ways(read_and_read_on); }

/* ---- released_in_order --------------------------------------------------------- */

static void release_it(void)
{
    enum { ALL = 100000 };
    int ends[2];
    make_sockets(ends);
    using_do_well(USE_OPEN_SHUT, ends[0], READ | WRITE);
    close(ends[0]);
    feed(ends[1], ALL);
    await(&used.opened, 1);
    using_do_well(USE_RELEASE, 0, 0);
    int again = using_do(USE_RELEASE, 0, 0);
    assert_true(again == -EPIPE || again == -ENOENT); /* closed already */
    using_expect_closed(1, 0);
    int fd = atomic_load(&used.released);
    assert_true(fd >= 0);
    size_t read_by_us = atomic_load(&used.size);
    using_expect(read_by_us);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    size_t left = ALL - read_by_us;
    char *rest = malloc(left + 1);
    assert_non_null(rest);
    assert_true(blocks(fd));
    assert_int_equal(raw_read_all(fd, rest, left + 1), left);
    for (size_t i = 0; i < left; i++)
        if (rest[i] != using_byte(read_by_us + i))
            fail();
    free(rest);
    close(fd);
    close(ends[1]);
}

/* Nobody takes it: its peer sees the end. */
static void release_in_vain(void)
{
    int ends[2];
    make_sockets(ends);
    using_do_well(USE_OPEN, ends[0], READ | WRITE);
    close(ends[0]);
    await(&used.opened, 1);
    using_do_well(USE_RELEASE, 0, 0);
    (void)using_do(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    int fd = atomic_load(&used.released);
    if (fd >= 0)
        close(fd);
    assert_int_equal(raw_end(ends[1]), 0);
    close(ends[1]);
}

static void release_what_cannot_be(void)
{
    int ends[2], file = make_file(1);
    make_sockets(ends);
    assert_int_equal(using_do(USE_RELEASE, 0, 0), -ENOENT);
    using_do_well(USE_OPEN, file, WRITE);
    await(&used.opened, 1);
    assert_int_equal(using_do(USE_RELEASE, 0, 0), -ENOTSUP);
    using_do_well(USE_OPEN, ends[0], READ | WRITE);
    await(&used.opened, 2);
    using_do_well(USE_WRITE, 1 << 20, 0); /* more than the kernel takes */
    assert_int_equal(using_do(USE_RELEASE, 0, 0), -EBUSY);
    close(ends[0]);
    close(ends[1]);
    close(file);
}

static void released_in_order(void **unused)
{
    both_ways(release_it);
    both_ways(release_in_vain);
    both_ways(release_what_cannot_be);
}

/* ---- refused ------------------------------------------------------------------- */

static void refuse(void)
{
    int ends[2], file = make_file(1);
    make_pipe(ends);
    assert_int_equal(using_do(USE_OPEN, -1, READ), -EBADF);
    assert_int_equal(using_do(USE_OPEN, 12345, READ), -EBADF);
    assert_int_equal(using_do(USE_OPEN, ends[1], READ), -EBADF);
    assert_int_equal(using_do(USE_OPEN, ends[0], WRITE), -EBADF);
    assert_int_equal(using_do(USE_OPEN, file, READ | WRITE), -ENOTSUP);
    char name[64];
    snprintf(name, sizeof name, "@cadre-descriptor-%d", (int)getpid());
    int listener = raw_local_listen(name, 1);
    assert_int_equal(using_do(USE_OPEN, listener, READ), -ENOTSUP);
    close(listener);
    int packets = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(using_do(USE_OPEN, packets, READ), -ENOTSUP);
    close(packets);
    int event = eventfd(0, EFD_CLOEXEC), queue = inotify_init1(IN_CLOEXEC);
    assert_int_equal(using_do(USE_OPEN, event, READ), -ENOTSUP);
    assert_int_equal(using_do(USE_OPEN, queue, READ), -ENOTSUP);
    close(event);
    close(queue);
    close(file);
    close(ends[0]);
    close(ends[1]);
}
static void what_is_no_stream_is_refused(void **unused) { both_ways(refuse); }

static int misuse_start(cadre_self *self, void *state)
{
    static const cadre_stream_options odd = {.idle = -1};
    cadre_stream s;
    int ok = cadre_descriptor_open(self, &s, 0, 0, NULL) == -EINVAL &&
             cadre_descriptor_open(self, &s, 0, 4, NULL) == -EINVAL &&
             cadre_descriptor_open(self, NULL, 0, READ, NULL) == -EINVAL &&
             cadre_descriptor_open(self, &s, 0, READ, &odd) == -EINVAL;
    return ok ? cadre_stop(self, cadre_me(self)) : CADRE_EUSER;
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class misuser = {
    .name = "misuser", .start = misuse_start, .receive = ignore};
static void do_misuse(void)
{
    cadre_config config = quiet(2, 0);
    assert_int_equal(run(&config, &misuser, NULL), 0);
}
static void bad_input_is_refused(void **unused) { misuse(do_misuse); }

static int open_stdin(cadre_self *self, void *state)
{
    cadre_stream s;
    return cadre_descriptor_open(self, &s, 0, READ, NULL);
}
static void simulated_is_refused(void **unused)
{
    static const cadre_class class = {
        .name = "vain", .start = open_stdin, .receive = ignore};
    cadre_config config = quiet(2, 1);
    assert_int_equal(run(&config, &class, NULL), -ENOTSUP);
}

int main(void)
{
    TESTS(cmocka_unit_test(any_kind_is_read), cmocka_unit_test(slow_reader_throttles),
          cmocka_unit_test(any_kind_is_written), cmocka_unit_test(sockets_go_both_ways),
          cmocka_unit_test(what_was_sent_is_counted),
          cmocka_unit_test(aborted_socket_is_reset),
          cmocka_unit_test(others_go_on_blocking), cmocka_unit_test(ends_make_it_block),
          cmocka_unit_test(released_in_order), cmocka_unit_test(descriptor_stays),
          cmocka_unit_test(what_is_no_stream_is_refused),
          cmocka_unit_test(bad_input_is_refused),
          cmocka_unit_test(simulated_is_refused));
    return cmocka_run_group_tests(tests, using_warm_up, NULL);
}
