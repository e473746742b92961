/* hand.c: the message that a worker has in hand, looked at from elsewhere. */
#include "system/hand.h"

#include "base/peek.h"

static bool peek_pointer(void *to, const void *from)
{
    return peek_bytes(to, from, sizeof(void *));
}

/* In receive, and not in another callback? Those leave the field as it was. */
static bool has_message(const struct cadre_self *self, const struct cell *cell,
                        const struct envelope **e)
{
    uint8_t phase;
    struct step *step;
    return peek_bytes(&phase, &cell->note.phase, sizeof phase) &&
           phase == PHASE_RUNNING && peek_pointer(&step, &self->step) && !step &&
           peek_pointer(e, &self->message) && *e;
}

bool hand_type(const struct cadre_self *self, const struct cell *cell,
               char name[HAND_NAME])
{
    const struct envelope *e, *again;
    const cadre_type *type;
    const char *text;
    return has_message(self, cell, &e) && peek_pointer(&type, &e->type) &&
           peek_pointer(&text, &type->name) && text &&
           peek_text(name, HAND_NAME, text) && has_message(self, cell, &again) &&
           again == e;
}
