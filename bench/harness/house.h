/* house.h: servers that a benchmark asks, each a process of its own.
 *
 * So a server's time is its own. It starts with the first run that needs it and lives to
 * the end. One with one thread has the first CPU for itself, and whoever asks the second,
 * where there are two; one with more may use all, and so may whoever asks. */
#ifndef HARNESS_HOUSE_H
#define HARNESS_HOUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Who serves: a function of the benchmark's own, which writes its port with house_tell()
 * and does not return; or NULL for a program that bench/peers/serve.sh knows by name. */
struct house_server {
    const char *name;
    const char *kind; /* what the program is to serve: "echo" */
    void (*serve)(uint32_t workers);
};

struct house {
    pid_t pid;
    uint16_t port;     /* on 127.0.0.1 */
    uint64_t resident; /* bytes that it held when it could first be asked */
};

/* Is it installed? Asks serve.sh, which also builds what has to be built. */
bool house_there(const struct house_server *server);

/* The one with so many threads; NULL after a line on stderr. */
const struct house *house_open(const struct house_server *server, uint32_t workers);

/* In `serve`: the server can be asked now. */
void house_tell(uint16_t port);

/* The CPU time it has taken, with its children, in nanoseconds. */
double house_cpu_time(const struct house *house);

/* Has wrk ask for http://.../PATH over so many connections, for its shortest time, a
 * second. Writes what n requests took: the server's CPU time, or all. Returns 0, or
 * BENCH_SKIPPED: one was refused, or there is no wrk. */
int house_wrk(double *total, const struct house *house, unsigned connections,
              const char *path, bool cpu, uint64_t n);

/* Ends all of them. */
void house_close_all(void);

#endif
