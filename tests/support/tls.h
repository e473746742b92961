/* tls.h: certificates, and the other side of TLS by the openssl command. */
#ifndef SUPPORT_TLS_H
#define SUPPORT_TLS_H

#include "support/folder.h"
#include "support/serving.h"

#include <cadre/tls.h>

#include <stdio.h>

/* Makes them in the folder: NAME.pem and NAME.key of good (localhost, 127.0.0.1, ::1),
 * other (other.example, *.many.example), expired and early (as good, at other times),
 * self (as good, by nobody), stranger (as good, by strangers.pem) and alice (a client),
 * the others by ca.pem. */
void make_certificates(void);
/* The options, with the names of certificate, key, trust and names being those of files
 * in the folder; asserts that it is good. */
cadre_tls *tls_with(cadre_tls_options options);
/* A server's with this certificate, and a client's. */
cadre_tls *tls_serving(const char *name);
cadre_tls *tls_calling(void);

/* What a command prints, both ways; {} stands for the folder. It has a minute. */
const char *says(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* `openssl s_server` with these arguments, on a free port; and its end. */
uint16_t start_s_server(const char *arguments);
void stop_s_server(void);

/* OpenSSL on a socket, on the test's thread. */
struct ssl_st *peer_begin(int fd); /* as a client, before the handshake */
/* As a server with this certificate, behind the handshake. */
struct ssl_st *peer_accept(int fd, const char *name);
struct ssl_st *peer_dial(void); /* connected to what was started last */
void peer_send(struct ssl_st *peer, const void *bytes, size_t size);
void peer_expect(struct ssl_st *peer, const void *bytes, size_t size);
/* It has told us, and how: 0: in order, or -1: cut off. */
int peer_end(struct ssl_st *peer);
/* Closes the socket, in order or without a word. */
void peer_close(struct ssl_st *peer);
void peer_drop(struct ssl_st *peer);

/* An actor that connects, says something, and collects what it hears. */
extern struct call {
    uint16_t port;
    cadre_stream_options options;
    cadre_time timeout;
    const char *text; /* said at once; NULL: nothing */
    bool keeps;       /* it does not close when an answer is there */
    bool starts;      /* without TLS, which it starts when it reads "go" */
    /* What came of it. */
    atomic_uint opened, closed;
    atomic_int reason;
    char heard[256], version[16], protocol[32], peer[128];
} call;
/* Its result is the reason with which it was closed. */
int make_call(void);
/* The same in two halves. */
cadre_system *begin_call(void);
int end_call(cadre_system *sys);

#endif
