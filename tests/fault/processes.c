/* processes.c: allocation k fails, k = 1, 2, 3 ..., while an actor talks to processes
 * through pipes, and hears of a signal. Whatever fails says so or closes its pipe; all of
 * it ends, in time; nothing is left allocated, and no process. */
#include "support/options.h"
#include "support/process.h"
#include "support/sweep.h"
#include "support/verdict.h"

#include <cadre/process.h>
#include <cadre/signal.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { PROCESSES = 2 };

static atomic_uint answers;

typedef struct {
    unsigned ended, closed;
} root;

static int start_one(cadre_self *self)
{
    static const char *const argv[] = {"cat", NULL};
    static const cadre_process_options options = {
        .in = CADRE_PROCESS_PIPE, .out = CADRE_PROCESS_PIPE, .kill = true};
    cadre_process process;
    cadre_process_pipes pipes;
    int err = cadre_process_start(self, &process, &pipes, argv, &options);
    if (!err)
        err = cadre_stream_write(self, pipes.in, "x", 1);
    return err ? err : cadre_stream_shutdown(self, pipes.in);
}

static int root_start(cadre_self *self, void *state)
{
    int err = cadre_signal_hear(self, NULL, SIGUSR1);
    for (int i = 0; !err && i < PROCESSES; i++)
        err = start_one(self);
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    atomic_fetch_add(&answers, m->type == &cadre_stream_data_type);
    r->ended += m->type == &cadre_process_ended_type;
    r->closed += m->type == &cadre_stream_closed_type;
    return r->ended == PROCESSES && r->closed == 2 * PROCESSES ? CADRE_STOP : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static void raise_one(void) { raise(SIGUSR1); }

int main(int argc, char **argv)
{
    uint64_t count = 0;
    const struct option_entry entries[] = {
        {"count", &count, NULL, "how many fail in a row; 0: one, and all"}, {0}};
    options_read(argc, argv, "every allocation fails once, with processes", entries);
    unsigned before = process_descriptors();
    signal(SIGUSR1, SIG_IGN); /* also when nobody could hear of it */
    sweep_both(&(struct sweep){.root = &root_class, .meanwhile = raise_one}, count,
               "processes");
    siginfo_t info;
    CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    CHECK(atomic_load(&answers) > 0);
    CHECK(process_descriptors() <= before + 2); /* libuv's, for good */
    return verdict_print();
}
