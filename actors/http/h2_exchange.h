/* h2_exchange.h: the exchanges of a client's connection of HTTP/2: each is a stream. */
#ifndef ACTORS_HTTP_H2_EXCHANGE_H
#define ACTORS_HTTP_H2_EXCHANGE_H

#include "../ring.h"

#include "channel.h"
#include "h2_head.h"
#include "h2_wire.h"

/* In a buffer of its own. It stays when its stream has ended until whoever reads the
 * answer in pieces has all of it, or knows why not. */
struct h2_exchange {
    struct ring ring;
    cadre_buf *buf;
    cadre_ref from; /* that has asked for it, under this loan */
    uint32_t loan;
    uint32_t status;       /* of the answer; 0: its head has not come */
    uint64_t length;       /* of its body, as it says; 0: it does not */
    cadre_promise promise; /* of the answer */
    cadre_time since;      /* when it began */
    struct h2_body out;    /* the request's body */
    struct upload answer;  /* the answer's, if that goes out in pieces */
    struct bytes body;     /* that has come, and is not handed out */
    cadre_http_request head;
    cadre_failure failure; /* that is known before its stream ends */
    bool in_pieces, is_head;
    bool is_sent;     /* its head is */
    bool is_whole;    /* nothing more of the answer comes */
    bool is_answered; /* or nobody wants it any more */
    bool is_closed;   /* its stream is over */
    bool owes;        /* a reader why there will be no more */
};

struct h2_link {
    struct h2_wire wire;
    struct channel *channel;
    struct h2_head head; /* that comes */
    struct ring exchanges;
    uint32_t open;     /* exchanges whose stream is not over */
    cadre_time heard;  /* when something last came */
    cadre_time pinged; /* when it was asked whether it is there; 0: it is */
    uint32_t fault;    /* with which we end it, as HTTP/2 has it; 0: we do not */
    bool is_leaving;   /* no more exchanges are begun */
    bool needs_http1;  /* the server */
};

/* ---- h2_exchange.c ---------------------------------------------------------------- */

/* Begins the one that m asks for, or refuses it. */
int h2_exchange_begin(struct h2_link *l, cadre_msg *m);
/* Has somebody still to get something of it? */
static inline bool h2_exchange_is_alive(const struct h2_exchange *x)
{
    return !x->is_answered || x->answer.is_on || x->owes;
}
struct h2_exchange *h2_exchange_of(const struct h2_link *l, uint64_t id);
/* Its head has come; some of its body; all of it. */
void h2_exchange_head(struct h2_link *l, struct h2_exchange *x, bool is_all);
void h2_exchange_body(struct h2_link *l, struct h2_exchange *x, const uint8_t *at,
                      size_t size);
void h2_exchange_whole(struct h2_link *l, struct h2_exchange *x);
/* A piece may be asked for, or have come: it is given. Returns false where that was the
 * end of it. */
bool h2_exchange_feed(struct h2_link *l, struct h2_exchange *x);
/* It fails; and its stream is reset, if it is not over. */
void h2_exchange_fail(struct h2_link *l, struct h2_exchange *x,
                      const cadre_failure *failure);
void h2_exchange_reset(struct h2_link *l, struct h2_exchange *x,
                       const cadre_failure *failure);
/* Its stream is over. It may be gone then. */
void h2_exchange_over(struct h2_link *l, struct h2_exchange *x);
void h2_exchange_free(struct h2_exchange *x);
/* The code for one that ends before it is whole, with nothing better known. */
int h2_exchange_code(const struct h2_exchange *x, int reason);
/* The server says that it has not looked at it. */
void h2_exchange_unseen(struct h2_link *l, struct h2_exchange *x);
/* That loan of the connection has come to its end. */
void h2_give_back(struct h2_link *l, cadre_ref from, uint32_t loan, bool is_unused);

/* ---- h2_news.c -------------------------------------------------------------------- */

/* Errors: -ENOMEM. */
CADRE_MUST_CHECK int h2_link_init(struct h2_link *l);
/* It carries so many from now on. */
void h2_tell_most(struct h2_link *l, uint32_t most);
/* The server says that it wants HTTP/1.1. */
void h2_need_http1(struct h2_link *l);
/* Why the connection is ended with this. */
cadre_failure h2_fault(uint32_t fault);

#endif
