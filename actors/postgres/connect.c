/* connect.c: connections come, and go.
 *
 * A thread looks up the hosts and begins; then libpq says what it waits for, and each
 * time perhaps with another socket, so each step has a watch of its own. */
#include "listen.h"

#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

CADRE_TYPE(postgres_late);
CADRE_TYPE(postgres_retry);
enum { RETRY_MS = 50, RETRY_MAX_MS = 5000 };

/* Every session is like that. */
static const char setup[] = "SET bytea_output = hex";
static const char precise[] = "SET extra_float_digits = 1";

static void watch_no_more(cadre_self *self, struct seat *seat)
{
    if (seat->ready.id)
        (void)cadre_ready_close(self, seat->ready);
    seat->ready.id = 0;
}

void connect_end(cadre_self *self, cadre_token *token)
{
    if (token->id)
        (void)cadre_cancel(self, *token);
    token->id = 0;
}

static void close_seat(cadre_self *self, struct seat *seat)
{
    watch_no_more(self, seat);
    connect_end(self, &seat->late);
    connect_end(self, &seat->idle);
    connect_end(self, &seat->cancelling);
    link_close(&seat->link);
    request_drop(self, &seat->request);
    seat->phase = CLOSED;
    seat->round++;
    seat->cursor = 0;
    seat->is_unwanted = false;
}

void connect_rest(cadre_self *self, struct own *own)
{
    cadre_time delay = RETRY_MAX_MS;
    if (own->failures < 7)
        delay = (cadre_time)RETRY_MS << own->failures;
    own->failures++;
    own->rests =
        own->rests || cadre_after(self, NULL, delay * CADRE_MS, postgres_retry, 0) == 0;
}

/* Those that have waited too long, or all of them, fail with this. */
static void fail_waiting(cadre_self *self, cadre_postgres *me, bool all, int code,
                         const char *state, const char *text)
{
    struct own *own = own_of(me);
    cadre_time now = cadre_now(self);
    for (uint32_t i = 0; i < own->waiting.count;) {
        struct request r = *request_at(&own->waiting, i);
        struct outcome outcome = {.error.code = 0};
        if (!all && now - r.since < me->patience) {
            i++;
            continue;
        }
        rows_remove(&own->waiting, sizeof r, i);
        (void)outcome_fail(&outcome, code, state, text, NULL);
        request_answer(self, &r, &outcome);
    }
}

/* There is no connection. The server's refusal is final. */
static int fail(cadre_self *self, cadre_postgres *me, struct seat *seat, int code,
                const char *state, const char *text)
{
    char words[CONVERT_TEXT];
    bool is_final = code == -EACCES;
    (void)snprintf(words, sizeof words, "%s", text);
    close_seat(self, seat);
    fail_waiting(self, me, is_final, code, state, words);
    if (is_final)
        return cadre_fail(self, code, "postgres: %s", words);
    connect_rest(self, own_of(me));
    return 0;
}

int connect_fail(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    char state[6], text[CONVERT_TEXT];
    int code = convert_refusal(seat->link.conn, state, text);
    return fail(self, me, seat, code, state, text);
}

int connect_unfit(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    const cadre_sql_error error = seat->link.outcome.error;
    char text[CONVERT_TEXT];
    (void)snprintf(text, sizeof text, "%s", cadre_sql_error_text(&error));
    return fail(self, me, seat, error.code, error.state, text);
}

/* ---- it comes -------------------------------------------------------------------- */

void connect_begin(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    uint32_t number = (uint32_t)(seat - own_of(me)->seats);
    int err =
        cadre_after(self, &seat->late, me->connect, postgres_late, number, seat->round);
    if (!err)
        err = cadre_offload(self, NULL, CADRE_POOL_NAMES, CADRE_NEVER, dial_begin,
                            postgres_dial, .url = cadre_buf_ref(own_of(me)->url),
                            .link = number, .round = seat->round);
    seat->phase = err ? CLOSED : DIALS;
    if (err) {
        connect_end(self, &seat->late);
        connect_rest(self, own_of(me));
    }
}

/* Another watch for each step: the socket may be another one. */
static int wait_to_connect(cadre_self *self, cadre_postgres *me, struct seat *seat,
                           int events)
{
    watch_no_more(self, seat);
    int err = cadre_ready_watch(self, &seat->ready, PQsocket(seat->link.conn));
    if (!err)
        err = cadre_ready_when(self, seat->ready, events);
    return err ? fail(self, me, seat, err, "08001", cadre_strerror(err)) : 0;
}

int connect_on_dial(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    postgres_dial *job = m->body;
    struct seat *seat = &own_of(me)->seats[job->link];
    if (seat->round != job->round)
        return 0;
    if (job->text[0])
        return fail(self, me, seat, -EHOSTUNREACH, "08001", job->text);
    seat->link.conn = job->conn;
    job->conn = NULL;
    if (!seat->link.conn || PQstatus(seat->link.conn) == CONNECTION_BAD)
        return connect_fail(self, me, seat);
    (void)PQsetErrorVerbosity(seat->link.conn, PQERRORS_VERBOSE); /* it has the state */
    seat->phase = CONNECTS;
    return wait_to_connect(self, me, seat, CADRE_READY_WRITE);
}

/* It is there: one request of ours, then others'. */
static int set_up(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    int err = wait_to_connect(self, me, seat, CADRE_READY_READ);
    if (err || seat->phase == CLOSED)
        return err;
    cadre_sql sql = {.rows = 0};
    link_open(&seat->link);
    seat->link.max = me->bytes;
    seat->phase = SETS_UP;
    seat->request = (struct request){.sql = sql};
    err = cadre_sql_add(&seat->request.sql, setup, NULL, 0);
    if (!err)
        err = cadre_sql_add(&seat->request.sql, precise, NULL, 0);
    if (!err)
        err = link_begin(&seat->link, &seat->request.sql);
    if (err)
        return fail(self, me, seat, err, "08001", cadre_strerror(err));
    (void)connect_wait(self, me, seat);
    return 0;
}

int connect_on_ready(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    switch (PQconnectPoll(seat->link.conn)) {
    case PGRES_POLLING_READING:
        return wait_to_connect(self, me, seat, CADRE_READY_READ);
    case PGRES_POLLING_WRITING:
        return wait_to_connect(self, me, seat, CADRE_READY_WRITE);
    case PGRES_POLLING_OK:
        return set_up(self, me, seat);
    default:
        return connect_fail(self, me, seat);
    }
}

int connect_on_late(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_postgres *me = state;
    const postgres_late *late = m->body;
    struct seat *seat = &own_of(me)->seats[late->link];
    seat->late.id = 0;
    if (seat->round != late->round || seat->phase > SETS_UP || seat->phase == CLOSED)
        return 0;
    return fail(
        self, me, seat, -ETIME, "08001",
        "the server did not answer in time: is it there, and does a firewall let "
        "it be reached?");
}

int connect_on_retry(cadre_self *self, void *state, cadre_msg *m)
{
    own_of(state)->rests = false;
    pool_tell(self, state);
    return 0;
}

/* ---- it goes --------------------------------------------------------------------- */

void connect_lose(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    if (!seat->link.outcome.error.code)
        (void)outcome_fail(&seat->link.outcome, -ECONNRESET, "08006",
                           "the connection was given up: this was done or not", NULL);
    if (seat->request.promise.token.id)
        request_answer(self, &seat->request, &seat->link.outcome);
    close_seat(self, seat);
    if (listen_is(me, seat))
        listen_on_lost(self, me);
    pool_tell(self, me);
}

bool connect_wait(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    int events = CADRE_READY_READ;
    if (link_is_full(&seat->link))
        events |= CADRE_READY_WRITE;
    int err = cadre_ready_when(self, seat->ready, events);
    if (err)
        connect_lose(self, me, seat);
    return !err;
}
