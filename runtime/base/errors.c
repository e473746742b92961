/* errors.c: the operating system's error codes as text. */
#include "base/errors.h"

#include <string.h>

const char *errors_text(int number)
{
#if defined(__GLIBC__)
    return strerrordesc_np(number);
#else
    return strerror(number); /* musl: constants, so any thread may ask */
#endif
}
