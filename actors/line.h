/* line.h: the text of a line of the log. */
#ifndef ACTORS_LINE_H
#define ACTORS_LINE_H

#include <cadre/actors/logger.h>

enum { LINE_HEAD = 160 };

/* What a line begins with: the time, level, sender and class, which may be NULL. Returns
 * how many bytes that is, fewer than LINE_HEAD. */
size_t line_head(char head[LINE_HEAD], cadre_time utc, int level, cadre_ref from,
                 const char *actor);

/* Copies text so that it is one line: control characters are escaped. to: NULL, or as
 * many bytes as it returns. */
size_t line_escape(char *to, const char *text, size_t size);

/* `what` and the fields, cut to CADRE_LOG_TEXT bytes, not escaped. NULL: no memory. */
cadre_buf *line_text(const char *what, const cadre_log_field *fields);

#endif
