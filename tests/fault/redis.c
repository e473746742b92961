/* redis.c: allocation k fails, k = 1, 2, 3 ..., while a Redis server is asked and
 * listened to, cuts the connections, and is asked again. Each request that was accepted
 * has one outcome, all of it ends, and nothing is left allocated. (What hiredis takes
 * comes from elsewhere.) */
#include "support/options.h"
#include "support/redis.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/actors/redis.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 3, ASKS = 60, WAIT = 100 * CADRE_MS };

static const char *url;
static atomic_uint answers, notices;

struct root {
    cadre_ref redis;
    uint32_t asked, rounds;
};

static int ask_unit(cadre_self *self, struct root *me)
{
    cadre_redis_commands unit = {.bytes = NULL};
    int err = cadre_redis_addf(&unit, "INCR u");
    if (!err)
        err = cadre_redis_addf(&unit, "PUBLISH c x");
    if (err) {
        cadre_redis_drop(&unit);
        return err;
    }
    return cadre_ask_as(self, NULL, me->redis, WAIT, &cadre_redis_commands_type, &unit);
}

/* The last of a round cuts off who listens, and itself. */
static int begin_round(cadre_self *self, struct root *me)
{
    cadre_redis_listen listen = {.channel = "c", .stop = me->rounds == ROUNDS - 1};
    me->asked += cadre_ask_as(self, NULL, me->redis, WAIT, &cadre_redis_listen_type,
                              &listen) == 0;
    for (uint32_t i = 0; i < ASKS; i++)
        me->asked +=
            (i % 4 ? cadre_redis_ask(self, NULL, me->redis, WAIT, "SET k%u %s", i, "v")
                   : ask_unit(self, me)) == 0;
    me->asked +=
        cadre_redis_ask(self, NULL, me->redis, WAIT, "CLIENT KILL TYPE pubsub") == 0;
    me->asked += cadre_redis_ask(self, NULL, me->redis, WAIT,
                                 "CLIENT KILL TYPE normal SKIPME no") == 0;
    return me->asked > 0 ? 0 : -ENOMEM;
}

static int root_start(cadre_self *self, void *state)
{
    struct root *me = state;
    int err = cadre_spawn(self, &me->redis, &cadre_redis_class,
                          &(cadre_redis){.url = url, .patience = 1});
    return err ? err : begin_round(self, me);
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct root *me = state;
    atomic_fetch_add(&answers, cadre_body(m, cadre_redis_answer) != NULL);
    atomic_fetch_add(&notices, cadre_body(m, cadre_redis_notice) != NULL);
    if (cadre_body(m, cadre_redis_notice) || --me->asked > 0)
        return 0;
    return ++me->rounds == ROUNDS ? CADRE_STOP : begin_round(self, me);
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct root),
                                 .start = root_start,
                                 .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, then all"}, {0}};
    options_read(argc, argv, "every allocation fails, with a Redis server", entries);
    if (!redis_make(NULL)) {
        puts("skipped: Redis's server is not there");
        return 77;
    }
    url = redis_url("unix://%s", redis_path());
    sweep_both(&(struct sweep){.root = &root}, count, "redis");
    CHECK(atomic_load(&answers) > 0);
    CHECK(atomic_load(&notices) > 0);
    return verdict_print();
}
