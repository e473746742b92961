/* base64.h: bytes as letters (RFC 4648). */
#ifndef ACTORS_HTTP_BASE64_H
#define ACTORS_HTTP_BASE64_H

#include <stddef.h>

/* Of so many bytes. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)

/* Returns where they end. */
char *base64_put(char *at, const void *bytes, size_t size);

#endif
