/* quiet.c: do other programs use the CPUs that a benchmark would run on?
 *
 * Looks for one second and does nothing itself. Exits with 0 when they took at most
 * 5 % of the CPU time, else with 1 after a line on stdout that says how much. */
#include "harness/machine.h"

#include <stdio.h>
#include <time.h>

#define QUIET_SHARE 0.05

int main(void)
{
    struct machine machine;
    struct machine_use start, use = {0};
    machine_describe(&machine);
    machine_use_now(&start, &machine);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    machine_use_add(&use, &start, &machine);
    double foreign = machine_use_foreign(&use);
    if (foreign <= QUIET_SHARE)
        return 0;
    printf("others took %.0f %% of the CPU time in one second\n", 100 * foreign);
    return 1;
}
