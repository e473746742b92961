/* h2_wire.c: a session of nghttp2, and the frames that it writes.
 *
 * Windows are opened by whoever takes the bytes, not by nghttp2. */
#include "h2_wire.h"

#include <errno.h>

enum { GULP = 1 << 16, UNSENT_MAX = 1 << 18 };
/* The other side may do much at once that is worth little, but no more of it a second. */
enum { CALM_MAX = 500, CALM_A_SECOND = 50 };
enum { WINDOW = 1 << 20 };

/* ---- the session ------------------------------------------------------------------ */

static int make(struct h2_wire *w, const struct h2_side *side,
                nghttp2_session_callbacks *callbacks, nghttp2_option *option)
{
    side->set_callbacks(callbacks);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    int err = side->is_client
                  ? nghttp2_session_client_new2(&w->session, callbacks, w, option)
                  : nghttp2_session_server_new2(&w->session, callbacks, w, option);
    if (!err)
        err = nghttp2_submit_settings(w->session, NGHTTP2_FLAG_NONE, side->settings,
                                      side->count);
    return err ? err
               : nghttp2_session_set_local_window_size(w->session, NGHTTP2_FLAG_NONE, 0,
                                                       WINDOW);
}

int h2_wire_init(struct h2_wire *w, const struct h2_side *side)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    w->active = w->calm_since = cadre_now(w->self);
    w->calm_left = CALM_MAX;
    int err = nghttp2_session_callbacks_new(&callbacks);
    if (!err)
        err = nghttp2_option_new(&option);
    if (!err)
        err = make(w, side, callbacks, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return err ? -ENOMEM : 0;
}

void h2_wire_free(struct h2_wire *w)
{
    bytes_free(&w->nva);
    bytes_free(&w->out);
    nghttp2_session_del(w->session);
}

/* ---- what is too much ------------------------------------------------------------- */

bool h2_wire_calm(struct h2_wire *w)
{
    cadre_time now = cadre_now(w->self);
    int64_t more = (now - w->calm_since) / (CADRE_SECOND / CALM_A_SECOND);
    if (more > 0) {
        w->calm_since = now;
        w->calm_left = more > CALM_MAX - (int64_t)w->calm_left
                           ? CALM_MAX
                           : w->calm_left + (uint32_t)more;
    }
    if (w->calm_left > 0) {
        w->calm_left--;
        return true;
    }
    (void)nghttp2_session_terminate_session(w->session, NGHTTP2_ENHANCE_YOUR_CALM);
    return false;
}

/* ---- bytes ------------------------------------------------------------------------ */

/* What waits is to be little: who writes next may be a stream that is in a hurry. */
static int write_out(struct h2_wire *w)
{
    if (w->out.size == 0)
        return 0;
    int err = cadre_stream_write(w->self, w->stream, bytes_at(&w->out), w->out.size);
    w->is_stuck = err == CADRE_EFULL;
    if (err)
        return w->is_stuck ? 0 : err;
    w->written += w->out.size;
    bytes_free(&w->out);
    if (cadre_stream_unsent(w->self, w->stream) < UNSENT_MAX)
        return 0;
    w->is_stuck = true;
    return cadre_stream_flush(w->self, w->stream);
}

int h2_wire_write(struct h2_wire *w)
{
    const uint8_t *at;
    ssize_t size = 1;
    int err = 0;
    while (!err && !w->is_stuck && size > 0) {
        size = nghttp2_session_mem_send(w->session, &at);
        if (size < 0)
            return -ENOMEM;
        err = bytes_append(&w->out, at, (size_t)size);
        if (!err && (size == 0 || w->out.size >= GULP))
            err = write_out(w);
    }
    return err;
}
