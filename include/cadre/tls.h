/* tls.h: TLS for connections (stream.h), by OpenSSL. Of the library cadre-tls, but for
 * cadre_tls_accept() and cadre_tls_connect(), which are of cadre-io.
 *
 *   cadre_tls *tls;
 *   char why[CADRE_TLS_WHY];
 *   const cadre_tls_options options = {.certificate = "cert.pem", .key = "key.pem"};
 *   int err = cadre_tls_new(&tls, &options, why, sizeof why);
 *   err = cadre_tcp_listen(self, &listener, NULL, 4433,
 *                          &(cadre_stream_options){.tls = tls});
 *
 * Whoever listens or connects with a cadre_tls in the options has a stream like any
 * other; its messages are the same, their bytes plain. TLS 1.2 and 1.3 are spoken,
 * without renegotiation and compression. A client verifies the server's certificate:
 * who vouches for it, whether it is valid now, and whether it is that host's; so does a
 * server with a client's, but for the name, if it asks for one. What does not hold is
 * the reason in cadre_stream_closed, with a line in the log that says more:
 *
 *   CADRE_ETLS_UNTRUSTED    nobody who is trusted vouches for the peer's certificate
 *   CADRE_ETLS_EXPIRED      it is not valid any more, or not yet
 *   CADRE_ETLS_NAME         it is another host's
 *   CADRE_ETLS_CERTIFICATE  it is bad otherwise, or the client has none
 *   CADRE_ETLS_REFUSED      the peer said so: it does not accept our certificate, name,
 *                           protocol or version
 *   CADRE_ETLS              what came is no TLS, or a version or cipher that is not
 *                           accepted
 *   CADRE_ETLS_CUT          the connection ended without an end of TLS: what came is
 *                           right, but may not be all
 *   -ETIMEDOUT              the handshake took too long, and as without TLS
 *   -ENOMEM                 also of a peer that asks for new keys and reads no answer
 *
 * Who connects gets cadre_stream_opened when the handshake is done, within the timeout
 * of the connect. What is accepted comes at once, so that it can be given to an actor
 * of its own: the handshake is done in its owner's turns, like all of TLS's work; so
 * the loops go on, and other workers can take it over. What is written before is sent
 * when the peer is known.
 *
 * Bytes that wait (write_max, cadre_stream_unsent) and the window are those of TLS,
 * which are a few more; a window does not hold up a handshake. Beyond the window at
 * most one record is read, of 16 KiB. The peer is told of an end by TLS as well; one
 * whose owner has ended, or that is aborted, is cut off. Where cadre_stream_write()
 * says -ENOMEM after the handshake the connection is closed. OpenSSL's memory is not
 * counted by the system's limit; on stacks of handlers that wait
 * (cadre_config.stack_size) it takes up to 64 KiB.
 *
 * Guarantees, each with a test of that name:
 *   verified_by_default  without a valid certificate of that host from somebody who is
 *                        trusted nothing is sent and nothing is told
 *   old_versions_are_refused
 *                        what is older than TLS 1.2
 *   any_split_is_read    records come complete and in order however they are cut up
 *   cut_is_told          an end without TLS's end is told as CADRE_ETLS_CUT
 *   handshake_ends       a peer that does not shake hands is closed in time
 *   handshake_holds_up_nobody
 *                        connections of others go on while an owner shakes hands
 *   reload_leaves_connections
 *                        they go on; those that come get what was read last; one that
 *                        cannot be read changes nothing */
#ifndef CADRE_TLS_H
#define CADRE_TLS_H
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Whether a server wants certificates of its clients. */
typedef enum cadre_tls_clients {
    CADRE_TLS_ANY_CLIENT, /* does not ask */
    CADRE_TLS_MAY_CERTIFY,
    CADRE_TLS_MUST_CERTIFY
} cadre_tls_clients;

/* A server's other certificate, for clients that ask for this name (SNI); with "*." for
 * any label before the rest. */
typedef struct cadre_tls_name {
    const char *name, *certificate, *key;
} cadre_tls_name;

/* All zero is a client that trusts whom the system trusts. Paths are of PEM files. All is
 * copied. */
typedef struct cadre_tls_options {
    const char *certificate;     /* and those between it and a root's. A server's, or a
                                    client's where it is asked for one; NULL: none */
    const char *key;             /* its key, without a password */
    const cadre_tls_name *names; /* until one without a name; or NULL */
    const char *trust; /* who may vouch: a file, or a folder of `openssl rehash`.
                                    NULL: the system's, of servers only */
    cadre_tls_clients clients;
    /* ALPN: with commas, the best first, such as "h2,http/1.1". A server chooses the
     * first that the client has, too, and refuses one that has none of them; who does
     * not ask is accepted. NULL: none */
    const char *protocols;
    cadre_time handshake; /* that it may take. 0: 10 s */
    bool tell;            /* cadre_tls_ready comes also for what was accepted */
    bool insecure;     /* the peer's certificate is not verified: anybody may read it */
    void *reserved[2]; /* zero, else -EINVAL */
} cadre_tls_options;

enum { CADRE_TLS_WHY = 256 };

/* Reads the files. *tls is yours; many systems, actors and threads may use it. why gets
 * one line, of up to size bytes, that says what is wrong; NULL: no matter. Blocks on
 * files. Any thread, without a system.
 * Errors: -ENOENT, -EACCES and what else the system says of a file; -EINVAL (no PEM, a
 * key of another certificate or with a password, one without the other, clients that
 * certify without trust, protocols, handshake < 0); -ENOMEM. */
CADRE_API CADRE_MUST_CHECK int cadre_tls_new(cadre_tls **tls,
                                             const cadre_tls_options *options,
                                             char *why, size_t size);
/* Reads the files again, for connections from now on. Any thread. Errors: as before; it
 * stays as it was then. */
CADRE_API CADRE_MUST_CHECK int cadre_tls_reload(cadre_tls *tls, char *why, size_t size);
/* It is not yours any more; what listens or is connected by it goes on. NULL is fine.
 * Any thread. */
CADRE_API void cadre_tls_free(cadre_tls *tls);

/* Turns an open connection into one with TLS (STARTTLS), as the server or the client of
 * it. What was written before is sent before. All that comes after the message in hand
 * is TLS: what that one has behind the word to start is not, and has to be refused,
 * because anybody may have put it there. cadre_tls_ready comes when the handshake is
 * done, or cadre_stream_closed. name: of the server, as a client knows it.
 * Errors: -ENOENT, -EINVAL (a listener, tls or name is NULL, name empty, with a dot in
 * front or longer than 255 bytes, no certificate to accept with), -EALREADY (it has TLS),
 * -ENOTCONN (not open yet), -EPIPE (after a shutdown or close), -ENOMEM. */
CADRE_API CADRE_MUST_CHECK int cadre_tls_accept(cadre_self *self, cadre_stream stream,
                                                cadre_tls *tls);
CADRE_API CADRE_MUST_CHECK int cadre_tls_connect(cadre_self *self, cadre_stream stream,
                                                 cadre_tls *tls, const char *name);

/* The handshake is done. */
typedef struct cadre_tls_ready {
    cadre_stream stream;
    char protocol[16]; /* by ALPN; empty: none, or one whose name is longer */
} cadre_tls_ready;
CADRE_API extern const cadre_type cadre_tls_ready_type;

/* Borrowed, until the handler returns or waits. None is NULL, most may be "". */
typedef struct cadre_tls_info {
    const char *version;  /* "TLSv1.3" */
    const char *cipher;   /* "TLS_AES_256_GCM_SHA384" */
    const char *protocol; /* by ALPN */
    const char *name;     /* the host that the client has asked for */
    const char *peer;     /* the subject of its certificate: "CN=alice,O=here" */
    bool verified;        /* that certificate was */
} cadre_tls_info;
/* Errors: -ENOENT, -EINVAL (info is NULL, a listener, no TLS), -ENOTCONN (the handshake
 * is not done). */
CADRE_API CADRE_MUST_CHECK int cadre_tls_ask(cadre_self *self, cadre_stream stream,
                                             cadre_tls_info *info);

#ifdef __cplusplus
}
#endif
#endif
