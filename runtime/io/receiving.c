/* receiving.c: what a connection reads, its loop's side. */
#include "io/stream.h"

#include "base/panic.h"

/* How many bytes may be read: any number that nobody will look at. */
static uint64_t room(struct stream *s)
{
    if (s->closes)
        return SHARD_SCRATCH;
    uint64_t ahead = s->received - load_acquire(&s->handled); /* the owner's told */
    uint64_t window = load_relaxed(&s->window);
    uint64_t at;
    if (s->greets && window == 0) /* that is not the owner's to read */
        window = SHARD_SCRATCH;
    bool has_slot = spsc_has_room(&s->places, STREAM_SLOTS, &at);
    return has_slot && ahead < window ? window - ahead : 0;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct stream *s = handle->data;
    uint64_t most = s->parcels ? 0 : room(s); /* else it would read, and not say more */
    *buf = uv_buf_init(s->h.shard->scratch,
                       most < SHARD_SCRATCH ? (unsigned)most : SHARD_SCRATCH);
}

static void stop_reading(struct stream *s)
{
    if (!s->pump)
        (void)uv_read_stop(&s->uv.any);
    s->reading = false;
}

static void got(struct stream *s, const char *bytes, size_t size)
{
    if (s->closes)
        return;
    uint64_t at;
    bool has_slot = spsc_has_room(&s->places, STREAM_SLOTS, &at);
    invariant(has_slot); /* else it does not read */
    cadre_buf *buf = cadre_buf_new(bytes, size);
    if (!buf) {
        stream_end(s, -ENOMEM, WITH_RESET);
        return;
    }
    s->slots[at] = buf;
    if (s->parcels)
        parcels_attach(s->parcels, at);
    spsc_put(&s->places);
    s->received += size;
    s->active = uv_now(&s->h.shard->loop);
    handle_ring(&s->h, NEWS_DATA);
    if (room(s) == 0)
        stop_reading(s);
}

static void came(struct stream *s, ssize_t size, const char *bytes)
{
    if (size > 0) {
        got(s, bytes, (size_t)size);
    } else if (size == UV_EOF) {
        stop_reading(s);
        s->eof = true;
        handle_ring(&s->h, NEWS_ENDED);
        if (s->lingers)
            stream_end(s, 0, WITH_END);
    } else if (size == UV_ENOBUFS) {
        stop_reading(s); /* the window was closed meanwhile */
    } else if (size < 0) {
        stream_end(s, (int)size, WITH_END);
    }
}

/* What came with what nobody will look at is closed. */
static void receive_parcels(struct stream *s)
{
    char *bytes = s->h.shard->scratch;
    uint64_t most = room(s);
    ssize_t n = most == 0
                    ? UV_ENOBUFS
                    : parcels_receive(s->parcels, bytes,
                                      most < SHARD_SCRATCH ? most : SHARD_SCRATCH);
    came(s, n, bytes);
    parcel_close(&s->parcels->fresh);
}

/* Without memory libuv says that there is something, and does not read. */
static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct stream *s = stream->data;
    if (size == UV_ENOBUFS && s->parcels)
        receive_parcels(s);
    else
        came(s, size, buf->base);
}

static void have_pump_read(struct stream *s)
{
    s->reading = true;
    s->open++;
    pump_read(s->pump, room(s));
}

void receiving_go_on(struct stream *s)
{
    if (!s->connected || s->reading || s->eof || s->ending || room(s) == 0)
        return;
    if (s->pump) {
        have_pump_read(s);
        return;
    }
    int err = uv_read_start(&s->uv.any, on_alloc, on_read);
    s->reading = err == 0;
    if (err)
        stream_end(s, err, WITH_END);
}

void receiving_moved(struct stream *s, ssize_t n)
{
    if (s->ending)
        return;
    s->reading = false;
    came(s, n == 0 ? UV_EOF : n, s->pump->scratch);
    receiving_go_on(s);
}
