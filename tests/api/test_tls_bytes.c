/* test_tls_bytes.c: a stream with TLS does what one without does. */
#include "support/effort.h"
#include "support/tls.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 4 << 20, CHUNK = 100000 };

static void fill(unsigned char *bytes, size_t size)
{
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
}

static cadre_system *serve(cadre_tls *tls)
{
    plan.options.tls = tls;
    cadre_system *sys = tcp_serve();
    cadre_tls_free(tls); /* it keeps what it needs */
    return sys;
}

static void echo_answers(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
}

/* ---- bytes_in_order --------------------------------------------------------------- */

static void round_trip(size_t all)
{
    unsigned char *bytes = malloc(all);
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    fill(bytes, all);
    for (size_t at = 0; at < all;) {
        size_t size = all - at < CHUNK ? all - at : CHUNK;
        peer_send(peer, bytes + at, size);
        peer_expect(peer, bytes + at, size);
        at += size;
    }
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
    free(bytes);
}

static void bytes_in_order(void **unused)
{
    for (uint32_t io = 0; io <= 2; io++) {
        plan.io_threads = io;
        plan.options.window = 30000;
        round_trip(EFFORT_SLOWDOWN > 4 ? LARGE / 4 : LARGE);
        plan.options.window = 1; /* less than any record */
        round_trip(EFFORT_SLOWDOWN > 4 ? CHUNK / 20 : CHUNK / 4);
    }
}

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
    return err ? err : cadre_stream_close(self, opened->stream, CADRE_NEVER);
}

static int take_it(cadre_self *self, void *state, cadre_msg *m)
{
    (void)tcp_note(self, state, m);
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

/* More of them than are taken apart in one turn. */
static void small_records_are_read(void **unused)
{
    enum { RECORDS = 20000 };
    plan.receive = take_it;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    for (int i = 0; i < RECORDS; i++)
        peer_send(peer, "x", 1);
    (void)SSL_shutdown(peer);
    assert_int_equal(peer_end(peer), 0);
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(facts.bytes, RECORDS);
    tcp_served(sys);
}

/* All of it is written before the handshake has begun. */
static void close_sends_all(void **unused)
{
    unsigned char *bytes = malloc(LARGE);
    plan.options.write_max = LARGE;
    plan.receive = write_much;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    fill(bytes, LARGE);
    peer_expect(peer, bytes, LARGE);
    assert_int_equal(peer_end(peer), 0);
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(facts.unsent, 0);
    tcp_served(sys);
    free(bytes);
}

/* ---- slow_reader_throttles -------------------------------------------------------- */

static atomic_bool goes_on;

static int take_slowly(cadre_self *self, void *state, cadre_msg *m)
{
    int err = tcp_note(self, state, m);
    while (m->type == &cadre_stream_data_type && !atomic_load(&goes_on))
        sched_yield();
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : err;
}

static size_t send_until_stuck(SSL *peer)
{
    static const char zeros[1 << 14];
    size_t sum = 0, done;
    int fd = SSL_get_fd(peer), small = 1 << 14;
    const struct timeval moment = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
    while (sum < LARGE * 4 && SSL_write_ex(peer, zeros, sizeof zeros, &done) == 1)
        sum += done;
    return sum;
}

static void slow_reader_throttles(void **unused)
{
    atomic_store(&goes_on, false);
    plan.options.window = 20000;
    plan.receive = take_slowly;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    size_t sent = send_until_stuck(peer);
    assert_true(sent < LARGE * 4);
    assert_true(facts.bytes <= 20000);
    atomic_store(&goes_on, true);
    shutdown(SSL_get_fd(peer), SHUT_WR); /* and no reset for what it has not read */
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS_CUT);
    assert_true(facts.bytes >= sent);
    peer_drop(peer);
    tcp_served(sys);
}

/* ---- write_is_bounded ------------------------------------------------------------- */

static size_t written;

static int write_until_full(cadre_self *self, void *state, cadre_msg *m)
{
    static const char bytes[10000];
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_wrote *wrote = cadre_body(m, cadre_stream_wrote);
    int err = tcp_note(self, state, m);
    if (wrote && wrote->unsent > 25000)
        atomic_fetch_add(&facts.wrongs, 1);
    if (opened || (wrote && facts.wrote < 100)) {
        cadre_stream stream = opened ? opened->stream : wrote->stream;
        while ((err = cadre_stream_write(self, stream, bytes, sizeof bytes)) == 0)
            written += sizeof bytes;
        if (cadre_stream_unsent(self, stream) > 100000 + 1000)
            atomic_fetch_add(&facts.wrongs, 1);
        return err == CADRE_EFULL ? 0 : err;
    }
    if (wrote)
        return cadre_stream_close(self, wrote->stream, CADRE_NEVER);
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

/* Also of what waits for the handshake. */
static void write_is_bounded(void **unused)
{
    written = 0;
    plan.options.write_max = 100000;
    plan.receive = write_until_full;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    char got[4096];
    size_t n, sum = 0;
    while (SSL_read_ex(peer, got, sizeof got, &n) == 1)
        sum += n;
    assert_int_equal(peer_end(peer), 0);
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(sum, written);
    assert_true(facts.wrote >= 100);
    tcp_served(sys);
}

/* A peer that has OpenSSL answer, by new keys, and reads nothing. Its own buffers stay as
   they are: a kernel without room for an answer drops the acknowledgement within it. */
static void unasked_answers_are_bounded(void **unused)
{
    enum { MANY = 100000 };
    static const int small = 4096;
    if (EFFORT_SLOWDOWN >= 10)
        skip(); /* thousands of keys take their time */
    cadre_system *sys = serve(tls_serving("good"));
    int fd = raw_socket(), updates = 0;
    assert_int_equal(raw_connect_socket(fd, facts.port), 0);
    SSL *peer = peer_begin(fd);
    assert_int_equal(SSL_connect(peer), 1);
    setsockopt(raw_other_end(fd), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    while (updates++ < MANY && SSL_key_update(peer, SSL_KEY_UPDATE_REQUESTED) == 1 &&
           SSL_do_handshake(peer) == 1) {
    }
    assert_true(updates > 1000); /* perhaps all: the kernel has room for many */
    int64_t end = real_now() + 60 * (EFFORT_SLOWDOWN - 1) * CADRE_SECOND;
    for (unsigned looks = 0; !atomic_load(&facts.closed) && real_now() < end;)
        let_others_run(&looks); /* a sanitizer takes long for so many */
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ENOMEM);
    peer_drop(peer);
    tcp_served(sys);
}

/* ---- ends ------------------------------------------------------------------------- */

static void cut_is_told(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS_CUT);
    assert_int_equal(facts.bytes, 5);
    int fd = served_connect(); /* before there is anything */
    close(fd);
    await(&facts.closed, 2);
    assert_int_equal(facts.reason, CADRE_ETLS_CUT);
    tcp_served(sys);
}

/* Half-open, too, and in the middle of a record. */
static void cut_within_a_record_is_told(void **unused)
{
    plan.options.half_open = true;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
    raw_send(SSL_get_fd(peer), "\x17\x03\x03\x00\x40half", 9);
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS_CUT);
    assert_int_equal(facts.ended, 0);
    tcp_served(sys);
}

static void damage_is_told(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
    raw_send(SSL_get_fd(peer), "\x17\x03\x03\x00\x18............rubbish.....", 29);
    assert_int_equal(peer_end(peer), -1); /* it is told by an alert */
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS);
    assert_int_equal(facts.bytes, 5);
    tcp_served(sys);
}

static int answer_at_the_end(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_ended *ended = cadre_body(m, cadre_stream_ended);
    (void)tcp_note(self, state, m);
    if (!ended)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, ended->stream, "late", 4);
    if (!err)
        err = cadre_stream_shutdown(self, ended->stream);
    return err ? err : cadre_stream_close(self, ended->stream, CADRE_NEVER);
}

static void half_open_goes_on(void **unused)
{
    plan.options.half_open = true;
    plan.receive = answer_at_the_end;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    assert_int_equal(SSL_shutdown(peer), 0);
    peer_expect(peer, "late", 4);
    assert_int_equal(peer_end(peer), 0);
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(facts.bytes, 5);
    assert_int_equal(facts.ended, 1);
    tcp_served(sys);
}

static int shut_down_first(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    (void)tcp_note(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, opened->stream, "bye", 3);
    return err ? err : cadre_stream_shutdown(self, opened->stream);
}

/* It reads on behind its own end, which is put off until the handshake is done. */
static void shutdown_reads_on(void **unused)
{
    plan.receive = shut_down_first;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_expect(peer, "bye", 3);
    assert_int_equal(peer_end(peer), 0);
    peer_send(peer, "more", 4);
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    assert_int_equal(facts.bytes, 4);
    tcp_served(sys);
}

static int abort_it(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    (void)tcp_note(self, state, m);
    if (data)
        return cadre_stream_abort(self, data->stream);
    return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
}

static void abort_cuts(void **unused)
{
    plan.receive = abort_it;
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    assert_int_equal(peer_end(peer), -1);
    peer_drop(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ECANCELED);
    tcp_served(sys);
}

/* ---- time ------------------------------------------------------------------------- */

static void handshake_ends(void **unused)
{
    cadre_system *sys = serve(tls_with((cadre_tls_options){
        .certificate = "good.pem", .key = "good.key", .handshake = 50 * CADRE_MS}));
    int silent = served_connect(), slow = served_connect();
    raw_send(slow, "\x16\x03\x01\x02\x00", 5);
    await(&facts.closed, 2);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    close(silent);
    close(slow);
    tcp_served(sys);
}

static void handshake_time_ends_with_it(void **unused)
{
    const cadre_time limit = (EFFORT_SLOWDOWN > 1 ? 6 : 1) * CADRE_SECOND;
    cadre_system *sys = serve(tls_with((cadre_tls_options){
        .certificate = "good.pem", .key = "good.key", .handshake = limit}));
    SSL *peer = peer_dial();
    peer_send(peer, "a", 1);
    peer_expect(peer, "a", 1);
    const int64_t until = real_now() + limit + 100 * CADRE_MS;
    for (unsigned looks = 0; real_now() < until;)
        let_others_run(&looks);
    peer_send(peer, "b", 1);
    peer_expect(peer, "b", 1);
    peer_close(peer);
    tcp_served(sys);
}

static void silent_server_ends(void **unused)
{
    for (int i = 0; i < 2; i++) {
        memset(&call, 0, sizeof call);
        int listener = raw_listen(&call.port, 1);
        call.timeout = i ? 50 * CADRE_MS : CADRE_NEVER;
        call.options.tls =
            tls_with((cadre_tls_options){.handshake = i ? 0 : 50 * CADRE_MS});
        call.text = "abc";
        assert_int_equal(make_call(), -ETIMEDOUT);
        assert_int_equal(call.opened, 0);
        cadre_tls_free(call.options.tls);
        close(listener);
    }
}

static int close_at_once(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    (void)tcp_note(self, state, m);
    if (!opened)
        return m->type == &cadre_stream_closed_type ? CADRE_STOP : 0;
    int err = cadre_stream_write(self, opened->stream, "bye", 3);
    return err ? err : cadre_stream_close(self, opened->stream, 50 * CADRE_MS);
}

/* What was written waits for a handshake that does not come. */
static void grace_ends_the_wait(void **unused)
{
    plan.receive = close_at_once;
    cadre_system *sys = serve(tls_serving("good"));
    int fd = served_connect();
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, -ETIMEDOUT);
    assert_int_equal(facts.unsent, 3);
    close(fd);
    tcp_served(sys);
}

/* ---- handshake_holds_up_nobody ---------------------------------------------------- */

static atomic_uint held;

static int hold_the_first(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &cadre_stream_opened_type && atomic_fetch_add(&held, 1) == 0)
        while (!atomic_load(&goes_on))
            sched_yield();
    return tcp_echo(self, state, m);
}

/* The owner that is to shake hands is not to be had. */
static void handshake_holds_up_nobody(void **unused)
{
    atomic_store(&goes_on, false);
    atomic_store(&held, 0);
    plan.receive = hold_the_first;
    cadre_system *sys = serve(tls_serving("good"));
    int fd = served_connect();
    SSL *first = peer_begin(fd);
    const struct timeval moment = {.tv_usec = 1000}, minute = {.tv_sec = 60};
    await(&held, 1);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    assert_int_equal(SSL_connect(first), -1); /* it waits */
    for (int i = 0; i < 10; i++) {
        SSL *peer = peer_dial();
        peer_send(peer, "hello", 5);
        peer_expect(peer, "hello", 5);
        peer_close(peer);
    }
    atomic_store(&goes_on, true);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
    assert_int_equal(SSL_connect(first), 1);
    peer_send(first, "hello", 5);
    peer_expect(first, "hello", 5);
    peer_close(first);
    tcp_served(sys);
}

/* ---- over a UNIX socket ----------------------------------------------------------- */

static void unix_sockets_have_it(void **unused)
{
    served_path = in_folder("socket");
    cadre_system *sys = serve(tls_serving("good"));
    SSL *peer = peer_dial();
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
    peer_close(peer);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
    served_path = NULL;
}

static int set_up(void **unused)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(echo_answers), cmocka_unit_test(bytes_in_order),
          cmocka_unit_test(small_records_are_read), cmocka_unit_test(close_sends_all),
          cmocka_unit_test(slow_reader_throttles), cmocka_unit_test(write_is_bounded),
          cmocka_unit_test(unasked_answers_are_bounded), cmocka_unit_test(cut_is_told),
          cmocka_unit_test(cut_within_a_record_is_told),
          cmocka_unit_test(damage_is_told), cmocka_unit_test(half_open_goes_on),
          cmocka_unit_test(shutdown_reads_on), cmocka_unit_test(abort_cuts),
          cmocka_unit_test(handshake_ends),
          cmocka_unit_test(handshake_time_ends_with_it),
          cmocka_unit_test(silent_server_ends), cmocka_unit_test(grace_ends_the_wait),
          cmocka_unit_test(handshake_holds_up_nobody),
          cmocka_unit_test(unix_sockets_have_it));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
