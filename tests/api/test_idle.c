/* test_idle.c: a system without work wakes nobody. The one test with a clock on the wall:
 * it looks at how often the kernel has switched away from each worker. */
#include "support/effort.h"
#include "support/support.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>

static const cadre_type go_type = {.name = "go"};

enum { WORKERS = 4, ACTORS = 100, ROUNDS = 50 };

/* Each of them keeps all workers busy for a while, and then waits for ever. */
static int count_down(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t left = cadre_body(m, number)->value;
    return left ? cadre_send(self, cadre_me(self), number, left - 1) : 0;
}

static int start_actors(cadre_self *self, void *state)
{
    static const cadre_class class = {.name = "counter", .receive = count_down};
    int err = 0;
    for (int i = 0; !err && i < ACTORS; i++) {
        cadre_ref ref;
        err = cadre_spawn(self, &ref, &class, NULL);
        if (!err)
            err = cadre_send(self, ref, number, ROUNDS);
    }
    return err;
}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static void pass_time(int ms) { (void)poll(NULL, 0, ms); }

struct switches {
    unsigned threads;
    unsigned long total;
};

static void add_thread(struct switches *s, const char *task)
{
    char path[300], line[256];
    bool is_worker = false;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        unsigned long n;
        if (strncmp(line, "Name:\tcadre-", 12) == 0)
            is_worker = true;
        if (is_worker && sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1) {
            s->threads++;
            s->total += n;
        }
    }
    fclose(file);
}

static struct switches voluntary_switches(void)
{
    struct switches s = {0, 0};
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *d = readdir(tasks); d; d = readdir(tasks))
        if (d->d_name[0] != '.')
            add_thread(&s, d->d_name);
    closedir(tasks);
    return s;
}

/* All has been handled, and no worker has gone to sleep for a while. */
static void await_idleness(cadre_system *sys)
{
    cadre_counters before, now;
    assert_int_equal(cadre_stats(sys, &now), 0);
    int calm = 0;
    for (int i = 0; calm < 5; i++) {
        assert_true(i < 2000);
        before = now;
        pass_time(20);
        assert_int_equal(cadre_stats(sys, &now), 0);
        calm = now.parks == before.parks && now.turns == before.turns &&
                       now.spawned == ACTORS + 1 && now.pending == 0
                   ? calm + 1
                   : 0;
    }
}

static void idle_is_silent(void **state)
{
    if (EFFORT_SLOWDOWN > 1)
        skip(); /* a promise of the release build */
    static const cadre_class root = {
        .name = "root", .start = start_actors, .receive = nothing};
    cadre_config config = quiet(WORKERS, 0);
    cadre_system *sys;
    cadre_counters first, last;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    await_idleness(sys);
    assert_int_equal(cadre_stats(sys, &first), 0);
    struct switches before = voluntary_switches();
    pass_time(is_long() ? 10000 : 2000);
    struct switches after = voluntary_switches();
    assert_int_equal(cadre_stats(sys, &last), 0);
    assert_int_equal(before.threads, WORKERS);
    assert_int_equal(after.threads, WORKERS);
    assert_int_equal(after.total, before.total);
    assert_memory_equal(&first, &last, sizeof first);
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(idle_is_silent));
    return RUN_TESTS();
}
