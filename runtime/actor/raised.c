/* raised.c: a call that was raised has come. */
#include "actor/raised.h"

#include "actor/apply.h"
#include "actor/deadletter.h"
#include "actor/process.h"
#include "actor/settle.h"

/* A call that was raised, made here without an envelope: like receive and settle. */
static void call_raised(struct cadre_self *self, struct cell *cell, struct applied call)
{
    struct dead_letter letter = {cell_address(cell), 0, &apply_type, cell_class(cell)};
    self->message = NULL;
    int result = settle_callback(self, call.fn(self, cell->state, call.arg));
    if (self->traced)
        settle_trace(self, NULL, 0, &apply_type, 0);
    if (result < 0)
        deadletter_record(self, &letter, DEAD_FAILED);
    else
        counter_add(&self->handled, 1);
    if (result != 0)
        settle_result(self, &apply_type, 0, result);
}

void raised_came(struct cadre_self *self, struct cell *cell, struct cadre_raise *raise)
{
    uint64_t to = cell_letter_address(cell, &raise->letter);
    struct applied call = apply_lower(raise);
    counter_add(&self->accepted, 1);
    if (to != cell_address(cell))
        deadletter_record(self, &(struct dead_letter){to, 0, &apply_type, NULL},
                          DEAD_ENDED);
    else if (process_of(cell)) /* its state is elsewhere */
        deadletter_record(self,
                          &(struct dead_letter){to, 0, &apply_type, cell_class(cell)},
                          DEAD_UNHANDLED);
    else if (cell_phase(cell) == PHASE_RUNNING)
        call_raised(self, cell, call);
    else
        deadletter_record(self,
                          &(struct dead_letter){to, 0, &apply_type, cell_class(cell)},
                          cell_phase(cell) == PHASE_ENDING ? DEAD_STOPPED : DEAD_ENDED);
}
