/* redis.c: a Redis server of the test's own.
 *
 * It goes when the test's first thread does, however that ends. */
#include "support/redis.h"

#include "support/folder.h"
#include "support/sockets.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTIONS_MAX = 16, WORDS_MAX = 32 };

static const char *more[OPTIONS_MAX + 1];
static uint16_t port;
static pid_t server, owner;

const char *redis_path(void) { return in_folder("redis.sock"); }
uint16_t redis_port(void) { return port; }

const char *redis_url(const char *format, ...)
{
    static char urls[8][400];
    static unsigned next;
    char *it = urls[next++ % 8];
    va_list values;
    va_start(values, format);
    vsnprintf(it, sizeof *urls, format, values);
    va_end(values);
    return it;
}

/* ---- the server ------------------------------------------------------------------ */

static void become(char *const *words)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen(in_folder("log"), "a", stdout) ||
        !freopen(in_folder("log"), "a", stderr))
        _exit(125);
    execvp(words[0], words);
    _exit(127);
}

static void start_program(void)
{
    static char text[8];
    snprintf(text, sizeof text, "%u", port);
    char *words[WORDS_MAX + OPTIONS_MAX] = {
        "redis-server", "--port", text,    "--unixsocket", (char *)redis_path(),
        "--save",       "",       "--dir", folder,         "--bind",
        "127.0.0.1",    NULL};
    unsigned n = 11;
    for (unsigned i = 0; more[i]; i++)
        words[n++] = (char *)more[i];
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        become(words);
}

static bool answers(int fd)
{
    char answer;
    return send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, &answer, 1, 0) == 1;
}

/* False: it has ended. */
static bool accepts(void)
{
    for (;;) {
        int fd = raw_local_socket();
        bool is_there = raw_local_connect_socket(fd, redis_path()) == 0 && answers(fd);
        close(fd);
        if (is_there)
            return true;
        if (waitpid(server, NULL, WNOHANG) == server)
            return false;
    }
}

static bool start(void)
{
    start_program();
    return accepts();
}

void redis_start(void)
{
    char line[400];
    if (start())
        return;
    FILE *log = fopen(in_folder("log"), "r");
    while (log && fgets(line, sizeof line, log))
        fputs(line, stderr);
    if (log)
        fclose(log);
    fail();
}

void redis_crash(void)
{
    if (server > 0 && kill(server, SIGKILL) == 0)
        waitpid(server, NULL, 0);
    server = 0;
    (void)unlink(redis_path());
}

static void end_with_program(void)
{
    if (getpid() == owner)
        redis_crash();
}

static uint16_t free_port(void)
{
    uint16_t found;
    close(raw_listen(&found, 1));
    return found;
}

bool redis_make(const char *const *options)
{
    if (server)
        return true;
    if (system("redis-server --version >/dev/null 2>&1") != 0)
        return false;
    make_folder();
    owner = getpid();
    atexit(end_with_program);
    for (unsigned i = 0; options && options[i]; i++)
        more[i] = options[i];
    do
        port = free_port();
    while (!start()); /* else somebody has taken it since */
    return true;
}

const char *redis_says(const char *command)
{
    static char line[256];
    char text[1024];
    snprintf(text, sizeof text, "redis-cli -s '%s' %s", redis_path(), command);
    FILE *cli = popen(text, "r");
    assert_non_null(cli);
    if (!fgets(line, sizeof line, cli))
        line[0] = 0;
    while (fgetc(cli) != EOF) {
    }
    (void)pclose(cli); /* of a grep that finds nothing, too */
    line[strcspn(line, "\n")] = 0;
    return line;
}
