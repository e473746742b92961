/* link.h: one connection to a server: it comes, is set up, and goes.
 *
 * A part of an actor, which hands it each message, and is told what follows from that. */
#ifndef ACTORS_REDIS_LINK_H
#define ACTORS_REDIS_LINK_H

#include "place.h"
#include "replies.h"

enum link_phase {
    LINK_CLOSED,
    LINK_RESTS, /* until a timer */
    LINK_LOOKS_UP,
    LINK_CONNECTS,
    LINK_SETS_UP,
    LINK_OPEN,
    LINK_ENDS /* what will not be sent is known when it is closed */
};

enum link_news {
    LINK_NOTHING,
    LINK_ROOM,    /* it can be opened again, or written to again */
    LINK_OPENED,  /* can be written to */
    LINK_REPLIES, /* link_next() may have some */
    LINK_LOST, /* it was open: of what was written so much was `given` to the system */
    LINK_FAILED,  /* there is none; `reason`, `words` */
    LINK_REFUSED, /* and there will be none */
    LINK_FOREIGN  /* this is not for it */
};

struct link {
    const struct place *place;
    enum link_phase phase;
    uint32_t failures; /* since one that was open has answered */
    uint32_t answers;  /* of the setup, that have come */
    cadre_token lookup, timer;
    cadre_addresses addresses;
    uint32_t tried; /* of these */
    cadre_stream stream;
    uint64_t written, given;
    struct replies replies;
    int reason;
    const char *remedy; /* constant, for that reason; or NULL */
    cadre_buf *words;   /* the server's, on that; or NULL */
    bool no_units;      /* it has no MULTI and EXEC */
    bool expects;       /* something is to come */
    cadre_time since;   /* nothing has */
};

/* For good, from here on. */
void link_init(struct link *link, const struct place *place);
void link_fini(struct link *link);
/* Begins, when it is closed. LINK_FAILED: it cannot. Not for a request's sake. */
enum link_news link_open(cadre_self *self, struct link *link);
/* What has come may be its own. */
enum link_news link_hear(cadre_self *self, struct link *link, const cadre_msg *m);
/* As replies_next(), while it is open; a negative one is a reason to end it. */
CADRE_MUST_CHECK int link_next(struct link *link, struct reply *reply);
/* Writes; the buffer stays the caller's. Errors: CADRE_EFULL: LINK_ROOM or an end will be
 * told; -ENOMEM. */
CADRE_MUST_CHECK int link_write(cadre_self *self, struct link *link, cadre_buf *bytes);
/* Is an answer due? Then it ends when nothing comes. Not for a request's sake. */
void link_expect(cadre_self *self, struct link *link, bool expects);
/* It is of no more use. LINK_LOST will be told, if it is open. */
void link_end(cadre_self *self, struct link *link, int reason);

#endif
