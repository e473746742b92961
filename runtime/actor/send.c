/* send.c: resolve, push, wake. */
#include "actor/send.h"

#include "actor/call.h"
#include "actor/flow.h"
#include "actor/fresh.h"
#include "actor/uplink.h"
#include "actor/urgent.h"

#include <errno.h>
#include <string.h>

int send_refuse(const cadre_type *type, const void *body, int err)
{
    if (type && body)
        body_drop(type, (void *)(uintptr_t)body); /* the caller's copy: given away */
    return err;
}

int send_check_failed(struct world *world, const char *what, const cadre_type *type,
                      const void *body)
{
    if (!type)
        return world_misuse(world, -EINVAL, "%s: type is NULL", what);
    if (type->size > CADRE_BODY_MAX)
        return send_refuse(type, body, -EMSGSIZE);
    return world_misuse(world, -EINVAL, "%s: body is NULL, but type %s has %u bytes",
                        what, type->name ? type->name : "?", type->size);
}

/* But for its place. */
static CC_INLINE void fill(struct envelope *e, uint32_t to, uint64_t from,
                           const cadre_type *type)
{
    plain_write(&e->letter.to, to);
    e->from = from;
    e->type = type;
}

/* to: what the letter says, with its kind. tail: of which all but the size counts, or
 * NULL. */
static CC_INLINE int prepare(struct cadre_self *self, struct envelope **envelope,
                             uint32_t to, const struct envelope_tail *tail,
                             const cadre_type *type, const void *body)
{
    struct envelope *e = NULL;
    size_t size = envelope_size(type, tail != NULL);
    int err = fresh_get(self, &e, size);
    if (unlikely(err)) {
        (void)send_refuse(type, body, err);
        return err;
    }
    *envelope = e;
    fill(e, to, self_address(self), type);
    if (likely(type->size == sizeof(uint64_t)) && body) /* send_check: there is one */
        memcpy(e->body, body, sizeof(uint64_t));
    else if (type->size > 0 && body)
        memcpy(e->body, body, type->size);
    if (tail)
        *envelope_tail(e) = (struct envelope_tail){tail->token, tail->deadline, size};
    return 0;
}

int send_prepare(struct cadre_self *self, struct envelope **envelope,
                 enum letter_kind kind, const cadre_type *type, const void *body)
{
    static const struct envelope_tail empty = {.deadline = CADRE_NEVER};
    return prepare(self, envelope, kind, kind & LETTER_TAIL ? &empty : NULL, type,
                   body);
}

int send_prepare_failure(struct cadre_self *self, struct envelope **envelope)
{
    struct envelope *e = NULL;
    const size_t size =
        sizeof(struct envelope) + sizeof(cadre_failure) + sizeof(struct envelope_tail);
    int err = fresh_get(self, &e, size);
    if (unlikely(err))
        return err;
    *envelope = e;
    fill(e, LETTER_OUTCOME, 0, &cadre_failure_type);
    struct envelope_tail *tail = (void *)(e->body + sizeof(cadre_failure));
    *tail = (struct envelope_tail){0, CADRE_NEVER, size};
    return 0;
}

/* Not ours, or asleep on another worker, or from outside. */
static CC_NOINLINE void post(struct world *world, struct worker *here,
                             struct cell *cell, struct letter *letter)
{
    if (here)
        appetite_note_post(&here->appetite, &cell->task);
    if (inbox_push(&cell->task.inbox, &letter->node))
        crew_wake(&world->sched.crew, here, &cell->task);
}

/* To one of our own. */
static CC_INLINE void append(struct worker *here, struct cell *cell,
                             struct letter *letter)
{
    urgent_catch_up(cell, here);
    fifo_append(urgent_queue(cell, letter), &letter->node);
    worker_schedule(here, &cell->task);
}

static CC_INLINE void put(struct world *world, struct worker *here, struct cell *cell,
                          struct letter *letter)
{
    if (unlikely(!here)) {
        post(world, NULL, cell, letter);
        return;
    }
    bias_enter(&here->bias);
    if (likely(task_is_owned_by(&cell->task, here->id)))
        append(here, cell, letter);
    else
        post(world, here, cell, letter);
    bias_leave(&here->bias);
}

void send_letter(struct world *world, struct cadre_self *self, struct cell *cell,
                 struct letter *letter)
{
    put(world, self ? self->worker : NULL, cell, letter);
}

void send_deliver(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    struct world *world = self->world;
    struct cell *cell = table_resolve(&world->table, to);
    plain_write(&e->letter.to, address_letter(to) | letter_kind(&e->letter));
    counter_add(&self->accepted, 1);
    if (unlikely(!cell))
        send_dead(self, e, to, NULL, DEAD_NOBODY);
    else
        put(world, self->worker, cell, &e->letter);
}

void send_answer(struct cadre_self *self, struct envelope *e, uint64_t to,
                 uint64_t token)
{
    letter_set_kind(&e->letter, LETTER_ANSWER);
    envelope_tail(e)->token = token;
    if (to)
        send_deliver(self, e, to);
    else
        call_answer(self, e);
}

void send_failure(struct cadre_self *self, struct envelope *e, uint64_t origin,
                  int code, int cause)
{
    struct envelope_tail tail = *envelope_tail(e);
    uint64_t asker = e->from;
    e->from = origin;
    e->type = &cadre_failure_type;
    cadre_failure failure = {.code = code, .cause = cause, .origin = {origin}};
    memcpy(e->body, &failure, sizeof failure);
    *envelope_tail(e) = tail;
    send_answer(self, e, asker, tail.token);
}

const cadre_type send_note_type = {.name = "note"};

void send_note(struct cadre_self *self, struct envelope *note, uint64_t to)
{
    struct cell *cell = table_resolve(&self->world->table, to);
    plain_write(&note->letter.to, address_letter(to) | letter_kind(&note->letter));
    if (cell)
        put(self->world, self->worker, cell, &note->letter);
    else
        self->world->uplink ? uplink_send(self, note, to) : self_free(self, note);
}

void send_recall_moved(struct cadre_self *self, struct envelope *note, uint64_t asker)
{
    uint64_t to = note->from;
    note->from = asker;
    letter_set_kind(&note->letter, LETTER_CANCEL);
    send_note(self, note, to);
}

void send_drop(struct cadre_self *self, struct envelope *e)
{
    unsigned kind = letter_kind(&e->letter);
    if (kind == LETTER_RESTART)
        letter_set_kind(&e->letter, 0); /* it has no tail */
    else if (kind != LETTER_CANCEL)
        counter_add(&self->dropped, 1);
    body_drop(e->type, e->body);
    self_free(self, e);
}

void send_dead(struct cadre_self *self, struct envelope *e, uint64_t to,
               const cadre_class *class, enum dead_reason reason)
{
    unsigned kind = letter_kind(&e->letter);
    if (self->world->uplink && reason == DEAD_NOBODY) {
        uplink_send(self, e, to);
        return;
    }
    if (kind == LETTER_ANSWER || kind == LETTER_CANCEL || kind == LETTER_RESTART) {
        send_drop(self, e); /* whoever was to have it has ended, or has given up */
        return;
    }
    if (kind == LETTER_MOVED) {
        send_recall_moved(self, e, to);
        return;
    }
    deadletter_record(self, &(struct dead_letter){to, e->from, e->type, class}, reason);
    body_drop(e->type, e->body);
    if (kind == LETTER_TOKEN)
        send_failure(self, e, to, CADRE_EDEAD, 0);
    else
        self_free(self, e);
}

/* ---- limits ------------------------------------------------------------------------ */

enum { REDIRECTS = 7 };

/* By a policy of its receiver's. Whoever waits for an answer is told. */
static void drop_for_limit(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    counter_add(&self->dropped, 1);
    body_drop(e->type, e->body);
    if (letter_kind(&e->letter) == LETTER_TOKEN)
        send_failure(self, e, to, CADRE_EFULL, 0);
    else
        self_free(self, e);
}

static void drop_all(struct cadre_self *self, struct fifo *dropped, uint64_t to)
{
    struct inbox_node *node;
    while ((node = fifo_take(dropped)))
        drop_for_limit(self, envelope_of(letter_of(node)), to);
}

void send_trim(struct cadre_self *self, struct cell *cell)
{
    struct worker *here = self->worker;
    struct fifo dropped = {NULL};
    if (cell->extras->gauge->trims)
        gauge_trim(cell->extras->gauge, &self->world->heap, &cell->mailbox, &dropped);
    if (fifo_is_empty(&dropped))
        return;
    bias_leave(&here->bias);
    drop_all(self, &dropped, cell_address(cell));
    bias_enter(&here->bias);
}

/* Inside, if there is a worker; its inbox is gated. What gives way goes to dropped. */
static enum gauge_verdict admit(struct cadre_self *self, struct cell *cell,
                                const struct letter *letter, struct fifo *dropped,
                                uint64_t *redirect)
{
    struct worker *here = self->worker;
    if (!here || !task_is_owned_by(&cell->task, here->id))
        return gauge_take(gauges_find(&self->world->gauges, cell_slot(cell)), letter,
                          redirect);
    struct gauge *gauge = extras_gauge(cell);
    urgent_catch_up(cell, here); /* that is older, and may give way */
    return gauge ? gauge_take_own(gauge, letter, &cell->mailbox, dropped, redirect)
                 : GAUGE_ROOM;
}

/* To this cell, or to nobody, or elsewhere: then redirect is where. */
static enum gauge_verdict offer(struct cadre_self *self, struct cell *cell,
                                struct envelope *e, uint64_t *redirect)
{
    struct worker *here = self->worker;
    struct fifo dropped = {NULL};
    uint64_t to = cell_letter_address(cell, &e->letter);
    if (here)
        bias_enter(&here->bias);
    bool open = !inbox_is_gated(&cell->task.inbox) || (here && flow_is_noted(self, to));
    bool holds = !open && here && letter_is_message(&e->letter); /* answers do not */
    enum gauge_verdict verdict =
        open ? GAUGE_ROOM : admit(self, cell, &e->letter, &dropped, redirect);
    if (verdict == GAUGE_ROOM || verdict == GAUGE_STRANGER) {
        counter_add(&self->accepted, 1);
        if (here && task_is_owned_by(&cell->task, here->id))
            append(here, cell, &e->letter);
        else
            post(self->world, here, cell, &e->letter);
    }
    if (here)
        bias_leave(&here->bias);
    drop_all(self, &dropped, to);
    if (holds)
        flow_note(self, to);
    return verdict;
}

int send_offer(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    const uint32_t before = plain_read(&e->letter.to);
    for (int i = 0; i <= REDIRECTS; i++) {
        struct cell *cell = table_resolve(&self->world->table, to);
        plain_write(&e->letter.to, address_letter(to) | (before & LETTER_KIND));
        if (!cell && !uplink_carries(self->world->uplink, e))
            return -ENOTSUP;
        if (!cell) {
            counter_add(&self->accepted, 1);
            send_dead(self, e, to, NULL, DEAD_NOBODY);
            return 0;
        }
        switch (offer(self, cell, e, &to)) {
        case GAUGE_ROOM:
        case GAUGE_STRANGER:
            return 0;
        case GAUGE_FULL:
            plain_write(&e->letter.to, before);
            return CADRE_EFULL;
        case GAUGE_NEWEST:
            i = REDIRECTS;
            break;
        case GAUGE_REDIRECT:
            envelope_set_moved(e);
            break;
        }
    }
    counter_add(&self->accepted, 1);
    drop_for_limit(self, e, to);
    return 0;
}

int send_message(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    int err = send_offer(self, e, to);
    if (err) {
        body_drop(e->type, e->body);
        self_free(self, e);
    }
    return err;
}

/* ---- the ways of actors ------------------------------------------------------------ */

/* A send in whatever case. */
static CC_NOINLINE int send_any(struct cadre_self *self, uint64_t to,
                                const cadre_type *type, const void *body,
                                const char *what)
{
    struct envelope *e = NULL;
    int err = self_check(self, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, what, type, body);
    if (!err)
        err = send_prepare(self, &e, 0, type, body);
    return err ? err : send_message(self, e, to);
}

/* A message that is ready, to wherever: an answer, too. */
static CC_NOINLINE int end_elsewhere(struct cadre_self *self, struct envelope *e,
                                     uint64_t to)
{
    if (!table_sees(&self->view, table_place(&self->view, to)))
        table_look(&self->world->table, &self->view);
    return send_message(self, e, to);
}

/* The same from inside. */
static CC_NOINLINE int end_outside(struct cadre_self *self, struct envelope *e,
                                   uint64_t to)
{
    bias_leave(&self->worker->bias);
    return send_message(self, e, to);
}

/* Something stood where the receiver stands now. */
static CC_NOINLINE int end_behind(struct worker *here, struct task *behind)
{
    worker_push_behind(here, behind);
    bias_leave(&here->bias);
    return 0;
}

/* behind: what stood there, or NULL. */
static CC_INLINE int end_here(struct worker *here, struct task *behind)
{
    if (unlikely(behind))
        return end_behind(here, behind);
    bias_leave(&here->bias);
    return 0;
}

/* Inside, and ours, but not plain: is it counted, and fits; or known to be flooded? */
static CC_INLINE bool launch_fits(const struct cadre_self *self,
                                  const struct cell *cell, uint32_t letter_to,
                                  uint64_t to)
{
    return !inbox_has_nodes(&cell->task.inbox) &&
           (gauge_take_light(&cell->extras->allowance, letter_to) ||
            flow_is_noted(self, to));
}

/* One of those that do not stand side by side; or NULL: not seen. */
static CC_INLINE struct cell *seen_far(const struct table_view *view, uint64_t place)
{
    return table_sees(view, place) ? table_seen(view, place) : NULL;
}

/* A message that is ready, in the common case: to an actor of the same worker who has got
 * nothing from others, and has no limit, or is far from it. One piece that calls nothing,
 * but at its ends, where something is in the way. */
static CC_INLINE int launch(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    struct worker *here = self->worker;
    const uint64_t place = table_place(&self->view, to);
    const uint32_t letter_to = plain_read(&e->letter.to); /* kept in a register */
    struct cell *cell = table_seen_near(&self->view, place);
    if (unlikely(!table_sees_near(&self->view, place)) &&
        !(cell = seen_far(&self->view, place)))
        return end_elsewhere(self, e, to);
    if (unlikely(!bias_try_enter(&here->bias)))
        return end_elsewhere(self, e, to);
    if (unlikely(!task_is_owned_by(&cell->task, here->id)))
        return end_outside(self, e, to);
    if (likely(cell_is_idle(cell))) { /* run_light is for this */
        counter_add(&self->accepted, 1);
        fifo_append_first(&cell->mailbox, &e->letter.node);
        task_set_just(&cell->task, TASK_LIGHT);
        return end_here(here, worker_run_next(here, &cell->task));
    }
    if (unlikely(!inbox_is_plain(&cell->task.inbox)) &&
        !launch_fits(self, cell, letter_to, to))
        return end_outside(self, e, to);
    counter_add(&self->accepted, 1);
    fifo_append(&cell->mailbox, &e->letter.node);
    return end_here(here, worker_schedule_first(here, &cell->task));
}

/* A send in the common case: a small message without a token. */
static CC_INLINE int send_small(struct cadre_self *self, uint64_t to,
                                const cadre_type *type, uint32_t size, const void *body,
                                const char *what)
{
    uint32_t place = pool_place_of_small(sizeof(struct envelope) + size);
    struct envelope *e = fresh_take(self, place);
    if (unlikely(!e))
        return send_any(self, to, type, body, what);
    fill(e, address_letter(to), cell_address(self_cell(self)), type);
    memcpy(e->body, body, size);
    return launch(self, e, to);
}

int send_request(struct cadre_self *self, uint64_t to, uint64_t token, int64_t deadline,
                 const cadre_type *type, const void *body)
{
    struct envelope *e;
    struct envelope_tail tail = {token, deadline, 0};
    int err = prepare(self, &e, address_letter(to) | (uint32_t)LETTER_TOKEN, &tail,
                      type, body);
    return unlikely(err) ? err : launch(self, e, to);
}

static CC_NOINLINE int send_sized(struct cadre_self *self, uint64_t to,
                                  const cadre_type *type, const void *body,
                                  const char *what)
{
    if (type->size > FRESH_SMALL || !body)
        return send_any(self, to, type, body, what);
    return send_small(self, to, type, type->size, body, what);
}

static CC_INLINE int send(struct cadre_self *self, uint64_t to, const cadre_type *type,
                          const void *body, const char *what)
{
    /* In this order each is a compare and a jump: side by side, compilers compute one
     * truth out of two, and jump once. */
    if (unlikely(!type) || unlikely(self != self_here))
        return send_any(self, to, type, body, what);
    if (unlikely(type->size != sizeof(uint64_t)))
        return send_sized(self, to, type, body, what);
    if (unlikely(!body))
        return send_any(self, to, type, body, what);
    return send_small(self, to, type, sizeof(uint64_t), body, what);
}

int cadre_send_as(cadre_self *self, cadre_ref to, const cadre_type *type,
                  const void *body)
{
    return send(self, to.id, type, body, "cadre_send");
}

static CC_COLD int reply_to_nobody(struct cadre_self *self, const cadre_type *type,
                                   const void *body)
{
    int err = self_check(self, "cadre_reply");
    (void)send_refuse(type, body, 0);
    return err ? err : world_misuse(self->world, -EINVAL, "cadre_reply: m is NULL");
}

/* What m is of: the message in hand, or what was awaited last; else NULL. */
static struct envelope *in_hand(struct cadre_self *self, const cadre_msg *m,
                                uint8_t **owes)
{
    bool was_awaited = self->second && m->body == self->second->body;
    struct envelope *e = was_awaited ? self->second : self->message;
    *owes = was_awaited ? &self->second_owes : &self->owes;
    return e && m->body == e->body ? e : NULL;
}

/* m has a token: it is a request, or the outcome of one. */
static CC_NOINLINE int reply_to_request(struct cadre_self *self, const cadre_msg *m,
                                        const cadre_type *type, const void *body)
{
    int err = self_check(self, "cadre_reply");
    if (err)
        return send_refuse(type, body, err);
    uint8_t *owes;
    struct envelope *request = in_hand(self, m, &owes), *e;
    if (request && *owes == OWES_NOTHING)
        return send_any(self, m->from.id, type, body, "cadre_reply");
    err = send_check(self->world, "cadre_reply", type, body);
    if (err)
        return err;
    if (!request ||
        *owes != OWES_ANSWER || /* once passed on it is not ours to look at */
        (request == self->message && self->fate > FATE_UNHANDLED)) {
        (void)send_refuse(type, body, 0);
        return world_misuse(self->world, -EINVAL,
                            "cadre_reply: m was answered, deferred, or passed on");
    }
    uint64_t to = request->from;
    struct envelope_tail tail = {envelope_tail(request)->token, CADRE_NEVER, 0};
    err = prepare(self, &e, address_letter(to) | (uint32_t)LETTER_ANSWER, &tail, type,
                  body);
    if (unlikely(err))
        return err;
    *owes = OWES_NO_MORE;
    if (likely(to))
        return launch(self, e, to);
    call_answer(self, e);
    return 0;
}

int cadre_reply_as(cadre_self *self, const cadre_msg *m, const cadre_type *type,
                   const void *body)
{
    if (unlikely(!m))
        return reply_to_nobody(self, type, body);
    if (unlikely(m->token.id))
        return reply_to_request(self, m, type, body);
    return send(self, m->from.id, type, body, "cadre_reply");
}

int cadre_forward(cadre_self *self, cadre_ref to, cadre_msg *m)
{
    int err = self_check(self, "cadre_forward");
    if (!err)
        err = self_take_message(self, m, FATE_FORWARDED, "cadre_forward");
    if (err)
        return err;
    struct envelope *e = self->message;
    if (letter_kind(&e->letter) == LETTER_OUTCOME)
        letter_set_kind(&e->letter, LETTER_PASSED);
    else if (letter_kind(&e->letter) == LETTER_NEWS) /* now a message as any other */
        letter_set_kind(&e->letter, 0);
    err = send_offer(self, e, to.id);
    if (err) { /* it was handled here; whoever asked is told */
        body_drop(e->type, e->body);
        if (letter_kind(&e->letter) == LETTER_TOKEN)
            send_failure(self, e, to.id, err, 0);
        else
            self_free(self, e);
    }
    return err;
}

void send_halt(struct world *world, struct cadre_self *self, uint64_t who,
               unsigned halts, int reason)
{
    struct cell *cell = table_resolve(&world->table, who);
    struct worker *here = self ? self->worker : NULL;
    if (!cell) {
        uplink_halt(world, who, halts, reason);
        return;
    }
    unsigned news = cell_halt(cell, address_generation(who), halts, reason);
    if (!news)
        return;
    if (news & HALT_STOP) {
        put(world, here, cell, &cell->note);
    } else if (inbox_poke(&cell->task.inbox)) {
        if (here)
            bias_enter(&here->bias);
        crew_wake(&world->sched.crew, here, &cell->task);
        if (here)
            bias_leave(&here->bias);
    }
}
