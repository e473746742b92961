/* words.h: what a statement begins with. */
#ifndef ACTORS_POSTGRES_WORDS_H
#define ACTORS_POSTGRES_WORDS_H

#include <stdbool.h>

/* Behind blanks and comments. */
const char *words_start(const char *statement);
/* Does it begin with one of these, in whichever case? The list ends with NULL. */
bool words_begin(const char *statement, const char *const *list);
/* Is it somewhere in there? */
bool words_have(const char *statement, const char *word);
/* Does it only read, as far as its first word says so? */
bool words_only_read(const char *statement);

#endif
