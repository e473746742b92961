/* test_port.c: a port whose driver is the test. */
#include "actor/port.h"

#include "support/support.h"

#include <errno.h>

typedef struct {
    int reason;
} thing_closed;
static CADRE_TYPE(thing_closed);

enum { NEWS = 1 };
static struct port *port;
static unsigned closed, released;

static struct envelope *tell(struct cadre_self *self, struct port *p)
{
    p->pending &= PORT_OWN;
    return NULL;
}
static void tell_closed(struct port *p, void *body)
{
    *(thing_closed *)body = (thing_closed){0};
}
static void forget(struct port *p) {}
static void put(struct port *p)
{
    released++;
    cadre_port_free(p);
}
static const struct port_class thing_class = {.name = "thing",
                                              .closed = &thing_closed_type,
                                              .tell = tell,
                                              .tell_closed = tell_closed,
                                              .abort = forget,
                                              .release = put};

static int note_closed(cadre_self *self, void *state, cadre_msg *m)
{
    closed += m->type == &thing_closed_type;
    return 0;
}

/* Its driver has rung, and not delivered that yet. */
static int give_when_rung(cadre_self *self, void *state)
{
    static const cadre_class class = {.name = "taker", .receive = note_closed};
    cadre_ref taker;
    assert_int_equal(cadre_spawn(self, &taker, &class, NULL), 0);
    assert_int_equal(cadre_port_make(self->world, &port, sizeof *port, &thing_class),
                     0);
    assert_int_equal(cadre_port_own(self, port), 0);
    assert_true(bell_ring(&port->bell, NEWS));
    assert_true(cadre_port_give(self, port, taker.id));
    return 0;
}

static void run_dry(cadre_system *sys)
{
    while (cadre_system_poll(sys, 0) > 0) {
    }
}

/* On its way to its next owner it is still there. */
static void given_port_is_not_quiet(void **unused)
{
    static const cadre_class class = {
        .name = "giver", .start = give_when_rung, .receive = note_closed};
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    cadre_system *sys;
    config.end_when_quiet = true;
    assert_int_equal(cadre_system_new(&sys, &config, &class, NULL), 0);
    run_dry(sys);
    assert_int_equal(cadre_system_poll(sys, 0), 0);
    cadre_port_deliver(port, NULL);
    run_dry(sys);
    assert_int_equal(cadre_system_poll(sys, 0), 0);
    cadre_port_ring(port, PORT_CLOSED);
    run_dry(sys);
    assert_int_equal(closed, 1);
    assert_int_equal(released, 1);
    assert_int_equal(cadre_system_poll(sys, 0), -ESHUTDOWN);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(given_port_is_not_quiet));
    return RUN_TESTS();
}
