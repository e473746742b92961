/* echo.c: what does a request over TCP cost, beside a bare libuv?
 *
 * A server sends back 64 bytes on each of so many connections, with one request in flight
 * on each. It is a process of its own, so that its time is its own: some of ours, and one
 * that calls libuv alone, writing at once where it can. The client is this program, on
 * another CPU where there is one; with more workers than one the server may use all. A
 * server lives from the first run to the end; requests go over connections that stay.
 *
 * Rows: the server's CPU time per request; and with one connection, where nothing else is
 * under way, the median time from a request to its answer. */
#include "harness/plan.h"

#include <cadre.h>
#include <cadre/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { SIZE = 64, CONNECTIONS_MAX = 64 };

/* ---- ours ------------------------------------------------------------------------- */

static int report; /* where the port is written to */

static void tell_port(uint16_t port)
{
    ssize_t n = write(report, &port, sizeof port);
    (void)n;
}

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
        tell_port(at.port);
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

struct peer {
    uv_tcp_t tcp;
    char bytes[1 << 16];
};

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

static void on_connection(uv_stream_t *s, int status)
{
    struct peer *peer = malloc(sizeof *peer);
    if (status < 0 || !peer)
        _exit(1);
    uv_tcp_init(s->loop, &peer->tcp);
    peer->tcp.data = peer;
    uv_accept(s, (uv_stream_t *)&peer->tcp);
    uv_tcp_nodelay(&peer->tcp, 1);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

static void serve_uv(uint32_t workers)
{
    uv_tcp_t listener;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int size = sizeof at;
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&at, 0) ||
        uv_listen((uv_stream_t *)&listener, CONNECTIONS_MAX, on_connection) ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&at, &size))
        _exit(1);
    tell_port(ntohs(at.sin_port));
    _exit(uv_run(loop, UV_RUN_DEFAULT));
}

/* ---- the client ------------------------------------------------------------------- */

struct house {
    void (*serve)(uint32_t workers);
    uint32_t workers; /* 0: libuv's */
    pid_t pid;        /* 0: not opened */
    uint16_t port;
    int fds[CONNECTIONS_MAX];
    unsigned connections;
};
static struct house houses[1 + PLAN_WORKERS_MAX];

static cpu_set_t all; /* CPUs that we may use */

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* with one CPU it stays there */
}

/* The one with so many workers. */
static struct house *find_house(uint32_t workers)
{
    struct house *house = houses;
    while (house->serve && house->workers != workers)
        house++;
    house->serve = workers ? serve_ours : serve_uv;
    house->workers = workers;
    return house;
}

static int open_house(struct house *house)
{
    int ends[2];
    if (house->pid)
        return 0;
    if (pipe(ends) < 0)
        return -1;
    house->pid = fork();
    if (house->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (house->workers <= 1)
            stay_on(0);
        else
            (void)sched_setaffinity(0, sizeof all, &all);
        report = ends[1];
        house->serve(house->workers);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], &house->port, sizeof house->port);
    close(ends[0]);
    return n == sizeof house->port ? 0 : -1;
}

static int connect_to(struct house *house, unsigned count)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(house->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    while (house->connections < count) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
            return -1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        house->fds[house->connections++] = fd;
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

static int64_t cpu_time(const struct house *house)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(house->pid, &clock) == 0)
        (void)clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What is measured; a case's size is the number of one. */
static const struct {
    unsigned connections;
    bool times; /* how long each takes; or the server's CPU time */
    const char *params;
    struct plan_case uv;
} settings[] = {{1, true, "connections=1 p50", {0, 0}},
                {1, false, "connections=1 cpu", {1, 0}},
                {64, false, "connections=64 cpu", {2, 0}}};
enum { SETTINGS = sizeof settings / sizeof *settings };

/* So many requests, one in flight on each connection. */
static bool ask(const struct house *house, unsigned connections, uint64_t n)
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

static bool time_each(const struct house *house, uint64_t n, double *median)
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
    const struct plan_case *setting = arg;
    struct house *house = find_house(setting->workers);
    unsigned connections = settings[setting->size].connections;
    bool times = settings[setting->size].times;
    uint64_t asked = n < connections ? connections : n;
    double each = 0;
    if (open_house(house) < 0 || connect_to(house, connections) < 0)
        goto failed;
    int64_t before = cpu_time(house);
    if (!(times ? time_each(house, asked, &each) : ask(house, connections, asked)))
        goto failed;
    if (!times)
        each = (double)(cpu_time(house) - before) / (double)asked;
    *total = each * (double)n;
    return each > 0 ? 0 : BENCH_SKIPPED;
failed:
    fprintf(stderr, "echo: %s: %s\n", house->workers ? "cadre" : "libuv",
            strerror(errno));
    return -1;
}

/* ---- rows ------------------------------------------------------------------------- */

static void add_rows(struct plan *plan, uint64_t requests)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        struct bench_row row = {.name = "libuv",
                                .operation = "request",
                                .n = requests,
                                .cpus = 2,
                                .run = run,
                                .arg = &settings[i].uv};
        snprintf(row.params, sizeof row.params, "%s", settings[i].params);
        row.ideal = plan_add(plan, &row);
        row.name = "cadre";
        plan_sweep(plan, &row, i);
    }
}

int main(int argc, char **argv)
{
    static struct plan plan;
    uint64_t requests = 20000;
    struct bench bench = {
        .name = "echo",
        .question = "What does a request over TCP cost, beside a bare libuv?",
        .method = "64 bytes there and back: the server's CPU time, or all the time",
        .repeat = 9,
        .warmup = 1};
    const struct option_row own[] = {
        {"requests", "N", "in a run", &requests, .min = 1, .max = 100000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (getenv("CADRE_SEED")) {
        fprintf(stderr,
                "echo: CADRE_SEED is set, and a simulation is no measurement\n");
        return 1;
    }
    add_rows(&plan, requests);
    (void)sched_getaffinity(0, sizeof all, &all);
    stay_on(1);
    int status = plan_run(&plan, &bench);
    for (size_t i = 0; i < sizeof houses / sizeof *houses; i++)
        if (houses[i].pid) {
            kill(houses[i].pid, SIGKILL);
            waitpid(houses[i].pid, NULL, 0);
        }
    return status;
}
