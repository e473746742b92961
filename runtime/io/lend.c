/* lend.c: does it pay that a worker sleeps in a loop of its own? */
#include "io/lend.h"

enum {
    HOLD_MIN_NS = 16000000,
    HOLD_MAX_NS = 2000000000,
    STALE_NS = 4 * LEND_WINDOW_NS, /* in such a window nothing happened for a while */
    SOME = 16,                     /* what is worth a trial, ... */
    MANY = 256                     /* ... and what tells one rate from another */
};

static void change(struct lend *l)
{
    l->is_lent = !l->is_lent;
    l->is_settled = false;
    l->since = 0;
}

/* Lent is to be no worse; two are to be better by what a thread costs. */
static bool is_better(const struct lend *l, int64_t rate)
{
    return l->is_lent ? rate >= l->other / 100 * 95 : rate > l->other / 100 * 108;
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

static bool end_trial(struct lend *l, int64_t now, int64_t rate)
{
    bool stays = is_better(l, rate);
    put_off(l, now, stays);
    if (!stays)
        change(l);
    return !stays;
}

/* There is so much that one may be too few. A host that has a CPU for half of the time
 * may want it for all of it: but to try that costs more than it is worth, mostly. */
static bool may_be_too_much(const struct lend *l, int64_t now, int64_t cpu_ns)
{
    int64_t took = now - l->since, cpu = cpu_ns - l->then.cpu_ns;
    return cpu > took / 100 * 90 ||
           (cpu > took / 100 * 40 && now - l->until >= HOLD_MAX_NS);
}

/* The worker is woken often enough; or there may be too much for one. */
static bool is_worth_a_trial(const struct lend *l, int64_t now, struct lend_load load)
{
    return l->is_lent ? may_be_too_much(l, now, load.cpu_ns)
                      : load.own - l->then.own >= SOME;
}

static bool begin_trial(struct lend *l, int64_t rate)
{
    l->other = rate;
    l->is_trial = true;
    change(l);
    return true;
}

static void open_window(struct lend *l, int64_t now, struct lend_load load)
{
    l->since = now;
    l->then = load;
}

/* The window has ended, in which so much came. */
static bool judge(struct lend *l, int64_t now, int64_t came, struct lend_load load)
{
    int64_t rate = came * 1000000000 / (now - l->since);
    if (l->is_trial)
        return end_trial(l, now, rate);
    return now >= l->until && is_worth_a_trial(l, now, load) && begin_trial(l, rate);
}

bool lend_judge(struct lend *l, int64_t now, struct lend_load load)
{
    int64_t took = now - l->since;
    int64_t came = (int64_t)(load.own - l->then.own + load.host - l->then.host);
    bool is_one = l->since != 0 && took <= STALE_NS, changes = false;
    if (is_one && l->is_settled && l->is_trial && came < MANY && took < STALE_NS / 2)
        return false; /* it goes on */
    if (is_one && l->is_settled)
        changes = judge(l, now, came, load);
    else if (is_one)
        l->is_settled = true; /* what moves to where it is handled now has moved */
    if (!changes)
        open_window(l, now, load);
    return changes;
}

void lend_taken_back(struct lend *l, int64_t now)
{
    put_off(l, now, false);
    change(l);
}
