/* faulting.h: children that end by a fault, and what they say before. */
#ifndef SUPPORT_FAULTING_H
#define SUPPORT_FAULTING_H

#include "support/support.h"

/* What faults on purpose is not to be found by a sanitizer first. */
#define RAW                                                                            \
    __attribute__((noinline)) __attribute__((no_sanitize("address")))                  \
    __attribute__((no_sanitize("thread"))) __attribute__((no_sanitize("undefined")))

typedef struct {
    uint64_t n;
} order;
extern const cadre_type order_type;

extern cadre_config config; /* of the systems in the child */
extern char said[16 << 10]; /* by the last child, on stderr */

/* ---- the parent ---- */

void assert_says(const char *text);
unsigned times_said(const char *text);
void assert_says_nothing(void);

/* A child that runs this scenario is killed by this signal; or exits. */
void assert_ends_by(int sig, void (*scenario)(void));
void assert_exits(int code, void (*scenario)(void));
/* The same for one in which a root of this class gets an order. */
void assert_root_ends_by(int sig, const cadre_class *class);

/* config: just that, and reports. */
void ask_for_reports(uint32_t workers, uint64_t seed);

/* ---- the child; it exits when something does not work ---- */

/* Takes back the handlers that a sanitizer has. */
void be_plain(void);
cadre_system *open_root(const cadre_class *class);
void give_order(cadre_system *sys);
void run_to_end(cadre_system *sys);
/* The three of them. */
void run_one(const cadre_class *class);
/* The same after be_plain, of the class of the last assert_root_ends_by, or this one. */
void run_plain(void);
extern const cadre_class *root;

/* ---- actors ---- */

extern int *volatile nowhere; /* 0x10 */
int read_from_nowhere(void);
extern const cadre_class reader;    /* reads from nowhere */
extern const cadre_class raiser;    /* raises SIGFPE, then stops with 0, if it can */
extern const cadre_class quiet_one; /* stops with 0 */

#endif
