/* gate.c: how many connections of a listener there are. */
#include "io/gate.h"

enum { UNTAKEN_MAX = 64 };

int gate_make(struct gate **gate, struct world *world, void (*opens)(struct gate *gate),
              void *listener)
{
    void *p;
    int err = cadre_port_get(world, &p, sizeof **gate);
    if (err)
        return err;
    *gate = p;
    **gate = (struct gate){.opens = opens,
                           .listener = listener,
                           .world = world,
                           .users = 1,
                           .max = UINT32_MAX};
    return 0;
}

static void leave(struct gate *gate)
{
    if (--gate->users == 0)
        cadre_port_put(gate->world, gate, sizeof *gate);
}

void gate_close(struct gate *gate)
{
    gate->opens = NULL;
    leave(gate);
}

bool gate_has_room(const struct gate *gate)
{
    return gate->connections < gate->max && gate->untaken < UNTAKEN_MAX;
}

void gate_enter(struct gate *gate)
{
    gate->users++;
    gate->connections++;
    gate->untaken++;
}

void gate_taken(struct gate *gate)
{
    gate->untaken--;
    if (gate->opens)
        gate->opens(gate);
}

void gate_leave(struct gate *gate, bool was_taken)
{
    gate->connections--;
    gate->untaken -= !was_taken;
    if (gate->opens)
        gate->opens(gate);
    leave(gate);
}
