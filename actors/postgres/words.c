/* words.c: what a statement begins with. */
#include "words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* They may be one in the other. */
static const char *skip_comment(const char *at)
{
    int depth = 0;
    do {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
        } else
            at++;
    } while (depth > 0 && *at);
    return at;
}

const char *words_start(const char *at)
{
    for (;;) {
        at += strspn(at, " \t\r\n\f\v;(");
        if (at[0] == '-' && at[1] == '-')
            at += strcspn(at, "\r\n");
        else if (at[0] == '/' && at[1] == '*')
            at = skip_comment(at);
        else
            return at;
    }
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

bool words_begin(const char *statement, const char *const *list)
{
    const char *at = words_start(statement);
    for (; *list; list++) {
        size_t length = strlen(*list);
        if (strncasecmp(at, *list, length) == 0 && !is_word(at[length]))
            return true;
    }
    return false;
}

bool words_have(const char *statement, const char *word)
{
    return strcasestr(statement, word) != NULL;
}

/* EXPLAIN ANALYZE does what it explains. */
bool words_only_read(const char *statement)
{
    static const char *const reads[] = {"SELECT", "VALUES", "TABLE", "SHOW", NULL};
    static const char *const explains[] = {"EXPLAIN", NULL};
    return words_begin(statement, reads) ||
           (words_begin(statement, explains) && !words_have(statement, "ANALY"));
}
