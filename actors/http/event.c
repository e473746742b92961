/* event.c: a server-sent event as text.
 *
 * A client puts LF behind each line of data, and takes the last one away: so there is one
 * line more than breaks, also where the data ends with one. */
#include "event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int add_text(struct bytes *text, const char *more)
{
    return bytes_append(text, more, strlen(more));
}

static int add_line(struct bytes *text, const char *at, size_t size)
{
    int err = add_text(text, size > 0 ? "data: " : "data:");
    if (!err)
        err = bytes_append(text, at, size);
    return err ? err : add_text(text, "\n");
}

/* How long it is without its break. */
static size_t line_size(const char *at, const char *end)
{
    size_t size = 0;
    while (at + size < end && at[size] != '\n' && at[size] != '\r')
        size++;
    return size;
}

static int add_data(struct bytes *text, cadre_buf *data)
{
    const char *at = data ? (const char *)cadre_buf_data(data) : "";
    const char *end = at + cadre_buf_size(data);
    size_t size = line_size(at, end);
    int err = add_line(text, at, size);
    while (!err && at + size < end) {
        at += size;
        at += *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
        size = line_size(at, end);
        err = add_line(text, at, size);
    }
    return err;
}

int event_add(struct bytes *text, const cadre_http_event *event)
{
    char id[32];
    int err = 0;
    if (event->name && strpbrk(event->name, "\r\n"))
        return -EINVAL;
    if (event->id) {
        snprintf(id, sizeof id, "id: %llu\n", (unsigned long long)event->id);
        err = add_text(text, id);
    }
    if (!err && event->name)
        err = add_text(text, "event: ");
    if (!err && event->name)
        err = add_text(text, event->name);
    if (!err && event->name)
        err = add_text(text, "\n");
    if (!err)
        err = add_data(text, event->data);
    return err ? err : add_text(text, "\n");
}
