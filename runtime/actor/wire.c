/* wire.c: what goes between a system and an actor of it that has a process of its own. */
#include "actor/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 16 << 10 };

/* A larger place for what is in use. Errors: heap_get's. */
static int grow(struct heap *heap, unsigned char **bytes, size_t used, size_t *room,
                size_t need)
{
    void *p;
    size_t more = *room ? *room : ROOM;
    while (more < need)
        more *= 2;
    int err = heap_get(heap, &p, more);
    if (err)
        return err;
    if (used > 0)
        memcpy(p, *bytes, used);
    heap_put(heap, *bytes, *room);
    *bytes = p;
    *room = more;
    return 0;
}

/* ---- out --------------------------------------------------------------------------- */

int wire_put(struct wire_out *out, const struct wire_head *head, const void *body)
{
    size_t need = out->used + sizeof *head + head->size;
    int err = need > out->room
                  ? grow(out->heap, &out->bytes, out->used, &out->room, need)
                  : 0;
    if (err)
        return err;
    memcpy(out->bytes + out->used, head, sizeof *head);
    if (head->size > 0)
        memcpy(out->bytes + out->used + sizeof *head, body, head->size);
    out->used = need;
    return 0;
}

/* What it is on the other side. */
static uint32_t kind_of(const struct envelope *e)
{
    unsigned kind = letter_kind(&e->letter);
    return kind == LETTER_NEWS || kind == LETTER_URGENT ? 0
           : kind == LETTER_OUTCOME                     ? LETTER_PASSED
                                                        : kind;
}

int wire_put_envelope(struct wire_out *out, struct envelope *e, uint64_t who)
{
    const struct envelope_tail *tail = envelope_has_tail(e) ? envelope_tail(e) : NULL;
    const struct wire_head head = {.kind = kind_of(e),
                                   .size = e->type->size,
                                   .from = e->from,
                                   .who = who,
                                   .token = tail ? tail->token : 0,
                                   .deadline = tail ? tail->deadline : CADRE_NEVER,
                                   .type = e->type};
    return wire_put(out, &head, e->body);
}

void wire_refuse(struct envelope *e)
{
    const cadre_failure failure = {.code = -ENOTSUP, .origin = {e->from}};
    struct envelope_tail tail = *envelope_tail(e);
    body_drop(e->type, e->body);
    e->type = &cadre_failure_type; /* there is room: envelope_size */
    memcpy(e->body, &failure, sizeof failure);
    *envelope_tail(e) = tail;
}

int wire_write(struct wire_out *out, int fd)
{
    int result = 1;
    while (out->at < out->used) {
        const unsigned char *from = out->bytes + out->at;
        size_t size = out->used - out->at;
        ssize_t n = out->is_confined ? write(fd, from, size)
                                     : send(fd, from, size, MSG_NOSIGNAL);
        if (n > 0)
            out->at += (size_t)n;
        else if (errno == EAGAIN)
            return 0;
        else if (errno != EINTR) {
            result = errno == EPIPE || errno == ECONNRESET ? 1 : -ENOMEM;
            break;
        }
    }
    out->at = out->used = 0;
    return result;
}

void wire_out_free(struct wire_out *out) { heap_put(out->heap, out->bytes, out->room); }

/* ---- in ---------------------------------------------------------------------------- */

int wire_next(struct wire_in *in, struct wire_head *head, const void **body)
{
    size_t there = in->used - in->at;
    in->need = sizeof *head;
    if (there < in->need)
        return 0;
    memcpy(head, in->bytes + in->at, sizeof *head);
    if (head->size > in->most)
        return -EINVAL;
    in->need += head->size;
    if (there < in->need)
        return 0;
    *body = in->bytes + in->at + sizeof *head;
    in->at += in->need;
    return 1;
}

/* Returns how many bytes; 0: there is nothing now; -EPIPE: there never will be. */
static ssize_t get(int fd, void *bytes, size_t size)
{
    ssize_t n;
    do
        n = read(fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -EPIPE;
}

int wire_skip(int fd)
{
    char bytes[4096];
    ssize_t n = get(fd, bytes, sizeof bytes);
    return n > 0 ? 1 : (int)n;
}

int wire_read(struct wire_in *in, int fd)
{
    if (in->is_empty) {
        in->is_empty = false;
        return 0;
    }
    if (in->at > 0)
        memmove(in->bytes, in->bytes + in->at, in->used - in->at);
    in->used -= in->at;
    in->at = 0;
    int err = in->need > in->room || in->room == 0
                  ? grow(in->heap, &in->bytes, in->used, &in->room, in->need)
                  : 0;
    if (err)
        return err;
    ssize_t n = get(fd, in->bytes + in->used, in->room - in->used);
    if (n <= 0)
        return (int)n;
    in->used += (size_t)n;
    in->is_empty = in->used < in->room;
    return 1;
}

void wire_in_free(struct wire_in *in) { heap_put(in->heap, in->bytes, in->room); }
