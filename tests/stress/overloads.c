/* overloads.c: more than ten times as much as the consumer can handle, for as long as is
 * wanted: from actors that are held back, under each policy of a limit, and from threads
 * until the system's memory is full.
 *
 * Memory stays within the system's limit; a timer and a request to a third actor are
 * answered meanwhile; the consumer answers again when the flood is over; and in the end
 * each message is accounted for. How long those took is printed, not judged: a busy
 * machine has no bounds. */
#include "support/effort.h"
#include "support/options.h"
#include "support/process.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCERS = 2, AT_ONCE = 20, MAX = 1000, MEMORY = 16 << 20, WORK = 2000 };
enum { HELD_BACK = CADRE_REDIRECT + 1, OUT_OF_MEMORY, WAYS };
static const char *const ways[WAYS] = {"refuse",       "drop newest", "drop oldest",
                                       "keep latest",  "redirect",    "held back",
                                       "out of memory"};

typedef struct {
    uint64_t serial;
} item;
typedef struct {
    cadre_time since; /* 0: from the watcher to the consumer */
} ping;
typedef struct {
    int none;
} tick, pulse;
static CADRE_TYPE(item);
static CADRE_TYPE(ping);
static CADRE_TYPE(tick);
static CADRE_TYPE(pulse);

static struct {
    int way;
    uint64_t keys;
    cadre_time period, lasts;
    cadre_system *sys;
    _Atomic cadre_ref consumer; /* threads look for it, too */
    cadre_ref health;
    _Atomic bool is_over;
    _Atomic uint64_t made, refused;
    uint64_t handled, moved; /* each one actor's */
    /* The watcher's: nanoseconds, and bytes in memory. */
    cadre_time began, last, ended, back, *late;
    uint64_t looks, room, unheard;
    int64_t before, most;
} flood;

/* ---- the flood ---- */

static uint64_t key_of(const cadre_type *type, const void *body)
{
    return type == &item_type ? ((const item *)body)->serial % flood.keys : flood.keys;
}

static void count_made(int err)
{
    CHECK(err == 0 || err == CADRE_EFULL);
    atomic_fetch_add(&flood.made, 1);
    atomic_fetch_add(&flood.refused, err != 0);
}

static int producer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t *serial = state;
    for (int i = 0; i < AT_ONCE; i++)
        count_made(cadre_send(self, flood.consumer, item, (*serial)++));
    return flood.is_over ? 0 : cadre_send(self, cadre_me(self), pulse, 0);
}
static int producer_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static const cadre_class producer_class = {.name = "producer",
                                           .state_size = sizeof(uint64_t),
                                           .start = producer_start,
                                           .receive = producer_receive};

/* Until there is a consumer they are nobody's. */
static void *produce(void *unused)
{
    for (uint64_t i = 0; !flood.is_over; i++) {
        int err = cadre_tell(flood.sys, flood.consumer, item, i);
        if (err == -ESHUTDOWN)
            break; /* it is over, and so is the system */
        count_made(err);
        if (err)
            (void)sched_yield();
    }
    return unused;
}

static int consumer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    ping *p = cadre_body(m, ping);
    if (p)
        return cadre_reply(self, m, ping, p->since);
    if (*(bool *)state) { /* the spare one */
        flood.moved++;
        return 0;
    }
    flood.handled++;
    for (volatile int i = 0; i < WORK; i++)
        ;
    return 0;
}
static const cadre_class consumer_class = {
    .name = "consumer", .state_size = sizeof(bool), .receive = consumer_receive};

/* ---- who watches ---- */

static void note(cadre_time late)
{
    int64_t bytes = (int64_t)process_resident();
    if (flood.looks < flood.room)
        flood.late[flood.looks++] = late;
    if (bytes > flood.most)
        flood.most = bytes;
}

static int ask(cadre_self *self, cadre_ref whom, cadre_time since)
{
    int err = cadre_ask(self, NULL, whom, CADRE_NEVER, ping, since);
    bool full = err == CADRE_EFULL || err == -ENOMEM;
    flood.unheard += full && !flood.is_over;
    return full ? 0 : err;
}

/* A control message: from when the tick should have come until the other one's answer. */
static int watcher_tick(cadre_self *self)
{
    cadre_time now = cadre_now(self), due = flood.last + flood.period;
    flood.last = now;
    if (now - flood.began < flood.lasts)
        return ask(self, flood.health, due < now ? due : now);
    if (!flood.is_over)
        flood.ended = now;
    flood.is_over = true;
    return ask(self, flood.consumer, 0);
}

static int watcher_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const ping *p = cadre_body(m, ping);
    if (!p)
        return cadre_body(m, tick) ? watcher_tick(self) : 0;
    if (p->since) {
        note(cadre_now(self) - p->since);
        return 0;
    }
    flood.back = cadre_now(self);
    return CADRE_STOP; /* it is the root */
}

static int health_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, ping, cadre_body(m, ping)->since);
}

static int watcher_start(cadre_self *self, void *state)
{
    static const cadre_class health_class = {.name = "health",
                                             .receive = health_receive};
    static const bool is_spare = true;
    cadre_limit limit = {.mailbox_max = MAX, .overflow = (uint8_t)flood.way};
    const cadre_opts opts = {.limit = &limit};
    cadre_ref consumer = {0};
    int err = cadre_spawn(self, &flood.health, &health_class, NULL);
    if (!err && flood.way == CADRE_REDIRECT)
        err = cadre_spawn(self, &limit.redirect, &consumer_class, &is_spare);
    if (flood.way == CADRE_KEEP_LATEST)
        limit.key = key_of;
    if (!err)
        err = cadre_spawn_with(self, &consumer, &consumer_class, NULL,
                               flood.way < HELD_BACK ? &opts : NULL);
    flood.consumer = consumer;
    for (int i = 0; !err && flood.way != OUT_OF_MEMORY && i < PRODUCERS; i++)
        err = cadre_spawn(self, NULL, &producer_class, NULL);
    flood.began = flood.last = cadre_now(self);
    return err ? err : cadre_every(self, NULL, flood.period, tick, 0);
}
static const cadre_class watcher_class = {
    .name = "watcher", .start = watcher_start, .receive = watcher_receive};

/* ---- all of it ---- */

static int by_time(const void *a, const void *b)
{
    cadre_time x = *(const cadre_time *)a, y = *(const cadre_time *)b;
    return (x > y) - (x < y);
}

static void check(const cadre_counters *c)
{
    CHECK_EQ(c->accepted, c->handled + c->dead + c->dropped);
    /* A worker whose CPU others have meanwhile does not find out that it is flooded: then
     * the system's memory may be full, and not before. */
    CHECK(flood.way == CADRE_REFUSE || flood.way == OUT_OF_MEMORY ||
          flood.refused == 0 || flood.most - flood.before > MEMORY / 4 * 3);
    CHECK(flood.handled + flood.moved + flood.refused + c->dropped + c->dead >=
          flood.made);
    CHECK(flood.back > 0);
    if (EFFORT_SLOWDOWN == 1) /* a sanitizer has memory of its own */
        CHECK((flood.most - flood.before) * 100 <= INT64_C(105) * MEMORY);
}

static void print(const cadre_counters *c)
{
    qsort(flood.late, flood.looks, sizeof *flood.late, by_time);
    printf("%-14s %10" PRIu64 " sent %9" PRIu64 " handled %9" PRIu64
           " refused %9" PRIu64
           " dropped; memory at most %5.1f MiB; control p50 %6.0f us, p99 %6.0f us, "
           "refused %" PRIu64 "; answers again after %.0f ms\n",
           ways[flood.way], flood.made, flood.handled, flood.refused, c->dropped,
           (double)(flood.most - flood.before) / (1 << 20),
           (double)flood.late[flood.looks / 2] / 1e3,
           (double)flood.late[flood.looks * 99 / 100] / 1e3, flood.unheard,
           (double)(flood.back - flood.ended) / 1e6);
}

static void ignore_log(void *user, int level, const char *line) {}

static void run(int way, uint64_t ms, uint64_t keys)
{
    cadre_counters c = {0};
    pthread_t threads[PRODUCERS];
    int count = way == OUT_OF_MEMORY ? PRODUCERS : 0;
    cadre_config config = {.workers = 2, .memory_max = MEMORY, .log = ignore_log};
    memset(&flood, 0, sizeof flood);
    flood.way = way;
    flood.keys = keys ? keys : 1;
    flood.period = 5 * CADRE_MS;
    flood.lasts = (cadre_time)ms * CADRE_MS;
    flood.room = ms / 5 + 1;
    flood.late = malloc(flood.room * sizeof *flood.late);
    CHECK(flood.late != NULL);
    if (flood.late)
        memset(flood.late, 1, flood.room * sizeof *flood.late); /* ours, so resident */
    flood.before = (int64_t)process_resident();
    CHECK_EQ(cadre_system_new(&flood.sys, &config, &watcher_class, NULL), 0);
    if (verdict_has_failed())
        exit(verdict_print());
    for (int i = 0; i < count; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, produce, NULL), 0);
    CHECK_EQ(cadre_system_wait(flood.sys), 0);
    for (int i = 0; i < count; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(cadre_stats(flood.sys, &c), 0);
    CHECK_EQ(cadre_system_free(flood.sys), 0);
    check(&c);
    if (!verdict_has_failed())
        print(&c);
    free(flood.late);
}

int main(int argc, char **argv)
{
    uint64_t ms = effort_is_long() ? 60000 : 300, keys = 16;
    const char *list = "1,2,3,4,5,6,7";
    uint32_t which[WAYS];
    const struct option_entry options[] = {
        {"ms", &ms, NULL, "how long each flood lasts, in milliseconds"},
        {"keys", &keys, NULL, "how many things messages are about, to keep the latest"},
        {"ways", NULL, &list, "policies, from 1; 6: none; 7: out of memory"},
        {0}};
    options_read(argc, argv, "a consumer gets much more than it can handle", options);
    unsigned n = options_list(list, which, WAYS);
    for (unsigned i = 0; i < n; i++) {
        verdict_begin((unsigned)(120 + ms / 500),
                      "--ms %" PRIu64 " --keys %" PRIu64 " --ways %u", ms, keys,
                      which[i]);
        run((int)((which[i] - 1) % WAYS), ms, keys);
        (void)verdict_end();
    }
    return verdict_print();
}
