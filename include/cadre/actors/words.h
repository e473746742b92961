/* words.h: a failure in words, with what it happened to. */
#ifndef CADRE_ACTORS_WORDS_H
#define CADRE_ACTORS_WORDS_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Writes what was done, to whom or what, why it failed, and what to do about it, as far
 * as the failure says, such as
 *     read /etc/x: Permission denied: give this user the right to it and ...
 * (A failure itself has constant text only, and so no names: see cadre_failure.) Cut to
 * size - 1 bytes. Returns text. Any thread. */
CADRE_API const char *cadre_failure_text(char *text, size_t size, const char *what,
                                         const char *whom,
                                         const cadre_failure *failure);

#ifdef __cplusplus
}
#endif
#endif
