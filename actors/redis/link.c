/* link.c: one connection to a server: it comes, is set up, and goes.
 *
 * One timer is enough: until it is open for how long that may take, then for how long
 * nothing comes, and when there is none until the next attempt. */
#include "link.h"

#include <cadre/tcp.h>
#include <cadre/timer.h>
#include <cadre/unix.h>

#include <errno.h>
#include <string.h>

enum { RETRY_MS = 50, RETRY_MAX_MS = 5000, DOUBLED_MOST = 7 };

static const cadre_type redis_time_type = {.name = "redis_time"};

void link_init(struct link *link, const struct place *place)
{
    *link = (struct link){.place = place};
}

void link_fini(struct link *link)
{
    replies_close(&link->replies);
    cadre_buf_unref(cadre_buf_move(&link->words));
}

/* ---- there is none --------------------------------------------------------------- */

static int set_timer(cadre_self *self, struct link *link, cadre_time delay)
{
    if (link->timer.id)
        (void)cadre_cancel(self, link->timer);
    link->timer.id = 0;
    return delay == CADRE_NEVER
               ? 0
               : cadre_after_as(self, &link->timer, delay, &redis_time_type, NULL);
}

/* Those who have lost the same server do not come back at the same moment. */
static void rest(cadre_self *self, struct link *link)
{
    cadre_time delay = RETRY_MAX_MS;
    if (link->failures < DOUBLED_MOST)
        delay = (cadre_time)RETRY_MS << link->failures;
    delay = delay * CADRE_MS - (cadre_time)(cadre_random(self) % (25 * CADRE_MS));
    link->failures++;
    link->phase = set_timer(self, link, delay) ? LINK_CLOSED : LINK_RESTS;
    link->stream.id = 0;
    link->expects = false;
    replies_close(&link->replies);
}

/* Nothing was sent: so it is not told by codes that mean that something may be done. */
static int code_of(int reason)
{
    return reason == -ECONNRESET  ? -ECONNABORTED
           : reason == -ETIMEDOUT ? -ETIME
                                  : reason;
}

static enum link_news fail(cadre_self *self, struct link *link, int reason)
{
    if (link->lookup.id)
        (void)cadre_cancel(self, link->lookup);
    if (link->stream.id)
        (void)cadre_stream_abort(self, link->stream);
    link->lookup.id = 0;
    link->reason = code_of(reason);
    rest(self, link);
    return LINK_FAILED;
}

void link_end(cadre_self *self, struct link *link, int reason)
{
    if (link->phase != LINK_OPEN)
        return;
    link->phase = LINK_ENDS;
    link->reason = reason;
    (void)cadre_stream_abort(self, link->stream);
}

static enum link_news lose(cadre_self *self, struct link *link,
                           const cadre_stream_closed *closed)
{
    int reason = link->phase == LINK_ENDS ? link->reason : closed->reason;
    bool is_exact = !link->place->url.has_tls;
    link->given = is_exact ? link->written - closed->unsent : link->written;
    link->reason = reason ? reason : -ECONNRESET;
    rest(self, link);
    return LINK_LOST;
}

/* ---- it comes -------------------------------------------------------------------- */

static enum link_news connect_next(cadre_self *self, struct link *link, int reason)
{
    const struct place *place = link->place;
    const cadre_redis *limits = &place->limits;
    cadre_stream_options options = {.half_open = true};
    if (place->url.has_tls) {
        options.tls = limits->tls;
        options.tls_name = place->url.host;
    }
    uint32_t count = place->url.path[0] ? 1 : link->addresses.count;
    int err = reason;
    link->stream.id = 0;
    while (!link->stream.id && link->tried < count) {
        const cadre_address *to = &link->addresses.at[link->tried++];
        if (place->url.path[0])
            err = cadre_unix_connect(self, &link->stream, place->url.path,
                                     limits->connect, &options);
        else
            err = cadre_tcp_connect(self, &link->stream, to->host, to->port,
                                    limits->connect, &options);
    }
    link->phase = LINK_CONNECTS;
    return link->stream.id ? LINK_NOTHING : fail(self, link, err);
}

enum link_news link_open(cadre_self *self, struct link *link)
{
    const struct url *url = &link->place->url;
    cadre_time timeout = link->place->limits.connect;
    if (link->phase != LINK_CLOSED)
        return LINK_NOTHING;
    cadre_buf_unref(cadre_buf_move(&link->words));
    link->remedy = NULL;
    link->no_units = false;
    link->tried = link->answers = 0;
    link->written = 0;
    int err = replies_open(&link->replies, link->place->limits.bytes);
    if (!err)
        err = set_timer(self, link, timeout);
    link->phase = LINK_LOOKS_UP;
    if (!err && url->path[0])
        return connect_next(self, link, 0);
    if (!err)
        err = cadre_resolve(self, &link->lookup, timeout, url->host, url->port);
    return err ? fail(self, link, err) : LINK_NOTHING;
}

static enum link_news on_lookup(cadre_self *self, struct link *link, const cadre_msg *m)
{
    const cadre_addresses *addresses = cadre_body(m, cadre_addresses);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    link->lookup.id = 0;
    if (!addresses) {
        link->remedy = failure ? failure->message : NULL;
        return fail(self, link, failure ? failure->code : -ENXIO);
    }
    link->addresses = *addresses;
    return connect_next(self, link, -ENXIO);
}

/* ---- it is set up ---------------------------------------------------------------- */

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* No MULTI, or no EXEC. A server that refuses EXEC says that it has ended the unit with
 * that; if not, all that is asked from here on would be part of it. */
static enum link_news judge_units(cadre_self *self, struct link *link,
                                  const char *words)
{
    bool is_begin = link->answers == link->place->logins + 2;
    bool is_over = is_begin || link->no_units || begins_with(words, "EXECABORT");
    link->no_units = true;
    if (is_over)
        return LINK_NOTHING;
    link->words = cadre_buf_new(words, strlen(words) + 1);
    return fail(self, link, -EAGAIN);
}

/* It says no. What may be otherwise soon is no refusal. A server that is full says so,
 * whatever it was asked. */
static enum link_news judge(cadre_self *self, struct link *link, const char *words)
{
    bool is_login = link->answers <= link->place->logins;
    bool is_ping = link->answers == link->place->logins + 1;
    bool is_full = begins_with(words, "LOADING") ||
                   begins_with(words, "ERR max number of clients");
    bool is_closed = begins_with(words, "NOAUTH") || begins_with(words, "DENIED");
    if (!is_login && !is_ping)
        return judge_units(self, link, words);
    if (!is_login && !is_full && !is_closed)
        return LINK_NOTHING; /* it may not ping */
    link->words = cadre_buf_new(words, strlen(words) + 1);
    (void)fail(self, link, is_full ? -EAGAIN : -EACCES);
    return is_full ? LINK_FAILED : LINK_REFUSED;
}

static enum link_news set_up(cadre_self *self, struct link *link)
{
    enum { LAST = 3 }; /* PING, MULTI, EXEC */
    struct reply reply;
    int more = 0;
    while (link->answers < link->place->logins + LAST &&
           (more = replies_next(&link->replies, &reply)) > 0) {
        const char *words = reply_error(&reply);
        enum link_news news = LINK_NOTHING;
        link->answers++;
        if (words || reply.err)
            news = words ? judge(self, link, words) : fail(self, link, reply.err);
        cadre_buf_unref(reply.data);
        if (news != LINK_NOTHING)
            return news;
    }
    if (more < 0)
        return fail(self, link, more);
    if (link->answers < link->place->logins + LAST)
        return LINK_NOTHING;
    if (!replies_is_empty(&link->replies)) /* it would be taken for the next answer */
        return fail(self, link, -EPROTO);
    (void)set_timer(self, link, CADRE_NEVER);
    link->phase = LINK_OPEN;
    return LINK_OPENED;
}

static enum link_news on_opened(cadre_self *self, struct link *link)
{
    link->phase = LINK_SETS_UP;
    int err = link_write(self, link, link->place->setup);
    return err == -ENOMEM ? fail(self, link, err) : LINK_NOTHING;
}

/* ---- it is there ----------------------------------------------------------------- */

int link_write(cadre_self *self, struct link *link, cadre_buf *bytes)
{
    if (link->phase != LINK_OPEN && link->phase != LINK_SETS_UP)
        return CADRE_EFULL;
    int err = cadre_stream_write_buf(self, link->stream, cadre_buf_ref(bytes));
    if (!err)
        link->written += cadre_buf_size(bytes);
    return !err || err == -ENOMEM ? err : CADRE_EFULL; /* its end will be told */
}

int link_next(struct link *link, struct reply *reply)
{
    return link->phase == LINK_OPEN ? replies_next(&link->replies, reply) : 0;
}

void link_expect(cadre_self *self, struct link *link, bool expects)
{
    if (link->phase != LINK_OPEN || link->expects == expects)
        return;
    link->expects = expects;
    link->since = cadre_now(self);
    if (expects && !link->timer.id && set_timer(self, link, link->place->limits.answer))
        link_end(self, link, -ENOMEM);
}

static enum link_news on_data(cadre_self *self, struct link *link,
                              const cadre_stream_data *data)
{
    if (link->phase != LINK_OPEN && link->phase != LINK_SETS_UP)
        return LINK_NOTHING;
    link->since = cadre_now(self);
    int err = replies_feed(&link->replies, data->buf);
    if (link->phase == LINK_SETS_UP)
        return err ? fail(self, link, err) : set_up(self, link);
    link->failures = 0;
    if (err)
        link_end(self, link, err);
    return LINK_REPLIES;
}

/* The timer for silence is not set anew each time: it looks when it rings. */
static enum link_news on_time(cadre_self *self, struct link *link)
{
    link->timer.id = 0;
    if (link->phase == LINK_RESTS) {
        link->phase = LINK_CLOSED;
        return LINK_ROOM;
    }
    if (link->phase != LINK_OPEN)
        return link->phase == LINK_ENDS ? LINK_NOTHING : fail(self, link, -ETIMEDOUT);
    cadre_time silent = cadre_now(self) - link->since;
    cadre_time most = link->place->limits.answer;
    if (!link->expects)
        return LINK_NOTHING;
    if (silent >= most)
        link_end(self, link, -ETIMEDOUT);
    else if (set_timer(self, link, most - silent))
        link_end(self, link, -ENOMEM);
    return LINK_NOTHING;
}

static enum link_news on_closed(cadre_self *self, struct link *link,
                                const cadre_stream_closed *closed)
{
    int reason = closed->reason ? closed->reason : -ECONNRESET;
    if (link->phase == LINK_CONNECTS)
        return connect_next(self, link, reason);
    if (link->phase != LINK_SETS_UP)
        return lose(self, link, closed);
    link->stream.id = 0;
    return fail(self, link, reason);
}

static bool is_news(const cadre_msg *m)
{
    return m->type == &cadre_stream_opened_type || m->type == &cadre_stream_data_type ||
           m->type == &cadre_stream_ended_type || m->type == &cadre_stream_wrote_type ||
           m->type == &cadre_stream_closed_type;
}

enum link_news link_hear(cadre_self *self, struct link *link, const cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (m->token.id && m->token.id == link->timer.id)
        return on_time(self, link);
    if (m->token.id && m->token.id == link->lookup.id)
        return on_lookup(self, link, m);
    if (!is_news(m))
        return LINK_FOREIGN;
    if (!link->stream.id || m->token.id != link->stream.id)
        return LINK_NOTHING; /* of one before */
    if (data)
        return on_data(self, link, data);
    if (closed)
        return on_closed(self, link, closed);
    if (m->type == &cadre_stream_opened_type)
        return on_opened(self, link);
    if (m->type == &cadre_stream_ended_type && link->phase == LINK_SETS_UP)
        return fail(self, link, -ECONNRESET);
    if (m->type == &cadre_stream_ended_type)
        link_end(self, link, -ECONNRESET);
    return m->type == &cadre_stream_wrote_type ? LINK_ROOM : LINK_NOTHING;
}
