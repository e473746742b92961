/* event.h: a server-sent event as text. */
#ifndef ACTORS_HTTP_EVENT_H
#define ACTORS_HTTP_EVENT_H

#include <cadre/actors/http_events.h>

#include "bytes.h"

/* Behind what is there. A client reads from it the event as it was, but that each of its
 * line breaks (LF, CR, CR LF) is LF then. Errors: -ENOMEM (there may be a part of it),
 * -EINVAL (a name with a line break). */
CADRE_MUST_CHECK int event_add(struct bytes *text, const cadre_http_event *event);

#endif
