/* watch.c: who is told when an actor has ended. */
#include "actor/watch.h"

#include "actor/keep.h"
#include "actor/send.h"
#include "actor/urgent.h"

#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

CADRE_API const cadre_type cadre_down_type = {.name = "cadre_down",
                                              .size = sizeof(cadre_down)};

/* The body on its way there, and then in the list. */
struct watch {
    union {
        struct {
            void *spare; /* room for extras */
            int reason;  /* to be told when it comes too late */
        };
        struct list link;
    };
    struct op *op;
};
static const cadre_type watch_type = {.name = "watch", .size = sizeof(struct watch)};
static_assert(sizeof(cadre_down) <= sizeof(struct watch), "it becomes the news");

static struct watch *watch_in(struct envelope *e)
{
    return (struct watch *)(void *)e->body;
}

static struct envelope *envelope_of_link(struct list *link)
{
    struct watch *watch = container_of(link, struct watch, link);
    return container_of((void *)watch, struct envelope, body);
}

/* ---- the one that is watched ------------------------------------------------------- */

/* The envelope becomes the news, for whoever sent it. */
static void tell(struct cadre_self *self, struct envelope *e, uint64_t who, int reason)
{
    struct envelope_tail tail = *envelope_tail(e);
    uint64_t watcher = e->from;
    cadre_down down = {.who = {who}, .reason = reason};
    e->from = who;
    e->type = &cadre_down_type;
    memcpy(e->body, &down, sizeof down);
    *envelope_tail(e) = tail;
    send_answer(self, e, watcher, tail.token);
}

/* An actor that is ending takes watches in: it has not ended yet. */
static bool takes_watches(const struct cell *cell)
{
    return cell_phase(cell) != PHASE_FREE && cell_phase(cell) != PHASE_LINGERS;
}

/* A link to a kept one that has gone down while the link was on its way; so it does at
 * most once, because to start it again takes a letter as well. */
static bool is_link_to_former(const struct cell *cell, const struct watch *watch)
{
    return watch->op->kind == OP_LINK && watch->op->odd != cell_is_odd(cell);
}

void watch_came(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    struct watch *watch = watch_in(e);
    uint64_t to = cell_letter_address(cell, &e->letter);
    void *spare = watch->spare;
    int reason = watch->reason;
    bool lives = to == cell_address(cell) && takes_watches(cell);
    if (lives && is_link_to_former(cell, watch)) {
        lives = false;
        reason = cell->extras->keep->reason;
    }
    if (lives && !cell->extras)
        extras_set(cell, spare);
    else
        pool_put(&self->pool, spare, sizeof(struct extras));
    if (!lives) {
        tell(self, e, to, reason);
        return;
    }
    list_append(&cell->extras->watches, &watch->link);
    watch->op->entry = e;
}

void watch_withdrawn(struct cadre_self *self, struct op *op)
{
    struct envelope *e = op->entry;
    if (!e)
        return; /* it has been told */
    list_remove(&watch_in(e)->link);
    self_free(self, e);
}

static void mark(const struct cell *cell, struct letter *letter)
{
    if (letter_kind(letter) == LETTER_WATCH &&
        cell_letter_address(cell, letter) == cell_address(cell))
        watch_in(envelope_of(letter))->reason = cell->reason;
}

/* It may be long: taken out inside the bias, and put back in front of what has come
 * meanwhile, but gone through outside. */
static CC_NOINLINE void mark_all(struct worker *here, struct cell *cell)
{
    bias_enter(&here->bias);
    struct fifo mail = {plain_read(&cell->mailbox.newest)};
    plain_write(&cell->mailbox.newest, NULL);
    bias_leave(&here->bias);
    struct inbox_node *node = mail.newest;
    while (node) {
        node = plain_read(&node->next);
        mark(cell, letter_of(node));
        if (node == mail.newest)
            break;
    }
    bias_enter(&here->bias);
    fifo_append_fifo(&mail, &cell->mailbox);
    plain_write(&cell->mailbox.newest, mail.newest);
    bias_leave(&here->bias);
}

void watch_mark(struct cadre_self *self, struct cell *cell)
{
    struct worker *here = self->worker;
    bias_enter(&here->bias);
    urgent_catch_up(cell, here);
    bool is_empty = fifo_is_empty(&cell->mailbox);
    bias_leave(&here->bias);
    if (!is_empty)
        mark_all(here, cell);
}

/* That it has ended, or is down. */
static void tell_entry(struct cadre_self *self, struct cell *cell, struct list *link)
{
    struct envelope *e = envelope_of_link(link);
    list_remove(link);
    watch_in(e)->op->entry = NULL;
    tell(self, e, cell_address(cell), cell->reason);
}

void watch_tell(struct cadre_self *self, struct cell *cell)
{
    struct list *watches = &cell->extras->watches;
    while (!list_is_empty(watches))
        tell_entry(self, cell, watches->next);
}

void watch_tell_links(struct cadre_self *self, struct cell *cell)
{
    struct list *watches = &cell->extras->watches, *next;
    for (struct list *link = watches->next; link != watches; link = next) {
        next = link->next;
        /* The kind is constant; most of the rest is its actor's to change. */
        if (container_of(link, struct watch, link)->op->kind == OP_LINK)
            tell_entry(self, cell, link);
    }
}

/* ---- the one that watches ---------------------------------------------------------- */

/* NULL: *err says why. */
static struct envelope *prepare(struct cadre_self *self, struct op *op, int *err)
{
    struct envelope *e;
    struct watch watch = {.reason = CADRE_EDEAD, .op = op};
    *err = pool_get(&self->pool, &watch.spare, sizeof(struct extras));
    if (*err)
        return NULL;
    *err = send_prepare(self, &e, LETTER_WATCH, &watch_type, &watch);
    if (*err) {
        pool_put(&self->pool, watch.spare, sizeof(struct extras));
        return NULL;
    }
    envelope_tail(e)->token = op->token;
    return e;
}

/* Not counted as a message: that is what it becomes. */
static void deliver(struct cadre_self *self, struct envelope *e, uint64_t who)
{
    struct cell *cell = table_resolve(&self->world->table, who);
    if (cell) {
        struct op *op = watch_in(e)->op;
        if (op->kind == OP_LINK)
            op->odd = cell_is_odd(cell);
        plain_write(&e->letter.to, address_letter(who) | (uint32_t)LETTER_WATCH);
        send_letter(self->world, self, cell, &e->letter);
    } else {
        pool_put(&self->pool, watch_in(e)->spare, sizeof(struct extras));
        tell(self, e, who, CADRE_EDEAD);
    }
}

static int watch(struct cadre_self *self, const char *what, enum op_kind kind,
                 cadre_token *token, uint64_t who, cadre_receive *then)
{
    struct op *op;
    int err = self_check_outer(self, what);
    if (err)
        return err;
    if (who == self_address(self))
        return world_misuse(self->world, -EINVAL, "%s: of oneself", what);
    err = op_new(self, &op, kind);
    if (err)
        return err;
    struct envelope *e = prepare(self, op, &err);
    if (!e) {
        op_end(self, op);
        return err;
    }
    op->deadline = CADRE_NEVER; /* not for the sake of what is in hand */
    op->then = op->otherwise = then;
    op->to = who;
    if (token)
        token->id = op->token;
    deliver(self, e, who);
    return 0;
}

/* Of a link: the actor fails with the other one. */
static int fail_with(cadre_self *self, void *state, cadre_msg *m)
{
    return ((const cadre_down *)m->body)->reason;
}

int cadre_watch(cadre_self *self, cadre_token *token, cadre_ref who)
{
    return watch(self, "cadre_watch", OP_WATCH, token, who.id, NULL);
}

int cadre_link(cadre_self *self, cadre_token *token, cadre_ref who)
{
    return watch(self, "cadre_link", OP_LINK, token, who.id, fail_with);
}
