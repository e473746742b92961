/* timer.c: messages later, again and again, and when nothing else comes. */
#include <cadre/system.h>
#include <cadre/timer.h>
#include <stdio.h>

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);
typedef struct {
    int nothing;
} bell;
static CADRE_TYPE(bell);
static const cadre_type idle_type = {.name = "idle"};

struct clock {
    cadre_token every, bell;
    cadre_time began;
    int ticks;
};

static int start(cadre_self *self, void *state)
{
    struct clock *me = state;
    me->began = cadre_now(self);
    int err = cadre_every(self, &me->every, 10 * CADRE_MS, tick, 0);
    if (!err)
        err = cadre_after(self, &me->bell, 3600 * CADRE_SECOND, bell, 0);
    return err ? err : cadre_when_idle_as(self, NULL, 500 * CADRE_MS, &idle_type, NULL);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct clock *me = state;
    if (m->type == &idle_type) {
        printf("nothing has come for half a second\n");
        return CADRE_STOP;
    }
    /* Never early, and it does not drift: the n-th comes n periods after the start. */
    me->ticks++;
    if (cadre_now(self) - me->began < me->ticks * 10 * CADRE_MS)
        return CADRE_EUSER;
    printf("tick %d\n", me->ticks);
    if (me->ticks < 3)
        return 0;
    int err = cadre_cancel(self, me->every); /* from here on none comes, exactly */
    return err ? err : cadre_cancel(self, me->bell);
}
static const cadre_class root = {
    .state_size = sizeof(struct clock), .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &root, NULL) != 0; }
