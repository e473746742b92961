/* sha1.h: SHA-1 of a short text, for the handshake of a WebSocket, where it protects
 * nothing. */
#ifndef ACTORS_HTTP_SHA1_H
#define ACTORS_HTTP_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_SIZE = 20, SHA1_TEXT_MAX = 119 };

/* size: at most SHA1_TEXT_MAX. */
void sha1(uint8_t digest[SHA1_SIZE], const char *text, size_t size);

#endif
