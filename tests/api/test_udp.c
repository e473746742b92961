/* test_udp.c: UDP: the guarantees of cadre/udp.h. */
#include "support/packets.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netinet/in.h>

static char bytes[1 << 16];

/* ---- packets_are_whole ----------------------------------------------------------- */

static void check_echoes(int fd)
{
    const size_t sizes[] = {5, 0, 1, 1472, 1473, 65507, 9};
    enum { BURST = 50 };
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        packet_send(fd, bytes, sizes[i]);
        packet_expect(fd, bytes, sizes[i]);
    }
    for (int i = 0; i < BURST; i++)
        packet_send(fd, &i, sizeof i);
    for (int i = 0; i < BURST; i++)
        packet_expect(fd, &i, sizeof i);
    assert_int_equal(udp_facts.lost, 0);
}

static void packets_are_whole(void **unused)
{
    for (uint32_t round = 0; round < 4; round++) {
        uint16_t port = 0;
        udp_plan.io_threads = round % 2;
        udp_plan.host = round < 2 ? NULL : "any";
        cadre_system *sys = udp_serve();
        int fd = peer_open(&port);
        check_echoes(fd);
        assert_int_equal(udp_facts.from, port);
        close(fd);
        udp_served(sys);
    }
}

/* ---- ahead_is_bounded ------------------------------------------------------------ */

struct watched {
    cadre_self *self;
    cadre_udp udp;
    uint64_t lost;
};
static bool are_lost(void *arg)
{
    const struct watched *w = arg;
    return cadre_udp_lost(w->self, w->udp) >= w->lost;
}

/* Told a number: does nothing until so many are lost. */
static int wait_for_loss(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n) {
        struct watched w = {self, *(cadre_udp *)state, n->value};
        atomic_fetch_add(&udp_facts.steps, 1);
        udp_wait_for(are_lost, &w);
        udp_wrong_unless(cadre_udp_lost(self, w.udp) == n->value);
    }
    return udp_note(self, state, m);
}

/* So many of this size: those that fit are told, the others counted with the next. */
static void check_bound(uint32_t count, size_t size, uint32_t fit)
{
    uint16_t port = 0;
    udp_plan.receive = wait_for_loss;
    udp_plan.io_threads = 1;
    cadre_system *sys = udp_serve();
    int fd = peer_open(&port);
    udp_order(sys, count - fit);
    await(&udp_facts.steps, 1);
    for (uint32_t i = 0; i < count; i++)
        packet_send(fd, bytes, size);
    await(&udp_facts.packets, fit);
    assert_int_equal(udp_facts.lost, 0);
    packet_send(fd, "last", 4);
    await(&udp_facts.packets, fit + 1);
    assert_int_equal(udp_facts.lost, count - fit);
    close(fd);
    udp_served(sys);
}

static void ahead_is_bounded(void **unused)
{
    check_bound(100, 10, 64);
    udp_plan.options.ahead = 7;
    check_bound(100, 10, 7);
    udp_plan.options.ahead_bytes = 1000;
    check_bound(20, 400, 3);
}

/* ---- lost_is_counted ------------------------------------------------------------- */

static atomic_bool is_held;
static atomic_uint_fast64_t known;
static bool is_free(void *unused) { return !atomic_load(&is_held); }

/* 0: does nothing, and so does the loop, until it is let go; else notes what is known. */
static int hold(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n && n->value == 0) {
        atomic_fetch_add(&udp_facts.steps, 1);
        udp_wait_for(is_free, NULL);
    } else if (n) {
        atomic_store(&known, cadre_udp_lost(self, *(cadre_udp *)state));
    }
    return udp_note(self, state, m);
}

static bool is_drained(void *arg)
{
    int next = 1;
    assert_int_equal(ioctl(*(int *)arg, FIONREAD, &next), 0);
    return next == 0;
}

static unsigned sent;
static bool adds_up(void *arg)
{
    udp_order(arg, 1);
    return udp_facts.packets + atomic_load(&known) == sent;
}
static bool is_told(void *unused) { return udp_facts.packets + udp_facts.lost == sent; }

/* More than the kernel has room for; it says so with what comes afterwards. */
static void lost_is_counted(void **unused)
{
    enum { FLOOD = 3000 };
    uint16_t port = 0;
    udp_plan.receive = hold;
    udp_plan.workers = 1;
    atomic_store(&is_held, true);
    cadre_system *sys = udp_serve();
    int fd = peer_open(&port), bound = peer_bound(udp_facts.port);
    udp_order(sys, 0);
    await(&udp_facts.steps, 1);
    for (sent = 0; sent < FLOOD; sent++)
        packet_send(fd, bytes, 100);
    atomic_store(&is_held, false);
    await_true(is_drained, &bound);
    packet_send(fd, bytes, 100);
    sent++;
    await_true(adds_up, sys);
    assert_true(known > 0);
    packet_send(fd, bytes, 100);
    sent++;
    await_true(is_told, NULL);
    close(fd);
    udp_served(sys);
}

/* ---- connected_hears_one --------------------------------------------------------- */

static _Atomic uint16_t peer_port;

/* Has room for one packet. When that has come, it gets a peer. */
static int connect_late(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const number *n = cadre_body(m, number);
    if (n) {
        struct watched w = {self, udp, 1};
        atomic_fetch_add(&udp_facts.steps, 1);
        udp_wait_for(are_lost, &w);
        udp_wrong_unless(n->value ||
                         cadre_udp_send(self, udp, NULL, "x", 1) == -EDESTADDRREQ);
        udp_wrong_unless(cadre_udp_connect(self, udp, "127.0.0.1", peer_port) == 0);
        udp_wrong_unless(cadre_udp_send(self, udp, NULL, "hello", 5) == 0);
    }
    return udp_note(self, state, m);
}

static void connected_hears_one(void **unused)
{
    for (int any = 0; any < 2; any++) {
        uint16_t stranger_port = 0, port = 0;
        udp_plan.host = any ? "any" : NULL;
        udp_plan.options.ahead = 1;
        udp_plan.io_threads = 1;
        udp_plan.receive = connect_late;
        cadre_system *sys = udp_serve();
        int stranger = peer_open(&stranger_port), peer = peer_open(&port);
        atomic_store(&peer_port, port);
        udp_order(sys, 0);
        await(&udp_facts.steps, 1);
        packet_send(stranger, "a", 1);
        packet_send(stranger, "b", 1);
        packet_expect(peer, "hello", 5);
        packet_send(stranger, "c", 1);
        udp_order(sys, 1); /* behind what came before */
        packet_expect(peer, "hello", 5);
        assert_int_equal(udp_facts.packets, 0);
        packet_send(peer, "d", 1);
        await(&udp_facts.packets, 1);
        assert_int_equal(udp_facts.from, port);
        assert_int_equal(udp_facts.lost, 1); /* there was no room for it */
        close(stranger);
        close(peer);
        udp_served(sys);
    }
}

/* ---- refused_is_told ------------------------------------------------------------- */

/* Sends to a peer: an error of an earlier packet is no error of this one. */
static int send_to_peer(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const number *n = cadre_body(m, number);
    for (uint64_t i = 0; n && i < n->value; i++) {
        udp_wrong_unless(i > 0 ||
                         cadre_udp_connect(self, udp, "127.0.0.1", peer_port) == 0);
        udp_wrong_unless(cadre_udp_send(self, udp, NULL, &i, sizeof i) == 0);
    }
    return udp_note(self, state, m);
}

static void refused_is_told(void **unused)
{
    for (uint32_t io_threads = 0; io_threads < 2; io_threads++) {
        uint16_t port = 0;
        close(peer_open(&port));
        atomic_store(&peer_port, port);
        udp_plan.receive = send_to_peer;
        udp_plan.io_threads = io_threads;
        cadre_system *sys = udp_serve();
        udp_order(sys, 1);
        await(&udp_facts.failed, 1);
        assert_int_equal(udp_facts.reason, -ECONNREFUSED);
        udp_order(sys, 20); /* by whoever finds it */
        await(&udp_facts.failed, 2);
        assert_int_equal(udp_facts.reason, -ECONNREFUSED);
        int fd = peer_open(&port); /* now there is somebody, and all goes on */
        udp_order(sys, 1);
        packet_expect(fd, &(uint64_t){0}, sizeof(uint64_t));
        packet_send(fd, "x", 1);
        await(&udp_facts.packets, 1);
        close(fd);
        udp_served(sys);
    }
}

/* ---- one_udp_closed -------------------------------------------------------------- */

enum { CLOSE, CANCEL, MARK };

static int close_or_cancel(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const cadre_udp_closed *closed = cadre_body(m, cadre_udp_closed);
    const number *n = cadre_body(m, number);
    if (n && n->value == CLOSE) {
        udp_wrong_unless(cadre_udp_close(self, udp) == 0);
        udp_wrong_unless(cadre_udp_close(self, udp) == 0);
        udp_wrong_unless(cadre_udp_give(self, udp, cadre_me(self)) == -EPIPE);
        const cadre_address to = {"127.0.0.1", udp_facts.port};
        udp_wrong_unless(cadre_udp_send(self, udp, &to, "x", 1) == -EPIPE);
    }
    if (n && n->value == CANCEL)
        udp_wrong_unless(cadre_cancel(self, (cadre_token){udp.id}) == 0);
    if (n)
        atomic_fetch_add(&udp_facts.steps, 1);
    if (closed)
        udp_wrong_unless(closed->udp.id == udp.id && m->token.id == udp.id &&
                         cadre_udp_close(self, udp) == -ENOENT);
    return udp_note(self, state, m);
}

static void one_udp_closed(void **unused)
{
    uint16_t port = 0;
    int fd = peer_open(&port);
    for (uint64_t how = CLOSE; how <= CANCEL; how++) {
        udp_plan.receive = close_or_cancel;
        cadre_system *sys = udp_serve();
        unsigned open = raw_descriptors();
        packet_send(fd, "x", 1);
        await(&udp_facts.packets, 1);
        udp_order(sys, how);
        await(&udp_facts.steps, 1);
        if (how == CLOSE)
            await(&udp_facts.closed, 1);
        packet_send(fd, "x", 1); /* to nobody */
        udp_order(sys, MARK);
        await(&udp_facts.steps, 2);
        if (how == CLOSE)
            assert_int_equal(raw_descriptors(), open - 1);
        udp_served(sys);
        assert_int_equal(udp_facts.packets, 1);
        assert_int_equal(udp_facts.closed, how == CLOSE);
        assert_int_equal(udp_facts.reason, 0);
    }
    close(fd);
}

/* ---- udp_closed_at_the_end ------------------------------------------------------- */

static int child_start(cadre_self *self, void *state)
{
    cadre_udp udp;
    return cadre_udp_open(self, &udp, "127.0.0.1", *(uint16_t *)state, NULL);
}
static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &number_type ? CADRE_STOP : udp_note(self, state, m);
}
static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(uint16_t),
                                        .start = child_start,
                                        .receive = child_receive};

/* One child after another opens the same port. */
static int bear_again(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    cadre_ref child;
    (void)udp_note(self, state, m);
    if (down)
        udp_wrong_unless(down->reason == 0);
    if ((!down && m->type != &number_type) || udp_facts.downs == 50)
        return 0;
    uint16_t port = peer_port;
    int err = cadre_spawn(self, &child, &child_class, &port);
    if (!err)
        err = cadre_watch(self, NULL, child);
    return err ? err : cadre_send(self, child, number, .value = 0);
}

static void udp_closed_at_the_end(void **unused)
{
    uint16_t port = 0;
    close(peer_open(&port));
    atomic_store(&peer_port, port);
    udp_plan.receive = bear_again;
    cadre_system *sys = udp_serve();
    udp_order(sys, 0);
    await(&udp_facts.downs, 50);
    udp_served(sys);
}

/* ---- stale_udp_is_refused, give -------------------------------------------------- */

static void check_refused(cadre_self *self, cadre_udp udp)
{
    const cadre_address to = {"127.0.0.1", 9};
    cadre_address at;
    udp_wrong_unless(cadre_udp_connect(self, udp, "127.0.0.1", 9) == -ENOENT);
    udp_wrong_unless(cadre_udp_send(self, udp, &to, "x", 1) == -ENOENT);
    udp_wrong_unless(cadre_udp_send_buf(self, udp, &to, cadre_buf_new("x", 1)) ==
                     -ENOENT);
    udp_wrong_unless(cadre_udp_join(self, udp, "239.1.1.1", NULL) == -ENOENT);
    udp_wrong_unless(cadre_udp_leave(self, udp, "239.1.1.1", NULL) == -ENOENT);
    udp_wrong_unless(cadre_udp_local(self, udp, &at) == -ENOENT);
    udp_wrong_unless(cadre_udp_lost(self, udp) == 0);
    udp_wrong_unless(cadre_udp_close(self, udp) == -ENOENT);
    udp_wrong_unless(cadre_udp_give(self, udp, cadre_me(self)) == -ENOENT);
}

/* Given the socket: knows it as its own. Told a handle: that is another's. */
static int heir_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    if (n)
        check_refused(self, (cadre_udp){n->value});
    return udp_echo(self, state, m);
}
static const cadre_class heir_class = {.name = "heir", .receive = heir_receive};

enum { TO_HEIR, TO_THE_DEAD, TO_NOBODY };

static int give_away(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp udp = *(cadre_udp *)state;
    const number *n = cadre_body(m, number);
    const cadre_down *down = cadre_body(m, cadre_down);
    cadre_ref heir = {0};
    (void)udp_note(self, state, m);
    if (m->type == &cadre_udp_closed_type)
        check_refused(self, udp);
    if (down) {
        udp_wrong_unless(cadre_udp_give(self, udp, down->who) == 0);
        check_refused(self, udp);
    }
    if (!n)
        return 0;
    atomic_fetch_add(&udp_facts.steps, 1);
    struct watched w = {self, udp, 1};
    if (n->value == TO_HEIR)
        udp_wait_for(are_lost, &w); /* so there is something to take along */
    int err = n->value == TO_NOBODY ? 0 : cadre_spawn(self, &heir, &heir_class, NULL);
    if (!err && n->value == TO_THE_DEAD) {
        err = cadre_watch(self, NULL, heir);
        return err ? err : cadre_stop(self, heir);
    }
    if (!err && n->value == TO_HEIR)
        err = cadre_send(self, heir, number, .value = udp.id);
    if (!err)
        err = cadre_udp_give(self, udp, heir);
    if (!err && n->value == TO_HEIR)
        check_refused(self, udp);
    return err;
}

static void stale_udp_is_refused(void **unused)
{
    uint16_t port = 0;
    int fd = peer_open(&port);
    udp_plan.options.ahead = 1;
    udp_plan.io_threads = 1;
    udp_plan.receive = give_away;
    cadre_system *sys = udp_serve();
    udp_order(sys, TO_HEIR);
    await(&udp_facts.steps, 1);
    packet_send(fd, "a", 1);
    packet_send(fd, "b", 1);
    packet_expect(fd, "a", 1); /* the heir's answer */
    packet_send(fd, "c", 1);
    packet_expect(fd, "c", 1);
    assert_int_equal(udp_facts.opened, 1);
    assert_int_equal(udp_facts.lost, 1);
    udp_served(sys);
    close(fd);
}

static bool is_unbound(void *unused)
{
    uint16_t port = udp_facts.port;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int err = bind(fd, (struct sockaddr *)&at, sizeof at);
    close(fd);
    return err == 0;
}

static void given_to_nobody_is_closed(void **unused)
{
    udp_plan.receive = give_away;
    cadre_system *sys = udp_serve();
    udp_order(sys, TO_NOBODY);
    await(&udp_facts.closed, 1);
    assert_int_equal(udp_facts.reason, -ECANCELED);
    udp_served(sys);

    udp_plan.receive = give_away;
    sys = udp_serve();
    udp_order(sys, TO_THE_DEAD);
    await(&udp_facts.downs, 1);
    await_true(is_unbound, NULL);
    assert_int_equal(udp_facts.closed, 0);
    udp_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(packets_are_whole), cmocka_unit_test(ahead_is_bounded),
          cmocka_unit_test(lost_is_counted), cmocka_unit_test(connected_hears_one),
          cmocka_unit_test(refused_is_told), cmocka_unit_test(one_udp_closed),
          cmocka_unit_test(udp_closed_at_the_end),
          cmocka_unit_test(stale_udp_is_refused),
          cmocka_unit_test(given_to_nobody_is_closed));
    return RUN_TESTS();
}
