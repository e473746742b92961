/* support.h: what every test program includes: cmocka, ways to run a system, and a few
 * actors and messages that many tests need.
 *
 * A simulated system runs on the test's own thread, so its handlers may assert. Handlers
 * of one with real workers may not: they collect facts, and the test asserts. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cadre.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TESTS(...) const struct CMUnitTest tests[] = {__VA_ARGS__}
#define RUN_TESTS() cmocka_run_group_tests(tests, NULL, NULL)

/* ---- the log ---- */

/* A log sink that keeps the lines of the last quiet() and prints nothing. */
void collect_line(void *user, int level, const char *line);
/* How many of them contain this text. */
unsigned lines_with(const char *text);

/* ---- running ---- */

/* A configuration whose log goes to collect_line, which forgets its lines now. */
cadre_config quiet(uint32_t workers, uint64_t seed);

/* Simulates a root that calls scene once, at its start, and ends when all is quiet.
 * Returns the root's reason. */
int play(void (*scene)(cadre_self *self));
/* The same with a configuration; end_when_quiet is set in any case. */
int play_with(cadre_config *config, void (*scene)(cadre_self *self));
/* The counters at the end of the last play or run. */
extern cadre_counters sums;

/* Runs root with config until it ends; returns its reason; sets sums. */
int run(const cadre_config *config, const cadre_class *root, const void *init);

/* Calls scenario with many configurations: simulated with several seeds and numbers of
 * workers, then with 1, 2 and 4 real workers. */
void every_way(void (*scenario)(const cadre_config *config));

/* A scenario that misuses the library. A debug build must abort in it, which happens in
 * a child process; otherwise it is simply called, and asserts that it was refused. */
void misuse(void (*scenario)(void));
/* Runs scenario in a child process. Returns its wait status: an exit code, or what
 * killed it. */
int in_child(void (*scenario)(void));
/* The same; said is what it has written to stderr, cut off behind size - 1 bytes. */
int in_child_saying(void (*scenario)(void), char *said, size_t size);

/* Waits, giving the CPU away, until *counter is at least value; fails after a minute. */
void await(const atomic_uint *counter, unsigned value);
/* The same for any condition. */
void await_true(bool (*is_true)(void *arg), void *arg);
/* Between two looks at what others are to do; *looks begins with 0. The CPU is given
 * away, and after some looks left alone for a moment: others need it more. */
void let_others_run(unsigned *looks);
/* Real monotonic nanoseconds. */
int64_t real_now(void);

/* Is CADRE_LONG set? */
bool is_long(void);

/* ---- messages and actors ---- */

typedef struct {
    uint64_t value;
} number;
extern const cadre_type number_type;

/* An address in a message. */
typedef struct {
    cadre_ref ref;
} contact;
extern const cadre_type contact_type;

/* A body that owns something: dropping it is counted, for each id. */
typedef struct {
    uint32_t id;
} owned;
extern const cadre_type owned_type;
enum { OWNED_MAX = 4096 };
extern atomic_uint drops[OWNED_MAX];
/* Sets all of them to 0. */
void drops_clear(void);
/* Each of the first n ids was dropped exactly once, and no other. */
void assert_dropped_once(uint32_t n);

/* Takes any message and does nothing. */
extern const cadre_class sink_class;

/* Appends the value of each number to `record`; simulated systems only. */
extern const cadre_class recorder_class;
enum { RECORD_MAX = 512 };
extern struct record {
    size_t count;
    uint64_t values[RECORD_MAX];
} record;
void record_clear(void);
void record_add(uint64_t value);
/* assert_record(1, 2, 3): those values, in that order, and no more. */
#define assert_record(...)                                                             \
    assert_record_is((const uint64_t[]){__VA_ARGS__},                                  \
                     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
void assert_record_is(const uint64_t *values, size_t count);

#endif
