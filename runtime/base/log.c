/* log.c: one line to the user's sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(const struct log *log, int level, const char *fmt, ...)
{
    if (level > log->level)
        return;
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?'; /* names come from users: no line breaks, no escapes */
    log->sink(log->user, level, line);
}

bool log_allows(struct log_limit *limit, int64_t now_ns, uint32_t *hidden)
{
    int64_t second = now_ns / INT64_C(1000000000) + 1; /* 0 means never */
    int64_t seen = load_relaxed(&limit->second);
    if (seen != second && cas_acq_rel(&limit->second, &seen, second))
        store_relaxed(&limit->lines, 0);
    if (fetch_add_relaxed(&limit->lines, 1) < LOG_LINES_PER_SECOND) {
        *hidden = exchange_acq_rel(&limit->hidden, 0);
        return true;
    }
    fetch_add_relaxed(&limit->hidden, 1);
    return false;
}

void log_to_stderr(void *user, int level, const char *line)
{
    static const char *const names[] = {"", "error", "warn", "info", "debug"};
    char out[LOG_LINE_MAX + 32];
    int n = snprintf(out, sizeof out, "cadre %s: %s\n", names[level], line);
    ssize_t written = write(STDERR_FILENO, out, (size_t)n); /* one call: one line */
    (void)written;
}
