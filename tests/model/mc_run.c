/* mc_run.c: all executions of the tests of a model, and what is said about them. */
#include "engine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PATIENT_FOR = 256, SECONDS = 2 }; /* so many executions, so long, on a CPU */

static struct {
    bool deep, replay, brief;
    int preemptions, stale; /* -1: as the test says */
    const char *only;
} options;

static void on_crash(int signal)
{
    mc_fail(mc.here.file, mc.here.line,
            signal == SIGFPE    ? "SIGFPE"
            : signal == SIGPROF ? "it runs for ever, in a loop of its own"
                                : "SIGSEGV");
}

/* A crash of the code under test is a failure like others, and may come from a stack
 * that has no room left. */
static void catch_crashes(void)
{
    enum { SIZE = 64 << 10 };
    stack_t alternate = {.ss_sp = mc_own(SIZE), .ss_size = SIZE};
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
}

/* 0: for ever. A busy machine may take as long as it likes. */
static void be_patient(int seconds)
{
    const struct itimerval t = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &t, NULL);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* True: as expected. */
static bool run(const struct mc_test *test)
{
    mc.test = test;
    mc.bounds = options.deep && test->deep.preemptions ? test->deep : test->bounds;
    if (options.preemptions >= 0)
        mc.bounds.preemptions = options.preemptions;
    if (options.stale >= 0)
        mc.bounds.stale = options.stale;
    uint64_t max = mc.bounds.max_executions ? mc.bounds.max_executions : UINT64_MAX;
    double start = now();
    uint64_t executions = 0;
    mc_first_choices();
    bool more;
    do {
        if (executions % PATIENT_FOR == 0)
            be_patient(SECONDS);
        mc_execute();
        executions++;
        more = !mc.failed && mc_next_choices();
    } while (more && executions < max);
    be_patient(0);
    double took = now() - start;

    bool expected = mc.failed == (test->fails != NULL) &&
                    (!mc.failed || strstr(mc.reason, test->fails));
    printf("  %-52s p=%d s=%d %9llu executions %6.2f s  %s%s\n", test->name,
           mc.bounds.preemptions, mc.bounds.stale, (unsigned long long)executions, took,
           expected ? "ok" : "FAILED", more ? ", cut off" : "");
    if (mc.failed && (!expected || options.replay))
        printf("    %s\n", mc.reason);
    if (test->fails && !expected)
        printf("    expected: %s\n", test->fails);
    fflush(stdout);
    if (mc.failed && !options.brief && (!expected || options.replay)) {
        mc_same_choices();
        mc.tracing = true;
        mc_execute();
        mc.tracing = false;
        fflush(stdout);
    }
    return expected;
}

static bool parse(int argc, char **argv)
{
    options.preemptions = options.stale = -1;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(a, "-l"))
            options.deep = true;
        else if (!strcmp(a, "-t"))
            options.replay = true;
        else if (!strcmp(a, "-f")) /* all executions, equivalent ones too */
            mc.all = true;
        else if (!strcmp(a, "-b")) /* no traces; end at the first failure */
            options.brief = true;
        else if (!strcmp(a, "-p") && value)
            options.preemptions = atoi(argv[++i]);
        else if (!strcmp(a, "-s") && value)
            options.stale = atoi(argv[++i]);
        else if (!strcmp(a, "-n") && value)
            options.only = argv[++i];
        else
            return false;
    }
    return true;
}

int mc_main(int argc, char **argv, const struct mc_test *tests, size_t count)
{
    if (!parse(argc, argv)) {
        fprintf(stderr, "usage: %s [-l] [-t] [-b] [-f] [-p N] [-s N] [-n NAME]\n",
                argv[0]);
        return 2;
    }
    mc_init();
    catch_crashes();
    int failures = 0, ran = 0;
    for (size_t i = 0; i < count; i++) {
        if (options.only && !strstr(tests[i].name, options.only))
            continue;
        ran++;
        failures += !run(&tests[i]);
        if (failures && options.brief)
            break;
    }
    return ran == 0 ? 2 : failures != 0;
}
