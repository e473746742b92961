/* tls.c: certificates, and the other side of TLS by the openssl command. */
#include "support/tls.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct call call;

/* ---- commands --------------------------------------------------------------------- */

/* {} becomes the folder. */
static void fill_in(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; *from && n + sizeof "/tmp/cadre-files-XXXXXX" < size; from++) {
        bool is_folder = from[0] == '{' && from[1] == '}';
        if (is_folder)
            n += (size_t)snprintf(to + n, size - n, "%s", folder);
        else
            to[n++] = *from;
        from += is_folder;
    }
    to[n] = 0;
}

const char *says(const char *format, ...)
{
    static char said[1 << 16];
    char command[4096], line[sizeof command];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fill_in(command, sizeof command, line);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(said, 1, sizeof said - 1, pipe);
    said[n] = 0;
    pclose(pipe);
    return said;
}

/* ---- certificates ----------------------------------------------------------------- */

static const char script[] =
    "cd {} && exec 2>make.log && "
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
    "-batch "
    "-days 2 -subj /CN=$1 -addext basicConstraints=critical,CA:TRUE "
    "-keyout $1.key -out $1.pem; } && "
    "sign() { name=$1 by=$2 alt=$3; shift 3; "
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch "
    "-subj /CN=$name -addext subjectAltName=$alt -keyout $name.key -out $name.csr && "
    "printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=%s/db\\nnew_certs_dir=%s\\n"
    "rand_serial=yes\\ndefault_md=sha256\\npolicy=p\\nunique_subject=no\\n"
    "copy_extensions=copy\\n[p]\\ncommonName=supplied\\n' {} {} >cnf && : >db && "
    "openssl ca -batch -config cnf -cert $by.pem -keyfile $by.key -in $name.csr "
    "-out $name.pem -notext \"$@\"; } && "
    "here=DNS:localhost,IP:127.0.0.1,IP:::1 && "
    "ca ca && ca strangers && "
    "sign good ca $here -days 2 && sign stranger strangers $here -days 2 && "
    "sign other ca 'DNS:other.example,DNS:*.many.example' -days 2 && "
    "sign alice ca email:alice@example.org -days 2 && "
    "sign expired ca $here -startdate 20200101000000Z -enddate 20210101000000Z && "
    "sign early ca $here -startdate 20900101000000Z -enddate 20910101000000Z && "
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch "
    "-days 2 -subj /CN=self -addext subjectAltName=$here -keyout self.key -out "
    "self.pem "
    "&& echo made";

void make_certificates(void)
{
    make_folder();
    assert_string_equal(says("%s", script), "made\n");
}

static const char *path_of(const char *name) { return name ? in_folder(name) : NULL; }

cadre_tls *tls_with(cadre_tls_options options)
{
    cadre_tls *tls = NULL;
    char why[CADRE_TLS_WHY] = "";
    options.certificate = path_of(options.certificate);
    options.key = path_of(options.key);
    options.trust = path_of(options.trust);
    int err = cadre_tls_new(&tls, &options, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(err, 0);
    return tls;
}

cadre_tls *tls_serving(const char *name)
{
    char certificate[64], key[64];
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    return tls_with((cadre_tls_options){.certificate = certificate, .key = key});
}

cadre_tls *tls_calling(void)
{
    return tls_with((cadre_tls_options){.trust = "ca.pem"});
}

/* ---- a server --------------------------------------------------------------------- */

static pid_t server;
static int server_says; /* it would end if nobody could hear it */

/* It goes with us. */
static pid_t start(const char *command, int *out)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    *out = pipes[0];
    return pid;
}

uint16_t start_s_server(const char *arguments)
{
    char line[2048], command[4096], said[4096];
    size_t n = 0;
    unsigned port = 0;
    int out;
    snprintf(line, sizeof line, "exec openssl s_server -4 -accept 127.0.0.1:0 %s",
             arguments);
    fill_in(command, sizeof command, line);
    server = start(command, &out);
    while (port == 0) {
        ssize_t got = read(out, said + n, sizeof said - n - 1);
        assert_true(got > 0);
        said[n += (size_t)got] = 0;
        const char *at = strstr(said, "ACCEPT ");
        if (at && strchr(at, '\n'))
            assert_int_equal(sscanf(at, "ACCEPT %*[^:]:%u", &port), 1);
    }
    server_says = out;
    return (uint16_t)port;
}

void stop_s_server(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(server_says);
}

/* ---- OpenSSL here ----------------------------------------------------------------- */

SSL *peer_begin(int fd)
{
    static SSL_CTX *context; /* for good */
    if (!context)
        context = SSL_CTX_new(TLS_method());
    SSL *ssl = SSL_new(context);
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    SSL_set_connect_state(ssl);
    signal(SIGPIPE, SIG_IGN);
    return ssl;
}

SSL *peer_accept(int fd, const char *name)
{
    char certificate[64], key[64];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    assert_int_equal(
        SSL_CTX_use_certificate_chain_file(context, in_folder(certificate)), 1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(context, in_folder(key), SSL_FILETYPE_PEM), 1);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context); /* it has it */
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_equal(SSL_accept(ssl), 1);
    signal(SIGPIPE, SIG_IGN);
    return ssl;
}

SSL *peer_dial(void)
{
    SSL *ssl = peer_begin(served_connect());
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

void peer_send(SSL *ssl, const void *bytes, size_t size)
{
    size_t done;
    assert_int_equal(SSL_write_ex(ssl, bytes, size, &done), 1);
}

void peer_expect(SSL *ssl, const void *bytes, size_t size)
{
    char got[4096];
    const char *at = bytes;
    size_t n;
    for (; size > 0; at += n, size -= n) {
        assert_int_equal(
            SSL_read_ex(ssl, got, size < sizeof got ? size : sizeof got, &n), 1);
        assert_memory_equal(got, at, n);
    }
}

int peer_end(SSL *ssl)
{
    char byte;
    int n = SSL_read(ssl, &byte, 1);
    assert_true(n <= 0);
    return SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

void peer_drop(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

void peer_close(SSL *ssl)
{
    (void)SSL_shutdown(ssl);
    peer_drop(ssl);
}

/* ---- a client --------------------------------------------------------------------- */

static void note_info(cadre_self *self, cadre_stream stream)
{
    cadre_tls_info info;
    if (cadre_tls_ask(self, stream, &info))
        return;
    snprintf(call.version, sizeof call.version, "%s", info.version);
    snprintf(call.protocol, sizeof call.protocol, "%s", info.protocol);
    snprintf(call.peer, sizeof call.peer, "%s", info.peer);
}

static int caller_start(cadre_self *self, void *state)
{
    cadre_stream stream;
    cadre_stream_options options = call.options;
    if (call.starts)
        options.tls = NULL, options.tls_name = NULL;
    int err =
        cadre_tcp_connect(self, &stream, "127.0.0.1", call.port,
                          call.timeout ? call.timeout : 60 * CADRE_SECOND, &options);
    if (!err && call.text)
        err = cadre_stream_write(self, stream, call.text, strlen(call.text));
    return err;
}

static int on_data(cadre_self *self, const cadre_stream_data *data)
{
    size_t n = strlen(call.heard), more = cadre_buf_size(data->buf);
    if (more > sizeof call.heard - n - 1)
        more = sizeof call.heard - n - 1;
    memcpy(call.heard + n, cadre_buf_data(data->buf), more);
    if (call.starts && strcmp(call.heard, "go\n") == 0)
        return cadre_tls_connect(self, data->stream, call.options.tls,
                                 call.options.tls_name);
    return !call.keeps && strchr(call.heard, '.')
               ? cadre_stream_close(self, data->stream, 60 * CADRE_SECOND)
               : 0;
}

static int caller_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    const cadre_tls_ready *ready = cadre_body(m, cadre_tls_ready);
    if (opened) {
        note_info(self, opened->stream);
        atomic_fetch_add(&call.opened, 1);
    }
    if (data)
        return on_data(self, data);
    if (ready) {
        note_info(self, ready->stream);
        return cadre_stream_write(self, ready->stream, "secret.", 7);
    }
    if (closed) {
        atomic_store(&call.reason, closed->reason);
        atomic_fetch_add(&call.closed, 1);
        return CADRE_STOP;
    }
    return 0;
}

static const cadre_class caller_class = {
    .name = "caller", .start = caller_start, .receive = caller_receive};

static int calls_start(cadre_self *self, void *state)
{
    return cadre_spawn(self, NULL, &caller_class, NULL);
}
static int calls_receive(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class calls_class = {
    .name = "calls", .start = calls_start, .receive = calls_receive};

cadre_system *begin_call(void) { return open_system(2, 0, &calls_class); }

int end_call(cadre_system *sys)
{
    await(&call.closed, 1);
    close_system(sys);
    return atomic_load(&call.reason);
}

int make_call(void) { return end_call(begin_call()); }
