/* settle.c: a callback has returned: what becomes of the message, and of the actor. */
#include "actor/settle.h"

#include "actor/account.h"
#include "actor/ask.h"
#include "actor/await.h"
#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/fail.h"
#include "actor/fork.h"
#include "actor/keep.h"
#include "actor/report.h"
#include "actor/send.h"
#include "actor/uplink.h"

#include <errno.h>

void settle_trace(struct cadre_self *self, const struct envelope *e, uint64_t from,
                  const cadre_type *type, int result)
{
    struct world *world = self->world;
    if (world->uplink)
        uplink_settled(world->uplink, e, result);
    uint64_t id = cell_address(self_cell(self));
    self_note(self, EVENT_MESSAGE, id, from, type);
    if (!world->simulated)
        return;
    world_trace(world, world_relative(world, id));
    world_trace(world, from ? world_relative(world, from) : 0);
    world_trace(world, name_hash(type->name));
}

void settle_result(struct cadre_self *self, const cadre_type *type, uint64_t from,
                   int result)
{
    if (result == CADRE_STOP) {
        exit_begin(self, 0, EXIT_GENTLY);
    } else {
        if (self_cell(self)->extras)
            keep_failed(self_cell(self), fail_words(self, result));
        report_failure(self, type, from, result);
        self_note(self, EVENT_FAIL, self_address(self), (uint32_t)result, type);
        exit_begin(self, result, EXIT_AT_ONCE);
    }
}

int settle_check(struct cadre_self *self, int result)
{
    if (result <= CADRE_STOP)
        return result;
    return world_misuse(self->world, -EINVAL, "class %s: a callback returned %d",
                        class_name(cell_class(self_cell(self))), result);
}

int settle_callback(struct cadre_self *self, int result)
{
    if (unlikely(self->forked))
        fork_end(self);
    self->more = false;
    await_release(self);
    struct account *account = extras_account(self_cell(self));
    if (unlikely(account != NULL) && account->over_bytes)
        account_obey_memory(self, account);
    result = settle_check(self, result);
    fail_forget(self, result);
    return result;
}

/* receive has failed: is the message to be handled again? Then it is not dead. */
static bool is_retried(const struct cell *cell, struct envelope *e, enum fate fate,
                       enum debt owes)
{
    return fate == FATE_HANDLED && cell->extras && cell_phase(cell) == PHASE_RUNNING &&
           keep_retries(cell, e, owes == OWES_NO_MORE);
}

static CC_NOINLINE void record_dead(struct cadre_self *self, uint64_t from,
                                    const cadre_type *type, enum dead_reason reason)
{
    struct cell *cell = self_cell(self);
    deadletter_record(
        self, &(struct dead_letter){cell_address(cell), from, type, cell_class(cell)},
        reason);
}

void settle_message(struct cadre_self *self, struct envelope *e, const cadre_type *type,
                    uint64_t from, int result)
{
    struct cell *cell = self_cell(self);
    enum fate fate = self->fate;
    enum debt owes = self->owes;
    self->fate = FATE_HANDLED;
    self->owes = OWES_NOTHING;
    result = settle_callback(self, result);
    self->message = NULL;
    if (self->traced)
        settle_trace(self, e, from, type, result);
    bool ends = result < 0 || cell_phase(cell) != PHASE_RUNNING; /* while it waited */
    if (unlikely(result < 0) && is_retried(cell, e, fate, owes)) {
        settle_result(self, type, from, result);
        return;
    }
    if (result < 0 && fate != FATE_STASHED)
        record_dead(self, from, type, DEAD_FAILED);
    else if (fate == FATE_UNHANDLED)
        record_dead(self, from, type, DEAD_UNHANDLED);
    else if (fate != FATE_STASHED)
        counter_add(&self->handled, 1);
    if (fate <= FATE_UNHANDLED || fate == FATE_DEFERRED)
        body_drop(type, e->body);
    if (fate == FATE_DEFERRED)
        ask_deferred(self, e);
    else if (fate <= FATE_UNHANDLED && owes == OWES_ANSWER)
        send_failure(self, e, cell_address(cell),
                     ends ? CADRE_EDEAD : CADRE_EUNANSWERED,
                     result < 0 ? result
                     : ends     ? cell->reason
                                : 0);
    else if (fate <= FATE_UNHANDLED)
        self_free(self, e);
    if (result != 0)
        settle_result(self, type, from, result);
}

void settle_check_thread(struct cadre_self *self, const struct thread_state *before)
{
    const char *changed = DEBUG_BUILD ? thread_state_restore(before) : NULL;
    if (changed)
        (void)world_misuse(self->world, 0, "class %s: a callback changed %s",
                           class_name(cell_class(self_cell(self))), changed);
}
