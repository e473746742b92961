/* counting.c: one actor counts what another sends it in one loop, for
 * tools/instructions.sh. */
#include "instructions/clock.h"
#include "support/options.h"

#include <cadre.h>

typedef struct {
    uint64_t none;
} increment;
typedef struct {
    uint64_t count;
} total;
static CADRE_TYPE(increment);
static CADRE_TYPE(total);

struct counter {
    uint64_t count;
};

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct counter *me = state;
    if (cadre_body(m, increment)) {
        me->count++;
        return 0;
    }
    return cadre_body(m, total) ? cadre_reply(self, m, total, .count = me->count)
                                : cadre_unhandled(self, m);
}
static const cadre_class counter = {.name = "counter",
                                    .state_size = sizeof(struct counter),
                                    .receive = counter_receive};

struct producer {
    uint64_t count;
};

static int producer_start(cadre_self *self, void *state)
{
    struct producer *me = state;
    cadre_ref ref;
    int err = cadre_spawn(self, &ref, &counter, NULL);
    for (uint64_t i = 0; !err && i < me->count; i++)
        err = cadre_send(self, ref, increment, 0);
    return err ? err : cadre_send(self, ref, total, 0);
}

static int producer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct producer *me = state;
    total *t = cadre_body(m, total);
    if (!t)
        return cadre_unhandled(self, m);
    return t->count == me->count ? CADRE_STOP : -1;
}
static const cadre_class producer = {.name = "producer",
                                     .state_size = sizeof(struct producer),
                                     .start = producer_start,
                                     .receive = producer_receive};

int main(int argc, char **argv)
{
    uint64_t count = 1000;
    const struct option_entry table[] = {
        {.name = "count", .number = &count, .help = "messages"}, {0}};
    options_read(argc, argv, "One actor counts what another sends it.", table);
    struct producer init = {.count = count};
    return cadre_run(&(cadre_config){.workers = 1}, &producer, &init) != 0;
}
