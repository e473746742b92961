/* echo: sends back whatever comes, to any number of clients at a time.
 *
 * echo PORT                     listens there until it is interrupted: try it with nc;
 *                               port 0 is a free one
 * echo PORT CERTIFICATE KEY     the same with TLS, by these two files: try it with
 *                               openssl s_client -quiet -connect 127.0.0.1:PORT
 * echo                          tries itself: a client in the same process sends two
 *                               lines
 *
 * Each connection has an actor of its own, which is given it by the listener's. One that
 * sends faster than it reads is slowed down by itself: what was read ahead waits in the
 * connection, and what cannot be sent yet ends it when that gets too much. */
#include <cadre.h>

#include <cadre/shutdown.h>
#include <cadre/tcp.h>
#include <cadre/tls.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- one connection -------------------------------------------------------------- */

static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)state;
    if (data)
        return cadre_stream_write_buf(self, data->stream, cadre_buf_move(&data->buf));
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

static const cadre_class echo_class = {.name = "echo", .receive = echo_receive};

/* ---- a client -------------------------------------------------------------------- */

struct client {
    cadre_stream stream;
    uint16_t port;
};

static int client_start(cadre_self *self, void *state)
{
    static const char lines[] = "hello\nand goodbye\n";
    struct client *client = state;
    int err = cadre_tcp_connect(self, &client->stream, "127.0.0.1", client->port,
                                10 * CADRE_SECOND, NULL);
    if (!err)
        err = cadre_stream_write(self, client->stream, lines, sizeof lines - 1);
    return err ? err : cadre_stream_shutdown(self, client->stream);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    (void)state;
    if (data)
        (void)fwrite(cadre_buf_data(data->buf), 1, cadre_buf_size(data->buf), stdout);
    if (closed) {
        printf("closed: %s\n", cadre_strerror(closed->reason));
        cadre_stop(self, cadre_parent(self));
    }
    return 0;
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(struct client),
                                         .start = client_start,
                                         .receive = client_receive};

/* ---- the server ------------------------------------------------------------------ */

struct server {
    bool tries; /* itself */
    uint16_t port;
    cadre_tls *tls; /* or NULL */
};

static int server_start(cadre_self *self, void *state)
{
    const struct server *server = state;
    cadre_stream listener;
    cadre_address address;
    const cadre_stream_options options = {.tls = server->tls};
    int err = cadre_tcp_listen(self, &listener, "127.0.0.1", server->port, &options);
    if (!err)
        err = cadre_tcp_local(self, listener, &address);
    if (err)
        return err;
    if (!server->tries) {
        printf("port %u\n", address.port);
        return fflush(stdout) ? CADRE_EUSER : 0;
    }
    return cadre_spawn(self, NULL, &client_class,
                       &(struct client){.port = address.port});
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref echo;
    (void)state;
    if (!opened)
        return 0;
    int err = cadre_spawn(self, &echo, &echo_class, NULL);
    return err ? err : cadre_stream_give(self, opened->stream, echo);
}

static const cadre_class server_class = {.name = "server",
                                         .state_size = sizeof(struct server),
                                         .start = server_start,
                                         .receive = server_receive};

int main(int argc, char **argv)
{
    char why[CADRE_TLS_WHY];
    struct server server = {.tries = argc == 1,
                            .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0)};
    const cadre_tls_options options = {.certificate = argc > 2 ? argv[2] : NULL,
                                       .key = argc > 3 ? argv[3] : NULL};
    if (argc > 2 && cadre_tls_new(&server.tls, &options, why, sizeof why)) {
        fprintf(stderr, "echo: %s\n", why);
        return 1;
    }
    int reason = cadre_serve(NULL, &server_class, &server, 0, CADRE_SECOND);
    cadre_tls_free(server.tls);
    if (reason)
        fprintf(stderr, "echo: %s\n", cadre_strerror(reason));
    return reason ? 1 : 0;
}
