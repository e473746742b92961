/* outside.h: the way in from threads that are not workers. */
#ifndef SYSTEM_OUTSIDE_H
#define SYSTEM_OUTSIDE_H

#include "system/system.h"

/* May this thread put something in from outside? 0, -EINVAL, -EPERM, -EBADFD. what: the
 * function's name, for the log. */
int outside_check(cadre_system *sys, const char *what);
/* A letter of this kind (0: a plain message) from a thread that was checked. Errors: as
 * cadre_tell_as(). */
int outside_send(cadre_system *sys, cadre_ref to, enum letter_kind kind,
                 const cadre_type *type, const void *body);

#endif
