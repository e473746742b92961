/* serving.h: a system that listens on loopback, for the tests of sockets. Its root gives
 * each connection to an actor of its own, a hand, which does what the test says. */
#ifndef SUPPORT_SERVING_H
#define SUPPORT_SERVING_H

#include "support/open.h"
#include "support/sockets.h"

#include <cadre/supervise.h>
#include <cadre/tcp.h>
#include <cadre/unix.h>
#include <cadre/watch.h>

/* What it does; set before tcp_serve(). */
extern struct plan {
    cadre_stream_options options;
    uint32_t workers, io_threads; /* 0: 2; the workers' own loops */
    uint32_t pinned;
    size_t memory_max;
    bool isolated;          /* the hands are */
    cadre_receive *receive; /* the hand's; its state is a struct hand */
    /* Of the root, for what is no connection's; or NULL. */
    cadre_receive *root;
} plan;

/* Where it listens instead, if not NULL; for all systems from now on. */
extern const char *served_path;
/* Connects to what was started last. */
int served_connect(void);

struct hand {
    cadre_stream stream;
    size_t bytes; /* for the receive */
};

/* What has happened. */
extern struct facts {
    atomic_uint opened, closed, ended, wrote, downs, wrongs;
    atomic_int reason;  /* of the last one closed */
    atomic_int refused; /* why it does not listen */
    atomic_size_t bytes, unsent;
    atomic_uint_fast64_t listener; /* the root's */
    _Atomic uint16_t port;
} facts;

/* Starts it, and forgets the facts. */
cadre_system *tcp_serve(void);
/* A second one. */
cadre_system *tcp_serve_too(void);
/* Stops it; nothing of it is left. */
void tcp_served(cadre_system *sys);

/* The usual receive of a hand: sends everything back, ends when it is closed. */
int tcp_echo(cadre_self *self, void *state, cadre_msg *m);
/* Only notes facts; data is counted. */
int tcp_note(cadre_self *self, void *state, cadre_msg *m);

/* A closed socket's port. */
uint16_t dead_port(void);

#endif
