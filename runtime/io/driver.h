/* driver.h: all loops of one system. */
#ifndef IO_DRIVER_H
#define IO_DRIVER_H

#include "io/shard.h"

/* The loop for what this actor opens; the first call in a system makes all of them.
 * Returns 0, -EMFILE, -ENFILE, -ENOMEM, CADRE_EFULL, -EAGAIN; -ENOTSUP: simulated. */
CC_MUST_CHECK int driver_shard(struct cadre_self *self, struct shard **shard);
/* The same for a listener: what it accepts is for all loops that can be had. */
CC_MUST_CHECK int driver_shards(struct cadre_self *self, struct shard **shard);
/* The next loop but for those of pinned actors; turn is the caller's. own: where there is
 * no other. Any thread. */
struct shard *driver_next(struct shard *own, uint32_t *turn);

#endif
