/* logger.c: lines to a file, a descriptor or a function; who logs never waits.
 *
 * Two batches: the front one is being written, the back one collects. What is left of the
 * front after a failure is tried again before anything else.
 *
 * A call must not be made for the sake of a request, or it would be withdrawn with that.
 * So a request only sends a message to this actor, which is for nobody's sake. Should
 * that be lost for want of memory the next line does it; so it is with a timer. */
#include <cadre/actors/logger.h>

#include "body.h"
#include "line.h"
#include "nudge.h"
#include "rows.h"
#include "sink.h"

#include <cadre/dispatch.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FIRST_BYTES = 4096, NOTICE = LINE_HEAD + 40, RETRY_GROWTH = 64 };

static void drop_line(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_log_line *)body)->text));
}
CADRE_TYPE_DROP(cadre_log_line, drop_line);
CADRE_TYPE(cadre_logger_status);
CADRE_TYPE(cadre_logger_flush);
CADRE_TYPE(cadre_logger_reopen);
CADRE_TYPE(cadre_logger_level);
CADRE_TYPE(cadre_logger_ask);

static const cadre_type logger_again_type = {.name = "logger_again"};

/* Who waits for what came before, or for the file. */
struct waiter {
    cadre_promise promise;
    uint64_t kept;  /* lines that came before, and were kept */
    uint64_t opens; /* that there must have been */
};

struct own {
    struct batch front, back;
    cadre_buf *sink;
    struct rows waiters;
    cadre_token call, again; /* a call is made; a timer runs until the next */
    cadre_time retry;        /* what the next timer takes */
    uint64_t lines, kept, written, dropped, filtered, failures;
    uint64_t unsaid;                 /* dropped, and the log does not say so yet */
    uint64_t opens, opening, opened; /* asked for; by the call that is made; done */
    int code;
    bool simulated;
    struct nudge nudge;
};
static_assert(sizeof(struct own) <= sizeof((cadre_logger *)NULL)->own, "own");

static struct own *own_of(cadre_logger *me) { return (struct own *)(void *)me->own; }

static bool is_simulated(cadre_self *self)
{
    cadre_counters counters = {0};
    return cadre_stats(cadre_system_of(self), &counters) == 0 && counters.simulated;
}

static int logger_start(cadre_self *self, void *state)
{
    cadre_logger *me = state;
    struct own *own = own_of(me);
    if (me->level < 0 || me->retry < 0 || me->linger < 0 || me->bytes > 1 << 30 ||
        me->fd < 0 || (me->path && me->write))
        return -EINVAL;
    me->level = me->level ? me->level : CADRE_INFO;
    me->lines = me->lines ? me->lines : 10000;
    me->bytes = me->bytes ? me->bytes : 1 << 20;
    me->retry = me->retry ? me->retry : 100 * CADRE_MS;
    me->linger = me->linger ? me->linger : CADRE_SECOND;
    own->retry = me->retry;
    own->opens = me->path != NULL; /* at the first write */
    own->simulated = is_simulated(self);
    int err = nudge_init(&own->nudge);
    if (!err)
        err = sink_new(&own->sink, me);
    if (err)
        nudge_fini(&own->nudge);
    return err;
}

static cadre_time utc(cadre_self *self, cadre_logger *me)
{
    struct timespec t;
    cadre_time now = me->wall ? me->wall(me->wall_user) : cadre_now(self);
    if (!me->wall && !own_of(me)->simulated && clock_gettime(CLOCK_REALTIME, &t) == 0)
        now = t.tv_sec * CADRE_SECOND + t.tv_nsec;
    return now > 0 ? now : 0;
}

static uint32_t waiting(const struct own *own)
{
    return own->front.lines + own->back.lines;
}

static cadre_logger_status status_of(cadre_logger *me, const struct own *own)
{
    return (cadre_logger_status){.lines = own->lines,
                                 .written = own->written,
                                 .dropped = own->dropped,
                                 .filtered = own->filtered,
                                 .failures = own->failures,
                                 .waiting = waiting(own),
                                 .code = own->code,
                                 .level = me->level};
}

/* ---- collecting ------------------------------------------------------------------ */

/* Where so many bytes may be appended to the back, or NULL. */
static char *make_room(struct own *own, size_t more)
{
    struct batch *b = &own->back;
    size_t need = b->end + more, size = cadre_buf_size(b->buf);
    if (!b->buf || need > size) {
        size = size ? 2 * size : FIRST_BYTES;
        cadre_buf *larger = cadre_buf_new(NULL, size > need ? size : need);
        if (!larger)
            return NULL;
        if (b->end > 0)
            memcpy(cadre_buf_data(larger), cadre_buf_data(b->buf), b->end);
        cadre_buf_unref(b->buf);
        b->buf = larger;
    }
    return (char *)cadre_buf_data(b->buf) + b->end;
}

/* Says in the log what is missing there. It is no line of anybody's. */
static void say_dropped(cadre_self *self, cadre_logger *me, struct own *own)
{
    char head[LINE_HEAD];
    char *to = own->unsaid ? make_room(own, NOTICE) : NULL;
    if (!to)
        return;
    size_t size = line_head(head, utc(self, me), CADRE_WARN, cadre_me(self),
                            cadre_logger_class.name);
    int n = snprintf(to, NOTICE, "%.*s%llu lines dropped\n", (int)size, head,
                     (unsigned long long)own->unsaid);
    own->back.end += (uint32_t)n;
    own->unsaid = 0;
}

/* Is there room for a line of this level and length? */
static bool has_room(cadre_logger *me, const struct own *own, int level, size_t size)
{
    static const uint32_t eighths[] = {8, 7, 6, 4};
    uint64_t part = eighths[level - 1];
    uint64_t used = own->front.end - own->front.at + own->back.end;
    return waiting(own) < me->lines * part / 8 && used + size <= me->bytes * part / 8;
}

static bool append(cadre_self *self, cadre_logger *me, struct own *own,
                   const cadre_log_line *line, int level, cadre_ref from)
{
    char head[LINE_HEAD];
    const char *text = (const char *)cadre_buf_data(line->text);
    size_t size = cadre_buf_size(line->text);
    size = size < CADRE_LOG_TEXT ? size : CADRE_LOG_TEXT;
    size_t begin = line_head(head, utc(self, me), level, from, line->actor);
    size_t whole = begin + line_escape(NULL, text, size) + 1;
    if (!has_room(me, own, level, whole))
        return false;
    say_dropped(self, me, own);
    char *to = make_room(own, whole);
    if (!to)
        return false;
    memcpy(to, head, begin);
    (void)line_escape(to + begin, text, size);
    to[whole - 1] = '\n';
    own->back.end += (uint32_t)whole;
    own->back.lines++;
    own->kept++;
    return true;
}

/* ---- who waits ------------------------------------------------------------------- */

static struct waiter *waiter_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->waiters, sizeof(struct waiter), i);
}

/* In order: what one waits for comes before what the next one waits for. */
static void answer_waiters(cadre_self *self, cadre_logger *me, struct own *own)
{
    cadre_logger_status status = status_of(me, own);
    uint32_t i = 0;
    for (; i < own->waiters.count; i++) {
        const struct waiter *w = waiter_at(own, i);
        if (w->kept > own->written || w->opens > own->opened)
            break;
        (void)cadre_answer_as(self, w->promise, &cadre_logger_status_type, &status);
    }
    rows_remove_first(&own->waiters, sizeof(struct waiter), i);
}

static void fail_waiters(cadre_self *self, struct own *own, int code)
{
    cadre_failure failure = {code, 0, cadre_me(self), "logger: it will try again"};
    for (uint32_t i = 0; i < own->waiters.count; i++)
        body_fail(self, waiter_at(own, i)->promise, &failure);
    own->waiters.count = 0;
}

/* ---- writing --------------------------------------------------------------------- */

static int on_written(cadre_self *self, void *state, cadre_msg *m);

static void note_failure(cadre_self *self, cadre_logger *me, struct own *own, int code)
{
    own->failures++;
    own->code = code;
    fail_waiters(self, own, code);
    if (cadre_after_as(self, &own->again, own->retry, &logger_again_type, NULL))
        own->again.id = 0;
    if (own->retry < CADRE_NEVER / 2 && own->retry / RETRY_GROWTH < me->retry)
        own->retry *= 2;
}

/* The next call, if there is something to write. For nobody's sake. */
static void write_next(cadre_self *self, cadre_logger *me, struct own *own)
{
    struct batch *front = &own->front;
    if (own->call.id || own->again.id)
        return;
    if (front->end == 0) {
        say_dropped(self, me, own);
        *front = own->back;
        own->back = (struct batch){.buf = NULL};
    }
    own->opening = own->opens;
    if (front->end == 0 && own->opening == own->opened)
        return;
    sink_begin(own->sink, front->at);
    sink_job job = {.sink = cadre_buf_ref(own->sink),
                    .buf = cadre_buf_ref(front->buf),
                    .at = front->at,
                    .end = front->end,
                    .open = own->opening != own->opened};
    int err = cadre_offload_as(self, &own->call, CADRE_POOL_FILES, CADRE_NEVER,
                               sink_work, &sink_job_type, &job);
    if (!err)
        (void)cadre_then(self, own->call, on_written);
    else
        note_failure(self, me, own, err);
}

static int on_written(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_logger *me = state;
    struct own *own = own_of(me);
    const sink_job *job = cadre_body(m, sink_job);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    int code = job ? job->code : failure ? failure->code : -EIO;
    own->call.id = 0;
    if (job) {
        own->opened = job->open ? own->opened : own->opening;
        own->front.at = job->at;
    }
    if (code) {
        note_failure(self, me, own, code);
        return 0;
    }
    own->retry = me->retry;
    own->written += own->front.lines;
    cadre_buf_unref(own->front.buf);
    own->front = (struct batch){.buf = NULL};
    answer_waiters(self, me, own);
    write_next(self, me, own);
    return 0;
}

static int on_again(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    own->again.id = 0;
    write_next(self, state, own);
    return 0;
}

static int on_write(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    nudge_came(m);
    write_next(self, state, own);
    return 0;
}

/* ---- messages -------------------------------------------------------------------- */

static int on_line(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_logger *me = state;
    struct own *own = own_of(me);
    const cadre_log_line *line = m->body;
    int level = line->level < CADRE_ERROR   ? CADRE_ERROR
                : line->level > CADRE_DEBUG ? CADRE_DEBUG
                                            : line->level;
    if (m->token.id)
        return cadre_unhandled(self, m);
    if (level > me->level) {
        own->filtered++;
        return 0;
    }
    own->lines++;
    if (!append(self, me, own, line, level, m->from)) {
        own->dropped++;
        own->unsaid++;
    }
    write_next(self, me, own);
    return 0;
}

static void tell_status(cadre_self *self, cadre_logger *me, const cadre_msg *m)
{
    cadre_logger_status status = status_of(me, own_of(me));
    if (m->token.id)
        (void)cadre_reply_as(self, m, &cadre_logger_status_type, &status);
}

/* Has it written, soon, and answers m then. */
static int wait_for(cadre_self *self, cadre_logger *me, const cadre_msg *m)
{
    struct own *own = own_of(me);
    struct waiter w = {.kept = own->kept, .opens = own->opens};
    int err = m->token.id ? rows_reserve(&own->waiters, sizeof w) : 0;
    if (!err && m->token.id)
        err = cadre_defer(self, m, &w.promise);
    if (err)
        return body_refuse(self, m, err, "logger: no memory for who waits");
    if (m->token.id)
        rows_append(&own->waiters, sizeof w, &w);
    (void)nudge_send(self, &own->nudge);
    return 0;
}

static int on_flush(cadre_self *self, void *state, cadre_msg *m)
{
    const struct own *own = own_of(state);
    if (own->written < own->kept)
        return wait_for(self, state, m);
    tell_status(self, state, m);
    return 0;
}

static int on_reopen(cadre_self *self, void *state, cadre_msg *m)
{
    own_of(state)->opens++;
    return wait_for(self, state, m);
}

static int on_level(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_logger *me = state;
    int level = ((const cadre_logger_level *)m->body)->level;
    if (level < CADRE_ERROR || level > CADRE_DEBUG)
        return body_refuse(self, m, -EINVAL, "logger: no such level");
    me->level = level;
    tell_status(self, me, m);
    return 0;
}

static int on_ask(cadre_self *self, void *state, cadre_msg *m)
{
    tell_status(self, state, m);
    return 0;
}

static int logger_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {
        {&cadre_log_line_type, on_line},        {&nudge_type, on_write},
        {&logger_again_type, on_again},         {&cadre_logger_flush_type, on_flush},
        {&cadre_logger_reopen_type, on_reopen}, {&cadre_logger_level_type, on_level},
        {&cadre_logger_ask_type, on_ask},       {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

/* ---- the end --------------------------------------------------------------------- */

/* How many lines of others are in these bytes; its own begin with `head` after the time,
 * which is always as long. */
static uint32_t count_lines(const char *bytes, size_t size, const char *head)
{
    enum { TIME = sizeof "2026-11-28T21:44:45.123456Z" };
    const char *end = bytes + size, *next;
    size_t length = strlen(head);
    uint32_t count = 0;
    for (; bytes < end && (next = memchr(bytes, '\n', (size_t)(end - bytes)));
         bytes = next + 1)
        count += (size_t)(next - bytes) < TIME + length ||
                 memcmp(bytes + TIME, head, length) != 0;
    return count;
}

static void write_rest(cadre_self *self, cadre_logger *me, struct own *own)
{
    char head[LINE_HEAD], who[CADRE_REF_TEXT];
    int64_t now = sink_clock();
    int64_t until = me->linger < CADRE_NEVER - now ? now + me->linger : CADRE_NEVER;
    struct batch *batches[] = {&own->front, &own->back};
    uint32_t at;
    snprintf(head, sizeof head, "warn %s %s: ", cadre_ref_text(who, cadre_me(self)),
             cadre_logger_class.name);
    int err = sink_end(own->sink, until, &at);
    if (err)
        return;
    own->front.at = own->front.end > 0 ? at : 0;
    for (int i = 0; i < 2 && !err; i++) {
        struct batch *b = batches[i];
        err = sink_write_rest(own->sink, until, b);
        uint32_t lines =
            b->at < b->end
                ? count_lines((const char *)cadre_buf_data(b->buf), b->at, head)
                : b->lines;
        own->written += lines;
        b->lines -= lines;
    }
    own->code = err ? err : own->code;
    sink_close(own->sink);
}

/* The promises end with their holder. */
static void logger_stop(cadre_self *self, void *state, int reason)
{
    cadre_logger *me = state;
    struct own *own = own_of(me);
    say_dropped(self, me, own);
    write_rest(self, me, own);
    own->dropped += waiting(own);
    own->front.lines = own->back.lines = 0;
    cadre_logger_status status = status_of(me, own);
    if (me->over)
        me->over(me->user, &status);
    cadre_buf_unref(own->front.buf);
    cadre_buf_unref(own->back.buf);
    cadre_buf_unref(own->sink);
    rows_free(&own->waiters);
    nudge_fini(&own->nudge);
}

const cadre_class cadre_logger_class = {.name = "cadre_logger",
                                        .state_size = sizeof(cadre_logger),
                                        .start = logger_start,
                                        .receive = logger_receive,
                                        .stop = logger_stop};

/* ---- who logs -------------------------------------------------------------------- */

int cadre_log(cadre_self *self, cadre_ref logger, int level, const char *what,
              const cadre_log_field *fields)
{
    const cadre_class *cls = cadre_class_of(self);
    if (!what)
        return -EINVAL;
    cadre_log_line line = {level, cls ? cls->name : NULL, line_text(what, fields)};
    return line.text ? cadre_send_as(self, logger, &cadre_log_line_type, &line)
                     : -ENOMEM;
}

int cadre_log_outside(cadre_system *sys, cadre_ref logger, int level, const char *what,
                      const cadre_log_field *fields)
{
    if (!what)
        return -EINVAL;
    cadre_log_line line = {level, NULL, line_text(what, fields)};
    return line.text ? cadre_tell_as(sys, logger, &cadre_log_line_type, &line)
                     : -ENOMEM;
}
