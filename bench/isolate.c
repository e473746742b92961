/* isolate.c: what does an actor in a process of its own cost, and who else pays for its
 * death?
 *
 * "isolated": a client asks an isolated server, which answers, and asks again; the median
 * of its round trips, and the 99th percentile. "socket between processes": the mean where
 * two processes do nothing but that, each asleep in an epoll set until the other has
 * written, to set that against.
 *
 * "isolated spawn": from the spawn to the first answer. "isolated life": spawned, asked
 * once and stopped, until the news of the end, one after the other. "fork": what the
 * system takes for an empty process.
 *
 * "sibling": two actors of this process ask each other, and each round trip is
 * timed; the row is the 99th percentile of those: when nobody else does anything, and
 * while an isolated actor dies of a fault and is restarted, again and again (twenty times
 * at least; of the last questions then). */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/ask.h>
#include <cadre/isolate.h>
#include <cadre/watch.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    uint64_t number;
} question;
typedef struct {
    uint64_t number;
} answer;
static CADRE_TYPE(question);
static CADRE_TYPE(answer);

enum { DIE = UINT32_MAX, FAULTS = 20 };

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    if (q->number == DIE)
        raise(SIGSEGV);
    return cadre_reply(self, m, answer, .number = q->number + 1);
}
static const cadre_class server = {.name = "server", .receive = server_receive};

enum row {
    ROUND_TRIP,
    ROUND_TRIP_P99,
    SPAWN,
    LIFE,
    SOCKET,
    FORK,
    SIBLING,
    SIBLING_BESIDE_FAULTS
};

/* What the main program lends the master. */
struct job {
    enum row row;
    uint64_t n, done, right;
    uint64_t faults, faults_least; /* that have been; that there are to be */
    int64_t start, end, asked;
    int64_t *times; /* of each operation, or NULL */
};

struct master {
    struct job *job;
    cadre_ref server, victim;
};

static bool ends(const struct job *job)
{
    return job->row == SPAWN || job->row == LIFE;
}

static int ask(cadre_self *self, struct master *me)
{
    if (!ends(me->job))
        me->job->asked = bench_now();
    return cadre_ask(self, NULL, me->server, CADRE_NEVER, question,
                     .number = me->job->done);
}

static int spawn(cadre_self *self, struct master *me)
{
    const cadre_opts isolated = {.isolated = me->job->row <= LIFE};
    me->job->asked = bench_now();
    int err = cadre_spawn_with(self, &me->server, &server, NULL, &isolated);
    if (!err && ends(me->job))
        err = cadre_watch(self, NULL, me->server);
    return err ? err : ask(self, me);
}

static int hit(cadre_self *self, const struct master *me)
{
    return cadre_send(self, me->victim, question, .number = DIE);
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    const cadre_opts kept = {.isolated = true, .keep = true};
    int err = 0;
    if (me->job->row == SIBLING_BESIDE_FAULTS)
        err = cadre_spawn_with(self, &me->victim, &server, NULL, &kept);
    if (!err && me->victim.id)
        err = hit(self, me);
    me->job->start = bench_now();
    return err ? err : spawn(self, me);
}

static int answered(cadre_self *self, struct master *me, const answer *a)
{
    struct job *job = me->job;
    int64_t now = bench_now();
    if (job->times)
        job->times[job->done % job->n] = now - job->asked;
    job->right += a->number == ++job->done;
    if (ends(job))
        return cadre_stop(self, me->server);
    if (job->done < job->n || job->faults < job->faults_least)
        return ask(self, me);
    job->end = now;
    return CADRE_STOP;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    const answer *a = cadre_body(m, answer);
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (a)
        return answered(self, me, a);
    if (down) {
        me->job->faults++;
        int err = cadre_restart(self, me->victim);
        return err ? err : hit(self, me);
    }
    if (!cadre_body(m, cadre_down))
        return cadre_unhandled(self, m);
    if (me->job->done < me->job->n)
        return spawn(self, me);
    me->job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static void ignore_log(void *user, int level, const char *line) {}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int run_system(struct job *job, uint32_t workers)
{
    const cadre_config config = {.workers = workers, .isolated = 2, .log = ignore_log};
    int err = cadre_run(&config, &master, &(struct master){.job = job});
    if (err || job->right != job->done) {
        fprintf(stderr, "isolate: %s; %" PRIu64 " of %" PRIu64 " answers fit\n",
                cadre_strerror(err), job->right, job->done);
        return -1;
    }
    return 0;
}

/* The size of what crosses with a small message. */
struct frame {
    char bytes[64];
};

/* Sleeps until the whole frame is there. */
static bool receive(int epoll, int fd, struct frame *f)
{
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, -1) == 1 && read(fd, f, sizeof *f) == sizeof *f;
}

static bool send_back(int fd, const struct frame *f)
{
    return write(fd, f, sizeof *f) == sizeof *f;
}

static int watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? epoll : -1;
}

static int run_socket(double *total, uint64_t n)
{
    int ends[2];
    struct frame f = {{0}};
    uint64_t done = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return -1;
    pid_t pid = fork();
    int fd = ends[pid == 0], epoll = watch(fd);
    if (pid == 0) {
        while (receive(epoll, fd, &f) && send_back(fd, &f) && ++done < n) {
        }
        _exit(0);
    }
    int64_t start = bench_now();
    while (done < n && send_back(fd, &f) && receive(epoll, fd, &f))
        done++;
    *total = (double)(bench_now() - start);
    close(epoll);
    close(ends[0]);
    close(ends[1]);
    return pid > 0 && waitpid(pid, NULL, 0) == pid && done == n ? 0 : -1;
}

static int run_forks(double *total, uint64_t n)
{
    int64_t start = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            return -1;
    }
    *total = (double)(bench_now() - start);
    return 0;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.row = (enum row)setting->size, .n = n};
    job.faults_least = job.row == SIBLING_BESIDE_FAULTS ? FAULTS : 0;
    if (job.row == FORK)
        return run_forks(total, n);
    if (job.row == SOCKET)
        return run_socket(total, n);
    if (job.row != LIFE) {
        job.times = calloc(n, sizeof *job.times);
        if (!job.times)
            return -1;
    }
    int err = run_system(&job, setting->workers);
    *total = (double)(job.end - job.start);
    if (!err && job.times) {
        bool is_median = job.row == ROUND_TRIP || job.row == SPAWN;
        qsort(job.times, n, sizeof *job.times, by_size);
        *total = (double)job.times[is_median ? n / 2 : n * 99 / 100] * (double)n;
    }
    free(job.times);
    return err;
}

static void add(struct plan *plan, enum row which, const char *name,
                const char *operation, uint64_t n)
{
    const struct bench_row row = {
        .name = name, .operation = operation, .run = run, .n = n};
    plan_sweep(plan, &row, which);
}

int main(int argc, char **argv)
{
    uint64_t questions = 20000, spawns = 100;
    struct plan plan = {0};
    struct bench bench = {
        .name = "isolate",
        .question = "What does an actor in a process of its own cost?",
        .method = "isolated, spawn: the median of all round trips; p99: their 99th "
                  "percentile; others: time from the first to the last",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"questions", "N", "round trips per run", &questions, .min = 100,
         .max = 100000000},
        {"spawns", "N", "processes per run", &spawns, .min = 1, .max = 1000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    add(&plan, ROUND_TRIP, "isolated", "round trip", questions);
    add(&plan, ROUND_TRIP_P99, "isolated p99", "round trip", questions);
    add(&plan, SOCKET, "socket between processes", "round trip", questions);
    add(&plan, SPAWN, "isolated spawn", "process", spawns);
    add(&plan, LIFE, "isolated life", "process", spawns);
    add(&plan, FORK, "fork", "process", spawns);
    add(&plan, SIBLING, "sibling p99", "round trip", questions);
    add(&plan, SIBLING_BESIDE_FAULTS, "sibling p99 beside faults", "round trip",
        questions);
    return plan_run(&plan, &bench);
}
