/* errors.c: the operating system's error codes, and signals, as text. */
#include "base/errors.h"

#include <signal.h>
#include <string.h>

const char *errors_text(int number)
{
#if defined(__GLIBC__)
    return strerrordesc_np(number);
#else
    return strerror(number); /* musl: constants, so any thread may ask */
#endif
}

const char *errors_signal(int sig)
{
    return sig == SIGSEGV   ? "SIGSEGV"
           : sig == SIGBUS  ? "SIGBUS"
           : sig == SIGILL  ? "SIGILL"
           : sig == SIGFPE  ? "SIGFPE"
           : sig == SIGABRT ? "SIGABRT"
           : sig == SIGKILL ? "SIGKILL"
                            : "a signal";
}
