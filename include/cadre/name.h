/* name.h: actors found by name.
 *
 * Each system has one registry. An actor gives itself a name, others look it up and get
 * its address, or nobody's; the address is a value like any other, and does not follow
 * the name to a later owner. So whoever talks to a name for long looks it up again when
 * its owner has ended.
 *
 * A name is 1 to CADRE_NAME_MAX bytes of UTF-8 without control characters, line
 * separators, and marks that change the direction of writing; compared byte by byte.
 *
 * Looking up takes no lock and writes nothing, so lookups do not hinder each other. What
 * a name took stays with the system for its next name; so names cost memory for as many
 * as there were at a time.
 *
 * Guarantees, each with a test of that name:
 *   name_is_unique       of all who register one name at a time, one has it
 *   freed_before_down    an actor's names are free before anybody is told of its end
 *   lookup_is_never_stale  after that a lookup does not find it; and a lookup that began
 *                        after somebody got a name finds that one, or a later one */
#ifndef CADRE_NAME_H
#define CADRE_NAME_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CADRE_NAME_MAX 255 /* bytes, without the final zero */

/* Gives the running actor this name, until it ends or unregisters it; the bytes are
 * copied. An actor may have many. It may do this in start, and in any handler.
 * Errors: -EEXIST (somebody has it, maybe this actor), -EINVAL (no name), -ENOMEM,
 * CADRE_EFULL (the system's memory limit), -ESHUTDOWN (this actor is ending). */
CADRE_API CADRE_MUST_CHECK int cadre_register(cadre_self *self, const char *name);
/* Takes one of its own names from the running actor. It is free at once.
 * Errors: -ENOENT (this actor does not have it). */
CADRE_API int cadre_unregister(cadre_self *self, const char *name);

/* Who has this name; id 0: nobody, or it is none. The owner may have ended when the
 * address is used. */
CADRE_API cadre_ref cadre_whereis(const cadre_self *self, const char *name);
/* The same from any thread, any time, also in handlers. */
CADRE_API cadre_ref cadre_system_whereis(const cadre_system *sys, const char *name);

/* Calls visit for each name that there is now, in no particular order (under simulation
 * the same in every run), and returns how many. visit may call what it likes; a name is
 * valid until it returns. Any thread, any time. Errors: -ENOMEM, CADRE_EFULL. */
CADRE_API int64_t cadre_system_names(cadre_system *sys,
                                     void (*visit)(void *user, const char *name,
                                                   cadre_ref owner),
                                     void *user);

#ifdef __cplusplus
}
#endif
#endif
