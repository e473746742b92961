/* owner.h: streams as messages: the owner's side. */
#ifndef IO_OWNER_H
#define IO_OWNER_H

#include "io/listener.h"

extern const struct port_class owner_streams, owner_listeners;

/* Returns 0 or -EINVAL. options may be NULL. */
CC_MUST_CHECK int owner_check_options(struct cadre_self *self, const char *what,
                                      const cadre_stream_options *options);
/* The same, and for who listens. */
CC_MUST_CHECK int owner_check_listens(struct cadre_self *self, const char *what,
                                      const cadre_stream_options *options);
/* What a listener was asked for, with the usual. */
cadre_stream_options owner_listens_with(const cadre_stream_options *options);
/* It connects: if it is to have a filter, it has, with the name of the options, or this
 * one. Or it is freed. Errors: filtered_make's. */
CC_MUST_CHECK int owner_connects_to(struct stream *stream,
                                    const cadre_stream_options *options,
                                    const char *name);
/* The running actor's stream. Errors: owner_find's, -EINVAL. */
CC_MUST_CHECK int owner_find_stream(struct cadre_self *self, const char *what,
                                    cadre_stream stream, struct stream **found);
/* Is there room for it in what waits? If not, somebody is to be told when there is.
 * Returns 0, -EPIPE, CADRE_EFULL. */
CC_MUST_CHECK int owner_reserve(struct stream *stream, size_t size);
/* A time from now on, as the loop has it: UINT64_MAX is never. */
uint64_t owner_ms(cadre_time t);
/* The running actor's from now on, or freed. Errors: cadre_port_own's. */
CC_MUST_CHECK int owner_open(struct cadre_self *self, cadre_stream *stream,
                             struct handle *handle);
/* The running actor's stream or listener. Errors: cadre_port_check's, -ENOENT. */
CC_MUST_CHECK int owner_find(struct cadre_self *self, const char *what,
                             cadre_stream stream, struct handle **handle);

#endif
