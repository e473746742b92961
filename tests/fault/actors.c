/* actors.c: ready-made actors, while allocation k of their system fails, k = 1, 2, 3 ...
 *
 * A client asks a target through each of them, with bodies that own something and are too
 * large for the pools. Whatever fails: a request that was accepted has one outcome, what
 * is owned is dropped once, items are handed on or are dead letters, and nothing is left
 * allocated. (Buffers come from elsewhere: their failure is not tried here.) */
#include "support/options.h"
#include "support/short_heap.h"
#include "support/verdict.h"

#include <cadre/actors/batcher.h>
#include <cadre/actors/breaker.h>
#include <cadre/actors/file.h>
#include <cadre/actors/gather.h>
#include <cadre/actors/group.h>
#include <cadre/actors/limiter.h>
#include <cadre/actors/logger.h>
#include <cadre/actors/pool.h>
#include <cadre/actors/post.h>
#include <cadre/actors/resolve.h>
#include <cadre/actors/retry.h>
#include <cadre/actors/router.h>
#include <cadre/actors/shedder.h>
#include <cadre/actors/supervisor.h>
#include <cadre/actors/topic.h>
#include <cadre/system.h>
#include <cadre/timer.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASKS = 12, SIZE = 20000, ITEMS = 300 };

/* Of the run in hand; a simulation has one thread. */
static struct {
    int64_t owned; /* bodies that own something, and were not dropped */
    int64_t accepted, outcomes, sent, received;
} facts;

typedef struct {
    uint8_t bytes[SIZE];
} large;
static void drop_large(void *body) { facts.owned--; }
static CADRE_TYPE_DROP(large, drop_large);
static const large blank;

static int share_large(const cadre_type *type, void *body)
{
    facts.owned++;
    return 0;
}

/* Answers with another, every second time after a while. */
typedef struct {
    cadre_promise promise;
} reminder;
static CADRE_TYPE(reminder);

static int target_receive(cadre_self *self, void *state, cadre_msg *m)
{
    reminder r, *due = cadre_body(m, reminder);
    facts.owned += due || ++*(int *)state % 2;
    if (due)
        (void)cadre_answer_as(self, due->promise, &large_type, &blank);
    else if (*(int *)state % 2)
        (void)cadre_reply_as(self, m, &large_type, &blank);
    if (due || *(int *)state % 2)
        return 0;
    if (cadre_defer(self, m, &r.promise))
        return 0;
    if (cadre_after_as(self, NULL, CADRE_SECOND, &reminder_type, &r))
        return CADRE_EUSER;
    return 0;
}
static const cadre_class target = {
    .name = "target", .state_size = sizeof(int), .receive = target_receive};

/* ---- scenarios: what stands before the target ---- */

static int with_retry(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_retry config = {.target = to, .share = share_large, .timeout = CADRE_MS};
    return cadre_spawn(self, front, &cadre_retry_class, &config);
}
static int with_breaker(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_breaker config = {.target = to, .share = share_large};
    return cadre_spawn(self, front, &cadre_breaker_class, &config);
}
static int with_limiter(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_limiter config = {.target = to, .burst = 2};
    return cadre_spawn(self, front, &cadre_limiter_class, &config);
}
static int with_shedder(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_shedder config = {
        .target = to, .share = share_large, .concurrency = 2, .waiting = 8};
    return cadre_spawn(self, front, &cadre_shedder_class, &config);
}
static int with_gather(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_gather config = {.targets = {to, to, to}, .share = share_large, .need = 2};
    return cadre_spawn(self, front, &cadre_gather_class, &config);
}
static int with_router(cadre_self *self, cadre_ref to, cadre_ref *front, uint8_t way)
{
    cadre_router config = {.targets = {to}, .share = share_large, .way = way};
    int err = cadre_spawn(self, &config.targets[1], &target, NULL);
    return err ? err : cadre_spawn(self, front, &cadre_router_class, &config);
}
static int with_least_busy(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    return with_router(self, to, front, CADRE_LEAST_BUSY);
}
static int with_broadcast(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    return with_router(self, to, front, CADRE_BROADCAST);
}
static int with_pool(cadre_self *self, cadre_ref to, cadre_ref *front)
{
    cadre_pool config = {.cls = &target, .share = share_large, .min = 2, .max = 4};
    return cadre_spawn(self, front, &cadre_pool_class, &config);
}

static int ask_all(cadre_self *self, cadre_ref front)
{
    for (int i = 0; i < ASKS; i++) {
        facts.owned++;
        int err =
            cadre_ask_as(self, NULL, front, 60 * CADRE_SECOND, &large_type, &blank);
        facts.accepted += err == 0;
    }
    return 0;
}

/* Items, a piece at a time. */
typedef struct {
    uint32_t number;
} item;
static CADRE_TYPE(item);

static int taker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_batch *b = cadre_body(m, cadre_batch);
    facts.received += b ? b->count : 0;
    return 0;
}
static const cadre_class taker = {.name = "taker", .receive = taker_receive};

static int batch(cadre_self *self)
{
    cadre_batcher config = {.type = &item_type, .count = 7};
    cadre_ref batcher;
    int err = cadre_spawn(self, &config.to, &taker, NULL);
    if (!err)
        err = cadre_spawn(self, &batcher, &cadre_batcher_class, &config);
    for (uint32_t i = 0; i < ITEMS && !err; i++)
        facts.sent += cadre_send_as(self, batcher, &item_type, &(item){i}) == 0;
    return err;
}

static int mail(cadre_self *self)
{
    cadre_outbox config = {.keep = ITEMS};
    cadre_ref outbox;
    int err = cadre_spawn(self, &config.to, &cadre_inbox_class, &(cadre_inbox){0});
    if (!err)
        err = cadre_spawn(self, &outbox, &cadre_outbox_class, &config);
    for (uint32_t i = 0; i < ITEMS && !err; i++) {
        cadre_post post = {.key = i % 9, .content = cadre_buf_new(&i, 4)};
        (void)cadre_send_as(self, outbox, &cadre_post_type, &post);
    }
    return err;
}

/* Each line that the logger has got is written or dropped, at its end at the latest. */
static int64_t count_lines(void *user, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        facts.received += bytes[i] == '\n';
    return (int64_t)size;
}
static void check_lines(void *user, const cadre_logger_status *status)
{
    CHECK_EQ(status->lines, status->written + status->dropped);
    CHECK(facts.received >= (int64_t)status->written); /* and notices */
    CHECK(facts.sent >= (int64_t)status->lines);
}
static int log_all(cadre_self *self)
{
    cadre_logger config = {.write = count_lines, .over = check_lines};
    cadre_ref logger;
    int err = cadre_spawn(self, &logger, &cadre_logger_class, &config);
    for (uint32_t i = 0; i < ITEMS && !err; i++) {
        facts.sent += cadre_log(self, logger, CADRE_ERROR, "x",
                                CADRE_FIELDS({"i", .number = i})) == 0;
        if (i % 50 == 0)
            facts.accepted += cadre_ask(self, NULL, logger, 60 * CADRE_SECOND,
                                        cadre_logger_flush, 0) == 0;
    }
    return err;
}

/* A file that is there while the program runs. */
static char path[] = "/tmp/cadre-fault-XXXXXX";
static int use_file(cadre_self *self)
{
    cadre_file config = {.path = path, .use = CADRE_FILE_UPDATE};
    cadre_ref file;
    int err = cadre_spawn(self, &file, &cadre_file_class, &config);
    for (int i = 0; i < ASKS && !err; i++) {
        facts.accepted += cadre_ask(self, NULL, file, CADRE_NEVER, cadre_file_write_at,
                                    0, cadre_buf_new("x", 1)) == 0;
        facts.accepted +=
            cadre_ask(self, NULL, file, CADRE_NEVER, cadre_file_read_at, 0, 10) == 0;
        facts.accepted +=
            cadre_ask(self, NULL, file, CADRE_NEVER, cadre_file_sync, 0) == 0;
    }
    return err;
}
static int use_paths(cadre_self *self)
{
    for (int i = 0; i < ASKS / 3; i++) {
        facts.accepted += cadre_file_read(self, NULL, CADRE_NEVER, path, 0) == 0;
        facts.accepted +=
            cadre_file_write(self, NULL, CADRE_NEVER, path, cadre_buf_new("x", 1)) == 0;
        facts.accepted += cadre_file_append(self, NULL, CADRE_NEVER, path,
                                            cadre_buf_new("x", 1), true) == 0;
        facts.accepted += cadre_file_stat(self, NULL, CADRE_NEVER, path) == 0;
        facts.accepted += cadre_file_list(self, NULL, CADRE_NEVER, "/", 0) == 0;
        facts.accepted += cadre_file_rename(self, NULL, CADRE_NEVER, "", "") == 0;
    }
    for (int i = 0; i < ITEMS; i++) /* enough to fail between call and step, too */
        facts.accepted += cadre_file_stat(self, NULL, CADRE_NEVER, path) == 0;
    return 0;
}
static int look_up(cadre_self *self)
{
    cadre_ref resolver;
    int err = cadre_spawn(self, &resolver, &cadre_resolver_class, NULL);
    for (int i = 0; i < ASKS && !err; i++) {
        const char *host = i % 2 ? "localhost" : "127.0.0.1";
        cadre_resolver_ask ask = {.port = 80};
        memcpy(ask.host, host, strlen(host));
        facts.accepted += cadre_resolve(self, NULL, CADRE_NEVER, host, 80) == 0;
        facts.accepted += cadre_ask_as(self, NULL, resolver, CADRE_NEVER,
                                       &cadre_resolver_ask_type, &ask) == 0;
    }
    return err;
}

/* Each join and message has one outcome, whoever of the members misses it. */
static int meet(cadre_self *self)
{
    cadre_group config = {.share = share_large, .news = true};
    cadre_ref group, who;
    int err = cadre_spawn(self, &group, &cadre_group_class, &config);
    for (int i = 0; i < ASKS && !err; i++) {
        err = cadre_spawn(self, &who, &taker, NULL);
        if (!err)
            facts.accepted +=
                cadre_ask(self, NULL, group, CADRE_NEVER, cadre_group_join, who) == 0;
        if (i % 3 == 0 && !err)
            (void)cadre_stop(self, who);
    }
    return err ? err : ask_all(self, group);
}

static int hear(cadre_self *self)
{
    cadre_ref topic, who;
    int err = cadre_spawn(self, &topic, &cadre_topic_class, NULL);
    for (uint32_t i = 0; i < ASKS && !err; i++) {
        cadre_publish p = {"a.b", cadre_buf_new(&i, sizeof i), true};
        facts.accepted +=
            cadre_ask_as(self, NULL, topic, CADRE_NEVER, &cadre_publish_type, &p) == 0;
        err = cadre_spawn(self, &who, &taker, NULL);
        if (!err)
            facts.accepted += cadre_ask(self, NULL, topic, CADRE_NEVER,
                                        cadre_topic_subscribe, "a.*", who) == 0;
        if (i % 3 == 0 && !err)
            (void)cadre_stop(self, who);
    }
    return err;
}

/* It fails after a second, until its supervisor gives up. */
static int frail_start(cadre_self *self, void *state)
{
    int err = cadre_after(self, NULL, CADRE_SECOND, item, 0);
    facts.owned += err == 0;
    return err;
}
static int frail_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_EUSER;
}
static void frail_stop(cadre_self *self, void *state, int reason) { facts.owned--; }
static const cadre_class frail = {.name = "frail",
                                  .state_size = SIZE, /* more than pools have */
                                  .start = frail_start,
                                  .receive = frail_receive,
                                  .stop = frail_stop};
static const cadre_child_spec frail_specs[] = {
    {.cls = &frail},
    {.cls = &frail, .mail = CADRE_MAIL_DROP},
    {.cls = &frail, .when = CADRE_TEMPORARY}};

/* Under each strategy, with a backoff or without. Each request has one outcome. */
static int heal(cadre_self *self)
{
    cadre_ref who;
    int err = 0;
    for (uint32_t i = 0; i < 6 && err == 0; i++) {
        cadre_supervisor config = {.children = frail_specs,
                                   .count = 3,
                                   .strategy = (uint8_t)(i / 2),
                                   .max_restarts = 2,
                                   .backoff = i % 2 ? CADRE_MS : 0};
        err = cadre_spawn(self, &who, &cadre_supervisor_class, &config);
        for (uint32_t k = 0; k < 4 && err == 0; k++) {
            facts.accepted += cadre_ask(self, NULL, who, CADRE_NEVER, cadre_which_child,
                                        k) == 0; /* the last one is none */
            facts.accepted += cadre_ask(self, NULL, who, CADRE_NEVER, cadre_add_child,
                                        frail_specs[k % 3]) == 0;
        }
    }
    return err;
}

static const struct scenario {
    const char *name;
    int (*spawn)(cadre_self *self, cadre_ref to, cadre_ref *front);
    int (*act)(cadre_self *self);
} scenarios[] = {{"retry", with_retry, NULL},
                 {"breaker", with_breaker, NULL},
                 {"limiter", with_limiter, NULL},
                 {"shedder", with_shedder, NULL},
                 {"gather", with_gather, NULL},
                 {"batcher", NULL, batch},
                 {"post", NULL, mail},
                 {"logger", NULL, log_all},
                 {"file", NULL, use_file},
                 {"paths", NULL, use_paths},
                 {"resolver", NULL, look_up},
                 {"group", NULL, meet},
                 {"topic", NULL, hear},
                 {"router", with_least_busy, NULL},
                 {"broadcast", with_broadcast, NULL},
                 {"pool", with_pool, NULL},
                 {"supervisor", NULL, heal}};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

/* ---- one run ---- */

static int root_start(cadre_self *self, void *state)
{
    const struct scenario *s = *(const struct scenario **)state;
    cadre_ref to, front;
    if (s->act)
        return s->act(self);
    int err = cadre_spawn(self, &to, &target, NULL);
    if (!err)
        err = s->spawn(self, to, &front);
    return err ? err : ask_all(self, front);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    facts.outcomes++;
    return 0;
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct scenario *),
                                 .start = root_start,
                                 .receive = root_receive};

static void ignore_log(void *user, int level, const char *line) {}

/* Returns whether anything was refused. */
static bool play(const struct scenario *s, uint64_t first, uint64_t count)
{
    struct short_heap heap;
    cadre_config config = {
        .workers = 2, .seed = 1, .log = ignore_log, .end_when_quiet = true};
    cadre_system *sys;
    cadre_counters sums;
    short_heap_init(&heap, first, count);
    short_heap_serve(&heap, &config);
    facts.owned = facts.accepted = facts.outcomes = facts.sent = facts.received = 0;
    if (cadre_system_new(&sys, &config, &root, &s) == 0) {
        int reason = cadre_system_wait(sys);
        CHECK_EQ(cadre_stats(sys, &sums), 0);
        CHECK_EQ(sums.accepted, sums.handled + sums.dead + sums.dropped + sums.pending);
        if (reason == 0) {
            CHECK_EQ(facts.outcomes, facts.accepted);
            CHECK(facts.received <= facts.sent || s->act == log_all);
            if (count == 1 && s->act == batch)
                CHECK_EQ(facts.received + (int64_t)sums.dead, facts.sent);
        }
        CHECK_EQ(cadre_system_free(sys), 0);
    }
    CHECK_EQ(facts.owned, 0);
    CHECK_EQ(atomic_load(&heap.blocks), 0);
    return atomic_load(&heap.refused) > 0;
}

static void sweep(unsigned index, uint64_t count, uint64_t first)
{
    const struct scenario *s = &scenarios[index];
    uint64_t k = first;
    verdict_begin(120, "--scenario %u --count %" PRIu64, index, count);
    do
        verdict_again(120, "--scenario %u --count %" PRIu64 " --first %" PRIu64 " # %s",
                      index, count, k, s->name);
    while (play(s, k++, count) && !verdict_has_failed());
    (void)verdict_end();
}

int main(int argc, char **argv)
{
    uint64_t scenario = SCENARIOS, count = 0, first = 1;
    const struct option_entry options[] = {
        {"scenario", &scenario, NULL, "only this one"},
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"},
        {"first", &first, NULL, "the first that fails"},
        {0}};
    options_read(argc, argv, "allocations fail under ready-made actors", options);
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    for (unsigned s = 0; s < SCENARIOS; s++) {
        if (scenario < SCENARIOS && scenario != s)
            continue;
        sweep(s, count ? count : 1, first);
        if (!count)
            sweep(s, UINT64_MAX, first);
    }
    close(fd);
    unlink(path);
    return verdict_print();
}
