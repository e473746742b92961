/* idle.c: who sleeps, who would like work, who keeps watch. */
#include "sched/idle.h"

#include "base/thread.h"

#define PARKED ((struct task *)(uintptr_t)1)

void idle_init(struct idle *idle, struct idle_bed *beds, uint32_t workers)
{
    idle->beds = beds;
    idle->near = NULL;
    idle->workers = idle->watchers = workers;
    idle->groups = (workers + 63) / 64;
    atomic_set(&idle->wants, 0);
    atomic_set(&idle->watch, 0);
    atomic_set(&idle->deputy, 0);
    atomic_set(&idle->moved_out, 0);
    plain_write(&idle->look_due, 0);
    idle->lively = 0;
    idle->lively_at = 0;
    for (uint32_t g = 0; g < idle->groups; g++)
        atomic_set(&idle->mask[g], 0);
    for (uint32_t w = 0; w < workers; w++) {
        atomic_set(&beds[w].arrivals, NULL);
        atomic_set(&beds[w].word.value, 0);
        atomic_set(&beds[w].parks, 0);
        atomic_set(&beds[w].cpu, 0);
        atomic_set(&beds[w].nap, NULL);
        atomic_set(&beds[w].offer, NULL);
        beds[w].left = NULL;
    }
}

static void wake(struct idle_bed *bed)
{
    /* Where it sleeps it has said before it lay down. Acquire: it may be up already, and
     * say so only now; then this is in vain. */
    struct nap *nap = load_acquire(&bed->nap); /* pairs with idle_settle */
    if (unlikely(nap != NULL))
        nap->wake(nap);
    else
        park_wake(&bed->word, 1);
}

static void rouse(struct idle_bed *bed)
{
    fetch_add_seq(&bed->word.value, 1); /* pairs with the load in idle_sleep */
    wake(bed);
}

void idle_deliver(struct idle *idle, uint32_t worker, struct task *first,
                  struct task *last)
{
    struct idle_bed *bed = &idle->beds[worker];
    struct task *before = load_relaxed(&bed->arrivals);
    do
        plain_write(&last->arrival, before == PARKED ? NULL : before);
    while (!cas_seq(&bed->arrivals, &before, first));
    if (before == PARKED)
        rouse(bed);
    else
        idle_check_watch(idle); /* it may be in a handler that does not end */
}

struct task *idle_take_arrivals(struct idle *idle, uint32_t worker)
{
    /* seq_cst: comes before this worker's next look at `wants`; see idle_end_watch. */
    struct task *all = exchange_seq(&idle->beds[worker].arrivals, NULL);
    return all == PARKED ? NULL : all;
}

static bool mask_clear(struct idle *idle, uint32_t worker)
{
    uint64_t one = UINT64_C(1) << worker % 64;
    if (!(load_relaxed(&idle->mask[worker / 64]) & one) ||
        !(fetch_and_seq(&idle->mask[worker / 64], ~one) & one))
        return false;
    fetch_sub_seq(&idle->wants, 1);
    return true;
}

static void mask_set(struct idle *idle, uint32_t worker)
{
    uint64_t one = UINT64_C(1) << worker % 64;
    /* Counted first, so that the count is never below what the mask says. */
    fetch_add_seq(&idle->wants, 1);
    if (fetch_or_seq(&idle->mask[worker / 64], one) & one)
        fetch_sub_seq(&idle->wants, 1); /* it was there already */
}

void idle_offer(struct idle *idle, uint32_t worker, struct nap *nap)
{
    store_seq(&idle->beds[worker].offer, nap); /* pairs with has_offer's */
    (void)idle_wake(idle, worker);
}

/* Is it to sleep elsewhere than it does? Asked once more when it lies: who offers
 * something after that finds it asleep, and wakes it. */
static bool has_offer(const struct idle_bed *bed)
{
    return load_seq(&bed->offer) != load_relaxed(&bed->nap); /* its own */
}

bool idle_lie_down(struct idle *idle, uint32_t worker, bool is_hungry)
{
    struct idle_bed *bed = &idle->beds[worker];
    struct task *none = NULL;
    struct nap *nap = load_relaxed(&bed->nap); /* its own */
    if (unlikely(nap != NULL))
        nap->judge(nap);
    if (unlikely(has_offer(bed)))
        idle_settle(idle, worker);
    if (idle->near)
        store_relaxed(&bed->cpu, thread_cpu());
    if (is_hungry)
        mask_set(idle, worker);
    counter_add(&bed->parks, 1);
    if (cas_seq(&bed->arrivals, &none, PARKED) && likely(!has_offer(bed)))
        return true;
    idle_get_up(idle, worker);
    return false;
}

bool idle_is_asleep(const struct idle *idle, uint32_t worker)
{
    return load_seq(&idle->beds[worker].arrivals) == PARKED;
}

bool idle_sleep(struct idle *idle, uint32_t worker, int64_t timeout_ns)
{
    struct park_word *word = &idle->beds[worker].word;
    struct nap *nap = load_relaxed(&idle->beds[worker].nap); /* its own */
    uint32_t seen = load_acquire(&word->value); /* before the bed is looked at */
    bool in_time = true;
    while (idle_is_asleep(idle, worker)) {
        if (!in_time)
            return false;
        if (likely(!nap))
            park_wait(word, seen, timeout_ns);
        else if (nap->sleep(nap, word, seen, timeout_ns))
            return true;
        in_time = timeout_ns == PARK_FOREVER;
        seen = load_acquire(&word->value);
    }
    return true;
}

bool idle_wake(struct idle *idle, uint32_t worker)
{
    struct task *parked = PARKED;
    if (!cas_seq(&idle->beds[worker].arrivals, &parked, NULL))
        return false;
    rouse(&idle->beds[worker]);
    return true;
}

void idle_get_up(struct idle *idle, uint32_t worker)
{
    struct task *parked = PARKED;
    (void)cas_seq(&idle->beds[worker].arrivals, &parked, NULL);
    mask_clear(idle, worker);
}

/* How far from this CPU did it lie down? The nearest has most of our caches; `but` is
 * farther than all. */
static uint32_t distance(const struct idle *idle, uint32_t cpu, uint32_t worker,
                         int32_t but)
{
    if ((int32_t)worker == but)
        return UINT32_MAX;
    return idle->near ? topology_distance(idle->near, cpu,
                                          load_relaxed(&idle->beds[worker].cpu))
                      : 0;
}

static int32_t nearest_hungry(const struct idle *idle, uint32_t cpu, int32_t but)
{
    int32_t nearest = -1;
    uint32_t least = 0;
    for (uint32_t g = 0; g < idle->groups; g++)
        for (uint64_t mask = load_relaxed(&idle->mask[g]); mask; mask &= mask - 1) {
            uint32_t worker = g * 64 + bit_lowest(mask);
            uint32_t far = distance(idle, cpu, worker, but);
            if (nearest < 0 || far < least) {
                nearest = (int32_t)worker;
                least = far;
            }
        }
    return nearest;
}

int32_t idle_take_hungry(struct idle *idle, int32_t but)
{
    int32_t worker;
    uint32_t cpu = idle->near ? thread_cpu() : 0;
    do
        worker = nearest_hungry(idle, cpu, but);
    while (worker >= 0 && !mask_clear(idle, (uint32_t)worker));
    return worker;
}

/* One look at all of them. Adds up how often they lay down. */
static bool look(const struct idle *idle, uint64_t *parks)
{
    *parks = 0;
    for (uint32_t w = 0; w < idle->workers; w++) {
        if (!idle_is_asleep(idle, w))
            return false;
        *parks += load_acquire(&idle->beds[w].parks);
    }
    return true;
}

bool idle_all_asleep(const struct idle *idle)
{
    /* Twice the same: nobody got up and lay down again in between, so all slept from
     * the end of the first look to the beginning of the second. */
    uint64_t before, after;
    return look(idle, &before) && look(idle, &after) && before == after;
}

bool idle_is_hungry(const struct idle *idle, uint32_t worker)
{
    return load_relaxed(&idle->mask[worker / 64]) >> worker % 64 & 1;
}

void idle_keep_hungry(struct idle *idle, uint32_t worker) { mask_set(idle, worker); }

bool idle_take_watch(struct idle *idle, uint32_t worker)
{
    uint32_t nobody = 0;
    if (!cas_seq(&idle->watch, &nobody, worker + 1))
        return false;
    fetch_and_seq(&idle->wants, ~IDLE_UNWATCHED);
    return true;
}

bool idle_stand_by(struct idle *idle, uint32_t worker)
{
    uint32_t nobody = 0;
    return cas_seq(&idle->deputy, &nobody, worker + 1);
}

bool idle_stand_down(struct idle *idle, uint32_t worker, bool is_up, int64_t now)
{
    store_seq(&idle->deputy, 0); /* then the watch is looked for: idle_leave_watch */
    if (is_up || !idle_take_watch(idle, worker))
        return false;
    if (plain_read(&idle->look_due) == 0)
        plain_write(&idle->look_due, now); /* it has waited for that already */
    return true;
}

static bool others_sleep(const struct idle *idle, uint32_t worker)
{
    for (uint32_t w = 0; w < idle->workers; w++)
        if (w != worker && !idle_is_asleep(idle, w))
            return false;
    return true;
}

void idle_leave_watch(struct idle *idle, uint32_t worker)
{
    uint32_t watch = load_seq(&idle->watch);
    if (watch == worker + 1)
        store_seq(&idle->watch, 0);
    else if (watch != 0)
        return;
    if (load_seq(&idle->deputy)) /* pairs with idle_stand_down */
        return;
    fetch_or_seq(&idle->wants, IDLE_UNWATCHED);
    if (!others_sleep(idle, worker))
        idle_call_watch(idle); /* what they have pushed already is to be watched, too */
}

int64_t idle_look_ns(struct idle *idle, int64_t now, int64_t every)
{
    int64_t due = plain_read(&idle->look_due);
    if (due == 0)
        plain_write(&idle->look_due, due = now + every);
    return due > now ? due - now : 0;
}

bool idle_look_is_due(struct idle *idle, int64_t now)
{
    int64_t due = plain_read(&idle->look_due);
    if (due == 0 || now < due)
        return false;
    plain_write(&idle->look_due, 0);
    return true;
}

bool idle_end_watch(struct idle *idle)
{
    if (!idle_all_asleep(idle))
        return false;
    fetch_or_seq(&idle->wants, IDLE_UNWATCHED);
    /* Whoever got up before this look has not seen the bit; whoever gets up later will
     * see it when it next pushes something. */
    if (idle_all_asleep(idle)) {
        plain_write(&idle->look_due, 0); /* nobody is in a handler */
        return true;
    }
    fetch_and_seq(&idle->wants, ~IDLE_UNWATCHED);
    return false;
}

void idle_call_watch(struct idle *idle)
{
    if (!(fetch_and_seq(&idle->wants, ~IDLE_UNWATCHED) & IDLE_UNWATCHED))
        return;
    uint32_t watch = load_seq(&idle->watch); /* it sleeps, or there is none */
    if (watch && idle_wake(idle, watch - 1))
        return;
    for (uint32_t w = 0; w < idle->watchers; w++)
        if (idle_wake(idle, w))
            return; /* it finds nothing to do, and the watch free */
}
