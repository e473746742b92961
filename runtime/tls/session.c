/* session.c: one connection with TLS: OpenSSL between a filter's two sides.
 *
 * OpenSSL reads and writes by a BIO of ours, which pulls and pushes: so it has no buffer
 * of its own while nothing is under way, and what is written fails where the memory for
 * it does. The queue of errors is the thread's, and is cleared before each call. */
#include "tls/session.h"

#include "tls/credentials.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SIZE = 256, WHY_SIZE = 512, SUBJECT_SIZE = 256, PATIENCE_S = 10 };

struct session {
    struct filter filter;
    struct world *world;
    struct credentials *credentials; /* a reference */
    struct snapshot *snapshot;       /* a reference */
    SSL *ssl;
    struct snapshot_user user;
    bool connects;
    int push_err;             /* why nothing can be sent any more */
    char name[NAME_MAX_SIZE]; /* of whom it connects to */
    char why[WHY_SIZE];
    char protocol[NAME_MAX_SIZE], subject[SUBJECT_SIZE]; /* for whoever asks */
};

static struct session *session_of(const struct filter *f)
{
    return container_of((struct filter *)f, struct session, filter);
}

/* ---- the wire --------------------------------------------------------------------- */

static int wire_read(BIO *bio, char *bytes, int size)
{
    struct session *s = BIO_get_data(bio);
    size_t got = s->filter.pull(&s->filter, bytes, (size_t)size);
    BIO_clear_retry_flags(bio);
    if (got > 0)
        return (int)got;
    BIO_set_retry_read(bio);
    return -1;
}

static int wire_write(BIO *bio, const char *bytes, int size)
{
    struct session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!s->push_err)
        s->push_err = s->filter.push(&s->filter, bytes, (size_t)size);
    return s->push_err ? -1 : size;
}

static long wire_control(BIO *bio, int what, long n, void *p)
{
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *session_wire(void)
{
    BIO_METHOD *wire = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "cadre");
    if (wire && BIO_meth_set_read(wire, wire_read) == 1 &&
        BIO_meth_set_write(wire, wire_write) == 1 &&
        BIO_meth_set_ctrl(wire, wire_control) == 1)
        return wire;
    BIO_meth_free(wire);
    return NULL;
}

/* ---- what goes wrong -------------------------------------------------------------- */

static int of_certificate(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_OUT_OF_MEM:
        return -ENOMEM;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CADRE_ETLS_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return CADRE_ETLS_NAME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return CADRE_ETLS_UNTRUSTED;
    default:
        return CADRE_ETLS_CERTIFICATE;
    }
}

static void print_subject(char *text, size_t size, X509 *certificate)
{
    text[0] = 0;
    BIO *bio = certificate ? BIO_new(BIO_s_mem()) : NULL;
    if (!bio)
        return;
    (void)X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                             XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    int n = BIO_read(bio, text, (int)size - 1);
    text[n > 0 ? n : 0] = 0;
    BIO_free(bio);
}

/* For what is said of it: OpenSSL keeps none that does not hold. */
static int on_verdict(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct session *s = container_of(SSL_get_app_data(ssl), struct session, user);
    if (!is_good)
        print_subject(s->subject, sizeof s->subject,
                      X509_STORE_CTX_get_current_cert(store));
    return is_good;
}

static int fail_verifying(struct session *s)
{
    long verdict = SSL_get_verify_result(s->ssl);
    snprintf(s->why, sizeof s->why, "certificate%s%s (%.100s): %s",
             s->connects ? " of " : "", s->name, s->subject,
             X509_verify_cert_error_string(verdict));
    return of_certificate(verdict);
}

static int fail(struct session *s)
{
    unsigned long code = ERR_peek_last_error(); /* what it came to */
    int reason = ERR_GET_REASON(code);
    const char *text = ERR_reason_error_string(code);
    bool is_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    if (s->push_err)
        return s->push_err;
    if (reason == ERR_R_MALLOC_FAILURE)
        return -ENOMEM;
    if (is_ssl && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return fail_verifying(s);
    snprintf(s->why, sizeof s->why, "%s", text ? text : "what came is no TLS");
    if (is_ssl && reason >= SSL_AD_REASON_OFFSET)
        return CADRE_ETLS_REFUSED;
    if (is_ssl && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return CADRE_ETLS_CERTIFICATE;
    return CADRE_ETLS;
}

/* ---- made and freed --------------------------------------------------------------- */

static bool is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* Whose certificate it is to be. With a dot in front it would be anybody's below. */
static int expect(struct session *s, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    size_t size = strlen(name);
    if (size == 0 || size >= NAME_MAX_SIZE || name[0] == '.')
        return -EINVAL;
    memcpy(s->name, name, size);
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -ENOMEM;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, name, size) == 1 &&
                   SSL_set_tlsext_host_name(s->ssl, name) == 1
               ? 0
               : -ENOMEM;
}

static int mode_of(const struct session *s)
{
    const cadre_tls_options *o = &s->credentials->options;
    if (s->connects)
        return o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
    if (o->clients == CADRE_TLS_ANY_CLIENT)
        return SSL_VERIFY_NONE;
    return o->clients == CADRE_TLS_MAY_CERTIFY
               ? SSL_VERIFY_PEER
               : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

/* protocols: NULL: those of the configuration. */
static int ask_for(struct session *s, const char *protocols)
{
    unsigned char bytes[NAME_MAX_SIZE];
    size_t size = protocols ? strlen(protocols) + 1 : 0;
    if (!protocols)
        return 0;
    if (size > sizeof bytes || !snapshot_encode(bytes, protocols))
        return -EINVAL;
    return SSL_set_alpn_protos(s->ssl, bytes, (unsigned)size) == 0 ? 0 : -ENOMEM;
}

static int open_ssl(struct session *s, const char *name, const char *protocols)
{
    ERR_clear_error();
    s->ssl = SSL_new(s->snapshot->ssl);
    BIO *bio = s->ssl ? BIO_new(s->credentials->wire) : NULL;
    if (!bio)
        return -ENOMEM;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    if (SSL_set_app_data(s->ssl, &s->user) != 1)
        return -ENOMEM;
    SSL_set_verify(s->ssl, mode_of(s), on_verdict);
    if (name) {
        SSL_set_connect_state(s->ssl);
        int err = expect(s, name);
        return err ? err : ask_for(s, protocols);
    }
    s->user.protocols = protocols;
    SSL_set_accept_state(s->ssl);
    return 0;
}

static void release(struct filter *f)
{
    struct session *s = session_of(f);
    SSL_free(s->ssl);
    snapshot_unref(s->snapshot);
    credentials_unref(&s->credentials->tls);
    cadre_port_put(s->world, s, sizeof *s);
}

static int make(struct filter **filter, struct world *world, cadre_tls *tls,
                const char *name, const char *protocols)
{
    void *p;
    int err = cadre_port_get(world, &p, sizeof(struct session));
    if (err)
        return err;
    struct session *s = p;
    memset(s, 0, sizeof *s);
    s->world = world;
    s->credentials = credentials_of(credentials_ref(tls));
    s->snapshot = credentials_current(s->credentials);
    s->connects = name != NULL;
    err = open_ssl(s, name, protocols);
    if (err)
        release(&s->filter);
    else
        *filter = &s->filter;
    return err;
}

static uint64_t patience(const cadre_tls *tls)
{
    cadre_time t = credentials_of(tls)->options.handshake;
    if (t == 0)
        t = PATIENCE_S * CADRE_SECOND;
    return t == CADRE_NEVER ? UINT64_MAX
                            : (uint64_t)(t / CADRE_MS + (t % CADRE_MS > 0));
}

static bool accepts(const cadre_tls *tls)
{
    const cadre_tls_options *o = &credentials_of(tls)->options;
    return o->certificate || o->names->name;
}

static bool announces(const cadre_tls *tls)
{
    return credentials_of(tls)->options.tell;
}

/* ---- bytes ------------------------------------------------------------------------ */

static int greet(struct filter *f)
{
    struct session *s = session_of(f);
    ERR_clear_error();
    int done = SSL_do_handshake(s->ssl);
    if (done == 1)
        return s->push_err ? s->push_err : 1;
    return SSL_get_error(s->ssl, done) == SSL_ERROR_WANT_READ ? 0 : fail(s);
}

static int read_bytes(struct filter *f, void *bytes, size_t size, size_t *got)
{
    struct session *s = session_of(f);
    ERR_clear_error();
    int done = SSL_read_ex(s->ssl, bytes, size, got);
    if (done == 1)
        return 0;
    *got = 0;
    switch (SSL_get_error(s->ssl, done)) {
    case SSL_ERROR_WANT_READ:
        return s->push_err;
    case SSL_ERROR_ZERO_RETURN:
        return FILTER_END;
    default:
        return fail(s);
    }
}

/* All of it is pushed, or it fails: the wire never says that it has no room. */
static int write_bytes(struct filter *f, const void *bytes, size_t size)
{
    struct session *s = session_of(f);
    size_t done;
    ERR_clear_error();
    return SSL_write_ex(s->ssl, bytes, size, &done) == 1 ? 0 : fail(s);
}

static void finish(struct filter *f)
{
    ERR_clear_error();
    (void)SSL_shutdown(session_of(f)->ssl);
}

static const char *why(const struct filter *f) { return session_of(f)->why; }

static void tell_protocol(const struct filter *f, char *bytes, size_t size)
{
    const unsigned char *chosen;
    unsigned length;
    SSL_get0_alpn_selected(session_of(f)->ssl, &chosen, &length);
    if (length >= size)
        length = 0;
    if (length > 0)
        memcpy(bytes, chosen, length);
    bytes[length] = '\0';
}

const struct filter_class session_class = {.ref = credentials_ref,
                                           .unref = credentials_unref,
                                           .patience = patience,
                                           .accepts = accepts,
                                           .announces = announces,
                                           .make = make,
                                           .release = release,
                                           .greet = greet,
                                           .read = read_bytes,
                                           .write = write_bytes,
                                           .finish = finish,
                                           .protocol = tell_protocol,
                                           .why = why};

/* ---- for whoever asks ------------------------------------------------------------- */

/* Not NULL. */
static const char *text_or_none(const char *text) { return text ? text : ""; }

void session_describe(struct filter *f, cadre_tls_info *info)
{
    struct session *s = session_of(f);
    const unsigned char *protocol;
    unsigned size;
    X509 *certificate = SSL_get0_peer_certificate(s->ssl);
    SSL_get0_alpn_selected(s->ssl, &protocol, &size);
    snprintf(s->protocol, sizeof s->protocol, "%.*s", (int)size,
             (const char *)protocol);
    print_subject(s->subject, sizeof s->subject, certificate);
    *info = (cadre_tls_info){
        .version = SSL_get_version(s->ssl),
        .cipher = text_or_none(SSL_get_cipher(s->ssl)),
        .protocol = s->protocol,
        .name = text_or_none(SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name)),
        .peer = s->subject,
        .verified = certificate && SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE &&
                    SSL_get_verify_result(s->ssl) == X509_V_OK};
}
