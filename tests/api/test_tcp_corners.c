/* test_tcp_corners.c: sockets on their way out, or whose owner is busy. */
#include "support/serving.h"

#include <errno.h>
#include <unistd.h>

/* ---- abort ----------------------------------------------------------------------- */

static int shut_down_and_abort(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    if (!data)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_shutdown(self, data->stream);
    return err ? err : cadre_stream_abort(self, data->stream);
}

/* With one worker the loop gets both at a time: nothing was shut down yet. */
static void abort_after_shutdown_resets(void **unused)
{
    plan.workers = 1;
    plan.receive = shut_down_and_abort;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    raw_send(fd, "x", 1);
    assert_int_equal(raw_end(fd), -ECONNRESET);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECANCELED);
    close(fd);
    tcp_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(abort_after_shutdown_resets));
    return RUN_TESTS();
}
