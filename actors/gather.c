/* gather.c: asks many, answers once.
 *
 * A request that is under way is a gathering, in a buffer of its own. The table has a
 * record for each target that has not answered yet; the last one that is taken out, or
 * the one that decides, ends the gathering. */
#include <cadre/actors/gather.h>

#include "body.h"
#include "pending.h"

#include <assert.h>
#include <errno.h>

/* A line of the list. */
struct line {
    cadre_ref from;
    const cadre_type *type; /* NULL: not waited for */
    cadre_buf *body;        /* NULL: the failure */
    cadre_failure failure;
};

struct gathering {
    cadre_promise promise;
    uint32_t pending;
    cadre_gathered result;
    cadre_token tokens[CADRE_GATHER_MAX];
};

struct question {
    cadre_token token;
    cadre_buf *gathering;
    uint32_t target;
};

struct own {
    struct pending pending;
    uint32_t targets;
};
static_assert(sizeof(struct own) <= sizeof((cadre_gather *)NULL)->own, "own");

static struct own *own_of(cadre_gather *me) { return (struct own *)(void *)me->own; }

static struct gathering *gathering_of(cadre_buf *buf)
{
    return (struct gathering *)(void *)cadre_buf_data(buf);
}

static struct line *line_of(const cadre_gathered *g, uint32_t i)
{
    return (struct line *)(void *)cadre_buf_data(g->list) + i;
}

static void drop_gathered(void *body)
{
    cadre_gathered *g = body;
    for (uint32_t i = 0; g->list && i < g->targets; i++)
        if (line_of(g, i)->body)
            body_drop(line_of(g, i)->body, line_of(g, i)->type);
    cadre_buf_unref(cadre_buf_move(&g->list));
}
CADRE_TYPE_DROP(cadre_gathered, drop_gathered);

cadre_msg cadre_gathered_at(const cadre_gathered *g, uint32_t i)
{
    cadre_msg none = {NULL, {0}, {0}, NULL};
    if (!g || !g->list || i >= g->targets)
        return none;
    struct line *line = line_of(g, i);
    if (!line->type)
        return (cadre_msg){NULL, line->from, {0}, NULL};
    return (cadre_msg){line->type,
                       line->from,
                       {0},
                       line->body ? (void *)cadre_buf_data(line->body)
                                  : &line->failure};
}

static int gather_start(cadre_self *self, void *state)
{
    cadre_gather *me = state;
    struct own *own = own_of(me);
    while (own->targets < CADRE_GATHER_MAX && me->targets[own->targets].id)
        own->targets++;
    if (own->targets == 0 || me->need > own->targets || me->timeout < 0)
        return -EINVAL;
    me->timeout = me->timeout ? me->timeout : 5 * CADRE_SECOND;
    return 0;
}

/* ---- outcomes ---- */

static void put_failure(struct gathering *g, uint32_t target,
                        const cadre_failure *failure)
{
    struct line *line = line_of(&g->result, target);
    line->type = &cadre_failure_type;
    line->failure = *failure;
    g->result.failures++;
}

static void put_code(struct gathering *g, uint32_t target, int code)
{
    put_failure(g, target,
                &(cadre_failure){.code = code,
                                 .origin = line_of(&g->result, target)->from,
                                 .message = "gather: the body could not be copied"});
}

static void put_outcome(const cadre_gather *me, struct gathering *g, uint32_t target,
                        const cadre_msg *m)
{
    struct line *line = line_of(&g->result, target);
    cadre_buf *body;
    if (cadre_body(m, cadre_failure)) {
        put_failure(g, target, cadre_body(m, cadre_failure));
        return;
    }
    int err = body_keep(&body, me->share, m->type, m->body);
    if (err) {
        put_code(g, target, err);
        return;
    }
    line->type = m->type;
    line->body = body;
    g->result.answers++;
}

static bool is_decided(const cadre_gather *me, const struct gathering *g)
{
    return g->pending == 0 ||
           (me->need > 0 && (g->result.answers >= me->need ||
                             g->result.answers + g->pending < me->need));
}

/* The answer, and the end of whatever is still pending. */
static void finish(cadre_self *self, cadre_gather *me, cadre_buf *buf)
{
    struct own *own = own_of(me);
    struct gathering *g = gathering_of(buf);
    struct question q;
    for (uint32_t i = 0; i < own->targets && g->pending > 0; i++)
        if (pending_take(&own->pending, sizeof q, g->tokens[i], &q)) {
            (void)cadre_cancel(self, q.token);
            g->pending--;
        }
    g->result.enough = g->result.answers >= (me->need ? me->need : own->targets);
    int err = cadre_answer_as(self, g->promise, &cadre_gathered_type, &g->result);
    if (err && err != -EALREADY)
        body_fail(self, g->promise,
                  &(cadre_failure){.code = err, .origin = cadre_me(self)});
    cadre_buf_unref(buf);
}

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_gather *me = state;
    struct question q;
    if (!pending_take(&own_of(me)->pending, sizeof q, m->token, &q))
        return 0;
    struct gathering *g = gathering_of(q.gathering);
    g->pending--;
    put_outcome(me, g, q.target, m);
    if (is_decided(me, g))
        finish(self, me, q.gathering);
    return 0;
}

/* ---- requests ---- */

static void ask_target(cadre_self *self, cadre_gather *me, cadre_buf *buf,
                       uint32_t target, const cadre_msg *m)
{
    struct question q = {.gathering = buf, .target = target};
    struct gathering *g = gathering_of(buf);
    line_of(&g->result, target)->from = me->targets[target];
    int err = body_ask(self, &q.token, me->targets[target], me->timeout, me->share,
                       m->type, m->body);
    if (err) {
        put_code(g, target, err);
        return;
    }
    (void)cadre_then(self, q.token, on_outcome);
    pending_add(&own_of(me)->pending, sizeof q, &q);
    g->tokens[target] = q.token;
    g->pending++;
}

/* All the memory that a gathering needs. */
static cadre_buf *make(struct own *own)
{
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct gathering));
    if (!buf)
        return NULL;
    cadre_gathered *result = &gathering_of(buf)->result;
    result->targets = own->targets;
    result->list = cadre_buf_new(NULL, own->targets * sizeof(struct line));
    if (result->list &&
        pending_reserve(&own->pending, sizeof(struct question), own->targets) == 0)
        return buf;
    cadre_buf_unref(result->list);
    cadre_buf_unref(buf);
    return NULL;
}

static int begin(cadre_self *self, cadre_gather *me, const cadre_msg *m)
{
    struct own *own = own_of(me);
    cadre_buf *buf = make(own);
    if (!buf)
        return body_refuse(self, m, -ENOMEM, "gather: no memory for the list");
    int err = cadre_defer(self, m, &gathering_of(buf)->promise);
    if (err) {
        cadre_buf_unref(gathering_of(buf)->result.list);
        cadre_buf_unref(buf);
        return body_refuse(self, m, err, "gather: no memory for the list");
    }
    for (uint32_t i = 0; i < own->targets; i++)
        ask_target(self, me, buf, i, m);
    if (is_decided(me, gathering_of(buf)))
        finish(self, me, buf);
    return 0;
}

static int gather_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->token.id ? begin(self, state, m) : cadre_unhandled(self, m);
}

/* The promises end with their holder. The last question of each gathering drops it. */
static void gather_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    struct question q;
    while (pending_take_any(&own->pending, sizeof q, &q)) {
        struct gathering *g = gathering_of(q.gathering);
        if (--g->pending > 0)
            continue;
        drop_gathered(&g->result);
        cadre_buf_unref(q.gathering);
    }
    pending_free(&own->pending);
}

const cadre_class cadre_gather_class = {.name = "cadre_gather",
                                        .state_size = sizeof(cadre_gather),
                                        .start = gather_start,
                                        .receive = gather_receive,
                                        .stop = gather_stop};
