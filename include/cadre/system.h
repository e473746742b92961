/* system.h: the runtime itself, and the way in from other threads.
 *
 * Functions taking `cadre_system *` may be called from any thread that is not one of
 * that system's workers, except where they say otherwise. A system lives as long as
 * its root actor; a pointer to one that was freed is refused with -EINVAL as long as
 * no new system stands at its address. */
#ifndef CADRE_SYSTEM_H
#define CADRE_SYSTEM_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_level { CADRE_ERROR = 1, CADRE_WARN, CADRE_INFO, CADRE_DEBUG };

/* All zero is the default. What is zero here is filled in from the environment where a
 * variable is named; a value there that cannot be read fails the start with -EINVAL. */
typedef struct cadre_config {
    /* Threads, 1 to 1024, or CADRE_NO_WORKERS. 0: CADRE_WORKERS, else the CPUs of the
     * affinity mask, capped by the cgroup's CPU quota rounded up (2 when simulated).
     * Those beyond the CPUs are for handlers that block: they take over what waits behind
     * such a one, and share in no other work. */
    uint32_t workers;
    /* Messages an actor may handle in one turn before others have theirs. 0: 64. */
    uint32_t batch;
    /* Non-zero: a simulation. `workers` virtual workers run on the thread that calls
     * cadre_run, _wait or _poll, in virtual time and in an order drawn from the seed:
     * the same program and seed give the same run, and no thread is created.
     * 0: CADRE_SEED, else real. */
    uint64_t seed;
    /* Most bytes this system may hold. 0: 75 % of the cgroup's limit or of RAM. Above
     * it sends return CADRE_EFULL and spawns -ENOMEM; stopping always works. */
    size_t memory_max;
    /* End with 0 once no actor has anything left to do, as if the root had stopped. */
    bool end_when_quiet;
    /* Report faults on stderr: see below. false: CADRE_REPORT_FAULTS (0, 1), else no. */
    bool report_faults;
    /* Messages are among the last events of a report (fail.h), not only what is rarer:
     * for a while, to find something, because a message costs a third more. Always under
     * simulation. false: CADRE_RECORD_MESSAGES (0, 1), else no. */
    bool record_messages;
    /* Actors with a process of their own (isolate.h) at a time, up to 255. 0: none. */
    uint8_t isolated;
    /* Threads for actors that stay on one (pin.h), beside the workers and numbered behind
     * them: up to 1024 in all. Not with CADRE_NO_WORKERS. 0: none. */
    uint32_t pinned;
    /* Receives each log line, without newline, from any thread; must not block or call
     * Cadre. NULL: to stderr, up to the level in CADRE_LOG (error, warn, info, debug,
     * off; unset: warn). */
    void (*log)(void *user, int level, const char *line);
    void *log_user;
    /* Replaces malloc for this system: behaves like realloc(old, new_size), frees when
     * new_size is 0, returns max_align_t-aligned memory or NULL. Any thread. */
    void *(*alloc)(void *user, void *old, size_t old_size, size_t new_size);
    void *alloc_user;
    /* Calls that block (offload.h): threads in each of the pools, and how many may wait
     * beyond those. 0: 16; 1,024. */
    uint32_t blocking_threads, blocking_waiting;
    /* Bytes of stack for handlers that wait (await.h), rounded up to pages; at least
     * 16 KiB. 0: 256 KiB. */
    size_t stack_size;
    /* A handler that has not returned for so many nanoseconds is named in a line of the
     * log at level CADRE_WARN, with the type of its message where that can be had; again
     * each time it has taken ten times as long; and in one at CADRE_INFO when it has
     * returned. Who notices is a worker that has nothing to do, once something waits
     * behind the handler: with one worker, while all are busy, or when it holds up
     * nobody, there is no line. 0: a second; CADRE_NEVER: never.
     * When it is set, the stack of the handler follows in lines of its own: see below. */
    cadre_time stuck_after;
    /* Threads for sockets (tcp.h), up to 64, started when one is opened. 0: none, workers
     * see to them when they have nothing else to do, and in between; without workers:
     * 1. */
    uint32_t io_threads;
    uint32_t reserved[1]; /* zero, else -EINVAL */
} cadre_config;

/* Faults (report_faults). A handler that reads where nothing is, divides by zero, aborts
 * or runs out of stack ends the process, as in any C program: nothing is contained. With
 * report_faults a SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT on a thread of the system (a
 * worker, or one that makes an offloaded call; without threads, whoever steps it) is
 * first reported on stderr, in lines that begin with `cadre fault: `:
 * - the signal, its cause in words, the address; the actor, by address and class, and the
 *   type of its message, where the kernel lets us look;
 * - whose stack is too small, when the address is in its guard page (a function with more
 *   than a page of locals may leap over that: -fstack-clash-protection);
 * - for each worker that is awake, what it runs, its turns and messages;
 * - for each worker, the last events there (fail.h), those where it failed first;
 * - the stack. Functions have their names where the files have them: static ones, too.
 * Then whoever had the signal before us has it again, and it comes again: so a handler
 * of the program's is called, a core is dumped, and the exit status is as without us.
 * - The report takes no lock and no memory. One that fails itself ends there.
 * - Of several threads one reports; the others wait for it, for three seconds at most.
 * - Faults on other threads, in other systems and in the child of a fork are not
 *   reported.
 * - The signals are taken by the first system that asks for it, and given back when the
 *   last one is freed. A handler that the program puts over ours meanwhile may call
 *   ours; if it does not, there is no report.
 * - Each thread has another stack for signal handlers (sigaltstack) while it runs for
 *   such a system: 64 KiB at the top of its own, which it must have.
 *
 * Stacks of handlers that do not return (stuck_after, when it is set). The worker is
 * asked by a signal, SIGRTMAX - 2, which is taken when the first such system starts, if
 * it has no handler and the thread that starts the system does not block it, and given
 * back when the last one is freed. The line ends with the reason when there is no stack:
 * the signal is the program's; the handler blocks signals, or does not answer in 100 ms;
 * it has just gone on. errno is kept, and system calls go on (SA_RESTART), but for those
 * that a signal always interrupts (poll, nanosleep, ...: signal(7)), which return EINTR.
 * With workers only, those for pinned actors as well; not on threads that make offloaded
 * calls. */

/* Runs a system until its root actor has ended, and returns the root's reason: 0 after
 * CADRE_STOP or a stop, negative after a failure or a kill. config and init may be
 * NULL. Errors: those of cadre_system_new() and cadre_system_wait(). */
CADRE_API CADRE_MUST_CHECK int cadre_run(const cadre_config *config,
                                         const cadre_class *root, const void *init);

/* The same in pieces, for a program that has a life of its own. *sys is written on
 * success and freed with cadre_system_free().
 * Errors: -EINVAL (argument, environment), -EMSGSIZE (state), -ENOMEM, -EAGAIN (threads
 * or processes could not be created), -EMFILE (descriptors, or 255 systems). */
CADRE_API CADRE_MUST_CHECK int cadre_system_new(cadre_system **sys,
                                                const cadre_config *config,
                                                const cadre_class *root,
                                                const void *init);
/* The root's address; id 0 for NULL. Any thread. */
CADRE_API cadre_ref cadre_system_root(const cadre_system *sys);

/* Asks the root to stop, as cadre_stop() would, and refuses tells from now on. Returns
 * at once. Any thread, any time, as often as you like; async-signal safe. */
CADRE_API void cadre_system_stop(cadre_system *sys);
/* Waits until the root has ended and all threads are joined, and returns its reason.
 * Any number of threads may wait, and again later.
 * Errors: -EDEADLK from one of its own workers, or when it is simulated and would sleep
 * for ever; -EPERM with CADRE_NO_WORKERS while the root lives (poll it, then wait for the
 * reason). */
CADRE_API int cadre_system_wait(cadre_system *sys);
/* Stops, waits, and kills what is left when `timeout` nanoseconds have passed. Returns
 * the root's reason, or -ETIMEDOUT when a handler or an offloaded call has not returned
 * even then: its actor is named in the log, no thread is killed, and the call may be
 * repeated. */
CADRE_API CADRE_MUST_CHECK int cadre_system_stop_by(cadre_system *sys,
                                                    cadre_time timeout);
/* Frees an ended system. NULL is fine. Errors: -EBUSY while the root lives (nothing is
 * freed, the system runs on), -EDEADLK from one of its own workers. */
CADRE_API int cadre_system_free(cadre_system *sys);

/* Inside another event loop (poll, libuv, GLib): with workers = CADRE_NO_WORKERS wait
 * until the descriptor is readable, then poll; one thread at a time. */
#define CADRE_NO_WORKERS UINT32_MAX
/* The descriptor; it stays the system's. It is readable when something was put in, and
 * when a timer is due. -EINVAL when the system has workers. */
CADRE_API int cadre_system_fd(const cadre_system *sys);
/* Runs what is ready, waiting up to `timeout` nanoseconds for the first of it (0: not
 * at all), for at most 1,024 turns. Returns how many turns it ran; 0 with nothing to
 * do; -ESHUTDOWN once the root has ended. Errors: -EINVAL as above or timeout < 0,
 * -EDEADLK when called by a handler of this system. */
CADRE_API int cadre_system_poll(cadre_system *sys, cadre_time timeout);

/* cadre_send() from outside; the message has no sender. From any thread but a worker
 * of this system (-EPERM); under simulation only from the thread that made the system
 * (else -EPERM). Errors: as cadre_send_as(); -ESHUTDOWN once it is stopping. */
CADRE_API int cadre_tell_as(cadre_system *sys, cadre_ref to, const cadre_type *type,
                            const void *body);
#ifndef __cplusplus
#define cadre_tell(sys, to, T, ...)                                                    \
    cadre_tell_as((sys), (to), &T##_type, &(T){__VA_ARGS__})
#endif

/* Counters since the start. accepted = handled + dead + dropped + pending: exactly when
 * nothing is running, nearly while it is. */
typedef struct cadre_counters {
    uint64_t accepted; /* messages taken by send, reply, forward, tell */
    uint64_t handled;  /* received, and receive did not fail */
    uint64_t dead;     /* dead letters, for any reason */
    uint64_t dropped;  /* by a policy the receiver declared */
    uint64_t pending;  /* waiting in mailboxes, or set aside */
    uint64_t actors;   /* alive */
    uint64_t spawned;
    uint64_t turns;
    uint64_t steals;    /* times work moved from one worker to another */
    uint64_t parks;     /* times a worker went to sleep */
    uint64_t bytes;     /* held by the system, pools included */
    uint64_t trace;     /* simulation: the hash of everything that happened; else 0 */
    uint32_t workers;   /* and threads for pinned actors */
    uint32_t simulated; /* 1 under simulation */
    uint64_t mutes;     /* times an actor was held back (flow.h) */
    uint64_t reserved[3];
} cadre_counters;

/* Any thread, any time, also from handlers. Returns 0 or -EINVAL. */
CADRE_API int cadre_stats(const cadre_system *sys, cadre_counters *stats);

/* One line of the final report: `count` messages of this type were left when this actor
 * ended or were sent to it later, while the system was stopping. `who` with id 0 stands
 * for all that did not fit into the table of 1,024 lines. */
typedef struct cadre_leftover {
    cadre_ref who;
    const char *actor; /* the class's name; "?" when unknown */
    const cadre_type *type;
    uint64_t count;
} cadre_leftover;

/* Calls visit for each line, then returns the sum of the counts. After a wait, or a
 * poll that said -ESHUTDOWN (before: -EBUSY). */
CADRE_API int64_t cadre_system_report(cadre_system *sys,
                                      void (*visit)(void *user,
                                                    const cadre_leftover *line),
                                      void *user);

#ifdef __cplusplus
}
#endif
#endif
