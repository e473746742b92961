/* events.c: server-sent events: the source of an answer that is sent events.
 *
 * An event becomes text when it comes, behind what waits; a piece is all that waits. */
#include <cadre/actors/http_events.h>

#include "event.h"

#include <cadre/fail.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const cadre_type beat_type = {.name = "http_heartbeat"};
/* Who has asked, with which it ends: an answer that is dropped does not tell. */
static const cadre_type for_type = {.name = "http_events_for",
                                    .size = sizeof(cadre_ref)};

struct own {
    struct bytes text;     /* that waits */
    cadre_promise promise; /* of the piece that is asked for */
    bool is_asked;
    bool has_sent; /* since the last beat */
    bool is_last;  /* nothing comes behind the text */
};
static_assert(sizeof(struct own) <= sizeof((cadre_http_events *)NULL)->own, "own");

static struct own *own_of(cadre_http_events *me)
{
    return (struct own *)(void *)me->own;
}

static void drop_event(void *body)
{
    cadre_buf_unref(((const cadre_http_event *)body)->data);
}
CADRE_TYPE_DROP(cadre_http_event, drop_event);

/* ---- text ------------------------------------------------------------------------- */

static int add_text(struct own *own, const char *text)
{
    return bytes_append(&own->text, text, strlen(text));
}

/* ---- pieces ----------------------------------------------------------------------- */

/* Gives what waits to whoever asks. Returns what receive returns. */
static int settle(cadre_self *self, struct own *own)
{
    if (!own->is_asked || (own->text.size == 0 && !own->is_last))
        return 0;
    cadre_http_piece piece = {.bytes = bytes_take(&own->text), .is_last = own->is_last};
    if (!piece.bytes && own->text.size > 0)
        return -ENOMEM;
    own->is_asked = false;
    own->has_sent = true;
    int err = cadre_answer_as(self, own->promise, &cadre_http_piece_type, &piece);
    return err && err != -EALREADY ? err : piece.is_last ? CADRE_STOP : 0;
}

static int on_event(cadre_self *self, cadre_http_events *me, const cadre_http_event *e)
{
    struct own *own = own_of(me);
    if (own->is_last)
        return 0;
    int err = event_add(&own->text, e);
    if (err)
        return cadre_fail(self, err, "http events: %s",
                          err == -EINVAL ? "a name with a line break" : "no memory");
    own->is_last = e->is_last;
    err = settle(self, own);
    if (!err && own->text.size > me->bytes)
        own->is_last = true; /* it is too slow for them: it may come again */
    return err;
}

static int on_more(cadre_self *self, struct own *own, const cadre_msg *m)
{
    int err = cadre_defer(self, m, &own->promise);
    own->is_asked = !err;
    return err ? err : settle(self, own);
}

static int on_beat(cadre_self *self, struct own *own)
{
    int err = 0;
    if (!own->has_sent && own->is_asked)
        err = add_text(own, ":\n\n");
    if (!err)
        err = settle(self, own);
    own->has_sent = false;
    return err;
}

/* ---- the class -------------------------------------------------------------------- */

static int events_start(cadre_self *self, void *state)
{
    cadre_http_events *me = state;
    char retry[48];
    if (me->heartbeat < 0 || me->retry < 0)
        return -EINVAL;
    me->heartbeat = me->heartbeat ? me->heartbeat : 15 * CADRE_SECOND;
    me->bytes = me->bytes ? me->bytes : 256 << 10;
    int err = cadre_when_closing(self, NULL);
    if (!err)
        err = cadre_every_as(self, NULL, me->heartbeat, &beat_type, NULL);
    if (err || !me->retry)
        return err;
    snprintf(retry, sizeof retry, "retry: %lld\n\n", (long long)(me->retry / CADRE_MS));
    return add_text(own_of(me), retry);
}

static int events_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    if (m->type == &cadre_http_event_type)
        return on_event(self, state, m->body);
    if (m->type == &cadre_http_more_type)
        return on_more(self, own, m);
    if (m->type == &beat_type)
        return on_beat(self, own);
    if (m->type == &for_type)
        return cadre_watch(self, NULL, *(const cadre_ref *)m->body);
    if (m->type == &cadre_http_gone_type || m->type == &cadre_down_type)
        return CADRE_STOP;
    if (m->type != &cadre_closing_type)
        return cadre_unhandled(self, m);
    own->is_last = true;
    return settle(self, own);
}

static void events_stop(cadre_self *self, void *state, int reason)
{
    bytes_free(&own_of(state)->text);
}

const cadre_class cadre_http_events_class = {.name = "cadre_http_events",
                                             .state_size = sizeof(cadre_http_events),
                                             .start = events_start,
                                             .receive = events_receive,
                                             .stop = events_stop};

/* ---- the answer ------------------------------------------------------------------- */

int cadre_http_reply_events(cadre_self *self, const cadre_msg *m, cadre_ref events)
{
    static const cadre_http_field fields[] = {{"Content-Type", "text/event-stream"},
                                              {"Cache-Control", "no-cache"},
                                              {"X-Accel-Buffering", "no"},
                                              {0}};
    const cadre_http_source source = {.from = events};
    int err = m && events.id ? cadre_send_as(self, events, &for_type, &m->from) : 0;
    return err ? err : cadre_http_reply_source(self, m, 200, fields, &source);
}

uint64_t cadre_http_last_event(const cadre_http_request *r)
{
    cadre_http_text text = cadre_http_header(r, "Last-Event-ID");
    uint64_t id = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || id > (UINT64_MAX - 9) / 10)
            return 0;
        id = id * 10 + (uint64_t)(text.at[i] - '0');
    }
    return id;
}
