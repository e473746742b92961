/* buffers.c: what does a message cost whose bytes travel by reference?
 *
 * Two actors keep one message in the air that owns a cadre_buf of 0 bytes to 64 KiB.
 * They pass the same buffer to and fro: each reads the number in its first and last
 * eight bytes and puts the next one there, so that the cost should not depend on the
 * size. With --new each message has a new buffer, zeroed by its sender and freed after
 * its receiver: what a body of that size by value is to be compared with (payload.c). */
#include "harness/plan.h"
#include "harness/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    uint64_t none;
} ready;
typedef struct {
    cadre_buf *bytes;
} parcel;
static void parcel_drop(void *body) { cadre_buf_unref(((parcel *)body)->bytes); }
static CADRE_TYPE(ready);
static CADRE_TYPE_DROP(parcel, parcel_drop);

static const size_t sizes[] = {0, 8, 64, 256, 1024, 4096, 65536};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* What the main program lends the players. */
struct game {
    size_t size;
    bool fresh;       /* a new buffer for each message */
    uint64_t parcels; /* both ways: even */
    uint64_t wrong;   /* those that were not what was sent */
    int64_t start, end;
};

struct player {
    struct game *game;
    cadre_ref peer;
    uint64_t wrong;
    uint64_t number; /* of the next parcel it gets */
};

/* Sends this buffer, which may be NULL: then a new one. It is consumed. */
static int throw_parcel(cadre_self *self, const struct player *me, cadre_buf *bytes,
                        uint64_t number)
{
    size_t size = me->game->size;
    if (!bytes)
        bytes = cadre_buf_new(NULL, size);
    if (!bytes)
        return -ENOMEM;
    if (size > 0) {
        uint8_t *data = cadre_buf_data(bytes);
        memcpy(data, &number, sizeof number);
        memcpy(data + size - sizeof number, &number, sizeof number);
    }
    return cadre_send(self, me->peer, parcel, .bytes = bytes);
}

static bool is_right(const struct player *me, cadre_buf *bytes)
{
    size_t size = cadre_buf_size(bytes);
    const uint8_t *data = cadre_buf_data(bytes);
    if (!bytes || size != me->game->size)
        return false;
    return size == 0 || (memcmp(data, &me->number, sizeof me->number) == 0 &&
                         memcmp(data + size - sizeof me->number, &me->number,
                                sizeof me->number) == 0);
}

/* Takes what is to be passed on, NULL when a new one is, out of the parcel. */
static cadre_buf *catch_parcel(struct player *me, parcel *p)
{
    me->wrong += !is_right(me, p->bytes);
    me->number += 2;
    return me->game->fresh ? NULL : cadre_buf_move(&p->bytes);
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
    parcel *p = cadre_body(m, parcel);
    if (!p)
        return cadre_unhandled(self, m);
    cadre_buf *bytes = catch_parcel(me, p);
    return throw_parcel(self, me, bytes, me->number - 1);
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
    parcel *p = cadre_body(m, parcel);
    cadre_buf *bytes = NULL;
    if (p && me->number + 1 >= me->game->parcels) {
        me->wrong += !is_right(me, p->bytes);
        me->game->end = bench_now();
        return CADRE_STOP;
    }
    if (p)
        bytes = catch_parcel(me, p);
    else if (cadre_body(m, ready))
        me->game->start = bench_now();
    else
        return cadre_unhandled(self, m);
    return throw_parcel(self, me, bytes, me->number - 1);
}
static const cadre_class pinger = {.name = "pinger",
                                   .state_size = sizeof(struct player),
                                   .start = pinger_start,
                                   .receive = pinger_receive,
                                   .stop = player_stop};

static bool fresh; /* what --new says */

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct game game = {.size = setting->size, .fresh = fresh, .parcels = n};
    int err = trial_run("buffers", setting->workers, &pinger,
                        &(struct player){.game = &game}, n + 1);
    if (err == 0 && game.wrong > 0) {
        fprintf(stderr, "buffers: %" PRIu64 " buffers were not what was sent\n",
                game.wrong);
        err = -1;
    }
    *total = (double)(game.end - game.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t messages = 1000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "buffers",
        .question = "What does a message cost whose bytes travel by reference?",
        .method =
            "time from just before the first message to the handling of the last, "
            "one pair",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"messages", "N", "messages per run", &messages, .min = 2, .max = 1000000000},
        {"new", .help = "a new buffer for each message", .on = &fresh},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    for (size_t i = 0; i < SIZES; i++) {
        struct bench_row row = {.name = fresh ? "buffers-new" : "buffers",
                                .operation = "message",
                                .n = plan_whole(messages, 2),
                                .run = run};
        snprintf(row.params, sizeof row.params, "size=%zu", sizes[i]);
        plan_sweep(&plan, &row, sizes[i]);
    }
    return plan_run(&plan, &bench);
}
