/* sockets.c: the other side of a socket, without Cadre. */
#include "support/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, STUCK_MS = 100 };

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

int raw_socket(void) { return open_socket(AF_INET); }
int raw_local_socket(void) { return open_socket(AF_UNIX); }

/* Returns its size. */
static socklen_t named(struct sockaddr_un *at, const char *path)
{
    size_t length = strlen(path);
    assert_true(length < sizeof at->sun_path);
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(at->sun_path, path, length);
    if (path[0] == '@')
        at->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
                       (path[0] != '@'));
}

int raw_local_connect_socket(int fd, const char *path)
{
    struct sockaddr_un to;
    socklen_t size = named(&to, path);
    return connect(fd, (struct sockaddr *)&to, size) ? -errno : 0;
}

int raw_local_connect(const char *path)
{
    int fd = raw_local_socket();
    assert_int_equal(raw_local_connect_socket(fd, path), 0);
    return fd;
}

int raw_local_listen(const char *path, int backlog)
{
    int fd = raw_local_socket();
    struct sockaddr_un at;
    socklen_t size = named(&at, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

int raw_connect_socket(int fd, uint16_t port)
{
    struct sockaddr_in to = loopback(port);
    return connect(fd, (struct sockaddr *)&to, sizeof to) ? -errno : 0;
}

int raw_connect(uint16_t port)
{
    int fd = raw_socket();
    assert_int_equal(raw_connect_socket(fd, port), 0);
    return fd;
}

int raw_listen(uint16_t *port, int backlog)
{
    int fd = raw_socket();
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

int raw_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

void raw_reset(int fd)
{
    const struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void raw_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        size -= (size_t)n;
    }
}

size_t raw_repeat_until_stuck(int fd, const void *bytes, size_t size, size_t most)
{
    size_t sum = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (sum < most && poll(&writable, 1, STUCK_MS) == 1) {
        size_t at = sum % size;
        ssize_t n =
            send(fd, (const char *)bytes + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        sum += n > 0 ? (size_t)n : 0;
    }
    return sum;
}

size_t raw_send_until_stuck(int fd, size_t most)
{
    static const char zeros[1 << 16];
    return raw_repeat_until_stuck(fd, zeros, sizeof zeros, most);
}

void raw_expect(int fd, const void *bytes, size_t size)
{
    char got[4096];
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = recv(fd, got, size < sizeof got ? size : sizeof got, 0);
        assert_true(n > 0);
        assert_memory_equal(got, at, (size_t)n);
        at += n;
        size -= (size_t)n;
    }
}

ssize_t raw_read_all(int fd, void *bytes, size_t size)
{
    size_t sum = 0;
    ssize_t n = 0;
    while (sum < size && (n = recv(fd, (char *)bytes + sum, size - sum, 0)) > 0)
        sum += (size_t)n;
    return n < 0 ? -errno : (ssize_t)sum;
}

int raw_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    assert_true(n <= 0);
    return n < 0 ? -errno : 0;
}

unsigned raw_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

bool raw_next_descriptor(DIR *dir, int *fd)
{
    struct dirent *entry;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.') {
    }
    *fd = entry ? atoi(entry->d_name) : -1;
    return entry != NULL;
}

int raw_find_other_end(int fd)
{
    struct sockaddr_in ours, peer;
    socklen_t size = sizeof ours;
    DIR *dir = opendir("/proc/self/fd");
    int at;
    assert_non_null(dir);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ours, &size), 0);
    while (raw_next_descriptor(dir, &at))
        if (size = sizeof peer, getpeername(at, (struct sockaddr *)&peer, &size) == 0 &&
                                    peer.sin_family == AF_INET &&
                                    peer.sin_port == ours.sin_port)
            break;
    closedir(dir);
    return at;
}

int raw_other_end(int fd)
{
    int at = raw_find_other_end(fd);
    assert_true(at >= 0);
    return at;
}

size_t raw_read_ahead(int fd, size_t sent)
{
    int near = 0, far = 0;
    assert_int_equal(ioctl(fd, SIOCOUTQ, &near), 0);
    assert_int_equal(ioctl(raw_other_end(fd), FIONREAD, &far), 0);
    return sent - (size_t)near - (size_t)far;
}
