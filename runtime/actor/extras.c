/* extras.c: what only some actors have: made when first needed. */
#include "actor/extras.h"

void extras_set(struct cell *cell, void *p)
{
    cell->extras = p;
    *cell->extras = (struct extras){.ops.mask = OPS_FEW - 1};
    cell->extras->ops.chains = cell->extras->ops.few;
    list_init(&cell->extras->watches);
}

int extras_make(struct cadre_self *self, struct cell *cell)
{
    void *p;
    if (cell->extras)
        return 0;
    int err = pool_get(&self->pool, &p, sizeof *cell->extras);
    if (!err)
        extras_set(cell, p);
    return err;
}

void extras_end(struct cadre_self *self, struct cell *cell)
{
    pool_put(&self->pool, cell->extras, sizeof *cell->extras);
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
    if (cell->extras && cell->extras->receive)
        cell->extras->receive = next;
    else
        cell->receive = next;
}
