/* words.c: a failure in words, with what it happened to. */
#include <cadre/actors/words.h>

#include <stdio.h>

const char *cadre_failure_text(char *text, size_t size, const char *what,
                               const char *whom, const cadre_failure *failure)
{
    const char *remedy = failure->message;
    snprintf(text, size, "%s %s: %s%s%s", what, whom, cadre_strerror(failure->code),
             remedy ? ": " : "", remedy ? remedy : "");
    return text;
}
