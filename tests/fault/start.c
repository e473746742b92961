/* start.c: the k-th thread cannot be created, or no descriptor is left: the start says
 * so, and everything is as it was. */
#include "support/effort.h"
#include "support/process.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- a pthread_create that fails on demand, in front of the real one ---- */

static unsigned fail_at, calls;

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                   void *arg)
{
    static create *real;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (++calls == fail_at)
        return EAGAIN;
    return real(thread, attr, run, arg);
}

/* ---- the smallest system ---- */

static int stop_at_once(cadre_self *self, void *state) { return CADRE_STOP; }
static int receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {
    .name = "root", .start = stop_at_once, .receive = receive};

static void ignore_log(void *user, int level, const char *line) {}

static void start(uint32_t workers, int expected)
{
    struct short_heap heap;
    short_heap_init(&heap, 0, 0);
    cadre_config config = {.workers = workers, .log = ignore_log};
    short_heap_serve(&heap, &config);
    cadre_system *untouched = (cadre_system *)(uintptr_t)64, *sys = untouched;
    int err = cadre_system_new(&sys, &config, &root_class, NULL);
    CHECK_EQ(err, expected);
    CHECK((sys == untouched) == (err != 0));
    if (!err) {
        if (workers == CADRE_NO_WORKERS)
            while (cadre_system_poll(sys, 0) != -ESHUTDOWN) {
            }
        CHECK_EQ(cadre_system_wait(sys), 0);
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(heap.blocks, 0);
}

static void no_thread(uint32_t workers)
{
    verdict_begin(60, " ");
    for (unsigned k = 1; k <= workers; k++) {
        calls = 0;
        fail_at = k;
        start(workers, -EAGAIN);
        CHECK_EQ(calls, k);
        fail_at = 0;
        start(workers, 0);
    }
    CHECK_EQ(process_workers(), 0);
    (void)verdict_end();
}

static void no_descriptor(void)
{
    verdict_begin(60, " ");
    struct rlimit before, none;
    unsigned descriptors = process_descriptors();
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(next >= 0);
    close(next);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    start(CADRE_NO_WORKERS, -EMFILE);
    start(2, 0); /* needs none */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    start(CADRE_NO_WORKERS, 0);
    CHECK_EQ(process_descriptors(), descriptors);
    (void)verdict_end();
}

int main(void)
{
    for (uint32_t workers = 1; workers <= 8; workers++)
        no_thread(workers);
    no_descriptor();
    return verdict_print();
}
