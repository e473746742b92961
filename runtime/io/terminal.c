/* terminal.c: the mode and the size of a terminal that is a stream. */
#include "io/owner.h"
#include "io/rawness.h"

#include <cadre/terminal.h>

#include <errno.h>
#include <sys/ioctl.h>

static int find(cadre_self *self, const char *what, cadre_stream stream,
                struct stream **s)
{
    int err = owner_find_stream(self, what, stream, s);
    return err ? err : (*s)->terminal < 0 ? -ENOTTY : 0;
}

int cadre_terminal_raw(cadre_self *self, cadre_stream stream, bool raw)
{
    struct stream *s;
    int err = find(self, "cadre_terminal_raw", stream, &s);
    if (err || raw == s->is_raw)
        return err;
    if (raw)
        err = rawness_begin(s->terminal, &s->rawness);
    else
        rawness_end(s->rawness);
    s->is_raw = raw && !err;
    return err;
}

int cadre_terminal_look(cadre_self *self, cadre_stream stream,
                        cadre_terminal_size *size)
{
    static const char what[] = "cadre_terminal_look";
    struct stream *s;
    struct winsize window;
    int err = find(self, what, stream, &s);
    if (err)
        return err;
    if (!size) {
        (void)cadre_port_misuse(self->world, -EINVAL, "%s: size is NULL", what);
        return -EINVAL;
    }
    if (ioctl(s->terminal, TIOCGWINSZ, &window))
        return -errno;
    *size = (cadre_terminal_size){window.ws_col, window.ws_row};
    return 0;
}

void cadre_terminal_restore(void) { rawness_restore(); }
