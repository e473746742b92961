/* reads.c: which requests only read, so that they need not wait for those that write. */
#include "reads.h"

#include "../sql/statement.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool sqlite_only_reads(const cadre_sql *sql)
{
    static const char *const words[] = {"SELECT", "VALUES", "EXPLAIN"};
    const struct statement *s = statement_next(sql, NULL);
    const char *text = s && sql->count == 1 ? statement_text(s) : "";
    text += strspn(text, " \t\r\n");
    for (int i = 0; i < 3; i++)
        if (strncasecmp(text, words[i], strlen(words[i])) == 0)
            return !isalnum((unsigned char)text[strlen(words[i])]);
    return false;
}
