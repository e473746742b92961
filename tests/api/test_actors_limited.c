/* test_actors_limited.c: ready-made actors whose own mailbox has a limit: what that drops
 * of the messages they send themselves is made up for. */
#include "support/folder.h"

#include <cadre/actors/file.h>
#include <cadre/actors/logger.h>
#include <cadre/actors/resolve.h>
#include <cadre/actors/shedder.h>
#include <cadre/limit.h>
#include <cadre/supervise.h>
#include <cadre/watch.h>

#include <errno.h>

enum { ROUNDS = 200, ASKERS = 3, BURST_MAX = 4 };
#define PATIENCE (20 * CADRE_SECOND)

/* Who is flooded, with what, and what came of it. */
static struct flood {
    const cadre_class *class;
    const void *config;
    const cadre_type *type;
    const void *body;
    cadre_limit limit;
    cadre_ref who;
    atomic_uint answered, wrongs;
} flood;

/* ---- who asks -------------------------------------------------------------------- */

struct asker {
    uint32_t rounds, waits;
};

static int ask_some(cadre_self *self, struct asker *me)
{
    for (uint64_t i = cadre_random(self) % BURST_MAX; i < BURST_MAX; i++)
        me->waits +=
            cadre_ask_as(self, NULL, flood.who, PATIENCE, flood.type, flood.body) == 0;
    return 0;
}
static int asker_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 0);
}
/* Each request has its outcome, and none because nothing was done about it. */
static int asker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct asker *me = state;
    const cadre_failure *f = cadre_body(m, cadre_failure);
    bool begins = cadre_body(m, number) && !m->token.id;
    atomic_fetch_add(&flood.wrongs, f && f->code != CADRE_EFULL);
    atomic_fetch_add(&flood.answered, !f && !begins);
    me->waits -= !begins;
    if (me->waits > 0)
        return 0;
    if (++me->rounds > ROUNDS || atomic_load(&flood.wrongs) > 0)
        return CADRE_STOP;
    (void)ask_some(self, me);
    return me->waits > 0 ? 0 : cadre_send(self, cadre_me(self), number, 0);
}
static const cadre_class asker_class = {.name = "asker",
                                        .state_size = sizeof(struct asker),
                                        .start = asker_start,
                                        .receive = asker_receive};

static int root_start(cadre_self *self, void *state)
{
    const cadre_opts opts = {.limit = &flood.limit};
    cadre_ref asker;
    int err = cadre_spawn_with(self, &flood.who, flood.class, flood.config, &opts);
    for (int i = 0; !err && i < ASKERS; i++) {
        err = cadre_spawn(self, &asker, &asker_class, NULL);
        if (!err)
            err = cadre_watch(self, NULL, asker);
    }
    return err;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t *ended = state;
    return ++*ended == ASKERS ? CADRE_STOP : 0;
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(uint32_t),
                                 .start = root_start,
                                 .receive = root_receive};

static void play_flood(const cadre_class *class, const void *config,
                       const cadre_type *type, const void *body)
{
    static const uint8_t ways[] = {CADRE_REFUSE, CADRE_DROP_NEWEST, CADRE_DROP_OLDEST};
    flood =
        (struct flood){.class = class, .config = config, .type = type, .body = body};
    for (uint32_t i = 0; i < 3 * sizeof ways; i++) {
        cadre_config with = quiet(3, 0);
        flood.limit =
            (cadre_limit){.mailbox_max = 1 + i / 3, .overflow = ways[i % sizeof ways]};
        assert_int_equal(run(&with, &root, NULL), 0);
        assert_int_equal(atomic_load(&flood.wrongs), 0);
    }
    assert_true(atomic_load(&flood.answered) > 0);
}

/* ---- who is asked ---------------------------------------------------------------- */

static void file_goes_on(void **state)
{
    const cadre_file config = {.path = in_folder("file"), .use = CADRE_FILE_MAKE};
    const cadre_file_read_at read = {.size = 1};
    play_flood(&cadre_file_class, &config, &cadre_file_read_at_type, &read);
}

static void resolver_goes_on(void **state)
{
    const cadre_resolver_ask ask = {.host = "127.0.0.1", .port = 1};
    play_flood(&cadre_resolver_class, &(cadre_resolver){.ttl = 1},
               &cadre_resolver_ask_type, &ask);
}

static void logger_goes_on(void **state)
{
    const cadre_logger config = {.path = in_folder("log")};
    const cadre_logger_reopen reopen = {0};
    play_flood(&cadre_logger_class, &config, &cadre_logger_reopen_type, &reopen);
}

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply_as(self, m, m->type, m->body);
}
static const cadre_class target_class = {.name = "target", .receive = answer};
static int front_start(cadre_self *self, void *state)
{
    cadre_shedder *me = state;
    int err = cadre_spawn(self, &me->target, &target_class, NULL);
    return err ? err : cadre_shedder_class.start(self, state);
}
/* A shedder before a target of its own. */
static cadre_class front_class;
static void shedder_goes_on(void **state)
{
    const number n = {1};
    front_class = cadre_shedder_class;
    front_class.start = front_start;
    play_flood(&front_class, &(cadre_shedder){.delay = 100 * CADRE_SECOND},
               &number_type, &n);
}

int main(void)
{
    TESTS(cmocka_unit_test(file_goes_on), cmocka_unit_test(resolver_goes_on),
          cmocka_unit_test(logger_goes_on), cmocka_unit_test(shedder_goes_on));
    make_folder();
    return RUN_TESTS();
}
