/* limits.c: senders on real workers flood a receiver with a limit, under each policy.
 *
 * There are never more bodies than the limit allows; each is dropped once; and what is
 * handled of one sender's comes in order. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/supervise.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SENDERS = 4, MAX = 40, POLICIES = CADRE_REDIRECT + 1 };

static struct {
    cadre_limit limit;
    cadre_ref receiver;
    uint64_t mails;
    _Atomic uint64_t refused, made, gone;
    _Atomic int64_t inside; /* bodies that nobody has dropped: none is handled long */
    _Atomic int64_t most;
    uint64_t handled, redirected; /* the receivers' own */
} flood;

typedef struct {
    uint32_t sender, serial;
} drop_of_water;
static void evaporate(void *body)
{
    atomic_fetch_add(&flood.gone, 1);
    atomic_fetch_sub(&flood.inside, 1);
}
static CADRE_TYPE_DROP(drop_of_water, evaporate);
typedef struct {
    uint32_t none;
} pulse;
static CADRE_TYPE(pulse);

static uint64_t by_sender(const cadre_type *type, const void *body)
{
    return ((const drop_of_water *)body)->sender;
}

/* ---- receivers ---- */

typedef struct {
    bool is_spare;
    uint32_t next[SENDERS];
} basin;

static int basin_receive(cadre_self *self, void *state, cadre_msg *m)
{
    basin *b = state;
    const drop_of_water *d = cadre_body(m, drop_of_water);
    CHECK(d->serial >= b->next[d->sender]);
    b->next[d->sender] = d->serial + 1;
    if (b->is_spare)
        flood.redirected++;
    else
        flood.handled++;
    if (!b->is_spare && d->serial % 16 == 0)
        for (volatile int i = 0; i < 2000; i++)
            ;
    return 0;
}
static const cadre_class basin_class = {
    .name = "basin", .state_size = sizeof(basin), .receive = basin_receive};

/* ---- senders ---- */

typedef struct {
    uint32_t index, serial;
} spring;

static void send_one(cadre_self *self, spring *s)
{
    int64_t inside = atomic_fetch_add(&flood.inside, 1) + 1, most = flood.most;
    while (inside > most && !atomic_compare_exchange_weak(&flood.most, &most, inside))
        ;
    atomic_fetch_add(&flood.made, 1);
    int err = cadre_send(self, flood.receiver, drop_of_water, s->index, s->serial++);
    CHECK(err == 0 || err == CADRE_EFULL);
    if (err)
        atomic_fetch_add(&flood.refused, 1);
}
static int spring_receive(cadre_self *self, void *state, cadre_msg *m)
{
    spring *s = state;
    for (int i = 0; i < 10 && s->serial < flood.mails; i++)
        send_one(self, s);
    return s->serial < flood.mails ? cadre_send(self, cadre_me(self), pulse, 0) : 0;
}
static int spring_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class spring_class = {.name = "spring",
                                         .state_size = sizeof(spring),
                                         .start = spring_start,
                                         .receive = spring_receive};

static int root_start(cadre_self *self, void *state)
{
    static const basin spare = {.is_spare = true};
    int err = 0;
    if (flood.limit.overflow == CADRE_REDIRECT)
        err = cadre_spawn(self, &flood.limit.redirect, &basin_class, &spare);
    const cadre_opts opts = {.limit = &flood.limit};
    if (!err)
        err = cadre_spawn_with(self, &flood.receiver, &basin_class, NULL, &opts);
    for (uint32_t i = 0; !err && i < SENDERS; i++)
        err = cadre_spawn(self, NULL, &spring_class, &(spring){i, 0});
    return err;
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = ignore};

static void ignore_log(void *user, int level, const char *line) {}

/* How many bodies there may be at a time.
 *
 * Those that wait: MAX. One is in hand, because it is taken out of the count before it
 * is handled; and each sender has one that is not accepted yet. Where what is old is
 * dropped, up to twice as many wait, for so many are given away to other workers; and
 * what is too much is first moved out, up to the other half and one for a newcomer, and
 * then dropped outside the mailbox, while that fills again. Whoever does that, the
 * receiver or a sender on its worker, does nothing else meanwhile; so this happens once
 * on each worker that may run one of them. */
static uint64_t bodies_max(uint32_t workers, uint8_t overflow)
{
    uint64_t outside = 1 + SENDERS;
    uint64_t droppers = workers < 1 + SENDERS ? workers : 1 + SENDERS;
    if (overflow != CADRE_DROP_OLDEST && overflow != CADRE_KEEP_LATEST)
        return MAX + outside;
    return 2 * MAX + outside + droppers * (MAX + 1);
}

static void check(const cadre_counters *c, uint32_t workers, uint8_t overflow)
{
    CHECK_EQ(c->accepted, c->handled + c->dead + c->dropped);
    CHECK_EQ(flood.made, SENDERS * flood.mails);
    CHECK_EQ(flood.gone, flood.made);
    CHECK_EQ(flood.made, flood.handled + flood.redirected + flood.refused + c->dropped);
    CHECK((overflow == CADRE_REFUSE) || flood.refused == 0);
    if (overflow != CADRE_REDIRECT) /* the spare one has no limit */
        CHECK(flood.most <= (int64_t)bodies_max(workers, overflow));
}

static void run(uint32_t workers, uint64_t mails, uint8_t overflow)
{
    cadre_counters c = {0};
    cadre_system *sys;
    cadre_config config = {
        .workers = workers, .end_when_quiet = true, .log = ignore_log};
    memset(&flood, 0, sizeof flood);
    flood.mails = mails;
    flood.limit = (cadre_limit){.mailbox_max = MAX, .overflow = overflow};
    if (overflow == CADRE_KEEP_LATEST)
        flood.limit.key = by_sender;
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return;
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    check(&c, workers, overflow);
    printf("%u workers, policy %u: %" PRIu64 " handled, %" PRIu64 " refused, %" PRIu64
           " dropped, %" PRIu64 " elsewhere, at most %" PRId64 " at a time\n",
           workers, overflow, flood.handled, flood.refused, c.dropped, flood.redirected,
           flood.most);
}

int main(int argc, char **argv)
{
    uint64_t mails = effort(20000, 1000000);
    const char *list = "1,2,4";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"mails", &mails, NULL, "that each sender sends"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "a mailbox with a limit is flooded", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++)
        for (uint8_t policy = 0; policy < POLICIES; policy++) {
            verdict_begin(600, "--workers %u --mails %" PRIu64, workers[i], mails);
            run(workers[i], mails, policy);
            (void)verdict_end();
        }
    return verdict_print();
}
