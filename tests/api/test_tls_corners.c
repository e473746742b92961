/* test_tls_corners.c: TLS begun later, certificates read again, records in pieces, peers
 * that go away, and what is refused. */
#include "support/effort.h"
#include "support/tls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static cadre_system *serve(cadre_tls *tls)
{
    plan.options.tls = tls;
    cadre_system *sys = tcp_serve();
    cadre_tls_free(tls); /* it keeps what it needs */
    return sys;
}

/* Sends everything back, and closes behind a dot. */
static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (!data)
        return tcp_echo(self, state, m);
    cadre_stream stream = data->stream;
    bool is_last = memchr(cadre_buf_data(data->buf), '.', cadre_buf_size(data->buf));
    int err = tcp_echo(self, state, m);
    return err || !is_last ? err : cadre_stream_close(self, stream, 60 * CADRE_SECOND);
}

/* ---- any_split_is_read ------------------------------------------------------------ */

enum { ONE_BY_ONE = -1, STEP = 23 * EFFORT_SLOWDOWN };
#ifdef EFFORT_THREAD_SANITIZER /* which would call a look at another's socket a race */
enum { LOOKS = 0 };
#else
enum { LOOKS = 1 };
#endif

/* One direction: at which byte it is cut, and how many there were. */
struct way {
    int from, to;
    ssize_t cut;
    size_t sent;
    bool ended;
};

/* By whoever is at the other end, if he is still there. */
static bool was_read(const struct way *w)
{
    int near = 0, far = 0, at = LOOKS ? raw_find_other_end(w->to) : -1;
    return at < 0 || (ioctl(w->to, SIOCOUTQ, &near) == 0 && near == 0 &&
                      (ioctl(at, FIONREAD, &far) != 0 || far == 0));
}

static void wait_until_read(const struct way *w)
{
    while (!was_read(w))
        sched_yield();
}

static void pass(struct way *w, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t part = size;
        if (w->cut == ONE_BY_ONE)
            part = 1;
        else if (w->sent < (size_t)w->cut && part > (size_t)w->cut - w->sent)
            part = (size_t)w->cut - w->sent;
        raw_send(w->to, bytes, part);
        w->sent += part;
        bytes += part;
        size -= part;
        if (size > 0 || w->cut == ONE_BY_ONE || w->sent == (size_t)w->cut)
            wait_until_read(w);
    }
}

static void relay_one(struct way *w)
{
    char bytes[4096];
    ssize_t n = recv(w->from, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        pass(w, bytes, (size_t)n);
        return;
    }
    w->ended = true;
    shutdown(w->to, SHUT_WR);
}

static void relay(int listener, struct way *there, struct way *back)
{
    int client = raw_accept(listener), server = served_connect();
    there->from = back->to = client;
    there->to = back->from = server;
    there->sent = back->sent = 0;
    there->ended = back->ended = false;
    while (!there->ended || !back->ended) {
        struct pollfd fds[] = {{.fd = there->ended ? -1 : client, .events = POLLIN},
                               {.fd = back->ended ? -1 : server, .events = POLLIN}};
        assert_true(poll(fds, 2, 60000) > 0);
        if (fds[0].revents)
            relay_one(there);
        if (fds[1].revents)
            relay_one(back);
    }
    close(client);
    close(server);
}

static void relay_call(cadre_tls *tls, int listener, struct way *there,
                       struct way *back)
{
    static const char text[] = "what is said is heard, in whatever pieces it comes.";
    uint16_t port = call.port;
    unsigned closed = atomic_load(&facts.closed);
    memset(&call, 0, sizeof call);
    call.port = port;
    call.options.tls = tls;
    call.text = text;
    cadre_system *sys = begin_call();
    relay(listener, there, back);
    assert_int_equal(end_call(sys), 0);
    assert_string_equal(call.heard, text);
    await(&facts.closed, closed + 1);
    assert_int_equal(facts.reason, 0);
}

static void any_split_is_read(void **unused)
{
    struct way there = {.cut = ONE_BY_ONE}, back = {.cut = ONE_BY_ONE};
    cadre_tls *tls = tls_calling();
    plan.receive = answer;
    cadre_system *sys = serve(tls_serving("good"));
    int listener = raw_listen(&call.port, 1);
    relay_call(tls, listener, &there, &back);
    size_t sent[2] = {there.sent, back.sent}, step = is_long() ? 1 : STEP;
    for (size_t i = 1; i < sent[0]; i += step) {
        there.cut = (ssize_t)i;
        back.cut = 0;
        relay_call(tls, listener, &there, &back);
    }
    for (size_t i = 1; i < sent[1]; i += step) {
        there.cut = 0;
        back.cut = (ssize_t)i;
        relay_call(tls, listener, &there, &back);
    }
    close(listener);
    cadre_tls_free(tls);
    tcp_served(sys);
}

/* ---- reload_leaves_connections ---------------------------------------------------- */

static void expect_certificate(SSL *peer, const char *name)
{
    char text[64] = "";
    X509_NAME *subject = X509_get_subject_name(SSL_get0_peer_certificate(peer));
    X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text);
    assert_string_equal(text, name);
    peer_send(peer, "hello", 5);
    peer_expect(peer, "hello", 5);
}

static void put_live(const char *name)
{
    assert_string_equal(
        says("cp {}/%s.pem {}/live.pem && cp {}/%s.key {}/live.key", name, name), "");
}

static void reload_leaves_connections(void **unused)
{
    char why[CADRE_TLS_WHY];
    put_live("good");
    cadre_tls *tls = tls_serving("live");
    plan.options.tls = tls;
    cadre_system *sys = tcp_serve();
    SSL *first = peer_dial();
    expect_certificate(first, "good");
    put_live("other");
    assert_int_equal(cadre_tls_reload(tls, why, sizeof why), 0);
    SSL *second = peer_dial();
    expect_certificate(second, "other");
    expect_certificate(first, "good");
    put_file(in_folder("live.pem"), "no certificate\n");
    assert_int_equal(cadre_tls_reload(tls, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "live.pem: "));
    assert_int_equal(unlink(in_folder("live.key")), 0);
    assert_int_equal(cadre_tls_reload(tls, NULL, 0), -ENOENT);
    SSL *third = peer_dial();
    expect_certificate(third, "other");
    peer_close(first);
    peer_close(second);
    peer_close(third);
    await(&facts.closed, 3);
    cadre_tls_free(tls);
    tcp_served(sys);
}

/* ---- begun later ------------------------------------------------------------------ */

static cadre_tls *later;

static int say(cadre_self *self, cadre_stream stream, const char *text)
{
    return cadre_stream_write(self, stream, text, strlen(text));
}

/* As much of SMTP as there is before TLS. */
static int greet_by_smtp(cadre_self *self, void *state, cadre_msg *m)
{
    struct hand *hand = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    if (opened)
        return say(self, opened->stream, "220 here\r\n");
    if (m->type == &cadre_tls_ready_type)
        hand->bytes = 1;
    if (!data || hand->bytes)
        return answer(self, state, m);
    if (strncmp((const char *)cadre_buf_data(data->buf), "EHLO", 4) == 0)
        return say(self, data->stream, "250-here\r\n250 STARTTLS\r\n");
    int err = say(self, data->stream, "220 go ahead\r\n");
    return err ? err : cadre_tls_accept(self, data->stream, later);
}

static void openssl_starts_tls(void **unused)
{
    later = tls_serving("good");
    plan.receive = greet_by_smtp;
    cadre_system *sys = serve(NULL);
    const char *said = says("echo hello. | timeout 60 openssl s_client -connect "
                            "127.0.0.1:%u -CAfile {}/ca.pem -verify_return_error "
                            "-starttls smtp -quiet 2>&1",
                            facts.port);
    assert_non_null(strstr(said, "hello."));
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
    cadre_tls_free(later);
}

static atomic_int results[4];

static int go_at_once(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    cadre_tls_info info;
    if (!opened)
        return answer(self, state, m);
    int err = say(self, opened->stream, "go\n");
    results[0] = cadre_tls_ask(self, opened->stream, &info);
    if (!err)
        err = cadre_tls_accept(self, opened->stream, later);
    results[1] = cadre_tls_ask(self, opened->stream, &info);
    results[2] = cadre_tls_accept(self, opened->stream, later);
    results[3] = cadre_tls_accept(self, (cadre_stream){12345}, later);
    return err;
}

static void client_starts_tls(void **unused)
{
    cadre_tls *tls = tls_calling();
    later = tls_serving("good");
    plan.receive = go_at_once;
    cadre_system *sys = serve(NULL);
    memset(&call, 0, sizeof call);
    call.starts = true;
    call.port = facts.port;
    call.options.tls = tls;
    call.options.tls_name = "localhost";
    assert_int_equal(make_call(), 0);
    assert_string_equal(call.heard, "go\nsecret.");
    assert_string_equal(call.peer, "CN=good");
    assert_int_equal(results[0], -EINVAL);
    assert_int_equal(results[1], -ENOTCONN);
    assert_int_equal(results[2], -EALREADY);
    assert_int_equal(results[3], -ENOENT);
    memset(&call, 0, sizeof call);
    call.starts = true;
    call.port = facts.port;
    call.options.tls = tls;
    call.options.tls_name = "other.example";
    assert_int_equal(make_call(), CADRE_ETLS_NAME);
    assert_string_equal(call.heard, "go\n");
    cadre_tls_free(tls);
    tcp_served(sys);
    cadre_tls_free(later);
}

/* ---- peers that go ---------------------------------------------------------------- */

static size_t make_hello(char *bytes, size_t size)
{
    SSL *ssl = peer_begin(-1);
    BIO *wire = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, wire, wire);
    assert_int_equal(SSL_connect(ssl), -1);
    int n = BIO_read(wire, bytes, (int)size);
    SSL_free(ssl);
    assert_true(n > 0);
    return (size_t)n;
}

static void connects_and_aborts_leave_nothing(void **unused)
{
    const unsigned peers = is_long() ? 10000 : 1000;
    char hello[1024];
    size_t size = make_hello(hello, sizeof hello);
    cadre_system *sys = serve(tls_serving("good"));
    for (size_t i = 0; i < peers; i++) {
        SSL *peer = i % 8 == 0 ? peer_dial() : NULL;
        int fd = peer ? SSL_get_fd(peer) : served_connect();
        if (!peer)
            raw_send(fd, hello, i * 7 % (size + 1));
        else if (i % 16 == 0)
            peer_send(peer, "hello", 5);
        if (i % 3 == 0)
            raw_reset(fd);
        close(fd);
        SSL_free(peer);
    }
    await(&facts.downs, peers);
    assert_int_equal(facts.closed, peers);
    tcp_served(sys);
}

/* One byte of the first message is another one. */
static void garbage_harms_nothing(void **unused)
{
    char hello[1024], bytes[1024], rest[8192];
    size_t size = make_hello(hello, sizeof hello), step = is_long() ? 1 : 5;
    cadre_system *sys = serve(tls_serving("good"));
    unsigned sent = 0;
    for (size_t i = 0; i < size; i += step, sent++) {
        int fd = served_connect();
        memcpy(bytes, hello, size);
        bytes[i] = (char)(bytes[i] ^ (1 << i % 8));
        raw_send(fd, bytes, size);
        shutdown(fd, SHUT_WR);
        ssize_t n = raw_read_all(fd, rest, sizeof rest);
        assert_true(n >= 0 || n == -ECONNRESET);
        close(fd);
    }
    await(&facts.downs, sent);
    assert_int_equal(facts.closed, sent);
    assert_int_equal(facts.bytes, 0);
    SSL *peer = peer_dial();
    expect_certificate(peer, "good");
    peer_close(peer);
    tcp_served(sys);
}

/* A server that goes, one way or the other. */
static void servers_that_go_are_told(void **unused)
{
    cadre_tls *tls = tls_calling();
    for (int i = 0; i < 20; i++) {
        char bytes[64];
        memset(&call, 0, sizeof call);
        int listener = raw_listen(&call.port, 1);
        call.options.tls = tls;
        call.text = "abc";
        cadre_system *sys = begin_call();
        int fd = raw_accept(listener);
        raw_expect(fd, "\x16\x03\x01", 3);
        if (i % 2)
            assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
        if (i % 4 == 0)
            raw_send(fd, "\x16\x03\x03\x01\x00", 5);
        if (i % 3 == 0)
            raw_reset(fd);
        close(fd);
        int reason = end_call(sys);
        assert_true(reason == CADRE_ETLS_CUT || reason == -ECONNRESET);
        assert_int_equal(call.opened, 0);
        close(listener);
    }
    cadre_tls_free(tls);
}

/* ---- what is refused -------------------------------------------------------------- */

static void bad_options_are_refused(void **unused)
{
    static const cadre_tls_name half[] = {{.name = "x", .certificate = "y"}, {0}};
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    put_file(in_folder("text"), "this is no PEM\n");
    assert_string_equal(
        says("openssl ec -in {}/good.key -aes128 -passout pass:x -out {}/locked.key "
             "2>/dev/null"),
        "");
    const char *good = in_folder("good.pem"), *key = in_folder("good.key");
    const struct {
        cadre_tls_options options;
        int err;
        const char *why;
    } table[] = {
        {{.certificate = good}, -EINVAL, "options: "},
        {{.key = key}, -EINVAL, "options: "},
        {{.certificate = "/none/x", .key = key}, -ENOENT, "/none/x: No such file"},
        {{.certificate = good, .key = "/none/x"}, -ENOENT, "/none/x: No such file"},
        {{.certificate = in_folder("text"), .key = key},
         -EINVAL,
         "text: no start line"},
        {{.certificate = good, .key = in_folder("text")}, -EINVAL, "text: "},
        {{.certificate = good, .key = in_folder("other.key")},
         -EINVAL,
         "other.key: key values mismatch"},
        {{.certificate = good, .key = in_folder("locked.key")},
         -EINVAL,
         "locked.key: "},
        {{.trust = "/none/x"}, -ENOENT, "/none/x: No such file"},
        {{.trust = in_folder("text")}, -EINVAL, "text: "},
        {{.names = half}, -EINVAL, "x: "},
        {{.certificate = good, .key = key, .clients = CADRE_TLS_MUST_CERTIFY},
         -EINVAL,
         "nobody is trusted"},
        {{.clients = 7, .trust = good}, -EINVAL, "clients"},
        {{.protocols = ""}, -EINVAL, "protocols: "},
        {{.protocols = "h2,"}, -EINVAL, "protocols: "},
        {{.protocols = long_name}, -EINVAL, "protocols: "},
        {{.handshake = -1}, -EINVAL, "handshake"},
        {{.reserved = {long_name}}, -EINVAL, "reserved"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cadre_tls *tls = NULL;
        char why[CADRE_TLS_WHY] = "";
        assert_int_equal(cadre_tls_new(&tls, &table[i].options, why, sizeof why),
                         table[i].err);
        if (!strstr(why, table[i].why))
            assert_string_equal(why, table[i].why);
        assert_null(tls);
        assert_int_equal(cadre_tls_new(&tls, &table[i].options, NULL, 0), table[i].err);
    }
    assert_int_equal(cadre_tls_new(NULL, NULL, NULL, 0), -EINVAL);
    assert_int_equal(cadre_tls_reload(NULL, NULL, 0), -EINVAL);
    cadre_tls_free(NULL);
}

static int refused[12];

static void call_badly(cadre_self *self)
{
    cadre_stream stream;
    cadre_stream_options options = {.tls_name = "localhost"};
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    refused[0] = cadre_tcp_connect(self, &stream, "127.0.0.1", 1, 1, &options);
    options.tls = later;
    options.tls_name = name;
    refused[1] = cadre_tcp_connect(self, &stream, "127.0.0.1", 1, 1, &options);
    options.tls_name = ".example"; /* to OpenSSL any name below it */
    refused[11] = cadre_tcp_connect(self, &stream, "127.0.0.1", 1, 1, &options);
    options.tls_name = NULL;
    refused[2] = cadre_unix_connect(self, &stream, "/none/x", 1, &options);
    refused[3] = cadre_tls_accept(self, stream, NULL);
    refused[4] = cadre_tls_connect(self, stream, later, NULL);
    refused[6] = cadre_tcp_listen(self, &stream, NULL, 0, &options);
    refused[7] = cadre_unix_listen(self, &stream, "@x", &options);
    options = (cadre_stream_options){.tls_protocols = "x,"};
    refused[8] = cadre_tcp_listen(self, &stream, NULL, 0, &options);
    options.tls = later;
    options.tls_protocols = "x,,y";
    refused[9] = cadre_tcp_connect(self, &stream, "127.0.0.1", 1, 1, &options);
    options.tls_protocols = name;
    refused[10] = cadre_tcp_connect(self, &stream, "127.0.0.1", 1, 1, &options);
    refused[5] = cadre_tls_ask(self, (cadre_stream){1}, &(cadre_tls_info){0});
}

static int bad_start(cadre_self *self, void *state)
{
    call_badly(self);
    return CADRE_STOP;
}
static int bad_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class bad_class = {.start = bad_start, .receive = bad_receive};

static void call_all(void)
{
    const cadre_config config = quiet(1, 0);
    later = tls_calling();
    assert_int_equal(run(&config, &bad_class, NULL), 0);
    assert_int_equal(refused[0], -EINVAL);
    assert_int_equal(refused[1], -EINVAL);
    assert_int_equal(refused[2], -EINVAL);
    assert_int_equal(refused[3], -EINVAL);
    assert_int_equal(refused[4], -EINVAL);
    assert_int_equal(refused[5], -ENOENT);
    assert_int_equal(refused[6], -EINVAL);
    for (size_t i = 7; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(refused[i], -EINVAL);
    cadre_tls_free(later);
}

static void bad_calls_are_refused(void **unused) { misuse(call_all); }

static int set_up(void **unused)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(any_split_is_read),
          cmocka_unit_test(reload_leaves_connections),
          cmocka_unit_test(openssl_starts_tls), cmocka_unit_test(client_starts_tls),
          cmocka_unit_test(connects_and_aborts_leave_nothing),
          cmocka_unit_test(garbage_harms_nothing),
          cmocka_unit_test(servers_that_go_are_told),
          cmocka_unit_test(bad_options_are_refused),
          cmocka_unit_test(bad_calls_are_refused));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
