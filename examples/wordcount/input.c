/* input.c: the files, one after the other, in chunks that do not end within a word. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void complain(struct input *in)
{
    fprintf(stderr, "wordcount: %s: %s\n", *in->paths, strerror(errno));
    *in->failed = true;
}

static void close_file(struct input *in)
{
    close(in->fd);
    in->fd = -1;
    in->paths++;
}

/* Opens the next file that can be opened. O_NONBLOCK: a FIFO that nobody writes to yet
 * is not waited for here. */
static void open_file(struct input *in)
{
    for (; *in->paths; in->paths++) {
        in->fd = strcmp(*in->paths, "-") == 0
                     ? dup(STDIN_FILENO)
                     : open(*in->paths, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (in->fd >= 0)
            return;
        complain(in);
    }
}

/* Takes the buffer away; a new one, with room to read into, begins with the bytes from
 * `cut` on. */
static int take_buf(struct input *in, cadre_buf **taken, size_t cut)
{
    size_t keep = in->used - cut;
    cadre_buf *buf = cadre_buf_new(NULL, keep < CHUNK / 2 ? CHUNK : 2 * keep);
    if (!buf)
        return -ENOMEM;
    if (keep > 0)
        memcpy(cadre_buf_data(buf), cadre_buf_data(in->buf) + cut, keep);
    *taken = in->buf;
    in->buf = buf;
    in->used = keep;
    return 0;
}

/* Reads behind what is there. Returns how many bytes, 0 at the end of the file. */
static ssize_t read_some(struct input *in)
{
    struct pollfd ready = {.fd = in->fd, .events = POLLIN};
    cadre_buf *full = NULL;
    if (poll(&ready, 1, 1) <= 0)
        return -EAGAIN;
    if (in->used == cadre_buf_size(in->buf) && take_buf(in, &full, 0) < 0)
        return -ENOMEM;
    cadre_buf_unref(full);
    ssize_t got = read(in->fd, cadre_buf_data(in->buf) + in->used,
                       cadre_buf_size(in->buf) - in->used);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return -EAGAIN;
    if (got < 0)
        complain(in);
    return got > 0 ? got : 0;
}

int input_next(struct input *in, cadre_buf **chunk, size_t *size)
{
    for (;;) {
        if (in->fd < 0)
            open_file(in);
        if (in->fd < 0)
            break;
        ssize_t got = read_some(in);
        if (got < 0)
            return (int)got;
        if (got == 0)
            close_file(in);
        const char *text = (const char *)cadre_buf_data(in->buf);
        size_t cut = in->used + (size_t)got;
        while (cut > in->used && is_letter(text[cut - 1]))
            cut--; /* and no further: what was there before is one word */
        bool found = cut > in->used;
        in->used += (size_t)got;
        *size = cut;
        if (found)
            return take_buf(in, chunk, cut) < 0 ? -ENOMEM : 1;
    }
    *size = in->used;
    if (in->used == 0)
        return 0;
    return take_buf(in, chunk, in->used) < 0 ? -ENOMEM : 1;
}

void input_close(struct input *in)
{
    if (in->fd >= 0)
        close(in->fd);
    cadre_buf_unref(in->buf);
}
