/* listens.c: a user's program with sockets: a server for clients of Redis, which asks
 * itself for a command of its own. */
#include <cadre.h>
#include <cadre/actors/resp.h>
#include <cadre/tcp.h>

static void seen(cadre_resp_call *call)
{
    int64_t *count = (int64_t *)cadre_resp_add(call);
    if (count)
        cadre_resp_integer(call, ++*count);
}
static const cadre_resp_command commands[] = {{"seen", 2, 2, CADRE_RESP_KEY, seen, 0},
                                              {NULL, 0, 0, 0, NULL, 0}};

static int start(cadre_self *self, void *state)
{
    const cadre_resp config = {.commands = commands, .value_size = sizeof(int64_t)};
    cadre_ref server;
    (void)state;
    int err = cadre_spawn(self, &server, &cadre_resp_class, &config);
    return err ? err : cadre_ask(self, NULL, server, CADRE_NEVER, cadre_resp_ask, 0);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_resp_status *status = cadre_body(m, cadre_resp_status);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    cadre_stream stream;
    (void)state;
    if (status)
        return cadre_tcp_connect(self, &stream, "127.0.0.1", status->port, CADRE_NEVER,
                                 NULL);
    if (opened)
        return cadre_stream_write(self, opened->stream, "seen Ada\r\n", 10);
    return data && cadre_buf_data(data->buf)[1] == '1' ? CADRE_STOP : CADRE_EUSER;
}
static const cadre_class class = {
    .name = "listens", .start = start, .receive = receive};

int main(void) { return cadre_run(NULL, &class, NULL) != 0; }
