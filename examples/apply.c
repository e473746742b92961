/* apply.c: functions that run in an actor's turn: from an actor, from another thread, and
 * from a signal handler. */
#include <cadre/apply.h>
#include <signal.h>
#include <stdio.h>

struct counter {
    int count;
};

static int add(cadre_self *self, void *state, void *arg)
{
    ((struct counter *)state)->count += *(const int *)arg; /* no lock: it is its turn */
    return 0;
}
static int show(cadre_self *self, void *state, void *arg)
{
    const struct counter *me = state;
    if (me->count < 42) /* start's has not come yet */
        return cadre_apply(self, cadre_me(self), show, arg);
    printf("%s: %d\n", (const char *)arg, me->count);
    return CADRE_STOP; /* means what it means in receive */
}

static int start(cadre_self *self, void *state)
{
    static int two = 2;
    return cadre_apply(self, cadre_me(self), add, &two);
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class root = {
    .state_size = sizeof(struct counter), .start = start, .receive = receive};

static cadre_raise *on_interrupt;
static void interrupted(int which)
{
    cadre_raise_now(on_interrupt);
} /* allocates nothing */

int main(void)
{
    static int forty = 40;
    cadre_system *sys;
    if (cadre_system_new(&sys, NULL, &root, NULL))
        return 1;
    cadre_ref to = cadre_system_root(sys);
    if (cadre_raise_new(&on_interrupt, sys, to, show, "interrupted at") ||
        cadre_apply_outside(sys, to, add, &forty))
        return 1;
    signal(SIGINT, interrupted);
    raise(SIGINT);
    int reason = cadre_system_wait(sys);
    signal(SIGINT, SIG_DFL);
    cadre_raise_free(on_interrupt);
    return reason || cadre_system_free(sys);
}
