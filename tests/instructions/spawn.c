/* spawn.c: actors that get one message, answer it and end, a hundred at a time, for
 * tools/instructions.sh. */
#include "instructions/clock.h"
#include "support/options.h"

#include <cadre.h>

enum { WAVE = 100 };

typedef struct {
    uint64_t none;
} work;
typedef struct {
    uint64_t none;
} done;
static CADRE_TYPE(work);
static CADRE_TYPE(done);

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (!cadre_body(m, work))
        return cadre_unhandled(self, m);
    int err = cadre_reply(self, m, done, 0);
    return err < 0 ? err : CADRE_STOP;
}
static const cadre_class child = {
    .name = "child", .state_size = sizeof(uint64_t), .receive = child_receive};

struct master {
    uint64_t count, spawned, ended;
};

static int spawn_wave(cadre_self *self, struct master *me)
{
    for (int i = 0; i < WAVE && me->spawned < me->count; i++, me->spawned++) {
        cadre_ref ref;
        int err = cadre_spawn(self, &ref, &child, NULL);
        if (err == 0)
            err = cadre_send(self, ref, work, 0);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_start(cadre_self *self, void *state)
{
    return spawn_wave(self, state);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, done))
        return cadre_unhandled(self, m);
    if (++me->ended < me->spawned)
        return 0;
    return me->spawned < me->count ? spawn_wave(self, me) : CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

int main(int argc, char **argv)
{
    uint64_t count = 1000;
    const struct option_entry table[] = {
        {.name = "count", .number = &count, .help = "actors"}, {0}};
    options_read(argc, argv, "Actors that get one message, answer it, and end.", table);
    struct master init = {.count = count};
    return cadre_run(&(cadre_config){.workers = 1}, &master, &init) != 0;
}
