/* budget.c: an actor that may handle two messages in a tenth of a second, and is held
 * back when there are more; what it has used anybody may ask.
 *
 *   cc budget.c -lcadre && ./a.out 2>/dev/null
 *   the greedy one has handled 6 messages, was held back 2 times */
#include <cadre.h>
#include <cadre/supervise.h>

#include <stdio.h>

typedef struct {
    int number;
} job;
CADRE_TYPE(job);
enum { JOBS = 6 };

static int work(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, job)->number < JOBS)
        return 0;
    return cadre_send(self, cadre_parent(self), job, JOBS);
}
static const cadre_class greedy = {.name = "greedy", .receive = work};

static int start(cadre_self *self, void *state)
{
    cadre_ref *child = state;
    const cadre_budget budget = {
        .window = CADRE_SECOND / 10, .messages = 2, .over = CADRE_OVER_THROTTLE};
    int err =
        cadre_spawn_with(self, child, &greedy, NULL, &(cadre_opts){.budget = &budget});
    for (int i = 1; !err && i <= JOBS; i++)
        err = cadre_send(self, *child, job, i);
    return err;
}

static int report(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_usage usage;
    const cadre_ref *child = state;
    int err = cadre_usage_of(cadre_system_of(self), *child, &usage);
    if (!err)
        printf("the %s one has handled %d messages, was held back %d times\n",
               usage.actor, (int)usage.messages, (int)usage.overs);
    return err ? err : CADRE_STOP;
}

int main(void)
{
    const cadre_class boss = {.name = "boss",
                              .state_size = sizeof(cadre_ref),
                              .start = start,
                              .receive = report};
    return cadre_run(&(cadre_config){.workers = 1}, &boss, NULL) != 0;
}
