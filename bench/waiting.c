/* waiting.c: how long does a request wait while others wait, or run?
 *
 * Rows, each the 99th percentile of the time from a request to its answer:
 *   health   of an HTTP server on which so many other requests wait for a query of 5 s
 *            (PostgreSQL's; bench/peers/postgres.sh gives it one, else it is left out)
 *   echo     over 16 connections one after the other, while an actor runs for 200 ms and
 *            rests for 200 ms, over and over; `bare`: the same of a thread for each
 *            connection and one that works so: what the machine itself can do
 * and how much memory the server takes for each of so many connections that say nothing.
 * The client is this program. */
#include "harness/house.h"
#include "harness/plan.h"
#include "harness/process.h"
#include "harness/trial.h"

#include <cadre.h>
#include <cadre/actors/http.h>
#include <cadre/actors/postgres.h>
#include <cadre/await.h>
#include <cadre/tcp.h>
#include <cadre/timer.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 16384, ECHOES = 16 };

static void wait_until(int64_t time)
{
    struct timespec t = {time / CADRE_SECOND, time % CADRE_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

static void work_for(int64_t time)
{
    for (int64_t end = bench_now() + time; bench_now() < end;) {
    }
}

/* ---- a server with a slow page ---------------------------------------------------- */

static cadre_ref base; /* of the server's process */

static int health(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "well\n");
}

static int slow(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg rows;
    int err = cadre_sql_ask(self, &token, base, 60 * CADRE_SECOND, "SELECT pg_sleep(5)",
                            NULL, 0);
    if (!err)
        err = cadre_await(self, token, &rows);
    return err ? err
               : cadre_http_reply_text(
                     self, m, cadre_body(&rows, cadre_sql_rows) ? 200 : 503, "done\n");
}
static const cadre_http_route pages[] = {
    {"GET", "/health", health}, {"GET", "/slow", slow}, {0}};

static int page_start(cadre_self *self, void *state)
{
    const cadre_postgres where = {.waiting = CONNECTIONS_MAX};
    const cadre_http config = {.host = "127.0.0.1",
                               .routes = pages,
                               .limits = {.connections = CONNECTIONS_MAX,
                                          .requests = CONNECTIONS_MAX,
                                          .answer = 60 * CADRE_SECOND}};
    cadre_ref server;
    int err = cadre_spawn(self, &base, &cadre_postgres_class, &where);
    if (!err)
        err = cadre_spawn(self, &server, &cadre_http_class, &config);
    return err ? err : cadre_ask(self, NULL, server, CADRE_SECOND, cadre_http_ask, 0);
}

static int page_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (status)
        house_tell(status->port);
    return 0;
}
static const cadre_class page = {
    .name = "page", .start = page_start, .receive = page_receive};

/* ---- a server that sends back, and one that works ---------------------------------- */

static int serve(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    return data ? cadre_stream_write_buf(self, data->stream, cadre_buf_move(&data->buf))
                : 0;
}
static const cadre_class server = {.name = "server", .receive = serve};

typedef struct {
    int none;
} again;
static CADRE_TYPE(again);

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    work_for(200 * CADRE_MS);
    return cadre_after(self, NULL, 200 * CADRE_MS, again, 0);
}
static int work_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, 200 * CADRE_MS, again, 0);
}
static const cadre_class worker = {
    .name = "worker", .start = work_start, .receive = work};

static bool works; /* set before the server's process is made */

static int echo_start(cadre_self *self, void *state)
{
    const cadre_stream_options options = {.backlog = CONNECTIONS_MAX};
    cadre_stream listener;
    cadre_address at;
    cadre_ref child;
    int err = works ? cadre_spawn(self, &child, &worker, NULL) : 0;
    if (!err)
        err = cadre_tcp_listen(self, &listener, "127.0.0.1", 0, &options);
    if (!err)
        err = cadre_tcp_local(self, listener, &at);
    if (!err)
        house_tell(at.port);
    return err;
}

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref child;
    if (!opened)
        return 0;
    int err = cadre_spawn(self, &child, &server, NULL);
    return err ? err : cadre_stream_give(self, opened->stream, child);
}
static const cadre_class echo = {
    .name = "echo", .start = echo_start, .receive = echo_receive};

static void serve_pages(uint32_t workers)
{
    const cadre_config config = {.workers = workers};
    _exit(cadre_run(&config, &page, NULL) != 0);
}
static void serve_echo(uint32_t workers)
{
    const cadre_config config = {.workers = workers};
    _exit(cadre_run(&config, &echo, NULL) != 0);
}
static void serve_beside_work(uint32_t workers)
{
    works = true;
    serve_echo(workers);
}

/* ---- the same without a runtime --------------------------------------------------- */

static void *work_bare(void *arg)
{
    for (;;) {
        wait_until(bench_now() + 200 * CADRE_MS);
        work_for(200 * CADRE_MS);
    }
    return NULL;
}

static void *send_back(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char bytes[512];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0 &&
           write(fd, bytes, (size_t)n) == n) {
    }
    close(fd);
    return NULL;
}

static void serve_bare(uint32_t workers)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    pthread_t thread;
    int fd, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, ECHOES) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) < 0 ||
        pthread_create(&thread, NULL, work_bare, NULL) != 0)
        _exit(1);
    house_tell(ntohs(at.sin_port));
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        if (pthread_create(&thread, NULL, send_back, (void *)(intptr_t)fd) == 0)
            (void)pthread_detach(thread);
    _exit(1);
}

/* ---- the client -------------------------------------------------------------------- */

static int fds[CONNECTIONS_MAX];
static uint64_t opened;

/* It ends by a reset: a server that is told only that nothing more will be asked goes on
 * with what was. */
static int connect_once(uint16_t port)
{
    const int on = 1;
    const struct linger reset = {.l_onoff = 1};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror("waiting: connect");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return fd;
}

static bool open_all(uint16_t port, uint64_t count)
{
    for (opened = 0; opened < count; opened++)
        if ((fds[opened] = connect_once(port)) < 0)
            return false;
    return true;
}
static void close_all(void)
{
    while (opened > 0)
        close(fds[--opened]);
}

static bool ask(int fd, const char *request)
{
    char answer[512];
    return send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 &&
           recv(fd, answer, sizeof answer, 0) > 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* So many over these connections in turn, one each millisecond: the 99th percentile,
 * from when a request was due, so that one that waits does not hide what the next ones
 * would have waited. Negative: there was no answer. */
static double ask_many(unsigned n, const int *those, unsigned count,
                       const char *request)
{
    double *took = calloc(n, sizeof *took), result = -1;
    int64_t due = bench_now();
    unsigned i = 0;
    for (; took && i < n; i++) {
        wait_until(due += CADRE_MS);
        if (!ask(those[i % count], request))
            break;
        took[i] = (double)(bench_now() - due);
    }
    if (took && i == n) {
        qsort(took, n, sizeof *took, by_size);
        result = took[n * 99 / 100];
    }
    free(took);
    return result;
}

/* ---- rows -------------------------------------------------------------------------- */

static const struct house_server page_house = {.name = "cadre", .serve = serve_pages};
static const struct house_server echo_house = {.name = "cadre", .serve = serve_echo};
static const struct house_server beside_work[] = {
    {.name = "cadre", .serve = serve_beside_work},
    {.name = "bare", .serve = serve_bare}};
static uint64_t connections = 10000;

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* Two seconds of the five, when all requests wait. */
static int run_health(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house *house =
        getenv("PGHOST") ? house_open(&page_house, each->workers) : NULL;
    if (!house)
        return getenv("PGHOST") ? -1 : BENCH_SKIPPED;
    int fd = connect_once(house->port);
    bool fine = fd >= 0 && open_all(house->port, each->size);
    for (uint64_t i = 0; fine && i < each->size; i++)
        fine = send(fds[i], GET("/slow"), strlen(GET("/slow")), MSG_NOSIGNAL) > 0;
    for (int i = 0; fine && i < 500; i++) /* those before are read meanwhile */
        fine = ask(fd, GET("/health"));
    *total = fine ? ask_many(2000, &fd, 1, GET("/health")) : -1;
    close_all();
    if (fd >= 0)
        close(fd);
    return *total < 0 ? -1 : 0;
}

static int run_echo(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house *house = house_open(&beside_work[each->size], each->workers);
    if (!house)
        return -1;
    bool fine = open_all(house->port, ECHOES);
    *total = fine ? ask_many(2000, fds, ECHOES, "a request") : -1;
    close_all();
    return *total < 0 ? -1 : 0;
}

/* Each says one thing first, so that the server knows all of them. */
static int run_idle(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *each = arg;
    const struct house *house = house_open(&echo_house, each->workers);
    if (!house)
        return -1;
    bool fine = open_all(house->port, n);
    for (uint64_t i = 0; fine && i < n; i++)
        fine = ask(fds[i], "hello");
    *total = (double)process_resident_of(house->pid) - (double)house->resident;
    close_all();
    return fine ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct plan plan;
    struct rlimit most;
    struct bench bench = {
        .name = "waiting",
        .question = "How long does a request wait while others wait, or run?",
        .method =
            "99 % of requests took no longer; bytes: of the server, once connected",
        .repeat = 5,
        .warmup = 0};
    const struct option_row own[] = {{"connections", "N", "that wait, or are idle",
                                      &connections, .min = 1, .max = CONNECTIONS_MAX},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bench, own, argc, argv);
    if (trial_refuse_simulation("waiting") < 0)
        return 1;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
        most.rlim_cur = most.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &most);
    }
    struct bench_row health_row = {
        .name = "health", .operation = "request", .n = 1, .run = run_health};
    struct bench_row echo_row = {.name = "echo",
                                 .params = "beside work p99",
                                 .operation = "request",
                                 .n = 1,
                                 .run = run_echo};
    struct bench_row bare_row = echo_row;
    bare_row.name = "bare";
    struct bench_row idle_row = {.name = "idle",
                                 .operation = "connection",
                                 .unit = BENCH_BYTES,
                                 .n = connections,
                                 .run = run_idle};
    snprintf(health_row.params, sizeof health_row.params, "waiting=%d p99",
             (int)connections);
    plan_sweep(&plan, &health_row, connections);
    plan_sweep(&plan, &echo_row, 0);
    plan_sweep(&plan, &bare_row, 1);
    plan_sweep(&plan, &idle_row, 0);
    int status = plan_run(&plan, &bench);
    house_close_all();
    return status;
}
