/* config.c: defaults, environment, validation. The environment is read here only. */
#include "system/config.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, SIMULATED_WORKERS = 2 };
enum { BLOCKING_THREADS = 16, BLOCKING_THREADS_MAX = 1024, BLOCKING_WAITING = 1024 };
enum { IO_THREADS_MAX = 64 };
enum { STACK_LEAST = 16 << 10, STACK_MOST = 1 << 30 };

static int bad(const struct settings *s, const char *what)
{
    log_line(&s->log, LOG_ERROR, "config: %s", what);
    return -EINVAL;
}

/* 1..max from the environment, in decimal, or in hexadecimal behind 0x; a 0 in front is
 * only a 0. 0 when unset. */
static int number_from(const struct settings *s, uint64_t *value, const char *name,
                       uint64_t max)
{
    const char *text = getenv(name);
    char *end;
    *value = 0;
    if (!text || !*text)
        return 0;
    errno = 0;
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    *value = strtoull(text, &end, is_hex ? 16 : 10);
    bool is_number = *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
    if (is_number && *value >= 1 && *value <= max)
        return 0;
    log_line(&s->log, LOG_ERROR, "%s=%s: not a number from 1 to %llu", name, text,
             (unsigned long long)max);
    return -EINVAL;
}

static int resolve_log(struct settings *s, const cadre_config *c)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug"};
    s->log = (struct log){log_to_stderr, NULL, LOG_WARN};
    if (c->log) {
        s->log = (struct log){c->log, c->log_user, LOG_DEBUG};
        return 0;
    }
    const char *text = getenv("CADRE_LOG");
    if (!text || !*text)
        return 0;
    for (int level = LOG_OFF; level <= LOG_DEBUG; level++)
        if (strcmp(text, names[level]) == 0) {
            s->log.level = level;
            return 0;
        }
    log_line(&s->log, LOG_ERROR, "CADRE_LOG=%s: not off, error, warn, info or debug",
             text);
    return -EINVAL;
}

static int resolve_seed(struct settings *s, const cadre_config *c)
{
    s->seed = c->seed;
    int err = s->seed ? 0 : number_from(s, &s->seed, "CADRE_SEED", UINT64_MAX);
    s->mode = s->seed ? SCHED_SIMULATED : SCHED_THREADS;
    return err;
}

static int resolve_workers(struct settings *s, const cadre_config *c)
{
    uint64_t count = c->workers;
    if (c->workers == CADRE_NO_WORKERS) {
        s->workers = 1;
        s->polled = true;
        if (c->pinned > 0)
            return bad(s, "pinned needs workers");
        if (s->mode == SCHED_THREADS)
            s->mode = SCHED_POLLED;
        return 0;
    }
    if (count > IDLE_WORKERS_MAX)
        return bad(s, "workers is over 1024");
    int err = count ? 0 : number_from(s, &count, "CADRE_WORKERS", IDLE_WORKERS_MAX);
    if (!err && !count)
        count = s->mode == SCHED_SIMULATED ? SIMULATED_WORKERS : limits_cpus();
    s->workers = count < IDLE_WORKERS_MAX ? (uint32_t)count : IDLE_WORKERS_MAX;
    if (!err && c->pinned > IDLE_WORKERS_MAX - s->workers)
        err = bad(s, "workers and pinned are over 1024");
    s->pinned = c->pinned;
    s->workers += s->pinned;
    return err;
}

static int resolve_threads(struct settings *s, const cadre_config *c)
{
    s->blocking_threads = c->blocking_threads ? c->blocking_threads : BLOCKING_THREADS;
    s->blocking_waiting = c->blocking_waiting ? c->blocking_waiting : BLOCKING_WAITING;
    if (s->mode == SCHED_SIMULATED)
        s->blocking_threads = 0; /* its one thread makes the calls */
    if (s->blocking_threads > BLOCKING_THREADS_MAX)
        return bad(s, "blocking_threads is over 1024");
    s->io_threads = c->io_threads;
    if (s->io_threads > IO_THREADS_MAX)
        return bad(s, "io_threads is over 64");
    s->stack_size = c->stack_size ? c->stack_size : STACK_SIZE;
    return s->stack_size < STACK_LEAST || s->stack_size > STACK_MOST
               ? bad(s, "stack_size is below 16 KiB or over 1 GiB")
               : 0;
}

static int resolve_stuck(struct settings *s, const cadre_config *c)
{
    s->stuck_after = c->stuck_after ? c->stuck_after : CADRE_SECOND;
    /* A signal is taken only of a program that has asked for something. */
    s->stuck_stacks =
        s->mode == SCHED_THREADS && c->stuck_after && c->stuck_after != CADRE_NEVER;
    return s->stuck_after < 0 ? bad(s, "stuck_after is negative") : 0;
}

/* What the program says, or the environment when it says nothing. */
static int resolve_flag(const struct settings *s, bool *flag, bool is_set,
                        const char *name)
{
    const char *text = getenv(name);
    *flag = is_set;
    if (is_set || !text || !*text)
        return 0;
    *flag = strcmp(text, "1") == 0;
    if (*flag || strcmp(text, "0") == 0)
        return 0;
    log_line(&s->log, LOG_ERROR, "%s=%s: not 0 or 1", name, text);
    return -EINVAL;
}

int config_resolve(struct settings *s, const cadre_config *config)
{
    static const cadre_config defaults;
    const cadre_config *c = config ? config : &defaults;
    *s = (struct settings){0};
    int err = resolve_log(s, c);
    if (!err && memcmp(c->reserved, defaults.reserved, sizeof c->reserved) != 0)
        err = bad(s, "reserved is not zero (made for a newer version?)");
    if (!err)
        err = resolve_seed(s, c);
    if (!err)
        err = resolve_workers(s, c);
    if (!err)
        err = resolve_threads(s, c);
    if (!err)
        err = resolve_stuck(s, c);
    if (!err)
        err =
            resolve_flag(s, &s->report_faults, c->report_faults, "CADRE_REPORT_FAULTS");
    if (!err)
        err = resolve_flag(s, &s->record_messages, c->record_messages,
                           "CADRE_RECORD_MESSAGES");
    s->batch = c->batch ? c->batch : BATCH;
    s->memory_max = c->memory_max ? c->memory_max : limits_memory() / 4 * 3;
    s->end_when_quiet = c->end_when_quiet;
    s->isolated = s->mode == SCHED_SIMULATED ? 0 : c->isolated;
    return err;
}
