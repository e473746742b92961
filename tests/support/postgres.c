/* postgres.c: a PostgreSQL server of the test's own.
 *
 * It refuses to be root's. It goes when the test's first thread does, however that
 * ends. */
#include "support/postgres.h"

#include "support/folder.h"
#include "support/sockets.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char programs[256]; /* their folder */
static uint16_t port;
static pid_t server, owner;

static bool find_programs(void)
{
    glob_t found = {0};
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0)
        snprintf(programs, sizeof programs, "%.*s",
                 (int)(strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb")),
                 found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return programs[0];
}

static const struct passwd *user(void)
{
    const struct passwd *it = getpwnam("postgres");
    return it ? it : getpwnam("nobody");
}

/* In the child. */
static void become(const char *program, char *const *words)
{
    char path[400];
    if (chdir(folder) ||
        (getuid() == 0 && (setgid(user()->pw_gid) || setuid(user()->pw_uid))))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (!freopen(in_folder("log"), "a", stdout) ||
        !freopen(in_folder("log"), "a", stderr))
        _exit(125);
    snprintf(path, sizeof path, "%s/%s", programs, program);
    execv(path, words);
    _exit(127);
}
static pid_t start_program(const char *program, char *const *words)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become(program, words);
    return child;
}
static int run_program(const char *program, char *const *words)
{
    int status;
    pid_t child = start_program(program, words);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}
#define RUN(program, ...)                                                              \
    run_program((program), (char *[]){(char *)(program), __VA_ARGS__, NULL})

static const char *port_text(void)
{
    static char text[8];
    snprintf(text, sizeof text, "%u", port);
    return text;
}

static bool accepts(void)
{
    int status;
    while (RUN("pg_isready", "-q", "-h", folder, "-p", (char *)port_text()) != 0)
        if (waitpid(server, &status, WNOHANG) == server)
            return false;
    return true;
}

static bool start(void)
{
    server = start_program(
        "postgres",
        (char *[]){"postgres", "-D", (char *)in_folder("data"), "-k", folder, "-p",
                   (char *)port_text(), "-c", "listen_addresses=127.0.0.1", "-c",
                   "fsync=off", "-c", "max_connections=40", "-c", "shared_buffers=4MB",
                   "-c", "log_statement=none", NULL});
    return accepts();
}

static void print_log(void)
{
    char line[400];
    FILE *log = fopen(in_folder("log"), "r");
    while (log && fgets(line, sizeof line, log))
        fputs(line, stderr);
    if (log)
        fclose(log);
}
void postgres_start(void)
{
    if (start())
        return;
    print_log();
    fail();
}

static void end_by(int signal)
{
    if (server > 0 && kill(server, signal) == 0)
        waitpid(server, NULL, 0);
    server = 0;
}
void postgres_crash(void) { end_by(SIGQUIT); }
static void end_with_program(void)
{
    if (getpid() == owner)
        end_by(SIGQUIT);
}

static uint16_t free_port(void)
{
    uint16_t found;
    close(raw_listen(&found, 1));
    return found;
}

bool postgres_make(void)
{
    if (server)
        return true;
    if (!find_programs())
        return false;
    make_folder();
    owner = getpid();
    atexit(end_with_program);
    assert_int_equal(chmod(folder, 0755), 0);
    if (getuid() == 0)
        assert_int_equal(chown(folder, user()->pw_uid, user()->pw_gid), 0);
    assert_int_equal(RUN("initdb", "-N", "--auth=trust", "-U", "cadre", "-E", "UTF8",
                         "--locale=C", "-D", (char *)in_folder("data")),
                     0);
    put_file(in_folder("data/pg_hba.conf"),
             "local all secret scram-sha-256\nlocal all refused reject\n"
             "local all all trust\nhost all all 127.0.0.1/32 trust\n");
    do
        port = free_port();
    while (!start()); /* else somebody has taken it since */
    return true;
}

static const char *url(const char *host, const char *more)
{
    static char urls[8][400];
    static unsigned next;
    char *it = urls[next++ % 8];
    snprintf(it, sizeof *urls, "host=%s port=%u user=cadre dbname=postgres%s", host,
             port, more);
    return it;
}
const char *postgres_url(const char *more) { return url(folder, more); }
const char *postgres_tcp_url(const char *more) { return url("localhost", more); }

const char *postgres_says(const char *sql)
{
    static char line[256];
    char command[1024];
    snprintf(command, sizeof command, "%s/psql -qAtX '%s' -c \"%s\"", programs,
             postgres_url(""), sql);
    FILE *psql = popen(command, "r");
    assert_non_null(psql);
    line[0] = 0;
    if (!fgets(line, sizeof line, psql))
        line[0] = 0;
    assert_int_equal(pclose(psql), 0);
    line[strcspn(line, "\n")] = 0;
    return line;
}
