/* poll.c: a system inside a program that has an event loop of its own.
 *
 * The loop is poll(2) here; with libuv or GLib it is the same: no worker threads, one
 * descriptor more to watch, and cadre_system_poll() when it becomes readable. The other
 * source is the standard input. Each line goes to an actor, which numbers it; at the end
 * of the input the loop stops the system and turns until it has ended.
 *
 *     printf 'one\ntwo\n' | poll */
#include <cadre.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

typedef struct {
    char text[120]; /* small enough to be copied; long lines come in pieces */
} line;
static CADRE_TYPE(line);

struct printer {
    unsigned long lines;
};

static int printer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct printer *me = state;
    line *l = cadre_body(m, line);
    if (!l)
        return cadre_unhandled(self, m);
    printf("%6lu  %s\n", ++me->lines, l->text);
    return 0;
}

static void printer_stop(cadre_self *self, void *state, int reason)
{
    struct printer *me = state;
    printf("%lu lines\n", me->lines);
}
static const cadre_class printer = {.name = "printer",
                                    .state_size = sizeof(struct printer),
                                    .receive = printer_receive,
                                    .stop = printer_stop};

/* What has been read of a line that has not ended yet. */
struct input {
    line partial;
    size_t used;
};

static int tell_line(cadre_system *sys, struct input *in)
{
    in->partial.text[in->used] = '\0';
    in->used = 0;
    return cadre_tell_as(sys, cadre_system_root(sys), &line_type, &in->partial);
}

/* Reads what is there and tells the whole lines. Returns 1, 0 at the end of the input,
 * or negative. */
static int read_lines(cadre_system *sys, struct input *in)
{
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0)
        return errno == EINTR ? 1 : -errno;
    for (ssize_t i = 0; i < got; i++) {
        int err = 0;
        if (bytes[i] == '\n' || in->used == sizeof in->partial.text - 1)
            err = tell_line(sys, in);
        if (err < 0)
            return err;
        if (bytes[i] != '\n')
            in->partial.text[in->used++] = bytes[i];
    }
    if (got == 0 && in->used > 0)
        return tell_line(sys, in);
    return got > 0;
}

/* The program's own loop. Returns 0 or negative. */
static int loop(cadre_system *sys)
{
    struct input in = {.used = 0};
    struct pollfd fds[] = {{.fd = cadre_system_fd(sys), .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    int turns = 0, failure = 0;
    if (fds[0].fd < 0)
        return fds[0].fd;
    while (turns >= 0) {
        int ready = poll(fds, 2, -1);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && fds[1].revents) {
            int more = read_lines(sys, &in);
            if (more <= 0) {
                failure = more;
                fds[1].fd = -1; /* poll(2) passes over it from now on */
                cadre_system_stop(sys);
            }
        }
        turns = cadre_system_poll(sys, 0);
    }
    return turns == -ESHUTDOWN ? failure : turns;
}

int main(void)
{
    cadre_config config = {.workers = CADRE_NO_WORKERS};
    cadre_system *sys;
    int err = cadre_system_new(&sys, &config, &printer, NULL);
    if (err == 0) {
        err = loop(sys);
        cadre_system_free(sys);
    }
    if (err < 0)
        fprintf(stderr, "poll: %s\n", cadre_strerror(err));
    return err < 0;
}
