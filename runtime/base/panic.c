/* panic.c: a broken invariant: say what and where, then abort. */
#include "base/panic.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(const char *s)
{
    ssize_t n = write(STDERR_FILENO, s, strlen(s));
    (void)n; /* nothing is left to be done about it */
}

static void put_number(int n)
{
    char digits[12];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    put(digits + at);
}

void panic(const char *file, int line, const char *what)
{
    put("cadre: ");
    put(file);
    put(":");
    put_number(line);
    put(": ");
    put(what);
    put("\n");
    abort();
}
