/* mc_print.c: what an execution looks like: names for addresses, lines of a trace. */
#include "engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 128, TEXTS = 8, TEXT_SIZE = 80 };

static struct {
    uint64_t from, size;
    const char *name;
} names[NAMES];
static int name_count;

void mc_print_reset(void) { name_count = 0; }

/* Kept also while nothing is traced: a failure names what it is about. */
void mc_name(const void *p, size_t size, const char *name)
{
    if (name_count == NAMES)
        return;
    names[name_count].from = (uint64_t)p;
    names[name_count].size = size;
    names[name_count++].name = name;
}

const char *mc_file(const char *path)
{
    const char *runtime = strstr(path, "runtime/"), *slash = strrchr(path, '/');
    return runtime ? runtime : slash ? slash + 1 : path;
}

/* A text that stays valid for a few calls. */
const char *mc_describe(uint64_t value, size_t size)
{
    static char texts[TEXTS][TEXT_SIZE];
    static int next;
    char *text = texts[next++ % TEXTS];
    for (int i = name_count - 1; i >= 0; i--) { /* the latest, which is the innermost */
        uint64_t offset = value - names[i].from;
        if (offset >= names[i].size)
            continue;
        if (offset == 0)
            snprintf(text, TEXT_SIZE, "%s", names[i].name);
        else
            snprintf(text, TEXT_SIZE, "%s+%llu", names[i].name,
                     (unsigned long long)offset);
        return text;
    }
    snprintf(text, TEXT_SIZE,
             size           ? "[%#llx]"
             : value < 1000 ? "%llu"
                            : "%#llx",
             (unsigned long long)value);
    return text;
}

void mc_trace_line(const char *format, ...)
{
    char place[64];
    snprintf(place, sizeof place, "%s:%d", mc.here.file ? mc_file(mc.here.file) : "?",
             mc.here.line);
    printf("    %*s%d  %-28s ", 2 * mc.self, "", mc.self, place);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void mc_note(const char *format, ...)
{
    if (!mc.tracing)
        return;
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mc_trace("-- %s", text);
}
