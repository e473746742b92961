/* supervisor.c: starts children, and starts them again when they fail.
 *
 * Each child has a row, in order, whose phase says what it waits for. Whatever happens
 * changes a phase; then go_on() looks for what is next: while some are to be ended, the
 * last of those; else the first that is to be started. One child starts at a time, and
 * one is ended at a time, so that the order holds. */
#include <cadre/actors/supervisor.h>

#include "body.h"
#include "pending.h"
#include "rows.h"

#include <cadre/fail.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

enum phase {
    IDLE,     /* is down, or was never made: to be started */
    WAITS,    /* is down, until its backoff is over */
    STARTING, /* one at a time */
    UP,
    ENDING, /* was killed for the sake of others: to be started again */
    GONE    /* for good */
};

struct row {
    cadre_child_spec spec;
    cadre_ref ref; /* id 0: was never made */
    cadre_time up_since;
    cadre_token again; /* WAITS: the end of its backoff */
    uint32_t failures; /* since it was last up for long */
    uint32_t clients;  /* those who wait until it is up: the first of them, or NONE */
    int code;          /* why it is gone */
    uint8_t phase;
    bool was_up; /* ever */
};

struct client {
    uint32_t next; /* of the same child, or of those that are free; or NONE */
    cadre_promise promise;
};
/* A child's index, by its address. */
struct place {
    cadre_token address;
    uint32_t index;
};

#define NONE UINT32_MAX
struct own {
    struct rows children, clients, restarts; /* of row, client, cadre_time */
    struct pending places;
    uint32_t first;      /* in front of it nobody is to be started, now or later */
    uint32_t from, to;   /* in between all are to be ended, from the back */
    uint32_t starting;   /* the one that is; or NONE */
    cadre_token timeout; /* of that */
    uint32_t settled;    /* children that are up or gone */
    uint32_t gaps;       /* rows behind the table of those that are gone */
    uint32_t no_client;  /* the first that is free, or NONE */
    bool told;           /* that all are up */
};
static_assert(sizeof(struct own) <= sizeof((cadre_supervisor *)NULL)->own, "own");

/* After a backoff; when a start takes too long. */
typedef struct {
    cadre_ref child;
} supervisor_again;
static CADRE_TYPE(supervisor_again);
typedef struct {
    cadre_ref child;
} supervisor_timeout;
static CADRE_TYPE(supervisor_timeout);

CADRE_TYPE(cadre_ready);
CADRE_TYPE(cadre_child);
CADRE_TYPE(cadre_which_child);
CADRE_TYPE(cadre_add_child);
CADRE_TYPE(cadre_remove_child);

static struct own *own_of(cadre_supervisor *me)
{
    return (struct own *)(void *)me->own;
}

static struct row *row_at(cadre_supervisor *me, uint32_t index)
{
    return rows_at(&own_of(me)->children, sizeof(struct row), index);
}

/* The index of a child that is not gone, or NONE. */
static uint32_t find(cadre_supervisor *me, cadre_ref ref)
{
    const struct place *place =
        pending_find(&own_of(me)->places, sizeof *place, (cadre_token){ref.id});
    return place ? place->index : NONE;
}

static bool is_settled(const struct row *row)
{
    return row->phase == UP || row->phase == GONE;
}

static void set_phase(cadre_supervisor *me, uint32_t index, enum phase phase)
{
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    own->settled -= is_settled(row);
    row->phase = (uint8_t)phase;
    own->settled += is_settled(row);
    if ((phase == IDLE || phase == WAITS) && index < own->first)
        own->first = index;
}

/* ---- those who wait for a child --------------------------------------------------- */

static void fail_client(cadre_self *self, cadre_promise promise, int code)
{
    body_fail(self, promise,
              &(cadre_failure){.code = code,
                               .origin = cadre_me(self),
                               .message = "supervisor: there is no such child"});
}

/* The child is up, or gone. */
static void tell_clients(cadre_self *self, cadre_supervisor *me, uint32_t index)
{
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    while (row->clients != NONE) {
        uint32_t i = row->clients;
        struct client *client = rows_at(&own->clients, sizeof *client, i);
        if (row->phase == UP)
            (void)cadre_answer(self, client->promise, cadre_child, row->ref);
        else
            fail_client(self, client->promise, row->code);
        row->clients = client->next;
        client->next = own->no_client;
        own->no_client = i;
    }
}

/* A free one, or NONE: there is no memory. */
static uint32_t reserve_client(struct own *own)
{
    const struct client client = {.next = NONE};
    if (own->no_client != NONE)
        return own->no_client;
    if (rows_reserve(&own->clients, sizeof client))
        return NONE;
    rows_append(&own->clients, sizeof client, &client);
    own->no_client = own->clients.count - 1;
    return own->no_client;
}

/* The request m is answered when the child is up. */
static int wait_for(cadre_self *self, cadre_supervisor *me, uint32_t index,
                    cadre_msg *m)
{
    struct own *own = own_of(me);
    uint32_t i = reserve_client(own);
    if (i == NONE)
        return -ENOMEM;
    struct client *client = rows_at(&own->clients, sizeof *client, i);
    int err = cadre_defer(self, m, &client->promise);
    if (err)
        return err;
    own->no_client = client->next;
    client->next = row_at(me, index)->clients;
    row_at(me, index)->clients = i;
    return 0;
}

/* ---- one child ------------------------------------------------------------------- */

static void start_is_over(cadre_self *self, cadre_supervisor *me, uint32_t index)
{
    struct own *own = own_of(me);
    if (own->starting != index)
        return;
    own->starting = NONE;
    (void)cadre_cancel(self, own->timeout);
}

/* It will not start again. code: for those who wait for it. */
static void lose(cadre_self *self, cadre_supervisor *me, uint32_t index, int code)
{
    struct place place;
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    start_is_over(self, me, index);
    if (row->phase == WAITS)
        (void)cadre_cancel(self, row->again);
    (void)pending_take(&own->places, sizeof place, (cadre_token){row->ref.id}, &place);
    if (row->ref.id)
        (void)cadre_release(self, row->ref);
    row->code = code;
    set_phase(me, index, GONE);
    tell_clients(self, me, index);
    own->gaps += index >= me->count;
}

static int make(cadre_self *self, cadre_supervisor *me, uint32_t index)
{
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    cadre_opts opts = {.keep = true,
                       .announce = !row->spec.late,
                       .pinned = row->spec.pinned,
                       .mail = row->spec.mail};
    int err = pending_reserve(&own->places, sizeof(struct place), 1);
    if (!err)
        err = cadre_spawn_with(self, &row->ref, row->spec.cls, row->spec.init, &opts);
    if (!err)
        pending_add(&own->places, sizeof(struct place),
                    &(struct place){{row->ref.id}, index});
    return err;
}

static int start(cadre_self *self, cadre_supervisor *me, uint32_t index)
{
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    int err = row->ref.id ? cadre_restart(self, row->ref) : make(self, me, index);
    if (err)
        return err;
    own->starting = index;
    set_phase(me, index, STARTING);
    return me->start_timeout == CADRE_NEVER
               ? 0
               : cadre_after(self, &own->timeout, me->start_timeout, supervisor_timeout,
                             row->ref);
}

/* ---- what is next ---------------------------------------------------------------- */

/* True: one is ending, and the others wait for that. */
static bool end_next(cadre_self *self, cadre_supervisor *me)
{
    struct own *own = own_of(me);
    for (; own->to > own->from; own->to--) {
        uint32_t index = own->to - 1;
        struct row *row = row_at(me, index);
        if (row->phase == ENDING)
            return true;
        if (row->phase != UP && row->phase != STARTING)
            continue;
        start_is_over(self, me, index);
        set_phase(me, index, ENDING);
        (void)cadre_kill(self, row->ref, CADRE_EPARENT);
        return true;
    }
    return false;
}

/* Do those behind it wait as well while this one backs off? */
static bool holds_up_others(cadre_supervisor *me, uint32_t index)
{
    return me->strategy != CADRE_ONE_FOR_ONE ||
           (index < me->count && !row_at(me, index)->was_up);
}

static int start_next(cadre_self *self, cadre_supervisor *me)
{
    int err = 0;
    struct own *own = own_of(me);
    for (; own->first < own->children.count && !err; own->first++) {
        struct row *row = row_at(me, own->first);
        if (row->phase == WAITS && holds_up_others(me, own->first))
            return 0;
        if (row->phase != IDLE)
            continue;
        err = start(self, me, own->first);
        if (!err)
            return 0;
        if (own->first >= me->count && !row->ref.id) {
            lose(self, me, own->first, err);
            err = 0;
        }
    }
    return err;
}

static int go_on(cadre_self *self, cadre_supervisor *me)
{
    struct own *own = own_of(me);
    if (end_next(self, me) || own->starting != NONE)
        return 0;
    int err = start_next(self, me);
    if (err || own->told || own->settled < own->children.count)
        return err;
    own->told = true;
    return me->late ? cadre_send(self, cadre_parent(self), cadre_ready, 0) : 0;
}

/* ---- what happens to children ---------------------------------------------------- */

static int on_up(cadre_self *self, cadre_supervisor *me, cadre_ref child, bool late)
{
    uint32_t index = find(me, child);
    struct row *row = index == NONE ? NULL : row_at(me, index);
    if (!row || row->phase != STARTING || row->spec.late != late)
        return 0;
    start_is_over(self, me, index);
    set_phase(me, index, UP);
    row->was_up = true;
    row->up_since = cadre_now(self);
    tell_clients(self, me, index);
    return go_on(self, me);
}

/* One more. False: there have been too many. */
static bool may_restart(cadre_self *self, cadre_supervisor *me)
{
    struct rows *times = &own_of(me)->restarts;
    cadre_time now = cadre_now(self);
    uint32_t old = 0; /* they stand in order */
    while (old < times->count &&
           *(cadre_time *)rows_at(times, sizeof now, old) <= now - me->within)
        old++;
    rows_remove_first(times, sizeof now, old);
    if (times->count >= me->max_restarts || rows_reserve(times, sizeof now))
        return false;
    rows_append(times, sizeof now, &now);
    return true;
}

/* Half of it is random: those who failed together do not come back together. */
static cadre_time draw_backoff(cadre_self *self, const cadre_supervisor *me,
                               uint32_t failures)
{
    cadre_time delay = me->backoff;
    if (delay == 0)
        return 0;
    for (uint32_t i = 1; i < failures && delay < me->backoff_max; i++)
        delay = delay > me->backoff_max / 2 ? me->backoff_max : 2 * delay;
    if (delay > me->backoff_max)
        delay = me->backoff_max;
    return delay - (cadre_time)(cadre_random(self) % ((uint64_t)delay / 2 + 1));
}

/* It has failed by itself, and is to start again. */
static int start_again(cadre_self *self, cadre_supervisor *me, uint32_t index,
                       bool was_up, const cadre_child_down *down)
{
    struct own *own = own_of(me);
    struct row *row = row_at(me, index);
    if (!may_restart(self, me))
        return cadre_fail(self, CADRE_ERESTARTS,
                          "child %" PRIu32 " (%s) is the one too many: %s%s%s", index,
                          row->spec.cls->name ? row->spec.cls->name : "?", down->text,
                          *down->text ? ": " : "", cadre_strerror(down->reason));
    if (was_up && cadre_now(self) - row->up_since >= me->within)
        row->failures = 0;
    cadre_time delay = draw_backoff(self, me, ++row->failures);
    set_phase(me, index, delay > 0 ? WAITS : IDLE);
    if (me->strategy != CADRE_ONE_FOR_ONE) {
        own->from = me->strategy == CADRE_ONE_FOR_ALL ? 0 : index + 1;
        own->to = own->children.count;
    }
    int err = 0;
    if (delay > 0)
        err = cadre_after(self, &row->again, delay, supervisor_again, row->ref);
    return err ? err : go_on(self, me);
}

static bool is_to_restart(const struct row *row, int reason)
{
    return row->spec.when == CADRE_PERMANENT ||
           (row->spec.when == CADRE_TRANSIENT && reason != 0);
}

static int on_down(cadre_self *self, cadre_supervisor *me, const cadre_child_down *down)
{
    uint32_t index = find(me, down->child);
    if (index == NONE)
        return 0;
    const struct own *own = own_of(me);
    const struct row *row = row_at(me, index);
    bool was_up = row->phase == UP;
    bool is_due = row->phase == ENDING ? row->spec.when != CADRE_TEMPORARY
                                       : is_to_restart(row, down->reason);
    start_is_over(self, me, index);
    if (!is_due)
        lose(self, me, index, CADRE_EDEAD);
    else if (index >= own->from && index < own->to)
        set_phase(me, index, IDLE); /* it was to end anyway */
    else
        return start_again(self, me, index, was_up, down);
    return go_on(self, me);
}

static int on_again(cadre_self *self, cadre_supervisor *me, cadre_ref child)
{
    uint32_t index = find(me, child);
    if (index != NONE && row_at(me, index)->phase == WAITS)
        set_phase(me, index, IDLE);
    return go_on(self, me);
}

/* ---- what is asked --------------------------------------------------------------- */

static bool is_bad(const cadre_child_spec *spec)
{
    return !spec->cls || spec->when > CADRE_TEMPORARY || spec->mail > CADRE_MAIL_RETRY;
}

static void move_row(cadre_supervisor *me, uint32_t to, uint32_t from)
{
    struct row *row = row_at(me, to);
    *row = *row_at(me, from);
    struct place *place =
        pending_find(&own_of(me)->places, sizeof *place, (cadre_token){row->ref.id});
    if (place)
        place->index = to;
}

/* The rows behind the table move up to where nobody is any more; they keep their order,
 * and so does everything that says how far one has come. */
static void close_gaps(cadre_supervisor *me)
{
    struct own *own = own_of(me);
    uint32_t kept = me->count, *const marks[] = {&own->first, &own->from, &own->to,
                                                 &own->starting};
    uint32_t was[] = {own->first, own->from, own->to, own->starting};
    for (uint32_t i = me->count; i <= own->children.count; i++) {
        for (size_t k = 0; k < sizeof was / sizeof *was; k++)
            if (was[k] == i)
                *marks[k] = kept;
        if (i == own->children.count || row_at(me, i)->phase == GONE)
            continue;
        if (kept < i)
            move_row(me, kept, i);
        kept++;
    }
    own->settled -= own->gaps;
    own->gaps = 0;
    own->children.count = kept;
}

/* A new row, behind all others. */
static int add(cadre_supervisor *me, const cadre_child_spec *spec, uint32_t *index)
{
    struct own *own = own_of(me);
    const struct row row = {.spec = *spec, .clients = NONE, .phase = GONE};
    if (own->gaps > own->children.count / 2)
        close_gaps(me);
    int err = rows_reserve(&own->children, sizeof row);
    if (err)
        return err;
    *index = own->children.count;
    rows_append(&own->children, sizeof row, &row);
    own->settled++;
    set_phase(me, *index, IDLE);
    return 0;
}

static int on_add(cadre_self *self, cadre_supervisor *me, cadre_msg *m,
                  const cadre_child_spec *spec)
{
    uint32_t index;
    int err = is_bad(spec) ? -EINVAL : add(me, spec, &index);
    if (err)
        return body_refuse(self, m, err, "supervisor: the child cannot be added");
    err = wait_for(self, me, index, m);
    if (err) {
        lose(self, me, index, err);
        return body_refuse(self, m, err, "supervisor: the child cannot be added");
    }
    return go_on(self, me);
}

static int on_which(cadre_self *self, cadre_supervisor *me, cadre_msg *m,
                    uint32_t index)
{
    const struct row *row = index < me->count ? row_at(me, index) : NULL;
    int err = !row || row->phase == GONE ? -ENOENT : 0;
    if (!err && row->phase == UP)
        err = cadre_reply(self, m, cadre_child, row->ref);
    else if (!err)
        err = wait_for(self, me, index, m);
    return err ? body_refuse(self, m, err, "supervisor: there is no such child") : 0;
}

static int on_remove(cadre_self *self, cadre_supervisor *me, cadre_msg *m,
                     cadre_ref ref)
{
    uint32_t index = find(me, ref);
    if (index == NONE)
        return body_refuse(self, m, -ENOENT, "supervisor: there is no such child");
    lose(self, me, index, CADRE_EDEAD);
    (void)cadre_reply(self, m, cadre_child, ref);
    return go_on(self, me);
}

/* ---- the class ------------------------------------------------------------------- */

static bool set_defaults(cadre_supervisor *me)
{
    if (me->strategy > CADRE_REST_FOR_ONE || me->within < 0 || me->backoff < 0 ||
        me->backoff_max < 0 || me->start_timeout < 0 ||
        (me->count > 0 && !me->children))
        return false;
    me->max_restarts = me->max_restarts ? me->max_restarts : 3;
    me->within = me->within ? me->within : 5 * CADRE_SECOND;
    me->backoff_max = me->backoff_max ? me->backoff_max : 30 * CADRE_SECOND;
    me->start_timeout = me->start_timeout ? me->start_timeout : 5 * CADRE_SECOND;
    struct own *own = own_of(me);
    own->starting = own->no_client = NONE;
    return true;
}

static void supervisor_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    rows_free(&own->children);
    rows_free(&own->clients);
    rows_free(&own->restarts);
    pending_free(&own->places);
}

static int supervisor_start(cadre_self *self, void *state)
{
    uint32_t index;
    cadre_supervisor *me = state;
    int err = set_defaults(me) ? cadre_stop_in_order(self) : -EINVAL;
    for (uint32_t i = 0; i < me->count && !err; i++)
        err = is_bad(&me->children[i]) ? -EINVAL : add(me, &me->children[i], &index);
    if (!err)
        err = go_on(self, me);
    if (err)
        supervisor_stop(self, state, err); /* which is not called then */
    return err;
}

static int supervisor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_supervisor *me = state;
    const void *body = m->body;
    if (m->type == &cadre_child_up_type)
        return on_up(self, me, m->from, false);
    if (m->type == &cadre_ready_type)
        return on_up(self, me, m->from, true);
    if (m->type == &cadre_child_down_type)
        return on_down(self, me, body);
    if (m->type == &supervisor_again_type)
        return on_again(self, me, ((const supervisor_again *)body)->child);
    if (m->type == &supervisor_timeout_type) /* its end is told as any other */
        return cadre_kill(self, ((const supervisor_timeout *)body)->child, -ETIMEDOUT);
    if (m->type == &cadre_which_child_type)
        return on_which(self, me, m, ((const cadre_which_child *)body)->index);
    if (m->type == &cadre_add_child_type)
        return on_add(self, me, m, &((const cadre_add_child *)body)->spec);
    if (m->type == &cadre_remove_child_type)
        return on_remove(self, me, m, ((const cadre_remove_child *)body)->ref);
    return cadre_unhandled(self, m);
}

const cadre_class cadre_supervisor_class = {.name = "cadre_supervisor",
                                            .state_size = sizeof(cadre_supervisor),
                                            .start = supervisor_start,
                                            .receive = supervisor_receive,
                                            .stop = supervisor_stop};
