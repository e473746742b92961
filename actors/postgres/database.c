/* database.c: a PostgreSQL database, as an actor.
 *
 * Requests wait in one queue for a connection that is free. Calls must not be made for
 * the sake of a request, or they would be withdrawn with that; so a request only sends a
 * message to this actor, which is for nobody's sake.
 *
 * That nobody waits for a request any more is told by a request of its own, made for its
 * sake, to a child that never answers. */
#include "listen.h"

#include "../body.h"

#include <cadre/arena.h>
#include <cadre/dispatch.h>
#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

static CADRE_TYPE(postgres_idle);
static CADRE_TYPE(postgres_again);
typedef struct postgres_patience {
    int none;
} postgres_patience;
static CADRE_TYPE(postgres_patience);
static_assert(sizeof(struct own) <= sizeof((cadre_postgres *)NULL)->own, "own");

static const char too_much[] = "postgres: too much waits: ask for less";

void pool_tell(cadre_self *self, cadre_postgres *me)
{
    (void)nudge_send(self, &own_of(me)->nudge);
}

uint32_t pool_count(cadre_postgres *me, enum phase phase)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < me->connections; i++)
        count += own_of(me)->seats[i].phase == phase;
    return count;
}

/* ---- requests -------------------------------------------------------------------- */

void request_drop(cadre_self *self, struct request *r)
{
    if (r->patience.id)
        (void)cadre_cancel(self, r->patience);
    cadre_sql_drop(&r->sql);
    *r = (struct request){.since = 0};
}

void request_answer(cadre_self *self, struct request *r, struct outcome *outcome)
{
    cadre_promise promise = r->promise;
    request_drop(self, r);
    outcome_answer(self, promise, outcome);
}

static int never_answer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    int err = cadre_defer(self, m, &promise);
    return err == -EINVAL ? 0 : err; /* who asked has gone */
}
static const cadre_class patience_class = {.name = "cadre_postgres_patience",
                                           .receive = never_answer};

/* ---- one connection -------------------------------------------------------------- */

static bool may_have_cursor(const struct seat *s)
{
    return s->phase == HAS_CURSOR || (s->phase == RUNS && s->link.limit > 0);
}

/* One that is free; and not the last, for what may keep it. */
static struct seat *find_free(cadre_postgres *me, const struct request *r)
{
    struct seat *found = NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < me->connections; i++) {
        struct seat *s = &own_of(me)->seats[i];
        kept += may_have_cursor(s);
        if (s->phase == FREE && !found)
            found = s;
    }
    bool keeps = r->sql.rows > 0 && link_only_reads(&r->sql);
    return keeps && kept + 1 >= me->connections ? NULL : found;
}

/* The request of this seat has all its answers. */
static void leave(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    link_end(&seat->link);
    request_drop(self, &seat->request);
    seat->is_unwanted = false;
    seat->phase = seat->cancelling.id ? DRAINS : FREE;
    (void)connect_wait(self, me, seat);
    pool_tell(self, me);
}

static void on_done(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    bool again = seat->phase == RUNS && seat->link.is_stale &&
                 seat->link.outcome.error.code && !seat->request.is_again;
    bool is_wanted = seat->request.promise.token.id || listen_is(me, seat);
    if (again && is_wanted && !seat->is_unwanted && !seat->cancelling.id) {
        seat->request.is_again = true;
        int err = link_begin(&seat->link, &seat->request.sql);
        if (!err)
            (void)connect_wait(self, me, seat);
        else if (err == -ECONNRESET)
            connect_lose(self, me, seat);
        if (!err || err == -ECONNRESET)
            return;
    }
    if (seat->phase == SETS_UP) {
        own_of(me)->failures = 0;
        connect_end(self, &seat->late);
    }
    if (seat->phase == RUNS && listen_is(me, seat))
        listen_on_done(self, me, seat);
    if (seat->request.promise.token.id)
        request_answer(self, &seat->request, &seat->link.outcome);
    leave(self, me, seat);
}

enum { SEAT_BITS = 8 };

/* It stays open for as long as somebody asks: there is a timer for each piece. */
static void on_piece(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    struct own *own = own_of(me);
    uint32_t number = (uint32_t)(seat - own->seats);
    seat->cursor = (uint64_t)++own->cursors << SEAT_BITS | number;
    seat->phase = HAS_CURSOR;
    seat->link.outcome.rows.cursor = seat->cursor;
    int err = cadre_after(self, &seat->idle, me->cursor, postgres_idle, seat->cursor);
    if (err)
        (void)outcome_fail(&seat->link.outcome, err, "53200", cadre_strerror(err),
                           NULL);
    cadre_promise promise = seat->request.promise;
    if (seat->request.patience.id)
        (void)cadre_cancel(self, seat->request.patience);
    seat->request.patience.id = seat->request.promise.token.id = 0;
    seat->request.is_again = true; /* it has been answered from */
    if (promise.token.id)
        outcome_answer(self, promise, &seat->link.outcome);
    else
        outcome_free(&seat->link.outcome);
    if (err)
        seat->is_unwanted = true;
    pool_tell(self, me);
}

int pool_on_ready(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    enum link_news news = link_read(&seat->link);
    if (listen_is(me, seat))
        listen_hear(self, me, seat);
    switch (news) {
    case LINK_PIECE:
        on_piece(self, me, seat);
        break;
    case LINK_DONE:
        if (seat->phase == SETS_UP && seat->link.outcome.error.code)
            return connect_unfit(self, me, seat);
        on_done(self, me, seat);
        break;
    case LINK_BROKEN:
        if (seat->phase == SETS_UP)
            return connect_fail(self, me, seat);
        connect_lose(self, me, seat);
        break;
    default:
        if (connect_wait(self, me, seat) && seat->link.is_too_much)
            pool_tell(self, me);
        break;
    }
    return 0;
}

/* What it runs is of no use. When the server cannot be told, or not in time, the
 * connection goes. */
static void cancel(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    PGcancel *it = PQgetCancel(seat->link.conn);
    int err = it ? cadre_offload(self, &seat->cancelling, CADRE_POOL_DATA, me->connect,
                                 dial_cancel, postgres_cancel, .cancel = it,
                                 .link = (uint32_t)(seat - own_of(me)->seats),
                                 .round = seat->round)
                 : -ENOMEM;
    bool had_cursor = seat->phase == HAS_CURSOR;
    connect_end(self, &seat->idle);
    seat->is_unwanted = seat->link.is_too_much = false;
    seat->phase = RUNS;
    seat->cursor = 0;
    link_discard(&seat->link);
    if (err)
        connect_lose(self, me, seat);
    else if (had_cursor)
        (void)pool_on_ready(self, me, seat);
}

/* A server that had not begun yet has heard nothing: it is told again while it runs. */
enum { AGAIN_MS = 20 };
static int on_again(cadre_self *self, void *state, cadre_msg *m)
{
    const postgres_again *again = m->body;
    struct seat *seat = &own_of(state)->seats[again->link];
    if (seat->round == again->round && seat->runs == again->runs &&
        seat->phase == RUNS) {
        seat->is_unwanted = true;
        pool_tell(self, state);
    }
    return 0;
}

static int on_cancelled(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    const postgres_cancel *job = m->body;
    struct seat *seat = &own_of(me)->seats[job->link];
    if (seat->round != job->round)
        return 0;
    seat->cancelling.id = 0;
    if (seat->phase == DRAINS)
        seat->phase = FREE;
    else if (job->failed || cadre_after(self, NULL, AGAIN_MS * CADRE_MS, postgres_again,
                                        job->link, job->round, seat->runs))
        connect_lose(self, me, seat);
    pool_tell(self, me);
    return 0;
}

/* ---- what there is to do --------------------------------------------------------- */

static void start(cadre_self *self, cadre_postgres *me, struct seat *seat,
                  const struct request *r)
{
    seat->request = *r;
    seat->phase = RUNS;
    seat->is_unwanted = false;
    seat->runs++;
    int err = link_begin(&seat->link, &seat->request.sql);
    if (!err)
        (void)connect_wait(self, me, seat);
    else if (err == -ECONNRESET)
        connect_lose(self, me, seat);
    else {
        request_answer(self, &seat->request, &seat->link.outcome);
        leave(self, me, seat);
    }
}

/* The first that has a connection; who wants a cursor lets others go first. */
static bool start_next(cadre_self *self, cadre_postgres *me)
{
    struct own *own = own_of(me);
    for (uint32_t i = 0; i < own->waiting.count; i++) {
        struct request r = *request_at(&own->waiting, i);
        struct seat *seat = find_free(me, &r);
        if (!seat)
            continue;
        rows_remove(&own->waiting, sizeof r, i);
        start(self, me, seat, &r);
        return true;
    }
    return false;
}

/* One for each that waits; after a failure one at a time. */
static void connect_more(cadre_self *self, cadre_postgres *me)
{
    struct own *own = own_of(me);
    uint32_t coming =
        pool_count(me, DIALS) + pool_count(me, CONNECTS) + pool_count(me, SETS_UP);
    uint32_t wanted = own->waiting.count;
    if (own->failures > 0 && wanted > 1)
        wanted = 1;
    for (uint32_t i = 0; i < me->connections && coming < wanted && !own->rests; i++)
        if (own->seats[i].phase == CLOSED) {
            connect_begin(self, me, &own->seats[i]);
            coming++;
        }
}

static int on_go(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    struct own *own = own_of(me);
    nudge_came(m);
    for (uint32_t i = 0; i < me->connections; i++) {
        struct seat *s = &own->seats[i];
        if ((s->is_unwanted || s->link.is_too_much) && !s->cancelling.id &&
            (s->phase == RUNS || s->phase == HAS_CURSOR))
            cancel(self, me, s);
    }
    while (start_next(self, me))
        ;
    connect_more(self, me);
    listen_go(self, me);
    return 0;
}

static struct seat *seat_of(cadre_postgres *me, cadre_ready ready)
{
    for (uint32_t i = 0; i <= me->connections; i++)
        if (own_of(me)->seats[i].ready.id == ready.id)
            return &own_of(me)->seats[i];
    return NULL;
}

static int on_ready(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    struct seat *seat = seat_of(me, ((const cadre_ready_now *)m->body)->ready);
    if (!seat || seat->phase == HAS_CURSOR)
        return 0;
    return seat->phase == CONNECTS ? connect_on_ready(self, me, seat)
                                   : pool_on_ready(self, me, seat);
}

/* By itself only without memory. */
static int on_closed(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    struct seat *seat = seat_of(me, ((const cadre_ready_closed *)m->body)->ready);
    if (seat) {
        seat->ready.id = 0;
        connect_lose(self, me, seat);
    }
    return 0;
}

/* ---- what is asked --------------------------------------------------------------- */

static uint32_t count_requests(cadre_postgres *me)
{
    return own_of(me)->waiting.count + pool_count(me, RUNS);
}

/* Nobody waits for a request any more; or a cancel takes too long. */
static int on_failure(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    struct own *own = own_of(me);
    if (!m->token.id)
        return cadre_unhandled(self, m);
    for (uint32_t i = 0; i < own->waiting.count; i++)
        if (request_at(&own->waiting, i)->patience.id == m->token.id) {
            request_at(&own->waiting, i)->patience.id = 0;
            request_drop(self, request_at(&own->waiting, i));
            rows_remove(&own->waiting, sizeof(struct request), i);
            return 0;
        }
    for (uint32_t i = 0; i < me->connections; i++) {
        struct seat *s = &own->seats[i];
        if (s->cancelling.id == m->token.id) {
            s->cancelling.id = 0;
            connect_lose(self, me, s);
            return 0;
        }
        if (s->request.patience.id != m->token.id)
            continue;
        s->request.patience.id = s->request.promise.token.id = 0;
        s->is_unwanted = true;
        pool_tell(self, me);
    }
    return 0;
}

/* In hand, to be answered later. */
static int take(cadre_self *self, cadre_postgres *me, cadre_msg *m, struct request *r)
{
    struct own *own = own_of(me);
    if (count_requests(me) >= me->waiting)
        return CADRE_EFULL;
    int err = rows_reserve(&own->waiting, sizeof *r);
    if (!err)
        err = cadre_ask(self, &r->patience, own->patience, CADRE_NEVER,
                        postgres_patience, 0);
    if (err)
        return err;
    err = cadre_defer(self, m, &r->promise);
    if (err)
        (void)cadre_cancel(self, r->patience);
    return err;
}

static int on_sql(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    cadre_sql *sql = m->body;
    struct request r = {.since = cadre_now(self)};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!sql->count)
        return body_refuse(self, m, -EINVAL, "postgres: there is no statement");
    int err = take(self, me, m, &r);
    if (err)
        return body_refuse(self, m, err, too_much);
    r.sql = *sql;
    sql->statements = NULL;
    rows_append(&own_of(me)->waiting, sizeof r, &r);
    pool_tell(self, me);
    return 0;
}

static struct seat *find_cursor(cadre_postgres *me, uint64_t cursor)
{
    uint32_t i = (uint32_t)(cursor & ((1 << SEAT_BITS) - 1));
    struct seat *s = i < me->connections ? &own_of(me)->seats[i] : NULL;
    return s && cursor && s->phase == HAS_CURSOR && s->cursor == cursor ? s : NULL;
}

static int on_idle(cadre_self *self, void *state, cadre_msg *m)
{
    struct seat *seat = find_cursor(state, ((const postgres_idle *)m->body)->cursor);
    if (seat) {
        seat->idle.id = 0;
        seat->is_unwanted = true;
        pool_tell(self, state);
    }
    return 0;
}

static int answer_at_once(cadre_self *self, cadre_promise promise, bool is_fine)
{
    struct outcome outcome = {.error.code = 0};
    if (!is_fine)
        (void)outcome_fail(&outcome, -ESTALE, "34000",
                           "the cursor is closed: nobody has asked for a while", NULL);
    outcome_answer(self, promise, &outcome);
    return 0;
}

static int on_next(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    const cadre_sql_next *next = m->body;
    struct seat *seat = find_cursor(me, next->cursor);
    struct request r = {.since = cadre_now(self)};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    int err = take(self, me, m, &r);
    if (err)
        return body_refuse(self, m, err, too_much);
    if (!seat || !next->rows) {
        cadre_promise promise = r.promise;
        request_drop(self, &r);
        if (seat) {
            seat->cursor = 0;
            seat->is_unwanted = true;
            pool_tell(self, me);
        }
        return answer_at_once(self, promise, seat);
    }
    seat->request.promise = r.promise;
    seat->request.patience = r.patience;
    seat->phase = RUNS;
    connect_end(self, &seat->idle);
    link_go_on(&seat->link, next->rows);
    return pool_on_ready(self, me, seat);
}

/* ---- its life -------------------------------------------------------------------- */

static int check(cadre_self *self, const cadre_postgres *me)
{
    char text[DIAL_TEXT];
    if (me->connections < 2 || me->connections > LINKS_MAX || me->connect < 0 ||
        me->patience < 0 || me->cursor < 0)
        return cadre_fail(self, -EINVAL, "postgres: connections, or a time, is bad");
    if (dial_check(me->url ? me->url : "", text))
        return cadre_fail(self, -EINVAL, "postgres: url: %s", text);
    return 0;
}

static int database_start(cadre_self *self, void *state)
{
    cadre_postgres *me = state;
    struct own *own = own_of(me);
    me->connections = me->connections ? me->connections : 8;
    me->waiting = me->waiting ? me->waiting : 1024;
    me->bytes = me->bytes ? me->bytes : 16 << 20;
    me->connect = me->connect ? me->connect : 10 * CADRE_SECOND;
    me->patience = me->patience ? me->patience : 10 * CADRE_SECOND;
    me->cursor = me->cursor ? me->cursor : 30 * CADRE_SECOND;
    int err = check(self, me);
    if (err)
        return err;
    const char *url = me->url ? me->url : "";
    own->url = cadre_buf_new(url, strlen(url) + 1);
    own->seats = cadre_alloc(self, (me->connections + 1) * sizeof *own->seats);
    err = own->url && own->seats ? nudge_init(&own->nudge) : -ENOMEM;
    if (!err)
        err = cadre_spawn(self, &own->patience, &patience_class, NULL);
    if (!err) {
        connect_begin(self, me, &own->seats[0]);
    } else {
        nudge_fini(&own->nudge);
        cadre_buf_unref(own->url);
    }
    return err;
}

static int database_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&cadre_ready_now_type, on_ready},
                                  {&nudge_type, on_go},
                                  {&cadre_sql_type, on_sql},
                                  {&cadre_sql_next_type, on_next},
                                  {&cadre_failure_type, on_failure},
                                  {&cadre_sql_listen_type, listen_on_ask},
                                  {&cadre_down_type, listen_on_down},
                                  {&postgres_idle_type, on_idle},
                                  {&postgres_again_type, on_again},
                                  {&postgres_cancel_type, on_cancelled},
                                  {&postgres_dial_type, connect_on_dial},
                                  {&postgres_late_type, connect_on_late},
                                  {&postgres_retry_type, connect_on_retry},
                                  {&cadre_ready_closed_type, on_closed},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

/* The promises end with their holder. */
static void database_stop(cadre_self *self, void *state, int reason)
{
    cadre_postgres *me = state;
    struct own *own = own_of(me);
    for (uint32_t i = 0; i < own->waiting.count; i++)
        cadre_sql_drop(&request_at(&own->waiting, i)->sql);
    rows_free(&own->waiting);
    listen_stop(me);
    for (uint32_t i = 0; own->seats && i <= me->connections; i++) {
        link_close(&own->seats[i].link);
        cadre_sql_drop(&own->seats[i].request.sql);
    }
    nudge_fini(&own->nudge);
    cadre_buf_unref(own->url);
}

const cadre_class cadre_postgres_class = {.name = "cadre_postgres",
                                          .state_size = sizeof(cadre_postgres),
                                          .start = database_start,
                                          .receive = database_receive,
                                          .stop = database_stop};
