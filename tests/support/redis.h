/* redis.h: a Redis server of the test's own, in a folder of its own. */
#ifndef SUPPORT_REDIS_H
#define SUPPORT_REDIS_H

#include "support/support.h"

/* Makes one, once, and starts it; it ends with the program. False: Redis is not
 * installed. options: more of its command line, ended by NULL; or NULL. */
bool redis_make(const char *const *options);
/* It ends at once, as in a crash; and it starts again, with nothing in it. */
void redis_crash(void);
void redis_start(void);
/* Where it is: its socket, or on loopback. Valid until eight others are asked for. */
const char *redis_path(void);
uint16_t redis_port(void);
/* An url by the format. */
const char *redis_url(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The first line that redis-cli prints for this. */
const char *redis_says(const char *command);

#endif
