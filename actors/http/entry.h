/* entry.h: a request that is under way, and its answer. */
#ifndef ACTORS_HTTP_ENTRY_H
#define ACTORS_HTTP_ENTRY_H

#include "shared.h"
#include "wire.h"

struct entry {
    cadre_token token;            /* of what was asked; id 0: it is answered */
    cadre_http_response response; /* owned; its body or source until it is written */
    cadre_buf *out;               /* its head, from when it is its turn */
    struct wire_manner manner;
    /* When an upload has to be answered, or its next piece asked for; 0: it waits for a
     * piece, or it is no upload, which was asked with a deadline. */
    cadre_time due;
};

/* Asks for its answer. Consumes what the request owns, and may answer it at once. */
void entry_ask(cadre_self *self, struct entry *e, struct shared *shared, cadre_ref to,
               const cadre_http_request *r);
/* Nobody is asked for it any more. */
void entry_cancel(cadre_self *self, struct entry *e, struct shared *shared);
/* Answers it from here; fields may be NULL. */
void entry_answer(struct entry *e, int status, const cadre_http_field *fields);
/* m is the outcome of what was asked. */
void entry_outcome(struct entry *e, struct shared *shared, const cadre_msg *m);
/* What is left of it goes; a source that was not asked is told. */
void entry_forget(cadre_self *self, struct entry *e);

#endif
