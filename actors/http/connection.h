/* connection.h: an actor that reads requests from a connection and writes the answers. */
#ifndef ACTORS_HTTP_CONNECTION_H
#define ACTORS_HTTP_CONNECTION_H

#include "parser.h"
#include "queue.h"
#include "upload.h"

/* Its state, with shared from the server's; the rest is zero. */
struct connection {
    struct shared *shared;
    cadre_stream stream; /* from cadre_stream_opened on, which comes once */
    cadre_ref desk;      /* id 0: none */
    struct parser parser;
    struct bytes pending; /* what came and is not read yet */
    struct queue queue;
    struct upload upload; /* of the last in the queue */
    cadre_address peer;   /* host empty: not known */
    cadre_token timer;
    cadre_time timer_at;  /* when it rings; 0: it is not set */
    cadre_time read_due;  /* when what is being read has to be there; 0: nothing is */
    cadre_time active;    /* when something last happened */
    uint64_t sent;        /* bytes, when that was last looked at */
    bool ended;           /* the client sends no more */
    bool no_more;         /* requests are read */
    bool continues;       /* the client waits to be told to send the body */
    bool holds;           /* the window is closed */
    bool closing;         /* the system is */
    bool closed;          /* from here */
    bool gone;            /* entirely */
    bool is_h2;           /* it is one of HTTP/2 */
    cadre_buf *websocket; /* that it has become; NULL: it is one of HTTP */
    cadre_buf *h2;        /* the same */
};

/* Reads these bytes, or keeps what cannot be read yet; and that, when there is room.
 * Errors: -ENOMEM. */
CADRE_MUST_CHECK int intake_data(cadre_self *self, struct connection *c,
                                 const cadre_stream_data *d);
void intake_pending(cadre_self *self, struct connection *c);

/* It has been given all that it has asked for: now it has its time. */
void intake_is_due(cadre_self *self, struct connection *c, struct entry *e);

/* Asks whoever is to answer it, at a desk that is made where there is none, or answers
 * it. Consumes what the request owns. */
void dispatch_ask(cadre_self *self, struct connection *c, cadre_ref *desk,
                  struct entry *e, cadre_http_request *r);
/* It has failed, and goes on with the next. */
void dispatch_desk_down(cadre_self *self, cadre_ref *desk);
/* A request is complete, or the head of an upload: whoever is to answer it is asked, or
 * it is answered. There is room in the queue. */
void dispatch_request(cadre_self *self, struct connection *c);
void dispatch_upload(cadre_self *self, struct connection *c);
/* What comes is no request, or not in time: the last thing that is answered. code: for
 * whoever asks for the rest of it. */
void dispatch_refuse(cadre_self *self, struct connection *c, int status, int code);

extern const cadre_class connection_class;
extern const cadre_class desk_class;

#endif
