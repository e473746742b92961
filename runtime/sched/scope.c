/* scope.c: fork and join: what a strand spawns, itself and idle workers run.
 *
 * `out` counts those who run a job of the scope elsewhere: twice as many as there are,
 * plus SLEEPS. They count down when they have ended; the strand counts them in only when
 * nothing waits any more, so that nobody can take another; until then the word is below
 * zero. Who counts it down to nothing, and sees that the strand sleeps, wakes it, by a
 * word of its worker: the scope may have gone by then. */
#include "sched/scope.h"

#include "base/panic.h"
#include "base/thread.h"

#include <errno.h>

enum {
    SLEEPS = 1,
    ONE = 2,
    LOOKS = 1000,    /* before a worker gives up looking for jobs */
    LOOK_EVERY = 16, /* pauses between attempts; doubled by each one in vain */
    VAIN_MAX = 8,    /* attempts in vain before a join sleeps */
    RELUCTANCE_MAX = 4096,
    PRICE_NS = 1000, /* of taking a job, for whoever takes it and for its worker */
    DEBT_NS = 8 * PRICE_NS,
    WORTH_NS = 20000, /* a gain that pays for calling somebody */
    WALK_MAX = 64,    /* jobs looked at under a lock that is not ours */
    GONE = 1 << 18    /* bytes of stack that who was called may have left */
};

void scope_open(struct worker *w, struct scope *s, const struct scope *parent)
{
    s->worker = w;
    s->strand = w->jobs.strand;
    s->parent = parent;
    s->unsynced = NULL;
    s->waiting = s->taken = 0;
    s->is_unsynced = false;
    atomic_set(&s->out, 0);
    atomic_set(&s->err, 0);
    atomic_set(&s->has_forgot, false);
    if (unlikely(!load_relaxed(&w->crew->scopes.begun))) /* pairs with sched.c's */
        store_relaxed(&w->crew->scopes.begun, true);
}

bool scope_is_cancelled(const struct scope *s)
{
    /* Relaxed: nothing but a hint, and what an error has to say comes with the join. */
    if (likely(load_relaxed(&s->worker->crew->scopes.cancelled) == 0))
        return false;
    for (; s; s = s->parent)
        if (load_relaxed(&s->err))
            return true;
    return false;
}

/* The first one counts. */
static void fail(struct scope *s, int err)
{
    int32_t none = 0;
    if (cas_acq_rel(&s->err, &none, err < 0 ? err : -EINVAL))
        (void)fetch_add_acq_rel(&s->worker->crew->scopes.cancelled, 1);
}

/* ---- a job runs -------------------------------------------------------------------- */

static void run(struct worker *w, struct scope_job *job)
{
    struct jobs *jobs = &w->jobs;
    struct scope *s = job->scope;
    if (unlikely(scope_is_cancelled(s))) {
        fail(s, -ECANCELED);
        return;
    }
    const void *strand = jobs->strand;
    const struct scope *unsynced = jobs->unsynced;
    jobs->strand = job;
    int err = job->task((struct cadre_scope *)(void *)s, job->arg);
    if (unlikely(jobs->unsynced != unsynced)) {
        (void)scope_finish(w, unsynced, CC_FRAME);
        store_relaxed(&s->has_forgot, true); /* seen by the join, after `out` */
    }
    jobs->strand = strand;
    if (unlikely(err != 0))
        fail(s, err);
}

void scope_run(struct worker *w, struct scope *s, struct scope_job *job,
               scope_task *task, void *arg)
{
    job->scope = s;
    job->task = task;
    job->arg = arg;
    run(w, job);
}

static void rouse(struct worker *w)
{
    fetch_add_seq(&w->jobs.word.value, 1); /* pairs with the load in go_to_sleep */
    park_wake(&w->jobs.word, 1);
}

/* What taking jobs has gained lately: the time they took, less their price. */
static void book(struct jobs *mine, struct jobs *owners, int64_t ran_ns)
{
    int64_t gain = mine->gain + ran_ns - PRICE_NS;
    mine->gain = gain < -DEBT_NS ? -DEBT_NS : gain > WORTH_NS ? WORTH_NS : gain;
    if (gain >= WORTH_NS)
        store_relaxed(&owners->reluctance, 1); /* a hint, for scope_attend */
}

/* Not worth it: for now it takes no more than one each time that it is called. */
static bool is_in_debt(const struct worker *w) { return w->jobs.gain <= -DEBT_NS; }

/* One that was taken from its worker. */
static void run_taken(struct worker *w, struct scope_job *job)
{
    struct scope *s = job->scope;
    struct worker *owner = plain_read(&s->worker);
    const struct clock *clock = &w->crew->clock;
    int64_t start = clock_now(clock);
    run(w, job);
    book(&w->jobs, &owner->jobs, clock_now(clock) - start);
    /* Release: all the task has done, for the load in wait_for_taken. */
    if (fetch_sub_acq_rel(&s->out, ONE) == (ONE | SLEEPS))
        rouse(owner);
}

/* ---- taking ------------------------------------------------------------------------ */

/* Inside the lock. */
static void unlink_job(struct jobs *jobs, struct scope_job *job)
{
    list_remove(&job->link);
    plain_write(&job->scope->waiting, plain_read(&job->scope->waiting) - 1);
    store_relaxed(&jobs->waiting, load_relaxed(&jobs->waiting) - 1);
}

/* Inside the lock: the youngest of this scope, which has some, past so many others. */
static struct scope_job *youngest_of(struct jobs *jobs, const struct scope *s,
                                     uint32_t skip)
{
    for (struct list *link = jobs->list.prev;; link = link->prev) {
        struct scope_job *job = container_of(link, struct scope_job, link);
        if (job->scope == s && skip-- == 0)
            return job;
    }
}

/* One of the strand's own scope. *left: how many wait after it; when none does, nobody
 * takes any more. NULL: none. */
static struct scope_job *take_own(struct worker *w, struct scope *s, uint32_t *left)
{
    struct jobs *jobs = &w->jobs;
    struct scope_job *job = NULL;
    jobs_enter(jobs);
    uint32_t waiting = plain_read(&s->waiting);
    if (likely(waiting > 0)) {
        job = youngest_of(jobs, s,
                          unlikely(w->shuffled) ? rng_below(&w->rng, waiting) : 0);
        unlink_job(jobs, job);
        waiting--;
    }
    *left = waiting;
    bias_leave(&jobs->lock);
    return job;
}

static bool is_within(const struct scope *s, const struct scope *outer)
{
    while (s && s != outer)
        s = s->parent;
    return s != NULL;
}

/* Inside the lock: the oldest; within: of this scope and those nested in it. */
static struct scope_job *oldest_within(struct jobs *jobs, const struct scope *within)
{
    struct list *link = jobs->list.next;
    for (int i = 0; i < WALK_MAX && link != &jobs->list; i++, link = link->next) {
        struct scope_job *job = container_of(link, struct scope_job, link);
        if (!within || is_within(job->scope, within))
            return job;
    }
    return NULL;
}

static struct scope_job *take_from(struct worker *victim, const struct scope *within)
{
    struct jobs *jobs = &victim->jobs;
    if (!(jobs->fenced ? bias_seize_fenced(&jobs->lock)
                       : bias_ask(&jobs->lock, victim->crew->can_stop)))
        return NULL;
    struct scope_job *job = oldest_within(jobs, within);
    if (job) {
        unlink_job(jobs, job);
        plain_write(&job->scope->taken, plain_read(&job->scope->taken) + 1);
    }
    bias_release(&jobs->lock);
    return job;
}

/* *tried: somebody had one, whether we got it or not. */
static struct scope_job *find(struct worker *w, const struct scope *within, bool *tried)
{
    const struct crew *crew = w->crew;
    for (uint32_t i = 1; i < crew->count; i++) {
        struct worker *victim = &crew->workers[(w->id + i) % crew->count];
        if (load_relaxed(&victim->jobs.waiting) == 0)
            continue; /* a hint: who spawns calls us, or the watch looks again */
        *tried = true;
        struct scope_job *job = take_from(victim, within);
        if (job)
            return job;
    }
    return NULL;
}

/* ---- who could help ---------------------------------------------------------------- */

static void call_hungry(struct crew *crew)
{
    struct idle *idle = &crew->idle;
    if (!(load_relaxed(&idle->wants) & ~IDLE_UNWATCHED) || crew_is_busy(crew))
        return;
    int32_t to = idle_take_hungry(idle, (int32_t)load_relaxed(&idle->watch) - 1);
    if (to >= 0)
        (void)idle_wake(idle, (uint32_t)to); /* it has got up itself, else */
}

/* One who sleeps in the join of a scope that this one is nested in. */
static bool call_joiner(const struct worker *w, const struct scope *s)
{
    for (; s; s = s->parent)
        if (s->worker != w && load_relaxed(&s->out) & SLEEPS) {
            rouse(s->worker);
            return true;
        }
    return false;
}

static void run_any(struct worker *w, struct scope *s)
{
    uint32_t left;
    while (rng_below(&w->rng, 2) == 0) {
        struct scope_job *job = take_own(w, s, &left);
        if (!job)
            return;
        run(w, job);
    }
}

void scope_attend(struct worker *w, struct scope *s)
{
    struct crew *crew = w->crew;
    struct jobs *jobs = &w->jobs;
    if (w->shuffled) {
        run_any(w, s);
        return;
    }
    idle_check_watch(&crew->idle);
    uint32_t reluctance = load_relaxed(&jobs->reluctance);
    if (jobs->left > 0 && reluctance > 1)
        return; /* it came because nobody watches */
    reluctance = reluctance < RELUCTANCE_MAX ? 2 * reluctance : reluctance;
    store_relaxed(&jobs->reluctance, reluctance);
    jobs->left = reluctance;
    if (!load_relaxed(&crew->scopes.asleep) || !call_joiner(w, s))
        call_hungry(crew);
}

bool scope_wants_help(const struct worker *w)
{
    const struct crew *crew = w->crew;
    if (!load_relaxed(&crew->scopes.begun))
        return false;
    for (uint32_t i = 0; i < crew->count; i++)
        if (i != w->id && load_relaxed(&crew->workers[i].jobs.waiting) > 0)
            return true;
    return false;
}

/* Looks for one, for a while if it has helped before: then there will be more. Outside,
 * and with nothing of its own but what may arrive. */
static struct scope_job *look_for_job(struct worker *w)
{
    struct scope_job *job = NULL;
    int looks = w->jobs.eager ? LOOKS : LOOKS / 2;
    while (looks > 0 && !idle_has_arrivals(&w->crew->idle, w->id)) {
        bool tried = false;
        if ((job = find(w, NULL, &tried)))
            break;
        if (!tried && !w->jobs.eager)
            break;
        looks -= tried ? LOOKS / VAIN_MAX : 1; /* an attempt disturbs others */
        cpu_relax();
    }
    w->jobs.eager = job != NULL;
    return job;
}

bool scope_help(struct worker *w)
{
    bias_leave(&w->bias);
    struct scope_job *job = look_for_job(w);
    if (job) {
        if (scope_wants_help(w))
            call_hungry(w->crew); /* there is more where it came from */
        counter_add(&w->turns, 1);
        counter_add(&w->steals, 1);
        run_taken(w, job);
        w->jobs.eager = !is_in_debt(w);
    }
    bias_enter(&w->bias);
    return job && w->jobs.eager;
}

/* ---- the join ---------------------------------------------------------------------- */

static bool is_over(const struct scope *s)
{
    return load_acquire(&s->out) < ONE; /* pairs with run_taken */
}

static bool help_within(struct worker *w, const struct scope *s, bool *tried)
{
    struct scope_job *job = find(w, s, tried);
    if (!job)
        return false;
    counter_add(&w->steals, 1);
    run_taken(w, job);
    return true;
}

/* Sleeps until the last one has come back, or somebody has more to do. */
static void go_to_sleep(struct worker *w, struct scope *s)
{
    struct jobs *jobs = &w->jobs;
    struct scopes *scopes = &w->crew->scopes;
    bool tried = false;
    uint32_t seen = load_acquire(&jobs->word.value); /* before we say that we sleep */
    fetch_add_seq(&scopes->asleep, 1);
    if (fetch_or_seq(&s->out, SLEEPS) >= ONE) {
        /* After the barrier: who does not see that we sleep, we see its jobs. */
        if (w->crew->can_stop)
            thread_barrier_everywhere();
        if (!help_within(w, s, &tried))
            park_wait(&jobs->word, seen, PARK_FOREVER);
    }
    (void)fetch_and_seq(&s->out, ~(uint32_t)SLEEPS);
    fetch_sub_seq(&scopes->asleep, 1);
}

static void wait_for_taken(struct worker *w, struct scope *s)
{
    fetch_add_acq_rel(&s->out, s->taken * ONE);
    s->taken = 0;
    int looks = 0, vain = 0;
    while (!is_over(s)) {
        bool tried = false;
        if (looks % (LOOK_EVERY << vain) == 0 && help_within(w, s, &tried)) {
            looks = 0;
            vain = is_in_debt(w) ? VAIN_MAX : 0;
            continue;
        }
        vain += tried;
        if (++looks < LOOKS && vain < VAIN_MAX) {
            cpu_relax();
            continue;
        }
        go_to_sleep(w, s);
        looks = vain = 0;
    }
}

static void leave_unsynced(struct worker *w, struct scope *s)
{
    struct scope **at = &w->jobs.unsynced;
    while (*at != s)
        at = &(*at)->unsynced;
    *at = s->unsynced;
    s->is_unsynced = false;
}

static CC_COLD int end_failed(struct worker *w, struct scope *s)
{
    int err = load_relaxed(&s->err); /* after all who could write it */
    store_relaxed(&s->err, 0);
    fetch_sub_acq_rel(&w->crew->scopes.cancelled, 1);
    return err;
}

int scope_sync(struct worker *w, struct scope *s)
{
    struct scope_job *job;
    uint32_t left = 1;
    if (!s->is_unsynced)
        return unlikely(load_relaxed(&s->err)) ? end_failed(w, s) : 0;
    while (left > 0 && (job = take_own(w, s, &left)))
        run(w, job);
    if (unlikely(s->taken))
        wait_for_taken(w, s);
    leave_unsynced(w, s);
    return unlikely(load_relaxed(&s->err)) ? end_failed(w, s) : 0;
}

/* ---- what was forgotten ------------------------------------------------------------ */

/* Is this in the part of the stack that was left when we came back to this frame? */
static bool is_gone(const void *p, const void *frame)
{
    uintptr_t at = (uintptr_t)p, end = (uintptr_t)frame;
    return at < end && end - at < GONE;
}

static bool has_gone(struct jobs *jobs, const struct scope *s, const void *frame)
{
    bool gone = is_gone(s, frame);
    jobs_enter(jobs);
    for (const struct list *at = jobs->list.prev; !gone && at != &jobs->list;
         at = at->prev)
        gone = is_gone(at, frame);
    bias_leave(&jobs->lock);
    return gone;
}

bool scope_finish(struct worker *w, const struct scope *unsynced, const void *frame)
{
    struct scope *s;
    bool some = false;
    for (; (s = w->jobs.unsynced) != unsynced; some = true) {
        if (has_gone(&w->jobs, s, frame))
            panic(__FILE__, __LINE__, "a scope was not joined and its memory is gone");
        (void)scope_sync(w, s);
    }
    return some;
}

void scope_end_strand(struct worker *w)
{
    w->jobs.strand = (const void *)((uintptr_t)w->jobs.strand + 2);
}
