/* test_tcp_loops.c: all loops of a system read and write for one listener. */
#include "support/serving.h"

#include <cadre/pin.h>
#include <cadre/timer.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static bool is_waited_for(int epoll, int fd)
{
    char path[64], line[128];
    int at;
    bool is = false;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
    FILE *f = fopen(path, "r");
    while (f && !is && fgets(line, sizeof line, f))
        is = sscanf(line, "tfd: %d", &at) == 1 && at == fd;
    if (f)
        fclose(f);
    return is;
}

/* The descriptor of the loop that our connection is in; it has answered. */
static int loop_of(int fd)
{
    int end = raw_other_end(fd), at;
    DIR *dir = opendir("/proc/self/fdinfo");
    assert_non_null(dir);
    while (raw_next_descriptor(dir, &at) && !is_waited_for(at, end)) {
    }
    closedir(dir);
    assert_true(at >= 0);
    return at;
}

static int connected(void)
{
    int fd = raw_connect(facts.port);
    raw_send(fd, "x", 1);
    raw_expect(fd, "x", 1);
    return fd;
}

/* A worker takes part from the next time on that it lies down. */
static void one_listener_uses_all_loops(void **unused)
{
    enum { LOOPS = 3 };
    for (uint32_t io = 0; io <= LOOPS; io += LOOPS) {
        int fds[LOOPS], loops[LOOPS];
        plan.workers = LOOPS;
        plan.io_threads = io;
        cadre_system *sys = tcp_serve();
        for (int i = 0; i < LOOPS;) {
            fds[i] = connected();
            loops[i] = loop_of(fds[i]);
            bool is_new = true;
            for (int j = 0; j < i; j++)
                is_new = is_new && loops[j] != loops[i];
            if (is_new)
                i++;
            else
                close(fds[i]);
        }
        for (int i = 0; i < LOOPS; i++)
            close(fds[i]);
        tcp_served(sys);
    }
}

/* They count together. */
static void loops_share_the_cap(void **unused)
{
    enum { MOST = 4, ALL = 40 };
    int fds[ALL];
    plan.options.connections_max = MOST;
    plan.io_threads = 3;
    cadre_system *sys = tcp_serve();
    for (int i = 0; i < ALL; i++) {
        fds[i] = raw_connect(facts.port);
        raw_send(fds[i], "x", 1);
    }
    for (int i = 0; i < ALL; i++) {
        raw_expect(fds[i], "x", 1); /* they wait in a queue */
        assert_true(atomic_load(&facts.opened) <= (unsigned)i + MOST);
        close(fds[i]);
    }
    await(&facts.downs, ALL);
    tcp_served(sys);
}

/* ---- what loops leave ------------------------------------------------------------ */

enum { MANY = 8 };

static void check_many(const int *fds)
{
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(raw_connect_socket(fds[i], facts.port), 0);
        raw_send(fds[i], "x", 1);
    }
    for (int i = 0; i < MANY; i++) {
        raw_expect(fds[i], "x", 1);
        close(fds[i]);
    }
}

/* There are not enough for all workers to have a loop. */
static void loops_leave_descriptors(void **unused)
{
    enum { FREE = 30 };
    int fds[MANY];
    struct rlimit before, few;
    tcp_served(tcp_serve()); /* libuv's own are there */
    for (int i = 0; i < MANY; i++)
        fds[i] = raw_socket();
    int next = dup(fds[0]);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)(next + FREE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    plan.workers = 16;
    cadre_system *sys = tcp_serve();
    check_many(fds);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close_system(sys);
    memset(&plan, 0, sizeof plan);
    assert_int_equal(facts.wrongs, 0);
}

static void loops_leave_memory(void **unused)
{
    int fds[MANY];
    for (int i = 0; i < MANY; i++)
        fds[i] = raw_socket();
    plan.workers = 64;
    plan.memory_max = 4 << 20;
    cadre_system *sys = tcp_serve();
    check_many(fds);
    close_system(sys);
    memset(&plan, 0, sizeof plan);
    assert_int_equal(facts.wrongs, 0);
}

/* ---- pinned ---------------------------------------------------------------------- */

static atomic_bool held;

/* Connects there, gives that away, and does not return. */
static int pinned_start(cadre_self *self, void *state)
{
    cadre_stream stream;
    return cadre_tcp_connect(self, &stream, "127.0.0.1", *(uint16_t *)state,
                             30 * CADRE_SECOND, NULL);
}
static int pinned_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class class = {.name = "other", .receive = tcp_echo};
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref other;
    if (!opened)
        return 0;
    int err = cadre_spawn(self, &other, &class, NULL);
    if (!err)
        err = cadre_stream_give(self, opened->stream, other);
    while (!err && atomic_load(&held))
        sched_yield();
    return err;
}
static int spawn_pinned(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class class = {.name = "pinned",
                                      .state_size = sizeof(uint16_t),
                                      .start = pinned_start,
                                      .receive = pinned_receive};
    const number *n = cadre_body(m, number);
    cadre_ref pinned;
    (void)tcp_note(self, state, m);
    return n ? cadre_spawn_pinned(self, &pinned, &class,
                                  &(uint16_t){(uint16_t)n->value})
             : 0;
}

/* What it has opened stays in its thread's loop, which others look at meanwhile. */
static void blocked_pinned_one_delays_nobody(void **unused)
{
    uint16_t port;
    int listener = raw_listen(&port, 5);
    plan.pinned = 1;
    plan.root = spawn_pinned;
    atomic_store(&held, true);
    cadre_system *sys = tcp_serve();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = port), 0);
    int fd = raw_accept(listener);
    await(&facts.opened, 1); /* by the other one: earlier bytes wait for the giver */
    for (int i = 0; i < 5; i++) {
        raw_send(fd, "x", 1);
        raw_expect(fd, "x", 1);
    }
    close(fd);
    await(&facts.closed, 1);
    atomic_store(&held, false);
    tcp_served(sys);
    close(listener);
}

/* ---- time ------------------------------------------------------------------------ */

static int set_farthest(cadre_self *self, void *state, cadre_msg *m)
{
    (void)tcp_note(self, state, m);
    return cadre_body(m, number)
               ? cadre_after(self, NULL, CADRE_NEVER - cadre_now(self) - 1, number, 0)
               : 0;
}

/* As late as can be said: the loop sleeps with that. */
static void loops_sleep_for_centuries(void **unused)
{
    plan.workers = 1;
    plan.root = set_farthest;
    cadre_system *sys = tcp_serve();
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = 1), 0);
    for (int i = 0; i < 3; i++)
        close(connected());
    await(&facts.downs, 3);
    tcp_served(sys);
}

/* ---- lent ------------------------------------------------------------------------ */

/* Two connections in the loops of two workers. */
static struct pair {
    int fds[2], loops[2];
} pair;

static void connect_pair(void)
{
    pair.fds[0] = connected();
    pair.loops[0] = loop_of(pair.fds[0]);
    for (;;) {
        pair.fds[1] = connected();
        pair.loops[1] = loop_of(pair.fds[1]);
        if (pair.loops[1] != pair.loops[0])
            return;
        close(pair.fds[1]);
    }
}

static void go_round(void)
{
    for (int i = 0; i < 2; i++) {
        raw_send(pair.fds[i], "x", 1);
        raw_expect(pair.fds[i], "x", 1);
    }
}

/* Does one worker wait for both? */
static bool is_lent(void *unused)
{
    for (int i = 0; i < 100; i++)
        go_round();
    return is_waited_for(pair.loops[0], pair.loops[1]) ||
           is_waited_for(pair.loops[1], pair.loops[0]);
}

/* They are woken for one byte at a time. */
static cadre_system *serve_lent(void)
{
    plan.workers = 2;
    cadre_system *sys = tcp_serve();
    connect_pair();
    await_true(is_lent, NULL);
    return sys;
}

static void close_pair(cadre_system *sys)
{
    for (int i = 0; i < 2; i++)
        close(pair.fds[i]);
    tcp_served(sys);
}

static void loops_that_are_woken_for_little_are_lent(void **unused)
{
    cadre_system *sys = serve_lent();
    for (int i = 0; i < 1000; i++)
        go_round();
    close_pair(sys);
}

/* What a lent loop waits to write is told to the kernel by whoever has it. */
static void lent_loops_write_when_there_is_room(void **unused)
{
    enum { MUCH = 8 << 20 };
    plan.options.write_max = MUCH;
    cadre_system *sys = serve_lent();
    for (int i = 0; i < 2; i++) {
        size_t sent = raw_send_until_stuck(pair.fds[i], MUCH);
        char *bytes = malloc(sent);
        assert_non_null(bytes);
        assert_int_equal(raw_read_all(pair.fds[i], bytes, sent), sent);
        free(bytes);
    }
    close_pair(sys);
}

/* Its timers ring, although nothing comes in. */
static void lent_loops_keep_time(void **unused)
{
    plan.options.idle = CADRE_SECOND / 2;
    cadre_system *sys = serve_lent();
    for (int i = 0; i < 2; i++)
        assert_int_equal(raw_end(pair.fds[i]), 0);
    close_pair(sys);
}

static atomic_uint holds;

static int hold(cadre_self *self, void *state, cadre_msg *m)
{
    (void)tcp_note(self, state, m);
    if (cadre_body(m, number))
        atomic_fetch_add(&holds, 1);
    while (cadre_body(m, number) && atomic_load(&held))
        sched_yield();
    return 0;
}

/* Whichever worker that is. */
static void blocked_worker_delays_no_lent_loop(void **unused)
{
    plan.root = hold;
    cadre_system *sys = serve_lent();
    atomic_store(&held, true);
    atomic_store(&holds, 0);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = 1), 0);
    await(&holds, 1);
    for (int i = 0; i < 5; i++)
        go_round();
    atomic_store(&held, false);
    close_pair(sys);
}

static atomic_bool refuses;
static atomic_uint refusals;

static bool is_epoll(int fd)
{
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, name, sizeof name - 1) > 0 && strstr(name, "[eventpoll]");
}

/* The kernel has no memory to wait for one loop in another. */
int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    if (op != EPOLL_CTL_ADD || !atomic_load(&refuses) || !is_epoll(fd))
        return real(epoll, op, fd, event);
    atomic_fetch_add(&refusals, 1);
    errno = ENOMEM;
    return -1;
}

static bool is_refused(void *unused)
{
    for (int i = 0; i < 100; i++)
        go_round();
    return atomic_load(&refusals) > 0;
}

static void loops_that_nobody_can_wait_for_stay(void **unused)
{
    plan.workers = 2;
    atomic_store(&refuses, true);
    cadre_system *sys = tcp_serve();
    connect_pair();
    await_true(is_refused, NULL);
    for (int i = 0; i < 20; i++)
        assert_false(is_lent(NULL));
    assert_int_equal(atomic_load(&refusals), 1); /* it is not tried again */
    atomic_store(&refuses, false);
    close_pair(sys);
}

static atomic_uint version; /* 0: the real one */

/* Which libuv is this? */
unsigned uv_version(void)
{
    static unsigned (*real)(void);
    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "uv_version");
    return atomic_load(&version) ? atomic_load(&version) : real();
}

/* They do not say all that is to be known. */
static void loops_of_old_libuvs_stay(void **unused)
{
    plan.workers = 2;
    atomic_store(&version, 1 << 16 | 43 << 8);
    cadre_system *sys = tcp_serve();
    connect_pair();
    for (int i = 0; i < 100; i++)
        assert_false(is_lent(NULL));
    atomic_store(&version, 0);
    close_pair(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(one_listener_uses_all_loops),
          cmocka_unit_test(loops_share_the_cap),
          cmocka_unit_test(loops_leave_descriptors),
          cmocka_unit_test(loops_leave_memory),
          cmocka_unit_test(blocked_pinned_one_delays_nobody),
          cmocka_unit_test(loops_sleep_for_centuries),
          cmocka_unit_test(loops_that_are_woken_for_little_are_lent),
          cmocka_unit_test(lent_loops_write_when_there_is_room),
          cmocka_unit_test(lent_loops_keep_time),
          cmocka_unit_test(blocked_worker_delays_no_lent_loop),
          cmocka_unit_test(loops_that_nobody_can_wait_for_stay),
          cmocka_unit_test(loops_of_old_libuvs_stay));
    return RUN_TESTS();
}
