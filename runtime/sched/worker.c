/* worker.c: one worker's choices: own work, injected work, stolen work, sleep. */
#include "sched/worker.h"

#include "base/panic.h"

enum { CLOCK_EVERY_MAX = 64, STEAL_ROUNDS = 2, SHUFFLE = 4 };

CC_THREAD_LOCAL struct worker *worker_here;

struct worker *worker_enter(struct worker *worker)
{
    struct worker *before = worker_here;
    worker_here = worker;
    return before;
}

void worker_init(struct worker *worker, struct crew *crew, uint32_t id, uint64_t seed)
{
    worker->crew = crew;
    worker->context = NULL;
    worker->next = NULL;
    worker->id = id;
    worker->streak = worker->picks = 0;
    worker->searching = true;
    worker->shuffled = false;
    worker->rng = rng_stream(seed, id + 1);
    worker->clock_every = worker->clock_left = CLOCK_EVERY_MAX;
    worker->clock_last = worker->slice_start = 0;
    atomic_set(&worker->turns, 0);
    atomic_set(&worker->steals, 0);
    atomic_set(&worker->parks, 0);
    runq_init(&worker->ring, worker->slots, WORKER_RING);
}

void worker_publish(struct worker *w, struct task *task)
{
    while (!runq_push(&w->ring, task)) {
        void *spill[WORKER_RING / 2];
        uint32_t n = runq_take_half(&w->ring, spill, WORKER_RING / 2);
        for (uint32_t i = 0; i < n; i++)
            inject_push(&w->crew->injected, &((struct task *)spill[i])->link);
    }
    idle_notify(&w->crew->idle);
}

void worker_requeue(struct worker *w, struct task *task)
{
    struct task *woken = w->next;
    w->next = NULL;
    if (woken)
        worker_publish(w, woken); /* its turn comes first */
    if (runq_size(&w->ring) == 0)
        w->next = task; /* alone: nobody needs to come for it */
    else if (inject_is_empty(&w->crew->injected))
        worker_publish(w, task);
    else { /* behind those as well */
        inject_push(&w->crew->injected, &task->link);
        idle_notify(&w->crew->idle);
    }
    w->streak = WORKER_STREAK;
}

static struct task *take_injected(struct worker *w)
{
    struct inject_node *nodes[WORKER_RING / 2];
    uint32_t room = WORKER_RING - runq_size(&w->ring);
    /* One more than there is room for: the first is run, not queued. */
    uint32_t max = room < WORKER_RING / 2 ? room + 1 : WORKER_RING / 2;
    uint32_t n = inject_take(&w->crew->injected, nodes, max);
    for (uint32_t i = 1; i < n; i++)
        (void)runq_push(&w->ring, container_of(nodes[i], struct task, link));
    if (n > 1)
        idle_notify(&w->crew->idle); /* whoever looked meanwhile saw it nowhere */
    return n ? container_of(nodes[0], struct task, link) : NULL;
}

/* May `next` be run again before the ring has its turn? */
static bool next_is_due(struct worker *w)
{
    if (unlikely(w->shuffled) && rng_below(&w->rng, SHUFFLE) == 0)
        return false;
    return w->next && w->streak < WORKER_STREAK && !worker_slice_is_over(w);
}

static struct task *pick_own(struct worker *w)
{
    struct task *next = w->next, *other = NULL;
    if (likely(next_is_due(w))) {
        w->next = NULL;
        w->streak++;
        return next;
    }
    if (++w->picks % WORKER_LOOK == 0)
        other = take_injected(w);
    if (!other)
        other = runq_pop(&w->ring);
    if (!other && next)
        other = take_injected(w);
    w->streak = 0;
    w->slice_start = 0; /* a new slice, whoever gets it */
    w->next = NULL;
    if (!other)
        return next; /* alone, or none at all */
    if (next)
        worker_publish(w, next);
    return other;
}

static struct task *steal_from(struct worker *w, struct worker *victim)
{
    void *loot[WORKER_RING / 2];
    uint32_t n = runq_take_half(&victim->ring, loot, WORKER_RING / 2);
    for (uint32_t i = 1; i < n; i++)
        (void)runq_push(&w->ring, loot[i]); /* ours is empty: there is room */
    if (n == 0)
        return NULL;
    counter_add(&w->steals, 1);
    return loot[0];
}

static struct task *steal(struct worker *w)
{
    const struct crew *crew = w->crew;
    uint32_t start = rng_below(&w->rng, crew->count);
    for (uint32_t i = 0; i < crew->count; i++) {
        struct worker *victim = &crew->workers[(start + i) % crew->count];
        struct task *task = victim == w ? NULL : steal_from(w, victim);
        if (task)
            return task;
    }
    return NULL;
}

static struct task *search(struct worker *w)
{
    if (!w->searching) {
        idle_search(&w->crew->idle);
        w->searching = true;
    }
    struct task *task = NULL;
    for (int round = 0; !task && round < STEAL_ROUNDS; round++) {
        task = take_injected(w);
        if (!task && w->crew->count > 1)
            task = steal(w);
    }
    return task;
}

/* The last searcher looks whether it leaves work behind that others relied on it for. */
static void end_search(struct worker *w)
{
    w->searching = false;
    if (idle_found(&w->crew->idle) && crew_has_work(w->crew))
        idle_notify(&w->crew->idle);
}

bool worker_step(struct worker *w)
{
    struct task *task = pick_own(w);
    if (unlikely(!task)) {
        task = search(w);
        if (!task)
            return false;
    }
    if (unlikely(w->searching))
        end_search(w);
    counter_add(&w->turns, 1);
    task->run(task, w);
    if (unlikely(worker_here != w))
        panic(__FILE__, __LINE__, "a handler called fork() and returned in the child");
    return true;
}

bool crew_has_work(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (runq_size(&crew->workers[i].ring) > 0)
            return true;
    return !inject_is_empty(&crew->injected);
}

bool worker_may_sleep(struct worker *w)
{
    struct crew *crew = w->crew;
    w->searching = false;
    idle_enter(&crew->idle, w->id);
    if (crew_has_work(crew) || load_seq(&crew->stopping)) {
        if (idle_leave(&crew->idle, w->id))
            w->searching = true;
        return false;
    }
    counter_add(&w->parks, 1);
    return true;
}

void worker_woken(struct worker *w) { w->searching = true; }

bool worker_read_slice(struct worker *w)
{
    if (w->shuffled) { /* turns of any length are right */
        w->clock_left = 1 + rng_below(&w->rng, 2 * SHUFFLE);
        return rng_below(&w->rng, 2) == 0;
    }
    int64_t now = clock_now(&w->crew->clock);
    int64_t took = now - w->clock_last;
    uint32_t every = w->clock_every;
    /* Aim at four looks per slice. */
    if (took > WORKER_SLICE_NS / 4)
        every = 1 + (uint32_t)((int64_t)every * (WORKER_SLICE_NS / 4) / took);
    else if (every < CLOCK_EVERY_MAX / 2)
        every *= 2;
    else
        every = CLOCK_EVERY_MAX;
    w->clock_every = w->clock_left = every > CLOCK_EVERY_MAX ? CLOCK_EVERY_MAX : every;
    w->clock_last = now;
    if (w->slice_start == 0)
        w->slice_start = now;
    return now - w->slice_start >= WORKER_SLICE_NS;
}
