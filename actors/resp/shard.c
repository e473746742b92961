/* shard.c: an actor with a share of the keys, in which commands run. */
#include "keys.h"
#include "shared.h"

#include <cadre/fail.h>

#include <errno.h>

struct shard {
    struct call call;
    struct keys keys;
    const struct shared *shared;
    uint32_t index;
};

/* The answer goes by way of the journal, if there is something to be kept. */
static int tell(cadre_self *self, struct shard *me, cadre_ref to, const resp_answer *a)
{
    const struct text *log = &me->call.log;
    if (log->size == 0)
        return to.id ? cadre_send_as(self, to, &resp_answer_type, a) : 0;
    cadre_buf *record = text_buf(log);
    if (record)
        return cadre_journal_send(self, me->shared->journal, record, to,
                                  &resp_answer_type, a);
    cadre_buf_unref(a->buf);
    return -ENOMEM;
}

static int obey(cadre_self *self, struct shard *me, cadre_ref from,
                const resp_request *r)
{
    resp_answer a = {.number = r->number};
    me->call.hash = r->hash;
    int err = call_run(&me->call, r->command, (struct args){r->args, r->argc});
    if (!err && me->call.reply.size == 0 && !me->call.adds)
        cadre_resp_error(&me->call.is, "ERR there is no answer to '%s'",
                         r->command->name);
    if (err || !answer_fill(&a, &me->call.reply))
        return cadre_fail(self, -ENOMEM, "no memory for a command");
    a.count = me->call.sum;
    return tell(self, me, from, &a);
}

static int shard_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct shard *me = state;
    const resp_answer none = {.number = 0};
    me->call.is.self = self;
    const resp_request *r = cadre_body(m, resp_request);
    if (r)
        return obey(self, me, m->from, r);
    const expiry *over = keys_expiry(m);
    if (!over)
        return cadre_unhandled(self, m);
    me->call.log.size = 0;
    keys_look(&me->call, over);
    return me->call.log.failed ? -ENOMEM : tell(self, me, (cadre_ref){0}, &none);
}

/* A command of the journal. */
static int replay(void *arg, const uint8_t *bytes, size_t size)
{
    struct shard *me = arg;
    struct args args;
    const cadre_resp_command *command =
        command_of(me->shared->config.commands, bytes, size, &args);
    if (!command)
        return -EPROTO;
    struct args key = args;
    me->call.hash = key_hash(me->shared, resp_next(&key));
    return key_shard(me->shared, me->call.hash) == me->index
               ? call_run(&me->call, command, args)
               : 0;
}

static int shard_start(cadre_self *self, void *state)
{
    struct shard *me = state;
    const cadre_resp *config = &me->shared->config;
    me->keys.value_size = config->value_size;
    me->keys.drop = config->drop;
    me->call.keys = &me->keys;
    me->call.is.self = self;
    me->call.is.context = config->context;
    me->call.discards = true;
    int err = keys_init(&me->keys) ? 0 : -ENOMEM;
    me->keys.loading = true;
    if (!err && config->journal)
        err = cadre_journal_read(config->journal, replay, me);
    me->keys.loading = false;
    me->call.discards = !config->journal;
    if (!err)
        return 0;
    keys_free(self, &me->keys);
    call_free(&me->call);
    return cadre_fail(self, err, "the journal cannot be read");
}

static void shard_stop(cadre_self *self, void *state, int reason)
{
    struct shard *me = state;
    keys_free(self, &me->keys);
    call_free(&me->call);
}

static const cadre_class shard_class = {.name = "cadre_resp_shard",
                                        .state_size = sizeof(struct shard),
                                        .start = shard_start,
                                        .receive = shard_receive,
                                        .stop = shard_stop};

int resp_shard_spawn(cadre_self *self, const struct shared *shared, uint32_t i,
                     cadre_ref *shard)
{
    struct shard me = {.shared = shared, .index = i};
    return cadre_spawn(self, shard, &shard_class, &me);
}
