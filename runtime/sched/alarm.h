/* alarm.h: mail to a task, later.
 *
 * Every worker has a wheel of its own. An alarm stands in that of the worker where it was
 * set, wherever its task goes; when it goes off, its mail is pushed into the task's inbox
 * like that of any sender.
 *
 * Whoever runs the task cancels. On the worker where it was set that is a matter of
 * unlinking it. Elsewhere a CAS decides whether it has gone off; if not, the alarm goes
 * back to its worker on a list, which unlinks it and sends its mail all the same. So the
 * mail comes unless alarm_cancel says that it does not, and the canceller has its memory
 * back when it knows. A worker that sleeps looks at the list when it gets up, which is at
 * the latest when its next alarm is due.
 *
 *   operation       by whom                                       inside
 *   alarm_set       who runs the task                             its worker's bias
 *   alarm_cancel    the same, perhaps on another worker now       its worker's bias
 *   alarms_take     who steps the worker, or has seized its bias  its bias
 *   set             its worker; read by anybody (crew_is_quiet)   no
 *   over            as alarms_take; read by anybody               its bias */
#ifndef SCHED_ALARM_H
#define SCHED_ALARM_H

#include "queue/wheel.h"
#include "sched/task.h"

enum alarm_state { ALARM_OFF, ALARM_SET, ALARM_RANG, ALARM_CANCELLED };

struct alarm {
    struct wheel_node node;
    struct task *task;
    struct inbox_node *mail;
    struct alarm *back;     /* the next one that goes back; the canceller's */
    ATOMIC(uint32_t) state; /* enum alarm_state */
    uint32_t worker;        /* where it was set */
};

/* Of one worker. */
struct alarms {
    struct wheel wheel;
    int64_t next; /* nothing is to be done before; INT64_MAX: nothing at all */
    uint32_t worker;
    /* How many were set here, and how many are over, wherever they were set. */
    ATOMIC(uint64_t) set;
    ATOMIC(uint64_t) over;
    alignas(CACHE_PAIR) ATOMIC(struct alarm *) back; /* from others */
};

void alarms_init(struct alarms *alarms, uint32_t worker, int64_t now);

void alarm_set(struct alarms *here, struct alarm *alarm, int64_t due);

/* home: where it was set. True: it is off, and its mail will not come. False: its mail
 * will come, or has. */
bool alarm_cancel(struct alarms *here, struct alarms *home, struct alarm *alarm);

/* One whose mail is to be sent now; NULL: none. */
struct alarm *alarms_take(struct alarms *alarms, int64_t now);

/* Has anybody sent some back? */
static inline bool alarms_have_back(const struct alarms *alarms)
{
    return load_relaxed(&alarms->back) != NULL;
}
/* Is there a reason to look at the clock, or to take at this time? */
static inline bool alarms_are_set(const struct alarms *alarms)
{
    return alarms->next != INT64_MAX || alarms_have_back(alarms);
}
static inline bool alarms_are_due(const struct alarms *alarms, int64_t now)
{
    return now >= alarms->next || alarms_have_back(alarms);
}

#endif
