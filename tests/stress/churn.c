/* churn.c: actors come and go by the million; memory does not grow, and nobody gets mail
 * for one who had its place before. */
#include "stress/tally.h"
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/process.h"
#include "support/verdict.h"

#include <cadre.h>

#include <inttypes.h>
#include <stdio.h>

enum { BREEDERS = 4, WINDOW = 32, OLD = 64, SLACK = 4 << 20 };

enum count { ACCEPTED, HANDLED, STARTED, STOPPED, SPAWNED };

static struct {
    uint64_t per_breeder;
    struct tally tally;
    uint64_t warm, end; /* resident bytes, as the first breeder saw them */
} churn;

static void up(enum count which) { tally_add(&churn.tally, which); }

typedef struct {
    uint64_t serial; /* whom it is for */
} hello;
CADRE_TYPE(hello);
typedef struct {
    uint64_t serial;
} bye;
CADRE_TYPE(bye);

static void ignore_log(void *user, int level, const char *line) {}

/* ---- the children ---- */

typedef struct {
    uint64_t serial;
    uint64_t fill[4];
} child;

static int child_start(cadre_self *self, void *state)
{
    up(STARTED);
    return 0;
}

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    child *c = state;
    CHECK_EQ(cadre_body(m, hello)->serial, c->serial);
    up(HANDLED);
    CHECK_EQ(cadre_reply(self, m, bye, c->serial), 0);
    up(ACCEPTED);
    return c->serial % 2 ? CADRE_STOP : 0; /* the others will be stopped */
}

static void child_stop(cadre_self *self, void *state, int reason) { up(STOPPED); }

static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(child),
                                        .start = child_start,
                                        .receive = child_receive,
                                        .stop = child_stop};

/* ---- the breeders ---- */

typedef struct {
    uint32_t index;
    uint64_t bred, gone;
    struct dice dice;
    cadre_ref old[OLD]; /* of children that are as good as dead */
} breeder;

static void send_hello(cadre_self *self, cadre_ref to, uint64_t serial)
{
    CHECK_EQ(cadre_send(self, to, hello, .serial = serial), 0);
    up(ACCEPTED);
}

static void breed(cadre_self *self, breeder *b)
{
    child init = {.serial = b->bred * BREEDERS + b->index};
    cadre_ref ref;
    int err = cadre_spawn(self, &ref, &child_class, &init);
    CHECK_EQ(err, 0);
    if (err)
        return;
    up(SPAWNED);
    b->bred++;
    send_hello(self, ref, init.serial);
}

static int breeder_start(cadre_self *self, void *state)
{
    for (int i = 0; i < WINDOW; i++)
        breed(self, state);
    return 0;
}

static void observe(breeder *b)
{
    if (b->index == 0 && b->gone == churn.per_breeder / 2)
        churn.warm = process_resident();
    if (b->index == 0 && b->gone == churn.per_breeder)
        churn.end = process_resident();
}

static int breeder_receive(cadre_self *self, void *state, cadre_msg *m)
{
    breeder *b = state;
    uint64_t serial = cadre_body(m, bye)->serial;
    up(HANDLED);
    CHECK_EQ(serial % BREEDERS, b->index);
    if (serial % 2 == 0)
        CHECK_EQ(cadre_kill(self, m->from, 0), 0);
    b->old[b->gone++ % OLD] = m->from;
    observe(b);
    if (b->bred < churn.per_breeder)
        breed(self, b);
    /* Its successors must not take it for theirs. */
    if (dice_once_in(&b->dice, 4))
        send_hello(self, b->old[dice_below(&b->dice, OLD)], UINT64_MAX);
    return b->gone == churn.per_breeder ? CADRE_STOP : 0;
}

static const cadre_class breeder_class = {.name = "breeder",
                                          .state_size = sizeof(breeder),
                                          .start = breeder_start,
                                          .receive = breeder_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < BREEDERS; i++) {
        breeder b = {.index = i, .dice = dice_new(1, i)};
        err = cadre_spawn(self, NULL, &breeder_class, &b);
        up(SPAWNED);
    }
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static void run(uint32_t workers, uint64_t actors)
{
    cadre_counters c = {0};
    cadre_system *sys;
    cadre_config config = {
        .workers = workers, .end_when_quiet = true, .log = ignore_log};
    tally_clear(&churn.tally);
    churn.per_breeder = actors / BREEDERS > WINDOW ? actors / BREEDERS : WINDOW;
    double start = effort_clock();
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return;
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(c.accepted, tally_sum(&churn.tally, ACCEPTED));
    CHECK_EQ(c.handled, tally_sum(&churn.tally, HANDLED));
    CHECK_EQ(c.accepted, c.handled + c.dead);
    CHECK_EQ(c.spawned, tally_sum(&churn.tally, SPAWNED) + 1);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(tally_sum(&churn.tally, STARTED), BREEDERS * churn.per_breeder);
    CHECK_EQ(tally_sum(&churn.tally, STOPPED), BREEDERS * churn.per_breeder);
    int64_t grown = (int64_t)churn.end - (int64_t)churn.warm;
    printf("%u workers: %" PRIu64 " actors, %.2f M/s; resident %+" PRId64
           " KiB in the second half\n",
           workers, c.spawned, (double)c.spawned / 1e6 / (effort_clock() - start),
           grown / 1024);
    if (EFFORT_SLOWDOWN == 1)
        CHECK(grown < SLACK + (int64_t)(actors / 2 / 10000000 << 20));
}

int main(int argc, char **argv)
{
    uint64_t actors = effort(3000000, 100000000);
    const char *list = "1,2,4";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"actors", &actors, NULL, "how many, in all"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "actors come and go", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++) {
        verdict_begin(3600, "--workers %u --actors %" PRIu64, workers[i],
                      actors / n * n);
        run(workers[i], actors / n);
        (void)verdict_end();
    }
    return verdict_print();
}
