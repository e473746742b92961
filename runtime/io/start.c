/* start.c: an open connection gets a filter (io/filter.h). */
#include "io/filtered.h"
#include "io/owner.h"

#include <errno.h>

static int check(const struct stream *s)
{
    if (s->tls)
        return -EALREADY;
    if (!s->known)
        return -ENOTCONN;
    return s->no_more ? -EPIPE : 0;
}

/* What was written goes before it; what comes from now on is its. */
int cadre_filter_start(struct cadre_self *self, const char *what, cadre_stream stream,
                       cadre_tls *tls, const char *name)
{
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (!err)
        err = check(s);
    if (!err && !name && !tls->class->accepts(tls))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: tls: no certificate", what);
    if (err)
        return err;
    s->tls = tls->class->ref(tls);
    err = filtered_make(s, name);
    if (err) {
        tls->class->unref(tls);
        s->tls = NULL;
        return err;
    }
    s->filter->announces = true;
    s->greet_ms = tls->class->patience(tls);
    handle_command(&s->h, STREAM_GREETS);
    cadre_port_ring(&s->h.port, NEWS_DATA); /* the first one to say something says it */
    return 0;
}

int cadre_filter_find(struct cadre_self *self, const char *what, cadre_stream stream,
                      const struct filter_class *class, struct filter **filter)
{
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (err)
        return err;
    if (!s->filter || s->filter->class != class)
        return s->tls ? -ENOTCONN : -EINVAL;
    if (!s->filter->ready)
        return -ENOTCONN;
    *filter = s->filter;
    return 0;
}
