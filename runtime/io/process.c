/* process.c: child processes: the owner's side.
 *
 * All that can fail for want of memory is done before the process is there: its port, and
 * those of its pipes, have their owner already when it is started. If that fails they are
 * withdrawn, as when somebody cancels them. */
#include "io/child.h"
#include "io/driver.h"
#include "io/owner.h"

#include <cadre/ask.h>
#include <cadre/process.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

CADRE_API CADRE_TYPE(cadre_process_ended);

/* ---- its end becomes a message ---------------------------------------------------- */

static struct child *child_of(struct port *port)
{
    return container_of(port, struct child, h.port);
}

/* What it had as its input may be nobody's now. */
static struct envelope *tell(struct cadre_self *self, struct port *port)
{
    struct port *input = cadre_port_find(self, child_of(port)->input, &owner_streams);
    port->pending &= PORT_OWN;
    if (input)
        handle_command(container_of(input, struct handle, port), STREAM_LOOK);
    return NULL;
}

static void tell_ended(struct port *port, void *body)
{
    const struct child *c = child_of(port);
    cadre_process_ended ended = {{port->id}, c->status, c->signal};
    memcpy(body, &ended, sizeof ended);
}

static void put(struct port *port) { child_free(child_of(port)); }

static const struct port_class processes = {
    .name = "process",
    .closed = &cadre_process_ended_type,
    .tell = tell,
    .tell_closed = tell_ended,
    .abort = handle_abandon,
    .release = put,
};

/* ---- start ------------------------------------------------------------------------ */

/* All of one start. */
struct start {
    struct shard *shard;
    const cadre_process_options *options;
    struct child *child;
    struct stream *pipes[LAUNCH_STREAMS]; /* NULL: it is none */
    struct launch launch;
};

static cadre_process_stream asked_for(const struct start *s, int i)
{
    const cadre_process_options *o = s->options;
    return i == STDIN_FILENO ? o->in : i == STDOUT_FILENO ? o->out : o->err;
}

static bool is_odd(const struct start *s, int i)
{
    switch (asked_for(s, i)) {
    case CADRE_PROCESS_INHERIT:
    case CADRE_PROCESS_NULL:
    case CADRE_PROCESS_PIPE:
        return false;
    case CADRE_PROCESS_STDOUT:
        return i != STDERR_FILENO;
    }
    return true;
}

static int check(struct cadre_self *self, const char *what, const struct start *s,
                 bool has_pipes)
{
    const cadre_process_options *o = s->options;
    bool is_wrong = o->grace < 0 || o->reserved[0] || o->reserved[1];
    for (int i = 0; i < LAUNCH_STREAMS; i++)
        is_wrong = is_wrong || is_odd(s, i) ||
                   (asked_for(s, i) == CADRE_PROCESS_PIPE && !has_pipes);
    if (is_wrong)
        return cadre_port_misuse(self->world, -EINVAL, "%s: options, or no pipes",
                                 what);
    return owner_check_options(self, what, o->pipes);
}

/* A stream that is not open yet: this end is read, or written. */
static void be_pipe(struct stream *s, int fd, bool is_read)
{
    s->fd = fd;
    s->is_local = s->is_plain = true;
    s->is_read = s->no_more = s->did_shut_down = is_read;
    s->is_written = s->eof = !is_read;
}

static int open_pipe(struct start *s, int i)
{
    static const cadre_stream_options usual = {0};
    const cadre_stream_options *options = s->options->pipes;
    int ends[2], err = launch_pipe(ends);
    bool is_read = i != STDIN_FILENO;
    if (err)
        return err;
    err =
        stream_make(&s->pipes[i], s->shard, &owner_streams, options ? options : &usual);
    if (err) {
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    be_pipe(s->pipes[i], ends[!is_read], is_read);
    s->launch.fds[i] = ends[is_read];
    return 0;
}

static int prepare_stream(struct start *s, int i)
{
    switch (asked_for(s, i)) {
    case CADRE_PROCESS_PIPE:
        return open_pipe(s, i);
    case CADRE_PROCESS_NULL:
        s->launch.fds[i] = LAUNCH_NULL;
        return 0;
    case CADRE_PROCESS_STDOUT:
        s->launch.fds[i] = LAUNCH_AS_OUTPUT;
        return 0;
    case CADRE_PROCESS_INHERIT:
        break;
    }
    return 0;
}

static int prepare(struct cadre_self *self, struct start *s)
{
    enum { GRACE_MS = 5000 };
    const cadre_process_options *o = s->options;
    int err = child_make(&s->child, s->shard, &processes);
    for (int i = 0; !err && i < LAUNCH_STREAMS; i++)
        err = prepare_stream(s, i);
    if (!err)
        err = cadre_port_own(self, &s->child->h.port);
    for (int i = 0; !err && i < LAUNCH_STREAMS; i++)
        if (s->pipes[i])
            err = cadre_port_own(self, &s->pipes[i]->h.port);
    if (err)
        return err;
    s->child->grace_ms = o->kill ? 0 : o->grace ? owner_ms(o->grace) : GRACE_MS;
    if (s->pipes[STDIN_FILENO])
        s->child->input = s->pipes[STDIN_FILENO]->h.port.id;
    return 0;
}

static void close_theirs(const struct start *s)
{
    for (int i = 0; i < LAUNCH_STREAMS; i++)
        if (s->launch.fds[i] >= 0)
            close(s->launch.fds[i]);
}

/* The loop closes what has an owner. */
static void undo_one(struct cadre_self *self, struct handle *h)
{
    if (!h->port.op)
        h->port.class->release(&h->port);
    else
        (void)cadre_cancel(self, (cadre_token){h->port.id});
}

static void undo(struct cadre_self *self, const struct start *s)
{
    for (int i = 0; i < LAUNCH_STREAMS; i++) {
        if (!s->pipes[i])
            continue;
        if (s->pipes[i]->h.port.op)
            handle_command(&s->pipes[i]->h, HANDLE_OPEN);
        undo_one(self, &s->pipes[i]->h);
    }
    if (s->child)
        undo_one(self, &s->child->h);
}

static void say(struct cadre_self *self, const struct start *s, int err)
{
    cadre_port_log(self->world, LOG_WARN, "no process of %s%s%s: %s", s->launch.argv[0],
                   s->launch.cwd ? " in " : "", s->launch.cwd ? s->launch.cwd : "",
                   cadre_strerror(err));
}

static uint64_t open_one(struct handle *h)
{
    uint64_t id = h->port.id;
    handle_command(h, HANDLE_OPEN);
    return id;
}

/* It runs. */
static void hand_out(const struct start *s, cadre_process *process,
                     cadre_process_pipes *pipes)
{
    uint64_t ids[LAUNCH_STREAMS] = {0};
    for (int i = 0; i < LAUNCH_STREAMS; i++)
        if (s->pipes[i])
            ids[i] = open_one(&s->pipes[i]->h);
    if (pipes)
        *pipes = (cadre_process_pipes){{ids[0]}, {ids[1]}, {ids[2]}};
    process->id = open_one(&s->child->h);
}

int cadre_process_start(cadre_self *self, cadre_process *process,
                        cadre_process_pipes *pipes, const char *const argv[],
                        const cadre_process_options *options)
{
    static const char what[] = "cadre_process_start";
    static const cadre_process_options usual = {0};
    const cadre_process_options *o = options ? options : &usual;
    struct start s = {.options = o, .launch = {argv, o->env, o->cwd, {-1, -1, -1}}};
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!process || !argv || !argv[0])
        return cadre_port_misuse(self->world, -EINVAL,
                                 "%s: process, argv or argv[0] is NULL", what);
    err = check(self, what, &s, pipes);
    if (!err)
        err = driver_shard(self, &s.shard);
    if (err)
        return err;
    err = prepare(self, &s);
    if (!err) {
        err = launch(&s.launch, &s.child->pid, &s.child->pidfd);
        if (err)
            say(self, &s, err);
    }
    close_theirs(&s);
    if (err)
        undo(self, &s);
    else
        hand_out(&s, process, pipes);
    return err;
}

/* ---- what one does with it -------------------------------------------------------- */

static int find(cadre_self *self, const char *what, cadre_process process,
                struct child **c)
{
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    struct port *port = cadre_port_find(self, process.id, &processes);
    if (!port)
        return -ENOENT;
    *c = child_of(port);
    return 0;
}

int cadre_process_kill(cadre_self *self, cadre_process process, int signal)
{
    static const char what[] = "cadre_process_kill";
    struct child *c;
    int err = find(self, what, process, &c);
    if (!err && (signal <= 0 || signal > SIGRTMAX))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: signal %d", what, signal);
    if (!err && c->pidfd >= 0)
        err = launch_signal(c->pidfd, signal);
    return err == -ESRCH ? 0 : err;
}

int cadre_process_pid(cadre_self *self, cadre_process process, int64_t *pid)
{
    static const char what[] = "cadre_process_pid";
    struct child *c;
    int err = find(self, what, process, &c);
    if (err)
        return err;
    if (!pid)
        return cadre_port_misuse(self->world, -EINVAL, "%s: pid is NULL", what);
    *pid = c->pid;
    return 0;
}
