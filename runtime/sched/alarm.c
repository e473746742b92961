/* alarm.c: mail to a task, later. */
#include "sched/alarm.h"

void alarms_init(struct alarms *alarms, uint32_t worker, int64_t now)
{
    wheel_init(&alarms->wheel, now);
    alarms->next = INT64_MAX;
    alarms->worker = worker;
    atomic_set(&alarms->set, 0);
    atomic_set(&alarms->over, 0);
    atomic_set(&alarms->back, NULL);
}

void alarm_set(struct alarms *here, struct alarm *alarm, int64_t due)
{
    alarm->worker = here->worker;
    store_relaxed(&alarm->state, ALARM_SET); /* nobody else knows it */
    wheel_add(&here->wheel, &alarm->node, due);
    if (due < here->next)
        here->next = due;
    counter_add(&here->set, 1);
}

/* To the worker that it stands with. */
static void send_back(struct alarms *home, struct alarm *alarm)
{
    struct alarm *before = load_relaxed(&home->back);
    do
        plain_write(&alarm->back, before);
    while (!cas_acq_rel(&home->back, &before, alarm)); /* pairs with alarms_take */
}

bool alarm_cancel(struct alarms *here, struct alarms *home, struct alarm *alarm)
{
    uint32_t set = ALARM_SET;
    if (home == here && load_relaxed(&alarm->state) == ALARM_SET) {
        wheel_remove(&here->wheel, &alarm->node);
        store_relaxed(&alarm->state, ALARM_OFF);
        counter_add(&here->over, 1);
        return true;
    }
    if (load_relaxed(&alarm->state) == ALARM_OFF)
        return true;
    /* Pairs with the CAS in alarms_take: one of the two sends the mail on its way. */
    if (home != here && cas_acq_rel(&alarm->state, &set, ALARM_CANCELLED)) {
        counter_add(&here->over, 1);
        send_back(home, alarm);
    }
    return false;
}

/* From the list of those that others have cancelled, which still stand in the wheel. */
static struct alarm *take_back(struct alarms *alarms)
{
    struct alarm *first = load_acquire(&alarms->back); /* pairs with send_back */
    /* Only we take, so `first` and what is behind it stay while we look. */
    while (first && !cas_acq_rel(&alarms->back, &first, plain_read(&first->back))) {
    }
    if (first && wheel_is_in(&first->node))
        wheel_remove(&alarms->wheel, &first->node);
    return first;
}

/* Was it not cancelled just now? Then it rings, or else comes back by the list. */
static bool rings(struct alarms *alarms, struct alarm *alarm)
{
    uint32_t set = ALARM_SET;
    if (!cas_acq_rel(&alarm->state, &set, ALARM_RANG))
        return false;
    counter_add(&alarms->over, 1);
    return true;
}

struct alarm *alarms_take(struct alarms *alarms, int64_t now)
{
    struct wheel_node *node;
    struct alarm *alarm = NULL;
    if (load_relaxed(&alarms->back) && (alarm = take_back(alarms)))
        return alarm;
    while (now >= alarms->next && (node = wheel_take(&alarms->wheel, now))) {
        alarm = container_of(node, struct alarm, node);
        if (rings(alarms, alarm))
            return alarm;
    }
    alarms->next = wheel_next(&alarms->wheel);
    return NULL;
}
