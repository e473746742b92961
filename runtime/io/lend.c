/* lend.c: does it pay that a worker sleeps in a loop of its own? */
#include "io/lend.h"

enum {
    HOLD_MIN_NS = 16000000,
    HOLD_MAX_NS = 2000000000,
    STALE_NS = 4 * LEND_WINDOW_NS, /* in such a window nothing happened for a while */
    SOME = 16,                     /* what is worth a trial, ... */
    MANY = 1024,                   /* ... and what tells one rate from another */
    /* Parts of a window, in hundredths: a host is full; what two workers take that one
     * may do; and what a host takes that may want more than it gets. */
    FULL = 75,
    ENOUGH_FOR_ONE = 150,
    KEPT_WAITING = 40
};

/* What came in a window, and how much of that its workers took, in hundredths. */
struct window {
    struct lend_pace pace;
    int64_t own_cpu, host_cpu;
};

static int64_t hundredths(int64_t part, int64_t all) { return part * 100 / all; }

static struct window measure(const struct lend *l, int64_t now, struct lend_load load)
{
    const struct lend_load *then = &l->then;
    int64_t took = now - l->since,
            came = (int64_t)(load.own - then->own) + (int64_t)(load.host - then->host);
    int64_t own = load.own_cpu_ns - then->own_cpu_ns;
    int64_t host = load.host_cpu_ns - then->host_cpu_ns;
    return (struct window){.pace = {.rate = came * 1000000000 / took,
                                    .cost_ns = (own + host) / (came + 1)},
                           .own_cpu = hundredths(own, took),
                           .host_cpu = hundredths(host, took)};
}

static void add(struct lend_pace *average, struct lend_pace p)
{
    if (average->rate == 0)
        *average = p;
    average->rate += (p.rate - average->rate) / 4;
    average->cost_ns += (p.cost_ns - average->cost_ns) / 4;
}

static void change(struct lend *l)
{
    l->is_lent = !l->is_lent;
    l->is_settled = false;
    l->since = 0;
    l->usual = (struct lend_pace){0};
}

static bool is_cheaper(struct lend_pace one, struct lend_pace other)
{
    return one.cost_ns < other.cost_ns * 85 / 100;
}

static bool is_more(struct lend_pace one, struct lend_pace other)
{
    return one.rate > other.rate / 100 * 108;
}

static bool is_to_be_lent(const struct lend *l, struct lend_pace lent,
                          struct lend_pace own)
{
    bool is_no_less = lent.rate > own.rate / 100 * 95;
    return is_more(lent, own) ||
           (is_no_less && (!l->was_full || is_cheaper(lent, own)));
}

/* The next trial is put off, for longer if this one was no use. */
static void put_off(struct lend *l, int64_t now, bool was_of_use)
{
    l->is_trial = false;
    l->hold_ns = was_of_use || l->hold_ns == 0 ? HOLD_MIN_NS : 2 * l->hold_ns;
    if (l->hold_ns > HOLD_MAX_NS)
        l->hold_ns = HOLD_MAX_NS;
    l->until = now + l->hold_ns;
}

static bool end_trial(struct lend *l, int64_t now, struct lend_pace p)
{
    bool stays =
        l->is_lent ? is_to_be_lent(l, p, l->other) : !is_to_be_lent(l, l->other, p);
    put_off(l, now, stays && (is_more(p, l->other) || is_cheaper(p, l->other)));
    if (!stays)
        change(l);
    return !stays;
}

/* There is so much that one may be too few. A host that has a CPU for half of the time
 * may want it for all of it: but to try that costs more than it is worth, mostly. */
static bool may_be_too_much(const struct lend *l, int64_t now, const struct window *w)
{
    return w->host_cpu >= FULL ||
           (w->host_cpu >= KEPT_WAITING && now - l->until >= HOLD_MAX_NS);
}

/* The worker is woken often enough, and one can do what there is. */
static bool may_be_enough(const struct lend *l, const struct window *w, uint64_t own)
{
    return own - l->then.own >= SOME && w->own_cpu + w->host_cpu < ENOUGH_FOR_ONE;
}

static bool begin_trial(struct lend *l)
{
    l->other = l->usual;
    l->is_trial = true;
    change(l);
    return true;
}

/* The window has ended. */
static bool judge(struct lend *l, int64_t now, struct lend_load load)
{
    struct window w = measure(l, now, load);
    if (l->is_lent)
        l->was_full = w.host_cpu >= FULL;
    if (l->is_trial)
        return end_trial(l, now, w.pace);
    add(&l->usual, w.pace);
    bool is_worth_it =
        l->is_lent ? may_be_too_much(l, now, &w) : may_be_enough(l, &w, load.own);
    return load.may_try && now >= l->until && is_worth_it && begin_trial(l);
}

static void open_window(struct lend *l, int64_t now, struct lend_load load)
{
    l->since = now;
    l->then = load;
}

/* Too little has come for a trial to end. */
static bool goes_on(const struct lend *l, int64_t took, struct lend_load load)
{
    uint64_t came = load.own - l->then.own + load.host - l->then.host;
    return l->is_trial && came < MANY && took < STALE_NS / 2;
}

bool lend_judge(struct lend *l, int64_t now, struct lend_load load)
{
    int64_t took = now - l->since;
    bool is_one = l->since != 0 && took <= STALE_NS, changes = false;
    if (is_one && l->is_settled && goes_on(l, took, load))
        return false;
    if (is_one && l->is_settled)
        changes = judge(l, now, load);
    else if (is_one)
        l->is_settled = true; /* what moves to where it is handled now has moved */
    if (!changes)
        open_window(l, now, load);
    return changes;
}
