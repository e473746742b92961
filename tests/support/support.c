/* support.c: ways to run a system, and a few actors and messages that many tests need. */
#include "support/support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the log ---- */

enum { LINES_MAX = 64, LINE_LENGTH = 512 };

static struct {
    pthread_mutex_t lock;
    unsigned count;
    char text[LINES_MAX][LINE_LENGTH];
} lines = {.lock = PTHREAD_MUTEX_INITIALIZER};

void collect_line(void *user, int level, const char *line)
{
    pthread_mutex_lock(&lines.lock);
    if (lines.count < LINES_MAX) {
        strncpy(lines.text[lines.count], line, LINE_LENGTH - 1);
        lines.count++;
    }
    pthread_mutex_unlock(&lines.lock);
}

unsigned lines_with(const char *text)
{
    unsigned n = 0;
    pthread_mutex_lock(&lines.lock);
    for (unsigned i = 0; i < lines.count; i++)
        n += strstr(lines.text[i], text) != NULL;
    pthread_mutex_unlock(&lines.lock);
    return n;
}

/* ---- running ---- */

cadre_config quiet(uint32_t workers, uint64_t seed)
{
    pthread_mutex_lock(&lines.lock);
    lines.count = 0;
    pthread_mutex_unlock(&lines.lock);
    return (cadre_config){.workers = workers, .seed = seed, .log = collect_line};
}

cadre_counters sums;

int run(const cadre_config *config, const cadre_class *root, const void *init)
{
    cadre_system *sys;
    int err = cadre_system_new(&sys, config, root, init);
    assert_int_equal(err, 0);
    int reason = cadre_system_wait(sys);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    return reason;
}

typedef struct {
    void (*scene)(cadre_self *self);
} stage;

static int stage_start(cadre_self *self, void *state)
{
    ((stage *)state)->scene(self);
    return 0;
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

int play_with(cadre_config *config, void (*scene)(cadre_self *self))
{
    static const cadre_class stage_class = {.name = "stage",
                                            .state_size = sizeof(stage),
                                            .start = stage_start,
                                            .receive = ignore};
    config->end_when_quiet = true;
    return run(config, &stage_class, &(stage){scene});
}

int play(void (*scene)(cadre_self *self))
{
    cadre_config config = quiet(2, 1);
    return play_with(&config, scene);
}

void every_way(void (*scenario)(const cadre_config *config))
{
    uint64_t seeds = is_long() ? 200 : 8;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (uint32_t workers = 1; workers <= 3; workers++) {
            cadre_config config = quiet(workers, seed);
            scenario(&config);
        }
    for (uint32_t workers = 1; workers <= 4; workers *= 2) {
        cadre_config config = quiet(workers, 0);
        scenario(&config);
    }
}

int in_child(void (*scenario)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDERR_FILENO);
        scenario();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

int in_child_saying(void (*scenario)(void), char *said, size_t size)
{
    int status, ends[2];
    char more[256];
    size_t length = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        scenario();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], more, sizeof more)) > 0;)
        for (ssize_t i = 0; i < n && length < size - 1; i++)
            said[length++] = more[i];
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

void misuse(void (*scenario)(void))
{
#ifdef RT_DEBUG
    int status = in_child(scenario);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
#else
    scenario();
#endif
}

int64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * CADRE_SECOND + t.tv_nsec;
}

void let_others_run(unsigned *looks)
{
    if (++*looks <= 100)
        sched_yield();
    else
        poll(NULL, 0, 1);
}

void await_true(bool (*is_true)(void *arg), void *arg)
{
    int64_t end = real_now() + 60 * CADRE_SECOND;
    for (unsigned looks = 0; !is_true(arg); let_others_run(&looks))
        assert_true(real_now() < end);
}

struct goal {
    const atomic_uint *counter;
    unsigned value;
};

static bool has_reached(void *arg)
{
    struct goal *goal = arg;
    return atomic_load(goal->counter) >= goal->value;
}

void await(const atomic_uint *counter, unsigned value)
{
    await_true(has_reached, &(struct goal){counter, value});
}

bool is_long(void) { return getenv("CADRE_LONG") != NULL; }

/* ---- messages and actors ---- */

CADRE_TYPE(number);
CADRE_TYPE(contact);

atomic_uint drops[OWNED_MAX];

static void drop_owned(void *body)
{
    owned *o = body;
    atomic_fetch_add(&drops[o->id % OWNED_MAX], 1);
}

CADRE_TYPE_DROP(owned, drop_owned);

void drops_clear(void)
{
    for (uint32_t i = 0; i < OWNED_MAX; i++)
        atomic_store(&drops[i], 0);
}

void assert_dropped_once(uint32_t n)
{
    for (uint32_t i = 0; i < OWNED_MAX; i++)
        if (atomic_load(&drops[i]) != (i < n))
            fail_msg("body %u was dropped %u times", i, atomic_load(&drops[i]));
}

const cadre_class sink_class = {.name = "sink", .receive = ignore};

struct record record;

void record_clear(void) { record.count = 0; }

void record_add(uint64_t value)
{
    assert_true(record.count < RECORD_MAX);
    record.values[record.count++] = value;
}

static int recorder_receive(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    if (!n)
        return cadre_unhandled(self, m);
    record_add(n->value);
    return 0;
}

const cadre_class recorder_class = {.name = "recorder", .receive = recorder_receive};

void assert_record_is(const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count && i < record.count; i++)
        if (values[i] != record.values[i])
            fail_msg("entry %zu is %llu, not %llu", i,
                     (unsigned long long)record.values[i],
                     (unsigned long long)values[i]);
    assert_int_equal(record.count, count);
}
