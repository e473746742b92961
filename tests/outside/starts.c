/* starts.c: starts a system with all that has descriptors, for injected.py.
 *
 * starts KIND: a line for each one on standard input: the code with which that start
 * ended, 0 when all of it was there, and how many descriptors are open more than at
 * first. KIND: isolated (room for an actor with a process of its own), polled (without
 * threads), parts (sockets, signals and a child process). */
#include <cadre.h>
#include <cadre/process.h>
#include <cadre/signal.h>
#include <cadre/tcp.h>
#include <cadre/udp.h>
#include <cadre/unix.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has_parts;

static int start_parts(cadre_self *self)
{
    const char *const argv[] = {"true", NULL};
    const cadre_process_options options = {.out = CADRE_PROCESS_PIPE};
    cadre_process process;
    cadre_process_pipes pipes;
    cadre_stream stream;
    cadre_udp udp;
    char path[64];
    snprintf(path, sizeof path, "@cadre-starts-%d", (int)getpid());
    int err = cadre_tcp_listen(self, &stream, "127.0.0.1", 0, NULL);
    if (!err)
        err = cadre_unix_listen(self, &stream, path, NULL);
    if (!err)
        err = cadre_udp_open(self, &udp, "127.0.0.1", 0, NULL);
    if (!err)
        err = cadre_signal_hear(self, NULL, SIGUSR1);
    return err ? err : cadre_process_start(self, &process, &pipes, argv, &options);
}

static const cadre_type end_type = {.name = "end"};

static int root_start(cadre_self *self, void *state)
{
    int err = has_parts ? start_parts(self) : 0;
    if (!err && !has_parts)
        err = cadre_send_as(self, cadre_me(self), &end_type, NULL);
    return err;
}
/* Its process ends after what the loop has begun. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return m->type == &end_type || m->type == &cadre_process_ended_type ? CADRE_STOP
                                                                        : 0;
}
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

static unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static int run(bool is_polled, bool is_isolated)
{
    const cadre_config config = {.workers = is_polled ? CADRE_NO_WORKERS : 2,
                                 .isolated = is_isolated};
    cadre_system *sys;
    int err = cadre_system_new(&sys, &config, &root_class, NULL);
    if (err)
        return err;
    while (is_polled && cadre_system_poll(sys, CADRE_SECOND) >= 0)
        ;
    err = cadre_system_wait(sys);
    int freed = cadre_system_free(sys);
    return err ? err : freed;
}

int main(int argc, char **argv)
{
    char line[16];
    bool is_polled = argc > 1 && strcmp(argv[1], "polled") == 0;
    bool is_isolated = argc > 1 && strcmp(argv[1], "isolated") == 0;
    has_parts = argc > 1 && strcmp(argv[1], "parts") == 0;
    int warm = run(is_polled, is_isolated); /* what is opened once in a program is */
    unsigned before = count_descriptors();
    printf("ready %d\n", warm);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int err = run(is_polled, is_isolated);
        printf("%d %d\n", err, (int)(count_descriptors() - before));
        fflush(stdout);
    }
    return 0;
}
