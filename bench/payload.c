/* payload.c: what does a message cost, by the size of its body?
 *
 * Two actors keep one message in the air whose body has 0 to 4096 bytes. Bodies are
 * copied into the message, and from there into nothing: the receiver reads its number
 * out of the first and the last eight bytes, puts the next one into those of a body of
 * its own, and sends that. So each message is one copy of its size. (buffers.c has the
 * same by reference.) */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 4096 };

typedef struct {
    uint64_t none;
} ready;
static CADRE_TYPE(ready);

static const cadre_type bodies[] = {
    {.name = "body0", .size = 0},       {.name = "body8", .size = 8},
    {.name = "body64", .size = 64},     {.name = "body256", .size = 256},
    {.name = "body1024", .size = 1024}, {.name = "body4096", .size = BODY_MAX}};
enum { SIZES = sizeof bodies / sizeof *bodies };

/* What the main program lends the players. */
struct game {
    const cadre_type *type;
    uint64_t balls; /* both ways: even */
    uint64_t wrong; /* bodies that were not what was sent */
    int64_t start, end;
};

struct player {
    struct game *game;
    cadre_ref peer; /* id 0: the parent */
    uint64_t wrong;
    uint64_t number; /* of the next ball it gets */
    uint8_t body[BODY_MAX];
};

static int throw_ball(cadre_self *self, struct player *me, uint64_t number)
{
    const cadre_type *type = me->game->type;
    if (type->size > 0) {
        memcpy(me->body, &number, sizeof number);
        memcpy(me->body + type->size - sizeof number, &number, sizeof number);
    }
    return cadre_send_as(self, me->peer, type, type->size > 0 ? me->body : NULL);
}

/* False when m is no ball. */
static bool catch_ball(struct player *me, const cadre_msg *m)
{
    const cadre_type *type = me->game->type;
    if (m->type != type)
        return false;
    if (type->size > 0) {
        const uint8_t *last = (const uint8_t *)m->body + type->size - sizeof me->number;
        me->wrong += memcmp(m->body, &me->number, sizeof me->number) != 0 ||
                     memcmp(last, &me->number, sizeof me->number) != 0;
    }
    me->number += 2;
    return true;
}

static int ponger_start(cadre_self *self, void *state)
{
    struct player *me = state;
    me->peer = cadre_parent(self);
    return cadre_send(self, me->peer, ready, 0);
}

static int ponger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct player *me = state;
    if (!catch_ball(me, m))
        return cadre_unhandled(self, m);
    return throw_ball(self, me, me->number - 1);
}

/* Both have ended when the main program looks. */
static void player_stop(cadre_self *self, void *state, int reason)
{
    const struct player *me = state;
    me->game->wrong += me->wrong;
}
static const cadre_class ponger = {.name = "ponger",
                                   .state_size = sizeof(struct player),
                                   .start = ponger_start,
                                   .receive = ponger_receive,
                                   .stop = player_stop};

static int pinger_start(cadre_self *self, void *state)
{
    struct player *me = state;
    struct player init = {.game = me->game};
    me->number = 1;
    return cadre_spawn(self, &me->peer, &ponger, &init);
}

static int pinger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct player *me = state;
    if (catch_ball(me, m)) {
        if (me->number < me->game->balls)
            return throw_ball(self, me, me->number - 1);
        me->game->end = bench_now();
        return CADRE_STOP;
    }
    if (!cadre_body(m, ready))
        return cadre_unhandled(self, m);
    me->game->start = bench_now();
    return throw_ball(self, me, 0);
}
static const cadre_class pinger = {.name = "pinger",
                                   .state_size = sizeof(struct player),
                                   .start = pinger_start,
                                   .receive = pinger_receive,
                                   .stop = player_stop};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct game game = {.type = &bodies[setting->size], .balls = n};
    int err = trial_run("payload", setting->workers, &pinger,
                        &(struct player){.game = &game}, n + 1);
    if (err == 0 && game.wrong > 0) {
        fprintf(stderr, "payload: %" PRIu64 " bodies were not what was sent\n",
                game.wrong);
        err = -1;
    }
    *total = (double)(game.end - game.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t messages = 2000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "payload",
        .question = "What does a message cost, by the size of its body?",
        .method =
            "time from just before the first message to the handling of the last, "
            "one pair",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"messages", "N", "messages per run", &messages, .min = 2, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    for (size_t i = 0; i < SIZES; i++) {
        struct bench_row row = {.name = "payload",
                                .operation = "message",
                                .n = plan_whole(messages, 2),
                                .run = run};
        snprintf(row.params, sizeof row.params, "size=%" PRIu32, bodies[i].size);
        plan_sweep(&plan, &row, i);
    }
    return plan_run(&plan, &bench);
}
