/* extras.c: what only some actors have: made when first needed. */
#include "actor/extras.h"

#include "actor/usage.h"

static void init(struct extras *extras)
{
    *extras = (struct extras){0};
    ops_init(&extras->ops);
    list_init(&extras->watches);
}

int extras_new(struct cadre_self *self, struct extras **extras)
{
    void *p;
    int err = pool_get(&self->pool, &p, sizeof **extras);
    if (err)
        return err;
    *extras = p;
    init(*extras);
    return 0;
}

void extras_set(struct cell *cell, void *p)
{
    cell->extras = p;
    init(cell->extras);
}

void extras_free(struct cadre_self *self, struct extras *extras)
{
    pool_put(&self->pool, extras, sizeof *extras);
}

int extras_make(struct cadre_self *self, struct cell *cell)
{
    return cell->extras ? 0 : extras_new(self, &cell->extras);
}

void extras_end(struct cadre_self *self, struct cell *cell)
{
    extras_free(self, cell->extras);
    cell->extras = NULL;
}

void cadre_become(cadre_self *self, cadre_receive *next)
{
    if (self_check(self, "cadre_become"))
        return;
    struct cell *cell = self_cell(self);
    if (cell_phase(cell) != PHASE_RUNNING)
        return; /* it receives nothing any more */
    if (!next)
        next = cell_class(cell)->receive;
    if (cell->extras && cell->extras->account)
        cell->extras->account->receive = next;
    else if (cell->extras && cell->extras->receive)
        cell->extras->receive = next;
    else
        cell->receive = next;
}
