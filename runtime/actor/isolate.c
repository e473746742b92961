/* isolate.c: what comes out of the process of an isolated actor. */
#include "actor/isolate.h"

#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/keep.h"
#include "actor/send.h"
#include "actor/settle.h"
#include "base/errors.h"
#include "base/image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { FRAMES = 256 }; /* in one go; then others have their turn */
enum { NAME_MAX_BYTES = 256 };

static void nonsense(struct process *p)
{
    process_over(p, CADRE_ECRASHED, "its process has written nonsense");
}

static void have_no_memory(struct process *p)
{
    process_over(p, -ENOMEM, "there is no memory for what it sends");
}

/* ---- frames ---------------------------------------------------------------------- */

static bool is_name(const struct image *image, const char *name)
{
    size_t there = image_at(image, name);
    return !name || memchr(name, '\0', there < NAME_MAX_BYTES ? there : NAME_MAX_BYTES);
}

static bool is_type(const struct image *image, const struct wire_head *h)
{
    const cadre_type *type = h->type;
    return (uintptr_t)type % alignof(cadre_type) == 0 &&
           image_at(image, type) >= sizeof *type && type->size == h->size &&
           !type->drop && is_name(image, type->name);
}

int isolate_envelope(struct cadre_self *self, struct envelope **e,
                     const struct wire_head *head, const void *body)
{
    enum letter_kind kind = (enum letter_kind)head->kind;
    int err = send_prepare(self, e, kind, head->type, body);
    if (err)
        return err;
    (*e)->from = head->from;
    if (kind & LETTER_TAIL) {
        envelope_tail(*e)->token = head->token;
        envelope_tail(*e)->deadline = head->deadline;
    }
    return 0;
}

/* It is sent: whoever has no room for it says so to nobody but one that asks. */
static void pass_on(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    int err = send_offer(self, e, to);
    if (!err)
        return;
    if (letter_kind(&e->letter) == LETTER_TOKEN) {
        send_failure(self, e, to, err, 0);
    } else {
        counter_add(&self->accepted, 1);
        send_drop(self, e);
    }
}

/* Its own, or one that it was passed, and passes on: then it is not owed any more. */
static void came_request(struct cadre_self *self, struct process *p,
                         const struct wire_head *h, struct envelope *e)
{
    bool is_own = h->from == cell_address(p->cell);
    if (!is_own)
        envelope_set_moved(e);
    if (is_own || process_settle(self, p, h->from, h->token))
        pass_on(self, e, h->who);
    else
        self_free(self, e);
}

/* An actor knows itself whether it waits for that, a thread does not. */
static void came_answer(struct cadre_self *self, struct process *p,
                        const struct wire_head *h, struct envelope *e)
{
    if (process_settle(self, p, h->who, h->token) || h->who)
        send_answer(self, e, h->who, h->token);
    else
        self_free(self, e);
}

/* First it is made: so without memory what is owed still is, and fails. */
static void came_envelope(struct cadre_self *self, struct process *p,
                          struct wire_head *h, const void *body)
{
    struct envelope *e;
    if (h->kind == LETTER_CANCEL) {
        h->type = &send_note_type;
        h->from = cell_address(p->cell);
    } else if (!is_type(self->world->image, h)) {
        nonsense(p);
        return;
    }
    if (isolate_envelope(self, &e, h, body))
        have_no_memory(p);
    else if (h->kind == LETTER_CANCEL)
        send_note(self, e, h->who);
    else if (h->kind == LETTER_TOKEN)
        came_request(self, p, h, e);
    else if (h->kind == LETTER_ANSWER)
        came_answer(self, p, h, e);
    else
        pass_on(self, e, h->who);
}

static void came_halt(struct cadre_self *self, const struct wire_head *h)
{
    unsigned halts = (unsigned)h->token & (HALT_STOP | HALT_KILL);
    if (halts)
        send_halt(self->world, self, h->who, halts, h->code < 0 ? h->code : 0);
}

static void came_rest(struct cadre_self *self, struct process *p,
                      const struct wire_head *h)
{
    if (!process_handled(self, p, h->token)) {
        nonsense(p);
        return;
    }
    bool starts = !p->has_started && h->code & RESTS_STARTED;
    if (starts && cell_phase(p->cell) == PHASE_RUNNING)
        keep_started(self, p->cell);
    p->has_started |= starts;
    bool has_all = p->handled == p->sent && fifo_is_empty(&p->waiting) && !p->stops;
    if (has_all && !(h->code & RESTS_WAITS))
        process_set_active(self, p, false);
}

static void came(struct cadre_self *self, struct process *p, struct wire_head *h,
                 const void *body)
{
    const char *text = h->size > 0 && memchr(body, '\0', h->size) ? body : "";
    switch (h->kind) {
    case 0:
    case LETTER_TOKEN:
    case LETTER_PASSED:
    case LETTER_ANSWER:
    case LETTER_CANCEL:
        came_envelope(self, p, h, body);
        break;
    case WIRE_HALT:
        came_halt(self, h);
        break;
    case WIRE_LOG:
        log_line(&self->world->log, h->code == LOG_ERROR ? LOG_ERROR : LOG_WARN, "%s",
                 text);
        break;
    case WIRE_RESTS:
        came_rest(self, p, h);
        break;
    case WIRE_MORE: /* it is written when all is read */
        break;
    case WIRE_ENDED:
        process_over(p, h->code < 0 ? h->code : 0, text);
        break;
    default:
        nonsense(p);
    }
}

/* ---- reading --------------------------------------------------------------------- */

/* A frame, or more bytes of one. Returns 1; 0: there is nothing now; -EPIPE: there never
 * will be. */
static int read_some(struct cadre_self *self, struct process *p)
{
    struct wire_head h;
    const void *body;
    if (p->is_over)
        return wire_skip(p->run.fd);
    int got = wire_next(&p->in, &h, &body);
    if (got == 0)
        got = wire_read(&p->in, p->run.fd);
    else if (got == 1)
        came(self, p, &h, body);
    else
        nonsense(p);
    if (got == -ENOMEM || got == CADRE_EFULL)
        have_no_memory(p);
    return got == 0 || got == -EPIPE ? got : 1;
}

/* All that there is; or much of it, and the letter is on its way again. False: there will
 * never be more. */
static bool read_all(struct cadre_self *self, struct process *p)
{
    int got = 1;
    for (int n = 0; n < FRAMES && got == 1; n++)
        got = read_some(self, p);
    if (got == 1)
        send_letter(self->world, self, p->cell, &p->letter);
    else if (got == 0)
        isolation_await(&p->run);
    return got != -EPIPE;
}

/* ---- its end --------------------------------------------------------------------- */

/* Was it killed by its own timer? */
static bool is_overdue(const struct process *p, int status)
{
    int64_t due = load_relaxed(&isolated_page(&p->run)->due);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && due != 0 &&
           due <= clock_now(&p->world->sched.crew.clock);
}

/* Why has it ended? */
static void judge(struct process *p)
{
    char words[CADRE_DOWN_TEXT];
    int status = load_acquire(&isolated_page(&p->run)->status); /* pairs with bury */
    int code = CADRE_ECRASHED;
    if (status == ZYGOTE_NO_STATUS) {
        /* It may live, when it has shut down its socket itself. */
        snprintf(words, sizeof words, "%s",
                 isolation_kill(&p->run) ? "its socket was shut down"
                                         : "there are no processes any more");
    } else if (status < 0) {
        code = status;
        snprintf(words, sizeof words, "no process could be made");
    } else if (is_overdue(p, status)) {
        code = -ETIMEDOUT;
        snprintf(words, sizeof words, "it has not got on for %lld ms",
                 (long long)(p->limits.timeout / CADRE_MS));
    } else if (WIFSIGNALED(status)) {
        snprintf(words, sizeof words, "its process was killed by signal %d (%s)",
                 WTERMSIG(status), errors_signal(WTERMSIG(status)));
    } else {
        snprintf(words, sizeof words, "its process has ended with exit status %d",
                 WEXITSTATUS(status));
    }
    process_over(p, code, words);
}

/* What it has in hand; NULL: nothing. */
static struct envelope *in_hand(const struct process *p)
{
    uint64_t begun = load_relaxed(&isolated_page(&p->run)->begun);
    return begun > p->handled && !fifo_is_empty(&p->flying)
               ? envelope_of(letter_of(p->flying.newest->next))
               : NULL;
}

/* As of an actor of this process: whoever has asked is told why. */
static void die_in_hand(struct cadre_self *self, const struct cell *cell,
                        struct envelope *e, int reason)
{
    const struct dead_letter letter = {cell_address(cell), e->from, e->type,
                                       cell_class(cell)};
    deadletter_record(self, &letter, DEAD_FAILED);
    send_failure(self, e, letter.to, CADRE_EDEAD, reason);
}

/* The message in hand is handled again, if it has failed on that, or is dead. */
static void settle_hand(struct cadre_self *self, struct process *p, struct envelope *e,
                        bool fails, int reason)
{
    struct cell *cell = p->cell;
    (void)fifo_take(&p->flying);
    extras_left(cell, &e->letter);
    if (fails && keep_retries(cell, e, p->answered == e))
        return;
    if (letter_kind(&e->letter) == LETTER_TOKEN)
        die_in_hand(self, cell, e, reason);
    else
        send_dead(self, e, cell_address(cell), cell_class(cell), DEAD_FAILED);
}

/* What it has not begun has only waited. */
static void take_back(struct cadre_self *self, struct process *p)
{
    struct inbox_node *node;
    struct fifo all = p->flying;
    p->flying.newest = NULL;
    fifo_append_fifo(&all, &p->waiting);
    p->waiting.newest = NULL;
    while ((node = fifo_take(&all))) {
        struct envelope *e = envelope_of(letter_of(node));
        unsigned kind = letter_kind(&e->letter);
        if (kind == LETTER_ANSWER || kind == LETTER_CANCEL)
            send_drop(self, e);
        else
            fifo_append(&p->cell->extras->aside, node);
    }
}

static void fail_owed(struct cadre_self *self, struct process *p, int reason)
{
    struct envelope *e;
    while ((e = process_take_owed(self, p)))
        send_failure(self, e, cell_address(p->cell), CADRE_EDEAD, reason);
}

/* After a stop, which it has not survived. */
static void die_stopping(struct cadre_self *self, struct cell *cell,
                         const struct process *p)
{
    char who[ADDRESS_TEXT];
    cell->reason = p->code;
    log_line(&self->world->log, LOG_WARN,
             "actor %s (%s) has failed while it was to stop: %s",
             address_text(who, cell_address(cell)), class_name(cell_class(cell)),
             p->words);
}

/* The actor ends: as after a callback, which failed on this. Afterwards p may be free. */
static void end_actor(struct cadre_self *self, struct process *p,
                      const cadre_type *type, uint64_t from)
{
    if (*p->words) {
        self->words = (struct words){.of = self_address(self), .code = p->code};
        memcpy(self->words.text, p->words, sizeof p->words);
    }
    settle_result(self, type, from, p->code ? p->code : CADRE_STOP);
}

/* The process is no more. Afterwards p may be free. */
static void end_process(struct cadre_self *self, struct cell *cell, struct process *p)
{
    static const cadre_type none = {.name = "no message"};
    bool runs = cell_phase(cell) == PHASE_RUNNING;
    p->lives = false;
    isolation_end(&p->run);
    judge(p);
    process_set_active(self, p, false);
    bool stopped = p->is_stopped && !cell->note.killed && p->code != cell->reason;
    bool fails = p->code != 0 && (runs || stopped);
    if (fails && !runs)
        die_stopping(self, cell, p);
    struct envelope *e = in_hand(p);
    const cadre_type *type = e ? e->type : p->has_started ? &none : NULL;
    uint64_t from = e ? e->from : 0;
    int reason = runs ? p->code : cell->reason;
    if (e)
        settle_hand(self, p, e, fails, reason);
    take_back(self, p);
    fail_owed(self, p, reason);
    if (runs)
        end_actor(self, p, type, from);
    else if (exit_is_due(cell))
        exit_finish(self);
}

void isolate_came(struct cadre_self *self, struct cell *cell, struct letter *letter)
{
    struct process *p = container_of(letter, struct process, letter);
    self->message = NULL;
    p->is_quick =
        clock_now(&self->world->sched.crew.clock) - p->wrote_at < ISOLATION_SOON_NS;
    if (read_all(self, p))
        process_write(self, p);
    else
        end_process(self, cell, p);
}

void isolate_start(struct cadre_self *self, struct cell *cell)
{
    cell->note.phase = PHASE_RUNNING;
    self->message = NULL;
    int err = process_start(self, cell);
    if (err)
        settle_result(self, NULL, 0, err);
}
