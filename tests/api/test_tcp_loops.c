/* test_tcp_loops.c: all loops of a system read and write for one listener. */
#include "support/serving.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is open in this process, one descriptor after the other. */
static bool next_descriptor(DIR *dir, int *fd)
{
    struct dirent *entry;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.') {
    }
    *fd = entry ? atoi(entry->d_name) : -1;
    return entry != NULL;
}

/* The system's end of our connection. */
static int other_end(int fd)
{
    struct sockaddr_in ours, peer;
    socklen_t size = sizeof ours;
    DIR *dir = opendir("/proc/self/fd");
    int at;
    assert_non_null(dir);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ours, &size), 0);
    while (next_descriptor(dir, &at))
        if (size = sizeof peer, getpeername(at, (struct sockaddr *)&peer, &size) == 0 &&
                                    peer.sin_family == AF_INET &&
                                    peer.sin_port == ours.sin_port)
            break;
    closedir(dir);
    assert_true(at >= 0);
    return at;
}

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
    int end = other_end(fd), at;
    DIR *dir = opendir("/proc/self/fdinfo");
    assert_non_null(dir);
    while (next_descriptor(dir, &at) && !is_waited_for(at, end)) {
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

int main(void)
{
    TESTS(cmocka_unit_test(one_listener_uses_all_loops),
          cmocka_unit_test(loops_share_the_cap));
    return RUN_TESTS();
}
