/* names.c: names, for threads that are not actors. */
#include "actor/register.h"
#include "system/system.h"

#include <errno.h>
#include <string.h>

cadre_ref cadre_system_whereis(const cadre_system *sys, const char *name)
{
    if (system_check(sys))
        return (cadre_ref){0};
    return (cadre_ref){register_find(sys->outside.world, name)};
}

int64_t cadre_system_names(cadre_system *sys,
                           void (*visit)(void *user, const char *name, cadre_ref owner),
                           void *user)
{
    struct names_copy copy;
    int err = system_check(sys);
    if (err)
        return err;
    if (!visit)
        return world_misuse(&sys->world, -EINVAL, "cadre_system_names: visit is NULL");
    err = names_copy(&sys->world.names, &copy); /* visit may want the lock */
    if (err)
        return err;
    const uint64_t *at = copy.words;
    for (uint64_t i = 0; i < copy.count; i++) {
        const char *name = (const void *)(at + 1);
        visit(user, name, (cadre_ref){*at});
        at += 2 + strlen(name) / sizeof *at;
    }
    heap_put(&sys->world.heap, copy.words, copy.bytes);
    return (int64_t)copy.count;
}
