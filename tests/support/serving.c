/* serving.c: a system that listens on loopback. */
#include "support/serving.h"

#include <sched.h>
#include <unistd.h>

struct plan plan;
struct facts facts;
const char *served_path;
static unsigned descriptors;

int tcp_note(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (m->type == &cadre_stream_opened_type)
        atomic_fetch_add(&facts.opened, 1);
    if (data)
        atomic_fetch_add(&facts.bytes, cadre_buf_size(data->buf));
    if (m->type == &cadre_stream_ended_type)
        atomic_fetch_add(&facts.ended, 1);
    if (m->type == &cadre_stream_wrote_type)
        atomic_fetch_add(&facts.wrote, 1);
    if (m->type == &cadre_down_type)
        atomic_fetch_add(&facts.downs, 1);
    if (closed) {
        atomic_store(&facts.reason, closed->reason);
        atomic_store(&facts.unsent, closed->unsent);
        atomic_fetch_add(&facts.closed, 1);
    }
    return 0;
}

int tcp_echo(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    if (data)
        return cadre_stream_write_buf(self, data->stream, cadre_buf_move(&data->buf));
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

static int hand_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    struct hand *hand = state;
    if (opened)
        hand->stream = opened->stream;
    return plan.receive(self, state, m);
}

static const cadre_class hand_class = {
    .name = "hand", .state_size = sizeof(struct hand), .receive = hand_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_address at = {.port = 1};
    int err = served_path
                  ? cadre_unix_listen(self, &listener, served_path, &plan.options)
                  : cadre_tcp_listen(self, &listener, "127.0.0.1", 0, &plan.options);
    if (!err && !served_path)
        err = cadre_tcp_local(self, listener, &at);
    atomic_store(&facts.refused, err);
    if (err)
        return err;
    atomic_store(&facts.listener, listener.id);
    atomic_store(&facts.port, at.port);
    return 0;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_opts opts = {.isolated = plan.isolated};
    cadre_ref hand;
    if (!opened || opened->via.id != atomic_load(&facts.listener))
        return plan.root ? plan.root(self, state, m) : tcp_note(self, state, m);
    int err = cadre_spawn_with(self, &hand, &hand_class, NULL, &opts);
    if (!err)
        err = cadre_watch(self, NULL, hand);
    return err ? err : cadre_stream_give(self, opened->stream, hand);
}

static const cadre_class root_class = {
    .name = "listening", .start = root_start, .receive = root_receive};

cadre_system *tcp_serve_too(void)
{
    cadre_config config = quiet(plan.workers ? plan.workers : 2, 0);
    cadre_system *sys = NULL;
    config.io_threads = plan.io_threads;
    config.pinned = plan.pinned;
    config.memory_max = plan.memory_max;
    config.isolated = plan.isolated;
    atomic_store(&facts.port, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    while (atomic_load(&facts.port) == 0) {
        assert_int_equal(atomic_load(&facts.refused), 0);
        if (config.workers == CADRE_NO_WORKERS)
            (void)cadre_system_poll(sys, 0);
        sched_yield();
    }
    return sys;
}

/* libuv opens a pipe for signals when it is first used, for good. */
static void warm_up(void)
{
    static bool is_warm;
    uint32_t workers = plan.workers;
    plan.workers = 2;
    if (!is_warm)
        close_system(tcp_serve_too());
    plan.workers = workers;
    is_warm = true;
}

cadre_system *tcp_serve(void)
{
    warm_up();
    descriptors = raw_descriptors();
    memset(&facts, 0, sizeof facts);
    if (!plan.receive)
        plan.receive = tcp_echo;
    return tcp_serve_too();
}

void tcp_served(cadre_system *sys)
{
    close_system(sys);
    memset(&plan, 0, sizeof plan);
    assert_int_equal(atomic_load(&facts.wrongs), 0);
    assert_int_equal(raw_descriptors(), descriptors);
}

int served_connect(void)
{
    return served_path ? raw_local_connect(served_path) : raw_connect(facts.port);
}

uint16_t dead_port(void)
{
    uint16_t port;
    close(raw_listen(&port, 1));
    return port;
}
