/* websocket.c: a WebSocket's messages are the same however the bytes are cut, within the
 * limit, and are those that a client has written.
 *
 * Fuzzed: actors/http/frames.c actors/http/bytes.c */
#include "fuzz/fuzz.h"

#include "http/frames.h"

enum { MOST = 300 };

/* Takes out what has come, as whoever asks the session does. */
static void take_messages(struct story *story, struct websocket *w)
{
    cadre_websocket_message message;
    while (w->inbox.size > 0) {
        memcpy(&message, bytes_at(&w->inbox), sizeof message);
        bytes_remove_first(&w->inbox, sizeof message);
        CHECK(cadre_buf_size(message.bytes) <= MOST);
        story_number(story, message.is_text);
        story_text(story, cadre_buf_data(message.bytes), cadre_buf_size(message.bytes));
        cadre_buf_unref(message.bytes);
    }
}

static void read_all(struct story *story, struct input in, struct cuts *cuts)
{
    struct websocket w = {.is_over = false};
    struct bytes pending = {0};
    CHECK(!frames_init(&w, MOST));
    while (in.size > 0 && wslay_event_get_read_enabled(w.frames)) {
        struct input part = cuts ? cuts_next(cuts, &in) : input_take(&in, in.size);
        size_t before;
        CHECK(!bytes_append(&pending, part.at, part.size));
        do {
            before = pending.size;
            w.at = bytes_at(&pending);
            w.size = pending.size;
            if (wslay_event_recv(w.frames))
                wslay_event_shutdown_read(w.frames);
            bytes_remove_first(&pending, pending.size - w.size);
            take_messages(story, &w);
            CHECK(w.coming.size <= MOST);
        } while (pending.size > 0 && pending.size < before &&
                 wslay_event_get_read_enabled(w.frames));
    }
    story_number(story, wslay_event_get_read_enabled(w.frames));
    story_number(story, wslay_event_get_close_received(w.frames));
    story_number(story, wslay_event_get_status_code_received(w.frames));
    bytes_free(&pending);
    bytes_free(&w.coming);
    bytes_free(&w.inbox);
    wslay_event_context_free(w.frames);
}

/* ---- a client, wslay's ----------------------------------------------------------- */

struct client {
    struct story wire;
    struct input masks;
};

static ssize_t client_send(wslay_event_context_ptr frames, const uint8_t *bytes,
                           size_t size, int flags, void *user)
{
    story_add(&((struct client *)user)->wire, bytes, size);
    return (ssize_t)size;
}

static int client_mask(wslay_event_context_ptr frames, uint8_t *mask, size_t size,
                       void *user)
{
    for (size_t i = 0; i < size; i++)
        mask[i] = input_byte(&((struct client *)user)->masks);
    return 0;
}

/* A message in pieces, each of which is a frame. */
struct message {
    struct input left;
    uint8_t piece;
};

static ssize_t read_piece(wslay_event_context_ptr frames, uint8_t *bytes, size_t size,
                          const union wslay_event_msg_source *source, int *eof,
                          void *user)
{
    struct message *m = source->data;
    struct input part = input_take(&m->left, m->piece < size ? m->piece : size);
    if (part.size > 0)
        memcpy(bytes, part.at, part.size);
    *eof = m->left.size == 0;
    return (ssize_t)part.size;
}

static void write_and_read(struct input in, struct cuts *cuts)
{
    static const struct wslay_event_callbacks callbacks = {
        .send_callback = client_send, .genmask_callback = client_mask};
    struct client client = {.masks = in};
    struct story sent = {0}, got = {0};
    wslay_event_context_ptr frames;
    CHECK(!wslay_event_context_client_init(&frames, &callbacks, &client));
    for (int i = 0; i < 3 && in.size > 0; i++) {
        uint8_t how = input_byte(&in);
        struct message m = {.piece = (uint8_t)(1 + input_byte(&in) % 255)};
        m.left = input_take(&in, input_byte(&in));
        story_number(&sent, 0);
        story_text(&sent, m.left.at, m.left.size);
        struct wslay_event_fragmented_msg msg = {.opcode = WSLAY_BINARY_FRAME,
                                                 .source.data = &m,
                                                 .read_callback = read_piece};
        const struct wslay_event_msg ping = {.opcode = WSLAY_PING,
                                             .msg = in.at,
                                             .msg_length =
                                                 how % 32 < in.size ? how % 32 : 0};
        CHECK(!wslay_event_queue_fragmented_msg(frames, &msg));
        CHECK(!wslay_event_queue_msg(frames, &ping) && !wslay_event_send(frames));
    }
    story_number(&sent, true);
    story_number(&sent, false);
    story_number(&sent, WSLAY_CODE_ABNORMAL_CLOSURE);
    read_all(&got, (struct input){(uint8_t *)client.wire.bytes, client.wire.size},
             cuts);
    CHECK(story_same(&sent, &got));
    wslay_event_context_free(frames);
    story_free(&client.wire);
    story_free(&sent);
    story_free(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size};
    struct story whole = {0}, cut = {0};
    uint8_t how = input_byte(&in);
    struct cuts cuts = cuts_take(&in), again = cuts;
    if (how & 1)
        write_and_read(in, &again);
    read_all(&whole, in, NULL);
    read_all(&cut, in, &cuts);
    CHECK(story_same(&whole, &cut));
    story_free(&whole);
    story_free(&cut);
    return 0;
}
