/* cancel.c: what is done for the sake of a cancelled request is cancelled, wherever that
 * is by then.
 *
 * Each request goes through servers that pass it on, set it aside, wait before they take
 * the next one, fail and are restarted, or end; the last one asks others for its sake, by
 * a promise, or as a handler that waits, and these do the same. The last of all keep what
 * they get for ever. Sometimes one answers, early or late. Clients cancel, or end, or
 * have a deadline; and at the end every client has given up. Then nothing may be left:
 * each promise that is still kept is awaited by nobody, no handler waits, and whoever
 * asked for the sake of a request has had its outcome. */
#include "support/story.h"

#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { SERVERS_MAX = 8, CLIENTS_MAX = 6, ROUNDS = 6, KEPT_MAX = 256 };
enum { SOON = 20000, ENOUGH = 200 }; /* nanoseconds; plays */
enum kind {
    FORWARDED,
    DELEGATED,
    SET_ASIDE,
    RESTARTED,
    WAITED,
    CANCELLED_PROMISE, /* and what hung below it */
    CANCELLED_WAIT,
    ANSWERED,
    TIMED_OUT,
    KINDS
};
static const char *const kinds[KINDS] = {
    "forwarded",         "delegated",      "set aside", "restarted", "waited",
    "cancelled promise", "cancelled wait", "answered",  "timed out"};
static uint64_t seen[KINDS], plays;

typedef struct {
    uint32_t depth; /* how far it may still go */
} question;
static CADRE_TYPE(question);
typedef struct {
    int nothing;
} reply;
static CADRE_TYPE(reply);
typedef struct {
    int nothing;
} pulse;
static CADRE_TYPE(pulse);
typedef struct {
    int nothing;
} look;
static CADRE_TYPE(look);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    uint32_t servers, clients;
    cadre_ref refs[SERVERS_MAX];
    uint32_t looked; /* servers, at the end */
    int64_t waiting; /* handlers */
} tale;

static cadre_time soon(void) { return 1 + (cadre_time)dice_below(&tale.dice, SOON); }
static cadre_ref any_server(void)
{
    return tale.refs[dice_below(&tale.dice, tale.servers)];
}

/* ---- servers ---- */

typedef struct {
    uint32_t index, count;
    int64_t pending; /* of its own */
    cadre_promise kept[KEPT_MAX];
    cadre_token asked[KEPT_MAX]; /* for the sake of it; id 0: nothing */
} server;

static cadre_ref another_server(const server *s)
{
    uint32_t step = 1 + dice_below(&tale.dice, tale.servers - 1);
    return tale.refs[(s->index + step) % tale.servers];
}

static int ask_on(cadre_self *self, const server *s, uint32_t depth, cadre_token *token)
{
    cadre_time timeout = dice_once_in(&tale.dice, 10) ? soon() : CADRE_NEVER;
    return cadre_ask(self, token, another_server(s), timeout, question, depth - 1);
}

static int keep(cadre_self *self, server *s, const cadre_msg *m, uint32_t depth)
{
    uint32_t i = s->count++;
    CHECK(i < KEPT_MAX);
    CHECK_EQ(cadre_defer(self, m, &s->kept[i]), 0);
    s->asked[i].id = 0;
    if (depth == 0)
        return dice_once_in(&tale.dice, 6) ? cadre_after(self, NULL, soon(), pulse, 0)
                                           : 0;
    s->pending++;
    return ask_on(self, s, depth, &s->asked[i]);
}

static int wait_for_it(cadre_self *self, server *s, const cadre_msg *m, uint32_t depth)
{
    cadre_token token;
    cadre_msg answer;
    int err = ask_on(self, s, depth, &token);
    if (err)
        return err;
    tale.waiting++;
    err = dice_once_in(&tale.dice, 2) ? cadre_await(self, token, &answer)
                                      : cadre_await_open(self, token, &answer);
    tale.waiting--;
    if (err)
        return err;
    const cadre_failure *f = cadre_body(&answer, cadre_failure);
    seen[CANCELLED_WAIT] += f && f->code == -ECANCELED;
    if (f && dice_once_in(&tale.dice, 2)) /* tries once more */
        return depth > 1 ? wait_for_it(self, s, m, depth - 1) : 0;
    return f ? 0 : cadre_reply(self, m, reply, 0);
}

static int delegate(cadre_self *self, const cadre_msg *m, uint32_t depth)
{
    cadre_promise promise;
    CHECK_EQ(cadre_defer(self, m, &promise), 0);
    seen[DELEGATED]++;
    return cadre_delegate_as(self, promise, any_server(), CADRE_BODY(question, depth));
}

static int rest(cadre_self *self)
{
    tale.waiting++;
    int err = cadre_sleep(self, soon());
    tale.waiting--;
    seen[WAITED]++;
    return err;
}

static int serve(cadre_self *self, server *s, cadre_msg *m)
{
    uint32_t depth = cadre_body(m, question)->depth;
    if (dice_once_in(&tale.dice, 6)) {
        int err = rest(self);
        if (err)
            return err;
    }
    switch (dice_below(&tale.dice, 16)) {
    case 0:
    case 1:
    case 2:
        seen[FORWARDED]++;
        return cadre_forward(self, any_server(), m);
    case 3:
    case 4:
        return delegate(self, m, depth);
    case 5:
    case 6: {
        int err = cadre_after(self, NULL, soon(), pulse, 0);
        seen[SET_ASIDE]++;
        return err ? err : cadre_stash(self, m);
    }
    case 7:
        return dice_once_in(&tale.dice, 4) ? CADRE_EUSER : 0;
    case 8:
    case 9:
    case 10:
    case 11:
        if (depth > 0)
            return wait_for_it(self, s, m, depth);
        /* fall through */
    default:
        return keep(self, s, m, depth);
    }
}

/* Keeps one of its promises, maybe one that nobody waits for. What is under way for its
 * sake would go on: that is for the server to end. */
static int keep_one(cadre_self *self, server *s)
{
    cadre_unstash(self);
    if (s->count == 0)
        return 0;
    uint32_t i = dice_below(&tale.dice, s->count);
    bool awaited = cadre_is_awaited(self, s->kept[i]);
    int err = cadre_answer(self, s->kept[i], reply, 0);
    CHECK(err == 0 || (!awaited && err == -EALREADY));
    if (s->asked[i].id && cadre_cancel(self, s->asked[i]) == 0)
        s->pending--;
    s->asked[i].id = 0;
    return 0;
}

static int take_outcome(cadre_self *self, server *s, const cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    uint32_t i = 0;
    while (i < s->count && s->asked[i].id != m->token.id)
        i++;
    CHECK(i < s->count);
    s->pending--;
    s->asked[i].id = 0;
    seen[CANCELLED_PROMISE] += f && f->code == -ECANCELED;
    int err = f ? cadre_answer(self, s->kept[i], cadre_failure, .code = f->code)
                : cadre_answer(self, s->kept[i], reply, 0);
    CHECK(err == 0 || err == -EALREADY);
    return 0;
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    server *s = state;
    if (cadre_body(m, question))
        return serve(self, s, m);
    if (cadre_body(m, pulse))
        return keep_one(self, s);
    if (!cadre_body(m, look))
        return take_outcome(self, s, m);
    tale.looked++;
    CHECK_EQ(s->pending, 0);
    for (uint32_t i = 0; i < s->count; i++)
        CHECK(!cadre_is_awaited(self, s->kept[i]));
    return 0;
}

static const cadre_class server_class = {
    .name = "server", .state_size = sizeof(server), .receive = server_receive};

/* ---- clients ---- */

typedef struct {
    uint32_t rounds;
    cadre_token last; /* what it has asked last */
} client;

static int client_start(cadre_self *self, void *state)
{
    return cadre_after(self, NULL, soon(), pulse, 0);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    client *c = state;
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (!cadre_body(m, pulse)) {
        CHECK(!f || f->code != -ECANCELED);
        seen[ANSWERED] += !f;
        seen[TIMED_OUT] += f && f->code == -ETIMEDOUT;
        return 0;
    }
    (void)cadre_cancel(self, c->last); /* it may be over */
    if (c->rounds-- == 0)
        return dice_once_in(&tale.dice, 2) ? CADRE_STOP : CADRE_EUSER;
    cadre_time timeout = dice_once_in(&tale.dice, 5) ? soon() : CADRE_NEVER;
    int err = cadre_ask(self, &c->last, any_server(), timeout, question,
                        dice_below(&tale.dice, 4));
    if (!err && dice_once_in(&tale.dice, 3)) /* nobody cancels that, but its end */
        err = cadre_ask(self, NULL, any_server(), CADRE_NEVER, question,
                        dice_below(&tale.dice, 4));
    return err ? err : cadre_after(self, NULL, soon(), pulse, 0);
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

/* ---- the story ---- */

static int root_start(cadre_self *self, void *state)
{
    static const cadre_opts opts = {.keep = true, .mail = CADRE_MAIL_RETRY};
    int err = 0;
    for (uint32_t i = 0; !err && i < tale.servers; i++)
        err = cadre_spawn_with(self, &tale.refs[i], &server_class,
                               &(server){.index = i}, &opts);
    for (uint32_t i = 0; !err && i < tale.clients; i++)
        err = cadre_spawn(self, NULL, &client_class, &(client){.rounds = ROUNDS});
    return err ? err : cadre_after(self, NULL, 1000 * SOON, pulse, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    int err = 0;
    if (down) {
        seen[RESTARTED]++;
        return cadre_restart(self, down->child);
    }
    for (uint32_t i = 0; !err && i < tale.servers; i++)
        err = cadre_send(self, tale.refs[i], look, 0);
    return err;
}

static uint64_t play(uint64_t seed)
{
    static const cadre_class root = {
        .name = "root", .start = root_start, .receive = root_receive};
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.stack_size = 32 << 10;
    config.end_when_quiet = true;
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.servers = 2 + dice_below(&tale.dice, SERVERS_MAX - 1);
    tale.clients = 1 + dice_below(&tale.dice, CLIENTS_MAX);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    CHECK_EQ(tale.looked, tale.servers);
    CHECK_EQ(tale.waiting, 0);
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"cancel", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
