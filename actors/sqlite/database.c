/* database.c: a database in a file, as an actor.
 *
 * Requests wait in two queues. Reads are calls of their own, each on a connection that is
 * free. For the writes there is one call at a time: it takes all that wait. So whoever
 * comes while it runs shares the next one, and its sync.
 *
 * A call must not be made for the sake of a request, or it would be withdrawn with that.
 * So a request only sends a message to this actor, which is for nobody's sake. */
#include "base.h"
#include "reads.h"

#include "../body.h"
#include "../nudge.h"

#include <cadre/arena.h>
#include <cadre/dispatch.h>
#include <cadre/fail.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef struct sqlite_look {
    int none;
} sqlite_look;
static CADRE_TYPE(sqlite_look);

/* What a connection for reading does. */
enum reader { FREE, READS, HAS_CURSOR };

static const char too_much[] = "sqlite: too much waits: ask for less";

struct cursor {
    uint64_t id;
    cadre_time idle; /* it is closed then, if nobody has asked */
};

struct own {
    cadre_buf *base;
    struct nudge nudge;
    struct rows reads, writes; /* requests that wait */
    uint32_t writing;          /* under way */
    uint32_t cursors;          /* given out, ever */
    struct cursor *cursor;     /* of each reader that has one; 1 + READERS_MAX */
    cadre_token look;          /* now and then, after idle ones; id 0: there are none */
    uint8_t readers[1 + READERS_MAX];
    bool is_open;
};
static_assert(sizeof(struct own) <= sizeof((cadre_sqlite *)NULL)->own, "own");

static struct own *own_of(cadre_sqlite *me) { return (struct own *)(void *)me->own; }

static bool is_file(const char *path)
{
    return path && path[0] && !strstr(path, ":memory:") &&
           strncmp(path, "file:", 5) != 0;
}

static int database_start(cadre_self *self, void *state)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    me->readers = me->readers ? me->readers : 4;
    me->waiting = me->waiting ? me->waiting : 1024;
    me->bytes = me->bytes ? me->bytes : 16 << 20;
    me->cursor = me->cursor ? me->cursor : 30 * CADRE_SECOND;
    if (!is_file(me->path) || me->use < CADRE_FILE_READ || me->use > CADRE_FILE_NEW ||
        me->readers < 2 || me->readers > READERS_MAX || me->cursor < 0)
        return -EINVAL;
    own->cursor = cadre_alloc(self, (1 + READERS_MAX) * sizeof *own->cursor);
    own->base = own->cursor ? base_new(me) : NULL;
    if (!own->base)
        return -ENOMEM;
    int err = nudge_init(&own->nudge);
    if (!err)
        err = cadre_offload(self, NULL, CADRE_POOL_DATA, CADRE_NEVER, base_open,
                            sqlite_open, .base = base_share(own->base));
    if (err) {
        nudge_fini(&own->nudge);
        base_leave(own->base);
    }
    return err;
}

/* ---- reads ----------------------------------------------------------------------- */

static uint32_t count_readers(const cadre_sqlite *me, const struct own *own, int what)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= me->readers; i++)
        count += own->readers[i] == what;
    return count;
}

/* One that is free; and not the last, for what may keep it. 0: none. */
static uint32_t find_reader(const cadre_sqlite *me, const struct own *own, bool keeps)
{
    if (count_readers(me, own, FREE) < 1u + keeps)
        return 0;
    uint32_t i = 1;
    while (own->readers[i] != FREE)
        i++;
    return i;
}

static void read_now(cadre_self *self, struct own *own, struct request *r)
{
    sqlite_read job = {.base = base_share(own->base), .request = *r};
    cadre_promise promise = r->promise;
    bool has_cursor = !r->sql.count;
    int err = cadre_offload_as(self, NULL, CADRE_POOL_DATA, CADRE_NEVER, base_read,
                               &sqlite_read_type, &job);
    own->readers[r->link] = !err ? READS : has_cursor ? HAS_CURSOR : FREE;
    if (err && promise.token.id)
        body_fail(self, promise,
                  &(cadre_failure){.code = err, .origin = cadre_me(self)});
}

static void close_cursor(cadre_self *self, struct own *own, uint32_t link)
{
    struct request r = {.link = link};
    read_now(self, own, &r);
}

/* Those that nobody has asked for. What the pool refuses is tried again. */
static void close_idle(cadre_self *self, const cadre_sqlite *me, struct own *own)
{
    for (uint32_t i = 1; i <= me->readers; i++)
        if (own->readers[i] == HAS_CURSOR && cadre_now(self) >= own->cursor[i].idle)
            close_cursor(self, own, i);
}

/* Nobody waits for it any more. Its cursor becomes idle. */
static void leave_read(struct own *own, struct request *r)
{
    if (!r->sql.count)
        own->readers[r->link] = HAS_CURSOR;
    request_free(r);
}

/* The first that has a connection, or can have one; who wants a cursor lets others go
 * first. */
static bool read_next(cadre_self *self, cadre_sqlite *me)
{
    struct own *own = own_of(me);
    for (uint32_t i = 0; i < own->reads.count; i++) {
        struct request r = *request_at(&own->reads, i);
        bool is_wanted = cadre_is_awaited(self, r.promise);
        if (r.sql.count)
            r.link = find_reader(me, own, r.sql.rows > 0);
        if (is_wanted && !r.link)
            continue;
        rows_remove(&own->reads, sizeof r, i);
        if (is_wanted)
            read_now(self, own, &r);
        else
            leave_read(own, &r);
        return true;
    }
    return false;
}

/* ---- writes ---------------------------------------------------------------------- */

/* Their rows go along; should the call be refused they are dropped with its body, so whom
 * to tell is kept till then. */
static void write_all(cadre_self *self, struct own *own)
{
    struct rows writes = own->writes;
    sqlite_write job = {.base = base_share(own->base), .requests = writes};
    cadre_buf *rows = cadre_buf_ref(writes.buf);
    own->writes = (struct rows){.buf = NULL};
    int err = cadre_offload_as(self, NULL, CADRE_POOL_DATA, CADRE_NEVER, base_write,
                               &sqlite_write_type, &job);
    for (uint32_t i = 0; err && i < writes.count; i++)
        body_fail(self, request_at(&writes, i)->promise,
                  &(cadre_failure){.code = err, .origin = cadre_me(self)});
    own->writing = err ? 0 : writes.count;
    cadre_buf_unref(rows);
}

/* Nobody waits for them any more. */
static void leave_out(cadre_self *self, struct rows *writes)
{
    for (uint32_t i = writes->count; i-- > 0;)
        if (!cadre_is_awaited(self, request_at(writes, i)->promise)) {
            request_free(request_at(writes, i));
            rows_remove(writes, sizeof(struct request), i);
        }
}

static void go(cadre_self *self, cadre_sqlite *me)
{
    struct own *own = own_of(me);
    if (!own->is_open)
        return;
    close_idle(self, me, own);
    while (read_next(self, me))
        ;
    if (own->writing > 0)
        return;
    leave_out(self, &own->writes);
    if (own->writes.count > 0)
        write_all(self, own);
}

/* ---- cursors --------------------------------------------------------------------- */

enum { LINK_BITS = 8 };

static uint32_t link_of(uint64_t cursor)
{
    return (uint32_t)(cursor & ((1 << LINK_BITS) - 1));
}
static bool has_cursor(cadre_self *self, const cadre_sqlite *me, const struct own *own,
                       uint64_t cursor)
{
    uint32_t i = link_of(cursor);
    return i >= 1 && i <= me->readers && own->readers[i] == HAS_CURSOR &&
           own->cursor[i].id == cursor && cadre_now(self) < own->cursor[i].idle;
}

/* Errors: those of cadre_every(), and then nobody gets to know it: it is idle. */
static int keep_cursor(cadre_self *self, cadre_sqlite *me, uint32_t link,
                       bool is_wanted, uint64_t *cursor)
{
    struct own *own = own_of(me);
    int err = is_wanted ? 0 : -ECANCELED;
    if (!err && !own->look.id)
        err = cadre_every(self, &own->look, me->cursor / 4 + 1, sqlite_look, 0);
    own->readers[link] = HAS_CURSOR;
    own->cursor[link].id = (uint64_t)++own->cursors << LINK_BITS | link;
    own->cursor[link].idle = err ? 0 : cadre_now(self) + me->cursor;
    *cursor = err ? 0 : own->cursor[link].id;
    return err;
}

static int on_look(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    close_idle(self, me, own);
    if (count_readers(me, own, FREE) == me->readers) {
        (void)cadre_cancel(self, own->look);
        own->look.id = 0;
    }
    return 0;
}

/* ---- messages -------------------------------------------------------------------- */

static int on_open(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    const sqlite_open *job = m->body;
    struct rows *waiting[] = {&own->reads, &own->writes};
    own->is_open = job->code == 0;
    if (own->is_open) {
        go(self, me);
        return 0;
    }
    for (int w = 0; w < 2; w++)
        for (uint32_t i = 0; i < waiting[w]->count; i++) {
            struct request *r = request_at(waiting[w], i);
            (void)outcome_fail(&r->outcome, job->code, "08001", job->text, NULL);
            outcome_answer(self, r->promise, &r->outcome);
        }
    return cadre_fail(self, job->code, "open %s: %s", base_path(own->base), job->text);
}

static int on_read(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    sqlite_read *job = m->body;
    struct request *r = &job->request;
    own->readers[r->link] = FREE;
    if (job->has_cursor) {
        int err = keep_cursor(self, me, r->link, cadre_is_awaited(self, r->promise),
                              &r->outcome.rows.cursor);
        if (err)
            (void)outcome_fail(&r->outcome, err, "53200", cadre_strerror(err), NULL);
    }
    if (r->promise.token.id)
        outcome_answer(self, r->promise, &r->outcome);
    go(self, me);
    return 0;
}

static int on_written(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    const sqlite_write *job = m->body;
    own_of(me)->writing = 0;
    for (uint32_t i = 0; i < job->requests.count; i++) {
        struct request *r = request_at(&job->requests, i);
        outcome_answer(self, r->promise, &r->outcome);
    }
    go(self, me);
    return 0;
}

static int on_go(cadre_self *self, void *state, cadre_msg *m)
{
    nudge_came(m);
    go(self, state);
    return 0;
}

static int reserve(cadre_self *self, cadre_sqlite *me, struct rows *rows)
{
    struct own *own = own_of(me);
    uint32_t waiting = own->reads.count + own->writes.count + own->writing +
                       count_readers(me, own, READS);
    int err = waiting < me->waiting ? rows_reserve(rows, sizeof(struct request))
                                    : CADRE_EFULL;
    return err ? err : nudge_send(self, &own->nudge);
}

static int on_sql(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    cadre_sql *sql = m->body;
    struct request r = {.until = base_until(self)};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!sql->count)
        return body_refuse(self, m, -EINVAL, "sqlite: there is no statement");
    struct rows *rows = sqlite_only_reads(sql) ? &own->reads : &own->writes;
    int err = reserve(self, me, rows);
    if (!err)
        err = cadre_defer(self, m, &r.promise);
    if (err)
        return body_refuse(self, m, err, too_much);
    r.sql = *sql;
    sql->statements = NULL;
    rows_append(rows, sizeof r, &r);
    return 0;
}

/* Whatever waits: it has a connection already. */
static int on_next(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_sqlite *me = state;
    struct own *own = own_of(me);
    const cadre_sql_next *next = m->body;
    struct request r = {.sql.rows = next->rows, .until = base_until(self)};
    r.link = has_cursor(self, me, own, next->cursor) ? link_of(next->cursor) : 0;
    if (!m->token.id)
        return cadre_unhandled(self, m);
    int err = reserve(self, me, &own->reads);
    if (!err)
        err = cadre_defer(self, m, &r.promise);
    if (err)
        return body_refuse(self, m, err, too_much);
    if (r.link) {
        own->readers[r.link] = READS;
        rows_append(&own->reads, sizeof r, &r);
        return 0;
    }
    (void)outcome_fail(&r.outcome, -ESTALE, "34000",
                       "the cursor is closed: nobody has asked for a while", NULL);
    outcome_answer(self, r.promise, &r.outcome);
    return 0;
}

static int database_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&cadre_sql_type, on_sql},
                                  {&cadre_sql_next_type, on_next},
                                  {&nudge_type, on_go},
                                  {&sqlite_look_type, on_look},
                                  {&sqlite_open_type, on_open},
                                  {&sqlite_read_type, on_read},
                                  {&sqlite_write_type, on_written},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

/* The promises end with their holder. */
static void database_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    base_free_requests(&own->reads);
    base_free_requests(&own->writes);
    nudge_fini(&own->nudge);
    base_end(own->base);
    base_leave(own->base);
}

const cadre_class cadre_sqlite_class = {.name = "cadre_sqlite",
                                        .state_size = sizeof(cadre_sqlite),
                                        .start = database_start,
                                        .receive = database_receive,
                                        .stop = database_stop};
