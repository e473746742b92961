/* start.c: an open connection gets TLS, or what else a filter is of (io/filter.h).
 *
 * Here and not in the library that has it: so who is given a cadre_tls needs no other. */
#include "io/filtered.h"
#include "io/owner.h"

#include <cadre/tls.h>

#include <errno.h>

static int check_stream(const struct stream *s)
{
    if (s->tls)
        return -EALREADY;
    if (!s->known)
        return -ENOTCONN;
    return s->no_more ? -EPIPE : 0;
}

/* What was written goes before it; what comes from now on is its. */
static int start(struct cadre_self *self, const char *what, cadre_stream stream,
                 cadre_tls *tls, const char *name)
{
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (!err)
        err = check_stream(s);
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

static int check(cadre_self *self, const char *what, cadre_tls *tls)
{
    int err = cadre_port_check(self, what);
    if (!err && !tls)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: tls is NULL", what);
    return err;
}

int cadre_tls_accept(cadre_self *self, cadre_stream stream, cadre_tls *tls)
{
    static const char what[] = "cadre_tls_accept";
    int err = check(self, what, tls);
    return err ? err : start(self, what, stream, tls, NULL);
}

int cadre_tls_connect(cadre_self *self, cadre_stream stream, cadre_tls *tls,
                      const char *name)
{
    static const char what[] = "cadre_tls_connect";
    int err = check(self, what, tls);
    if (!err && !name)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: name is NULL", what);
    return err ? err : start(self, what, stream, tls, name);
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
