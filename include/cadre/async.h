/* async.h: asynchronous functions: written in sequence, run in pieces.
 *
 * An asynchronous function is an ordinary one with the parameters of receive that can
 * wait for the outcome of an operation (ask.h, timer.h) in the midst of its code.
 * Waiting, it returns, so its actor goes on with other messages; with the outcome it is
 * called again and goes on behind the wait. There is no stack to keep and nothing to
 * allocate: where it is, and for what it waits, stands in a cadre_async in the actor's
 * state. Written on the public API, with nothing behind it but cadre_then().
 *
 *     static int fetch(cadre_self *self, void *state, cadre_msg *m)
 *     {
 *         struct me *me = state;
 *         CADRE_ASYNC(&me->fetch, fetch, self, state, m);
 *         CADRE_AWAIT(cadre_ask(self, &me->fetch.token, me->db, CADRE_SECOND, query, 7));
 *         if (cadre_body(m, cadre_failure))
 *             CADRE_ASYNC_RETURN(cadre_body(m, cadre_failure)->code);
 *         me->found = cadre_body(m, row)->value;
 *         CADRE_AWAIT(cadre_after(self, &me->fetch.token, 10 * CADRE_MS, tick, 0));
 *         CADRE_ASYNC_END;
 *     }
 *
 * To start it, call it: `return fetch(self, state, m)`, or with m NULL. It runs up to
 * its first wait at once. After each wait m is the outcome: what was hoped for or a
 * cadre_failure. That is so also when the call in the await was refused: then it goes
 * on at once, and the failure has the code that the call returned. One cadre_async is
 * for one run of a function at a time; as many as one likes may be under way, each with
 * its own.
 *
 * The deadline of a wait is that of the operation. Each wait is a point where the
 * function can be cancelled, from elsewhere in its actor: cadre_async_cancel().
 *
 * While it waits, receive handles other messages, which may change the state: what was
 * found out before a wait may no longer be so behind it. Where that must not be, the
 * function calls cadre_async_lock(): from there to its end, or to cadre_async_unlock(),
 * all that does not belong to an operation with a continuation is set aside.
 *
 * What to look out for:
 *   - Local variables do not survive a wait: what is needed behind it belongs in the
 *     state. (C does not say so when it jumps over an initialisation; C++ refuses.)
 *   - No switch around a wait, and not two waits in one line. Loops and ifs are fine.
 *   - m is another message after a wait: to answer the request that the function began
 *     with it takes a promise first, cadre_defer().
 *   - Any `return 0` but CADRE_ASYNC_RETURN(0) leaves it under way for ever.
 *   - The operation must be told to write its token into the cadre_async (otherwise the
 *     outcome is a failure with -ENOENT), and must have one outcome: no cadre_every().
 *   - It waits for operations, not for other asynchronous functions: see `over`. */
#ifndef CADRE_ASYNC_H
#define CADRE_ASYNC_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* One run of an asynchronous function: a part of its actor's state. All zero: none. */
typedef struct cadre_async {
    cadre_token token; /* what it waits for: where an operation writes it */
    /* Called when the function has ended with 0, with its last m; what it returns is what
     * the function returns. Yours to set, any time before; NULL: nothing. */
    cadre_receive *over;
    cadre_receive *back; /* when it is unlocked; see cadre_async_lock() */
    uint32_t line;       /* where it goes on; 0: it is not under way */
    bool locked;
} cadre_async;

/* Is it under way? */
static inline bool cadre_async_is_running(const cadre_async *async)
{
    return async->line != 0;
}

/* Is m what it waits for? To find the right one of several runs of the same function. */
static inline bool cadre_async_awaits(const cadre_async *async, const cadre_msg *m)
{
    return async->line && m && m->token.id && m->token.id == async->token.id;
}

/* Lets the other messages in again, oldest first. */
static inline void cadre_async_unlock(cadre_self *self, cadre_async *async)
{
    if (!async->locked)
        return;
    async->locked = false;
    cadre_become(self, async->back);
    cadre_unstash(self);
}

static inline int cadre_async_set_aside(cadre_self *self, void *state, cadre_msg *m)
{
    (void)state;
    return cadre_stash(self, m);
}

/* From here on the other messages wait, with cadre_stash(). One function of an actor at
 * a time. back: what receives them afterwards; NULL: the class's own receive. */
static inline void cadre_async_lock(cadre_self *self, cadre_async *async,
                                    cadre_receive *back)
{
    async->locked = true;
    async->back = back;
    cadre_become(self, cadre_async_set_aside);
}

/* Gives the function up where it waits: what it waits for is cancelled, nothing of it
 * is called any more, `over` neither. Promises that it has made are still to be kept.
 * Errors: -ENOENT (it does not wait). */
static inline int cadre_async_cancel(cadre_self *self, cadre_async *async)
{
    int err = cadre_cancel(self, async->token);
    if (err)
        return err;
    cadre_async_unlock(self, async);
    async->token.id = 0;
    async->line = 0;
    return 0;
}

/* ---- what the macros call -------------------------------------------------------- */

/* What one piece of a run has at hand. */
typedef struct cadre_async_piece {
    cadre_async *async;
    cadre_receive *function;
    cadre_self *self;
    void *state;
    cadre_msg **m;
    cadre_msg refused; /* in place of an outcome, when there was no operation */
    cadre_failure failure;
} cadre_async_piece;

/* Where to begin: 0, the line of a wait, or UINT32_MAX: it waits for something else. */
static inline uint32_t cadre_async_enter(cadre_async_piece *piece)
{
    cadre_async *async = piece->async;
    if (async->line && !cadre_async_awaits(async, *piece->m))
        return UINT32_MAX;
    async->token.id = 0;
    return async->line;
}

/* err: of the call that was to start an operation. False: m is a failure, go on. */
static inline bool cadre_async_wait(cadre_async_piece *piece, uint32_t line, int err)
{
    piece->async->line = line;
    if (!err)
        err = cadre_then(piece->self, piece->async->token, piece->function);
    if (!err)
        return true;
    piece->async->token.id = 0;
    piece->failure.code = err;
    piece->failure.origin = cadre_me(piece->self);
    piece->refused.type = &cadre_failure_type;
    piece->refused.body = &piece->failure;
    *piece->m = &piece->refused;
    return false;
}

static inline int cadre_async_finish(cadre_async_piece *piece, int result)
{
    cadre_async_unlock(piece->self, piece->async);
    piece->async->line = 0;
    if (result || !piece->async->over)
        return result;
    return piece->async->over(piece->self, piece->state, *piece->m);
}

/* The beginning, after the declarations: its cadre_async, its own name, its parameters.
 * Called while it is under way with anything but what it waits for it returns -ENOENT.
 * */
#define CADRE_ASYNC(async_, function_, self_, state_, m_)                              \
    cadre_async_piece cadre_piece = {                                                  \
        (async_),          (function_), (self_),                                       \
        (state_),          &(m_),       {NULL, {0}, {0}, NULL},                        \
        {0, 0, {0}, NULL},                                                             \
    };                                                                                 \
    switch (cadre_async_enter(&cadre_piece)) {                                         \
    default:                                                                           \
        return cadre_cancel(cadre_piece.self, cadre_piece.refused.token);              \
    case 0:

/* Starts an operation and waits for its outcome, which is m behind it. */
#define CADRE_AWAIT(call)                                                              \
    do {                                                                               \
        if (cadre_async_wait(&cadre_piece, __LINE__, (call))) {                        \
            return 0;                                                                  \
        case __LINE__:;                                                                \
        }                                                                              \
    } while (0)

/* Ends it, like receive: 0 goes on, CADRE_STOP and negative values end the actor. */
#define CADRE_ASYNC_RETURN(result) return cadre_async_finish(&cadre_piece, (result))

/* The end of the function: CADRE_ASYNC_RETURN(0), and the last line. */
#define CADRE_ASYNC_END                                                                \
    }                                                                                  \
    return cadre_async_finish(&cadre_piece, 0)

#ifdef __cplusplus
}
#endif
#endif
