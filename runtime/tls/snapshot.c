/* snapshot.c: certificates, keys and whom to trust, as they were when they were read. */
#include "tls/snapshot.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is wrong ---------------------------------------------------------------- */

int complain(const struct complaint *c, int err, const char *what, const char *text)
{
    if (c->text && c->size > 0)
        snprintf(c->text, c->size, "%s: %s", what, text);
    return err;
}

int complain_ssl(const struct complaint *c, int err, const char *what)
{
    unsigned long code = ERR_peek_error(); /* the others are where it was met */
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE || code == 0)
        return complain(c, -ENOMEM, what, "no memory");
    return complain(c, err, what, reason ? reason : "cannot be used");
}

static int check_file(const struct complaint *c, const char *path)
{
    if (access(path, R_OK) == 0)
        return 0;
    int err = errno;
    return complain(c, -err, path, cadre_strerror(-err));
}

/* ---- by the name that a client asks for ------------------------------------------- */

static bool fits(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    const char *dot = strchr(name, '.');
    return dot && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
    const struct snapshot *snapshot = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (size_t i = 0; SSL_is_server(ssl) && name && i < snapshot->count; i++)
        if (fits(snapshot->names[i].name, name)) {
            (void)SSL_set_SSL_CTX(ssl, snapshot->names[i].ssl);
            return SSL_TLSEXT_ERR_OK;
        }
    if (!SSL_is_server(ssl) || SSL_CTX_get0_certificate(snapshot->ssl))
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Where a name is among those that the client has; NULL: it has not. */
static const unsigned char *find_protocol(const unsigned char *in, unsigned in_size,
                                          const char *name, size_t size)
{
    const unsigned char *end = in + in_size;
    for (; in < end; in += 1 + *in)
        if (*in == size && memcmp(in + 1, name, size) == 0)
            return in;
    return NULL;
}

/* The first of these that the client has, too; none is for all. */
static int choose(const char *text, const unsigned char **out, unsigned char *size,
                  const unsigned char *in, unsigned in_size)
{
    if (!text)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t length; *text; text += length + (text[length] == ',')) {
        length = strcspn(text, ",");
        const unsigned char *found = find_protocol(in, in_size, text, length);
        if (!found)
            continue;
        *size = *found;
        *out = found + 1;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *size,
                        const unsigned char *in, unsigned in_size, void *arg)
{
    const struct snapshot *snapshot = arg;
    const struct snapshot_user *user = SSL_get_app_data(ssl);
    unsigned char *chosen;
    if (!snapshot->protocols)
        return choose(user->protocols, out, size, in, in_size);
    int found = SSL_select_next_proto(&chosen, size, snapshot->protocols,
                                      snapshot->protocols_size, in, in_size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                           : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- one certificate -------------------------------------------------------------- */

/* Nobody is there to be asked for it. */
static int no_password(char *text, int size, int writes, void *arg) { return -1; }

static int use_certificate(const struct complaint *c, SSL_CTX *ssl,
                           const char *certificate, const char *key)
{
    int err = check_file(c, certificate);
    if (!err)
        err = check_file(c, key);
    if (err)
        return err;
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1)
        return complain_ssl(c, -EINVAL, certificate);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        return complain_ssl(c, -EINVAL, key);
    return 0;
}

static bool is_folder(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

/* Clients are told whose certificates are good. */
static int hint(const struct complaint *c, SSL_CTX *ssl,
                const cadre_tls_options *options)
{
    const char *path = options->trust;
    if (options->clients == CADRE_TLS_ANY_CLIENT || is_folder(path))
        return 0;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names)
        return complain_ssl(c, -EINVAL, path);
    SSL_CTX_set_client_CA_list(ssl, names);
    return 0;
}

static int trust(const struct complaint *c, SSL_CTX *ssl,
                 const cadre_tls_options *options)
{
    const char *path = options->trust;
    if (!path) /* not its stores, which read the whole folder each time */
        return SSL_CTX_set_default_verify_file(ssl) == 1 &&
                       SSL_CTX_set_default_verify_dir(ssl) == 1
                   ? 0
                   : complain_ssl(c, -EINVAL, "the system's certificates");
    int err = check_file(c, path);
    if (err)
        return err;
    if (is_folder(path) ? SSL_CTX_load_verify_dir(ssl, path) != 1
                        : SSL_CTX_load_verify_file(ssl, path) != 1)
        return complain_ssl(c, -EINVAL, path);
    return hint(c, ssl, options);
}

/* What is the same for all names; whom to trust is read once. The chain is that of the
 * file: else one would be sought, on disk, in each handshake. */
static int set_up(const struct complaint *c, const struct snapshot *snapshot,
                  SSL_CTX *ssl, const cadre_tls_options *options)
{
    static const unsigned char context[] = "cadre";
    SSL_CTX_set_default_passwd_cb(ssl, no_password);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* tickets do */
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ssl, context, sizeof context - 1) != 1)
        return complain_ssl(c, -EINVAL, "TLS 1.2");
    if (snapshot->protocols && SSL_CTX_set_alpn_protos(ssl, snapshot->protocols,
                                                       snapshot->protocols_size) != 0)
        return complain_ssl(c, -ENOMEM, "protocols");
    SSL_CTX_set_alpn_select_cb(ssl, on_protocols, (void *)snapshot);
    if (!snapshot->ssl)
        return trust(c, ssl, options);
    SSL_CTX_set1_cert_store(ssl, SSL_CTX_get_cert_store(snapshot->ssl));
    return hint(c, ssl, options);
}

/* certificate: NULL: none. */
static int open_ssl(const struct complaint *c, const struct snapshot *snapshot,
                    SSL_CTX **result, const cadre_tls_options *options,
                    const char *certificate, const char *key)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());
    if (!ssl)
        return complain_ssl(c, -ENOMEM, "OpenSSL");
    int err = set_up(c, snapshot, ssl, options);
    if (!err && certificate)
        err = use_certificate(c, ssl, certificate, key);
    if (err)
        SSL_CTX_free(ssl);
    else
        *result = ssl;
    return err;
}

/* ---- all of it -------------------------------------------------------------------- */

bool snapshot_encode(unsigned char *bytes, const char *text)
{
    size_t size = strlen(text) + 1, begin = 0;
    memcpy(bytes + 1, text, size - 1);
    for (size_t i = 1; i <= size; i++) {
        if (i < size && text[i - 1] != ',')
            continue;
        size_t length = i - begin - 1;
        if (length == 0 || length > UINT8_MAX || size > UINT16_MAX)
            return false;
        bytes[begin] = (unsigned char)length;
        begin = i;
    }
    return true;
}

static int read_protocols(const struct complaint *c, struct snapshot *s,
                          const char *text)
{
    s->protocols_size = (unsigned)strlen(text) + 1;
    s->protocols = OPENSSL_malloc(s->protocols_size);
    if (!s->protocols)
        return complain(c, -ENOMEM, "protocols", "no memory");
    return snapshot_encode(s->protocols, text)
               ? 0
               : complain(c, -EINVAL, "protocols", "a name is empty or too long");
}

static int read_names(const struct complaint *c, struct snapshot *s,
                      const cadre_tls_options *options)
{
    size_t count = 0;
    int err = 0;
    while (options->names && options->names[count].name)
        count++;
    if (count == 0)
        return 0;
    s->names = OPENSSL_zalloc(count * sizeof *s->names);
    if (!s->names)
        return complain(c, -ENOMEM, "names", "no memory");
    for (size_t i = 0; i < count && !err; i++) {
        const cadre_tls_name *name = &options->names[i];
        s->names[i].name = OPENSSL_strdup(name->name);
        s->count = i + 1;
        if (!s->names[i].name)
            return complain(c, -ENOMEM, "names", "no memory");
        err = open_ssl(c, s, &s->names[i].ssl, options, name->certificate, name->key);
    }
    return err;
}

int snapshot_read(struct snapshot **result, const cadre_tls_options *options,
                  const struct complaint *c)
{
    struct snapshot *s = OPENSSL_zalloc(sizeof *s);
    if (!s)
        return complain(c, -ENOMEM, "OpenSSL", "no memory");
    atomic_set(&s->users, 1);
    int err = options->protocols ? read_protocols(c, s, options->protocols) : 0;
    if (!err)
        err = open_ssl(c, s, &s->ssl, options, options->certificate, options->key);
    if (!err)
        err = read_names(c, s, options);
    if (err) {
        snapshot_unref(s);
        return err;
    }
    (void)SSL_CTX_set_tlsext_servername_callback(s->ssl, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(s->ssl, s);
    *result = s;
    return 0;
}

void snapshot_ref(struct snapshot *s)
{
    fetch_add_relaxed(&s->users, 1); /* the caller's own keeps it */
}

void snapshot_unref(struct snapshot *s)
{
    if (fetch_sub_acq_rel(&s->users, 1) > 1) /* what all did comes before it is freed */
        return;
    for (size_t i = 0; i < s->count; i++) {
        SSL_CTX_free(s->names[i].ssl);
        OPENSSL_free(s->names[i].name);
    }
    OPENSSL_free(s->names);
    OPENSSL_free(s->protocols);
    SSL_CTX_free(s->ssl);
    OPENSSL_free(s);
}
