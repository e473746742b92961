/* closing.c: who is told that the system closes. */
#include "actor/closing.h"

#include "actor/send.h"

#include <cadre/shutdown.h>

#include <string.h>

CADRE_API const cadre_type cadre_closing_type = {.name = "cadre_closing",
                                                 .size = sizeof(cadre_closing)};

/* Under the lock. self: NULL for a thread outside. */
static void ring(struct world *world, struct cadre_self *self, struct op *op)
{
    store_relaxed(&op->alarm.state, ALARM_RANG);
    send_letter(world, self, container_of(op->alarm.task, struct cell, task),
                &op->letter);
}

void closing_begin(struct world *world, cadre_time drain_until)
{
    pthread_mutex_lock(&world->outside_lock);
    world->drain_until = drain_until;
    store_seq(&world->closing, true);
    while (!list_is_empty(&world->closings)) {
        struct list *link = world->closings.next;
        list_remove(link);
        ring(world, NULL, container_of(link, struct op, alarm.node.link));
    }
    pthread_mutex_unlock(&world->outside_lock);
}

void closing_fill(struct world *world, struct envelope *e)
{
    pthread_mutex_lock(&world->outside_lock);
    cadre_closing closing = {.until = world->drain_until};
    pthread_mutex_unlock(&world->outside_lock);
    memcpy(e->body, &closing, sizeof closing);
}

static void enter(struct cadre_self *self, struct op *op)
{
    struct world *world = self->world;
    op->alarm.task = &self_cell(self)->task;
    pthread_mutex_lock(&world->outside_lock);
    if (load_relaxed(&world->closing)) {
        ring(world, self, op);
    } else {
        store_relaxed(&op->alarm.state, ALARM_SET);
        list_append(&world->closings, &op->alarm.node.link);
    }
    pthread_mutex_unlock(&world->outside_lock);
}

int cadre_when_closing(cadre_self *self, cadre_token *token)
{
    static const cadre_closing unknown = {0};
    struct op *op;
    int err = self_check_outer(self, "cadre_when_closing");
    if (!err)
        err = op_new(self, &op, OP_CLOSING);
    if (err)
        return err;
    err =
        send_prepare(self, &op->message, LETTER_OUTCOME, &cadre_closing_type, &unknown);
    if (err) {
        op_end(self, op);
        return err;
    }
    op->deadline = CADRE_NEVER; /* not for the sake of what is in hand */
    if (token)
        token->id = op->token;
    enter(self, op);
    return 0;
}
