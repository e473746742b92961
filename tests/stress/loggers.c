/* loggers.c: many actors on real threads log to one whose sink takes little at a time and
 * fails now and then, while it is stopped or killed, at the end or in the midst: each
 * line is written once, whole and in order, or is counted as dropped; one thread writes
 * at a time. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/actors/logger.h>
#include <cadre/future.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SENDERS = 6, LINE = 200 };

/* What the sink has seen; one thread at a time. */
static struct {
    struct dice dice;
    char line[LINE + 1];
    size_t used;
    int64_t last[SENDERS];
    uint64_t lines, missing;
} seen;
static struct {
    uint64_t size;
    bool is_small, kills;
    cadre_ref logger;
    atomic_bool inside;
    atomic_uint_fast64_t sent, done;
    atomic_uint overs;
    cadre_logger_status status;
} scene;

static void end_line(void)
{
    unsigned sender;
    unsigned long long number, dropped;
    const char *said = strstr(seen.line, ": ");
    CHECK(said != NULL);
    if (said && sscanf(said, ": %llu lines dropped", &dropped) == 1) {
        seen.missing += dropped;
        return;
    }
    bool is_whole = said && sscanf(said, ": said by=%u n=%llu", &sender, &number) == 2;
    CHECK(is_whole && sender < SENDERS);
    if (!is_whole || sender >= SENDERS)
        return;
    CHECK(seen.last[sender] < (int64_t)number);
    seen.last[sender] = (int64_t)number;
    seen.lines++;
}

static int64_t take(void *user, const char *bytes, size_t size)
{
    CHECK(!atomic_exchange(&scene.inside, true));
    size_t n = 1 + dice_below(&seen.dice, 2000);
    n = n < size ? n : size;
    bool fails = dice_once_in(&seen.dice, 50);
    for (size_t i = 0; i < n && !fails; i++) {
        if (bytes[i] != '\n') {
            CHECK(seen.used < LINE);
            seen.line[seen.used < LINE ? seen.used++ : 0] = bytes[i];
            continue;
        }
        seen.line[seen.used] = '\0';
        end_line();
        seen.used = 0;
    }
    atomic_store(&scene.inside, false);
    return fails ? -ENOSPC : (int64_t)n;
}

static void over(void *user, const cadre_logger_status *status)
{
    scene.status = *status;
    atomic_fetch_add(&scene.overs, 1);
}

/* ---- senders ---- */

typedef struct {
    uint32_t id;
    uint64_t n;
} sender;
typedef struct {
    int nothing;
} more;
CADRE_TYPE(more);

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    sender *s = state;
    for (int i = 0; i < 8 && s->n < scene.size; i++) {
        CHECK_EQ(cadre_log(self, scene.logger, CADRE_INFO, "said",
                           CADRE_FIELDS({"by", .number = s->id},
                                        {"n", .number = (int64_t)s->n++})),
                 0);
        atomic_fetch_add(&scene.sent, 1);
    }
    if (s->n < scene.size)
        return cadre_send(self, cadre_me(self), more, 0);
    atomic_fetch_add(&scene.done, 1);
    return 0;
}
static int sender_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), more, 0);
}
static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(sender),
                                         .start = sender_start,
                                         .receive = sender_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_logger config = {.write = take,
                           .over = over,
                           .lines = scene.is_small ? 50 : UINT32_MAX,
                           .bytes = 1 << 30,
                           .retry = 1000,
                           .linger = 3600 * CADRE_SECOND};
    int err = cadre_spawn(self, &scene.logger, &cadre_logger_class, &config);
    for (uint32_t i = 0; !err && i < SENDERS; i++)
        err = cadre_spawn(self, NULL, &sender_class, &(sender){.id = i});
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_kill(self, scene.logger, 0);
}
static const cadre_class root_class = {.start = root_start, .receive = root_receive};
static void ignore_log(void *user, int level, const char *line) {}

/* ---- scenarios ---- */

static void begin(uint64_t seed)
{
    memset(&seen, 0, sizeof seen);
    memset(&scene.status, 0, sizeof scene.status);
    for (int i = 0; i < SENDERS; i++)
        seen.last[i] = -1;
    seen.dice = dice_new(seed, 17);
    atomic_store(&scene.sent, 0);
    atomic_store(&scene.done, 0);
    atomic_store(&scene.overs, 0);
}

static void check_books(const cadre_counters *sums)
{
    const cadre_logger_status *s = &scene.status;
    if (atomic_load(&scene.overs) == 0) { /* it ended before its start */
        CHECK_EQ(seen.lines, 0);
        return;
    }
    CHECK_EQ(atomic_load(&scene.overs), 1);
    CHECK_EQ(s->lines, s->written + s->dropped);
    CHECK_EQ(s->waiting, 0);
    CHECK_EQ(seen.lines, s->written);
    CHECK(seen.missing <= s->dropped);
    CHECK(s->lines <= atomic_load(&scene.sent));
    CHECK(atomic_load(&scene.sent) - s->lines <= sums->dead);
}

/* Asks until it is told that all has been written. */
static void flush(cadre_system *sys)
{
    cadre_future *future;
    cadre_msg answer;
    for (bool done = false; !done; cadre_future_free(future)) {
        CHECK_EQ(cadre_call(sys, &future, scene.logger, cadre_logger_flush, 0), 0);
        CHECK_EQ(cadre_future_wait(future, CADRE_NEVER, &answer), 0);
        const cadre_failure *failure = cadre_body(&answer, cadre_failure);
        CHECK(!failure || failure->code == -ENOSPC);
        done = !failure;
    }
}

static void play(uint64_t seed, uint64_t until)
{
    cadre_system *sys;
    cadre_counters sums = {0};
    cadre_config config = {.workers = 3, .blocking_threads = 2, .log = ignore_log};
    begin(seed);
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    while (atomic_load(&scene.sent) < until && atomic_load(&scene.done) < SENDERS)
        sched_yield();
    if (until == UINT64_MAX)
        flush(sys);
    if (scene.kills)
        CHECK_EQ(cadre_tell(sys, cadre_system_root(sys), more, 0), 0);
    cadre_system_stop(sys);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &sums), 0);
    CHECK_EQ(sums.accepted, sums.handled + sums.dead + sums.dropped);
    check_books(&sums);
    CHECK_EQ(cadre_system_free(sys), 0);
}

static void to_the_end(uint64_t size)
{
    scene.is_small = scene.kills = false;
    play(1, UINT64_MAX);
    CHECK_EQ(scene.status.written, SENDERS * size);
}
static void with_little_room(uint64_t size)
{
    scene.is_small = true;
    scene.kills = false;
    play(2, UINT64_MAX);
    CHECK_EQ(scene.status.lines, SENDERS * size);
}
static void in_the_midst(uint64_t size)
{
    for (uint64_t round = 0; round < 20 + size / 1000; round++) {
        scene.is_small = round % 2;
        scene.kills = round % 4 / 2;
        play(round, 1 + round * 37 % 2000);
    }
}

static const struct {
    const char *name;
    void (*run)(uint64_t size);
} scenarios[] = {{"to_the_end", to_the_end},
                 {"with_little_room", with_little_room},
                 {"in_the_midst", in_the_midst}};

int main(int argc, char **argv)
{
    scene.size = effort(20000, 400000);
    const struct option_entry options[] = {
        {"lines", &scene.size, NULL, "of each actor"}, {0}};
    options_read(argc, argv, "each line is written once, or counted", options);
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        double from = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--lines %" PRIu64, scene.size);
        scenarios[i].run(scene.size);
        bool ok = verdict_end();
        printf("%s: %s, %" PRIu64 " written, %" PRIu64 " dropped, %" PRIu64
               " failures, %.2f s\n",
               scenarios[i].name, ok ? "ok" : "FAILED", scene.status.written,
               scene.status.dropped, scene.status.failures, effort_clock() - from);
    }
    return verdict_print();
}
