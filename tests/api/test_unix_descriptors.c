/* test_unix_descriptors.c: descriptors that go with the bytes of UNIX sockets. */
#include "support/open.h"
#include "support/process.h"
#include "support/sockets.h"

#include <cadre/descriptor.h>
#include <cadre/unix.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- an actor with one side of a pair of sockets, and what it does ------------- */

enum deed { SEND, GIVE, TAKE_NONE, TAKE_ALL, WINDOW, CLOSE, HAND_OVER };
typedef struct {
    int deed, of;
} order;
static CADRE_TYPE(order);

enum { MOST = 3 };
static atomic_uint opened, obeyed, closed, got, taken, wrongs;
static atomic_size_t bytes;
static atomic_int result, reason, first_taken = -1;
static bool takes = true;
static int ends[2], sent[17];
static uint32_t most = MOST;

static void take_all(cadre_self *self, cadre_stream stream)
{
    int fd;
    while (cadre_unix_take(self, stream, &fd) == 0) {
        atomic_fetch_add(&wrongs, (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0);
        atomic_fetch_add(&taken, 1);
        if (atomic_load(&first_taken) < 0)
            atomic_store(&first_taken, fd);
        else
            close(fd);
    }
    atomic_fetch_add(&wrongs, cadre_unix_take(self, stream, &fd) != -ENODATA);
}

/* Another connection, as soon as it is there. */
static cadre_stream second;
static int hand_over(cadre_self *self, int fd)
{
    return cadre_descriptor_open(self, &second, fd,
                                 CADRE_DESCRIPTOR_READ | CADRE_DESCRIPTOR_WRITE, NULL);
}

static int obey(cadre_self *self, cadre_stream *s, const order *o)
{
    static const char text[1 << 16];
    switch ((enum deed)o->deed) {
    case SEND:
        return cadre_unix_send(self, *s, text, 1, sent, (uint32_t)o->of);
    case GIVE:
        return cadre_stream_write(self, *s, text, (size_t)o->of);
    case TAKE_NONE:
        takes = false;
        return 0;
    case TAKE_ALL:
        takes = true;
        return 0;
    case WINDOW:
        return cadre_stream_window(self, *s, (uint32_t)o->of);
    case HAND_OVER:
        return hand_over(self, o->of);
    case CLOSE:
        return cadre_stream_close(self, *s, 30 * CADRE_SECOND);
    }
    return 0;
}

static int passer_start(cadre_self *self, void *state)
{
    const cadre_stream_options options = {.descriptors = most};
    return cadre_descriptor_open(
        self, state, ends[0], CADRE_DESCRIPTOR_READ | CADRE_DESCRIPTOR_WRITE, &options);
}
static int passer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream *s = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *end = cadre_body(m, cadre_stream_closed);
    const cadre_stream_opened *begin = cadre_body(m, cadre_stream_opened);
    const cadre_descriptor_released *released =
        cadre_body(m, cadre_descriptor_released);
    const order *o = cadre_body(m, order);
    if (begin && begin->stream.id == second.id)
        return cadre_descriptor_release(self, second);
    if (released)
        return cadre_unix_send(self, *s, "h", 1, &released->fd, 1);
    atomic_fetch_add(&opened, m->type == &cadre_stream_opened_type);
    if (data) {
        if (takes)
            take_all(self, *s);
        atomic_fetch_add(&bytes, cadre_buf_size(data->buf));
        atomic_fetch_add(&got, 1);
    }
    if (end) {
        atomic_store(&reason, end->reason);
        atomic_fetch_add(&closed, 1);
    }
    if (o) {
        atomic_store(&result, obey(self, s, o));
        atomic_fetch_add(&obeyed, 1);
    }
    return 0;
}
static const cadre_class passer = {.name = "passer",
                                   .state_size = sizeof(cadre_stream),
                                   .start = passer_start,
                                   .receive = passer_receive};

static cadre_system *sys;
static unsigned descriptors;

static void begin(uint32_t io_threads)
{
    atomic_uint *const all[] = {&opened, &obeyed, &closed, &got, &taken, &wrongs};
    cadre_config config = quiet(2, 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        atomic_store(all[i], 0);
    atomic_store(&bytes, 0);
    atomic_store(&first_taken, -1);
    takes = true;
    config.io_threads = io_threads;
    descriptors = process_descriptors();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(cadre_system_new(&sys, &config, &passer, NULL), 0);
    await(&opened, 1);
    close(ends[0]);
}
static void end(void)
{
    close_system(sys);
    close(ends[1]);
    if (atomic_load(&first_taken) >= 0)
        close(atomic_load(&first_taken));
    assert_int_equal(atomic_load(&wrongs), 0);
    assert_int_equal(process_descriptors(), descriptors);
}
/* One that was open when it began. */
static void close_known(int fd)
{
    close(fd);
    descriptors--;
}
static int tell(int deed, int of)
{
    unsigned before = atomic_load(&obeyed);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), order, deed, of), 0);
    await(&obeyed, before + 1);
    return atomic_load(&result);
}

/* ---- the other side ------------------------------------------------------------ */

union control {
    char bytes[CMSG_SPACE(64 * sizeof(int))];
    struct cmsghdr head;
};

static void raw_pass(const int *fds, unsigned count, size_t size)
{
    static char text[1 << 12];
    union control control = {.bytes = {0}};
    struct iovec piece = {text, size};
    struct msghdr m = {.msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    assert_int_equal(sendmsg(ends[1], &m, MSG_NOSIGNAL), size);
}

/* Returns how many came with up to so many bytes; *fd: the first, or -1. */
static unsigned raw_get(size_t size, int *fd)
{
    static char text[1 << 16];
    union control control;
    struct iovec piece = {text, size};
    struct msghdr m = {.msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    unsigned count = 0;
    *fd = -1;
    assert_true(recvmsg(ends[1], &m, MSG_CMSG_CLOEXEC) > 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c)
        count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (unsigned i = 0; i < count; i++) {
        int one;
        memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
        if (i == 0)
            *fd = one;
        else
            close(one);
    }
    return count;
}

static bool is_same(int a, int b)
{
    struct stat one, other;
    assert_int_equal(fstat(a, &one), 0);
    assert_int_equal(fstat(b, &other), 0);
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Nobody has the other end of this pipe any more. */
static void expect_nobody(int reader)
{
    struct pollfd p = {.fd = reader};
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_true(p.revents & POLLHUP);
}

/* ---- the guarantees ------------------------------------------------------------ */

static void arrive(uint32_t io_threads)
{
    int file = open("/", O_RDONLY | O_CLOEXEC), fd;
    const int some[MOST] = {file, 0, 0};
    begin(io_threads);
    raw_pass(some, MOST, 5);
    await(&taken, MOST);
    assert_true(is_same(atomic_load(&first_taken), file));
    raw_pass(some, 1, 1);
    raw_send(ends[1], "x", 1);
    await(&taken, MOST + 1);
    sent[0] = sent[1] = file;
    assert_int_equal(tell(GIVE, 3), 0);
    assert_int_equal(tell(SEND, 2), 0);
    assert_int_equal(raw_get(3, &fd), 0);
    assert_int_equal(raw_get(1, &fd), 2);
    assert_true(is_same(fd, file));
    close(fd);
    close_known(file);
    end();
}
static void descriptors_arrive(void **unused)
{
    arrive(0);
    arrive(1);
}

/* Who gets it talks to its peer. */
static void connections_are_handed_over(void **unused)
{
    int pair[2], fd;
    begin(0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(tell(HAND_OVER, pair[0]), 0);
    close(pair[0]);
    assert_int_equal(raw_get(1, &fd), 1);
    await(&closed, 1);
    assert_int_equal(reason, 0);
    raw_send(pair[1], "hello", 5);
    raw_expect(fd, "hello", 5);
    close(fd);
    assert_int_equal(raw_end(pair[1]), 0);
    close(pair[1]);
    end();
}

/* More than the socket takes goes before, and behind. */
static void they_wait_for_room(uint32_t io_threads)
{
    enum { PIECES = 15, SIZE = 1 << 16, ROUNDS = 4, MANY = 500 };
    int fd;
    size_t sum = 0;
    unsigned came = 0;
    begin(io_threads);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(tell(SEND, 1), 0);
        for (int j = 0; j < PIECES / ROUNDS; j++)
            assert_int_equal(tell(GIVE, SIZE), 0);
    }
    size_t all = ROUNDS * (1 + PIECES / ROUNDS * SIZE);
    while (sum < all) {
        char byte[1 << 12];
        if (sum % (1 + PIECES / ROUNDS * SIZE) == 0) {
            came += raw_get(1, &fd);
            close(fd);
            sum++;
            continue;
        }
        size_t left = (1 + PIECES / ROUNDS * SIZE) - sum % (1 + PIECES / ROUNDS * SIZE);
        ssize_t n = recv(ends[1], byte, left < sizeof byte ? left : sizeof byte, 0);
        assert_true(n > 0);
        sum += (size_t)n;
    }
    assert_int_equal(came, ROUNDS);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(tell(SEND, 1), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(raw_get(SIZE, &fd), 1);
        close(fd);
    }
    end();
}
static void order_holds_without_room(void **unused)
{
    sent[0] = open("/", O_RDONLY | O_CLOEXEC);
    they_wait_for_room(0);
    they_wait_for_room(1);
    close(sent[0]);
}

/* Not taken; taken by nobody because it is closed, or ends; not sent. */
static void no_descriptor_is_left(void **unused)
{
    int watched[2];
    for (int how = 0; how < 4; how++) {
        assert_int_equal(pipe2(watched, O_CLOEXEC), 0);
        begin(0);
        (void)tell(TAKE_NONE, 0);
        if (how == 1) /* it waits in a slot */
            assert_int_equal(tell(WINDOW, 1), 0);
        if (how == 2)
            assert_int_equal(tell(CLOSE, 0), 0);
        if (how < 3) {
            raw_pass(&watched[1], 1, 100);
        } else { /* it waits to be sent */
            sent[0] = watched[1];
            assert_int_equal(tell(GIVE, 1 << 16), 0);
            assert_int_equal(tell(GIVE, 1 << 16), 0);
            for (int i = 0; i < 10; i++)
                assert_int_equal(tell(GIVE, 1 << 16), 0);
            assert_int_equal(tell(SEND, 1), 0);
        }
        close_known(watched[1]);
        if (how == 0)
            await(&got, 1);
        end();
        expect_nobody(watched[0]);
        close(watched[0]);
    }
}

static void too_many_close_it(void **unused)
{
    const int some[MOST + 1] = {0};
    begin(0);
    raw_pass(some, MOST + 1, 1);
    await(&closed, 1);
    assert_int_equal(reason, -EMSGSIZE);
    assert_int_equal(got, 0);
    end();
}

/* The kernel drops what there is no descriptor for. */
static void no_room_closes_it(void **unused)
{
    struct rlimit before, few;
    const int some[MOST] = {0};
    begin(0);
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)(next + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    raw_pass(some, MOST, 1);
    await(&closed, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(reason, -EMFILE);
    end();
}

/* Without the option they are dropped, and the bytes come. */
static void not_asked_for_is_dropped(void **unused)
{
    int watched[2];
    assert_int_equal(pipe2(watched, O_CLOEXEC), 0);
    most = 0;
    begin(0);
    raw_pass(&watched[1], 1, 1);
    close_known(watched[1]);
    await(&got, 1);
    expect_nobody(watched[0]);
    sent[0] = 0;
    assert_int_equal(tell(SEND, 1), -ENOTSUP);
    most = MOST;
    assert_int_equal(atomic_load(&taken), 0);
    close_known(watched[0]);
    end();
}

static void bad_descriptors_are_refused(void **unused)
{
    int fd;
    begin(0);
    sent[0] = 0;
    sent[1] = 12345;
    assert_int_equal(tell(SEND, 2), -EBADF);
    raw_send(ends[1], "x", 1);
    await(&got, 1);
    sent[1] = 0;
    assert_int_equal(tell(SEND, 2), 0);
    assert_int_equal(raw_get(10, &fd), 2);
    close(fd);
    end();
}

static void misuse_it(void)
{
    begin(0);
    assert_int_equal(tell(SEND, 0), -EINVAL);
    assert_int_equal(tell(SEND, 17), -EINVAL);
    end();
}
static void bad_input_is_refused(void **unused) { misuse(misuse_it); }

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
    TESTS(cmocka_unit_test(descriptors_arrive),
          cmocka_unit_test(connections_are_handed_over),
          cmocka_unit_test(order_holds_without_room),
          cmocka_unit_test(no_descriptor_is_left), cmocka_unit_test(too_many_close_it),
          cmocka_unit_test(no_room_closes_it),
          cmocka_unit_test(not_asked_for_is_dropped),
          cmocka_unit_test(bad_descriptors_are_refused),
          cmocka_unit_test(bad_input_is_refused));
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
