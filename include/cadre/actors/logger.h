/* logger.h: lines to a file, a descriptor or a function; who logs never waits.
 *
 * A line is a message to the logger: of an actor by cadre_log(), of the program by
 * cadre_log_outside(). It says when it came, its level, by whom, what, and more in
 * fields:
 *
 *   2026-11-28T21:44:45.123456Z info 7.1 server: opened path="/a b" size=12
 *
 * Lines are written by calls that may block (offload.h), one at a time and in the order
 * in which they came; what comes meanwhile is written with the next call, all at once. Up
 * to `bytes` and `lines` wait. What finds no room is dropped, the less important first:
 * of the room errors may take all, warnings 7/8, information 3/4, and debugging 1/2.
 * Where lines are missing another says how many.
 *
 * A write that fails (the disk is full, nobody reads) is tried again, from the byte where
 * it failed, after `retry`, then twice that and so on, up to 64 times that. What waits is
 * kept meanwhile.
 *
 * What it is told, plain or as a request; each is answered with a cadre_logger_status:
 *   cadre_logger_flush   answered when all lines that came before have been written or
 *                        dropped; or with the failure of the first write that fails
 *                        meanwhile: then they are kept and tried again
 *   cadre_logger_reopen  opens `path` anew, for the lines to be written from now on, so
 *                        that the old file may be renamed; answered as a flush is. From a
 *                        signal handler: have it sent, by cadre_raise_now() (apply.h)
 *   cadre_logger_level   from now on lines beyond this level are left out
 *   cadre_logger_ask     answered at once
 *
 * When it ends, for whatever reason, it writes what it has by itself, in its turn, for
 * `linger` at most: so stop it last, as the first child of its parent that logs. What
 * then remains, because it takes longer or fails, is dropped.
 *
 * It is no sink for cadre_config.log, which must not call Cadre. That gets lines of the
 * runtime itself, few, when it is not well; leave them on stderr.
 *
 * Guarantees, each with a test of that name:
 *   senders_never_wait   a line costs its sender a message, whatever the sink does
 *   order_is_kept        lines are written in the order in which they came, once, and
 *                        each is whole, after short and failed writes, too
 *   books_are_exact      lines = written + dropped + waiting; what the log says is
 *                        missing was dropped, and all of that but at the end
 *   within_bounds        no more than `lines` and `bytes` wait
 *   less_important_first as above
 *   one_line_each        control characters are escaped (\n, \x1b): one line in, one out
 *   flush_is_honest      answered without a failure: the sink has taken the lines
 *   end_writes_the_rest  as above, unless it is killed in the midst of a write that does
 *                        not return within `linger` */
#ifndef CADRE_ACTORS_LOGGER_H
#define CADRE_ACTORS_LOGGER_H
#include <cadre/ask.h>
#include <cadre/system.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A sink: takes up to `size` bytes, and returns how many it took, or a negative code. May
 * block; called by one thread at a time, each time maybe another; at the logger's end in
 * its turn. */
typedef int64_t cadre_log_write(void *user, const char *bytes, size_t size);

typedef struct cadre_logger_status {
    uint64_t lines;    /* that came, up to the level */
    uint64_t written;  /* given to the sink, ever */
    uint64_t dropped;  /* for want of room or memory; at the end: not written */
    uint64_t filtered; /* beyond the level; not in `lines` */
    uint64_t failures; /* of writing and opening, and calls that could not be made */
    uint32_t waiting;
    int code; /* of the last failure; 0: there was none */
    int level;
} cadre_logger_status;
CADRE_API extern const cadre_type cadre_logger_status_type;

/* Its config, which cadre_spawn() takes as init. A negative time or level, more bytes
 * than 1 GiB, or both a path and a write fail the start with -EINVAL. */
typedef struct cadre_logger {
    const char *path;       /* appended to; made with mode 0640. NULL: fd */
    cadre_log_write *write; /* in place of both; or NULL */
    void *user;             /* of write and over; outlives the system */
    int fd;                 /* stays open. 0: 2, which is stderr */
    int level;              /* CADRE_ERROR ... CADRE_DEBUG. 0: CADRE_INFO */
    uint32_t lines;    /* most that wait, those being written included. 0: 10,000 */
    uint32_t bytes;    /* of them, most. 0: 1 MiB */
    cadre_time retry;  /* nanoseconds. 0: 100 ms */
    cadre_time linger; /* nanoseconds. 0: 1 s */
    /* UTC in nanoseconds since 1970. Called in the logger's turn with wall_user. NULL:
     * the machine's clock; in a simulation virtual time, so that it begins in 1970. */
    cadre_time (*wall)(void *user);
    void *wall_user;
    /* Called last of all, in its turn, with the final figures; or NULL. */
    void (*over)(void *user, const cadre_logger_status *status);
    uint64_t own[32]; /* zero; the actor's own */
} cadre_logger;
CADRE_API extern const cadre_class cadre_logger_class;

/* A line. */
typedef struct cadre_log_line {
    int level; /* anything above CADRE_DEBUG counts as that, below 1 as an error */
    const char *actor; /* the sender's class, constant; or NULL */
    cadre_buf *text;   /* goes along */
} cadre_log_line;
CADRE_API extern const cadre_type cadre_log_line_type;

typedef struct cadre_logger_flush {
    int none;
} cadre_logger_flush;
CADRE_API extern const cadre_type cadre_logger_flush_type;
typedef struct cadre_logger_reopen {
    int none;
} cadre_logger_reopen;
CADRE_API extern const cadre_type cadre_logger_reopen_type;
typedef struct cadre_logger_level {
    int level;
} cadre_logger_level;
CADRE_API extern const cadre_type cadre_logger_level_type;
typedef struct cadre_logger_ask {
    int none;
} cadre_logger_ask;
CADRE_API extern const cadre_type cadre_logger_ask_type;

/* A field: a text, in quotes unless it is one plain word, or where that is NULL the
 * number. A name ends an array if it is NULL. */
typedef struct cadre_log_field {
    const char *name;
    const char *text;
    int64_t number;
} cadre_log_field;

/* An array of them, as in CADRE_FIELDS({"path", .text = path}, {"size", .number = 12}). C
 * only. */
#ifndef __cplusplus
#define CADRE_FIELDS(...) ((const cadre_log_field[]){__VA_ARGS__, {0}})
#endif

/* Bytes of a line behind its sender; what is beyond is cut. */
#define CADRE_LOG_TEXT 4096

/* Logs `what` and the fields, which may be NULL; all are copied. Errors: -EINVAL (what is
 * NULL), -ENOMEM, CADRE_EFULL (the memory limit): there is no line then. */
CADRE_API int cadre_log(cadre_self *self, cadre_ref logger, int level, const char *what,
                        const cadre_log_field *fields);
/* The same from outside. Errors: also as cadre_tell_as(). */
CADRE_API int cadre_log_outside(cadre_system *sys, cadre_ref logger, int level,
                                const char *what, const cadre_log_field *fields);

#ifdef __cplusplus
}
#endif
#endif
