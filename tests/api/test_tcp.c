/* test_tcp.c: connections: what was written comes out, and each has one end; over TCP,
 * and over UNIX sockets. */
#include "support/serving.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void fill(unsigned char *bytes, size_t size)
{
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
}

static void echo_answers(void **unused)
{
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "hello", 5);
    raw_expect(fd, "hello", 5);
    shutdown(fd, SHUT_WR);
    assert_int_equal(raw_end(fd), 0);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    close(fd);
    tcp_served(sys);
}

/* ---- bytes_in_order ----------------------------------------------------------- */

enum { LARGE = 8 << 20, CHUNK = 100000 };

static void round_trip(void)
{
    unsigned char *bytes = malloc(LARGE);
    plan.options.window = 30000;
    plan.options.write_max = LARGE;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    fill(bytes, LARGE);
    for (size_t at = 0; at < LARGE;) {
        size_t size = LARGE - at < CHUNK ? LARGE - at : CHUNK;
        raw_send(fd, bytes + at, size);
        raw_expect(fd, bytes + at, size);
        at += size;
    }
    close(fd);
    await(&facts.closed, 1);
    tcp_served(sys);
    free(bytes);
}

static void bytes_in_order(void **unused)
{
    for (uint32_t io = 0; io <= 3; io++) {
        plan.io_threads = io;
        round_trip();
    }
}

static cadre_time grace = CADRE_NEVER;

/* Writes far more than the system takes at once, in pieces of all sizes, then closes. */
static int write_much(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    static unsigned char bytes[LARGE];
    if (!opened)
        return tcp_echo(self, state, m);
    fill(bytes, LARGE);
    int err = 0;
    for (size_t at = 0, size = 1; at < LARGE && !err;
         at += size, size = size % 70000 + 111) {
        size = size < LARGE - at ? size : LARGE - at;
        err = cadre_stream_write(self, opened->stream, bytes + at, size);
    }
    return err ? err : cadre_stream_close(self, opened->stream, grace);
}

static void close_sends_all(void **unused)
{
    unsigned char *bytes = malloc(LARGE), *got = malloc(LARGE + 1);
    plan.options.write_max = LARGE;
    plan.receive = write_much;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    fill(bytes, LARGE);
    assert_int_equal(raw_read_all(fd, got, LARGE + 1), LARGE);
    assert_memory_equal(got, bytes, LARGE);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(facts.unsent, 0);
    tcp_served(sys);
    free(bytes);
    free(got);
}

/* The kernel would answer a close with something unread by a reset. */
static void unread_input_harms_nothing(void **unused)
{
    enum { INPUT = 50000 };
    unsigned char *bytes = malloc(LARGE), *got = malloc(LARGE + 1);
    plan.options.write_max = LARGE;
    plan.options.window = 1;
    plan.receive = write_much;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    fill(bytes, LARGE);
    raw_send(fd, bytes, INPUT);
    assert_int_equal(raw_read_all(fd, got, LARGE), LARGE);
    assert_memory_equal(got, bytes, LARGE);
    assert_int_equal(raw_end(fd), 0);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
    free(bytes);
    free(got);
}

static int say_bye_at_once(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    (void)tcp_note(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, opened->stream, "bye", 3);
    return err ? err : cadre_stream_close(self, opened->stream, grace);
}

/* The peer does not close its side. */
static void grace_ends_the_wait(void **unused)
{
    grace = 50 * CADRE_MS;
    plan.receive = say_bye_at_once;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_expect(fd, "bye", 3);
    assert_int_equal(raw_end(fd), 0);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    close(fd);
    tcp_served(sys);
    grace = CADRE_NEVER;
}

static void grace_runs_out(void **unused)
{
    grace = 50 * CADRE_MS;
    plan.options.write_max = LARGE;
    plan.receive = write_much;
    cadre_system *sys = tcp_serve();
    int fd = served_connect(); /* reads nothing */
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    assert_true(facts.unsent > 0 && facts.unsent < LARGE);
    close(fd);
    tcp_served(sys);
    grace = CADRE_NEVER;
}

/* ---- half-close --------------------------------------------------------------- */

static int say_bye(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_ended *ended = cadre_body(m, cadre_stream_ended);
    (void)tcp_note(self, state, m);
    if (!ended)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, ended->stream, "bye", 3);
    return err ? err : cadre_stream_close(self, ended->stream, CADRE_SECOND);
}

static void half_open_may_answer(void **unused)
{
    char got[8];
    plan.options.half_open = true;
    plan.receive = say_bye;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "that is all", 11);
    shutdown(fd, SHUT_WR);
    assert_int_equal(raw_read_all(fd, got, sizeof got), 3);
    assert_memory_equal(got, "bye", 3);
    await(&facts.closed, 1);
    assert_int_equal(facts.bytes, 11);
    assert_int_equal(facts.ended, 1);
    close(fd);
    tcp_served(sys);
}

static int shut_down_first(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    (void)tcp_note(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, opened->stream, "last", 4);
    if (!err)
        err = cadre_stream_shutdown(self, opened->stream);
    if (!err && cadre_stream_write(self, opened->stream, "x", 1) != -EPIPE)
        atomic_fetch_add(&facts.wrongs, 1);
    return err;
}

static void shutdown_still_reads(void **unused)
{
    char got[8];
    plan.receive = shut_down_first;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    assert_int_equal(raw_read_all(fd, got, sizeof got), 4);
    raw_send(fd, "and now me", 10);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.bytes, 10);
    tcp_served(sys);
}

/* ---- one_closed --------------------------------------------------------------- */

static void peer_reset(void **unused)
{
    plan.receive = tcp_note;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    await(&facts.opened, 1);
    raw_reset(fd);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECONNRESET);
    tcp_served(sys);
}

static int abort_at_once(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    return data ? cadre_stream_abort(self, data->stream) : 0;
}

static void abort_resets(void **unused)
{
    plan.receive = abort_at_once;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "x", 1);
    assert_int_equal(raw_end(fd), -ECONNRESET);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECANCELED);
    close(fd);
    tcp_served(sys);
}

/* Whatever is done after that, there is one closed, and nothing else. */
static int close_and_close(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const struct hand *hand = state;
    (void)tcp_note(self, state, m);
    if (m->type == &cadre_stream_closed_type) {
        int err = cadre_stream_write(self, hand->stream, "x", 1);
        atomic_fetch_add(&facts.wrongs, err != -ENOENT);
        atomic_fetch_add(&facts.wrongs,
                         cadre_stream_abort(self, hand->stream) != -ENOENT);
        return 0;
    }
    if (!data)
        return 0;
    atomic_fetch_add(&facts.wrongs, cadre_stream_close(self, data->stream, 0) != 0);
    atomic_fetch_add(&facts.wrongs,
                     cadre_stream_close(self, data->stream, CADRE_NEVER) != 0);
    atomic_fetch_add(&facts.wrongs,
                     cadre_stream_write(self, data->stream, "x", 1) != -EPIPE);
    atomic_fetch_add(&facts.wrongs,
                     cadre_stream_give(self, data->stream, cadre_me(self)) != -EPIPE);
    return cadre_stream_abort(self, data->stream);
}

static void one_closed(void **unused)
{
    plan.receive = close_and_close;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "x", 1);
    (void)raw_end(fd);
    await(&facts.closed, 1);
    close(fd);
    tcp_served(sys);
    assert_int_equal(facts.closed, 1);
    assert_int_equal(facts.bytes, 1);
}

static int cancel_it(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    if (!data)
        return 0;
    cadre_token token = {data->stream.id};
    atomic_fetch_add(&facts.wrongs, m->token.id != token.id);
    atomic_fetch_add(&facts.wrongs, cadre_cancel(self, token) != 0);
    atomic_fetch_add(&facts.wrongs, cadre_cancel(self, token) != -ENOENT);
    return 0;
}

static void cancelled_says_nothing(void **unused)
{
    plan.receive = cancel_it;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "x", 1);
    (void)raw_end(fd);
    close(fd);
    tcp_served(sys);
    assert_int_equal(facts.closed, 0);
}

/* ---- flow control ------------------------------------------------------------- */

enum { WINDOW = 5000, FLOOD = 64 << 20 };
static atomic_bool held;

static int read_slowly(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (data && cadre_buf_size(data->buf) > WINDOW)
        atomic_fetch_add(&facts.wrongs, 1);
    while (data && atomic_load(&held))
        sched_yield();
    (void)tcp_note(self, state, m);
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

static void slow_reader_throttles(void **unused)
{
    plan.receive = read_slowly;
    plan.options.window = WINDOW;
    atomic_store(&held, true);
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    size_t sum = raw_send_until_stuck(fd, FLOOD);
    assert_true(sum < FLOOD);
    assert_true(served_path || raw_read_ahead(fd, sum) <= WINDOW);
    assert_int_equal(facts.bytes, 0);
    atomic_store(&held, false);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.bytes, sum);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
}

static int close_window(cadre_self *self, void *state, cadre_msg *m)
{
    const struct hand *hand = state;
    if (m->type == &cadre_stream_opened_type)
        atomic_fetch_add(&facts.wrongs,
                         cadre_stream_window(self, hand->stream, 0) != 0);
    return tcp_echo(self, state, m);
}

static void window_0_reads_nothing(void **unused)
{
    plan.receive = close_window;
    plan.options.window = 1;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    size_t sum = raw_send_until_stuck(fd, FLOOD);
    assert_true(sum < FLOOD);
    assert_true(facts.bytes <= 1);
    close(fd);
    tcp_served(sys);
}

enum { BOUND = 300000 };

/* As much as is taken; and again when there is room, until it was refused twice. */
static int write_till_full(cadre_self *self, void *state, cadre_msg *m)
{
    static const char zeros[1000];
    const cadre_stream_wrote *wrote = cadre_body(m, cadre_stream_wrote);
    struct hand *hand = state;
    int err = 0;
    (void)tcp_note(self, state, m);
    if (wrote && wrote->unsent > BOUND / 4)
        atomic_fetch_add(&facts.wrongs, 1);
    if (m->type != &cadre_stream_opened_type && !wrote)
        return 0;
    while ((err = cadre_stream_write(self, hand->stream, zeros, sizeof zeros)) == 0)
        hand->bytes += sizeof zeros;
    size_t unsent = cadre_stream_unsent(self, hand->stream);
    if (err != CADRE_EFULL || unsent > BOUND || unsent < BOUND / 2)
        atomic_fetch_add(&facts.wrongs, 1);
    if (!wrote)
        return 0;
    atomic_store(&facts.bytes, hand->bytes);
    return cadre_stream_close(self, hand->stream, CADRE_NEVER);
}

static void write_is_bounded(void **unused)
{
    static char got[FLOOD];
    plan.receive = write_till_full;
    plan.options.write_max = BOUND;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    ssize_t n = raw_read_all(fd, got, sizeof got);
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.wrote, 1);
    assert_int_equal(n, facts.bytes);
    tcp_served(sys);
}

/* More than the kernel keeps, in one piece. */
static int write_one_piece(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    static char zeros[FLOOD]; /* a constant would be so large in the program */
    (void)tcp_note(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, opened->stream, zeros, sizeof zeros);
    /* As much again: another worker may have sent some of it already. */
    atomic_fetch_add(&facts.wrongs, cadre_stream_write(self, opened->stream, zeros,
                                                       sizeof zeros) != CADRE_EFULL);
    return err;
}

static void room_comes_within_a_piece(void **unused)
{
    static char got[FLOOD / 5 * 4];
    plan.receive = write_one_piece;
    plan.options.write_max = FLOOD;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    assert_int_equal(raw_read_all(fd, got, sizeof got), sizeof got);
    await(&facts.wrote, 1);
    close(fd);
    await(&facts.closed, 1);
    tcp_served(sys);
}

static int flush_it(cadre_self *self, void *state, cadre_msg *m)
{
    static const char zeros[100000];
    const struct hand *hand = state;
    const cadre_stream_wrote *wrote = cadre_body(m, cadre_stream_wrote);
    (void)tcp_note(self, state, m);
    if (wrote && wrote->unsent != 0)
        atomic_fetch_add(&facts.wrongs, 1);
    if (wrote && atomic_load(&facts.wrote) == 1)
        return cadre_stream_flush(self,
                                  hand->stream); /* there is nothing to wait for */
    if (wrote)
        return cadre_stream_close(self, hand->stream, 0);
    if (m->type != &cadre_stream_opened_type)
        return 0;
    int err = cadre_stream_write(self, hand->stream, zeros, sizeof zeros);
    return err ? err : cadre_stream_flush(self, hand->stream);
}

static void flush_is_answered(void **unused)
{
    static char got[1 << 20];
    plan.receive = flush_it;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    assert_int_equal(raw_read_all(fd, got, sizeof got), 100000);
    await(&facts.closed, 1);
    assert_int_equal(facts.wrote, 2);
    close(fd);
    tcp_served(sys);
}

/* ---- who runs the loop -------------------------------------------------------- */

/* Holds its worker up, when it is told to. */
static int spin(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    bool spins = data && cadre_buf_data(data->buf)[0] == 's';
    if (spins)
        atomic_store(&facts.wrote, 1);
    while (spins && atomic_load(&held))
        sched_yield();
    return tcp_echo(self, state, m);
}

static void stuck_worker_delays_nobody(void **unused)
{
    plan.receive = spin;
    atomic_store(&held, true);
    cadre_system *sys = tcp_serve();
    int stuck = served_connect(), fd = served_connect();
    raw_send(fd, "x", 1);
    raw_expect(fd, "x", 1);
    raw_send(stuck, "s", 1);
    await(&facts.wrote, 1);
    for (int i = 0; i < 100; i++) { /* the other worker looks at the loop */
        raw_send(fd, "x", 1);
        raw_expect(fd, "x", 1);
    }
    atomic_store(&held, false);
    raw_expect(stuck, "s", 1);
    close(stuck);
    close(fd);
    tcp_served(sys);
}

/* It is the same with one worker, with a thread, and where the program polls. */
static void one_worker_serves(void **unused)
{
    plan.workers = 1;
    round_trip();
}

static void polled_system_serves(void **unused)
{
    plan.workers = CADRE_NO_WORKERS;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    raw_send(fd, "hello", 5);
    while (atomic_load(&facts.bytes) < 5)
        assert_true(cadre_system_poll(sys, CADRE_SECOND) >= 0);
    raw_expect(fd, "hello", 5);
    close(fd);
    while (atomic_load(&facts.closed) < 1)
        assert_true(cadre_system_poll(sys, CADRE_SECOND) >= 0);
    tcp_served(sys);
}

static void idle_is_closed(void **unused)
{
    plan.receive = tcp_echo;
    plan.options.idle = 50 * CADRE_MS;
    cadre_system *sys = tcp_serve();
    int fd = served_connect();
    assert_int_equal(raw_end(fd), 0);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    close(fd);
    tcp_served(sys);
}

/* One that is idle meanwhile is closed: so the time has passed. */
static void busy_owner_is_not_idle(void **unused)
{
    for (int is_half = 0; is_half < 2; is_half++) {
        plan.receive = spin;
        plan.options.idle = 50 * CADRE_MS;
        plan.options.half_open = is_half;
        atomic_store(&held, true);
        cadre_system *sys = tcp_serve();
        int busy = served_connect();
        raw_send(busy, "s", 1);
        if (is_half)
            shutdown(busy, SHUT_WR);
        await(&facts.wrote, 1);
        int idle = served_connect();
        await(&facts.closed, 1);
        assert_int_equal(facts.reason, -ETIMEDOUT);
        atomic_store(&held, false);
        raw_expect(busy, "s", 1);
        close(busy);
        close(idle);
        tcp_served(sys);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(echo_answers), cmocka_unit_test(bytes_in_order),
          cmocka_unit_test(close_sends_all), cmocka_unit_test(grace_runs_out),
          cmocka_unit_test(unread_input_harms_nothing),
          cmocka_unit_test(grace_ends_the_wait), cmocka_unit_test(half_open_may_answer),
          cmocka_unit_test(shutdown_still_reads), cmocka_unit_test(one_closed),
          cmocka_unit_test(cancelled_says_nothing),
          cmocka_unit_test(slow_reader_throttles),
          cmocka_unit_test(window_0_reads_nothing), cmocka_unit_test(write_is_bounded),
          cmocka_unit_test(flush_is_answered),
          cmocka_unit_test(room_comes_within_a_piece),
          cmocka_unit_test(stuck_worker_delays_nobody),
          cmocka_unit_test(one_worker_serves), cmocka_unit_test(polled_system_serves),
          cmocka_unit_test(idle_is_closed), cmocka_unit_test(busy_owner_is_not_idle));
    const struct CMUnitTest resets[] = {cmocka_unit_test(peer_reset),
                                        cmocka_unit_test(abort_resets)};
    int failed = RUN_TESTS() + cmocka_run_group_tests(resets, NULL, NULL);
    char name[32];
    snprintf(name, sizeof name, "@cadre-test-%d", (int)getpid());
    served_path = name;
    return failed + RUN_TESTS();
}
