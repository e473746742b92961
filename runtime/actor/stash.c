/* stash.c: messages set aside.
 *
 * Two queues, made when first needed: what is set aside, and what cadre_unstash() gave
 * back, which the turn handles before it looks into the mailbox again. A message is
 * copied here because the one in hand is still a part of the mailbox. */
#include "actor/stash.h"

#include "actor/deadletter.h"
#include "actor/send.h"

struct chain {
    struct mpsc_node *first, *last; /* linked by next; only its actor's turn */
};

struct stash {
    struct chain aside, back;
};

static void append(struct chain *chain, struct mpsc_node *node)
{
    store_relaxed(&node->next, NULL);
    if (chain->first)
        store_relaxed(&chain->last->next, node);
    else
        chain->first = node;
    chain->last = node;
}

static struct envelope *take(struct chain *chain)
{
    struct mpsc_node *node = chain->first;
    if (!node)
        return NULL;
    chain->first = load_relaxed(&node->next);
    return envelope_of(letter_of(node));
}

static int make_stash(struct cadre_self *self, struct cell *cell)
{
    void *p;
    int err = cell->stash ? 0 : pool_get(&self->pool, &p, sizeof(struct stash));
    if (!err && !cell->stash) {
        cell->stash = p;
        *cell->stash = (struct stash){0};
    }
    return err;
}

int cadre_stash(cadre_self *self, cadre_msg *m)
{
    int err = self_check(self, "cadre_stash");
    if (!err)
        err = self_take_message(self, m, FATE_STASHED, "cadre_stash");
    if (err)
        return err;
    struct envelope *in_hand = self->message, *copy;
    err = make_stash(self, self->cell);
    if (err)
        body_drop(in_hand->type, in_hand->body);
    else
        err =
            send_prepare(self, &copy, in_hand->letter.to, in_hand->type, in_hand->body);
    if (err) {
        self->fate = FATE_MOVED;
        return err;
    }
    copy->from = in_hand->from;
    copy->token = in_hand->token;
    append(&self->cell->stash->aside, &copy->letter.node);
    return 0;
}

void cadre_unstash(cadre_self *self)
{
    if (self_check(self, "cadre_unstash") || !self->cell->stash)
        return;
    struct chain *aside = &self->cell->stash->aside, *back = &self->cell->stash->back;
    if (!aside->first)
        return;
    /* In front of what is still to come back: that came later. */
    store_relaxed(&aside->last->next, back->first);
    if (!back->first)
        back->last = aside->last;
    back->first = aside->first;
    aside->first = NULL;
}

bool stash_has_next(const struct cell *cell) { return cell->stash->back.first != NULL; }

struct envelope *stash_next(struct cell *cell) { return take(&cell->stash->back); }

void stash_end(struct cadre_self *self, struct cell *cell)
{
    if (!cell->stash)
        return;
    struct envelope *e;
    while ((e = take(&cell->stash->back)) || (e = take(&cell->stash->aside)))
        deadletter(self, e, cell->class, DEAD_STOPPED);
    pool_put(&self->pool, cell->stash, sizeof(struct stash));
    cell->stash = NULL;
}
