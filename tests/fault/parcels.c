/* parcels.c: allocation k fails, k = 1, 2, 3 ..., while two actors send descriptors to
 * each other over a UNIX socket, and one is taken out of its stream. Whatever fails says
 * so or closes the connection; no memory is left allocated, and no descriptor open. */
#include "support/options.h"
#include "support/process.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/descriptor.h>
#include <cadre/unix.h>
#include <cadre/watch.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static atomic_uint answers;
static char name[32];
static const cadre_stream_options options = {.idle = 100 * CADRE_MS, .descriptors = 2};

typedef struct {
    cadre_stream stream;
} client;

static int client_start(cadre_self *self, void *state)
{
    client *c = state;
    static const int fds[] = {0, 0};
    int err = cadre_unix_connect(self, &c->stream, name, CADRE_SECOND, &options);
    return err ? err : cadre_unix_send(self, c->stream, "x", 1, fds, 2);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    int fd;
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    if (!data)
        return 0;
    if (cadre_unix_take(self, data->stream, &fd) == 0) {
        atomic_fetch_add(&answers, 1);
        close(fd);
    }
    return cadre_descriptor_release(self, data->stream); /* for nobody */
}

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = client_receive};

static int root_start(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_ref child;
    int err = cadre_unix_listen(self, &listener, name, &options);
    if (!err)
        err = cadre_spawn(self, &child, &client_class, NULL);
    return err ? err : cadre_watch(self, NULL, child);
}

/* It sends back one of two, and leaves the other. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    int fd;
    if (m->type == &cadre_down_type)
        return CADRE_STOP;
    if (!data)
        return 0;
    int err = cadre_unix_take(self, data->stream, &fd);
    if (err)
        return err;
    err = cadre_unix_send(self, data->stream, "y", 1, &fd, 1);
    close(fd);
    return err;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with descriptors", entries);
    unsigned before = process_descriptors();
    snprintf(name, sizeof name, "@cadre-parcels-%d", (int)getpid());
    for (uint32_t io = 0; io < 2; io++)
        sweep_both(&(struct sweep){.root = &root_class, .io_threads = io}, count,
                   "parcels");
    CHECK(atomic_load(&answers) > 0);
    CHECK(process_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
