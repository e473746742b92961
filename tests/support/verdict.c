/* verdict.c: checks that may fail in any thread, and the verdict at the end. */
#include "support/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPLAY_MAX = 512 };

static char replay_line[REPLAY_MAX]; /* written between cases only */
static atomic_uint failures;         /* of this case */
static unsigned passed, failed;

static void stuck(int signal)
{
    static const char text[] = "\nthis case is stuck, replay with:\n";
    ssize_t n = write(STDOUT_FILENO, text, sizeof text - 1);
    n += write(STDOUT_FILENO, replay_line, strlen(replay_line));
    n += write(STDOUT_FILENO, "0 passed, 1 failed\n", 19);
    _exit(n < 0 ? 3 : 2);
}

static void set_replay(unsigned seconds, const char *replay, va_list args)
{
    int n = snprintf(replay_line, sizeof replay_line, "  %s ", program_invocation_name);
    vsnprintf(replay_line + n, sizeof replay_line - (size_t)n - 1, replay, args);
    strcat(replay_line, "\n");
    signal(SIGALRM, stuck);
    alarm(seconds);
}

void verdict_begin(unsigned seconds, const char *replay, ...)
{
    va_list args;
    va_start(args, replay);
    atomic_store(&failures, 0);
    set_replay(seconds, replay, args);
    va_end(args);
}

void verdict_again(unsigned seconds, const char *replay, ...)
{
    va_list args;
    va_start(args, replay);
    set_replay(seconds, replay, args);
    va_end(args);
}

bool verdict_end(void)
{
    alarm(0);
    bool good = atomic_load(&failures) == 0;
    if (good)
        passed++;
    else
        failed++;
    return good;
}

bool verdict_has_failed(void) { return atomic_load(&failures) > 0; }

void verdict_fail(const char *file, int line, const char *what, int64_t a, int64_t b,
                  bool values)
{
    if (atomic_fetch_add(&failures, 1) > 0)
        return;
    if (values)
        printf("%s:%d: FAILED: %s (%" PRId64 ", %" PRId64 ")\n", file, line, what, a,
               b);
    else
        printf("%s:%d: FAILED: %s\n", file, line, what);
    printf("replay with:\n%s", replay_line);
    fflush(stdout);
}

int verdict_print(void)
{
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
