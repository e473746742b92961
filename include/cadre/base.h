/* base.h: version, visibility, results, time, and the value handles. */
#ifndef CADRE_BASE_H
#define CADRE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CADRE_VERSION_MAJOR 0
#define CADRE_VERSION_MINOR 1
#define CADRE_VERSION_PATCH 0

#if defined(__GNUC__)
#define CADRE_API __attribute__((visibility("default")))
#define CADRE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CADRE_API
#define CADRE_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The address of an actor. A value: copy it, store it, send it. It never dangles
 * and is never reused for another actor. id 0 is nobody. */
typedef struct cadre_ref {
    uint64_t id;
} cadre_ref;

/* The name of a pending operation; its outcome arrives as a message carrying it.
 * id 0 is none. */
typedef struct cadre_token {
    uint64_t id;
} cadre_token;

typedef struct cadre_self cadre_self;     /* the running actor; valid in a callback */
typedef struct cadre_system cadre_system; /* one runtime; a process may hold several */
typedef int64_t cadre_time;               /* nanoseconds, monotonic */

#define CADRE_MS INT64_C(1000000)
#define CADRE_SECOND INT64_C(1000000000)
#define CADRE_NEVER INT64_MAX

/* Results. 0 is success, negative is an error: -errno for the operating system's
 * own (-1..-4095), those below for ours, CADRE_EUSER - n for yours.
 *
 * The ones every function may return, said once: -EINVAL a null or contradictory
 * argument (a log line names it, where there is a system to log to); -EPERM a call from
 * the wrong place, such as a function taking cadre_self outside that actor's own
 * callback; -EBADFD in a child after fork(), where no system lives on (a handler that
 * forks must not return in the child: exec or _exit there). None of them changes
 * anything. */
enum {
    CADRE_OK = 0,
    CADRE_STOP = 1,        /* only returned by start and receive: stop normally */
    CADRE_EDEAD = -5000,   /* the other side ended before it answered */
    CADRE_EFULL = -5001,   /* a limit the user set, or the memory limit, is reached */
    CADRE_EKILLED = -5002, /* the reason given by cadre_kill(..., 0) */
    CADRE_EPARENT = -5003, /* ended because the parent ended */
    CADRE_EUNANSWERED = -5005, /* the request was read, but not answered */
    CADRE_ERESTARTS = -5006,   /* a supervisor's children have failed too often */
    CADRE_ECRASHED = -5007,    /* an isolated actor's process has died */
    CADRE_EBUDGET = -5008,     /* it has used more than its budget (account.h) */
    /* Why a connection with TLS is closed (tls.h). */
    CADRE_ETLS = -5020,           /* what the peer says is no TLS, or none we accept */
    CADRE_ETLS_REFUSED = -5021,   /* the peer accepts nothing of what we have */
    CADRE_ETLS_UNTRUSTED = -5022, /* its certificate: of nobody who is trusted */
    CADRE_ETLS_EXPIRED = -5023,   /* its certificate: not valid any more, or not yet */
    CADRE_ETLS_NAME = -5024,      /* its certificate: another host's */
    CADRE_ETLS_CERTIFICATE = -5025, /* it has none, or one that is bad otherwise */
    CADRE_ETLS_CUT = -5026, /* it ended without saying so: something may be missing */
    CADRE_EUSER = -10000
};

/* One line for any result code, never NULL, valid for ever. Any thread; async-signal
 * safe for CADRE_* codes. */
CADRE_API const char *cadre_strerror(int err);

/* The version of the library linked to: major * 10000 + minor * 100 + patch.
 * Compare with CADRE_VERSION_* to find a header of another version. Any thread. */
CADRE_API unsigned cadre_version(void);

static inline bool cadre_same(cadre_ref a, cadre_ref b) { return a.id == b.id; }

#ifdef __cplusplus
}
#endif
#endif
