/* test_udp_system.c: UDP: what the system's calls say is told to whom it concerns. */
#include "support/packets.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

static _Atomic uint16_t peer_port;

/* ---- the system's calls ---------------------------------------------------------- */

enum { ERRORS = 4 };
static int errors[ERRORS]; /* of sendto, one after another; the handler's */
static atomic_uint tries;

ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
               const struct sockaddr *to, socklen_t to_size)
{
    unsigned i = atomic_fetch_add(&tries, 1);
    if (i < ERRORS && errors[i]) {
        errno = errors[i];
        return -1;
    }
    return syscall(SYS_sendto, fd, bytes, size, flags, to, to_size);
}

static atomic_bool is_old; /* the kernel: it knows no IPV6_MULTICAST_ALL */
int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    enum { MULTICAST_ALL = 29 };
    if (atomic_load(&is_old) && level == IPPROTO_IPV6 && option == MULTICAST_ALL) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

static atomic_int bound_shared; /* when it was bound others could have the port, too */
int bind(int fd, const struct sockaddr *at, socklen_t size)
{
    int shared = -1;
    socklen_t shared_size = sizeof shared;
    (void)getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &shared, &shared_size);
    atomic_store(&bound_shared, shared);
    return (int)syscall(SYS_bind, fd, at, size);
}

static atomic_bool is_unwatched; /* libuv has no room for one more descriptor */
static int polls(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    static int (*real)(uv_loop_t * loop, uv_poll_t * poll, int fd);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "uv_poll_init");
    return real(loop, poll, fd);
}
int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    return atomic_load(&is_unwatched) ? UV_ENOMEM : polls(loop, poll, fd);
}

/* ---- an error of the network's --------------------------------------------------- */

static void fail_with(int first, int second, int third)
{
    errors[0] = first;
    errors[1] = second;
    errors[2] = third;
    atomic_store(&tries, 0);
}

/* Sends to its peer, which it has got before. */
static int send_it(cadre_self *self, cadre_udp udp, int first, int second, int third)
{
    fail_with(first, second, third);
    int err = cadre_udp_send(self, udp, NULL, "x", 1);
    fail_with(0, 0, 0);
    return err;
}

enum { OWN, EARLIER, EARLIER_AND_OWN, EARLIER_TWICE, FULL, WITHOUT_PEER };

static int send_one(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const number *n = cadre_body(m, number);
    const cadre_address to = {"127.0.0.1", peer_port};
    if (!n)
        return udp_note(self, state, m);
    if (n->value == WITHOUT_PEER) {
        fail_with(EHOSTUNREACH, 0, 0);
        udp_wrong_unless(cadre_udp_send(self, udp, &to, "x", 1) == -EHOSTUNREACH);
        fail_with(0, 0, 0);
    } else {
        udp_wrong_unless(cadre_udp_connect(self, udp, to.host, to.port) == 0);
    }
    if (n->value == OWN)
        udp_wrong_unless(send_it(self, udp, EMSGSIZE, EMSGSIZE, 0) == -EMSGSIZE);
    if (n->value == EARLIER)
        udp_wrong_unless(send_it(self, udp, EHOSTUNREACH, 0, 0) == 0);
    if (n->value == EARLIER_AND_OWN)
        udp_wrong_unless(send_it(self, udp, EPROTO, EACCES, EACCES) == -EACCES);
    if (n->value == EARLIER_TWICE)
        udp_wrong_unless(send_it(self, udp, ECONNREFUSED, ECONNREFUSED, 0) == 0);
    if (n->value == FULL)
        udp_wrong_unless(send_it(self, udp, ENOPROTOOPT, EAGAIN, 0) == CADRE_EFULL);
    atomic_fetch_add(&udp_facts.steps, 1);
    return 0;
}

/* reason: of what is told to have failed; 0: nothing is. packets: that the peer gets. */
static void check_error(uint64_t which, int reason, unsigned packets)
{
    uint16_t port = 0;
    int fd = peer_open(&port);
    atomic_store(&peer_port, port);
    udp_plan.receive = send_one;
    cadre_system *sys = udp_serve();
    udp_order(sys, which);
    await(&udp_facts.steps, 1);
    if (reason) {
        await(&udp_facts.failed, 1);
        assert_int_equal(udp_facts.reason, -reason);
    }
    for (; packets > 0; packets--)
        packet_expect(fd, "x", 1);
    udp_served(sys);
    assert_int_equal(udp_facts.failed, reason != 0);
    assert_int_equal(recv(fd, &port, sizeof port, MSG_DONTWAIT), -1);
    close(fd);
}

static void earlier_error_is_not_of_this_packet(void **unused)
{
    check_error(EARLIER, EHOSTUNREACH, 1);
    check_error(EARLIER_AND_OWN, EPROTO, 0);
    check_error(EARLIER_TWICE, ECONNREFUSED, 1);
    check_error(FULL, ENOPROTOOPT, 0);
    check_error(OWN, 0, 0);
    check_error(WITHOUT_PEER, 0, 0);
}

/* ---- an old kernel --------------------------------------------------------------- */

static void without_multicast_all_it_is_opened(void **unused)
{
    udp_plan.host = "any";
    atomic_store(&is_old, true);
    cadre_system *sys = udp_serve();
    udp_served(sys);
    atomic_store(&is_old, false);
}

/* ---- a free port, to be shared --------------------------------------------------- */

/* It is one that nobody has, and others may have it afterwards. */
static void free_port_is_nobodys(void **unused)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    udp_plan.options.shared = true;
    cadre_system *sys = udp_serve();
    assert_int_equal(bound_shared, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    at.sin_port = htons(udp_facts.port);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    udp_served(sys);
}

/* ---- one that is not read -------------------------------------------------------- */

/* Opens one in vain, and closes it before its loop has seen it, or not. */
static int open_unwatched(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    cadre_udp udp;
    if (!n)
        return udp_note(self, state, m);
    atomic_store(&is_unwatched, true);
    int err = cadre_udp_open(self, &udp, "127.0.0.1", 0, NULL);
    return err || n->value ? err : cadre_udp_close(self, udp);
}

static void unwatched_is_closed(void **unused)
{
    for (uint64_t round = 0; round < 4; round++) {
        udp_plan.io_threads = round / 2 % 2;
        udp_plan.receive = open_unwatched;
        uint16_t port = 0;
        cadre_system *sys = udp_serve();
        int fd = peer_open(&port);
        packet_send(fd, "x", 1);
        await(&udp_facts.packets, 1); /* so that one is watched */
        udp_order(sys, round % 2);
        await(&udp_facts.closed, 1);
        assert_int_equal(udp_facts.reason, -ENOMEM);
        atomic_store(&is_unwatched, false);
        close(fd);
        udp_served(sys);
        assert_int_equal(udp_facts.closed, 1);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(earlier_error_is_not_of_this_packet),
          cmocka_unit_test(without_multicast_all_it_is_opened),
          cmocka_unit_test(free_port_is_nobodys),
          cmocka_unit_test(unwatched_is_closed));
    return RUN_TESTS();
}
