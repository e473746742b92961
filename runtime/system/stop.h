/* stop.h: wait for the end, and bring it about. */
#ifndef SYSTEM_STOP_H
#define SYSTEM_STOP_H

#include "system/system.h"

/* After the root's end: joins the workers, once, and checks the sums. */
void system_finish(cadre_system *sys);

/* What a thread outside waits for, beside the end; NULL: nothing. It is looked at after
 * each sched_notify and, without threads, between any two steps. */
typedef bool system_condition(cadre_system *sys);
/* Sleeps, or runs the system, until that holds, or the root has ended, or that time of
 * the system's clock; in a simulation also until nothing will happen any more. */
void system_await(cadre_system *sys, cadre_time until, system_condition *done);
cadre_time system_deadline(const cadre_system *sys, cadre_time timeout);

/* The root was asked to stop: kills it if it has not ended by then, or when there is
 * hurry (NULL: never), and finishes. As cadre_system_stop_by(). */
int system_end_by(cadre_system *sys, cadre_time until, system_condition *hurry);

#endif
