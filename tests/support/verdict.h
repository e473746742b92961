/* verdict.h: checks that may fail in any thread, and the verdict at the end.
 *
 * A case is one test: a scenario, or a run with one seed. The first failing check of a
 * case prints where it stands and the command that replays the case; the others of that
 * case are only counted. */
#ifndef SUPPORT_VERDICT_H
#define SUPPORT_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define CHECK(cond)                                                                    \
    ((cond) ? (void)0 : verdict_fail(__FILE__, __LINE__, #cond, 0, 0, false))
/* Both are integers; they are printed. */
#define CHECK_EQ(a, b)                                                                 \
    verdict_equal(__FILE__, __LINE__, #a " == " #b, (int64_t)(a), (int64_t)(b))

/* Any thread. */
void verdict_fail(const char *file, int line, const char *what, int64_t a, int64_t b,
                  bool values);
static inline void verdict_equal(const char *file, int line, const char *what,
                                 int64_t a, int64_t b)
{
    if (a != b)
        verdict_fail(file, line, what, a, b, true);
}

/* Starts a case. replay: the arguments to this program that run only this case. If the
 * case has not ended after `seconds` of real time, that is a failure and the end of the
 * program: something is stuck. */
void verdict_begin(unsigned seconds, const char *replay, ...)
    __attribute__((format(printf, 2, 3)));
/* Goes on with the same case, which has another replay line and as many seconds again. */
void verdict_again(unsigned seconds, const char *replay, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends it. True: it passed. */
bool verdict_end(void);
/* Has a check of this case failed already? */
bool verdict_has_failed(void);

/* The last line of the output; returns the exit status. */
int verdict_print(void);

#endif
