/* test_tcp_corners.c: sockets on their way out, or whose owner is busy. */
#include "support/serving.h"

#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>
#include <sched.h>
#include <unistd.h>

static void wrong_unless(bool right) { atomic_fetch_add(&facts.wrongs, !right); }

/* The root is told to do something. */
static void order(cadre_system *sys, uint64_t value)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = value),
                     0);
}

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

/* ---- a listener that is closed --------------------------------------------------- */

/* 0: closes it; 1: aborts it; 2: gives it to what is no actor; and gives it then. */
static int close_and_give(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    const cadre_stream listener = {atomic_load(&facts.listener)};
    const cadre_ref nobody = {~UINT64_C(0) >> 9};
    (void)tcp_note(self, state, m);
    if (!n)
        return 0;
    int err = n->value == 0   ? cadre_stream_close(self, listener, 0)
              : n->value == 1 ? cadre_stream_abort(self, listener)
                              : cadre_stream_give(self, listener, nobody);
    wrong_unless(cadre_stream_give(self, listener, cadre_me(self)) == -EPIPE);
    return err;
}

static void closed_listener_is_not_given(void **unused)
{
    for (uint64_t way = 0; way < 3; way++) {
        plan.root = close_and_give;
        cadre_system *sys = tcp_serve();
        order(sys, way);
        await(&facts.closed, 1);
        assert_int_equal(facts.reason, way ? -ECANCELED : 0);
        tcp_served(sys);
        assert_int_equal(facts.opened, 0);
    }
}

/* ---- a handler that waits for what comes next ------------------------------------ */

static atomic_bool held;
static cadre_token waits; /* the hand's */

/* A hand. It is held up until there is something to tell twice; and waits with the first
 * of it until it is told the second. */
static int wait_for_more(cadre_self *self, void *state, cadre_msg *m)
{
    struct hand *hand = state;
    cadre_msg got;
    (void)tcp_note(self, state, m);
    while (m->type == &cadre_stream_opened_type && atomic_load(&held))
        sched_yield();
    if (m->type == &cadre_stream_opened_type)
        return 0;
    if (hand->bytes++ > 0)
        return cadre_cancel(self, waits);
    int err = cadre_after(self, &waits, 30 * CADRE_SECOND, number, 0);
    if (!err)
        err = cadre_await_open(self, waits, &got);
    wrong_unless(err == -ECANCELED);
    atomic_fetch_add(&facts.ended, 1);
    return 0;
}

static cadre_system *serve_held(int *fd)
{
    plan.receive = wait_for_more;
    atomic_store(&held, true);
    cadre_system *sys = tcp_serve();
    *fd = raw_connect(facts.port);
    await(&facts.opened, 1);
    return sys;
}

static void let_go(cadre_system *sys)
{
    atomic_store(&held, false);
    await(&facts.ended, 1);
    close_system(sys);
    memset(&plan, 0, sizeof plan);
    assert_int_equal(facts.wrongs, 0);
}

struct sent {
    int fd;
    size_t bytes;
};
static bool is_read(void *arg)
{
    const struct sent *sent = arg;
    return raw_read_ahead(sent->fd, sent->bytes) == sent->bytes;
}
static void send_one(struct sent *sent)
{
    raw_send(sent->fd, "x", 1);
    sent->bytes++;
    await_true(is_read, sent);
}

static bool are_closed(void *before)
{
    return raw_descriptors() <= *(unsigned *)before;
}

static void more_comes_while_one_waits(void **unused)
{
    struct sent sent = {0};
    cadre_system *sys = serve_held(&sent.fd);
    send_one(&sent);
    send_one(&sent);
    let_go(sys);
    close(sent.fd);
}

/* So does the end. */
static void end_comes_while_one_waits(void **unused)
{
    struct sent sent = {0};
    cadre_system *sys = serve_held(&sent.fd);
    unsigned before = raw_descriptors() - 2; /* both ends */
    send_one(&sent);
    raw_reset(sent.fd);
    close(sent.fd);
    await_true(are_closed, &before);
    let_go(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(abort_after_shutdown_resets),
          cmocka_unit_test(closed_listener_is_not_given),
          cmocka_unit_test(more_comes_while_one_waits),
          cmocka_unit_test(end_comes_while_one_waits));
    return RUN_TESTS();
}
