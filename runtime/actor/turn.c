/* turn.c: one turn: a batch of messages, one receive each, the result obeyed.
 *
 * A turn begins and ends inside the worker's bias, where it takes a letter out of the
 * mailbox; it handles the letter outside. What the others have sent it takes over when
 * nothing else is left and a token says so. With nothing left at all the cell is idle,
 * and runs again when somebody schedules it.
 *
 * All that a running actor does again and again is in run. What happens once in a life,
 * or seldom, is in run_odd, which goes through everything that there may be. */
#include "actor/turn.h"

#include "actor/after.h"
#include "actor/apply.h"
#include "actor/ask.h"
#include "actor/await.h"
#include "actor/cycle.h"
#include "actor/exit.h"
#include "actor/fail.h"
#include "actor/flow.h"
#include "actor/fork.h"
#include "actor/isolate.h"
#include "actor/keep.h"
#include "actor/outcome.h"
#include "actor/port.h"
#include "actor/print.h"
#include "actor/raised.h"
#include "actor/receive.h"
#include "actor/send.h"
#include "actor/stash.h"
#include "actor/urgent.h"
#include "actor/watch.h"
#include "base/panic.h"

#include <errno.h>

static void start(struct cadre_self *self, struct cell *cell)
{
    const cadre_class *class = cell_class(cell);
    world_trace(self->world, world_relative(self->world, cell_address(cell)));
    cell->note.phase = PHASE_RUNNING;
    self->message = NULL;
    int result =
        settle_callback(self, class->start ? class->start(self, cell->state) : 0);
    cell->note.started = result == 0;
    if (result != 0)
        settle_result(self, NULL, 0, result);
    else if (cell->extras)
        keep_started(self, cell);
}

static inline bool is_killed(const struct cell *cell)
{
    /* Relaxed: the word says all there is to know. */
    return life_halts(load_relaxed(&cell->life)) & HALT_KILL;
}

static CC_COLD void obey_kill(struct cadre_self *self, struct cell *cell)
{
    if (cell_phase(cell) == PHASE_BORN)
        cell->note.phase = PHASE_RUNNING; /* killed before it began: no start */
    exit_killed(self);
}

/* For a former life of this cell, or too late for this one. */
static void bounce(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    uint64_t to = cell_letter_address(cell, &e->letter);
    bool mine = to == cell_address(cell);
    send_dead(self, e, to, mine ? cell_class(cell) : NULL,
              mine && cell_phase(cell) != PHASE_FREE ? DEAD_STOPPED : DEAD_ENDED);
}

/* A request: it is for its sake that the handler does what it does. */
static void take_request(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    const struct envelope_tail *tail = envelope_tail(e);
    if (tail->deadline < self->worker->slice.last) {
        if (self->world->uplink) /* outside it is owed until it is answered */
            send_failure(self, e, self_address(self), -ETIMEDOUT, 0);
        else
            send_drop(self, e); /* whoever asked has given up, or will when it looks */
        return;
    }
    self->owes = OWES_ANSWER;
    self->context.deadline = tail->deadline;
    (void)receive_kind(self, cell, e, tail->token, &cell->receive, true);
    op_context_end(self);
}

/* A letter to this life of a running actor. */
static void take_kind(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    static cadre_receive *const apply = apply_receive;
    switch (letter_kind(&e->letter)) {
    case LETTER_TOKEN:
        take_request(self, cell, e);
        break;
    case LETTER_ANSWER:
        outcome_take_answer(self, cell, e);
        break;
    case LETTER_CANCEL:
        if (!cycle_takes(self, cell, e))
            ask_recalled(self, e);
        break;
    case LETTER_MOVED:
        ask_moved(self, e);
        break;
    case LETTER_APPLY:
        (void)receive(self, cell, e, 0, &apply);
        break;
    case LETTER_PRINT:
        print_asked(self, cell, e);
        break;
    case LETTER_OUTCOME: /* set aside before */
    case LETTER_PASSED:
        (void)receive(self, cell, e, envelope_tail(e)->token, &cell->receive);
        break;
    default:
        (void)receive(self, cell, e, 0, &cell->receive);
    }
}

/* Something has happened to a port; or it comes back, and one that ends waits for it. */
static CC_NOINLINE void take_port(struct cadre_self *self, struct cell *cell,
                                  struct letter *letter)
{
    struct envelope *e = port_came(self, letter);
    if (e) {
        uint64_t id = envelope_tail(e)->token;
        take_kind(self, cell, e);
        port_told(self, id);
    } else if (exit_is_due(cell)) {
        exit_finish(self);
    }
}

/* The life word says kill, and this letter comes after that. True: it stands in front of
 * the mailbox, for whoever is restarted here; behind what was taken out before it. */
static CC_COLD bool is_too_late(struct cadre_self *self, struct cell *cell,
                                struct letter *letter)
{
    bool is_kept = cell_phase(cell) == PHASE_RUNNING && cell_is_kept(cell) &&
                   letter_kind(letter) != LETTER_PROCESS;
    if (is_kept) {
        extras_back(cell, letter);
        fifo_append(&cell->extras->held, &letter->node);
    }
    obey_kill(self, cell);
    return is_kept;
}

/* A letter in whatever case, outside the bias. old: it was taken out of the mailbox
 * before; whoever has killed the actor since then has not sent it after that. */
static CC_NOINLINE void take_any(struct cadre_self *self, struct cell *cell,
                                 struct letter *letter, bool is_old)
{
    struct thread_state before;
    uint32_t to = plain_read(&letter->to);
    struct envelope *e = envelope_of(letter);
    if (DEBUG_BUILD)
        thread_state_save(&before);
    if (is_killed(cell) && !is_old && is_too_late(self, cell, letter))
        return;
    if (cell_phase(cell) > PHASE_RUNNING && keep_takes(self, cell, letter))
        return;
    if (await_takes(self, cell, letter, is_old))
        return;
    if (to == NOTE_STOP || to == NOTE_ENDED)
        exit_note(self, letter);
    else if (letter_kind(letter) == LETTER_OP)
        outcome_take_op(self, cell, container_of(letter, struct op, letter));
    else if (letter_is_of_port(letter))
        take_port(self, cell, letter);
    else if (letter_kind(letter) == LETTER_OFFLOAD)
        outcome_take_offload(self, cell, letter);
    else if (letter_kind(letter) == LETTER_RAISE)
        raised_came(self, cell, container_of(letter, struct cadre_raise, letter));
    else if (letter_kind(letter) == LETTER_WATCH)
        watch_came(self, cell, e);
    else if (letter_kind(letter) == LETTER_PROCESS)
        isolate_came(self, cell, letter);
    else if (cell_phase(cell) == PHASE_RUNNING &&
             letter_generation(letter) == address_generation(cell_address(cell)))
        take_kind(self, cell, e);
    else
        bounce(self, cell, e);
    if (DEBUG_BUILD)
        settle_check_thread(self, &before);
}

/* A letter that is no plain message: first of all a request, or an answer to one. */
static CC_NOINLINE void take_marked(struct cadre_self *self, struct cell *cell,
                                    struct letter *letter)
{
    uint32_t to = plain_read(&letter->to);
    bool is_request = (to & LETTER_KIND) == LETTER_TOKEN;
    bool is_answer = (to & LETTER_KIND) == LETTER_ANSWER;
    if (DEBUG_BUILD || !(is_request || is_answer) ||
        unlikely(!upper_is32_acquire(&cell->life, to & ~(uint32_t)LETTER_KIND)))
        take_any(self, cell, letter, false);
    else if (is_request)
        take_request(self, cell, envelope_of(letter));
    else
        outcome_take_answer(self, cell, envelope_of(letter));
}

/* The letter in hand, outside the bias. takes: cell_takes. False: something unusual
 * happened. */
static CC_INLINE bool take(struct cadre_self *self, struct cell *cell,
                           struct letter *letter, bool takes)
{
    if (unlikely(!takes) || DEBUG_BUILD) {
        take_marked(self, cell, letter);
        return false;
    }
    return receive(self, cell, envelope_of(letter), 0, &cell->receive);
}

/* Inside, and somebody has told us to look: into the inbox, and at the life word, because
 * whoever kills us tells us as well. True: it says so. */
static CC_NOINLINE bool use_token(struct worker *worker, struct cell *cell)
{
    plain_write(&cell->task.token, false);
    urgent_take_mail(cell, worker, INBOX_EMPTY);
    return is_killed(cell);
}

/* Of messages, whether they come for the first time or again. */
static bool has_mail(const struct cell *cell)
{
    return !fifo_is_empty(&cell->mailbox) || stash_has_next(cell) ||
           await_has_held(cell);
}

/* A message that was set aside and given back, or was held; there are extras. False:
 * there is none, or it is muted. */
static CC_NOINLINE bool take_again(struct cadre_self *self, struct cell *cell)
{
    struct letter *letter = NULL;
    cell->extras->rests = flow_may_rest(cell) && flow_rests(self, cell, has_mail(cell));
    if (cell->extras->rests)
        return false;
    if (stash_has_next(cell))
        letter = &stash_next(cell)->letter;
    else if (await_has_held(cell))
        letter = await_next_held(cell);
    if (letter)
        take_any(self, cell, letter, true);
    return letter;
}

/* What comes before any letter of the mailbox, outside the bias: death, birth, waits that
 * are over, and messages to be taken again. False: none of them. */
static bool take_first(struct cadre_self *self, struct cell *cell)
{
    struct wait *wait;
    struct thread_state before;
    if (DEBUG_BUILD)
        thread_state_save(&before);
    if (cell_phase(cell) == PHASE_DOWN) {
        if (!keep_is_released(cell))
            return false;
        exit_released(self);
    } else if (is_killed(cell) && !cell->note.killed)
        obey_kill(self, cell);
    else if ((wait = await_due(cell)))
        await_run(self, wait);
    else if (cell_phase(cell) == PHASE_RUNNING)
        return unlikely(cell->extras != NULL) && take_again(self, cell);
    else if (cell_phase(cell) == PHASE_BORN)
        process_of(cell) ? isolate_start(self, cell) : start(self, cell);
    else if (exit_is_due(cell))
        exit_finish(self);
    else
        return false;
    if (DEBUG_BUILD)
        settle_check_thread(self, &before);
    return true;
}

bool turn_comes_to_mail(const struct cell *cell)
{
    return cell_phase(cell) == PHASE_RUNNING && !is_killed(cell) && !await_due(cell) &&
           !stash_has_next(cell) && !await_has_held(cell);
}

/* Inside. Nothing is left to do: the cell runs again when somebody schedules it. */
static inline void go_idle(struct cell *cell)
{
    plain_write(&cell->task.scheduled, false);
    if (unlikely(cell_phase(cell) == PHASE_FREE))
        task_give(&cell->task, TASK_NOBODY); /* whoever makes the next life takes it */
}

/* What a turn has come to. AGAIN: it goes on, and looks whether it has mail. */
enum outcome { IS_IDLE, HAS_MORE, RESUMES, GOES_ON, COUNTS, FLOODED, AGAIN };

/* Inside, and again afterwards: nothing unusual is left. HAS_MORE: it goes on so.
 * IS_IDLE: it is muted. */
static enum outcome go_on_usually(struct cadre_self *self, struct cell *cell)
{
    cell->task.odd = 0;
    if (likely(!cell->extras)) /* it is running */
        return GOES_ON;
    if (unlikely(cell->extras->rests)) { /* it may have been let go since */
        cell->task.odd = ODD;
        return IS_IDLE;
    }
    const struct gauge *gauge = cell->extras->gauge;
    /* For urgent ones, before each message; or for whether it is to be muted. */
    bool looks = urgent_has_levels(cell) || cell->extras->slow_to;
    bool is_flooded = gauge && load_relaxed(&gauge->flooded); /* its own */
    cell->task.odd = looks          ? ODD
                     : !gauge       ? 0
                     : is_flooded   ? ODD_FLOODED
                     : gauge->trims ? ODD_TRIMS
                                    : ODD_COUNTS;
    if (is_flooded)
        return FLOODED;
    if (gauge)
        send_trim(self, cell);
    return looks ? HAS_MORE : gauge ? COUNTS : GOES_ON;
}

/* Inside, and inside again afterwards: the part of a turn before anything usual. All of
 * it, when nothing usual comes. */
static CC_NOINLINE enum outcome run_odd(struct cadre_self *self, struct worker *worker,
                                        struct cell *cell)
{
    do {
        enum outcome usual;
        if (plain_read(&cell->task.token))
            (void)use_token(worker, cell); /* the life word is looked at next anyway */
        bias_leave(&worker->bias);
        bool took = take_first(self, cell);
        bias_enter(&worker->bias);
        if (self->resumes)
            return RESUMES;
        if (took)
            continue;
        if (cell_phase(cell) == PHASE_RUNNING && !await_is_closed(cell) &&
            (usual = go_on_usually(self, cell)) != HAS_MORE) {
            if (likely(usual != IS_IDLE))
                return usual;
            if (plain_read(&cell->task.token))
                continue; /* who sends next would not wake it */
            go_idle(cell);
            return IS_IDLE;
        }
        struct inbox_node *node = fifo_take(&cell->mailbox);
        if (node) {
            extras_left(cell, letter_of(node));
            bias_leave(&worker->bias);
            take_any(self, cell, letter_of(node), false);
            bias_enter(&worker->bias);
            if (self->resumes)
                return RESUMES;
        } else if (!plain_read(&cell->task.token)) {
            go_idle(cell);
            return IS_IDLE;
        }
    } while (!worker_slice_is_over(worker));
    return HAS_MORE;
}

/* Inside. The token may have come when the slice was over. */
static inline bool has_more(const struct cell *cell)
{
    return !fifo_is_empty(&cell->mailbox) || plain_read(&cell->task.token);
}

/* After a message: did something unusual happen that the turn must see to? */
static inline bool is_odd_now(const struct cadre_self *self, const struct cell *cell)
{
    return self->resumes || cell->task.odd == ODD;
}

/* The odd part after a message, from outside. */
static CC_NOINLINE enum outcome go_on_odd(struct cadre_self *self,
                                          struct worker *worker, struct cell *cell)
{
    bias_enter(&worker->bias);
    if (self->resumes)
        return RESUMES;
    if (worker_slice_is_over(worker) &&
        (cell_phase(cell) == PHASE_RUNNING || has_more(cell)))
        return HAS_MORE;
    return run_odd(self, worker, cell); /* at least it becomes idle */
}

/* Inside: a turn that begins with something unusual. */
static CC_NOINLINE enum outcome run_unusual(struct cadre_self *self,
                                            struct worker *worker, struct cell *cell)
{
    if (likely(cell->task.odd == ODD))
        return run_odd(self, worker, cell);
    if (cell->task.odd == ODD_FLOODED)
        return FLOODED;
    send_trim(self, cell);
    return COUNTS;
}

/* Inside: it does not wait any more. cell_takes. */
static CC_INLINE bool left(struct cell *cell, struct letter *letter)
{
    struct extras *extras = cell->extras;
    bool takes = cell_takes(cell, letter);
    if (unlikely(!takes) || unlikely(!gauge_left_light(&extras->allowance)))
        gauge_left(extras->gauge, letter);
    return takes;
}

/* Inside, and again afterwards: with nothing left, somebody has told us to look. */
static CC_NOINLINE enum outcome run_told(struct cadre_self *self, struct worker *worker,
                                         struct cell *cell, enum outcome usual)
{
    if (use_token(worker, cell)) {
        enum outcome outcome = run_odd(self, worker, cell);
        return outcome == usual ? AGAIN : outcome;
    }
    if (usual == COUNTS)
        send_trim(self, cell);
    return AGAIN;
}

/* Inside, and inside again afterwards: the usual part of a turn. usual: GOES_ON, or
 * COUNTS: what waits is counted, or FLOODED. */
static CC_INLINE enum outcome run_usual(struct cadre_self *self, struct worker *worker,
                                        struct cell *cell, const enum outcome usual)
{
    while (likely(!fifo_is_empty(&cell->mailbox))) {
        struct letter *letter = letter_of(fifo_take_first(&cell->mailbox));
        bool takes = usual == COUNTS && left(cell, letter);
        bias_leave(&worker->bias);
        if (usual != COUNTS)
            takes = cell_takes(cell, letter);
        if (unlikely(!take(self, cell, letter, takes)) && is_odd_now(self, cell)) {
            enum outcome outcome = go_on_odd(self, worker, cell);
            if (outcome != usual)
                return outcome;
            continue;
        }
        bias_enter(&worker->bias);
        if (worker_slice_is_over(worker) && has_more(cell))
            return HAS_MORE;
    }
    if (unlikely(plain_read(&cell->task.token)))
        return run_told(self, worker, cell, usual);
    if (usual == FLOODED && (flow_drained(self, cell) || has_more(cell)))
        return HAS_MORE;
    plain_write(&cell->task.scheduled, false);
    return IS_IDLE;
}

/* Inside. The turn of one that is flooded. */
static CC_NOINLINE enum outcome run_flooded(struct cadre_self *self,
                                            struct worker *worker, struct cell *cell)
{
    return run_usual(self, worker, cell, FLOODED);
}

/* Inside. What is idle after the unusual part may have a next life elsewhere: nothing of
 * it is looked at then. */
static CC_INLINE enum outcome run(struct cadre_self *self, struct worker *worker,
                                  struct cell *cell)
{
    enum outcome outcome = GOES_ON;
    if (unlikely(cell->task.odd)) {
        outcome = COUNTS;
        if (unlikely((int8_t)cell->task.odd > 0)) /* not ODD_COUNTS: its sign tells */
            outcome = run_unusual(self, worker, cell);
    }
    if (likely(outcome == GOES_ON))
        return run_usual(self, worker, cell, GOES_ON);
    if (outcome == COUNTS)
        return run_usual(self, worker, cell, COUNTS);
    return outcome == FLOODED ? run_flooded(self, worker, cell) : outcome;
}

/* Inside: what is left of a turn. */
static CC_NOINLINE enum outcome run_again(struct cadre_self *self,
                                          struct worker *worker, struct cell *cell)
{
    enum outcome outcome;
    do
        outcome = run(self, worker, cell);
    while (outcome == AGAIN);
    return outcome;
}

/* The same after a message that has made it odd, from outside. */
static CC_NOINLINE enum outcome run_on(struct cadre_self *self, struct worker *worker,
                                       struct cell *cell)
{
    enum outcome outcome = go_on_odd(self, worker, cell);
    return outcome == GOES_ON ? AGAIN : outcome;
}

/* Inside. The turn of one that has one letter, and so nearly always no more than that. */
static CC_INLINE enum outcome run_light(struct cadre_self *self, struct worker *worker,
                                        struct cell *cell)
{
    struct letter *letter = letter_of(fifo_take_only(&cell->mailbox));
    bias_leave(&worker->bias);
    if (unlikely(!take(self, cell, letter, cell_takes(cell, letter))) &&
        is_odd_now(self, cell))
        return run_on(self, worker, cell);
    bias_enter(&worker->bias);
    bool is_over = worker_slice_is_over(worker);
    if (unlikely(!task_is_just(&cell->task, TASK_LIGHT)))
        return is_over && has_more(cell) ? HAS_MORE : AGAIN;
    task_set_just(&cell->task, false);
    return IS_IDLE;
}

/* Inside. Up to so many turns, or up to that of a handler that is to be resumed. Returns
 * how many are left. */
static CC_NOINLINE uint32_t run_some(struct cadre_self *self, struct worker *worker,
                                     uint32_t left)
{
    struct task *task;
    while (left > 0 && (task = worker_next(worker))) {
        struct cell *cell = container_of(task, struct cell, task);
        store_release(&self->cell, cell); /* pairs with who asks who is stuck */
        enum outcome outcome = likely(task_is_just(&cell->task, TASK_LIGHT))
                                   ? run_light(self, worker, cell)
                                   : run(self, worker, cell);
        if (unlikely(outcome == AGAIN))
            outcome = run_again(self, worker, cell);
        if (unlikely(outcome == RESUMES))
            return left - 1;
        if (unlikely(outcome != IS_IDLE)) { /* or is another kind of actor now */
            if (flow_is_flooded(cell))
                (void)flow_drained(self, cell);
            else if (flow_is_due(self))
                flow_survey(self, worker, cell);
            worker_requeue(worker, task);
        }
        left--;
    }
    return left;
}

static CC_INLINE void go_on(struct cadre_self *self)
{
    struct thread_state before;
    if (DEBUG_BUILD)
        thread_state_save(&before);
    await_go_on(self);
    if (DEBUG_BUILD)
        settle_check_thread(self, &before);
}

uint32_t turn_run(struct worker *worker, uint32_t max)
{
    struct cadre_self *self = worker->context;
    const struct cadre_self *before = self_enter(self);
    worker_mark_frame(worker);
    if (unlikely(self->parting))
        await_arrive(self);
    uint32_t left = run_some(self, worker, max);
    while (unlikely(self->resumes)) {
        go_on(self);
        left = run_some(self, worker, left);
    }
    store_relaxed(&self->cell, NULL);
    self_enter(before);
    return max - left;
}
