/* test_tcp_refused.c: what is refused of sockets. */
#include "support/effort.h"
#include "support/serving.h"

#include <cadre/await.h>

#include <errno.h>
#include <unistd.h>

static void wrong_unless(bool right) { atomic_fetch_add(&facts.wrongs, !right); }

/* The root is told to do something. */
static void order(cadre_system *sys, uint64_t value)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = value),
                     0);
}

/* ---- bad input ------------------------------------------------------------------- */

static int ask_for_nonsense(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_stream_options negative = {.idle = -1},
                                      newer = {.reserved = {&plan}};
    cadre_stream stream = {0}, listener = {atomic_load(&facts.listener)};
    const cadre_stream strange[] = {{0}, {123456}, {~UINT64_C(0)}, {listener.id + 1}};
    cadre_address at;
    if (m->type != &number_type)
        return tcp_note(self, state, m);
    wrong_unless(cadre_tcp_listen(self, NULL, NULL, 0, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_listen(self, &stream, "localhost", 0, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_listen(self, &stream, "1.2.3", 0, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_listen(self, &stream, NULL, 0, &negative) == -EINVAL);
    wrong_unless(cadre_tcp_listen(self, &stream, NULL, 0, &newer) == -EINVAL);
    wrong_unless(cadre_tcp_listen(self, &stream, "203.0.113.1", 0, NULL) ==
                 -EADDRNOTAVAIL);
    wrong_unless(cadre_tcp_listen(self, &stream, "127.0.0.1", facts.port, NULL) ==
                 -EADDRINUSE);
    wrong_unless(cadre_tcp_connect(self, NULL, "::1", 1, 1, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_connect(self, &stream, NULL, 1, 1, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_connect(self, &stream, "::1", 0, 1, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_connect(self, &stream, "::1", 1, 0, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_connect(self, &stream, "", 1, 1, NULL) == -EINVAL);
    wrong_unless(stream.id == 0);
    for (int i = 0; i < 4; i++) {
        wrong_unless(cadre_stream_write(self, strange[i], "x", 1) == -ENOENT);
        wrong_unless(cadre_stream_write_buf(self, strange[i], cadre_buf_new("x", 1)) ==
                     -ENOENT);
        wrong_unless(cadre_stream_close(self, strange[i], 0) == -ENOENT);
        wrong_unless(cadre_stream_abort(self, strange[i]) == -ENOENT);
        wrong_unless(cadre_stream_give(self, strange[i], cadre_me(self)) == -ENOENT);
        wrong_unless(cadre_tcp_local(self, strange[i], &at) == -ENOENT);
        wrong_unless(cadre_stream_unsent(self, strange[i]) == 0);
    }
    wrong_unless(cadre_stream_unsent(self, listener) == 0);
    wrong_unless(cadre_stream_write(self, listener, "x", 1) == -EINVAL);
    wrong_unless(cadre_stream_flush(self, listener) == -EINVAL);
    wrong_unless(cadre_stream_shutdown(self, listener) == -EINVAL);
    wrong_unless(cadre_stream_window(self, listener, 1) == -EINVAL);
    wrong_unless(cadre_stream_close(self, listener, -1) == -EINVAL);
    wrong_unless(cadre_tcp_local(self, listener, NULL) == -EINVAL);
    wrong_unless(cadre_tcp_peer(self, listener, &at) == -ENOTCONN);
    atomic_fetch_add(&facts.downs, 1);
    return cadre_stream_close(self, listener, 0);
}

static void bad_input(void)
{
    plan.root = ask_for_nonsense;
    cadre_system *sys = tcp_serve();
    order(sys, 0);
    await(&facts.downs, 1);
    await(&facts.closed, 1); /* the listener */
    assert_int_equal(facts.reason, 0);
    assert_int_equal(lines_with("not a numeric address: localhost"), 1);
    tcp_served(sys);
}

static void bad_input_is_refused(void **unused) { misuse(bad_input); }

/* A handler that waits for what it would never get. */
static int await_data(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_type *types[] = {&cadre_stream_opened_type, &cadre_stream_data_type,
                                 &cadre_stream_ended_type, &cadre_stream_wrote_type,
                                 &cadre_stream_closed_type};
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_msg got;
    (void)tcp_echo(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    for (int i = 0; i < 5; i++)
        wrong_unless(cadre_receive_type(self, types[i], CADRE_SECOND, &got) == -EINVAL);
    cadre_token token = {opened->stream.id};
    wrong_unless(cadre_await(self, token, &got) == -ENOENT);
    return 0;
}

static void await_a_socket(void)
{
    plan.receive = await_data;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    raw_send(fd, "x", 1);
    raw_expect(fd, "x", 1);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(lines_with("cadre_stream_data is a message from outside"), 1);
    tcp_served(sys);
}

static void await_is_refused(void **unused) { misuse(await_a_socket); }

static int listen_in_vain(cadre_self *self, void *state)
{
    cadre_stream stream;
    return cadre_tcp_listen(self, &stream, NULL, 0, NULL);
}

static void simulated_is_refused(void **unused)
{
    static const cadre_class class = {.start = listen_in_vain, .receive = tcp_note};
    cadre_config config = quiet(2, 1);
    assert_int_equal(run(&config, &class, NULL), -ENOTSUP);
}

/* ---- isolated actors ------------------------------------------------------------- */

static void given_to_an_isolated_one(void **unused)
{
    if (!effort_can_fork())
        skip();
    plan.isolated = true;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    (void)raw_end(fd);
    close(fd);
    assert_int_equal(lines_with("it was given to an isolated actor"), 1);
    tcp_served(sys);
}

static int spawn_isolated(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class class = {
        .name = "vain", .start = listen_in_vain, .receive = tcp_note};
    const cadre_opts opts = {.isolated = true};
    const cadre_down *down = cadre_body(m, cadre_down);
    cadre_ref vain;
    (void)tcp_note(self, state, m);
    if (down)
        wrong_unless(down->reason == -ENOTSUP);
    if (m->type != &number_type)
        return 0;
    int err = cadre_spawn_with(self, &vain, &class, NULL, &opts);
    return err ? err : cadre_watch(self, NULL, vain);
}

static void isolated_is_refused(void **unused)
{
    if (!effort_can_fork())
        skip();
    plan.isolated = true;
    plan.root = spawn_isolated;
    cadre_system *sys = tcp_serve();
    order(sys, 0);
    await(&facts.downs, 1);
    assert_int_equal(lines_with("cadre_tcp_listen: not in a process of its own"), 1);
    tcp_served(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(bad_input_is_refused), cmocka_unit_test(await_is_refused),
          cmocka_unit_test(simulated_is_refused),
          cmocka_unit_test(given_to_an_isolated_one),
          cmocka_unit_test(isolated_is_refused));
    return RUN_TESTS();
}
