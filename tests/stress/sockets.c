/* sockets.c: connections by the thousand, which both sides end in every way there is: no
 * descriptor, byte or actor is left, and each that was told of has had one end.
 *
 * The root keeps so many clients alive; each connects to the same system's listener, does
 * something at random, and goes. What it was given is an actor of its own on the other
 * side, which does something else at random. */
#include "support/effort.h"
#include "support/options.h"
#include "support/sockets.h"
#include "support/verdict.h"

#include <cadre/tcp.h>
#include <cadre/unix.h>
#include <cadre/watch.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { CLIENTS = 24 };
/* Both sides may wait for the other. */
static char name[32]; /* of the UNIX socket */
static const cadre_stream_options options = {.idle = 20 * CADRE_MS,
                                             .connections_max = 100};

static struct {
    uint64_t size;
    bool is_local; /* over a UNIX socket */
    atomic_uint_fast64_t made, opened, closed, cut, cancelled, left, bytes;
} scene;

/* One side of a connection. */
typedef struct {
    uint16_t port; /* 0: it was accepted */
    cadre_stream stream;
    bool open;
} side;

static int write_some(cadre_self *self, const side *s)
{
    static const char zeros[70000];
    uint64_t dice = cadre_random(self);
    size_t size = dice % 4 ? dice / 4 % 100 : dice / 4 % sizeof zeros;
    int err = cadre_stream_write(self, s->stream, zeros, size);
    CHECK(err == 0 || err == CADRE_EFULL || err == -EPIPE);
    return 0;
}

static const cadre_class side_class;

static int hand_on(cadre_self *self, side *s)
{
    cadre_ref next;
    int err = cadre_spawn(self, &next, &side_class, &(side){0});
    if (!err)
        err = cadre_stream_give(self, s->stream, next);
    CHECK(err == 0 || err == -EPIPE);
    s->open = s->open && err;
    if (!err && cadre_random(self) % 8 == 0)
        (void)cadre_kill(self, next, 0); /* while it is on its way */
    return err ? 0 : CADRE_STOP;
}

static int cancel(cadre_self *self, side *s)
{
    CHECK_EQ(cadre_cancel(self, (cadre_token){s->stream.id}), 0);
    s->open = false;
    atomic_fetch_add(&scene.cancelled, 1);
    return CADRE_STOP;
}

static int do_something(cadre_self *self, side *s)
{
    switch (cadre_random(self) % 12) {
    case 0:
        return cadre_stream_close(self, s->stream,
                                  cadre_random(self) % 2 ? 0 : CADRE_SECOND);
    case 1:
        return cadre_stream_abort(self, s->stream);
    case 2:
        return cadre_stream_shutdown(self, s->stream);
    case 3:
        return hand_on(self, s);
    case 4:
        return cancel(self, s);
    case 5:
        return CADRE_STOP;
    case 6:
        return CADRE_EUSER - 1;
    default:
        return write_some(self, s);
    }
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    side *s = state;
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (opened) {
        CHECK(!s->open || s->stream.id == opened->stream.id);
        s->stream = opened->stream;
        s->open = true;
        atomic_fetch_add(&scene.opened, 1);
    }
    CHECK(s->open); /* nothing comes after the end */
    if (data)
        atomic_fetch_add(&scene.bytes, cadre_buf_size(data->buf));
    if (!closed)
        return do_something(self, s);
    s->open = false;
    atomic_fetch_add(&scene.closed, 1);
    return CADRE_STOP;
}

static int start(cadre_self *self, void *state)
{
    side *s = state;
    if (s->port == 0)
        return 0;
    int err = scene.is_local ? cadre_unix_connect(self, &s->stream, name,
                                                  20 * CADRE_SECOND, &options)
                             : cadre_tcp_connect(self, &s->stream, "127.0.0.1", s->port,
                                                 20 * CADRE_SECOND, &options);
    CHECK_EQ(err, 0);
    s->open = true;
    return cadre_random(self) % 4 ? 0 : write_some(self, s);
}

static void stop(cadre_self *self, void *state, int reason)
{
    const side *s = state;
    atomic_fetch_add(&scene.left, s->open);
}

static const cadre_class side_class = {.name = "side",
                                       .state_size = sizeof(side),
                                       .start = start,
                                       .receive = receive,
                                       .stop = stop};

/* ---- the root -------------------------------------------------------------------- */

static int spawn_client(cadre_self *self, uint16_t port)
{
    cadre_ref client;
    int err = cadre_spawn(self, &client, &side_class, &(side){.port = port});
    atomic_fetch_add(&scene.made, 1);
    return err ? err : cadre_watch(self, NULL, client);
}

static int root_start(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_address at;
    uint16_t *port = state;
    int err = scene.is_local ? cadre_unix_listen(self, &listener, name, &options)
                             : cadre_tcp_listen(self, &listener, NULL, 0, &options);
    if (!err && !scene.is_local)
        err = cadre_tcp_local(self, listener, &at);
    *port = scene.is_local ? 1 : at.port;
    for (int i = 0; !err && i < CLIENTS; i++)
        err = spawn_client(self, *port);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref hand;
    if (opened) {
        int err = cadre_spawn(self, &hand, &side_class, NULL);
        return err ? err : cadre_stream_give(self, opened->stream, hand);
    }
    if (m->type != &cadre_down_type)
        return 0;
    if (atomic_load(&scene.made) == scene.size)
        return CADRE_STOP; /* others live, and are closed with it */
    return spawn_client(self, *(uint16_t *)state);
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(uint16_t),
                                       .start = root_start,
                                       .receive = root_receive};
static void ignore_log(void *user, int level, const char *line) {}

static void churn(uint64_t size, uint32_t io_threads, bool is_local)
{
    cadre_system *sys;
    cadre_counters c = {0};
    cadre_config config = {.workers = 3, .io_threads = io_threads, .log = ignore_log};
    memset(&scene, 0, sizeof scene);
    scene.size = size;
    scene.is_local = is_local;
    unsigned before = raw_descriptors();
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK(size == CLIENTS || atomic_load(&scene.opened) >= size);
    CHECK(size == CLIENTS || raw_descriptors() == before);
}

int main(int argc, char **argv)
{
    uint64_t size = effort(10000, 200000);
    const struct option_entry entries[] = {{"connects", &size, NULL, "in all"}, {0}};
    options_read(argc, argv, "nothing of any connection is left", entries);
    snprintf(name, sizeof name, "@cadre-stress-%d", (int)getpid());
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t threads = round / 2 * 2;
        double from = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--connects %" PRIu64, size);
        if (round == 0)
            churn(CLIENTS, 0, false); /* libuv opens some descriptors for good */
        churn(size, threads, round % 2);
        bool ok = verdict_end();
        printf("%s, %" PRIu32 " threads: %s, %" PRIuFAST64 " opened, %" PRIuFAST64
               " closed, %" PRIuFAST64 " cancelled, %" PRIuFAST64
               " closed by an end, %" PRIuFAST64 " bytes, %.2f s\n",
               round % 2 ? "UNIX" : "TCP", threads, ok ? "ok" : "FAILED",
               atomic_load(&scene.opened), atomic_load(&scene.closed),
               atomic_load(&scene.cancelled), atomic_load(&scene.left),
               atomic_load(&scene.bytes), effort_clock() - from);
    }
    return verdict_print();
}
