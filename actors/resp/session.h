/* session.h: one connection. */
#ifndef ACTORS_RESP_SESSION_H
#define ACTORS_RESP_SESSION_H

#include "shared.h"

#include <cadre/actors/topic.h>

enum slot_kind { SHOW, ADD, SUM };

struct slot {
    enum slot_kind kind;
    bool done;
    cadre_token token; /* of what was asked of the topic */
    resp_answer answer;
};

/* Of a command for several keys, or channels, what is to be done yet. */
struct rest {
    const cadre_resp_command *command; /* NULL: there is none */
    struct args args;
    cadre_buf *buf; /* in which they lie */
};

struct session {
    struct call call; /* its reply: an answer of our own in the making */
    const struct shared *shared;
    cadre_framing framing;
    cadre_stream stream;
    cadre_buf *buf; /* that the command in hand lies in */
    struct rest rest;
    struct slot *slots;
    uint32_t room, head, tail; /* of slots; the numbers of the first, and the next */
    uint32_t open;             /* slots that are not done */
    size_t held;               /* bytes of answers, in slots */
    size_t likely;             /* those that the next one may have */
    int64_t sum;
    struct text out;      /* to be sent */
    size_t sent;          /* of that */
    struct text channels; /* that it has subscribed to, each with its zero */
    uint32_t subscribed;
    cadre_token asked;                 /* the topic, to begin or end that of: */
    char channel[CADRE_TOPIC_MAX + 1]; /* and nothing else is done until it answers */
    bool failed;                       /* there was no memory */
    bool flushing;                     /* a flush is on its way */
    bool blocked;                      /* there was no room to write */
    bool paused;                       /* nothing is read */
    bool ended;                        /* no more comes */
    bool quits, closing, closed; /* no more commands; no more answers; no more at all */
};

static inline struct session *session_of(cadre_resp_call *call)
{
    return (struct session *)(void *)call;
}

/* ---- slots.c ---- */

/* NULL: no memory, which ends it. */
struct slot *slot_new(struct session *me, enum slot_kind kind);
static inline struct slot *slot_of(const struct session *me, uint32_t number)
{
    return &me->slots[number & (me->room - 1)];
}
/* An answer of our own: what is in the reply. NULL: as above. */
struct slot *slots_tell(struct session *me, enum slot_kind kind);
/* That one's answer is what is in the reply. */
void slot_fill(struct session *me, struct slot *slot);
/* Takes it. */
void slots_answer(struct session *me, resp_answer *a);
/* The oldest answers, as far as they are there, are to be sent. */
void slots_drain(struct session *me);
void slots_free(struct session *me);

/* ---- obey.c, channels.c ---- */

/* Does a command, or has it done. me->buf has its bytes. Of one that is not done at once
 * the rest is me->rest. */
int session_obey(cadre_self *self, struct session *me, struct args args);
/* Goes on with the rest: a key, or a channel. */
int session_go_on(cadre_self *self, struct session *me);
void rest_begin(struct session *me, const cadre_resp_command *command,
                struct args args);
void rest_end(struct session *me);
void channels_go_on(struct session *me);
bool channels_may(const cadre_resp_command *command);
/* The outcome of what was asked of the topic. */
int channels_said(cadre_self *self, struct session *me, const cadre_msg *m);

#endif
