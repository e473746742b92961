/* print.c: where handlers wait, to the log. */
#include "actor/print.h"

#include "actor/deadletter.h"
#include "actor/send.h"
#include "base/backtrace.h"

#include <cadre/await.h>

enum { FRAMES_MAX = 32, FRAME_TEXT = 256 };

void print_asked(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    char who[ADDRESS_TEXT];
    struct wait *wait = cell->extras ? cell->extras->waits : NULL;
    if (!wait)
        log_line(&self->world->log, LOG_WARN, "actor %s (%s): no handler waits",
                 address_text(who, cell_address(cell)), class_name(cell_class(cell)));
    for (; wait; wait = wait->next) {
        wait->prints = cell->extras->roused = true;
        cell->task.odd = ODD;
    }
    counter_add(&self->handled, 1);
    self_free(self, e);
}

static const char *what_for(const struct wait *wait)
{
    static const char *const kinds[OP_KINDS] = {[OP_ASK] = "an answer",
                                                [OP_TIMER] = "a timer",
                                                [OP_OFFLOAD] = "a call",
                                                [OP_WATCH] = "an end",
                                                [OP_CLOSING] = "a shutdown"};
    if (wait->type)
        return wait->type->name ? wait->type->name : "?";
    const char *kind = wait->op ? kinds[wait->op->kind] : NULL;
    return kind ? kind : "a future";
}

void print_wait(struct cadre_self *self, struct wait *wait)
{
    void *frames[FRAMES_MAX];
    char who[ADDRESS_TEXT], text[FRAME_TEXT];
    const struct cell *cell = self_cell(self);
    const struct log *log = &self->world->log;
    unsigned count = backtrace_take(frames, FRAMES_MAX);
    wait->prints = false;
    log_line(log, LOG_WARN, "actor %s (%s): a handler waits for %s%s",
             address_text(who, cell_address(cell)), class_name(cell_class(cell)),
             what_for(wait), cell->extras->closed == wait ? "" : ", open");
    for (unsigned i = 0; i < count; i++) {
        backtrace_describe(text, sizeof text, frames[i]);
        log_line(log, LOG_WARN, "  #%u %s", i, text);
    }
}

int cadre_print_waits(cadre_self *self, cadre_ref who)
{
    static const cadre_type print_type = {.name = "cadre_print_waits"};
    struct envelope *e;
    int err = self_check_outer(self, "cadre_print_waits");
    if (!err)
        err = send_prepare(self, &e, LETTER_PRINT, &print_type, NULL);
    if (!err)
        send_deliver(self, e, who.id);
    return err;
}
