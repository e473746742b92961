/* text.h: what a client has sent is what it should be. */
#ifndef NOTES_TEXT_H
#define NOTES_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* These digits as a number, if it is no more than max; else -1. */
int64_t text_number(const char *at, size_t size, int64_t max);

/* Is that UTF-8, the shortest form of each character, and without a zero? */
bool text_is_utf8(const uint8_t *at, size_t size);

#endif
