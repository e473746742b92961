/* test_udp_net.c: UDP: groups, broadcasts, IPv6, what is sent; and what is refused. */
#include "support/effort.h"
#include "support/packets.h"

#include <cadre/await.h>
#include <cadre/supervise.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netinet/in.h>

static _Atomic uint16_t peer_port;

/* The system's call, which may be without room. */
static atomic_int send_error;
ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
               const struct sockaddr *to, socklen_t to_size)
{
    int err = atomic_exchange(&send_error, 0);
    if (err) {
        errno = err;
        return -1;
    }
    return syscall(SYS_sendto, fd, bytes, size, flags, to, to_size);
}

/* Serves until the owner, told a number, has done this. */
static void do_there(cadre_receive *receive)
{
    udp_plan.receive = receive;
    cadre_system *sys = udp_serve();
    udp_order(sys, 0);
    await(&udp_facts.steps, 1);
    udp_served(sys);
}

/* ---- sending --------------------------------------------------------------------- */

static int send_in_vain(cadre_self *self, void *state, cadre_msg *m)
{
    static const char bytes[65508];
    const cadre_udp udp = *(cadre_udp *)state;
    const cadre_address to = {"127.0.0.1", peer_port}, all = {"127.255.255.255", 9},
                        v6 = {"::1", 9};
    if (m->type != &number_type)
        return udp_note(self, state, m);
    atomic_store(&send_error, EAGAIN);
    udp_wrong_unless(cadre_udp_send(self, udp, &to, "x", 1) == CADRE_EFULL);
    atomic_store(&send_error, ENOBUFS);
    udp_wrong_unless(cadre_udp_send_buf(self, udp, &to, cadre_buf_new("x", 1)) ==
                     CADRE_EFULL);
    atomic_store(&send_error, EPERM);
    udp_wrong_unless(cadre_udp_send(self, udp, &to, "x", 1) == -EPERM);
    udp_wrong_unless(cadre_udp_send(self, udp, &to, bytes, sizeof bytes) == -EMSGSIZE);
    udp_wrong_unless(cadre_udp_send(self, udp, &all, "x", 1) == -EACCES);
    udp_wrong_unless(cadre_udp_send(self, udp, &v6, "x", 1) == -EAFNOSUPPORT);
    udp_wrong_unless(cadre_udp_connect(self, udp, "::1", 9) == -EAFNOSUPPORT);
    udp_wrong_unless(cadre_udp_send(self, udp, NULL, "x", 1) == -EDESTADDRREQ);
    udp_wrong_unless(cadre_udp_send(self, udp, &to, "sent", 4) == 0);
    atomic_fetch_add(&udp_facts.steps, 1);
    return 0;
}

static void what_is_not_sent_is_said(void **unused)
{
    uint16_t port = 0;
    int fd = peer_open(&port);
    atomic_store(&peer_port, port);
    do_there(send_in_vain);
    packet_expect(fd, "sent", 4); /* nothing else */
    close(fd);
}

static int send_to_all(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    cadre_address all = {"127.255.255.255", 0}, at;
    if (m->type != &number_type)
        return udp_note(self, state, m);
    udp_wrong_unless(cadre_udp_local(self, udp, &at) == 0);
    all.port = at.port;
    udp_wrong_unless(strcmp(at.host, "::") == 0 || strcmp(at.host, "0.0.0.0") == 0);
    udp_wrong_unless(cadre_udp_send(self, udp, &all, "x", 1) == 0);
    atomic_fetch_add(&udp_facts.steps, 1);
    return 0;
}

static void broadcast_is_an_option(void **unused)
{
    udp_plan.host = "any";
    udp_plan.options.broadcast = true;
    udp_plan.receive = send_to_all;
    cadre_system *sys = udp_serve();
    udp_order(sys, 0);
    await(&udp_facts.packets, 1); /* it is one of all */
    udp_served(sys);
}

/* ---- groups ---------------------------------------------------------------------- */

#define GROUP "239.192.77.3"

/* 0: joins; 1: leaves; 2: sends to the group, then to itself. */
static int be_member(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const cadre_address group = {GROUP, udp_facts.port},
                        self_at = {"127.0.0.1", udp_facts.port};
    const number *n = cadre_body(m, number);
    if (n && n->value == 0) {
        udp_wrong_unless(cadre_udp_join(self, udp, GROUP, "none") == -ENODEV);
        udp_wrong_unless(cadre_udp_join(self, udp, "127.0.0.1", "lo") == -EINVAL);
        udp_wrong_unless(cadre_udp_leave(self, udp, GROUP, "lo") == -EADDRNOTAVAIL);
        udp_wrong_unless(cadre_udp_join(self, udp, GROUP, "lo") == 0);
        udp_wrong_unless(cadre_udp_join(self, udp, GROUP, "lo") == -EADDRINUSE);
    }
    if (n && n->value == 1)
        udp_wrong_unless(cadre_udp_leave(self, udp, GROUP, "lo") == 0);
    if (n && n->value == 2) {
        udp_wrong_unless(cadre_udp_send(self, udp, &group, "group", 5) == 0);
        udp_wrong_unless(cadre_udp_send(self, udp, &self_at, "x", 1) == 0);
    }
    return udp_note(self, state, m);
}

static int option_of(int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(
        getsockopt(peer_bound(udp_facts.port), level, option, &value, &size), 0);
    return value;
}

/* Another member, of the same system. */
static int join_too(void)
{
    uint16_t port = 0;
    struct ip_mreqn by = {.imr_ifindex = (int)if_nametoindex("lo")};
    int fd = peer_open(&port);
    assert_int_equal(inet_pton(AF_INET, GROUP, &by.imr_multiaddr), 1);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by, sizeof by), 0);
    return fd;
}

/* By the loopback device: that what is sent there comes back is no matter of options. */
static void groups_are_joined_and_left(void **unused)
{
    int fd = join_too();
    for (int loop = 0; loop < 2; loop++) {
        udp_plan.host = loop ? "any" : "0.0.0.0";
        udp_plan.options = (cadre_udp_options){
            .interface = "lo", .multicast_ttl = (uint8_t)(loop * 3), .no_loop = !loop};
        udp_plan.receive = be_member;
        cadre_system *sys = udp_serve();
        assert_int_equal(option_of(IPPROTO_IP, IP_MULTICAST_TTL), loop ? 3 : 1);
        assert_int_equal(option_of(IPPROTO_IP, IP_MULTICAST_LOOP), loop);
        udp_order(sys, 2);
        await(&udp_facts.packets, 1); /* "x" only */
        udp_order(sys, 0);
        udp_order(sys, 2);
        await(&udp_facts.packets, 3);
        udp_order(sys, 1);
        udp_order(sys, 2);
        await(&udp_facts.packets, 4);
        udp_served(sys);
        assert_int_equal(udp_facts.packets, 4);
    }
    close(fd);
}

/* ---- IPv6 ------------------------------------------------------------------------ */

static int talk_to_itself(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const cadre_udp_packet *packet = cadre_body(m, cadre_udp_packet);
    const cadre_address v4 = {"127.0.0.1", 9};
    cadre_address at;
    if (packet)
        udp_wrong_unless(strcmp(packet->from.host, "::1") == 0 &&
                         cadre_buf_size(packet->buf) == 5);
    if (m->type != &number_type)
        return udp_note(self, state, m);
    udp_wrong_unless(cadre_udp_local(self, udp, &at) == 0);
    udp_wrong_unless(strcmp(at.host, "::1") == 0 && at.port == udp_facts.port);
    udp_wrong_unless(cadre_udp_send(self, udp, &v4, "x", 1) == -EAFNOSUPPORT);
    udp_wrong_unless(cadre_udp_join(self, udp, GROUP, "lo") == -EAFNOSUPPORT);
    udp_wrong_unless(cadre_udp_join(self, udp, "ff15::77", "lo") == 0);
    udp_wrong_unless(cadre_udp_leave(self, udp, "ff15::77", "lo") == 0);
    udp_wrong_unless(cadre_udp_send(self, udp, &at, "hello", 5) == 0);
    udp_wrong_unless(cadre_udp_connect(self, udp, at.host, at.port) == 0);
    return cadre_udp_send(self, udp, NULL, "hello", 5);
}

static bool has_v6(void)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static void version_six_is_spoken(void **unused)
{
    if (!has_v6())
        skip();
    udp_plan.host = "::1";
    udp_plan.receive = talk_to_itself;
    cadre_system *sys = udp_serve();
    udp_order(sys, 0);
    await(&udp_facts.packets, 2);
    udp_served(sys);
}

/* ---- what is refused ------------------------------------------------------------- */

static void open_nonsense(cadre_self *self)
{
    static const cadre_udp_options vast = {.ahead = 65537},
                                   newer = {.reserved = {&udp_plan}},
                                   strange = {.interface = "none"};
    cadre_udp udp = {0};
    udp_wrong_unless(cadre_udp_open(self, NULL, NULL, 0, NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_open(self, &udp, "localhost", 0, NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_open(self, &udp, "", 0, NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_open(self, &udp, NULL, 0, &vast) == -EINVAL);
    udp_wrong_unless(cadre_udp_open(self, &udp, NULL, 0, &newer) == -EINVAL);
    udp_wrong_unless(cadre_udp_open(self, &udp, NULL, 0, &strange) == -ENODEV);
    udp_wrong_unless(cadre_udp_open(self, &udp, "203.0.113.1", 0, NULL) ==
                     -EADDRNOTAVAIL);
    udp_wrong_unless(cadre_udp_open(self, &udp, "127.0.0.1", udp_facts.port, NULL) ==
                     -EADDRINUSE);
    udp_wrong_unless(udp.id == 0);
}

static int ask_for_nonsense(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const cadre_udp strange[] = {{0}, {123456}, {~UINT64_C(0)}, {udp.id + 1}};
    const cadre_address odd = {"localhost", 9}, none = {"127.0.0.1", 0};
    cadre_address endless = {.port = 9}, at;
    if (m->type != &number_type)
        return udp_note(self, state, m);
    memset(endless.host, '1', sizeof endless.host);
    open_nonsense(self);
    for (int i = 0; i < 4; i++) {
        udp_wrong_unless(cadre_udp_send(self, strange[i], &none, "x", 1) == -ENOENT);
        udp_wrong_unless(cadre_udp_close(self, strange[i]) == -ENOENT);
        udp_wrong_unless(cadre_udp_local(self, strange[i], &at) == -ENOENT);
    }
    udp_wrong_unless(cadre_udp_send(self, udp, &odd, "x", 1) == -EINVAL);
    udp_wrong_unless(cadre_udp_send(self, udp, &none, "x", 1) == -EINVAL);
    udp_wrong_unless(cadre_udp_send(self, udp, &endless, "x", 1) == -EINVAL);
    udp_wrong_unless(cadre_udp_send(self, udp, &odd, NULL, 1) == -EINVAL);
    udp_wrong_unless(cadre_udp_send_buf(self, udp, &odd, NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_send_buf(self, udp, &odd, cadre_buf_new("x", 1)) ==
                     -EINVAL);
    udp_wrong_unless(cadre_udp_connect(self, udp, NULL, 9) == -EINVAL);
    udp_wrong_unless(cadre_udp_connect(self, udp, "localhost", 9) == -EINVAL);
    udp_wrong_unless(cadre_udp_connect(self, udp, "127.0.0.1", 0) == -EINVAL);
    udp_wrong_unless(cadre_udp_join(self, udp, NULL, NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_join(self, udp, "all", NULL) == -EINVAL);
    udp_wrong_unless(cadre_udp_local(self, udp, NULL) == -EINVAL);
    atomic_fetch_add(&udp_facts.steps, 1);
    return 0;
}

static void bad_input(void)
{
    do_there(ask_for_nonsense);
    assert_int_equal(lines_with("cadre_udp_open: not a numeric address: localhost"), 1);
}
static void bad_input_is_refused(void **unused) { misuse(bad_input); }

static int await_a_packet(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_type *types[] = {&cadre_udp_packet_type, &cadre_udp_opened_type,
                                 &cadre_udp_failed_type, &cadre_udp_closed_type};
    cadre_msg got;
    if (m->type != &number_type)
        return udp_note(self, state, m);
    for (int i = 0; i < 4; i++)
        udp_wrong_unless(cadre_receive_type(self, types[i], CADRE_SECOND, &got) ==
                         -EINVAL);
    cadre_token token = {((cadre_udp *)state)->id};
    udp_wrong_unless(cadre_await(self, token, &got) == -ENOENT);
    atomic_fetch_add(&udp_facts.steps, 1);
    return 0;
}

static void await_one(void) { do_there(await_a_packet); }
static void await_is_refused(void **unused) { misuse(await_one); }

static int open_in_vain(cadre_self *self, void *state)
{
    cadre_udp udp;
    return cadre_udp_open(self, &udp, NULL, 0, NULL);
}
static const cadre_class vain_class = {
    .name = "vain", .start = open_in_vain, .receive = udp_note};

static void simulated_is_refused(void **unused)
{
    cadre_config config = quiet(2, 1);
    assert_int_equal(run(&config, &vain_class, NULL), -ENOTSUP);
}

/* Spawns an isolated one that opens a socket; then one that is given a socket. */
static int isolate(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class heir = {.name = "heir", .receive = udp_note};
    const cadre_opts opts = {.isolated = true};
    const cadre_down *down = cadre_body(m, cadre_down);
    cadre_ref child;
    (void)udp_note(self, state, m);
    if (m->type == &number_type) {
        int err = cadre_spawn_with(self, &child, &vain_class, NULL, &opts);
        return err ? err : cadre_watch(self, NULL, child);
    }
    if (!down)
        return 0;
    udp_wrong_unless(down->reason == -ENOTSUP);
    int err = cadre_spawn_with(self, &child, &heir, NULL, &opts);
    if (!err)
        err = cadre_udp_give(self, *(cadre_udp *)state, child);
    atomic_fetch_add(&udp_facts.steps, 1);
    return err;
}

static bool is_refused(void *unused)
{
    return lines_with("a UDP socket is closed: it was given to an isolated actor") == 1;
}

static void isolated_is_refused(void **unused)
{
    if (!effort_can_fork())
        skip();
    udp_plan.isolated = true;
    udp_plan.receive = isolate;
    cadre_system *sys = udp_serve();
    udp_order(sys, 0);
    await(&udp_facts.steps, 1);
    await_true(is_refused, NULL);
    assert_int_equal(lines_with("cadre_udp_open: not in a process of its own"), 1);
    udp_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(what_is_not_sent_is_said),
          cmocka_unit_test(broadcast_is_an_option),
          cmocka_unit_test(groups_are_joined_and_left),
          cmocka_unit_test(version_six_is_spoken),
          cmocka_unit_test(bad_input_is_refused), cmocka_unit_test(await_is_refused),
          cmocka_unit_test(simulated_is_refused),
          cmocka_unit_test(isolated_is_refused));
    return RUN_TESTS();
}
