/* usage.c: what actors use, for any thread. */
#include "actor/account.h"
#include "system/system.h"

#include <errno.h>

int cadre_usage_of(const cadre_system *sys, cadre_ref who, cadre_usage *usage)
{
    int err = system_check(sys);
    if (err || !usage)
        return err ? err : -EINVAL;
    struct world *world = (struct world *)(uintptr_t)&sys->world; /* for its lock */
    struct list *chain = accounts_chain(world, who.id);
    err = -ENOENT;
    pthread_mutex_lock(&world->accounts_lock);
    for (struct list *link = chain->next; err && link != chain; link = link->next) {
        const struct account *a = container_of(link, struct account, link);
        if (a->id != who.id)
            continue;
        *usage = account_usage(a);
        err = 0;
    }
    pthread_mutex_unlock(&world->accounts_lock);
    return err;
}

static int64_t visit_chain(struct list *chain,
                           void (*visit)(void *user, const cadre_usage *usage),
                           void *user)
{
    int64_t count = 0;
    for (struct list *link = chain->next; link != chain; link = link->next, count++) {
        cadre_usage usage = account_usage(container_of(link, struct account, link));
        visit(user, &usage);
    }
    return count;
}

int64_t cadre_usage_visit(const cadre_system *sys,
                          void (*visit)(void *user, const cadre_usage *usage),
                          void *user)
{
    int64_t count = 0;
    int err = system_check(sys);
    if (err || !visit)
        return err ? err : -EINVAL;
    struct world *world = (struct world *)(uintptr_t)&sys->world;
    pthread_mutex_lock(&world->accounts_lock);
    for (int i = 0; i < ACCOUNT_CHAINS; i++)
        count += visit_chain(&world->accounts[i], visit, user);
    pthread_mutex_unlock(&world->accounts_lock);
    return count;
}
