/* others.c: other people's servers of the folder, and proxies, on loopback. */
#include "support/others.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Python's --------------------------------------------------------------------- */

bool has_python(void)
{
    return system("python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' "
                  ">/dev/null 2>&1") == 0;
}

static const char script[] =
    "import functools, http.server, ssl, sys\n"
    "port, folder, certificate = sys.argv[1:]\n"
    "handler = http.server.SimpleHTTPRequestHandler\n"
    "handler.protocol_version = 'HTTP/1.1'\n"
    "server = http.server.ThreadingHTTPServer(('127.0.0.1', int(port)),\n"
    "    functools.partial(handler, directory=folder))\n"
    "if certificate:\n"
    "    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "    at = folder + '/' + certificate\n"
    "    context.load_cert_chain(at + '.pem', at + '.key')\n"
    "    server.socket = context.wrap_socket(server.socket, server_side=True)\n"
    "server.serve_forever()\n";

pid_t start_python(uint16_t *port, const char *certificate)
{
    close(raw_listen(port, 1)); /* a free one, most likely still so in a moment */
    char text[16];
    snprintf(text, sizeof text, "%u", *port);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("python3", "python3", "-c", script, text, folder,
               certificate ? certificate : "", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- nginx ------------------------------------------------------------------------ */

bool has_nginx(void) { return system("/usr/sbin/nginx -v >/dev/null 2>&1") == 0; }

pid_t start_nginx(uint16_t *port, const char *listen, const char *lines)
{
    char text[4096];
    assert_int_equal(chmod(folder, 0755), 0); /* it may be another user's there */
    close(raw_listen(port, 1));
    snprintf(text, sizeof text,
             "daemon off; master_process off; pid %s/pid; error_log %s/errors;\n"
             "events {}\n"
             "http { access_log off; client_body_temp_path %s/body;\n"
             "proxy_temp_path %s/proxy; fastcgi_temp_path %s/fastcgi;\n"
             "uwsgi_temp_path %s/uwsgi; scgi_temp_path %s/scgi;\n"
             "server { listen 127.0.0.1:%u %s; root %s; %s } }\n",
             folder, folder, folder, folder, folder, folder, folder, *port, listen,
             folder, lines);
    put_file(in_folder("nginx.conf"), text);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execl("/usr/sbin/nginx", "nginx", "-c", in_folder("nginx.conf"), (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- tinyproxy ------------------------------------------------------------------- */

bool has_tinyproxy(void) { return system("tinyproxy -v >/dev/null 2>&1") == 0; }

pid_t start_tinyproxy(uint16_t *port, const char *lines)
{
    char text[1024];
    close(raw_listen(port, 1));
    snprintf(text, sizeof text,
             "Listen 127.0.0.1\nPort %u\nLogFile \"%s/proxy.log\"\nTimeout 60\n%s",
             *port, folder, lines);
    put_file(in_folder("tinyproxy.conf"), text);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("tinyproxy", "tinyproxy", "-d", "-c", in_folder("tinyproxy.conf"),
               (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- all of them ------------------------------------------------------------------ */

void end_server(pid_t pid)
{
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

void expect_folder(cadre_system *sys, const char *scheme, uint16_t port)
{
    got g;
    char file[64];
    snprintf(file, sizeof file, "%s://127.0.0.1:%u/a", scheme, port);
    int64_t until = real_now() + 60 * CADRE_SECOND;
    put_file(in_folder("a"), "from a file");
    do
        g = fetch(sys, &(cadre_http_call){.url = file});
    while (g.code == -ECONNREFUSED && real_now() < until);
    for (int i = 0; i < 20; i++) {
        g = fetch(sys, &(cadre_http_call){.url = file, .in_pieces = i % 2});
        assert_int_equal(g.status, 200);
        assert_string_equal(text_of(g), "from a file");
        g = fetch(sys, &(cadre_http_call){
                           .url = url_with(scheme, "127.0.0.1", port, "/none")});
        assert_int_equal(g.status, 404);
        g = fetch(sys, &(cadre_http_call){.method = "HEAD", .url = file});
        assert_int_equal(g.status, 200);
        assert_int_equal(g.size, 11);
    }
}
