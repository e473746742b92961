/* body.h: bodies that are kept, copied and passed on.
 *
 * What several ready-made actors do with messages whose types they do not know. */
#ifndef ACTORS_BODY_H
#define ACTORS_BODY_H

#include <cadre/actors/share.h>
#include <cadre/ask.h>

/* A copy that owns what the original owns. share may be NULL. Errors: -ENOTSUP (the type
 * has a drop, and there is no share), -ENOMEM, share's. */
CADRE_MUST_CHECK int body_keep(cadre_buf **kept, cadre_share *share,
                               const cadre_type *type, const void *body);
/* Drops what a kept body owns, and frees it. NULL is fine. */
void body_drop(cadre_buf *kept, const cadre_type *type);

/* The same for a copy that is sent at once: *copy is NULL where the original will do.
 * Pass body_of(copy, body) to the send, then unref the copy. */
CADRE_MUST_CHECK int body_lend(cadre_buf **copy, cadre_share *share,
                               const cadre_type *type, const void *body);
static inline const void *body_of(cadre_buf *copy, const void *body)
{
    return copy ? cadre_buf_data(copy) : body;
}

/* Asks with a copy of the body. Errors: cadre_ask_as()'s and body_lend()'s. */
CADRE_MUST_CHECK int body_ask(cadre_self *self, cadre_token *token, cadre_ref to,
                              cadre_time timeout, cadre_share *share,
                              const cadre_type *type, const void *body);

/* Refuses a request that is in hand, or makes a plain message a dead letter. Returns 0,
 * for receive to return: where there is no memory for the answer the request fails with
 * CADRE_EUNANSWERED. text: constant, or NULL. */
int body_refuse(cadre_self *self, const cadre_msg *m, int code, const char *text);
/* Keeps a promise with a failure. */
void body_fail(cadre_self *self, cadre_promise promise, const cadre_failure *failure);
/* Keeps a promise with the outcome m, a failure where that cannot be copied. */
void body_answer(cadre_self *self, cadre_promise promise, cadre_share *share,
                 const cadre_msg *m);

/* Is this one of the codes that the config lists, 0 ending the list? An empty list stands
 * for `usual`. */
bool body_code_in(int code, const int *codes, uint32_t count, const int *usual);

#endif
