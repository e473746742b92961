/* trusts.c: a user's program with TLS; nobody listens where it connects to. */
#include <cadre.h>
#include <cadre/tcp.h>
#include <cadre/tls.h>

#include <stdio.h>

static int start(cadre_self *self, void *state)
{
    cadre_stream stream;
    const cadre_stream_options options = {.tls = *(cadre_tls **)state};
    return cadre_tcp_connect(self, &stream, "127.0.0.1", 1, CADRE_SECOND, &options);
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)self;
    (void)state;
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}
static const cadre_class class = {.name = "trusts",
                                  .state_size = sizeof(cadre_tls *),
                                  .start = start,
                                  .receive = receive};

int main(void)
{
    cadre_tls *tls;
    char why[CADRE_TLS_WHY];
    if (cadre_tls_new(&tls, NULL, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    int reason = cadre_run(NULL, &class, &tls);
    cadre_tls_free(tls);
    return reason != 0;
}
