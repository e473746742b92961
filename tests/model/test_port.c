/* test_port.c: a port is given to another actor while its driver closes it.
 *
 * Thread 1 is its owner's turn, which gives it; thread 2 the driver, which rings, and
 * delivers the letter to whose it is then; thread 3 the turns of the actor that gets it,
 * which frees it when it is closed. */
#include "actor/port.h"

enum { NEWS = 1, NOBODY = 0, GIVER = 1, TAKER = 2 };

static struct port *port;
static struct cell cells[TAKER + 1];
static ATOMIC(uint32_t) mail[TAKER + 1]; /* letters in the inboxes */
static ATOMIC(uint32_t) is_freed;
static int text, closed; /* what the news are about */

static void deliver(struct cell *cell)
{
    uint32_t before = exchange_acq_rel(&mail[cell - cells], 1);
    mc_assert(before == 0); /* one letter, in one place */
}

static void ring(uint32_t news)
{
    if (bell_ring(&port->bell, news))
        deliver(load_acquire(&port->cell));
}

/* As port_came. True: it is over. */
static bool came(struct cell *here)
{
    struct cell *home = load_acquire(&port->cell);
    if (home != here) {
        deliver(home);
        return false;
    }
    mc_assert(here == &cells[TAKER]);
    uint32_t news = bell_answer(&port->bell);
    if (news & NEWS)
        mc_assert(plain_read(&text) == 1);
    if (!(news & PORT_CLOSED))
        return false;
    mc_assert(plain_read(&closed) == 1);
    mc_free(port, sizeof *port);
    return true;
}

static void give(void)
{
    if (port_hand_over(port, &cells[TAKER], TAKER))
        deliver(&cells[TAKER]);
    /* Later turns of it: a letter that was on its way is passed on. */
    while (load_acquire(&is_freed) == 0) {
        if (exchange_acq_rel(&mail[GIVER], 0))
            (void)came(&cells[GIVER]);
        cpu_relax();
    }
}

static void drive(void)
{
    plain_write(&text, 1);
    ring(NEWS);
    plain_write(&closed, 1);
    ring(PORT_CLOSED);
}

static void take(void)
{
    while (!exchange_acq_rel(&mail[TAKER], 0) || !came(&cells[TAKER]))
        cpu_relax();
    store_release(&is_freed, 1);
}

static void setup(void)
{
    port = mc_alloc(sizeof *port);
    bell_init(&port->bell);
    atomic_set(&port->cell, &cells[GIVER]);
    atomic_set(&port->owner, GIVER);
    for (int i = NOBODY; i <= TAKER; i++)
        atomic_set(&mail[i], 0);
    atomic_set(&is_freed, 0);
    plain_write(&text, 0);
    plain_write(&closed, 0);
    mc_name(mail, sizeof mail, "mail");
    mc_name(&is_freed, sizeof is_freed, "is_freed");
}

static void given(int self)
{
    if (self == 1)
        give();
    else if (self == 2)
        drive();
    else
        take();
}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {{.name = "port: given while it is closed",
                                            .threads = 3,
                                            .setup = setup,
                                            .thread = given,
                                            .bounds = {.preemptions = 3, .stale = 1},
                                            .deep = {.preemptions = 5, .stale = 2}}};
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
