/* test_tls.c: TLS against the openssl command: what is accepted, and what is not. */
#include "support/tls.h"

#include <errno.h>
#include <unistd.h>

#define CLIENT "timeout 60 openssl s_client -connect 127.0.0.1:%u -CAfile {}/ca.pem "

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

static cadre_system *serve(cadre_tls *tls)
{
    plan.options.tls = tls;
    if (!plan.receive)
        plan.receive = answer;
    cadre_system *sys = tcp_serve();
    cadre_tls_free(tls); /* it keeps what it needs */
    return sys;
}

/* ---- a server --------------------------------------------------------------------- */

static void openssl_talks_to_server(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    const char *said =
        says("echo hello. | " CLIENT
             "-verify_return_error -verify_hostname localhost -quiet 2>&1",
             facts.port);
    assert_non_null(strstr(said, "hello."));
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, 0);
    tcp_served(sys);
}

static void both_versions_are_spoken(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    assert_non_null(strstr(
        says("echo a. | " CLIENT "-tls1_2 -ign_eof 2>&1", facts.port), "TLSv1.2"));
    assert_non_null(strstr(
        says("echo a. | " CLIENT "-tls1_3 -ign_eof 2>&1", facts.port), "TLSv1.3"));
    tcp_served(sys);
}

static void old_versions_are_refused(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    const char *said =
        says("echo a. | " CLIENT "-tls1_1 -cipher DEFAULT@SECLEVEL=0 -quiet 2>&1",
             facts.port);
    assert_non_null(strstr(said, "alert protocol version"));
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS);
    assert_int_equal(lines_with("unsupported protocol"), 1);
    tcp_served(sys);
}

static void plain_text_is_refused(void **unused)
{
    cadre_system *sys = serve(tls_serving("good"));
    int fd = served_connect();
    raw_send(fd, "GET / HTTP/1.0\r\n\r\n", 18);
    char rest[64];
    assert_true(raw_read_all(fd, rest, sizeof rest) >= 0); /* an alert, or none */
    close(fd);
    await(&facts.closed, 1);
    assert_int_equal(facts.reason, CADRE_ETLS);
    tcp_served(sys);
}

static void name_chooses_the_certificate(void **unused)
{
    const cadre_tls_name names[] = {
        {"other.example", in_folder("other.pem"), in_folder("other.key")},
        {"*.many.example", in_folder("other.pem"), in_folder("other.key")},
        {0}};
    cadre_system *sys = serve(tls_with((cadre_tls_options){
        .certificate = "good.pem", .key = "good.key", .names = names}));
    static const char *const table[][2] = {
        {"other.example", "CN = other"},  {"OTHER.example", "CN = other"},
        {"a.many.example", "CN = other"}, {"a.b.many.example", "CN = good"},
        {"many.example", "CN = good"},    {"localhost", "CN = good"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_non_null(strstr(says("echo a. | " CLIENT "-ign_eof -servername %s 2>&1",
                                    facts.port, table[i][0]),
                               table[i][1]));
    tcp_served(sys);
}

static void unknown_name_is_refused(void **unused)
{
    const cadre_tls_name names[] = {
        {"other.example", in_folder("other.pem"), in_folder("other.key")}, {0}};
    cadre_system *sys = serve(tls_with((cadre_tls_options){.names = names}));
    assert_non_null(strstr(
        says("echo a. | " CLIENT "-quiet -servername localhost 2>&1", facts.port),
        "unrecognized name"));
    tcp_served(sys);
}

static void protocols_are_agreed_on(void **unused)
{
    cadre_system *sys = serve(tls_with((cadre_tls_options){
        .certificate = "good.pem", .key = "good.key", .protocols = "h2,http/1.1"}));
    assert_non_null(
        strstr(says("echo a. | " CLIENT "-ign_eof -alpn http/1.1,h2 2>&1", facts.port),
               "ALPN protocol: h2"));
    assert_non_null(strstr(says("echo a. | " CLIENT "-ign_eof 2>&1", facts.port),
                           "No ALPN negotiated"));
    assert_non_null(
        strstr(says("echo a. | " CLIENT "-quiet -alpn smtp 2>&1", facts.port),
               "no application protocol"));
    tcp_served(sys);
}

static char peer[128];
static atomic_bool was_verified;

static int note_peer(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_tls_ready *ready = cadre_body(m, cadre_tls_ready);
    cadre_tls_info info;
    if (!ready)
        return answer(self, state, m);
    int err = cadre_tls_ask(self, ready->stream, &info);
    if (err)
        return err;
    snprintf(peer, sizeof peer, "%s", info.peer);
    atomic_store(&was_verified, info.verified);
    return 0;
}

static void clients_certify(void **unused)
{
    plan.receive = note_peer;
    cadre_system *sys =
        serve(tls_with((cadre_tls_options){.certificate = "good.pem",
                                           .key = "good.key",
                                           .trust = "ca.pem",
                                           .clients = CADRE_TLS_MUST_CERTIFY,
                                           .tell = true}));
    assert_non_null(strstr(says("echo hi. | " CLIENT
                                "-quiet -cert {}/alice.pem -key {}/alice.key 2>&1",
                                facts.port),
                           "hi."));
    await(&facts.closed, 1);
    assert_string_equal(peer, "CN=alice");
    assert_true(was_verified);
    (void)says("echo hi. | " CLIENT "-quiet 2>&1", facts.port);
    await(&facts.closed, 2);
    assert_int_equal(facts.reason, CADRE_ETLS_CERTIFICATE);
    (void)says("echo hi. | " CLIENT
               "-quiet -cert {}/stranger.pem -key {}/stranger.key 2>&1",
               facts.port);
    await(&facts.closed, 3);
    assert_int_equal(facts.reason, CADRE_ETLS_UNTRUSTED);
    (void)says("echo hi. | " CLIENT
               "-quiet -cert {}/expired.pem -key {}/expired.key 2>&1",
               facts.port);
    await(&facts.closed, 4);
    assert_int_equal(facts.reason, CADRE_ETLS_EXPIRED);
    assert_int_equal(lines_with("(CN=expired): certificate has expired"), 1);
    tcp_served(sys);
}

static void clients_may_certify(void **unused)
{
    plan.receive = note_peer;
    cadre_system *sys =
        serve(tls_with((cadre_tls_options){.certificate = "good.pem",
                                           .key = "good.key",
                                           .trust = "ca.pem",
                                           .clients = CADRE_TLS_MAY_CERTIFY,
                                           .tell = true}));
    assert_non_null(
        strstr(says("echo hi. | " CLIENT "-quiet 2>&1", facts.port), "hi."));
    await(&facts.closed, 1);
    assert_string_equal(peer, "");
    assert_false(was_verified);
    tcp_served(sys);
}

/* ---- a client --------------------------------------------------------------------- */

/* The reason with which a call ends. */
static int call_server(const char *arguments, const char *trust, const char *name)
{
    memset(&call, 0, sizeof call);
    call.port = start_s_server(arguments);
    call.options.tls = tls_with((cadre_tls_options){.trust = trust});
    call.options.tls_name = name;
    call.text = "abc.\n";
    int reason = make_call();
    cadre_tls_free(call.options.tls);
    stop_s_server();
    return reason;
}

static void client_talks_to_openssl(void **unused)
{
    static const char arguments[] = "-cert {}/good.pem -key {}/good.key -rev";
    assert_int_equal(call_server(arguments, "ca.pem", NULL), 0); /* 127.0.0.1 */
    assert_string_equal(call.heard, ".cba\n");
    assert_int_equal(call.opened, 1);
    assert_string_equal(call.version, "TLSv1.3");
    assert_string_equal(call.peer, "CN=good");
    assert_int_equal(call_server(arguments, "ca.pem", "localhost"), 0);
    assert_string_equal(call.heard, ".cba\n");
}

static void verified_by_default(void **unused)
{
    static const struct {
        const char *server, *trust, *name, *says;
        int reason;
    } table[] = {
        {"good", NULL, "localhost", "unable to get local issuer", CADRE_ETLS_UNTRUSTED},
        {"self", "ca.pem", "localhost", "self-signed", CADRE_ETLS_UNTRUSTED},
        {"stranger", "ca.pem", "localhost", "CN=stranger", CADRE_ETLS_UNTRUSTED},
        {"expired", "ca.pem", "localhost", "of localhost (CN=expired): certificate has",
         CADRE_ETLS_EXPIRED},
        {"early", "ca.pem", "localhost", "not yet valid", CADRE_ETLS_EXPIRED},
        {"other", "ca.pem", "localhost", "hostname mismatch", CADRE_ETLS_NAME},
        {"other", "ca.pem", NULL, "IP address mismatch", CADRE_ETLS_NAME},
        {"good", "ca.pem", "good", "hostname mismatch", CADRE_ETLS_NAME},
        {"other", "ca.pem", "many.example", "hostname mismatch", CADRE_ETLS_NAME},
    };
    char arguments[128], at[64];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(arguments, sizeof arguments, "-cert {}/%s.pem -key {}/%s.key -rev",
                 table[i].server, table[i].server);
        assert_int_equal(call_server(arguments, table[i].trust, table[i].name),
                         table[i].reason);
        assert_int_equal(call.opened, 0);
        assert_string_equal(call.heard, "");
        assert_int_equal(lines_with(table[i].says), 1);
        snprintf(at, sizeof at, "connection to 127.0.0.1:%u is closed", call.port);
        assert_int_equal(lines_with(at), 1);
    }
}

static void system_is_trusted(void **unused)
{
    static const char arguments[] = "-cert {}/good.pem -key {}/good.key -rev";
    assert_int_equal(setenv("SSL_CERT_FILE", in_folder("ca.pem"), 1), 0);
    assert_int_equal(call_server(arguments, NULL, "localhost"), 0);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    assert_string_equal(call.heard, ".cba\n");
}

static void insecure_is_asked_for(void **unused)
{
    memset(&call, 0, sizeof call);
    call.port = start_s_server("-cert {}/self.pem -key {}/self.key -rev");
    call.options.tls = tls_with((cadre_tls_options){.insecure = true});
    call.text = "abc.\n";
    assert_int_equal(make_call(), 0);
    assert_string_equal(call.heard, ".cba\n");
    cadre_tls_free(call.options.tls);
    stop_s_server();
}

static void old_server_is_refused(void **unused)
{
    assert_int_equal(call_server("-cert {}/good.pem -key {}/good.key -rev -tls1_1 "
                                 "-cipher DEFAULT@SECLEVEL=0",
                                 "ca.pem", "localhost"),
                     CADRE_ETLS_REFUSED);
}

static void client_certifies(void **unused)
{
    static const char arguments[] = "-cert {}/good.pem -key {}/good.key -rev "
                                    "-Verify 1 -verify_return_error -CAfile {}/ca.pem";
    memset(&call, 0, sizeof call);
    call.port = start_s_server(arguments);
    call.options.tls = tls_with((cadre_tls_options){
        .trust = "ca.pem", .certificate = "alice.pem", .key = "alice.key"});
    call.text = "abc.\n";
    assert_int_equal(make_call(), 0);
    assert_string_equal(call.heard, ".cba\n");
    cadre_tls_free(call.options.tls);
    stop_s_server();
    assert_int_equal(call_server(arguments, "ca.pem", NULL), CADRE_ETLS_REFUSED);
}

static void client_offers_protocols(void **unused)
{
    memset(&call, 0, sizeof call);
    call.port = start_s_server("-cert {}/good.pem -key {}/good.key -rev -alpn x,h2");
    call.options.tls =
        tls_with((cadre_tls_options){.trust = "ca.pem", .protocols = "h2,x"});
    call.text = "abc.\n";
    assert_int_equal(make_call(), 0);
    assert_string_equal(call.protocol, "x");
    /* Of this connection, whatever the configuration has. */
    memset(call.heard, 0, sizeof call.heard);
    call.options.tls_protocols = "y,h2";
    atomic_store(&call.closed, 0);
    assert_int_equal(make_call(), 0);
    assert_string_equal(call.protocol, "h2");
    cadre_tls_free(call.options.tls);
    stop_s_server();
}

static int set_up(void **unused)
{
    make_certificates();
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(openssl_talks_to_server),
          cmocka_unit_test(both_versions_are_spoken),
          cmocka_unit_test(old_versions_are_refused),
          cmocka_unit_test(plain_text_is_refused),
          cmocka_unit_test(name_chooses_the_certificate),
          cmocka_unit_test(unknown_name_is_refused),
          cmocka_unit_test(protocols_are_agreed_on), cmocka_unit_test(clients_certify),
          cmocka_unit_test(clients_may_certify),
          cmocka_unit_test(client_talks_to_openssl),
          cmocka_unit_test(verified_by_default), cmocka_unit_test(system_is_trusted),
          cmocka_unit_test(insecure_is_asked_for),
          cmocka_unit_test(old_server_is_refused), cmocka_unit_test(client_certifies),
          cmocka_unit_test(client_offers_protocols));
    return cmocka_run_group_tests(tests, set_up, NULL);
}
