/* log.h: one line to the user's sink. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
    void (*sink)(void *user, int level, const char *line); /* constant after start */
    void *user;
    int level; /* lines above it are not even formatted */
};

/* A fixed number of lines in each second, then a count of those left out. */
struct log_limit {
    ATOMIC(int64_t) second; /* of the clock; whoever moves it resets `lines` */
    ATOMIC(uint32_t) lines;
    ATOMIC(uint32_t) hidden;
};
enum { LOG_LINES_PER_SECOND = 10, LOG_LINE_MAX = 512 };

void log_line(const struct log *log, int level, const char *fmt, ...) CC_PRINTF(3, 4);

/* True when a line may be written now. *hidden is then how many were not since the last
 * one. Racing threads may let a line too many through, never one too few. */
bool log_allows(struct log_limit *limit, int64_t now_ns, uint32_t *hidden);

/* The default sink. */
void log_to_stderr(void *user, int level, const char *line);

#endif
