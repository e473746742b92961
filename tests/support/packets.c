/* packets.c: a system with a UDP socket on loopback. */
#include "support/packets.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_S = 60, PACKET_MAX = 1 << 16 };

struct udp_plan udp_plan;
struct udp_facts udp_facts;
static unsigned descriptors;

void udp_wrong_unless(bool right) { atomic_fetch_add(&udp_facts.wrongs, !right); }

void udp_wait_for(bool (*is_true)(void *arg), void *arg)
{
    int64_t end = real_now() + PATIENCE_S * CADRE_SECOND;
    for (unsigned looks = 0; !is_true(arg) && real_now() < end;)
        let_others_run(&looks);
    udp_wrong_unless(is_true(arg));
}

int udp_note(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_udp_packet *packet = cadre_body(m, cadre_udp_packet);
    const cadre_udp_failed *failed = cadre_body(m, cadre_udp_failed);
    const cadre_udp_closed *closed = cadre_body(m, cadre_udp_closed);
    if (packet) {
        atomic_store(&udp_facts.from, packet->from.port);
        atomic_fetch_add(&udp_facts.lost, packet->lost);
        atomic_fetch_add(&udp_facts.packets, 1);
    }
    if (failed || closed)
        atomic_store(&udp_facts.reason, failed ? failed->reason : closed->reason);
    atomic_fetch_add(&udp_facts.failed, failed != NULL);
    atomic_fetch_add(&udp_facts.closed, closed != NULL);
    atomic_fetch_add(&udp_facts.opened, m->type == &cadre_udp_opened_type);
    atomic_fetch_add(&udp_facts.downs, m->type == &cadre_down_type);
    return 0;
}

int udp_echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_udp_packet *packet = cadre_body(m, cadre_udp_packet);
    int err = udp_note(self, state, m);
    return packet ? cadre_udp_send_buf(self, packet->udp, &packet->from,
                                       cadre_buf_move(&packet->buf))
                  : err;
}

static int owner_start(cadre_self *self, void *state)
{
    cadre_udp *udp = state;
    cadre_address at;
    const char *host = udp_plan.host ? udp_plan.host : "127.0.0.1";
    int err = cadre_udp_open(self, udp, strcmp(host, "any") == 0 ? NULL : host, 0,
                             &udp_plan.options);
    if (!err)
        err = cadre_udp_local(self, *udp, &at);
    if (!err)
        atomic_store(&udp_facts.port, at.port);
    return err;
}

static cadre_system *start(uint32_t workers)
{
    cadre_config config = quiet(workers, 0);
    const cadre_class owner = {.name = "owner",
                               .state_size = sizeof(cadre_udp),
                               .start = owner_start,
                               .receive =
                                   udp_plan.receive ? udp_plan.receive : udp_echo};
    static cadre_class kept; /* as long as the system */
    cadre_system *sys = NULL;
    kept = owner;
    config.io_threads = udp_plan.io_threads;
    config.isolated = udp_plan.isolated;
    memset(&udp_facts, 0, sizeof udp_facts);
    assert_int_equal(cadre_system_new(&sys, &config, &kept, NULL), 0);
    while (atomic_load(&udp_facts.port) == 0)
        sched_yield();
    return sys;
}

cadre_system *udp_serve(void)
{
    static bool is_warm; /* libuv opens a pipe for signals at first, for good */
    if (!is_warm)
        close_system(start(2));
    is_warm = true;
    descriptors = raw_descriptors();
    return start(udp_plan.workers ? udp_plan.workers : 2);
}

void udp_served(cadre_system *sys)
{
    close_system(sys);
    memset(&udp_plan, 0, sizeof udp_plan);
    assert_int_equal(atomic_load(&udp_facts.wrongs), 0);
    assert_int_equal(raw_descriptors(), descriptors);
}

void udp_order(cadre_system *sys, uint64_t value)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = value),
                     0);
}

/* ---- peers ----------------------------------------------------------------------- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int peer_open(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in at = loopback(*port);
    socklen_t size = sizeof at;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

void packet_send(int fd, const void *bytes, size_t size)
{
    struct sockaddr_in to = loopback(udp_facts.port);
    ssize_t n = sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof to);
    assert_int_equal(n, size);
}

void packet_expect(int fd, const void *bytes, size_t size)
{
    static char got[PACKET_MAX];
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_int_equal(n, size);
    assert_memory_equal(got, bytes, size);
}

int peer_bound(uint16_t port)
{
    DIR *dir = opendir("/proc/self/fd");
    int fd;
    assert_non_null(dir);
    while (raw_next_descriptor(dir, &fd)) {
        struct sockaddr_in6 at = {0}; /* the port is where it is in IPv4 */
        int type = 0;
        socklen_t size = sizeof type, at_size = sizeof at;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
            type == SOCK_DGRAM &&
            getsockname(fd, (struct sockaddr *)&at, &at_size) == 0 &&
            ntohs(at.sin6_port) == port)
            break;
    }
    closedir(dir);
    assert_true(fd >= 0);
    return fd;
}
