/* effort.c: how much a test program does. */
#include "support/effort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

bool effort_is_long(void)
{
    const char *text = getenv("CADRE_LONG");
    return text && *text && strcmp(text, "0") != 0;
}

uint64_t effort(uint64_t in_check, uint64_t in_check_long)
{
    uint64_t n = effort_is_long() ? in_check_long : in_check;
    return n / EFFORT_SLOWDOWN ? n / EFFORT_SLOWDOWN : 1;
}

double effort_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool effort_can_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        printf("no process can be made here\n");
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}
