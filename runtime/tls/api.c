/* api.c: what a program calls. */
#include "base/panic.h"
#include "tls/credentials.h"
#include "tls/session.h"

#include <errno.h>

int cadre_tls_new(cadre_tls **tls, const cadre_tls_options *options, char *why,
                  size_t size)
{
    static const cadre_tls_options usual = {0};
    const struct complaint complaint = {why, size};
    invariant(filter_version == sizeof(struct filter));
    if (!tls)
        return complain(&complaint, -EINVAL, "tls", "it is NULL");
    return credentials_make(tls, &session_class, session_wire(),
                            options ? options : &usual, &complaint);
}

int cadre_tls_reload(cadre_tls *tls, char *why, size_t size)
{
    const struct complaint complaint = {why, size};
    if (!tls)
        return complain(&complaint, -EINVAL, "tls", "it is NULL");
    return credentials_reload(credentials_of(tls), &complaint);
}

void cadre_tls_free(cadre_tls *tls)
{
    if (tls)
        credentials_unref(tls);
}

int cadre_tls_ask(cadre_self *self, cadre_stream stream, cadre_tls_info *info)
{
    static const char what[] = "cadre_tls_ask";
    struct filter *f;
    int err = cadre_filter_find(self, what, stream, &session_class, &f);
    if (!err && !info)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: info is NULL", what);
    if (!err)
        session_describe(f, info);
    return err;
}
