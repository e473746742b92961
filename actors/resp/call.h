/* call.h: a command in hand: what its function does with cadre_resp_call. */
#ifndef ACTORS_RESP_CALL_H
#define ACTORS_RESP_CALL_H

#include "parse.h"
#include "reply.h"

struct keys;

struct call {
    cadre_resp_call is;
    struct text reply, log; /* log: what is to be replayed instead */
    struct keys *keys;      /* NULL: there are none here */
    uint64_t hash;          /* of the key */
    int64_t sum;
    bool adds;     /* integers are added up */
    bool changed;  /* it is to be replayed as it is */
    bool discards; /* there is no journal */
};

static inline struct call *call_of(cadre_resp_call *call)
{
    return (struct call *)(void *)call;
}

/* Runs it; `log` is what is to be replayed for it. Errors: -ENOMEM. */
int call_run(struct call *call, const cadre_resp_command *command, struct args args);
/* This is to be replayed, too. */
void call_log(struct call *call, uint32_t count, const cadre_resp_slice *words);
void call_free(struct call *call);

#endif
