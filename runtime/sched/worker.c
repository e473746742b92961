/* worker.c: one worker's choices: what to run, whom to give work, when to sleep. */
#include "sched/worker.h"

enum { PATIENCE = 3, SLOW = 4, SHUFFLE = 4, STAYS_ONCE_IN = 8 };

/* ---- the line of those that wait ------------------------------------------------- */

/* How many wait, besides the one that is next. */
static uint32_t waiting_here(const struct worker *w)
{
    return w->line.count + deque_ring_size(&w->deque);
}

/* Takes a task out of the schedule, to be a token again. False: its token is elsewhere,
 * and will bring it back. */
static bool unschedule(struct task *task)
{
    plain_write(&task->scheduled, false);
    if (plain_read(&task->token)) {
        plain_write(&task->token, false);
        return true;
    }
    return inbox_poke(&task->inbox);
}

/* The next one in line that is this worker's and not scheduled. */
static struct task *next_in_line(struct worker *w)
{
    struct task *task;
    while ((task = line_take(&w->line))) {
        if (!task_is_owned_by(task, w->id))
            crew_wake(w->crew, w, task);
        else if (plain_read(&task->scheduled))
            plain_write(&task->token, true);
        else
            return task;
    }
    return NULL;
}

void worker_requeue(struct worker *w, struct task *task)
{
    if (unschedule(task)) {
        line_append(&w->line, task);
    } else if (!deque_is_full(&w->deque)) {
        /* Its token may be with a worker that is stuck: it goes on without. */
        plain_write(&task->scheduled, true);
        deque_push_oldest(&w->deque, task);
    }
}

/* Half of a full deque goes to the line. */
static void spill(struct worker *w)
{
    struct task *task;
    for (int i = 0; i < DEQUE_SIZE / 2 && (task = deque_take_oldest(&w->deque)); i++)
        if (unschedule(task))
            line_append(&w->line, task);
}

void worker_push_behind(struct worker *w, struct task *task)
{
    if (likely(task != DEQUE_MARK)) {
        if (deque_is_full(&w->deque))
            spill(w);
        deque_push_ring(&w->deque, task);
    }
    if (unlikely(load_relaxed(&w->crew->idle.wants)))
        worker_attend(w);
}

/* ---- between workers ------------------------------------------------------------- */

static int32_t number_of(const struct worker *worker)
{
    return worker ? (int32_t)worker->id : TASK_NOBODY;
}

/* A token for one of ours: the task will use it when it runs. */
static void accept(struct worker *w, struct task *task)
{
    plain_write(&task->token, true);
    worker_schedule(w, task);
}

/* Takes a task over from a worker that sleeps. */
static bool pull(struct worker *w, struct worker *sleeper, struct task *task)
{
    if (sleeper->aloof || !idle_is_asleep(&w->crew->idle, sleeper->id) ||
        !bias_seize(&sleeper->bias, false))
        return false;
    bool ours = task_is_owned_by(task, sleeper->id) && !plain_read(&task->scheduled) &&
                !plain_read(&task->pinned);
    if (ours) {
        task_give(task, (int32_t)w->id);
        counter_add(&w->steals, 1);
    }
    bias_release(&sleeper->bias);
    return ours;
}

void crew_wake(struct crew *crew, struct worker *here, struct task *task)
{
    int32_t owner;
    struct worker *to = here && here->aloof ? NULL : here; /* it may come here */
    while ((owner = load_acquire(&task->owner)) == TASK_NOBODY)
        (void)task_claim(task, to ? to->id : 0);
    if (owner == number_of(here) || (to && pull(to, &crew->workers[owner], task))) {
        accept(here, task);
    } else {
        store_relaxed(&task->asker, (int16_t)number_of(to));
        idle_deliver(&crew->idle, (uint32_t)owner, task, task);
    }
}

static bool is_hungry(const struct worker *w)
{
    return !w->aloof && appetite_is_hungry(&w->appetite, &w->crew->clock);
}

/* One of ours that another worker has woken moves there; but not always, so that two
 * which call each other meet instead of changing places for ever. */
static void follow(struct worker *w, struct task *task, int32_t asker)
{
    bool stays = rng_below(&w->rng, STAYS_ONCE_IN) == 0 && is_hungry(w);
    if (asker == (int32_t)w->id || stays || w->aloof || plain_read(&task->pinned)) {
        accept(w, task);
        return;
    }
    task_give(task, asker);
    idle_deliver(&w->crew->idle, (uint32_t)asker, task, task);
}

void worker_hand_over(struct worker *w, struct task *task, uint32_t to)
{
    bool has_token = unschedule(task);
    if (has_token)
        store_relaxed(&task->asker, TASK_NOBODY);
    task_give(task, (int32_t)to);
    if (has_token)
        idle_deliver(&w->crew->idle, to, task, task);
}

static void take_arrivals(struct worker *w)
{
    struct task *newest = idle_take_arrivals(&w->crew->idle, w->id), *oldest = NULL;
    while (newest) { /* turn the list over */
        struct task *older = plain_read(&newest->arrival);
        plain_write(&newest->arrival, oldest);
        oldest = newest;
        newest = older;
    }
    while (oldest) {
        struct task *task = oldest;
        oldest = plain_read(&task->arrival);
        if (!task_is_owned_by(task, w->id)) {
            crew_wake(w->crew, w, task);
        } else if (plain_read(&task->scheduled)) {
            plain_write(&task->token, true);
        } else if (load_relaxed(&task->asker) >= 0) {
            follow(w, task, load_relaxed(&task->asker));
        } else {
            line_append(&w->line, task);
        }
    }
}

static void look_at_arrivals(struct worker *w)
{
    if (idle_has_arrivals(&w->crew->idle, w->id))
        take_arrivals(w);
}

/* What has come in from outside goes to whom it is for. False: nothing has. */
static bool look_outside(struct worker *w, struct nap *nap)
{
    struct fifo got = {NULL};
    bias_leave(&w->bias);
    nap->look(nap, &got);
    bias_enter(&w->bias);
    if (fifo_is_empty(&got))
        return false;
    nap->deliver(nap, &got, w);
    return true;
}

/* The one that has waited longest, as a token. NULL: none. */
static struct task *spare(struct worker *w)
{
    struct task *task = next_in_line(w);
    while (!task && (task = deque_take_oldest(&w->deque)))
        if (!unschedule(task))
            task = NULL;
    return task;
}

/* To be delivered: the newest first, as all that arrives. */
static void add_gift(struct line *gift, struct task *task, int16_t from, int32_t to)
{
    store_relaxed(&task->asker, from);
    plain_write(&task->arrival, gift->first);
    gift->last = gift->first ? gift->last : task;
    gift->first = task;
    gift->count++;
    task_give(task, to);
}

static void append_line(struct line *line, struct line *more)
{
    struct task *task;
    while ((task = line_take(more)))
        line_append(line, task);
}

/* Gives so many to another worker, at most. Those that must stay count, too, because to
 * look at them is work. False: there was nothing to give. */
static bool give(struct worker *w, int32_t to, uint32_t most, int16_t from)
{
    struct idle *idle = &w->crew->idle;
    struct line gift = {0}, pinned = {0};
    struct task *task;
    for (uint32_t i = waiting_here(w) + 1;
         i > 0 && gift.count + pinned.count < most && (task = spare(w)); i--)
        if (plain_read(&task->pinned))
            line_append(&pinned, task);
        else
            add_gift(&gift, task, from, to);
    append_line(&w->line, &pinned); /* not to the deque: that may have us give again */
    if (gift.count == 0)
        return false;
    counter_add(&w->steals, 1);
    worker_note(w, EVENT_GAVE, 0, gift.count, (const void *)(intptr_t)to);
    idle_deliver(idle, (uint32_t)to, gift.first, gift.last);
    return true;
}

/* Gives half of what waits here to one that is hungry. */
static void share(struct worker *w)
{
    struct idle *idle = &w->crew->idle;
    int32_t watch = (int32_t)load_relaxed(&idle->watch) - 1; /* last: it has a duty */
    int32_t to = idle_take_hungry(idle, watch);
    uint32_t half = (waiting_here(w) + 1) / 2;
    uint32_t most = half < WORKER_GIFT ? half : WORKER_GIFT;
    if (to >= 0 && !give(w, to, most, task_given_by(w->id)))
        idle_keep_hungry(idle, (uint32_t)to);
}

/* How many tasks must wait, or have been run past those that do, before it pays to wake
 * somebody, which costs a few hundred short ones. How long they take the clock knows. */
static uint32_t patience(const struct worker *w)
{
    uint32_t many = w->slice.every * idle_reluctance(&w->crew->idle);
    return w->slice.every < SLOW ? 0 : PATIENCE * many;
}

bool crew_is_busy(const struct crew *crew)
{
    uint32_t count = crew_ordinary(crew), free = count - crew->surplus;
    for (uint32_t i = 0; crew->surplus > 0 && free > 0 && i < count; i++)
        free -= !idle_is_asleep(&crew->idle, i);
    return free == 0;
}

void worker_attend(struct worker *w)
{
    struct idle *idle = &w->crew->idle;
    idle_check_watch(idle);
    uint32_t waiting = waiting_here(w);
    if (load_relaxed(&idle->wants) & ~IDLE_UNWATCHED && waiting > 0 && !w->aloof &&
        (waiting + WORKER_STREAK - w->due >= patience(w) ||
         (w->shuffled && rng_below(&w->rng, 2) == 0)) &&
        !crew_is_busy(w->crew))
        share(w);
}

/* Gives everything to the one whom it was not worth while to have work beside: when both
 * find that, the higher number to the lower. What it owns and nobody runs is pulled over
 * when it is woken. */
static void fold(struct worker *w)
{
    int32_t to = w->appetite.partner;
    w->folds = false;
    appetite_calm(&w->appetite);
    w->victim = TASK_NOBODY;
    /* It was another one when we judged: the turn may have gone on. */
    if (to == TASK_NOBODY || to == (int32_t)w->id || w->aloof ||
        w->crew->workers[to].aloof)
        return;
    appetite_calm(&w->crew->workers[to].appetite);
    (void)give(w, to, UINT32_MAX, TASK_NOBODY); /* it is where it ought to be then */
    appetite_abstain(&w->appetite, clock_now(&w->crew->clock));
}

void worker_appetites(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (idle_is_asleep(&crew->idle, i) && !idle_is_hungry(&crew->idle, i) &&
            is_hungry(&crew->workers[i]))
            idle_keep_hungry(&crew->idle, i);
}

/* Every reading of the clock. */
static void judge(struct worker *w, int64_t took, uint32_t messages)
{
    struct appetite *a = &w->appetite;
    if (!appetite_judge(a, w->id, took, messages, &w->crew->clock) ||
        (a->partner > (int32_t)w->id &&
         appetite_is_chatty(&w->crew->workers[a->partner].appetite)))
        return; /* or it will come to us */
    w->folds = true;
    w->due = 1;
}

/* What one worker has waiting, in another's hands: some of it, because its owner cannot
 * go on meanwhile. */
enum { LOOT_MAX = 128 }; /* of each kind */
struct loot {
    struct line line;
    uint32_t count;
    struct task *tasks[LOOT_MAX];
};

/* From a worker whose bias we have seized. */
static void rob(struct worker *w, struct worker *victim, struct loot *loot)
{
    struct task *task;
    struct line pinned = {0};
    loot->count = 0;
    loot->line = (struct line){0};
    take_arrivals(victim);
    while (loot->line.count < LOOT_MAX && (task = next_in_line(victim))) {
        bool stays = plain_read(&task->pinned);
        if (!stays)
            task_give(task, (int32_t)w->id);
        line_append(stays ? &pinned : &loot->line, task);
    }
    append_line(&victim->line, &pinned);
    for (uint32_t i = deque_size(&victim->deque); i > 0 && loot->count < LOOT_MAX;
         i--) {
        task = deque_take_oldest(&victim->deque);
        if (task && plain_read(&task->pinned)) {
            deque_push(&victim->deque, task);
        } else if (task) {
            task_give(task, (int32_t)w->id);
            loot->tasks[loot->count++] = task;
        }
    }
}

/* Has it been in the same turn since somebody last asked? */
static bool is_stuck(struct worker *victim)
{
    uint64_t turns = load_relaxed(&victim->turns);
    if (turns == load_relaxed(&victim->watched))
        return true;
    store_relaxed(&victim->watched, turns);
    return false;
}

static bool rescue_from(struct worker *w, struct worker *victim)
{
    struct loot loot;
    struct nap *nap = idle_nap(&w->crew->idle, victim->id);
    loot.count = loot.line.count = 0;
    if (!is_stuck(victim))
        return false;
    if (unlikely(nap != NULL))
        (void)look_outside(w, nap); /* it is among the loot then */
    if (victim->aloof)
        return false;
    bias_leave(&w->bias); /* two who hold their own would wait for each other */
    if (bias_seize(&victim->bias, w->crew->can_stop)) {
        if (!bias_is_resting(&victim->bias)) {
            worker_ring(victim, NULL, clock_now(&w->crew->clock));
            rob(w, victim, &loot);
        }
        bias_release(&victim->bias);
    }
    bias_enter(&w->bias);
    if (loot.count + loot.line.count == 0)
        return false;
    for (uint32_t i = 0; i < loot.count; i++) {
        if (deque_is_full(&w->deque)) /* by alarms, or by what came from outside */
            spill(w);
        deque_push(&w->deque, loot.tasks[i]);
    }
    worker_note(w, EVENT_RESCUED, 0, loot.count + loot.line.count,
                (const void *)(uintptr_t)victim->id);
    append_line(&w->line, &loot.line);
    counter_add(&w->steals, 1);
    w->victim = (int32_t)victim->id;
    w->due = 1; /* the oldest first; and the look at who waits behind it */
    return true;
}

bool worker_rescue(struct worker *w)
{
    const struct crew *crew = w->crew;
    bool found = false;
    for (uint32_t i = 0; i < crew->count && !found; i++)
        found = i != w->id && !idle_is_asleep(&crew->idle, i) &&
                rescue_from(w, &crew->workers[i]);
    return found;
}

/* ---- what to run ----------------------------------------------------------------- */

/* The one that has waited longest, of the line and of the deque in turn. */
static struct task *oldest(struct worker *w)
{
    struct task *task = NULL;
    w->slice.start = 0; /* a new slice, whoever gets it */
    w->oldest_next = !w->oldest_next;
    if (w->oldest_next && (task = deque_take_oldest(&w->deque)))
        return task;
    if (!(task = next_in_line(w)))
        return deque_take_oldest(&w->deque);
    plain_write(&task->token, true);
    plain_write(&task->scheduled, true);
    appetite_note_gift(&w->appetite, task, load_relaxed(&w->turns) + 1);
    return task;
}

/* The old end has its turn: one run. When more waits than the last time it goes on, as
 * long as the runs do not leave more behind than they take: so whatever piles up is
 * worked off, but a tree that grows is not laid out in full. */
static void take_turns(struct worker *w)
{
    uint32_t waiting = waiting_here(w);
    if (w->burst == 0) {
        w->burst = waiting > w->backlog ? WORKER_STREAK : 1;
        if (w->shuffled)
            w->burst = 1 + rng_below(&w->rng, SHUFFLE);
        w->backlog = w->before = waiting;
    }
    if (waiting > w->before)
        w->burst = 1;
    w->before = waiting;
    w->due = --w->burst > 0 ? 1
             : w->shuffled  ? 1 + rng_below(&w->rng, SHUFFLE)
                            : WORKER_STREAK;
}

static bool has_work_at_hand(const struct worker *w)
{
    return deque_size(&w->deque) + w->line.count > 0;
}

struct task *worker_next_old(struct worker *w)
{
    struct task *task = NULL;
    look_at_arrivals(w);
    if (unlikely(w->folds)) {
        w->due = WORKER_STREAK;
        fold(w);
    }
    if (w->due == 0)
        take_turns(w);
    else
        task = deque_take_newest(&w->deque);
    if (!task)
        task = oldest(w);
    if (task)
        counter_add(&w->turns, 1);
    /* What has arrived, too: it came before we could ask for the watch. But who was woken
     * for one thing alone wakes nobody. */
    if (unlikely(load_relaxed(&w->crew->idle.wants)) && has_work_at_hand(w))
        worker_attend(w);
    return task;
}

bool worker_has_work(const struct worker *w)
{
    return has_work_at_hand(w) || (idle_has_arrivals(&w->crew->idle, w->id) &&
                                   !idle_is_asleep(&w->crew->idle, w->id));
}

/* What there was since then: a worker that is given little at a time is judged, too. */
static void judge_rest(struct worker *w)
{
    int64_t now = clock_now(&w->crew->clock);
    judge(w, now - w->slice.last, w->slice.window - w->slice.left);
    w->slice.last = now;
    w->slice.left = w->slice.window;
    if (w->folds)
        fold(w);
}

bool worker_lie_down(struct worker *w)
{
    struct crew *crew = w->crew;
    if (w->appetite.crossed > 0 && !w->shuffled)
        judge_rest(w);
    if (alarms_are_set(&w->alarms))
        worker_ring(w, w, clock_now(&crew->clock));
    if (alarms_have_back(&w->alarms))
        return false; /* asleep, it would keep them until its next alarm is due */
    int32_t victim = w->victim;
    w->victim = TASK_NOBODY;
    if (victim >= 0 && is_hungry(w) && rescue_from(w, &crew->workers[victim]))
        return false; /* there was more where the last came from */
    if (worker_has_work(w))
        return false; /* a thief moved what had arrived, and did not take all of it */
    bias_rest(&w->bias);
    if (idle_lie_down(&crew->idle, w->id, is_hungry(w)) && !load_seq(&crew->stopping))
        return true;
    worker_get_up(w);
    return false;
}

void worker_get_up(struct worker *w)
{
    struct nap *nap = idle_nap(&w->crew->idle, w->id);
    idle_get_up(&w->crew->idle, w->id);
    bias_rise(&w->bias);
    if (unlikely(nap != NULL) && !fifo_is_empty(&nap->got))
        nap->deliver(nap, &nap->got, w);
    w->slice.last = clock_now(&w->crew->clock); /* sleep is no time spent on messages */
    slice_open(&w->slice, w->crew->batch);
    w->appetite.crossed = 0;
}

void worker_leave_watch(struct worker *w)
{
    struct idle *idle = &w->crew->idle;
    idle_leave_watch(idle, w->id);
    /* Who sets the bit later finds this worker awake, and calls the watch itself. */
    if (load_seq(&idle->wants) & IDLE_UNWATCHED)
        deque_mark(&w->deque);
}

/* ---- time ------------------------------------------------------------------------ */

enum { RINGS_MAX = 256 }; /* at a time: others wait for the bias */

void worker_ring(struct worker *w, struct worker *here, int64_t now)
{
    struct alarm *alarm;
    for (int i = 0; i < RINGS_MAX && (alarm = alarms_take(&w->alarms, now)); i++) {
        struct task *task = alarm->task; /* it may be gone after the push */
        if (inbox_push(&task->inbox, alarm->mail))
            crew_wake(w->crew, here, task);
    }
}

/* Both counts only grow, and none is over that was not set. So when as many were over
 * before all slept as had been set afterwards, none was set while they did. Counted the
 * other way round, one that rings in between looks as if there were none. */
bool crew_is_quiet(const struct crew *crew)
{
    uint64_t over = 0, set = 0;
    for (uint32_t i = 0; i < crew->count; i++)
        over += load_acquire(&crew->workers[i].alarms.over); /* before we look */
    if (!idle_all_asleep(&crew->idle))
        return false;
    for (uint32_t i = 0; i < crew->count; i++)
        set += load_relaxed(&crew->workers[i].alarms.set); /* before it lay down */
    return set == over;
}

static bool slice_has_ended(struct worker *w)
{
    int64_t now = clock_now(&w->crew->clock);
    appetite_note_window(&w->appetite, load_relaxed(&w->turns), w->slice.window);
    judge(w, now - w->slice.last, w->slice.window);
    if (alarms_are_due(&w->alarms, now))
        worker_ring(w, w, now);
    if (!slice_is_over(&w->slice, now))
        return false;
    w->due = 1; /* next, the one that has waited longest */
    return true;
}

/* Simulated: turns of any length are right. */
static bool choose_slice(struct worker *w)
{
    w->slice.every = 1 + rng_below(&w->rng, 2 * SHUFFLE);
    w->due = 1;
    w->folds = w->appetite.partner >= 0 && rng_below(&w->rng, 2 * SHUFFLE) == 0;
    return rng_below(&w->rng, 2) == 0;
}

bool worker_read_slice(struct worker *w)
{
    struct nap *nap = idle_look_at(&w->crew->idle, w->id, w->slice.last);
    if (unlikely(nap != NULL))
        (void)look_outside(w, nap);
    look_at_arrivals(w);
    if (load_relaxed(&w->crew->idle.wants) && !w->shuffled)
        worker_attend(w);
    bool is_over = w->shuffled ? choose_slice(w) : slice_has_ended(w);
    uint32_t left =
        slice_left_in_turn(&w->slice, load_relaxed(&w->turns), w->crew->batch);
    is_over = is_over || left == 0;
    if (is_over)
        left = w->crew->batch; /* the next one's */
    slice_open(&w->slice, left);
    return is_over;
}
