/* sigstack.c: another stack for the signal handlers of a thread. */
#include "base/sigstack.h"

#include "base/cc.h"

#include <signal.h>
#include <stdbool.h>

CC_NOINLINE void sigstack_run(void (*run)(void *arg), void *arg)
{
    alignas(CACHE_LINE) char room[SIGSTACK_SIZE];
    stack_t mine = {.ss_sp = room, .ss_size = sizeof room}, before;
    bool has = sigaltstack(&mine, &before) == 0;
    run(arg);
    if (has)
        (void)sigaltstack(&before, NULL);
}
