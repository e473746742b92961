/* test_tcp_open.c: sockets are opened, given, and closed with their owners. */
#include "support/serving.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void wrong_unless(bool right) { atomic_fetch_add(&facts.wrongs, !right); }

/* The root is told to do something. */
static void order(cadre_system *sys, uint64_t value)
{
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = value),
                     0);
}

/* ---- connect --------------------------------------------------------------------- */

static cadre_stream client;
static cadre_time timeout = 30 * CADRE_SECOND;

/* Connects to the port that it is told, says hello at once. */
static int connect_as_told(cadre_self *self, void *state, cadre_msg *m)
{
    const number *n = cadre_body(m, number);
    (void)tcp_note(self, state, m);
    if (!n)
        return 0;
    cadre_address at;
    int err = cadre_tcp_connect(self, &client, "127.0.0.1", (uint16_t)n->value, timeout,
                                &plan.options);
    wrong_unless(cadre_tcp_local(self, client, &at) == -ENOTCONN);
    wrong_unless(cadre_stream_give(self, client, cadre_me(self)) == -ENOTCONN);
    return err ? err : cadre_stream_write(self, client, "hello", 5);
}

static void connects_and_writes(void **unused)
{
    uint16_t port;
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    int listener = raw_listen(&port, 5);
    order(sys, port);
    int fd = raw_accept(listener);
    raw_expect(fd, "hello", 5);
    await(&facts.opened, 1);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    close(listener);
    tcp_served(sys);
}

static void refused_is_closed(void **unused)
{
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    order(sys, dead_port());
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECONNREFUSED);
    assert_int_equal(facts.unsent, 5);
    assert_int_equal(facts.opened, 0);
    tcp_served(sys);
}

/* Nobody accepts there, and the kernel's queue is full, so nothing is answered. */
static void connect_times_out(void **unused)
{
    enum { ENOUGH = 4 };
    uint16_t port;
    int fds[ENOUGH], listener = raw_listen(&port, 0);
    for (int i = 0; i < ENOUGH; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)raw_connect_socket(fds[i], port);
    }
    timeout = 50 * CADRE_MS;
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    order(sys, port);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    tcp_served(sys);
    timeout = 30 * CADRE_SECOND;
    for (int i = 0; i < ENOUGH; i++)
        close(fds[i]);
    close(listener);
}

static void ends_while_it_connects(void **unused)
{
    enum { ENOUGH = 4 };
    uint16_t port;
    int fds[ENOUGH], listener = raw_listen(&port, 0);
    for (int i = 0; i < ENOUGH; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)raw_connect_socket(fds[i], port);
    }
    plan.root = connect_as_told;
    cadre_system *sys = tcp_serve();
    order(sys, port);
    tcp_served(sys);
    for (int i = 0; i < ENOUGH; i++)
        close(fds[i]);
    close(listener);
}

/* ---- closed_at_the_end ----------------------------------------------------------- */

static int listen_there(cadre_self *self, void *state)
{
    cadre_stream listener;
    cadre_address at;
    int err = cadre_tcp_listen(self, &listener, "127.0.0.1", *(uint16_t *)state, NULL);
    if (err == -EADDRINUSE) { /* another program, once in a while */
        atomic_fetch_add(&facts.ended, 1);
        err = cadre_tcp_listen(self, &listener, "127.0.0.1", 0, NULL);
    }
    wrong_unless(err == 0 && cadre_tcp_local(self, listener, &at) == 0);
    *(uint16_t *)state = at.port;
    atomic_store(&facts.port, at.port);
    return err;
}

static const cadre_class there_class = {.name = "there",
                                        .state_size = sizeof(uint16_t),
                                        .start = listen_there,
                                        .receive = tcp_note};

/* One after the other listens at the same port, as soon as the one before has ended. */
static int listen_again(cadre_self *self, void *state, cadre_msg *m)
{
    enum { TIMES = 200 };
    static uint16_t port;
    cadre_ref there;
    (void)tcp_note(self, state, m);
    if (m->type != &number_type && m->type != &cadre_down_type)
        return 0;
    port = m->type == &number_type ? 0 : atomic_load(&facts.port);
    if (atomic_load(&facts.downs) == TIMES)
        return 0;
    int err = cadre_spawn(self, &there, &there_class, &port);
    if (!err)
        err = cadre_watch(self, NULL, there);
    return err ? err : cadre_kill(self, there, 0);
}

static int stop_when_asked(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_echo(self, state, m);
    if (!data)
        return 0;
    int err = cadre_stream_write(self, data->stream, "bye", 3);
    return err ? err : CADRE_STOP;
}

static void closed_at_the_end(void **unused)
{
    plan.receive = stop_when_asked;
    plan.root = listen_again;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    raw_send(fd, "", 1);
    raw_expect(fd, "\0bye", 4); /* what was written, was sent */
    assert_int_equal(raw_end(fd), 0);
    await(&facts.downs, 1);
    assert_int_equal(facts.closed, 0); /* it had ended */
    atomic_store(&facts.downs, 0);
    order(sys, 0);
    await(&facts.downs, 200);
    assert_true(atomic_load(&facts.ended) < 20);
    close(fd);
    tcp_served(sys);
}

/* ---- give ------------------------------------------------------------------------ */

enum { HANDS = 5 };

/* Counts the first bytes that come, then hands the connection on to another one. */
static int hand_on(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const struct hand *hand = state;
    static const cadre_class class = {
        .name = "hand", .state_size = sizeof(struct hand), .receive = hand_on};
    static unsigned char last;
    (void)tcp_note(self, state, m);
    if (opened && opened->via.id)
        last = 0;
    if (m->type == &cadre_stream_closed_type)
        return CADRE_STOP;
    if (!data)
        return 0;
    for (size_t i = 0; i < cadre_buf_size(data->buf); i++)
        wrong_unless(cadre_buf_data(data->buf)[i] == ++last);
    cadre_ref next;
    int err = cadre_spawn(self, &next, &class, hand);
    if (!err)
        err = cadre_stream_give(self, data->stream, next);
    wrong_unless(cadre_stream_write(self, data->stream, "x", 1) == -ENOENT);
    return err;
}

static void given_in_order(void **unused)
{
    plan.receive = hand_on;
    plan.options.window = 1; /* so it is given from one to the next many times */
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    unsigned char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i + 1);
    raw_send(fd, bytes, sizeof bytes);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.bytes, sizeof bytes);
    assert_true(facts.opened > 100);
    tcp_served(sys);
}

static int give_to_nobody(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_ref dead;
    (void)tcp_note(self, state, m);
    if (opened || !data)
        return 0;
    if (cadre_buf_data(data->buf)[0] == 'x')
        return cadre_stream_give(self, data->stream, (cadre_ref){~UINT64_C(0) >> 9});
    int err = cadre_spawn(self, &dead, &there_class, &(uint16_t){0});
    if (!err)
        err = cadre_kill(self, dead, 0);
    return err ? err : cadre_stream_give(self, data->stream, dead);
}

static void given_to_the_dead(void **unused)
{
    plan.receive = give_to_nobody;
    cadre_system *sys = tcp_serve();
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect(facts.port);
        raw_send(fd, i % 2 ? "x" : "y", 1);
        (void)raw_end(fd);
        close(fd);
    }
    tcp_served(sys);
}

/* Whoever gives it to what is no actor keeps it until it is closed, and hears that. */
static int give_to_no_actor(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    if (!data)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_give(self, data->stream, (cadre_ref){~UINT64_C(0) >> 9});
    wrong_unless(cadre_stream_write(self, data->stream, "x", 1) == -EPIPE);
    return err;
}

static void given_to_no_actor(void **unused)
{
    plan.receive = give_to_no_actor;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    raw_send(fd, "x", 1);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECANCELED);
    (void)raw_end(fd);
    close(fd);
    tcp_served(sys);
    assert_int_equal(facts.opened, 1); /* by the hand: not once more */
}

/* ---- stale_handle_is_refused ------------------------------------------------------ */

enum { STRANGERS = 50 };
static atomic_uint_fast64_t others; /* the first hand's connection */

static void refuse_stale(cadre_self *self, cadre_stream closed)
{
    const cadre_stream handles[] = {closed, {atomic_load(&others)}};
    for (int i = 0; i < 2; i++) {
        wrong_unless(handles[i].id != 0);
        wrong_unless(cadre_stream_write(self, handles[i], "x", 1) == -ENOENT);
        wrong_unless(cadre_stream_window(self, handles[i], 0) == -ENOENT);
        wrong_unless(cadre_stream_shutdown(self, handles[i]) == -ENOENT);
        wrong_unless(cadre_stream_close(self, handles[i], 0) == -ENOENT);
        wrong_unless(cadre_stream_abort(self, handles[i]) == -ENOENT);
        wrong_unless(cadre_stream_give(self, handles[i], cadre_me(self)) == -ENOENT);
        wrong_unless(cadre_cancel(self, (cadre_token){handles[i].id}) == -ENOENT);
    }
}

/* The root: connects again and again; each time all earlier handles are stale. */
static int connect_again(cadre_self *self, void *state, cadre_msg *m)
{
    static unsigned rounds;
    static cadre_stream kept; /* closed, and one came after it */
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    (void)tcp_note(self, state, m);
    if (m->type == &cadre_stream_opened_type)
        return cadre_stream_close(self, client, 0);
    if (m->type == &number_type)
        kept = (cadre_stream){atomic_load(&others)}, rounds = 0;
    else if (!closed)
        return 0;
    if (closed) {
        refuse_stale(self, kept);
        kept = closed->stream;
        atomic_store(&facts.ended, ++rounds);
    }
    if (rounds == STRANGERS)
        return 0;
    return cadre_tcp_connect(self, &client, "127.0.0.1", facts.port, timeout, NULL);
}

/* A hand: the root has given it the connection. */
static int keep_it(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    uint_fast64_t none = 0;
    if (opened)
        (void)atomic_compare_exchange_strong(&others, &none, opened->stream.id);
    return tcp_echo(self, state, m);
}

static void stale_handle_is_refused(void **unused)
{
    atomic_store(&others, 0);
    plan.receive = keep_it;
    plan.root = connect_again;
    cadre_system *sys = tcp_serve();
    int fd = raw_connect(facts.port);
    raw_send(fd, "x", 1);
    raw_expect(fd, "x", 1);
    order(sys, 0);
    await(&facts.ended, STRANGERS);
    raw_send(fd, "y", 1); /* nothing has happened to it */
    raw_expect(fd, "y", 1);
    close(fd);
    tcp_served(sys);
}

/* ---- a listener's ---------------------------------------------------------------- */

static void connections_are_capped(void **unused)
{
    enum { MOST = 3 };
    int fds[MOST], more;
    char byte;
    plan.options.connections_max = MOST;
    cadre_system *sys = tcp_serve();
    for (int i = 0; i < MOST; i++) {
        fds[i] = raw_connect(facts.port);
        raw_send(fds[i], "x", 1);
        raw_expect(fds[i], "x", 1);
    }
    more = raw_connect(facts.port);
    raw_send(more, "y", 1);
    raw_send(fds[0], "z", 1); /* the others are served */
    raw_expect(fds[0], "z", 1);
    assert_int_equal(recv(more, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(facts.opened, MOST);
    close(fds[0]);
    raw_expect(more, "y", 1);
    close(more);
    for (int i = 1; i < MOST; i++)
        close(fds[i]);
    tcp_served(sys);
}

static bool listener_waits(void *unused) { return lines_with("a listener waits") > 0; }

/* One more descriptor is free for whoever is first, and so on. */
static void *take_descriptors(void *arg)
{
    atomic_bool *stops = arg;
    while (!atomic_load(stops)) {
        int fd = dup(0);
        sched_yield();
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

/* Sockets that are there already connect when nobody can get another descriptor, or a
 * few that others take, too; and connections that are there are served. */
static void listener_survives_emfile(void **unused)
{
    enum { MANY = 20 };
    int fds[MANY];
    struct rlimit before, none;
    pthread_t taker;
    atomic_bool stops = false;
    for (int spare = 0; spare < 3; spare++) {
        cadre_system *sys = tcp_serve();
        int old = raw_connect(facts.port);
        raw_send(old, "x", 1);
        raw_expect(old, "x", 1);
        for (int i = 0; i < MANY; i++)
            fds[i] = raw_socket();
        int next = dup(fds[0]);
        close(next);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = before;
        none.rlim_cur = (rlim_t)(next + spare);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        atomic_store(&stops, false);
        assert_int_equal(pthread_create(&taker, NULL, take_descriptors, &stops), 0);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(raw_connect_socket(fds[i], facts.port), 0);
            raw_send(fds[i], "y", 1);
            raw_send(old, "x", 1);
            raw_expect(old, "x", 1);
        }
        atomic_store(&stops, true);
        pthread_join(taker, NULL);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        for (int i = 0; i < MANY; i++) {
            raw_expect(fds[i], "y", 1);
            close(fds[i]);
        }
        close(old);
        tcp_served(sys);
    }
}

/* A system ends while there are none. */
static void ends_without_descriptors(void **unused)
{
    struct rlimit before, none;
    cadre_system *sys = tcp_serve();
    int fd = raw_socket(), next = dup(fd);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(raw_connect_socket(fd, facts.port), 0);
    await_true(listener_waits, NULL);
    close_system(sys);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fd);
    memset(&plan, 0, sizeof plan);
}

/* ---- several systems ------------------------------------------------------------- */

static void two_systems(void **unused)
{
    cadre_system *one = tcp_serve();
    uint16_t port = facts.port;
    cadre_system *two = tcp_serve_too();
    int a = raw_connect(port), b = raw_connect(facts.port);
    raw_send(a, "one", 3);
    raw_send(b, "two", 3);
    raw_expect(a, "one", 3);
    raw_expect(b, "two", 3);
    close_system(two);
    raw_send(a, "one", 3);
    raw_expect(a, "one", 3);
    (void)raw_end(b);
    close(a);
    close(b);
    tcp_served(one);
}

int main(void)
{
    TESTS(cmocka_unit_test(connects_and_writes), cmocka_unit_test(refused_is_closed),
          cmocka_unit_test(connect_times_out), cmocka_unit_test(ends_while_it_connects),
          cmocka_unit_test(closed_at_the_end), cmocka_unit_test(given_in_order),
          cmocka_unit_test(given_to_the_dead), cmocka_unit_test(given_to_no_actor),
          cmocka_unit_test(stale_handle_is_refused),
          cmocka_unit_test(connections_are_capped),
          cmocka_unit_test(listener_survives_emfile),
          cmocka_unit_test(ends_without_descriptors), cmocka_unit_test(two_systems));
    return RUN_TESTS();
}
