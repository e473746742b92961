/* echo.c: what does a request over TCP cost, beside a bare libuv, Go and Erlang?
 *
 * A server sends back 64 bytes on each of so many connections, with one request in
 * flight on each. Some are ours; one calls libuv alone, writing at once where it can,
 * with a loop for each of our workers: what that costs the machine asks for, not we.
 * Those of Go and Erlang are measured where these are installed. The client is this
 * program, on another CPU where there is one; with more workers than one the server may
 * use all. Requests go over connections that stay.
 *
 * Rows: the server's CPU time per request, or all the time; and with one connection,
 * where nothing else is under way, the median time from a request to its answer. */
#include "harness/house.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre.h>
#include <cadre/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { SIZE = 64, CONNECTIONS_MAX = 64 };

/* ---- ours ------------------------------------------------------------------------- */

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)state;
    return data ? cadre_stream_write_buf(self, data->stream, cadre_buf_move(&data->buf))
                : 0;
}
static const cadre_class server = {.name = "server", .receive = serve};

static int root_start(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_address at;
    int err = cadre_tcp_listen(self, &listener, "127.0.0.1", 0, NULL);
    if (!err)
        err = cadre_tcp_local(self, listener, &at);
    if (!err)
        house_tell(at.port);
    (void)state;
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref child;
    (void)state;
    if (!opened)
        return 0;
    int err = cadre_spawn(self, &child, &server, NULL);
    return err ? err : cadre_stream_give(self, opened->stream, child);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static void serve_ours(uint32_t workers)
{
    const cadre_config config = {.workers = workers};
    _exit(cadre_run(&config, &root, NULL) != 0);
}

/* ---- libuv's ---------------------------------------------------------------------- */

enum { LOOPS_MAX = 64 };

struct peer {
    uv_tcp_t tcp;
    char bytes[1 << 16];
};

/* The first one listens, and gives each its share: the descriptor of a connection goes
 * through a pipe to the loop that has it from then on. */
static struct loop {
    uv_loop_t uv;
    uv_poll_t given;
    int pipe[2];
} loops[LOOPS_MAX];
static uint32_t loop_count, connection_count;

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct peer *peer = h->data;
    *buf = uv_buf_init(peer->bytes, sizeof peer->bytes);
    (void)suggested;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
    if (n < 0 || (n > 0 && uv_try_write(s, &out, 1) != n))
        uv_close((uv_handle_t *)s, NULL);
}

static void read_from(struct loop *loop, int fd)
{
    struct peer *peer = malloc(sizeof *peer);
    if (!peer || uv_tcp_init(&loop->uv, &peer->tcp) || uv_tcp_open(&peer->tcp, fd))
        _exit(1);
    peer->tcp.data = peer;
    uv_tcp_nodelay(&peer->tcp, 1);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

static void on_given(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    int fd;
    if (read(loop->pipe[0], &fd, sizeof fd) != sizeof fd)
        _exit(1);
    read_from(loop, fd);
    (void)status;
    (void)events;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct loop *to = &loops[connection_count++ % loop_count];
    int listener = (int)(intptr_t)poll->data;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || write(to->pipe[1], &fd, sizeof fd) != sizeof fd)
        _exit(1);
    (void)status;
    (void)events;
}

static void *run_loop(void *loop)
{
    uv_run(&((struct loop *)loop)->uv, UV_RUN_DEFAULT);
    return NULL;
}

static void hear(struct loop *loop, uv_poll_t *poll, int fd, void *data,
                 uv_poll_cb heard)
{
    if (uv_poll_init(&loop->uv, poll, fd) || uv_poll_start(poll, UV_READABLE, heard))
        _exit(1);
    poll->data = data;
}

static int listen_on_loopback(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 ||
        listen(fd, CONNECTIONS_MAX) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        _exit(1);
    house_tell(ntohs(at.sin_port));
    return fd;
}

static void serve_uv(uint32_t workers)
{
    uv_poll_t connections;
    pthread_t thread;
    int listener = listen_on_loopback();
    loop_count = workers < LOOPS_MAX ? workers : LOOPS_MAX;
    for (struct loop *loop = loops; loop < loops + loop_count; loop++) {
        if (uv_loop_init(&loop->uv) || pipe(loop->pipe) < 0)
            _exit(1);
        hear(loop, &loop->given, loop->pipe[0], loop, on_given);
        if (loop > loops && pthread_create(&thread, NULL, run_loop, loop) != 0)
            _exit(1);
    }
    hear(loops, &connections, listener, (void *)(intptr_t)listener, on_connection);
    run_loop(loops);
    _exit(1);
}

/* ---- the client ------------------------------------------------------------------- */

/* The connections to each, in the order in which they were first asked. */
enum { ASKED_MAX = 16 };
static struct asked {
    const struct house *house;
    unsigned connections;
    int fds[CONNECTIONS_MAX];
} asked_houses[ASKED_MAX];

static struct asked *find_asked(const struct house *house)
{
    struct asked *asked = asked_houses;
    while (asked->house && asked->house != house)
        asked++;
    asked->house = house;
    return asked;
}

static int connect_to(struct asked *asked, unsigned count)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(asked->house->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    while (asked->connections < count) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
            return -1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        asked->fds[asked->connections++] = fd;
    }
    return 0;
}

static bool send_one(int fd)
{
    static const char request[SIZE];
    return send(fd, request, SIZE, MSG_NOSIGNAL) == SIZE;
}

static bool receive_one(int fd)
{
    char answer[SIZE];
    return recv(fd, answer, SIZE, MSG_WAITALL) == SIZE;
}

/* What is measured, and of whom; a case's size is the number of both. */
static const struct house_server servers[] = {{"libuv", NULL, serve_uv},
                                              {"go", "echo", NULL},
                                              {"erlang", "echo", NULL},
                                              {"cadre", NULL, serve_ours}};
static const struct {
    unsigned connections;
    enum { ALL, EACH, CPU } what;
    const char *params;
} settings[] = {{1, EACH, "connections=1 p50"},
                {1, CPU, "connections=1 cpu"},
                {64, CPU, "connections=64 cpu"},
                {64, ALL, "connections=64"}};
enum {
    SERVERS = sizeof servers / sizeof *servers,
    SETTINGS = sizeof settings / sizeof *settings
};

/* So many requests, one in flight on each connection. */
static bool ask(const struct asked *house, unsigned connections, uint64_t n)
{
    struct pollfd polls[CONNECTIONS_MAX];
    uint64_t sent = 0, received = 0;
    for (unsigned i = 0; i < connections; i++) {
        polls[i] = (struct pollfd){.fd = house->fds[i], .events = POLLIN};
        if (sent++ < n && !send_one(house->fds[i]))
            return false;
    }
    while (received < n) {
        if (poll(polls, connections, -1) < 0)
            return false;
        for (unsigned i = 0; i < connections && received < n; i++) {
            if (!(polls[i].revents & POLLIN))
                continue;
            if (!receive_one(polls[i].fd))
                return false;
            received++;
            if (sent < n && sent++ < n && !send_one(polls[i].fd))
                return false;
        }
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool time_each(const struct asked *house, uint64_t n, double *median)
{
    double *took = calloc(n, sizeof *took);
    bool fine = took != NULL;
    for (uint64_t i = 0; fine && i < n; i++) {
        int64_t before = bench_now();
        fine = send_one(house->fds[0]) && receive_one(house->fds[0]);
        took[i] = (double)(bench_now() - before);
    }
    if (fine) {
        qsort(took, n, sizeof *took, by_size);
        *median = took[n / 2];
    }
    free(took);
    return fine;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house_server *whom = &servers[each->size % SERVERS];
    const struct house *house = house_open(whom, each->workers);
    unsigned connections = settings[each->size / SERVERS].connections;
    int what = settings[each->size / SERVERS].what;
    uint64_t asked = n < connections ? connections : n;
    double took = 0;
    if (!house)
        return -1;
    struct asked *those = find_asked(house);
    if (connect_to(those, connections) < 0)
        goto failed;
    double cpu = house_cpu_time(house);
    int64_t start = bench_now();
    if (!(what == EACH ? time_each(those, asked, &took)
                       : ask(those, connections, asked)))
        goto failed;
    if (what == CPU)
        took = (house_cpu_time(house) - cpu) / (double)asked;
    if (what == ALL)
        took = (double)(bench_now() - start) / (double)asked;
    *total = took * (double)n;
    return took > 0 ? 0 : BENCH_SKIPPED;
failed:
    fprintf(stderr, "echo: %s: %s\n", whom->name, strerror(errno));
    return -1;
}

/* ---- rows ------------------------------------------------------------------------- */

static void add_row(struct plan *plan, uint64_t i, uint64_t requests)
{
    struct bench_row row = {.name = servers[i % SERVERS].name,
                            .operation = "request",
                            .n = requests,
                            .run = run};
    snprintf(row.params, sizeof row.params, "%s", settings[i / SERVERS].params);
    plan_sweep(plan, &row, i);
}

int main(int argc, char **argv)
{
    static struct plan plan;
    uint64_t requests = 20000;
    struct bench bench = {
        .name = "echo",
        .question = "What does a request over TCP cost, beside libuv, Go and Erlang?",
        .method = "64 bytes there and back: the server's CPU time, or all the time",
        .repeat = 9,
        .warmup = 1};
    const struct option_row own[] = {
        {"requests", "N", "in a run", &requests, .min = 1, .max = 100000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (trial_refuse_simulation("echo") < 0)
        return 1;
    bool there[SERVERS];
    for (uint64_t i = 0; i < SERVERS; i++)
        there[i] = house_there(&servers[i]);
    for (uint64_t i = 0; i < SETTINGS * SERVERS; i++)
        if (there[i % SERVERS])
            add_row(&plan, i, requests);
    int status = plan_run(&plan, &bench);
    house_close_all();
    return status;
}
