/* share.h: bodies that are sent more than once.
 *
 * A body that owns nothing (its type has no drop) is copied byte by byte. One that owns
 * something can be sent again only by a program that knows how to own it once more:
 * actors that keep bodies or pass them on take a function for that in their config. Most
 * such bodies have a buffer, and the function is one line: cadre_buf_ref(body->buf). */
#ifndef CADRE_ACTORS_SHARE_H
#define CADRE_ACTORS_SHARE_H
#include <cadre/message.h>
#ifdef __cplusplus
extern "C" {
#endif

/* body: a copy, byte by byte, of a body of this type, which has a drop. Makes it own what
 * the original owns, too, or a copy of that. Returns 0, or a negative code when it
 * cannot; then the copy is forgotten, not dropped. Called in the actor's turn; must not
 * block. */
typedef int cadre_share(const cadre_type *type, void *body);

#ifdef __cplusplus
}
#endif
#endif
