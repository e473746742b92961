/* udp.c: allocation k fails, k = 1, 2, 3 ..., while two UDP sockets of an actor send to
 * each other. Whatever fails says so, or loses packets, which are counted; all of it
 * ends, and nothing is left allocated. */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/sockets.h"
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

static void ignore_log(void *user, int level, const char *line) {}

static void run_one(struct short_heap *heap, uint32_t io_threads)
{
    cadre_config config = {.log = ignore_log, .workers = 2, .io_threads = io_threads};
    cadre_system *sys = NULL;
    cadre_counters c;
    short_heap_serve(heap, &config);
    int err = cadre_system_new(&sys, &config, &root_class, NULL);
    CHECK(err == 0 || err == -ENOMEM);
    if (!err) {
        int reason = cadre_system_wait(sys);
        CHECK(reason == 0 || reason == -ENOMEM);
        CHECK_EQ(cadre_stats(sys, &c), 0);
        CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(heap->blocks, 0);
    CHECK_EQ(heap->bytes, 0);
}

/* Threads make no two runs alike: there are as many as one needs, and some. */
static uint64_t sweep(uint64_t count, uint32_t io_threads)
{
    enum { CALM = 3 };
    struct short_heap heap;
    uint64_t k = 1;
    verdict_begin(120, "--count %" PRIu64, count);
    for (int calm = 0; calm < CALM && !verdict_has_failed(); k++) {
        verdict_again(120, "--count %" PRIu64, count);
        short_heap_init(&heap, k, count);
        run_one(&heap, io_threads);
        calm = heap.refused == 0 ? calm + 1 : 0;
    }
    (void)verdict_end();
    return k;
}

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with UDP", entries);
    unsigned before = raw_descriptors();
    for (uint32_t io = 0; io < 2; io++) {
        if (count) {
            (void)sweep(count, io);
        } else {
            uint64_t once = sweep(1, io), ever = sweep(UINT64_MAX, io);
            printf("%" PRIu32 " threads: %" PRIu64 " allocations failed once, %" PRIu64
                   " for good\n",
                   io, once, ever);
        }
    }
    CHECK(atomic_load(&packets) > 0);
    CHECK(atomic_load(&lost) > 0);
    CHECK(raw_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
