/* stop.h: wait for the end, and bring it about. */
#ifndef SYSTEM_STOP_H
#define SYSTEM_STOP_H

#include "system/system.h"

/* After the root's end: joins the workers, once, and checks the sums. */
void system_finish(cadre_system *sys);

#endif
