/* process.h: child processes as messages. Of the library cadre-io, on Linux 5.4 or later.
 *
 * A process belongs to the actor that has started it. Its standard streams can be pipes,
 * each with one way, which are streams of that actor (stream.h): cadre_stream_opened,
 * then data; or written. A pipe that is read closes when nobody has its other end any
 * more: that may be before or after the process is told to have ended, and long after,
 * where it has left children of its own. One that is written closes with -EPIPE when a
 * write finds nobody there; or, while it is still the owner's, when the process has ended
 * and nobody has its other end, within a second; and by cadre_stream_shutdown(). To close
 * one tells the process of the end of its input, or gives it a SIGPIPE.
 *
 * The program's SIGCHLD is left alone. Where the program ignores that, or waits for any
 * child, nobody knows how this one has ended. Stopping the owner's system waits for the
 * grace. A process that is another user's by now (a set-user-ID program) cannot be made
 * to end: its owner's end waits for it. Until its program is loaded, one that starts has
 * copies of all descriptors: what is closed in that moment stays open so long. In a
 * simulation the calls return -ENOTSUP, and in an isolated actor. What awaits one of the
 * messages is refused as with sockets.
 *
 * Guarantees, each with a test of that name:
 *   one_ended            each process that was started has exactly one
 *                        cadre_process_ended; none after cadre_cancel() of its id, or
 *                        when its owner has ended
 *   reaped_when_told     no zombie is left when that comes, nor a descriptor when it was
 *                        handled
 *   killed_at_the_end    the processes of an actor that has ended have ended, and are
 *                        reaped, when its end is told
 *   failed_start_is_none a call that failed has started nothing, and leaves nothing
 *   nothing_inherited    it has the default action for every signal, blocks none, and has
 *                        three descriptors */
#ifndef CADRE_PROCESS_H
#define CADRE_PROCESS_H
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A value; id 0 is none. */
typedef struct cadre_process {
    uint64_t id;
} cadre_process;

/* What a standard stream is. */
typedef enum cadre_process_stream {
    CADRE_PROCESS_INHERIT, /* the program's own */
    CADRE_PROCESS_NULL,    /* /dev/null */
    CADRE_PROCESS_PIPE,
    CADRE_PROCESS_STDOUT /* of stderr: where stdout goes */
} cadre_process_stream;

/* All zero is the default. */
typedef struct cadre_process_options {
    cadre_process_stream in, out, err;
    const char *const *env; /* NULL at its end. NULL: the program's */
    const char *cwd;        /* NULL: the program's */
    /* When its owner ends, or has cancelled it, it gets a SIGTERM, and a SIGKILL when it
     * has not ended after this time. 0: 5 seconds; CADRE_NEVER: none */
    cadre_time grace;
    bool kill;                         /* the SIGKILL at once */
    const cadre_stream_options *pipes; /* NULL: the usual. `delay` is of no effect */
    void *reserved[2];                 /* zero, else -EINVAL */
} cadre_process_options;

/* This side of those that are pipes; of the others the id is 0. */
typedef struct cadre_process_pipes {
    cadre_stream in, out, err; /* `in` is written, the others are read */
} cadre_process_pipes;

/* The last message. status: the exit code, 0 to 255; 128 and the signal where one has
 * ended it; -ECHILD where somebody else has reaped it. So 0 is success. */
typedef struct cadre_process_ended {
    cadre_process process;
    int status;
    int signal; /* or 0 */
} cadre_process_ended;
CADRE_API extern const cadre_type cadre_process_ended_type;

/* Starts the program argv[0], with these arguments, up to a NULL. Where that has no slash
 * it is looked for in the program's PATH; a relative path is one in cwd. *pipes may be
 * NULL where there is none; options, too. It runs when this returns, which takes as long
 * as the system takes to load it.
 * Errors: -EINVAL (also pipes NULL, or argv[0]); of the program or cwd, with a line in
 * the log, -ENOENT, -EACCES, -ENOEXEC, -E2BIG and what else the system says; -EAGAIN (too
 * many processes; or no thread), -EMFILE, -ENFILE, -ENOMEM, CADRE_EFULL, -ENOSYS (an
 * older system), -ESHUTDOWN (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int
cadre_process_start(cadre_self *self, cadre_process *process,
                    cadre_process_pipes *pipes, const char *const argv[],
                    const cadre_process_options *options);

/* Sends it a signal, which reaches this process or none: one that has ended meanwhile is
 * no error. Errors: -EINVAL (signal), -ENOENT (no process of this actor's), -EPERM (it
 * may not: it is another user's by now). */
CADRE_API int cadre_process_kill(cadre_self *self, cadre_process process, int signal);
/* The system's number for it. Errors: -ENOENT. */
CADRE_API int cadre_process_pid(cadre_self *self, cadre_process process, int64_t *pid);

#ifdef __cplusplus
}
#endif
#endif
