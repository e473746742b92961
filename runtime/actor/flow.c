/* flow.c: who sends to an actor that cannot keep up is held back. */
#include "actor/flow.h"

#include "actor/urgent.h"

/* Turns of one that is flooded, from look to look: at first, and at most. */
enum { PATIENCE = 32, PATIENCE_MAX = 1024 };
enum { FEW = 1 }; /* no more than that wait: this is found at the end of each turn */
/* What a look costs, and each message that is counted: a miss of the caches. */
enum { LOOK = 64, PRICE = 8, PRICE_SIMULATED = 2 };
enum { WAKES = 32 }; /* at a time */
enum { ALL = INT32_MAX };

/* How many messages of users wait in the mailbox; more than most are not counted, nor
 * looked for behind as many others. In the cell's turn, which alone may see them. */
static uint32_t count(const struct fifo *mailbox, uint32_t most)
{
    struct inbox_node *node = mailbox->newest;
    uint32_t n = 0, left = 2 * most;
    if (!node)
        return 0;
    do {
        node = plain_read(&node->next);
        n += letter_is_message(letter_of(node));
    } while (node != mailbox->newest && n < most && --left > 0);
    return n;
}

/* In proportion to what is much. */
static uint32_t often(const struct world *world, uint32_t n)
{
    return world->simulated ? n / 8 : n;
}

/* ---- the receiver ------------------------------------------------------------------ */

static bool may_be_flooded(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell); /* of a free one not ours to see */
    return cell_phase(cell) == PHASE_RUNNING &&
           !(extras && (extras->gauge || extras->waits || extras->has_levels ||
                        extras->process)); /* whose news would wait behind all */
}

/* Outside. Where there is no memory, nobody is held back. */
static void flood(struct cadre_self *self, struct cell *cell, uint32_t waiting,
                  uint32_t patience)
{
    static const cadre_limit none;
    struct gauges *gauges = &self->world->gauges;
    struct gauge *gauge;
    if (extras_make(self, cell) || gauges_make(gauges, cell_slot(cell), &gauge))
        return;
    uint32_t generation = address_generation(cell_address(cell));
    gauge_open(gauge, &cell->extras->allowance, generation, &none, true);
    gauge->patience = gauge->spell = patience;
    gauge->answered = load_relaxed(&gauges->asked);
    store_relaxed(&gauge->waiting, waiting);
    cell->extras->gauge = gauge;
    cell->task.odd = ODD;
    pthread_mutex_lock(&gauges->lock);
    list_init(&gauge->muted);
    list_append(&gauges->flooded, &gauge->link);
    gauge->cell = cell;
    store_release(&gauge->flooded, generation); /* pairs with flow_note */
    pthread_mutex_unlock(&gauges->lock);
    inbox_gate(&cell->task.inbox, true);
}

void flow_survey(struct cadre_self *self, struct worker *worker, struct cell *cell)
{
    uint32_t high = flow_high(self->world), waiting = 0;
    uint32_t price = self->world->simulated ? PRICE_SIMULATED : PRICE;
    /* Now and then not, so that no order of turns hides one from us. */
    if (rng_below(&worker->rng, 8) == 0)
        return;
    if (flow_grown(self) - self->looked > price * high)
        self->looked = flow_grown(self) - price * high; /* what was before is over */
    if (may_be_flooded(cell)) {
        urgent_catch_up(cell, worker);
        bias_leave(&worker->bias);
        waiting = count(&cell->mailbox, high + 1);
        if (waiting > high)
            flood(self, cell, waiting, often(self->world, PATIENCE));
        bias_enter(&worker->bias);
    }
    self->looked += often(self->world, LOOK) + price * waiting;
}

/* Outside. Somebody may want to know how many wait. */
static void answer(struct world *world, struct cell *cell)
{
    struct gauge *gauge = cell->extras->gauge;
    uint64_t asked = load_relaxed(&world->gauges.asked);
    if (asked == gauge->answered)
        return;
    gauge->answered = asked;
    store_relaxed(&gauge->waiting, count(&cell->mailbox, ALL));
}

/* Outside, at the end of a turn. Where much waits it takes more and more turns until it
 * is looked at; but it is found at once when nothing is left. */
static bool is_low(struct world *world, struct cell *cell)
{
    struct gauge *gauge = cell->extras->gauge;
    answer(world, cell);
    if (!fifo_has_more_than(&cell->mailbox, FEW))
        return true;
    if (--gauge->patience > 0)
        return false;
    if (gauge->spell < often(world, PATIENCE_MAX))
        gauge->spell *= 2;
    gauge->patience = gauge->spell;
    return !fifo_has_more_than(&cell->mailbox, flow_high(world) / 2);
}

/* Up to so many out of the list. They are cells even when they have ended meanwhile. */
static int take_muted(struct gauges *gauges, struct gauge *gauge, struct cell **cells)
{
    int n = 0;
    pthread_mutex_lock(&gauges->lock);
    for (; n < WAKES && !list_is_empty(&gauge->muted); n++) {
        struct extras *extras = container_of(gauge->muted.next, struct extras, muted);
        list_remove(&extras->muted);
        cells[n] = extras->muted_cell;
        store_release(&extras->muted_by, NULL); /* pairs with both looks at it */
    }
    pthread_mutex_unlock(&gauges->lock);
    return n;
}

static void wake(struct cadre_self *self, struct cell **cells, int n)
{
    struct worker *here = self->worker;
    bias_enter(&here->bias);
    for (int i = 0; i < n; i++)
        if (inbox_poke(&cells[i]->task.inbox))
            crew_wake(&self->world->sched.crew, here, &cells[i]->task);
    bias_leave(&here->bias);
}

void flow_let_go(struct cadre_self *self, struct cell *cell)
{
    struct gauges *gauges = &self->world->gauges;
    struct gauge *gauge = cell->extras->gauge;
    struct cell *cells[WAKES];
    int n;
    cell->extras->gauge = NULL;
    cell->task.odd = ODD;
    inbox_gate(&cell->task.inbox, false);
    pthread_mutex_lock(&gauges->lock);
    store_release(&gauge->flooded, 0);
    list_remove(&gauge->link);
    pthread_mutex_unlock(&gauges->lock);
    while ((n = take_muted(gauges, gauge, cells)) > 0)
        wake(self, cells, n);
    gauge_close(gauge);
}

static void unmute(struct cadre_self *self, struct extras *extras)
{
    struct gauges *gauges = &self->world->gauges;
    pthread_mutex_lock(&gauges->lock);
    if (load_relaxed(&extras->muted_by))
        list_remove(&extras->muted);
    store_relaxed(&extras->muted_by, NULL);
    pthread_mutex_unlock(&gauges->lock);
}

bool flow_drained(struct cadre_self *self, struct cell *cell)
{
    struct worker *here = self->worker;
    urgent_catch_up(cell, here);
    bias_leave(&here->bias);
    bool is_over = is_low(self->world, cell);
    if (is_over)
        flow_let_go(self, cell);
    bias_enter(&here->bias);
    return is_over;
}

void flow_end(struct cadre_self *self, struct cell *cell)
{
    cell->extras->slow_to = 0;                 /* the next life has not sent that */
    if (load_acquire(&cell->extras->muted_by)) /* pairs with take_muted */
        unmute(self, cell->extras);
    if (flow_is_flooded(cell))
        flow_let_go(self, cell);
}

/* ---- the sender -------------------------------------------------------------------- */

/* Must it go on, whoever cannot keep up? */
static bool must_run(const struct cell *cell)
{
    /* Relaxed: whoever asks for an end wakes us after that, and we look again. */
    return cell_phase(cell) != PHASE_RUNNING || life_halts(load_relaxed(&cell->life)) ||
           cell->extras->waits || cell->extras->has_levels || cell->extras->process;
}

/* A hint: mute() looks again. */
static bool is_flooded_now(struct cadre_self *self, uint64_t to)
{
    const struct gauge *gauge = gauges_find(&self->world->gauges, address_slot(to));
    return load_relaxed(&gauge->flooded) == address_generation(to);
}

void flow_note(struct cadre_self *self, uint64_t to)
{
    struct cell *cell = self_cell(self);
    const struct gauge *gauge = gauges_find(&self->world->gauges, address_slot(to));
    if (load_acquire(&gauge->flooded) != address_generation(to))
        return;
    self->noted = to;
    self->noted_turn = load_relaxed(&self->worker->turns);
    if (to == cell_address(cell) || extras_make(self, cell) || must_run(cell) ||
        flow_is_flooded(cell))
        return;
    uint64_t *slow_to = &cell->extras->slow_to;
    if (!*slow_to || !is_flooded_now(self, *slow_to))
        *slow_to = to;
    cell->task.odd = ODD;
    self->more = true; /* or it would be found out at the end of its turn */
}

/* False: it can keep up, or has ended. */
static bool mute(struct cadre_self *self, struct cell *cell, uint64_t to)
{
    struct gauges *gauges = &self->world->gauges;
    struct gauge *gauge = gauges_find(gauges, address_slot(to));
    struct extras *extras = cell->extras;
    pthread_mutex_lock(&gauges->lock);
    bool is_flooded = load_relaxed(&gauge->flooded) == address_generation(to);
    if (is_flooded) {
        extras->muted_cell = cell;
        list_append(&gauge->muted, &extras->muted);
        store_relaxed(&extras->muted_by, gauge);
    }
    pthread_mutex_unlock(&gauges->lock);
    counter_add(&self->mutes, is_flooded);
    return is_flooded;
}

bool flow_rests(struct cadre_self *self, struct cell *cell, bool has_mail)
{
    struct extras *extras = cell->extras;
    uint64_t to = extras->slow_to;
    if (must_run(cell)) {
        extras->slow_to = 0;
        unmute(self, extras);
        return false;
    }
    if (load_acquire(&extras->muted_by)) { /* pairs with take_muted */
        /* Somebody has sent to it. Not before that, because nobody may wait for whoever
         * begins to. When it is let go it looks at once whether others need to wait. */
        if (extras->gauge)
            answer(self->world, cell);
        else
            flood(self, cell, count(&cell->mailbox, flow_high(self->world)), 1);
        return true;
    }
    if (to && !flow_is_flooded(cell) && is_flooded_now(self, to)) {
        if (!has_mail)
            return false; /* it would not send: it is asked again when it has some */
        extras->slow_to = 0;
        return mute(self, cell, to);
    }
    extras->slow_to = 0;
    return false;
}
