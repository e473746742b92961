/* pingpong.c: pairs of actors that keep a ball each in the air until its count runs out,
 * for tools/instructions.sh. */
#include "instructions/clock.h"
#include "support/options.h"

#include <cadre.h>
#include <cadre/supervise.h>

typedef struct {
    uint64_t left;
} ball;
typedef struct {
    uint64_t none;
} finished;
static CADRE_TYPE(ball);
static CADRE_TYPE(finished);

static int ponger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    ball *b = cadre_body(m, ball);
    return b ? cadre_reply(self, m, ball, .left = b->left - 1)
             : cadre_unhandled(self, m);
}
static const cadre_class ponger = {.name = "ponger", .receive = ponger_receive};

struct pinger {
    cadre_ref peer;
    uint64_t balls; /* both ways: even */
};

static int pinger_start(cadre_self *self, void *state)
{
    struct pinger *me = state;
    return cadre_send(self, me->peer, ball, .left = me->balls - 1);
}

static int pinger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct pinger *me = state;
    ball *b = cadre_body(m, ball);
    if (!b)
        return cadre_unhandled(self, m);
    if (b->left > 0)
        return cadre_send(self, me->peer, ball, .left = b->left - 1);
    return cadre_send(self, cadre_parent(self), finished, 0);
}
static const cadre_class pinger = {.name = "pinger",
                                   .state_size = sizeof(struct pinger),
                                   .start = pinger_start,
                                   .receive = pinger_receive};

struct master {
    uint64_t pairs, balls; /* balls: of each pair */
    uint64_t limit;        /* of each mailbox; 0: none */
    bool accounted;        /* they have budgets */
};

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    const cadre_limit limit = {.mailbox_max = (uint32_t)me->limit};
    const cadre_budget budget = {0};
    const cadre_opts opts = {.limit = &limit, .budget = me->accounted ? &budget : NULL};
    for (uint64_t i = 0; i < me->pairs; i++) {
        struct pinger init = {.balls = me->balls};
        int err = cadre_spawn_with(self, &init.peer, &ponger, NULL, &opts);
        if (err == 0)
            err = cadre_spawn_with(self, NULL, &pinger, &init, &opts);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, finished))
        return cadre_unhandled(self, m);
    return --me->pairs ? 0 : CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

int main(int argc, char **argv)
{
    uint64_t pairs = 1, count = 1000, limit = 0, accounted = 0;
    const struct option_entry table[] = {
        {.name = "pairs", .number = &pairs, .help = "pairs"},
        {.name = "count", .number = &count, .help = "messages, of all pairs together"},
        {.name = "limit", .number = &limit, .help = "messages in a mailbox; 0: any"},
        {.name = "accounted", .number = &accounted, .help = "1: they have budgets"},
        {0}};
    options_read(argc, argv, "Balls between pairs of actors.", table);
    if (pairs == 0 || count < 2 * pairs || count % (2 * pairs) != 0)
        return 2;
    if (accounted)
        clock_step_ns = 25; /* its looks are to be as seldom as they are */
    struct master init = {.pairs = pairs,
                          .balls = count / pairs,
                          .limit = limit,
                          .accounted = accounted > 0};
    return cadre_run(&(cadre_config){.workers = 1}, &master, &init) != 0;
}
