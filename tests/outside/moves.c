/* moves.c: bytes go from one descriptor to another, for injected.py.
 *
 * moves KIND: a line for each one on standard input: 0, or the code with which that
 * move ended, 1 when what came is not what was sent, and how many descriptors are open
 * more than at first. KIND: file (a file is read and another one written, both as
 * streams), parcels (descriptors go with the bytes of a UNIX socket), packets (one after
 * the other, by UDP, again where one does not come), isolated (an actor in a process of
 * its own is asked). */
#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/descriptor.h>
#include <cadre/isolate.h>
#include <cadre/timer.h>
#include <cadre/udp.h>
#include <cadre/unix.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 300000, ROUNDS = 12, PART = SIZE / ROUNDS };
typedef struct {
    cadre_stream from, to;
    cadre_udp one, other;
    cadre_ref child;
    uint32_t count, parcels, open;
} mover;

static int code; /* of the move; see above */
static int fds[2];
static uint8_t content[SIZE];

static void close_descriptors(void)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* The first one counts. */
static void note(int err)
{
    if (!code)
        code = err;
}

/* ---- file ------------------------------------------------------------------------- */

static int start_file(cadre_self *self, mover *me)
{
    me->open = 2;
    int err =
        cadre_descriptor_open(self, &me->from, fds[0], CADRE_DESCRIPTOR_READ, NULL);
    return err ? err
               : cadre_descriptor_open(self, &me->to, fds[1], CADRE_DESCRIPTOR_WRITE,
                                       NULL);
}

static int on_file(cadre_self *self, mover *me, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (data && cadre_stream_write_buf(self, me->to, cadre_buf_ref(data->buf)) != 0)
        (void)cadre_stream_close(self, me->from, 0); /* the other one says why */
    if (!closed)
        return 0;
    note(closed->reason);
    bool was_read = closed->stream.id == me->from.id;
    if (--me->open > 0 && was_read)
        return cadre_stream_shutdown(self, me->to);
    if (me->open > 0)
        return cadre_stream_close(self, me->from, 0);
    return CADRE_STOP;
}

static int make_file(size_t size)
{
    int fd = memfd_create("moves", MFD_CLOEXEC);
    return fd >= 0 && write(fd, content, size) == (ssize_t)size &&
                   lseek(fd, 0, SEEK_SET) == 0
               ? fd
               : -1;
}

/* All of it is there, or, after a failure, its beginning. */
static void look_at_file(void)
{
    static uint8_t got[SIZE + 1];
    ssize_t n = pread(fds[1], got, sizeof got, 0);
    if (n < 0 || n > SIZE || memcmp(got, content, (size_t)n) != 0 ||
        (!code && n < SIZE))
        code = 1;
}

/* ---- parcels ---------------------------------------------------------------------- */

static int start_parcels(cadre_self *self, mover *me)
{
    const int both = CADRE_DESCRIPTOR_READ | CADRE_DESCRIPTOR_WRITE;
    const cadre_stream_options options = {.descriptors = 2};
    me->open = 2;
    int err = cadre_descriptor_open(self, &me->from, fds[0], both, &options);
    if (!err)
        err = cadre_descriptor_open(self, &me->to, fds[1], both, &options);
    close_descriptors(); /* or neither side sees the end of the other */
    return err;
}

/* Standard error, each time. */
static int send_parcel(cadre_self *self, mover *me)
{
    static const int sent = STDERR_FILENO;
    return cadre_unix_send(self, me->from, content, PART, &sent, 1);
}

/* Has all of it come? */
static bool take_parcels(cadre_self *self, mover *me, const cadre_stream_data *data)
{
    const uint8_t *bytes = cadre_buf_data(data->buf);
    int fd;
    for (; cadre_unix_take(self, data->stream, &fd) == 0; close(fd))
        me->parcels++;
    for (size_t i = 0; i < cadre_buf_size(data->buf); i++)
        if (bytes[i] != content[me->count++ % PART])
            note(1);
    if (me->count == ROUNDS * PART && me->parcels != ROUNDS)
        note(1);
    return me->count == ROUNDS * PART;
}

static int on_parcels(cadre_self *self, mover *me, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    int err = 0;
    if (opened && opened->stream.id == me->from.id)
        for (int i = 0; !err && i < ROUNDS; i++)
            err = send_parcel(self, me);
    if (data && take_parcels(self, me, data))
        err = cadre_stream_close(self, me->to, 0);
    if (closed)
        note(closed->reason);
    return err ? err : closed && --me->open == 0 ? CADRE_STOP : 0;
}

/* ---- packets ---------------------------------------------------------------------- */

static const cadre_type again_type = {.name = "again"};

static int start_packets(cadre_self *self, mover *me)
{
    int err = cadre_udp_open(self, &me->one, "127.0.0.1", 0, NULL);
    if (!err)
        err = cadre_udp_open(self, &me->other, "127.0.0.1", 0, NULL);
    return err ? err : cadre_every_as(self, NULL, 20 * CADRE_MS, &again_type, NULL);
}

static int on_packets(cadre_self *self, mover *me, cadre_msg *m)
{
    const cadre_udp_packet *packet = cadre_body(m, cadre_udp_packet);
    cadre_address to;
    if (packet && cadre_buf_size(packet->buf) == me->count) {
        me->count++;
    } else if (m->type == &cadre_udp_closed_type) {
        note(1);
        return CADRE_STOP;
    } else if (m->type != &again_type) {
        return 0;
    }
    if (me->count == ROUNDS)
        return CADRE_STOP;
    int err = cadre_udp_local(self, me->other, &to);
    if (err)
        return err;
    /* Else it is sent again, where that fails. */
    err = cadre_udp_send(self, me->one, &to, content, me->count);
    return err == -EPIPE ? err : 0;
}

/* ---- isolated --------------------------------------------------------------------- */

typedef struct {
    uint32_t value;
    uint8_t bytes[20000];
} question;
CADRE_TYPE(question);

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    question *q = cadre_body(m, question);
    q->value++;
    return cadre_reply_as(self, m, &question_type, q);
}
static const cadre_class child_class = {.name = "child", .receive = answer};

static int ask_child(cadre_self *self, mover *me)
{
    const question q = {.value = me->count};
    return cadre_ask_as(self, NULL, me->child, CADRE_NEVER, &question_type, &q);
}

static int start_isolated(cadre_self *self, mover *me)
{
    const cadre_opts opts = {.isolated = true};
    int err = cadre_spawn_with(self, &me->child, &child_class, NULL, &opts);
    return err ? err : ask_child(self, me);
}

static int on_isolated(cadre_self *self, mover *me, cadre_msg *m)
{
    const question *q = cadre_body(m, question);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure)
        note(failure->code);
    else if (q && q->value != ++me->count)
        note(1);
    return failure || me->count == ROUNDS ? CADRE_STOP : q ? ask_child(self, me) : 0;
}

/* ---- one of them ------------------------------------------------------------------ */

static const struct kind {
    const char *name;
    int (*start)(cadre_self *self, mover *me);
    int (*receive)(cadre_self *self, mover *me, cadre_msg *m);
} kinds[] = {{"file", start_file, on_file},
             {"parcels", start_parcels, on_parcels},
             {"packets", start_packets, on_packets},
             {"isolated", start_isolated, on_isolated}};
static const struct kind *kind;

static int mover_start(cadre_self *self, void *state)
{
    return kind->start(self, state);
}
static int mover_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return kind->receive(self, state, m);
}
static const cadre_class mover_class = {.name = "mover",
                                        .state_size = sizeof(mover),
                                        .start = mover_start,
                                        .receive = mover_receive};

static bool is(const char *name) { return strcmp(kind->name, name) == 0; }

static bool make_descriptors(void)
{
    fds[0] = fds[1] = -1;
    if (is("file"))
        return (fds[0] = make_file(SIZE)) >= 0 && (fds[1] = make_file(0)) >= 0;
    return !is("parcels") ||
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
}

static void run(void)
{
    const cadre_config config = {.workers = 2, .isolated = is("isolated")};
    code = 0;
    if (!make_descriptors()) {
        code = 1;
        return;
    }
    note(cadre_run(&config, &mover_class, NULL));
    if (is("file"))
        look_at_file();
    close_descriptors();
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    char line[16];
    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, argv[1]) == 0)
            kind = &kinds[i];
    if (!kind)
        return 2;
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (uint8_t)(i * 7 + i / 251);
    run(); /* what is opened once in a program is */
    int before = count_descriptors();
    printf("ready %d\n", code);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        run();
        printf("%d %d\n", code, count_descriptors() - before);
        fflush(stdout);
    }
    return 0;
}
