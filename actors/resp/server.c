/* server.c: the actor that listens, and whose children are all others. */
#include "shared.h"

#include <cadre/actors/topic.h>
#include <cadre/fail.h>
#include <cadre/shutdown.h>
#include <cadre/system.h>
#include <cadre/tcp.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct own {
    struct shared *shared;
    cadre_stream listener;
    bool closing;
};
static_assert(sizeof(struct own) <= sizeof((cadre_resp *)NULL)->own, "own");

CADRE_TYPE(cadre_resp_ask);
CADRE_TYPE(cadre_resp_status);

static struct own *own_of(cadre_resp *me) { return (struct own *)(void *)me->own; }

/* ---- the start --------------------------------------------------------------------- */

static bool set_defaults(cadre_resp *me)
{
    cadre_resp_limits *limits = &me->limits;
    limits->connections = limits->connections ? limits->connections : 10000;
    limits->waiting = limits->waiting ? limits->waiting : 8192;
    limits->command = limits->command ? limits->command : RESP_COMMAND_MAX;
    limits->behind = limits->behind ? limits->behind : 32 << 20;
    return commands_are_good(me->commands) && me->shards <= SHARDS_MAX &&
           me->value_size <= 1 << 16 && limits->command <= RESP_COMMAND_MAX &&
           limits->idle >= 0;
}

static uint32_t workers_of(cadre_self *self)
{
    cadre_counters counters;
    (void)cadre_stats(cadre_system_of(self), &counters);
    return counters.workers < SHARDS_MAX ? counters.workers : SHARDS_MAX;
}

static int make_shared(cadre_self *self, cadre_resp *me)
{
    struct shared *shared = calloc(1, sizeof *shared);
    own_of(me)->shared = shared;
    if (!shared)
        return -ENOMEM;
    shared->config = *me;
    shared->shards = me->shards ? me->shards : workers_of(self);
    return getrandom(&shared->seed, sizeof shared->seed, 0) < 0 ? -errno : 0;
}

static int listen_there(cadre_self *self, cadre_resp *me)
{
    const cadre_stream_options options = {.half_open = true,
                                          .idle = me->limits.idle,
                                          .connections_max = me->limits.connections,
                                          .tls = me->tls};
    const char *host = me->host ? me->host : "127.0.0.1";
    cadre_address at;
    int err = cadre_tcp_listen(self, &own_of(me)->listener, host, me->port, &options);
    if (!err)
        err = cadre_tcp_local(self, own_of(me)->listener, &at);
    if (err)
        return cadre_fail(self, err, "resp: cannot listen at %s port %u", host,
                          me->port);
    own_of(me)->shared->port = at.port;
    return 0;
}

/* One that it cannot do without. */
static int keep_with(cadre_self *self, int err, cadre_ref child)
{
    return err ? err : cadre_link(self, NULL, child);
}

static int spawn_all(cadre_self *self, struct shared *shared)
{
    cadre_journal_writer writer = {.journal = shared->config.journal};
    int err = cadre_spawn(self, &shared->topic, &cadre_topic_class,
                          &(cadre_topic){.topics = 0});
    err = keep_with(self, err, shared->topic);
    if (!err && writer.journal) {
        err = cadre_spawn(self, &shared->journal, &cadre_journal_writer_class, &writer);
        err = keep_with(self, err, shared->journal);
    }
    for (uint32_t i = 0; i < shared->shards && !err; i++) {
        err = resp_shard_spawn(self, shared, i, &shared->shard[i]);
        err = keep_with(self, err, shared->shard[i]);
    }
    return err;
}

/* When there are children already, it ends as one that has started. */
static int server_start(cadre_self *self, void *state)
{
    cadre_resp *me = state;
    if (!set_defaults(me))
        return -EINVAL;
    int err = make_shared(self, me);
    if (!err)
        err = cadre_when_closing(self, NULL);
    if (!err)
        err = listen_there(self, me);
    if (err) {
        free(own_of(me)->shared);
        return err;
    }
    err = spawn_all(self, own_of(me)->shared);
    if (!err && me->listens)
        me->listens(me->context, own_of(me)->shared->port);
    if (err)
        (void)cadre_kill(self, cadre_me(self), err);
    return 0;
}

/* ---- connections ------------------------------------------------------------------- */

/* One that cannot have an actor goes. */
static void on_opened(cadre_self *self, cadre_resp *me, cadre_stream stream)
{
    cadre_ref child;
    if (session_spawn(self, &child, own_of(me)->shared)) {
        (void)cadre_stream_abort(self, stream);
    } else if (cadre_stream_give(self, stream, child)) {
        (void)cadre_kill(self, child, 0);
        (void)cadre_stream_abort(self, stream);
    }
}

static int on_closed(cadre_self *self, cadre_resp *me,
                     const cadre_stream_closed *closed)
{
    const struct own *own = own_of(me);
    if (closed->stream.id != own->listener.id || own->closing)
        return 0;
    return cadre_fail(self, closed->reason ? closed->reason : CADRE_EDEAD,
                      "resp: it does not listen any more");
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_resp *me = state;
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    const struct shared *shared = own_of(me)->shared;
    if (opened)
        on_opened(self, me, opened->stream);
    else if (closed)
        return on_closed(self, me, closed);
    else if (m->type == &cadre_resp_ask_type)
        (void)cadre_reply(self, m, cadre_resp_status, .port = shared->port,
                          .shards = shared->shards);
    else if (m->type != &cadre_closing_type)
        return cadre_unhandled(self, m);
    else {
        own_of(me)->closing = true;
        (void)cadre_stream_close(self, own_of(me)->listener, 0);
    }
    return 0;
}

static void server_stop(cadre_self *self, void *state, int reason)
{
    free(own_of(state)->shared);
}

const cadre_class cadre_resp_class = {.name = "cadre_resp",
                                      .state_size = sizeof(cadre_resp),
                                      .start = server_start,
                                      .receive = server_receive,
                                      .stop = server_stop};
