/* frames.c: a WebSocket's messages as frames, by wslay. */
#include "frames.h"

#include "connection.h"
#include "websocket.h"

#include <errno.h>
#include <string.h>

enum { WAITS_MAX = 1 << 20 };

const bool websocket_is_there = true;

static ssize_t read_some(wslay_event_context_ptr frames, uint8_t *bytes, size_t size,
                         int flags, void *user)
{
    struct websocket *w = user;
    if (w->inbox.size > 0 || w->size == 0) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t n = size < w->size ? size : w->size;
    memcpy(bytes, w->at, n);
    w->at += n;
    w->size -= n;
    return (ssize_t)n;
}

static ssize_t write_some(wslay_event_context_ptr frames, const uint8_t *bytes,
                          size_t size, int flags, void *user)
{
    struct websocket *w = user;
    int err = cadre_stream_write(w->self, w->connection->stream, bytes, size);
    if (!err) {
        w->connection->queue.written += size;
        return (ssize_t)size;
    }
    wslay_event_set_error(frames, err == CADRE_EFULL ? WSLAY_ERR_WOULDBLOCK
                                                     : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void end_reading(wslay_event_context_ptr frames, uint16_t code)
{
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    (void)wslay_event_queue_close(frames, code, NULL, 0);
    wslay_event_shutdown_read(frames);
}

/* Pieces of messages are put together here: wslay keeps each one with what it needs to
 * find it, which for small ones is a hundred times as much. */
static void on_frame(wslay_event_context_ptr frames,
                     const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct websocket *w = user;
    w->is_control = wslay_is_ctrl_frame(arg->opcode);
}

static void on_chunk(wslay_event_context_ptr frames,
                     const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    struct websocket *w = user;
    if (w->is_control)
        return;
    if (arg->data_length > w->coming.most - w->coming.size)
        end_reading(frames, WSLAY_CODE_MESSAGE_TOO_BIG);
    else if (bytes_append(&w->coming, arg->data, arg->data_length))
        end_reading(frames, WSLAY_CODE_INTERNAL_SERVER_ERROR);
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct websocket *w = user;
    cadre_websocket_message message = {.is_text = arg->opcode == WSLAY_TEXT_FRAME};
    bool is_one = arg->opcode == WSLAY_TEXT_FRAME || arg->opcode == WSLAY_BINARY_FRAME;
    if (!is_one || !wslay_event_get_read_enabled(frames))
        return;
    message.bytes = bytes_take(&w->coming);
    if (w->coming.size > 0 || bytes_append(&w->inbox, &message, sizeof message)) {
        cadre_buf_unref(message.bytes);
        end_reading(frames, WSLAY_CODE_INTERNAL_SERVER_ERROR);
    }
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = read_some,
    .send_callback = write_some,
    .on_frame_recv_start_callback = on_frame,
    .on_frame_recv_chunk_callback = on_chunk,
    .on_msg_recv_callback = on_message};

int frames_init(struct websocket *w, size_t most)
{
    if (wslay_event_context_server_init(&w->frames, &callbacks, w))
        return -ENOMEM;
    wslay_event_config_set_max_recv_msg_length(w->frames, most);
    wslay_event_config_set_no_buffering(w->frames, 1);
    w->coming.most = most;
    return 0;
}

int frames_queue(struct websocket *w, const cadre_websocket_message *message)
{
    const struct wslay_event_msg msg = {.opcode = message->is_text ? WSLAY_TEXT_FRAME
                                                                   : WSLAY_BINARY_FRAME,
                                        .msg = cadre_buf_data(message->bytes),
                                        .msg_length = cadre_buf_size(message->bytes)};
    size_t waits = wslay_event_get_queued_msg_length(w->frames);
    if (waits > 0 && waits + msg.msg_length > WAITS_MAX)
        return CADRE_EFULL;
    int err = wslay_event_queue_msg(w->frames, &msg);
    return err == WSLAY_ERR_NOMEM ? -ENOMEM : err ? -EPIPE : 0;
}

void frames_close(struct websocket *w, uint16_t code)
{
    (void)wslay_event_queue_close(w->frames, code, NULL, 0);
}
