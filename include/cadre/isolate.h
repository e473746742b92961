/* isolate.h: actors that run in a process of their own.
 *
 * What a handler breaks in memory it breaks for all actors of the process; only another
 * process keeps it apart. A child that is spawned with `isolated` (supervise.h) is an
 * actor like any other to those who know its address: it is sent messages, asked,
 * watched, linked, stopped, killed, kept and restarted. But its class runs in a process
 * that it has to itself, with little memory and few system calls. When that dies, of
 * whatever, the actor fails with CADRE_ECRASHED and words that say of what ("its
 * process was killed by signal 11 (SIGSEGV)"); nobody else notices more than that.
 *
 *   cadre_opts opts = {.isolated = true, .keep = true};
 *   int err = cadre_spawn_with(self, &child, &decoder_class, &init, &opts);
 *
 * The system must have been started with cadre_config.isolated, the number of such
 * actors at a time. Then cadre_system_new() forks a process that does nothing but fork
 * others (a child of the program: a SIGCHLD comes when the system is freed; wait for
 * your own by their ids). What the program has in memory at that moment its children
 * have as well, so start the system early, and before other threads: what those hold
 * just then (a lock of a library) nobody releases in the children; and text that the
 * program has printed and not flushed comes again from a class that flushes. They have no
 * descriptors of the program but the standard ones (0 is /dev/null; a terminal that is 1
 * or 2 can be read from), no signal handlers, and the session of none. They ignore
 * SIGTERM, SIGINT and SIGHUP, which whoever ends a service may send to all of it: the
 * program decides, and they are there while it drains. What the program has registered
 * with pthread_atfork() is called for the one that forks them, and for none of them.
 * exit() in there runs what it has registered with atexit(); and what a class has printed
 * and not flushed when its process ends, is lost. When the program dies, of whatever, so
 * do they.
 *
 * What it costs. A process is made when the actor starts, which takes somewhat longer
 * than a fork does. A descriptor is in use for each that lives. Messages go through a
 * socket. Where there is more than one CPU, a worker and a process that have just heard
 * from each other look for the next message for at most 50 us before they sleep; else
 * whoever is to be woken is woken, and nobody who is idle wakes up by himself.
 *
 * What crosses. The bytes of a body, and its type, which must be a constant (what nobody
 * can write to) of the program or of a library that was loaded when the system started,
 * and stays so until it is freed; so must the class (else -EINVAL). Pointers in a body
 * mean nothing on the other side, and a type with a `drop` cannot cross: a message of
 * such a type to an isolated actor is a dead letter, with a line in the log (a request
 * fails with CADRE_EUNANSWERED); to send one from there returns -ENOTSUP; and an answer
 * of such a type, from there or to there, becomes a cadre_failure with -ENOTSUP.
 *
 * What it may do. It sends, asks, answers, defers and delegates, forwards, stashes,
 * becomes, sets timers, awaits, has an arena and scopes, stops and kills others and
 * itself, and fails with words. These return -ENOTSUP, with a line in the log: to
 * spawn, to watch and to link, to offload, to apply, cadre_when_closing(),
 * cadre_print_waits(), names, and sockets (stream.h), which cannot be given to it either.
 * cadre_system_of() is a system of its own, with this one actor. cadre_apply() and
 * raises to it are dead letters. Cancels reach it; what it has
 * asked, and others have passed on, its own do not. A system that is made in a handler
 * has the stack of that handler for its isolated actors, too.
 *
 * Whoever sends to it is not held back (flow.h), nor is it: give it, and those that it
 * sends to, a limit. What it uses is not counted here: a budget (account.h) with
 * `isolated` is -EINVAL. An urgent message (urgent.h) overtakes what waits outside, not
 * what was passed on; what it sends itself is not urgent.
 *
 * Its end. A stop is handled after the messages it already has, and its stop() is called
 * in the process; after a kill, or when it dies, that is not. What it has sent in
 * handlers that have returned, or before they began to wait, arrives; of one that does
 * neither, nothing does. (For what finds a mailbox full (limit.h) CADRE_EFULL is too
 * late: a request fails with it, another message is dropped, and counted as such.) Of
 * the messages that were sent to it, those that it has handled are handled, the one in
 * hand is a dead letter (or is retried: CADRE_MAIL_RETRY, as it was sent), and the
 * others have waited, also those that waited in the process behind what it has sent
 * itself; what it had set aside, what a handler has that waits, and what was held
 * meanwhile, counts as handled. Requests it has not answered fail with CADRE_EDEAD.
 *
 * Against faults, not against malice: it can send any bytes as any type to any address
 * that it guesses, and an actor that trusts the pointers in a body must not be
 * reachable.
 *
 * In a simulation there is one process: `isolated` does nothing. There the class runs as
 * that of any other child; only what it may do is not refused, and nothing is limited.
 *
 * Guarantees, each with a test of that name:
 *   isolated_is_an_actor messages, requests, answers, forwards and timers are the same
 *   fault_is_contained   a SIGSEGV, an abort, an exit, a loop without end and one that
 *                        takes all memory end that actor, and no other
 *   death_has_words      its parent, and the log, are told of what it has died
 *   stuck_is_killed      one that does not get on for `timeout` fails with -ETIMEDOUT
 *   kill_reaches_a_loop  cadre_kill() ends one that is in a loop without end
 *   asks_fail_once       requests to one that dies have exactly one outcome
 *   limit_of_one_holds   what it was passed on and has not handled counts (limit.h)
 *   isolated_mutes_nobody, isolated_is_not_muted
 *                        nobody is held back by it, nor is it (flow.h)
 *   mail_is_kept_apart   what a kept one had not begun is handled after the restart,
 *                        and nothing is handled twice
 *   damage_is_contained  one that writes over all that it shares with the program, or
 *                        sends it nonsense, ends at most itself
 *   drained_is_done      a system that drains waits for what it has deferred (shutdown.h)
 *   nothing_is_left      no process, no descriptor and no message is left behind
 *   nobody_survives      when the program is killed, all its processes end */
#ifndef CADRE_ISOLATE_H
#define CADRE_ISOLATE_H
#include <cadre/supervise.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Defaults. */
#define CADRE_ISOLATED_MEMORY ((size_t)1 << 30)
#define CADRE_ISOLATED_TIMEOUT (10 * CADRE_SECOND)

/* How it is confined; all zero is the default. */
struct cadre_isolation {
    /* Bytes of address space beyond what the process begins with; a malloc that would
     * need more returns NULL, and where it has no memory for a message it fails with
     * -ENOMEM. 0: the default. */
    size_t memory_max;
    /* It is killed when it has been in one step (start; a message, also one of its own,
     * and the stop that it causes; a stop it is told of) for so long, and not before. A
     * handler that waits is in no step, nor is a process that waits until the program
     * reads what it sends. CADRE_NEVER: never; 0: the default. */
    cadre_time timeout;
    /* All system calls are allowed, and only the limits hold: for classes that open
     * files. Else only those to compute, to wait and to use memory: others return
     * EPERM. Where the kernel (or the processor) has no such filter, or no timers, there
     * is none, and a line in the log. */
    bool unfiltered;
    void *reserved[2]; /* zero, else -EINVAL */
};

#ifdef __cplusplus
}
#endif
#endif
