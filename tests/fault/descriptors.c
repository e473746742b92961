/* descriptors.c: allocation k fails, k = 1, 2, 3 ..., while an actor reads a pipe and a
 * file, writes a file, and has a terminal raw. Whatever fails says so or closes its
 * stream; all of it ends, in time; no memory is left allocated, no descriptor open. */
#include "support/options.h"
#include "support/process.h"
#include "support/sweep.h"
#include "support/using.h"
#include "support/verdict.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

enum { STREAMS = 4 };
static int ends[2], file, sink, master, slave;
static atomic_uint answers;

typedef struct {
    unsigned closed;
} root;

static int open_all(cadre_self *self)
{
    const int fds[STREAMS] = {ends[0], file, sink, slave};
    cadre_stream s[STREAMS];
    int err = 0;
    for (int i = 0; !err && i < STREAMS; i++)
        err = cadre_descriptor_open(
            self, &s[i], fds[i],
            i == 2 ? CADRE_DESCRIPTOR_WRITE : CADRE_DESCRIPTOR_READ, NULL);
    if (!err)
        err = cadre_terminal_raw(self, s[3], true);
    if (!err)
        err = cadre_stream_write(self, s[2], "x", 1);
    if (!err)
        err = cadre_stream_shutdown(self, s[2]);
    return err ? err : cadre_stream_close(self, s[3], 0);
}

static int root_start(cadre_self *self, void *state) { return open_all(self); }

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    atomic_fetch_add(&answers, m->type == &cadre_stream_data_type);
    r->closed += m->type == &cadre_stream_closed_type;
    return r->closed == STREAMS ? CADRE_STOP : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static bool is_raw(void)
{
    struct termios t;
    return tcgetattr(slave, &t) == 0 && (t.c_lflag & ICANON) == 0;
}

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with descriptors", entries);
    using_terminal(&master, &slave);
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    close(ends[1]); /* one byte, and the end */
    file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
    unsigned before = process_descriptors();
    for (uint32_t io = 0; io < 2; io++)
        sweep_both(&(struct sweep){.root = &root_class, .io_threads = io}, count,
                   "descriptors");
    CHECK(!is_raw());
    CHECK(atomic_load(&answers) > 0);
    CHECK(process_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
