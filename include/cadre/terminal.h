/* terminal.h: the mode and the size of a terminal that is a stream (descriptor.h). Of the
 * library cadre-io.
 *
 * In raw mode each key comes at once, none is echoed, edited or a signal, and a line is
 * written with \r\n. What the terminal was before is put back when the stream closes, for
 * whatever reason, or is not raw any more: when no other stream of this process has the
 * same terminal raw. Also at exit(); and when a signal ends the process: one of SIGHUP,
 * SIGINT, SIGQUIT, SIGTERM and those of faults, if its action was the default when the
 * first terminal became raw. With a handler of your own that ends the process, call
 * cadre_terminal_restore() there. SIGKILL leaves it raw, and so does what stops the
 * process.
 *
 * That the size has changed is SIGWINCH (signal.h): look again.
 *
 * Guarantees, each with a test of that name:
 *   mode_is_put_back     as above, before anybody is told that the stream is closed or
 *                        its owner has ended
 *   death_puts_back      as above, and the signal ends the process as before, also in
 *                        the background */
#ifndef CADRE_TERMINAL_H
#define CADRE_TERMINAL_H
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Makes it raw, or as it was before; again is no error. Errors: -EINVAL (a listener),
 * -ENOENT (no stream of this actor's), -ENOTTY (no terminal), CADRE_EFULL (16 are raw),
 * -EMFILE, -ENFILE, -EIO (it has hung up; or to make it raw in the background, where it
 * is another job's), and what else the system says. */
CADRE_API CADRE_MUST_CHECK int cadre_terminal_raw(cadre_self *self, cadre_stream stream,
                                                  bool raw);

typedef struct cadre_terminal_size {
    uint16_t columns, rows; /* 0: nobody has said */
} cadre_terminal_size;
/* Errors: -EINVAL, -ENOENT, -ENOTTY, -EIO (see above). */
CADRE_API CADRE_MUST_CHECK int
cadre_terminal_look(cadre_self *self, cadre_stream stream, cadre_terminal_size *size);

/* Puts back, for now, what all raw terminals of the process were. Any thread, and a
 * handler of a signal. */
CADRE_API void cadre_terminal_restore(void);

#ifdef __cplusplus
}
#endif
#endif
