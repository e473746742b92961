/* channel.h: an actor that has a connection to a server: of HTTP/1.1, for one exchange
 * after the other, or, when it is connected, of HTTP/2 (h2_link.h), for many. */
#ifndef ACTORS_HTTP_CHANNEL_H
#define ACTORS_HTTP_CHANNEL_H

#include "client.h"
#include "parser.h"
#include "pieces.h"
#include "upload.h"

#include <cadre/stream.h>

struct channel {
    struct channel_init init;
    cadre_addresses addresses;
    uint32_t tried; /* of them */
    cadre_stream stream;
    struct parser parser;
    struct bytes pending;     /* what came and is not read yet */
    struct exchange exchange; /* owned; what of it is to be written yet */
    cadre_ref from;           /* whoever has asked for it; id 0: nobody has */
    uint32_t loan;            /* under which */
    uint32_t aside;           /* exchanges, until it is known what is spoken there */
    cadre_promise promise;    /* of its answer */
    struct pieces pieces;     /* its body, if it comes so */
    struct upload answer;     /* the answer's body, if it goes out so */
    uint64_t written;
    cadre_failure failure; /* why there will be no connection; code 0: there may be */
    int reason;            /* for which it has ended */
    bool is_answered, is_done;
    bool asks_proxy; /* for a way to the server */
    bool greets;     /* that has been told to begin with TLS */
    bool may_h2;
    bool is_connected, has_ended, holds;
    cadre_buf *h2; /* that it has become; NULL: it is one of HTTP/1.1 */
};

/* What the exchange under way has for an outcome, if it has none yet. Returns CADRE_STOP:
 * nothing can follow on this connection. */
int channel_fail_with(cadre_self *self, struct channel *c,
                      const cadre_failure *failure);
int channel_fail(cadre_self *self, struct channel *c, int code);

/* Bytes that have come are read as far as somebody wants them, and the rest kept; what
 * was kept; and that was all. These return what receive returns. */
int answers_read(cadre_self *self, struct channel *c, const cadre_stream_data *d);
int answers_read_on(cadre_self *self, struct channel *c);
int answers_end(cadre_self *self, struct channel *c);

#endif
