/* keep.c: children that go down when they end, and can be restarted. */
#include "actor/keep.h"

#include "actor/account.h"
#include "actor/await.h"
#include "actor/family.h"
#include "actor/print.h"
#include "actor/process.h"
#include "actor/send.h"
#include "actor/urgent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

CADRE_API CADRE_TYPE(cadre_child_up);
CADRE_API CADRE_TYPE(cadre_child_down);

/* ---- before it lives --------------------------------------------------------------- */

int keep_check(struct world *world, const cadre_opts *opts)
{
    if (!opts)
        return 0;
    if (opts->reserved[0])
        return world_misuse(world, -EINVAL, "cadre_spawn_with: reserved is not zero");
    if (opts->isolated && opts->budget)
        return world_misuse(
            world, -EINVAL,
            "cadre_spawn_with: what an isolated one uses has no budget");
    if (opts->mail > CADRE_MAIL_RETRY || (opts->mail && !opts->keep))
        return world_misuse(world, -EINVAL,
                            "cadre_spawn_with: mail is %u, or not of one with keep",
                            opts->mail);
    return account_check(world, opts->budget);
}

static int new_keep(struct cadre_self *self, struct keep **keep,
                    const cadre_class *class, const void *init, const cadre_opts *opts)
{
    void *p;
    bool has_init = opts->keep && init && class->state_size > 0;
    size_t bytes = sizeof **keep + (has_init ? class->state_size : 0);
    int err = pool_get(&self->pool, &p, bytes);
    if (err)
        return err;
    *keep = p;
    **keep = (struct keep){.keep = opts->keep,
                           .announce = opts->announce,
                           .has_init = has_init,
                           .mail = opts->mail,
                           .starts = 1,
                           .bytes = bytes};
    if (has_init)
        memcpy((*keep)->init, init, class->state_size);
    return 0;
}

static int make_up_notice(struct cadre_self *self, struct keep *keep)
{
    if (!keep->announce || keep->up_notice)
        return 0;
    return send_prepare(self, &keep->up_notice, LETTER_NEWS, &cadre_child_up_type,
                        NULL);
}

static int make_notices(struct cadre_self *self, struct keep *keep)
{
    int err = make_up_notice(self, keep);
    if (!err && keep->keep)
        err = send_prepare(self, &keep->down_notice, LETTER_NEWS,
                           &cadre_child_down_type, NULL);
    return err;
}

static void free_keep(struct cadre_self *self, struct keep *keep)
{
    if (keep->up_notice)
        self_free(self, keep->up_notice);
    if (keep->down_notice)
        self_free(self, keep->down_notice);
    pool_put(&self->pool, keep, keep->bytes);
}

int keep_new(struct cadre_self *self, struct extras **extras, const cadre_class *class,
             const void *init, const cadre_opts *opts)
{
    int err = extras_new(self, extras);
    if (err)
        return err;
    if (opts->budget)
        err = account_new(self, &(*extras)->account, opts->budget);
    if (!err && (opts->keep || opts->announce))
        err = new_keep(self, &(*extras)->keep, class, init, opts);
    if (!err && (*extras)->keep)
        err = make_notices(self, (*extras)->keep);
    if (err)
        keep_discard(self, *extras);
    return err;
}

void keep_discard(struct cadre_self *self, struct extras *extras)
{
    if (extras->keep)
        free_keep(self, extras->keep);
    account_discard(self, extras->account);
    extras_free(self, extras);
}

void keep_attach(struct cadre_self *self, struct cell *child, struct extras *extras)
{
    uint32_t parent = load_relaxed(&child->family.parent);
    child->extras = extras;
    if (extras->keep && extras->keep->keep)
        store_relaxed(&child->family.parent, parent | FAMILY_KEPT);
    if (extras->account)
        account_open(self, child, extras->account);
}

/* ---- what the parent is told ------------------------------------------------------- */

static void tell_parent(struct cadre_self *self, const struct cell *cell,
                        struct envelope *e)
{
    const struct cell *parent = family_find(&self->world->table, cell_parent(cell));
    e->from = cell_address(cell);
    send_deliver(self, e,
                 cell_address(parent)); /* it does not end before its children */
}

void keep_started(struct cadre_self *self, struct cell *cell)
{
    struct keep *keep = cell->extras->keep;
    struct envelope *e = keep ? keep->up_notice : NULL;
    if (!e)
        return;
    keep->up_notice = NULL;
    memcpy(e->body, &(cadre_child_up){{cell_address(cell)}}, sizeof(cadre_child_up));
    tell_parent(self, cell, e);
}

void keep_failed(const struct cell *cell, const char *words)
{
    struct keep *keep = cell->extras->keep;
    bool is_why = cell_phase(cell) == PHASE_RUNNING; /* else it is ending already */
    if (keep && words && is_why)
        snprintf(keep->words, sizeof keep->words, "%s", words);
}

bool keep_goes_down(struct cadre_self *self, struct cell *cell)
{
    struct keep *keep = cell->extras->keep;
    cadre_child_down down = {.child = {cell_address(cell)}, .reason = cell->reason};
    if (!cell_is_kept(cell) || !cell_go_down(cell))
        return false;
    struct envelope *e = keep->down_notice;
    down.starts = keep->starts;
    keep->reason = cell->reason;
    memcpy(down.text, keep->words, sizeof down.text);
    keep->words[0] = '\0';
    memcpy(e->body, &down, sizeof down);
    keep->down_notice = NULL;
    /* Pairs with cadre_restart: from here on the parent writes what is in there. */
    store_release(&keep->down, true);
    tell_parent(self, cell, e);
    return true;
}

/* ---- its mail ---------------------------------------------------------------------- */

/* A notice is no concern of another life, which has none of those children. */
static bool is_notice(const struct envelope *e)
{
    return e->type == &cadre_child_up_type || e->type == &cadre_child_down_type;
}

bool keep_retries(const struct cell *cell, struct envelope *e, bool was_answered)
{
    struct keep *keep = cell->extras->keep;
    if (!keep || keep->mail != CADRE_MAIL_RETRY || was_answered || is_notice(e) ||
        !letter_is_message(&e->letter) || cell_ends_for_good(cell))
        return false;
    keep->again = e;
    return true;
}

/* Outcomes that were set aside are of the former life. */
static void save_stash(struct cadre_self *self, struct cell *cell, struct fifo *to,
                       struct fifo *from)
{
    struct inbox_node *node;
    while ((node = fifo_take(from))) {
        struct envelope *e = envelope_of(letter_of(node));
        if (letter_kind(&e->letter) == LETTER_OUTCOME)
            send_dead(self, e, cell_address(cell), cell_class(cell), DEAD_STOPPED);
        else
            fifo_append(to, node);
    }
}

bool keep_saves(struct cadre_self *self, struct cell *cell)
{
    struct extras *extras = cell->extras;
    struct keep *keep = extras->keep;
    struct fifo all = {NULL};
    if (!cell_is_kept(cell))
        return false;
    bool saves = keep->mail != CADRE_MAIL_DROP && !cell_ends_for_good(cell);
    if (keep->again) { /* in any case: for good it will be bounced */
        extras_back(cell, &keep->again->letter);
        fifo_append(&all, &keep->again->letter.node);
    }
    keep->again = NULL;
    if (saves) {
        save_stash(self, cell, &all, &extras->back);
        save_stash(self, cell, &all, &extras->aside);
    }
    fifo_append_fifo(&all, &extras->held);
    extras->held = all;
    return saves;
}

/* It is as it was made, but for its mail. */
static void restart(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    struct extras *extras = cell->extras;
    struct keep *keep = extras->keep;
    const cadre_class *class = cell_class(cell);
    letter_set_kind(&e->letter, LETTER_NEWS);
    keep->down_notice = e;
    keep->starts++;
    self_note(self, EVENT_RESTART, cell_address(cell), keep->starts, class);
    if (keep->has_init)
        memcpy(cell->state, keep->init, class->state_size);
    else if (cell->state)
        memset(cell->state, 0, class->state_size);
    cell->receive = extras->process ? process_receive : class->receive;
    extras->receive = NULL;
    extras->fronted = false;
    if (extras->account)
        account_restart(cell, extras->account);
    extras->in_order = false;
    cell->note.phase = PHASE_BORN;
    await_give_back(self, cell);
    bias_enter(&self->worker->bias);
    if (extras->has_levels)
        urgent_pick(cell, NULL);
    bias_leave(&self->worker->bias);
}

static void hold(struct cell *cell, struct letter *letter)
{
    extras_back(cell, letter);
    fifo_append(&cell->extras->held, &letter->node);
}

/* For this life, and nothing that is served in any case. */
static bool take_mail(struct cadre_self *self, struct cell *cell, struct letter *letter)
{
    struct envelope *e = envelope_of(letter);
    unsigned kind = letter_kind(letter);
    switch (kind) {
    case LETTER_CANCEL:
        cell->extras->recalled = true; /* what waits may be what it is about */
        return false;
    case LETTER_ANSWER:
    case LETTER_MOVED:
    case LETTER_OUTCOME: /* was set aside, and then held */
        return false;    /* to be dropped, or bounced */
    case LETTER_RESTART:
        restart(self, cell, e);
        return true;
    case LETTER_PRINT:
        print_asked(self, cell, e);
        return true;
    default:
        break;
    }
    if (kind != LETTER_RAISE && is_notice(e))
        send_drop(self, e);
    else if (cell->extras->keep->mail == CADRE_MAIL_DROP)
        return false; /* to be bounced */
    else
        hold(cell, letter);
    return true;
}

bool keep_takes(struct cadre_self *self, struct cell *cell, struct letter *letter)
{
    enum phase phase = (enum phase)cell_phase(cell);
    uint32_t to = plain_read(&letter->to);
    unsigned kind = letter_kind(letter);
    if ((phase != PHASE_ENDING && phase != PHASE_DOWN) || !cell_is_kept(cell) ||
        (phase == PHASE_ENDING && cell_ends_for_good(cell)))
        return false;
    if (to == NOTE_STOP)
        fifo_append(&cell->extras->held, &letter->node);
    else if (kind == LETTER_OP || kind == LETTER_OFFLOAD || kind == LETTER_WATCH ||
             kind == LETTER_PROCESS ||
             letter_generation(letter) != address_generation(cell_address(cell)))
        return false;
    else
        return take_mail(self, cell, letter);
    return true;
}

bool keep_is_released(const struct cell *cell)
{
    /* Pairs with cell_halt, of the parent: a restart before that has cleared `down`. */
    uint64_t life = load_acquire(&cell->life);
    return life_halts(life) & HALT_FOR_GOOD && load_relaxed(&cell->extras->keep->down);
}

void keep_end(struct cadre_self *self, struct cell *cell)
{
    struct keep *keep = cell->extras->keep;
    if (!keep)
        return;
    if (keep->keep)
        await_give_back(self, cell);
    free_keep(self, keep);
    cell->extras->keep = NULL;
}

/* ---- the public calls -------------------------------------------------------------- */

/* A kept child of the running actor that was not released, or NULL. */
static struct cell *find_child(const struct cadre_self *self, cadre_ref child)
{
    struct cell *cell = table_resolve(&self->world->table, child.id);
    uint64_t life = cell ? load_acquire(&cell->life) : 0; /* pairs with cell_begin */
    if (!cell || life_generation(life) != address_generation(child.id) ||
        life_halts(life) & (LIFE_VACANT | HALT_FOR_GOOD))
        return NULL;
    bool is_mine = cell_parent(cell) == cell_slot(self_cell(self));
    return is_mine && cell_is_kept(cell) ? cell : NULL;
}

int cadre_restart(cadre_self *self, cadre_ref child)
{
    struct envelope *e;
    int err = self_check(self, "cadre_restart");
    if (err)
        return err;
    if (cell_phase(self_cell(self)) != PHASE_RUNNING)
        return -ESHUTDOWN;
    struct cell *cell = find_child(self, child);
    struct keep *keep = cell ? cell->extras->keep : NULL;
    if (!keep || !load_acquire(&keep->down)) /* pairs with keep_goes_down */
        return -ENOENT;
    err = make_up_notice(self, keep);
    if (!err)
        err = send_prepare(self, &e, 0, &cadre_child_down_type, NULL);
    if (err)
        return -ENOMEM; /* what was made is for the next time */
    cell_revive(cell);
    store_relaxed(&keep->down, false); /* the letter brings it */
    plain_write(&e->letter.to, address_letter(child.id) | (uint32_t)LETTER_RESTART);
    send_letter(self->world, self, cell, &e->letter);
    return 0;
}

int cadre_release(cadre_self *self, cadre_ref child)
{
    int err = self_check(self, "cadre_release");
    if (err)
        return err;
    if (!find_child(self, child))
        return -ENOENT;
    send_halt(self->world, self, child.id, HALT_STOP | HALT_FOR_GOOD, 0);
    return 0;
}

int cadre_stop_in_order(cadre_self *self)
{
    int err = self_check(self, "cadre_stop_in_order");
    if (err)
        return err;
    struct cell *cell = self_cell(self);
    if (cell_phase(cell) != PHASE_RUNNING)
        return -ESHUTDOWN;
    err = extras_make(self, cell);
    if (err)
        return -ENOMEM;
    cell->extras->in_order = true;
    return 0;
}
