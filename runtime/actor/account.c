/* account.c: what an actor uses, and what becomes of it when that is too much.
 *
 * A receive that stands before the actor's own counts. It measures a handler when that is
 * worth while: each worker has a credit, which grows with time and is spent on looks at
 * the clock; when there is none, a random one of so many is measured, and stands for
 * those in between. That is when messages are so short that it does not matter much which
 * of them is looked at. */
#include "actor/account.h"

#include "actor/deadletter.h"

#include <cadre/await.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    SPAN_MAX = 128,    /* messages from one that is measured to the next */
    LOOK_NS = 2048,    /* of a worker's time, for each handler that is measured */
    CREDIT_MAX = 4096, /* of those, saved up */
    PRICE_MEMORY = 8   /* measured ones that make up the price */
};

#define LONG_AGO (INT64_MIN / 2)

/* ---- one message ------------------------------------------------------------------- */

static bool has_credit(struct cadre_self *self, int64_t now)
{
    int64_t more = (now - self->credit_at) / LOOK_NS;
    if (more > 0) {
        self->credit_at = more > CREDIT_MAX ? now : self->credit_at + more * LOOK_NS;
        self->credit += more > CREDIT_MAX ? CREDIT_MAX : more;
    }
    if (self->credit > CREDIT_MAX)
        self->credit = CREDIT_MAX;
    if (self->credit <= 0)
        return false;
    self->credit--;
    return true;
}

static bool is_long(const struct account *a)
{
    return a->budget.time && a->window_time >= a->budget.time;
}

/* Until it is to be looked at again, at the latest. */
static uint32_t most(const struct account *a)
{
    const cadre_budget *b = &a->budget;
    uint64_t left = b->messages > a->window_counts ? b->messages - a->window_counts : 0;
    if (is_long(a) || (b->messages && left == 0))
        return 1;
    return b->messages && left < SPAN_MAX ? (uint32_t)left : SPAN_MAX;
}

/* The next one that is measured is the nth from here. */
static void plan(struct cadre_self *self, struct account *a, int64_t now)
{
    uint32_t span = 1;
    if (!has_credit(self, now)) {
        a->dice = a->dice * 1664525 + 1013904223;
        span += a->dice / (UINT32_MAX / SPAN_MAX + 1);
    }
    span = span < most(a) ? span : most(a);
    store_relaxed(&a->span, span);
    store_relaxed(&a->left, span);
}

/* Adds up the measured one and those before it: no more than there was time for. In a
 * window that begins with this one, those before are of another. */
static void book(struct account *a, int64_t began, int64_t took)
{
    bool is_first = a->is_new;
    /* More than one is left when another of its handlers was measured meanwhile. */
    uint32_t span = load_relaxed(&a->span) - load_relaxed(&a->left) + 1;
    int64_t others = (int64_t)(span - 1) * a->price, room = began - a->last;
    others = others < room ? others : room > 0 ? room : 0;
    a->price = a->price ? a->price + (took - a->price) / PRICE_MEMORY : took;
    counter_add(&a->messages, span);
    counter_add(&a->time, (uint64_t)(took + others));
    a->window_time += is_first ? took : took + others;
    a->window_counts += is_first ? 1 : span;
    a->is_new = false;
}

/* ---- budgets ----------------------------------------------------------------------- */

cadre_usage account_usage(const struct account *a)
{
    uint32_t left = load_relaxed(&a->left), span = load_relaxed(&a->span);
    uint64_t bytes = load_relaxed(&a->bytes), most_bytes = load_relaxed(&a->bytes_max);
    return (cadre_usage){.who = {a->id},
                         .actor = a->actor,
                         .messages = load_relaxed(&a->messages) +
                                     (span > left ? span - left : 0),
                         .time = (cadre_time)load_relaxed(&a->time),
                         .rested = (cadre_time)load_relaxed(&a->rested),
                         .bytes = bytes,
                         .bytes_max = bytes > most_bytes ? bytes : most_bytes,
                         .overs = load_relaxed(&a->overs),
                         .rests = load_relaxed(&a->rests)};
}

static void say(struct cadre_self *self, const struct account *a, const char *used,
                const char *help)
{
    static const char *const then[] = {[CADRE_OVER_WARN] = "",
                                       [CADRE_OVER_THROTTLE] = "; it is held back",
                                       [CADRE_OVER_STOP] = "; it is stopped",
                                       [CADRE_OVER_FAIL] = "; it is ended"};
    char who[ADDRESS_TEXT], more[40] = "";
    uint32_t hidden;
    struct world *world = self->world;
    if (world->log.level < LOG_WARN ||
        !log_allows(&world->over_log, clock_now(&world->sched.crew.clock), &hidden))
        return;
    if (hidden)
        snprintf(more, sizeof more, " (and %" PRIu32 " more not shown)", hidden);
    log_line(&world->log, LOG_WARN, "actor %s (%s) is over its budget: %s%s. %s%s",
             address_text(who, a->id), a->actor, used, then[a->budget.over], help,
             more);
}

/* What was used of what, and what helps. */
static void warn(struct cadre_self *self, struct account *a, enum cadre_resource what)
{
    char used[160];
    const cadre_budget *b = &a->budget;
    cadre_usage usage = account_usage(a);
    const char *help = "Have several do its work, or raise cadre_budget.time";
    if (what == CADRE_TIME) {
        snprintf(used, sizeof used,
                 "%" PRId64 " us in its handlers, of %" PRId64 " in %" PRId64,
                 a->window_time / 1000, b->time / 1000, b->window / 1000);
    } else if (what == CADRE_MESSAGES) {
        snprintf(used, sizeof used,
                 "%" PRIu64 " messages, of %" PRIu64 " in %" PRId64 " us",
                 a->window_counts, b->messages, b->window / 1000);
        help = "Put a limiter or a shedder before it, or raise cadre_budget.messages";
    } else {
        snprintf(used, sizeof used, "%" PRIu64 " bytes held, of %" PRIu64, usage.bytes,
                 b->bytes);
        help = "Free what it holds (cadre_dealloc), or raise cadre_budget.bytes";
    }
    counter_add(&a->overs, 1);
    say(self, a, used, help);
    if (b->told)
        b->told(b->user, what, &usage);
}

/* Ends it, if that is what its budget says. */
static void end_it(struct cadre_self *self, const struct account *a)
{
    cadre_ref me = {a->id};
    if (a->budget.over == CADRE_OVER_STOP)
        (void)cadre_stop(self, me);
    else if (a->budget.over == CADRE_OVER_FAIL)
        (void)cadre_kill(self, me, CADRE_EBUDGET);
}

void account_obey_memory(struct cadre_self *self, struct account *a)
{
    a->over_bytes = false;
    warn(self, a, CADRE_MEMORY);
    end_it(self, a);
}

/* Once per window. */
static void exceed(struct cadre_self *self, struct account *a, enum cadre_resource what)
{
    if (a->told)
        return;
    a->told = true;
    warn(self, a, what);
    end_it(self, a);
}

static void open_window(struct account *a, int64_t now)
{
    a->opened = now;
    a->window_time = 0;
    a->window_counts = 0;
    a->told = false;
    a->is_new = true;
}

/* How many windows what was used is worth. */
static double worth(const struct account *a)
{
    const cadre_budget *b = &a->budget;
    double time = b->time ? (double)a->window_time / (double)b->time : 0;
    double counts = b->messages ? (double)a->window_counts / (double)b->messages : 0;
    double most_of = time > counts ? time : counts;
    return most_of > 1 && b->over == CADRE_OVER_THROTTLE ? most_of : 1;
}

/* The window is to end then. */
static int64_t window_end(const struct account *a)
{
    double ns = (double)a->budget.window * worth(a);
    return a->opened + (ns < (double)(CADRE_NEVER / 4) ? (int64_t)ns : CADRE_NEVER / 4);
}

/* With a message in hand. Another handler of this actor may have had its turn. */
static void rest(struct cadre_self *self, struct account *a, int64_t for_ns)
{
    const struct clock *clock = &self->world->sched.crew.clock;
    int64_t from = clock_now(clock);
    store_relaxed(&a->rests, true);
    self->now = 0; /* not from when the turn looked last */
    bool has_rested = cadre_sleep(self, for_ns) == 0;
    store_relaxed(&a->rests, false);
    a->last = clock_now(clock);
    counter_add(&a->rested, has_rested ? (uint64_t)(a->last - from) : 0);
}

/* Before a message is handled: is it within the budget? If not, now or later. Returns the
 * time. */
static int64_t admit(struct cadre_self *self, struct account *a, int64_t now)
{
    const cadre_budget *b = &a->budget;
    bool is_many = b->messages && a->window_counts >= b->messages;
    int64_t end = window_end(a);
    if (now < end && is_many)
        exceed(self, a, CADRE_MESSAGES);
    if (now < end && (is_many || is_long(a)) && b->over == CADRE_OVER_THROTTLE) {
        rest(self, a, end - now);
        now = a->last;
    }
    if (now >= end)
        open_window(a, now);
    return now;
}

/* ---- what stands before receive ---------------------------------------------------- */

static CC_NOINLINE int measure(cadre_self *self, struct account *a,
                               cadre_receive *handle, void *state, cadre_msg *m)
{
    const struct clock *clock = &self->world->sched.crew.clock;
    int64_t began = admit(self, a, clock_now(clock));
    a->since = began;
    int result = handle(self, state, m);
    int64_t now = clock_now(clock), took = account_pause(a, now);
    book(a, began, took > 0 ? took : 0);
    a->last = now;
    if (a->budget.time && a->window_time > a->budget.time)
        exceed(self, a, CADRE_TIME);
    plan(self, a, now);
    return result;
}

static CC_INLINE int count(cadre_self *self, struct account *a, cadre_receive *handle,
                           void *state, cadre_msg *m)
{
    uint32_t left = load_relaxed(&a->left); /* ours */
    if (unlikely(left <= 1))
        return measure(self, a, handle, state, m);
    store_relaxed(&a->left, left - 1);
    return handle(self, state, m);
}

static int receive_counted(cadre_self *self, void *state, cadre_msg *m)
{
    struct account *a = self_cell(self)->extras->account;
    return count(self, a, a->receive, state, m);
}

/* The same before what handles one outcome. */
static int then_counted(cadre_self *self, void *state, cadre_msg *m)
{
    struct account *a = self_cell(self)->extras->account;
    return count(self, a, a->then, state, m);
}

/* ---- its life ---------------------------------------------------------------------- */

int account_check(struct world *world, const cadre_budget *b)
{
    if (!b)
        return 0;
    if (b->reserved[0] || b->reserved[1])
        return world_misuse(world, -EINVAL, "cadre_budget: reserved is not zero");
    if (b->window < 0 || b->window > 3600 * CADRE_SECOND || b->time < 0 ||
        b->time > (b->window ? b->window : CADRE_SECOND) || b->over > CADRE_OVER_FAIL)
        return world_misuse(world, -EINVAL,
                            "cadre_budget: window, time or over is out of range");
    return 0;
}

int account_new(struct cadre_self *self, struct account **account,
                const cadre_budget *budget)
{
    void *p;
    int err = pool_get(&self->pool, &p, sizeof **account);
    if (err)
        return err;
    struct account *a = *account = p;
    *a = (struct account){.budget = *budget, .front = then_counted, .dice = 1};
    a->budget.window = budget->window ? budget->window : CADRE_SECOND;
    a->opened = LONG_AGO;
    atomic_set(&a->left, 1);
    atomic_set(&a->span, 1);
    return 0;
}

void account_discard(struct cadre_self *self, struct account *account)
{
    if (account)
        pool_put(&self->pool, account, sizeof *account);
}

void account_restart(struct cell *cell, struct account *a)
{
    a->over_bytes = false;
    if (a->budget.over >= CADRE_OVER_STOP) /* its window ended it; this is another */
        a->opened = LONG_AGO;
    a->receive = cell_class(cell)->receive;
    cell->receive = receive_counted;
    cell->extras->fronted = true;
}

void account_open(struct cadre_self *self, struct cell *cell, struct account *a)
{
    struct world *world = self->world;
    a->id = cell_address(cell);
    a->actor = class_name(cell_class(cell));
    a->dice = address_slot(a->id);
    store_relaxed(&a->bytes, cell_class(cell)->state_size); /* whatever its budget */
    store_relaxed(&a->bytes_max, cell_class(cell)->state_size);
    account_restart(cell, a);
    pthread_mutex_lock(&world->accounts_lock);
    list_append(accounts_chain(world, a->id), &a->link);
    pthread_mutex_unlock(&world->accounts_lock);
}

void account_close(struct cadre_self *self, struct account *account)
{
    struct world *world = self->world;
    if (!account)
        return;
    pthread_mutex_lock(&world->accounts_lock);
    list_remove(&account->link);
    pthread_mutex_unlock(&world->accounts_lock);
    account_discard(self, account);
}
