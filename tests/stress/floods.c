/* floods.c: sources on real workers send many times as much as the sinks that they send
 * to can handle; some are killed meanwhile. The senders are held back, though not for
 * ever, and every message has its fate. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/flow.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SOURCES = 6, SINKS = 3, AT_ONCE = 200, MANY = 40000 };

static struct {
    cadre_ref sinks[SINKS];
    _Atomic int64_t waiting[SINKS], most;
    _Atomic uint64_t sent, killed, named;
    uint64_t mails, seed;
} flood;

typedef struct {
    uint32_t to;
} mail;
static void fall(void *body)
{
    atomic_fetch_sub(&flood.waiting[((mail *)body)->to], 1);
}
static CADRE_TYPE_DROP(mail, fall);
typedef struct {
    uint32_t none;
} pulse;
static CADRE_TYPE(pulse);

static int sink_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, mail))
        for (volatile int i = 0; i < 3000; i++)
            ;
    return 0;
}
static const cadre_class sink_class = {.name = "sink", .receive = sink_receive};

typedef struct {
    uint64_t left;
    struct dice dice;
} source;

static void send_one(cadre_self *self, source *s)
{
    uint32_t to = dice_below(&s->dice, SINKS);
    int64_t now = atomic_fetch_add(&flood.waiting[to], 1) + 1, most = flood.most;
    while (now > most && !atomic_compare_exchange_weak(&flood.most, &most, now))
        ;
    CHECK_EQ(cadre_send(self, flood.sinks[to], mail, to), 0);
    atomic_fetch_add(&flood.sent, 1);
    s->left--;
}
static int source_receive(cadre_self *self, void *state, cadre_msg *m)
{
    source *s = state;
    for (int i = 0; i < AT_ONCE && s->left > 0; i++)
        send_one(self, s);
    return s->left > 0 ? cadre_send(self, cadre_me(self), pulse, 0) : 0;
}
static int source_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static void source_stop(cadre_self *self, void *state, int reason)
{
    atomic_fetch_add(&flood.killed, reason != 0);
}
static const cadre_class source_class = {.name = "source",
                                         .state_size = sizeof(source),
                                         .start = source_start,
                                         .receive = source_receive,
                                         .stop = source_stop};

/* Looks who is held back, and kills a source now and then. */
static cadre_ref sources[SOURCES];
static void name_one(void *user, const cadre_mute *mute)
{
    CHECK(strcmp(mute->who_class, "source") == 0);
    CHECK(strcmp(mute->by_class, "sink") == 0);
    atomic_fetch_add(&flood.named, 1);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct dice *dice = state;
    CHECK(cadre_muted(cadre_system_of(self), name_one, NULL) >= 0);
    if (dice_once_in(dice, 200))
        CHECK_EQ(cadre_kill(self, sources[dice_below(dice, SOURCES / 2)], 0), 0);
    uint64_t all = SOURCES * flood.mails;
    return flood.sent < all / 2 ? cadre_send(self, cadre_me(self), pulse, 0) : 0;
}
static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < SINKS; i++)
        err = cadre_spawn(self, &flood.sinks[i], &sink_class, NULL);
    for (uint32_t i = 0; !err && i < SOURCES; i++) {
        source s = {flood.mails, dice_new(flood.seed, 3 + i)};
        err = cadre_spawn(self, &sources[i], &source_class, &s);
    }
    return err ? err : cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct dice),
                                       .start = root_start,
                                       .receive = root_receive};

static void ignore_log(void *user, int level, const char *line) {}

static void run(uint32_t workers, uint64_t mails, uint64_t seed)
{
    cadre_counters c = {0};
    cadre_system *sys;
    struct dice dice = dice_new(seed, 2);
    cadre_config config = {
        .workers = workers, .end_when_quiet = true, .log = ignore_log};
    memset(&flood, 0, sizeof flood);
    flood.mails = mails;
    flood.seed = seed;
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, &dice), 0);
    if (verdict_has_failed())
        return;
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    for (int i = 0; i < SINKS; i++)
        CHECK_EQ(flood.waiting[i], 0);
    CHECK(flood.killed > 0 || flood.sent == SOURCES * mails);
    if (mails >= MANY)
        CHECK(c.mutes > 0);
    printf("%u workers: %" PRIu64 " sent, %" PRIu64 " times held back (%" PRIu64
           " seen), %" PRIu64 " killed, %" PRId64 " waited at most\n",
           workers, flood.sent, c.mutes, flood.named, flood.killed, flood.most);
}

int main(int argc, char **argv)
{
    uint64_t mails = effort(MANY, 2000000), rounds = effort(2, 20);
    const char *list = "1,2,4";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"mails", &mails, NULL, "that each source sends"},
        {"rounds", &rounds, NULL, "how often"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "sinks are flooded", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= rounds; seed++) {
            verdict_begin(600, "--workers %u --mails %" PRIu64, workers[i], mails);
            run(workers[i], mails, seed);
            (void)verdict_end();
        }
    return verdict_print();
}
