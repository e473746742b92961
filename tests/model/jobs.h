/* jobs.h: what a letter has its receiver do. */
#ifndef MODEL_JOBS_H
#define MODEL_JOBS_H

#include "letters.h"

static void to_1(void) { tell(1, NULL); }
static void to_0_to_1(void) { tell(0, to_1); }
static void to_1_to_0(void)
{
    tell(1, NULL);
    tell(0, NULL);
}

static void set_flag(void) { store_relaxed(&flags[at_work[mc_self()]], true); }

static void wait_for(int actor)
{
    while (!load_relaxed(&flags[actor]))
        mc_spin();
}

static void meet_1(void)
{
    set_flag();
    wait_for(1);
}
static void meet_2(void)
{
    set_flag();
    wait_for(2);
}

static void wake_and_meet_2(void)
{
    tell(2, set_flag);
    wait_for(2);
}

static void wake_two_that_meet(void)
{
    tell(1, meet_2);
    tell(2, meet_1);
}

static void wake_and_meet_1(void)
{
    tell(1, set_flag);
    wait_for(1);
}

static void wake_and_meet_1_twice(void)
{
    wake_and_meet_1();
    tell(1, NULL);
}

static void wake_both_and_meet_1(void)
{
    tell(at_work[mc_self()], NULL);
    wake_and_meet_1();
}

static void to_1_twice(void)
{
    tell(1, NULL);
    tell(1, NULL);
}

static void wake_1_to_4(void)
{
    for (int i = 1; i <= 4; i++)
        tell(i, NULL);
}

static void to_3_and_4(void)
{
    tell(3, NULL);
    tell(4, NULL);
}

static void to_1_and_2(void)
{
    tell(1, NULL);
    tell(2, to_3_and_4);
}

static void await_1(void) { wait_for(1); }

static void wake_two_and_meet_1(void)
{
    tell(1, set_flag);
    tell(2, NULL);
    wait_for(1);
}

#endif
