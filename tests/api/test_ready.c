/* test_ready.c: that a descriptor can be read or written, as a message. */
#include "support/open.h"
#include "support/process.h"
#include "support/serving.h"

#include <cadre/ask.h>
#include <cadre/ready.h>
#include <cadre/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- an actor that watches, and does what it is told ----------------------------- */

enum deed { WHEN, CLOSE, CANCEL, STOP };
typedef struct order {
    int deed, events;
} order;
static CADRE_TYPE(order);

static int watched;
static atomic_uint opened, obeyed, told, closed, reads, writes, wrongs;
static atomic_int refused, reason;

static int watcher_start(cadre_self *self, void *state)
{
    atomic_store(&refused, cadre_ready_watch(self, state, watched));
    atomic_fetch_add(&opened, 1);
    return 0;
}
static int obey(cadre_self *self, cadre_ready ready, const order *o)
{
    switch (o->deed) {
    case WHEN:
        return cadre_ready_when(self, ready, o->events);
    case CLOSE:
        return cadre_ready_close(self, ready);
    case CANCEL:
        return cadre_cancel(self, (cadre_token){ready.id});
    default:
        return 0;
    }
}
static int watcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ready *ready = state;
    const cadre_ready_now *now = cadre_body(m, cadre_ready_now);
    const cadre_ready_closed *end = cadre_body(m, cadre_ready_closed);
    const order *o = cadre_body(m, order);
    if (now) {
        atomic_fetch_add(&wrongs, now->ready.id != ready->id);
        atomic_fetch_add(&reads, (now->events & CADRE_READY_READ) != 0);
        atomic_fetch_add(&writes, (now->events & CADRE_READY_WRITE) != 0);
        atomic_fetch_add(&told, 1);
    }
    if (end) {
        atomic_store(&reason, end->reason);
        atomic_fetch_add(&wrongs, end->ready.id != ready->id);
        atomic_fetch_add(&closed, 1);
    }
    if (o) {
        atomic_store(&refused, obey(self, *ready, o));
        atomic_fetch_add(&obeyed, 1);
    }
    return o && o->deed == STOP ? CADRE_STOP : 0;
}
static const cadre_class watcher = {.name = "watcher",
                                    .state_size = sizeof(cadre_ready),
                                    .start = watcher_start,
                                    .receive = watcher_receive};

static cadre_system *sys;
static int ends[2];
static unsigned descriptors;

static void begin_with(int fd, uint32_t io_threads)
{
    atomic_uint *const all[] = {&opened, &obeyed, &told,  &closed,
                                &reads,  &writes, &wrongs};
    for (int i = 0; i < 7; i++)
        atomic_store(all[i], 0);
    cadre_config config = quiet(2, 0);
    config.io_threads = io_threads;
    watched = fd;
    assert_int_equal(cadre_system_new(&sys, &config, &watcher, NULL), 0);
    await(&opened, 1);
}
static void begin(uint32_t io_threads)
{
    descriptors = process_descriptors();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    begin_with(ends[0], io_threads);
    assert_int_equal(atomic_load(&refused), 0);
}
static void end(void)
{
    close_system(sys);
    assert_int_equal(atomic_load(&wrongs), 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(process_descriptors(), descriptors);
}
/* Returns what the call returned. */
static int tell(int deed, int events)
{
    unsigned before = atomic_load(&obeyed);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), order, deed, events), 0);
    await(&obeyed, before + 1);
    return atomic_load(&refused);
}

/* ---- what it is told ------------------------------------------------------------- */

static void told_once_by(uint32_t io_threads)
{
    char byte;
    begin(io_threads);
    assert_int_equal(write(ends[1], "ab", 2), 2); /* nobody has asked */
    assert_int_equal(tell(WHEN, CADRE_READY_WRITE), 0);
    await(&told, 1);
    for (unsigned i = 1; i <= 50; i++) {
        assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
        await(&told, i + 1);
        assert_int_equal(atomic_load(&reads), i);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
    assert_int_equal(tell(WHEN, CADRE_READY_WRITE), 0);
    await(&writes, 2);
    assert_int_equal(atomic_load(&reads), 50); /* there is nothing */
    assert_int_equal(write(ends[1], "c", 1), 1);
    await(&reads, 51);
    assert_int_equal(atomic_load(&writes), 2);
    end();
}
static void told_once_per_when(void **state)
{
    told_once_by(0);
    told_once_by(1);
}

static void ready_is_not_missed(void **state)
{
    char byte;
    for (uint32_t threads = 0; threads < 2; threads++) {
        begin(threads);
        for (unsigned i = 1; i <= 200; i++) {
            assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
            assert_int_equal(write(ends[1], "a", 1), 1);
            await(&reads, i);
            assert_int_equal(read(ends[0], &byte, 1), 1);
        }
        assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
        shutdown(ends[1], SHUT_RDWR);
        await(&reads, 201);
        end();
    }
}

static void descriptor_is_its_own(void **state)
{
    int other[2];
    begin(0);
    close(ends[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0); /* its number */
    assert_int_equal(write(other[1], "b", 1), 1);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
    assert_int_equal(tell(WHEN, CADRE_READY_WRITE), 0);
    await(&writes, 1);
    assert_int_equal(atomic_load(&reads), 0);
    assert_int_equal(write(ends[1], "a", 1), 1);
    await(&reads, 1);
    close(other[1]);
    ends[0] = other[0];
    end();
}

/* ---- its end --------------------------------------------------------------------- */

static void one_ready_closed(void **state)
{
    begin(0);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
    assert_int_equal(tell(CLOSE, 0), 0);
    await(&closed, 1);
    assert_int_equal(atomic_load(&reason), 0);
    assert_int_equal(tell(CLOSE, 0), -ENOENT);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), -ENOENT);
    end();
    assert_int_equal(atomic_load(&closed), 1);
    assert_int_equal(atomic_load(&told), 0);
    begin(0);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), 0);
    assert_int_equal(tell(CANCEL, 0), 0);
    assert_int_equal(write(ends[1], "a", 1), 1);
    end();
    begin(0);
    assert_int_equal(tell(WHEN, CADRE_READY_WRITE), 0);
    assert_int_equal(tell(STOP, 0), 0);
    end();
    assert_int_equal(atomic_load(&closed), 0);
}

static void what_is_not_watched_is_said(void **state)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    descriptors = process_descriptors();
    begin_with(-1, 0);
    assert_int_equal(atomic_load(&refused), -EBADF);
    assert_int_equal(tell(WHEN, CADRE_READY_READ), -ENOENT);
    close_system(sys);
    begin_with(file, 0);
    await(&closed, 1);
    assert_int_equal(atomic_load(&reason), -EPERM);
    close_system(sys);
    assert_int_equal(process_descriptors(), descriptors);
    close(file);
}

int main(void)
{
    TESTS(cmocka_unit_test(told_once_per_when), cmocka_unit_test(ready_is_not_missed),
          cmocka_unit_test(descriptor_is_its_own), cmocka_unit_test(one_ready_closed),
          cmocka_unit_test(what_is_not_watched_is_said));
    begin(0); /* libuv opens something for good */
    close_system(sys);
    close(ends[0]);
    close(ends[1]);
    return RUN_TESTS();
}
