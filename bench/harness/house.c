/* house.c: servers that a benchmark asks, each a process of its own. */
#include "harness/house.h"

#include "harness/bench.h"
#include "harness/process.h"

#include <arpa/inet.h>
#include <errno.h>
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

enum { HOUSES_MAX = 16, START_MS = 10000 };

static struct {
    const struct house_server *server;
    uint32_t workers;
    struct house house;
} houses[HOUSES_MAX];

static int report; /* of a server that is ours: where its port goes */
static cpu_set_t all;

/* One thread and whoever asks it have a CPU each; more may use all, and so may whoever
 * asks: pinned it would wait a tick for a thread that the kernel does not move. */
static void stay_on(int cpu, uint32_t workers)
{
    cpu_set_t set = all;
    if (workers <= 1) {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
    }
    (void)sched_setaffinity(0, sizeof set, &set); /* with one CPU it stays there */
}

void house_tell(uint16_t port)
{
    ssize_t n = write(report, &port, sizeof port);
    (void)n;
}

/* serve.sh NAME KIND PORT THREADS; PORT 0: only whether it could. */
static void exec_peer(const struct house_server *server, uint16_t port,
                      uint32_t workers)
{
    char ports[8], threads[16];
    snprintf(ports, sizeof ports, "%u", port);
    snprintf(threads, sizeof threads, "%u", workers);
    execl("bench/peers/serve.sh", "serve.sh", server->name, server->kind, ports,
          threads, NULL);
    _exit(127);
}

bool house_there(const struct house_server *server)
{
    int status = -1;
    pid_t child = server->serve ? 0 : fork();
    if (server->serve)
        return true;
    if (child == 0)
        exec_peer(server, 0, 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* One that nobody has now; 0: none. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                 getsockname(fd, (struct sockaddr *)&at, &size) == 0;
    if (fd >= 0)
        close(fd);
    return found ? ntohs(at.sin_port) : 0;
}

/* Until a program that we can ask only by asking accepts. */
static bool wait_for(const struct house *house)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    struct sockaddr_in at = loopback(house->port);
    for (int ms = 0; ms < START_MS && waitpid(house->pid, NULL, WNOHANG) == 0;
         ms += 10) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool accepted = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
        if (fd >= 0)
            close(fd);
        if (accepted)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool start(struct house *house, const struct house_server *server,
                  uint32_t workers)
{
    int ends[2];
    bool told = true;
    house->port = server->serve ? 0 : free_port();
    if (pipe(ends) < 0)
        return false;
    house->pid = fork();
    if (house->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        stay_on(0, workers);
        report = ends[1];
        if (!server->serve)
            exec_peer(server, house->port, workers);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        server->serve(workers);
    }
    close(ends[1]);
    if (server->serve)
        told = read(ends[0], &house->port, sizeof house->port) == sizeof house->port;
    close(ends[0]);
    bool serves = house->pid > 0 && told && wait_for(house);
    house->resident = process_resident_of(house->pid);
    return serves;
}

const struct house *house_open(const struct house_server *server, uint32_t workers)
{
    size_t i = 0;
    while (i < HOUSES_MAX && houses[i].server &&
           (houses[i].server != server || houses[i].workers != workers))
        i++;
    if (i == HOUSES_MAX)
        return NULL;
    if (!houses[i].server) {
        if (i == 0)
            (void)sched_getaffinity(0, sizeof all, &all);
        houses[i].server = server;
        houses[i].workers = workers;
        if (!start(&houses[i].house, server, workers)) {
            houses[i].house.pid = -1;
            fprintf(stderr, "%s: the server does not start\n", server->name);
            return NULL;
        }
    }
    stay_on(1, workers);
    return houses[i].house.pid > 0 ? &houses[i].house : NULL;
}

double house_cpu_time(const struct house *house)
{
    return process_cpu_time(house->pid);
}

/* How many requests it made. */
static double run_wrk(const struct house *house, unsigned connections, const char *path,
                      double *per_second)
{
    char line[160], text[256];
    double requests = 0, errors = 0;
    snprintf(line, sizeof line, "wrk -t1 -c%u -d1 http://127.0.0.1:%u/%s 2>/dev/null",
             connections, house->port, path);
    FILE *f = popen(line, "r");
    if (!f)
        return 0;
    while (fgets(text, sizeof text, f)) {
        (void)sscanf(text, " %lf requests in", &requests);
        (void)sscanf(text, " Non-2xx or 3xx responses: %lf", &errors);
        (void)sscanf(text, "Requests/sec: %lf", per_second);
    }
    return pclose(f) == 0 && errors == 0 ? requests : 0;
}

int house_wrk(double *total, const struct house *house, unsigned connections,
              const char *path, bool cpu, uint64_t n)
{
    double per_second = 0, before = house_cpu_time(house);
    double requests = run_wrk(house, connections, path, &per_second);
    if (requests == 0 || per_second == 0)
        return BENCH_SKIPPED;
    *total = (double)n *
             (cpu ? (house_cpu_time(house) - before) / requests : 1e9 / per_second);
    return 0;
}

void house_close_all(void)
{
    for (size_t i = 0; i < HOUSES_MAX && houses[i].server; i++)
        if (houses[i].house.pid > 0) {
            kill(houses[i].house.pid, houses[i].server->serve ? SIGKILL : SIGTERM);
            waitpid(houses[i].house.pid, NULL, 0);
        }
}
