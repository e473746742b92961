/* register.c: actors that give themselves names, and look others up.
 *
 * An actor knows its names by a list in its extras, which its turn alone touches; the
 * registry (names.h) knows whose they are. */
#include "actor/register.h"

#include "actor/extras.h"

#include <errno.h>

int cadre_register(cadre_self *self, const char *text)
{
    struct name name;
    int err = self_check_outer(self, "cadre_register");
    if (err)
        return err;
    const char *flaw = name_flaw(text);
    if (flaw) /* and not the name: it might spoil the log */
        return world_misuse(self->world, -EINVAL, "cadre_register: the name %s", flaw);
    (void)name_read(&name, text, self->world->names.seed);
    struct cell *cell = self_cell(self);
    if (cell_phase(cell) != PHASE_RUNNING)
        return -ESHUTDOWN;
    err = extras_make(self, cell);
    if (!err)
        err = names_add(&self->world->names, &name, cell_address(cell),
                        &cell->extras->names);
    world_trace(self->world, name.hash ^ (uint64_t)(uint32_t)err);
    return err;
}

int cadre_unregister(cadre_self *self, const char *text)
{
    struct name name;
    int err = self_check_outer(self, "cadre_unregister");
    if (err)
        return err;
    if (!text)
        return world_misuse(self->world, -EINVAL, "cadre_unregister: the name is NULL");
    if (!name_read(&name, text, self->world->names.seed))
        return -ENOENT; /* nobody has it */
    return names_remove(&self->world->names, &name, self_address(self));
}

void register_end(struct cadre_self *self, struct cell *cell)
{
    names_release(&self->world->names, &cell->extras->names);
}

uint64_t register_find(struct world *world, const char *text)
{
    struct name name;
    return name_read(&name, text, world->names.seed) ? names_find(&world->names, &name)
                                                     : 0;
}

cadre_ref cadre_whereis(const cadre_self *self, const char *name)
{
    if (self_check_outer(self, "cadre_whereis"))
        return (cadre_ref){0};
    return (cadre_ref){register_find(self->world, name)};
}
