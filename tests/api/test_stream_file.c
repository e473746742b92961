/* test_stream_file.c: bytes of a file, sent by the system. */
#include "support/disk.h"
#include "support/open.h"
#include "support/process.h"
#include "support/sockets.h"

#include <cadre/descriptor.h>
#include <cadre/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not 0: the system fails to send files with it. */
static atomic_int send_code;
/* It sends nothing, and says that it has sent all: as if the peer took whatever comes. */
static atomic_bool pretends;
static atomic_size_t at_a_time, most_at_a_time; /* bytes, of those */
static atomic_uint turns;                       /* of its loop, each of which reads */

static ssize_t pretend(size_t size)
{
    unsigned turn = atomic_load(&disk.reading);
    if (atomic_exchange(&turns, turn) != turn)
        atomic_store(&at_a_time, 0);
    size_t sum = atomic_fetch_add(&at_a_time, size) + size;
    if (sum > atomic_load(&most_at_a_time))
        atomic_store(&most_at_a_time, sum);
    return (ssize_t)size;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    int code = atomic_load(&send_code);
    if (atomic_load(&pretends))
        return pretend(size);
    return code ? disk_fails(code) : syscall(SYS_sendfile, to, from, offset, size);
}

/* ---- an actor with one end of a pair of sockets, which writes what it is told ---- */

enum deed { WRITE_FILE, WRITE, CLOSE, ABORT, NOTHING };
typedef struct {
    enum deed deed;
    int fd;
    uint64_t offset, size;
} order;
static CADRE_TYPE(order);

enum { SIZE = 3 << 20, WRITE_MAX = 1 << 16 };
static atomic_uint opened, obeyed, closed, wrote;
static atomic_int result, reason;
static int ends[2];
static cadre_system *sys;
static unsigned descriptors;
static uint8_t content[SIZE];

static int writer_start(cadre_self *self, void *state)
{
    const cadre_stream_options options = {.write_max = WRITE_MAX};
    return cadre_descriptor_open(
        self, state, ends[0], CADRE_DESCRIPTOR_READ | CADRE_DESCRIPTOR_WRITE, &options);
}

static int obey(cadre_self *self, cadre_stream s, const order *o)
{
    switch (o->deed) {
    case WRITE_FILE:
        return cadre_stream_write_file(self, s, o->fd, o->offset, o->size);
    case WRITE:
        return cadre_stream_write(self, s, content, o->size);
    case CLOSE:
        return cadre_stream_close(self, s, 30 * CADRE_SECOND);
    case ABORT:
        return cadre_stream_abort(self, s);
    case NOTHING:
        break;
    }
    return -EINVAL;
}

static int writer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const order *o = cadre_body(m, order);
    const cadre_stream_closed *end = cadre_body(m, cadre_stream_closed);
    if (end) {
        atomic_store(&reason, end->reason);
        atomic_fetch_add(&closed, 1);
    }
    if (o) {
        atomic_store(&result, obey(self, *(cadre_stream *)state, o));
        atomic_fetch_add(&obeyed, 1);
    }
    atomic_fetch_add(&opened, m->type == &cadre_stream_opened_type);
    atomic_fetch_add(&wrote, m->type == &cadre_stream_wrote_type);
    return 0;
}
static const cadre_class writer = {.name = "writer",
                                   .state_size = sizeof(cadre_stream),
                                   .start = writer_start,
                                   .receive = writer_receive};

static void begin_with(uint32_t io_threads)
{
    cadre_config config = quiet(2, 0);
    atomic_uint *const all[] = {&opened, &obeyed, &closed, &wrote};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        atomic_store(all[i], 0);
    config.io_threads = io_threads;
    assert_int_equal(cadre_system_new(&sys, &config, &writer, NULL), 0);
    await(&opened, 1);
    close(ends[0]);
}

static void begin(uint32_t io_threads)
{
    descriptors = process_descriptors();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    begin_with(io_threads);
}

/* The same with a connection of TCP. */
static void begin_tcp(void)
{
    uint16_t port;
    descriptors = process_descriptors();
    int listener = raw_listen(&port, 1);
    ends[1] = raw_connect(port);
    ends[0] = raw_accept(listener);
    close(listener);
    begin_with(0);
}

static void end(void)
{
    close_system(sys);
    disk_reset();
    atomic_store(&send_code, 0);
    close(ends[1]);
    assert_int_equal(process_descriptors(), descriptors);
}

static int tell(enum deed deed, int fd, uint64_t offset, uint64_t size)
{
    unsigned before = atomic_load(&obeyed);
    assert_int_equal(
        cadre_tell(sys, cadre_system_root(sys), order, deed, fd, offset, size), 0);
    await(&obeyed, before + 1);
    return atomic_load(&result);
}

/* It has no name. */
static int make_file(size_t size)
{
    int fd = memfd_create("content", MFD_CLOEXEC);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 31 + i / 251);
    assert_int_equal(syscall(SYS_write, fd, content, size), size);
    return fd;
}

/* ---- the guarantees --------------------------------------------------------------- */

/* More than the socket takes at once, between bytes that are none of the file. */
static void send_between(uint32_t io_threads)
{
    begin(io_threads);
    int fd = make_file(SIZE);
    assert_int_equal(tell(WRITE, 0, 0, 10), 0);
    assert_int_equal(tell(WRITE_FILE, fd, 5, SIZE - 5), 0);
    assert_int_equal(tell(WRITE, 0, 0, 1), CADRE_EFULL);
    raw_expect(ends[1], content, 10);
    raw_expect(ends[1], content + 5, SIZE - 5);
    await(&wrote, 1);
    fd = make_file(100);
    assert_int_equal(tell(WRITE_FILE, fd, 99, 1), 0);
    fd = make_file(100);
    assert_int_equal(tell(WRITE_FILE, fd, 98, 2), 0);
    assert_int_equal(tell(WRITE, 0, 0, 10), 0);
    raw_expect(ends[1], content + 99, 1);
    raw_expect(ends[1], content + 98, 2);
    raw_expect(ends[1], content, 10);
    assert_int_equal(tell(CLOSE, 0, 0, 0), 0);
    assert_int_equal(raw_end(ends[1]), 0);
    end();
}
static void file_is_sent(void **unused)
{
    send_between(0);
    send_between(1);
}

/* At once, or when some of it is sent. */
static void be_shorter(size_t has, size_t size)
{
    static uint8_t got[SIZE];
    begin(0);
    int fd = make_file(has);
    assert_int_equal(tell(WRITE_FILE, fd, 0, size), 0);
    assert_true(raw_read_all(ends[1], got, sizeof got) <= (ssize_t)has);
    assert_memory_equal(got, content, has < 1 << 16 ? has : 1 << 16);
    await(&closed, 1);
    assert_int_equal(atomic_load(&reason), -ENODATA);
    end();
}
static void file_that_is_shorter_ends_it(void **unused)
{
    be_shorter(0, 1);
    be_shorter(100, 101);
    be_shorter(SIZE - 1, SIZE);
}

/* The peer is to know that something is missing. */
static void expect_reset(int code)
{
    static uint8_t got[SIZE];
    assert_int_equal(raw_read_all(ends[1], got, sizeof got), -ECONNRESET);
    await(&closed, 1);
    assert_int_equal(atomic_load(&reason), code);
    end();
}

static void fail_to_read(int send, int read)
{
    begin_tcp();
    atomic_store(&send_code, send);
    disk.read_code = read;
    assert_int_equal(tell(WRITE_FILE, make_file(100), 0, 100), 0);
    expect_reset(read);
}
static void file_that_cannot_be_read_is_a_reset(void **unused)
{
    fail_to_read(-EIO, -EIO);
    fail_to_read(-EINVAL, -EIO);
    begin_tcp();
    assert_int_equal(tell(WRITE_FILE, make_file(100), 0, 101), 0);
    expect_reset(-ENODATA);
}

/* One that the system does not send, and of which only the first part can be read. */
static void rest_that_cannot_be_read_is_a_reset(void **unused)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int fd = make_file(page); /* behind its end there is a place, and nothing */
    char *memory = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    close(fd);
    begin_tcp();
    fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(tell(WRITE_FILE, fd, (uintptr_t)memory, 2 * page), 0);
    expect_reset(-EIO);
    munmap(memory, 2 * page);
}

static void file_that_cannot_be_sent_is_read(void **unused)
{
    static const int codes[] = {-EINVAL, -ENOSYS, -ENOMEM, -ENOBUFS, -EAGAIN};
    enum { SOME = 300000 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(0);
        atomic_store(&send_code, codes[i]);
        disk.most = i % 2 ? 100 : 0;
        atomic_store(&disk.interrupts, i % 2 ? 3 : 0);
        int fd = make_file(SOME);
        assert_int_equal(tell(WRITE_FILE, fd, 1, SOME - 1), 0);
        raw_expect(ends[1], content + 1, SOME - 1);
        end();
    }
}

/* What else the loop has to do comes in between. */
static void quick_reader_leaves_the_loop_to_others(void **unused)
{
    enum { HUGE = 128 << 20, BOUND = 2 << 20 };
    static uint8_t got[1 << 20];
    begin(0);
    atomic_store(&pretends, true);
    int fd = make_file(1);
    assert_int_equal(ftruncate(fd, HUGE), 0);
    assert_int_equal(tell(WRITE_FILE, fd, 0, HUGE), 0);
    assert_int_equal(tell(CLOSE, 0, 0, 0), 0);
    ssize_t n = raw_read_all(ends[1], got, sizeof got);
    atomic_store(&pretends, false);
    assert_in_range(n, 1, sizeof got); /* what it could not send at once, it has read */
    assert_in_range(atomic_load(&most_at_a_time), 1, BOUND);
    end();
}

static void its_end_leaves_no_descriptor(void **unused)
{
    begin(0);
    int fd = make_file(SIZE);
    assert_int_equal(tell(WRITE_FILE, fd, 0, SIZE), 0);
    assert_int_equal(tell(ABORT, 0, 0, 0), 0);
    await(&closed, 1);
    end();
    begin(0);
    fd = make_file(SIZE);
    assert_int_equal(tell(WRITE_FILE, fd, 0, SIZE), 0);
    end(); /* of its owner, and of the system */
}

/* ---- what is refused -------------------------------------------------------------- */

static void what_is_no_file_is_refused(void **unused)
{
    int pipe_ends[2], folder = open("/", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    begin(0);
    assert_int_equal(tell(WRITE_FILE, folder, 0, 1), -EINVAL);
    assert_int_equal(tell(WRITE_FILE, pipe_ends[0], 0, 1), -EINVAL);
    assert_int_equal(tell(WRITE_FILE, -1, 0, 1), -EBADF);
    for (size_t i = 0; i < 2; i++) {
        int fd = open("/proc/self/comm", (i ? O_PATH : O_WRONLY) | O_CLOEXEC);
        assert_int_equal(tell(WRITE_FILE, fd, 0, 1), -EBADF);
        close(fd);
    }
    assert_int_equal(tell(CLOSE, 0, 0, 0), 0);
    assert_int_equal(tell(WRITE_FILE, folder, 0, 1), -EPIPE);
    end();
    close(folder);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void ask_too_much(void)
{
    begin(0);
    assert_int_equal(tell(WRITE_FILE, 0, 0, 0), -EINVAL);
    assert_int_equal(tell(WRITE_FILE, 0, INT64_MAX, 1), -EINVAL);
    assert_int_equal(tell(WRITE_FILE, 0, 1, UINT64_MAX), -EINVAL);
    end();
}
static void no_bytes_or_too_many_are_refused(void **unused) { misuse(ask_too_much); }

/* libuv opens a pipe for signals when it is first used, for good. */
static int warm_up(void **unused)
{
    begin(0);
    close_system(sys);
    close(ends[1]);
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(file_is_sent),
          cmocka_unit_test(file_that_is_shorter_ends_it),
          cmocka_unit_test(file_that_cannot_be_read_is_a_reset),
          cmocka_unit_test(rest_that_cannot_be_read_is_a_reset),
          cmocka_unit_test(file_that_cannot_be_sent_is_read),
          cmocka_unit_test(quick_reader_leaves_the_loop_to_others),
          cmocka_unit_test(its_end_leaves_no_descriptor),
          cmocka_unit_test(what_is_no_file_is_refused),
          cmocka_unit_test(no_bytes_or_too_many_are_refused));
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
