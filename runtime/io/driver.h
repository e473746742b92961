/* driver.h: all loops of one system. */
#ifndef IO_DRIVER_H
#define IO_DRIVER_H

#include "io/shard.h"

/* The loop for what this actor opens. Returns 0, -EMFILE, -ENFILE, -ENOMEM, CADRE_EFULL,
 * -EAGAIN; -ENOTSUP: simulated. */
CC_MUST_CHECK int driver_shard(struct cadre_self *self, struct shard **shard);
/* What a listener accepts is for all loops: those that are not there are made, if they
 * leave most of the descriptors and of the memory. newest: the listener's descriptor. */
void driver_spread(struct shard *own, int newest);
/* The next loop but for those of pinned actors; turn is the caller's. own: where there is
 * no other. Any thread. */
struct shard *driver_next(struct shard *own, uint32_t *turn);

#endif
