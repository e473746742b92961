/* gate.c: how many connections of a listener there are. */
#include "io/gate.h"

enum { UNTAKEN_MAX = 64 };

int gate_make(struct gate **gate, struct handle *listener, struct world *world,
              uint32_t max)
{
    void *p;
    int err = cadre_port_get(world, &p, sizeof **gate);
    if (err)
        return err;
    *gate = p;
    **gate = (struct gate){.world = world,
                           .max = max ? max : UINT32_MAX,
                           .lock = PTHREAD_MUTEX_INITIALIZER,
                           .listener = listener,
                           .users = 1};
    return 0;
}

static bool has_room(const struct gate *gate)
{
    return gate->connections < gate->max && gate->untaken < UNTAKEN_MAX;
}

/* Locked. */
static void tell(struct gate *gate)
{
    if (!gate->is_awaited || !gate->listener || !has_room(gate))
        return;
    gate->is_awaited = false;
    handle_command(gate->listener, GATE_OPENS);
}

/* Locked. */
static void unlock_and_leave(struct gate *gate)
{
    bool was_last = --gate->users == 0;
    pthread_mutex_unlock(&gate->lock);
    if (!was_last)
        return;
    pthread_mutex_destroy(&gate->lock);
    cadre_port_put(gate->world, gate, sizeof *gate);
}

void gate_close(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->listener = NULL;
    unlock_and_leave(gate);
}

bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool enters = has_room(gate);
    gate->is_awaited = !enters;
    gate->users += enters;
    gate->connections += enters;
    gate->untaken += enters;
    pthread_mutex_unlock(&gate->lock);
    return enters;
}

void gate_await(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_awaited = true;
    pthread_mutex_unlock(&gate->lock);
}

void gate_taken(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->untaken--;
    tell(gate);
    pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate, bool was_taken)
{
    pthread_mutex_lock(&gate->lock);
    gate->connections--;
    gate->untaken -= !was_taken;
    tell(gate);
    unlock_and_leave(gate);
}
