/* pending.h: what an actor knows about its pending operations, by token.
 *
 * A table with open addressing in one buffer. A record is a struct of the actor's whose
 * first field is its token; all records of a table are of one size. All zero: empty. */
#ifndef ACTORS_PENDING_H
#define ACTORS_PENDING_H

#include <cadre/message.h>

struct pending {
    cadre_buf *places;
    uint32_t count, mask; /* records; places - 1 */
};

/* Makes room for `more` records of this size. Errors: -ENOMEM. */
CADRE_MUST_CHECK int pending_reserve(struct pending *pending, size_t size,
                                     uint32_t more);
/* Adds a copy of the record, for which there must be room. */
void pending_add(struct pending *pending, size_t size, const void *record);
/* The record of this token, until the next call that adds or takes, or NULL. */
void *pending_find(const struct pending *pending, size_t size, cadre_token token);
/* Copies the record of this token and removes it. False: there is none. */
bool pending_take(struct pending *pending, size_t size, cadre_token token,
                  void *record);
/* Any one of them, in the same way: for the end. */
bool pending_take_any(struct pending *pending, size_t size, void *record);
void pending_free(struct pending *pending);

#endif
