/* starting.h: an actor that starts processes, notes what it is told, and ends when as
 * much has come as the test waits for. */
#ifndef SUPPORT_STARTING_H
#define SUPPORT_STARTING_H

#include "support/support.h"

#include <cadre/process.h>

/* What it does, and waits for. */
extern struct starting {
    int (*begin)(cadre_self *self);
    int (*hear)(cadre_self *self, cadre_msg *m); /* or NULL */
    unsigned ended, closed, downs;
    /* It opens descriptors while those of before are closed: by libuv, in a way that
     * ThreadSanitizer does not see, so not on another thread. */
    bool reopens;
} starting;

/* Its own, and the test's when the system has ended. */
enum { SAID_MAX = 1 << 21 };
extern struct started {
    unsigned ended, closed, downs, wrongs;
    cadre_process_ended last;
    int reason; /* of the last pipe closed */
    size_t out_size, err_size;
    char out[SAID_MAX], err[4096];
    cadre_process process;
    cadre_process_pipes pipes;
    int64_t pid;
} started;

extern const cadre_class starting_class;
int started_receive(cadre_self *self, void *state, cadre_msg *m);

void wrong_unless(bool right);
/* Is it no child of ours any more, not even a zombie? */
bool is_reaped(int64_t pid);

/* Runs it, with a thread for the loop, and with the workers' own: all that was started is
 * gone then, and all descriptors are closed. Forgets that plan. */
void play_out(uint32_t workers);
/* libuv opens a pipe for signals when it is first used, for good. */
int starting_warm_up(void **unused);

/* Starts it, and notes its handles. START(self, options, "argument", ...) is short. */
int start_process(cadre_self *self, const cadre_process_options *options,
                  const char *const argv[]);
#define START(self, options, ...)                                                      \
    start_process((self), (options), (const char *const[]){__VA_ARGS__, NULL})
/* Which streams are pipes. */
extern const cadre_process_options to_us, from_us, both;

void assert_said(const char *out, const char *err);

#endif
