/* udp.c: allocation k fails, k = 1, 2, 3 ..., while two UDP sockets of an actor send to
 * each other. Whatever fails says so, or loses packets, which are counted; all of it
 * ends, and nothing is left allocated. */
#include "support/options.h"
#include "support/sockets.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/timer.h>
#include <cadre/udp.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 30, BURST = 60, AHEAD = 10000 };

static atomic_uint packets;
static atomic_ullong lost;

typedef struct {
    bool again;
} due;
static CADRE_TYPE(due);

typedef struct {
    cadre_udp udp[2];
    cadre_address at; /* the second one's */
    uint32_t rounds;
    uint64_t sent, told; /* to the second one */
} root;

static int root_start(cadre_self *self, void *state)
{
    static const cadre_udp_options options = {.ahead = AHEAD};
    root *r = state;
    int err = 0;
    for (int i = 0; !err && i < 2; i++)
        err = cadre_udp_open(self, &r->udp[i], "127.0.0.1", 0, &options);
    if (!err)
        err = cadre_udp_local(self, r->udp[1], &r->at);
    if (!err)
        err = cadre_udp_connect(self, r->udp[0], r->at.host, r->at.port);
    return err ? err : cadre_after(self, NULL, 0, due, .again = true);
}

/* A round each time, and then some packets more, until each has come or is counted as
 * lost: what the kernel drops it says with the next one. */
static int next_round(cadre_self *self, root *r)
{
    uint64_t gone = cadre_udp_lost(self, r->udp[1]);
    bool is_over = ++r->rounds > ROUNDS;
    uint32_t burst = is_over ? r->rounds % 16 == 0 : BURST;
    if (is_over && r->told + gone == r->sent) {
        atomic_fetch_add(&lost, gone);
        return cadre_udp_close(self, r->udp[1]);
    }
    int err = 0;
    for (; !err && burst > 0; burst--, r->sent++)
        err = cadre_udp_send(self, r->udp[0], NULL, "hello", 5);
    return err ? err : cadre_after(self, NULL, CADRE_MS / 10, due, .again = true);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    const cadre_udp_packet *packet = cadre_body(m, cadre_udp_packet);
    if (m->type == &due_type)
        return next_round(self, r);
    if (m->type == &cadre_udp_closed_type)
        return CADRE_STOP;
    if (!packet)
        return 0;
    atomic_fetch_add(&packets, 1);
    int err = 0;
    r->told += packet->udp.id == r->udp[1].id;
    if (packet->udp.id == r->udp[1].id)
        err = cadre_udp_send(self, packet->udp, &packet->from, "you, too", 8);
    return err ? err : cadre_stash(self, m); /* so memory is needed for the next */
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with UDP", entries);
    unsigned before = raw_descriptors();
    for (uint32_t io = 0; io < 2; io++) {
        const struct sweep sweep = {.root = &root_class, .io_threads = io};
        sweep_both(&sweep, count, "UDP");
    }
    CHECK(atomic_load(&packets) > 0);
    CHECK(atomic_load(&lost) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
