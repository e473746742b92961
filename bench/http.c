/* http.c: what does a short answer over HTTP cost?
 *
 * A server answers "hello" on 64 connections that stay; who asks is wrk, on another CPU
 * where there is one. It is a process of its own, so that its time is its own, and lives
 * from the first run to the end. A run takes wrk's shortest time, a second, however many
 * requests that is.
 *
 * Rows: the server's CPU time per request, and all the time per request. */
#include "harness/plan.h"

#include <cadre.h>
#include <cadre/actors/http.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the server ------------------------------------------------------------------- */

static int report; /* where the port is written to */

static int hello(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_http_reply_text(self, m, 200, "hello\n");
}
static const cadre_http_route routes[] = {{"GET", "/", hello}, {0}};

static int root_start(cadre_self *self, void *state)
{
    const cadre_http config = {.host = "127.0.0.1", .routes = routes};
    cadre_ref server;
    int err = cadre_spawn(self, &server, &cadre_http_class, &config);
    return err ? err : cadre_ask(self, NULL, server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    if (!status)
        return -1;
    return write(report, &status->port, sizeof status->port) > 0 ? 0 : -1;
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

/* ---- where it runs ---------------------------------------------------------------- */

struct house {
    pid_t pid; /* 0: not opened */
    uint16_t port;
};
static struct house houses[PLAN_WORKERS_MAX + 1];
static uint32_t sizes[PLAN_WORKERS_MAX + 1]; /* how many workers each has */

static cpu_set_t all; /* CPUs that we may use */

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* with one CPU it stays there */
}

static struct house *find_house(uint32_t workers)
{
    size_t i = 0;
    while (sizes[i] && sizes[i] != workers)
        i++;
    sizes[i] = workers;
    return &houses[i];
}

static int open_house(struct house *house, uint32_t workers)
{
    const cadre_config config = {.workers = workers};
    int ends[2];
    if (house->pid)
        return 0;
    if (pipe(ends) < 0)
        return -1;
    house->pid = fork();
    if (house->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (workers <= 1)
            stay_on(0);
        else
            (void)sched_setaffinity(0, sizeof all, &all);
        report = ends[1];
        _exit(cadre_run(&config, &root, NULL) != 0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], &house->port, sizeof house->port);
    close(ends[0]);
    return n == sizeof house->port ? 0 : -1;
}

static double cpu_time(const struct house *house)
{
    clockid_t clock;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(house->pid, &clock) == 0)
        (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- one run ---------------------------------------------------------------------- */

/* How many requests wrk has made in its second; 0: none was right, or there is no wrk. */
static double ask(const struct house *house, double *per_second)
{
    char line[160], text[256];
    double requests = 0, errors = 0;
    snprintf(line, sizeof line, "wrk -t1 -c64 -d1 http://127.0.0.1:%u/ 2>/dev/null",
             house->port);
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

/* size 1: CPU time; 0: all. */
static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct house *house = find_house(setting->workers);
    double per_second = 0;
    if (open_house(house, setting->workers) < 0) {
        perror("http");
        return -1;
    }
    double before = cpu_time(house), requests = ask(house, &per_second);
    if (requests == 0 || per_second == 0)
        return BENCH_SKIPPED;
    double each =
        setting->size ? (cpu_time(house) - before) / requests : 1e9 / per_second;
    *total = each * (double)n;
    return 0;
}

int main(int argc, char **argv)
{
    static struct plan plan;
    struct bench bench = {.name = "http",
                          .question = "What does a short answer over HTTP cost?",
                          .method = "wrk for a second: the server's CPU time, or all",
                          .repeat = 5,
                          .warmup = 1};
    const struct option_row own[] = {plan_option(&plan), {0}};
    bench_options(&bench, own, argc, argv);
    for (uint64_t cpu = 0; cpu <= 1; cpu++) {
        struct bench_row row = {
            .name = "cadre", .operation = "request", .n = 1, .cpus = 2, .run = run};
        snprintf(row.params, sizeof row.params, "connections=64%s", cpu ? " cpu" : "");
        plan_sweep(&plan, &row, cpu);
    }
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
