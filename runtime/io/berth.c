/* berth.c: a loop that a worker sleeps in. */
#include "io/berth.h"

enum { SOON_NS = 1000000 };

#define CLOSED ((struct berth *)(uintptr_t)1) /* instead of comers: nobody may */

static struct berth *berth_of(struct nap *nap)
{
    return container_of(nap, struct berth, nap);
}

/* Of one that is lent, or was. */
static struct berth *host_of(const struct berth *b)
{
    return load_relaxed(&b->host); /* constant by then */
}

/* ---- guests, by who has the host's seat ------------------------------------------ */

/* What they have rung is rung here. */
static void gather(struct berth *b, struct berth *guest)
{
    fifo_append_fifo(&b->rung, &guest->rung);
    guest->rung.newest = NULL;
}

static void obey(struct berth *b, struct berth *guest, struct inbox_node *commands)
{
    if (!commands)
        return;
    berth_obey(guest, commands);
    gather(b, guest);
}

static void turn(struct berth *b, struct berth *guest)
{
    guest->is_ready = false;
    berth_turn(guest);
    gather(b, guest);
}

static void turn_ready(struct berth *b)
{
    for (struct berth *g = b->guests; g; g = g->next)
        if (g->is_ready || g->is_refused)
            turn(b, g);
}

/* Its worker has the loop again. */
static void release(struct berth *b, struct berth **at)
{
    struct berth *g = *at;
    *at = g->next;
    berth_dismiss(g);
    obey(b, g, seat_next(&g->seat));
    store_relaxed(&g->is_lent, false);
    seat_leave(&g->seat);
    seat_wake(&g->seat); /* it waits outside for that */
}

static void take_in(struct berth *b, struct berth *g)
{
    g->is_recalled = false;
    g->is_ready = true; /* whatever it has not told the kernel yet */
    g->next = b->guests;
    b->guests = g;
    if (berth_welcome(b, g) == 0)
        return;
    g->is_refused = g->is_recalled = true;
    berth_offer(g);
}

/* Those who come, and those who go. */
static void see_to_guests(struct berth *b)
{
    struct berth *comer = load_relaxed(&b->comers);
    if (likely(!comer && !b->guests))
        return;
    if (comer && comer != CLOSED)
        comer = exchange_acq_rel(&b->comers, NULL); /* pairs with lend's */
    while (comer && comer != CLOSED) {
        struct berth *next = comer->next;
        take_in(b, comer);
        comer = next;
    }
    for (struct berth **at = &b->guests; *at;)
        if (idle_nap((*at)->idle, (*at)->worker))
            release(b, at);
        else
            at = &(*at)->next;
}

/* One trial at a time, because all change what the host brings. One that comes to no end
 * does not keep others from theirs. */
static bool take_trial(struct berth *host, int64_t now)
{
    int64_t until = load_relaxed(&host->trial_until);
    return now >= until &&
           cas_acq_rel(&host->trial_until, &until, now + 4 * LEND_WINDOW_NS);
}

static bool is_to_change(struct berth *b, struct berth *host, int64_t now)
{
    struct lend_load load = {.own = load_relaxed(&b->rings),
                             .host = load_relaxed(&host->rings)};
    if (!lend_is_due(&b->lend, now) || !berth_cpu(b, &load.own_cpu_ns) ||
        !berth_cpu(host, &load.host_cpu_ns))
        return false;
    load.may_try = b->lend.is_trial || take_trial(host, now);
    bool changes = lend_judge(&b->lend, now, load);
    if (load.may_try && !b->lend.is_trial)
        store_relaxed(&host->trial_until, 0); /* nothing is told by it */
    return changes;
}

/* Those that are to have their loop again. */
static void recall(struct berth *b)
{
    if (likely(!b->guests))
        return;
    int64_t now = berth_now(b);
    for (struct berth *g = b->guests; g; g = g->next)
        if (!g->is_recalled && is_to_change(g, b, now)) {
            g->is_recalled = true;
            berth_offer(g);
        }
}

/* In how many ns it is to be turned. One that we do not hear of is looked at now and then
 * until its worker, which may be in a handler, has settled. */
static int64_t due_ns(struct berth *guest)
{
    int64_t ns = guest->is_ready ? 0 : berth_due_ms(guest) * INT64_C(1000000);
    bool is_late = ns < 0 || ns > SOON_NS;
    return guest->is_refused && is_late ? SOON_NS : ns;
}

/* Their timers, and what the kernel does not know yet. Returns in how many ns they are to
 * be looked at. 0: one was turned, and may have read what was to wake us. */
static int64_t settle(struct berth *b)
{
    int64_t least = PARK_FOREVER;
    for (struct berth *g = b->guests; g; g = g->next) {
        int64_t ns = due_ns(g);
        if (ns == 0)
            turn(b, g);
        if (ns >= 0 && (least == PARK_FOREVER || ns < least))
            least = ns;
    }
    return least;
}

void berth_part(struct berth *b)
{
    struct berth *comer = exchange_acq_rel(&b->comers, CLOSED); /* pairs with lend's */
    while (b->guests)
        release(b, &b->guests);
    while (comer && comer != CLOSED) {
        struct berth *next = comer->next;
        store_relaxed(&comer->is_lent, false);
        seat_leave(&comer->seat);
        comer = next;
    }
}

/* ---- the seat -------------------------------------------------------------------- */

/* False: another one has it, not for long; or the end has come. */
static bool enter(struct berth *b)
{
    if (load_acquire(&b->stopping)) /* the stopper's */
        return false;
    if (seat_take(&b->seat))
        return true;
    if (load_relaxed(&b->is_lent)) /* by who has settled here again: see release */
        seat_wake(&host_of(b)->seat);
    return false;
}

static void leave(struct berth *b, struct fifo *got)
{
    fifo_append_fifo(got, &b->rung);
    b->rung.newest = NULL;
    seat_leave(&b->seat);
}

static void obey_all(struct berth *b)
{
    see_to_guests(b);
    berth_obey(b, seat_next(&b->seat));
    for (struct berth *g = b->guests; g; g = g->next)
        obey(b, g, seat_next(&g->seat));
}

/* From now on who pushes a command wakes us. False: there were some. */
static bool rest_all(struct berth *b)
{
    struct inbox_node *more = seat_rest(&b->seat);
    bool none = !more;
    berth_obey(b, more);
    for (struct berth *g = b->guests; g; g = g->next) {
        more = seat_rest(&g->seat);
        none = none && !more;
        obey(b, g, more);
    }
    return none;
}

static void turn_all(struct berth *b)
{
    berth_turn(b);
    turn_ready(b);
}

static void wait_for_all(struct berth *b, int64_t timeout_ns, int64_t due_ns)
{
    bool is_sooner =
        due_ns != PARK_FOREVER && (timeout_ns == PARK_FOREVER || due_ns < timeout_ns);
    berth_wait(b, is_sooner ? due_ns : timeout_ns);
    turn_ready(b);
}

/* Has nothing come in, does the word say that the worker sleeps, and is it not the end?
 * The stopper's write may have been read by who had the seat before. */
static bool rests(const struct berth *b, const struct park_word *word, uint32_t seen)
{
    return fifo_is_empty(&b->rung) &&
           load_acquire(&word->value) == seen && /* pairs with idle's rouse */
           !load_acquire(&b->stopping);          /* the stopper's */
}

static bool doze(struct nap *nap, const struct park_word *word, uint32_t seen,
                 int64_t timeout_ns)
{
    struct berth *b = berth_of(nap);
    if (!enter(b)) { /* and who has the seat may read what was to wake us */
        bool is_long = timeout_ns == PARK_FOREVER || timeout_ns > SOON_NS;
        berth_wait_outside(b, is_long ? SOON_NS : timeout_ns);
        return false;
    }
    obey_all(b);
    recall(b);
    do {
        bool none = rest_all(b);
        int64_t due = settle(b);
        if (none && due != 0 && rests(b, word, seen))
            wait_for_all(b, timeout_ns, due);
        obey_all(b);
    } while (rests(b, word, seen) && timeout_ns == PARK_FOREVER);
    leave(b, &nap->got);
    return !fifo_is_empty(&nap->got);
}

static void wake(struct nap *nap) { seat_wake(&berth_of(nap)->seat); }

/* One that is lent is looked at where it is: who has it may be in a handler. */
static void look(struct nap *nap, struct fifo *got)
{
    struct berth *b = berth_of(nap);
    if (load_relaxed(&b->is_lent))
        b = host_of(b);
    if (!enter(b))
        return;
    obey_all(b);
    recall(b);
    turn_all(b);
    (void)settle(b);
    leave(b, got);
}

static void deliver(struct nap *nap, struct fifo *got, struct worker *here)
{
    (void)nap;
    berth_deliver(got, here);
}

/* ---- to lend it, by its worker --------------------------------------------------- */

/* False: the host ends. */
static bool come(struct berth *b, struct berth *host)
{
    struct berth *before = load_relaxed(&host->comers);
    do {
        if (before == CLOSED)
            return false;
        b->next = before;
    } while (!cas_acq_rel(&host->comers, &before, b)); /* for who takes it in */
    return true;
}

/* Awake, so nobody who wakes it later takes it to be here. */
static void lend(struct berth *b, struct berth *host)
{
    idle_move_out(b->idle, b->worker);
    store_relaxed(&b->is_lent, true);
    if (come(b, host)) {
        seat_wake(&host->seat);
        return;
    }
    store_relaxed(&b->is_lent, false);
    seat_leave(&b->seat);
    berth_offer(b);
}

static void judge(struct nap *nap)
{
    struct berth *b = berth_of(nap), *host = load_acquire(&b->host); /* its maker's */
    int64_t now = host ? berth_now(b) : 0;
    if (!host || !lend_is_due(&b->lend, now) || b->is_refused ||
        !idle_nap(b->idle, host->worker) || load_acquire(&b->stopping) ||
        !seat_take(&b->seat))
        return;
    if (is_to_change(b, host, now))
        lend(b, host);
    else
        seat_leave(&b->seat);
}

/* ---- made ------------------------------------------------------------------------ */

void berth_init(struct berth *b)
{
    seat_init(&b->seat);
    b->nap = (struct nap){doze, wake, look, deliver, judge, {NULL}, 0};
    atomic_set(&b->stopping, false);
    b->rung.newest = NULL;
    b->idle = NULL;
    b->guests = b->next = NULL;
    atomic_set(&b->host, NULL);
    atomic_set(&b->comers, NULL);
    atomic_set(&b->trial_until, 0);
    atomic_set(&b->is_lent, false);
    b->is_refused = false;
    atomic_set(&b->rings, 0);
    b->lend = (struct lend){0};
}

void berth_belongs(struct berth *b, struct idle *idle, uint32_t worker)
{
    b->idle = idle;
    b->worker = worker;
}

void berth_may_lend(struct berth *b, struct berth *host)
{
    store_release(&b->host, host); /* pairs with judge's */
}
