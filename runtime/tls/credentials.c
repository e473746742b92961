/* credentials.c: what connections with TLS have in common. */
#include "tls/credentials.h"

#include <errno.h>
#include <string.h>

/* ---- options ---------------------------------------------------------------------- */

static bool is_pair(const char *certificate, const char *key)
{
    return !certificate == !key;
}

static int check(const struct complaint *c, const cadre_tls_options *o)
{
    if (!is_pair(o->certificate, o->key))
        return complain(c, -EINVAL, "options",
                        "a certificate or key without the other");
    for (const cadre_tls_name *n = o->names; n && n->name; n++)
        if (!n->certificate || !n->key)
            return complain(c, -EINVAL, n->name, "it has no certificate or no key");
    if (o->clients > CADRE_TLS_MUST_CERTIFY)
        return complain(c, -EINVAL, "options", "clients is none of the values");
    if (o->clients != CADRE_TLS_ANY_CLIENT && !o->trust)
        return complain(c, -EINVAL, "options",
                        "clients certify, but nobody is trusted");
    if (o->handshake < 0 || o->reserved[0] || o->reserved[1])
        return complain(c, -EINVAL, "options",
                        "handshake is negative, or reserved is not zero");
    return 0;
}

/* False: no memory. */
static bool copy(const char **to, const char *from)
{
    *to = from ? OPENSSL_strdup(from) : NULL;
    return *to || !from;
}

static bool copy_names(cadre_tls_options *to, const cadre_tls_name *from)
{
    size_t count = 0;
    to->names = NULL;
    while (from && from[count].name)
        count++;
    cadre_tls_name *names = OPENSSL_zalloc((count + 1) * sizeof *names);
    to->names = names;
    for (size_t i = 0; names && i < count; i++)
        if (!copy(&names[i].name, from[i].name) ||
            !copy(&names[i].certificate, from[i].certificate) ||
            !copy(&names[i].key, from[i].key))
            return false;
    return names;
}

/* False: no memory; what there is of it is freed as ever. */
static bool copy_options(cadre_tls_options *to, const cadre_tls_options *from)
{
    *to = *from;
    bool all = copy(&to->certificate, from->certificate);
    all = copy(&to->key, from->key) && all;
    all = copy(&to->trust, from->trust) && all;
    all = copy(&to->protocols, from->protocols) && all;
    return copy_names(to, from->names) && all;
}

static void free_text(const char *text) { OPENSSL_free((void *)text); }

static void free_options(const cadre_tls_options *o)
{
    for (const cadre_tls_name *n = o->names; n && n->name; n++) {
        free_text(n->name);
        free_text(n->certificate);
        free_text(n->key);
    }
    OPENSSL_free((void *)o->names);
    free_text(o->certificate);
    free_text(o->key);
    free_text(o->trust);
    free_text(o->protocols);
}

/* ---- its life --------------------------------------------------------------------- */

cadre_tls *credentials_ref(cadre_tls *tls)
{
    fetch_add_relaxed(&credentials_of(tls)->users, 1); /* the caller's own keeps it */
    return tls;
}

void credentials_unref(cadre_tls *tls)
{
    struct credentials *c = credentials_of(tls);
    if (fetch_sub_acq_rel(&c->users, 1) > 1) /* what all did comes before it is freed */
        return;
    if (c->current)
        snapshot_unref(c->current);
    BIO_meth_free(c->wire);
    pthread_mutex_destroy(&c->lock);
    free_options(&c->options);
    OPENSSL_free(c);
}

struct snapshot *credentials_current(struct credentials *c)
{
    pthread_mutex_lock(&c->lock);
    struct snapshot *current = c->current;
    snapshot_ref(current);
    pthread_mutex_unlock(&c->lock);
    return current;
}

int credentials_make(cadre_tls **tls, const struct filter_class *class,
                     BIO_METHOD *wire, const cadre_tls_options *options,
                     const struct complaint *complaint)
{
    int err = check(complaint, options);
    struct credentials *c = err ? NULL : OPENSSL_zalloc(sizeof *c);
    if (!c) {
        BIO_meth_free(wire);
        return err ? err : complain(complaint, -ENOMEM, "OpenSSL", "no memory");
    }
    c->tls.class = class;
    c->wire = wire;
    atomic_set(&c->users, 1);
    pthread_mutex_init(&c->lock, NULL);
    if (copy_options(&c->options, options) && wire)
        err = snapshot_read(&c->current, &c->options, complaint);
    else
        err = complain(complaint, -ENOMEM, "OpenSSL", "no memory");
    if (err)
        credentials_unref(&c->tls);
    else
        *tls = &c->tls;
    return err;
}

int credentials_reload(struct credentials *c, const struct complaint *complaint)
{
    struct snapshot *next, *former;
    int err = snapshot_read(&next, &c->options, complaint);
    if (err)
        return err;
    pthread_mutex_lock(&c->lock);
    former = c->current;
    c->current = next;
    pthread_mutex_unlock(&c->lock);
    snapshot_unref(former);
    return 0;
}
