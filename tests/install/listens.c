/* listens.c: a user's program with sockets. */
#include <cadre.h>
#include <cadre/tcp.h>

static int start(cadre_self *self, void *state)
{
    cadre_stream listener;
    int err = cadre_tcp_listen(self, &listener, "127.0.0.1", 0, NULL);
    (void)state;
    return err ? err : cadre_stop(self, cadre_me(self));
}
static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    (void)self;
    (void)state;
    (void)m;
    return 0;
}
static const cadre_class class = {
    .name = "listens", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
