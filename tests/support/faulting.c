/* faulting.c: children that end by a fault, and what they say before. */
#include "support/faulting.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

CADRE_TYPE(order);

cadre_config config; /* of the systems in the child */
char said[16 << 10]; /* by the child */
int *volatile nowhere = (int *)16;

/* ---- what a child said ---- */

void assert_says(const char *text)
{
    if (!strstr(said, text))
        print_message("`%s` is not in\n%s", text, said);
    assert_non_null(strstr(said, text));
}

unsigned times_said(const char *text)
{
    unsigned n = 0;
    for (const char *at = said; (at = strstr(at, text)); at++)
        n++;
    return n;
}

void assert_says_nothing(void)
{
    if (said[0])
        print_message("%s", said);
    assert_int_equal(said[0], '\0');
}

void assert_ends_by(int sig, void (*scenario)(void))
{
    int status = in_child_saying(scenario, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        print_message("status 0x%x\n%s", (unsigned)status, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

void assert_exits(int code, void (*scenario)(void))
{
    int status = in_child_saying(scenario, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        print_message("status 0x%x\n%s", (unsigned)status, said);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

/* ---- actors that fail ---- */

RAW int read_from_nowhere(void) { return *(volatile int *)nowhere; }
static int on_read(cadre_self *self, void *state, cadre_msg *m)
{
    return read_from_nowhere() == 1;
}
const cadre_class reader = {.name = "reader", .receive = on_read};

static int on_raise(cadre_self *self, void *state, cadre_msg *m)
{
    return raise(SIGFPE) == 0 ? CADRE_STOP : -EIO;
}
const cadre_class raiser = {.name = "raiser", .receive = on_raise};

static int on_anything(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}
const cadre_class quiet_one = {.name = "quiet", .receive = on_anything};

/* ---- systems ---- */

/* Sanitizers have handlers of their own. */
void be_plain(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
}

cadre_system *open_root(const cadre_class *class)
{
    cadre_system *sys;
    if (cadre_system_new(&sys, &config, class, NULL) != 0)
        _exit(3);
    return sys;
}

void give_order(cadre_system *sys)
{
    if (cadre_tell(sys, cadre_system_root(sys), order, 1) != 0)
        _exit(4);
}

void run_to_end(cadre_system *sys)
{
    while (config.workers == CADRE_NO_WORKERS &&
           cadre_system_poll(sys, CADRE_SECOND) >= 0) {
    }
    if (cadre_system_wait(sys) != 0 || cadre_system_free(sys) != 0)
        _exit(5);
}

/* A root of this class gets an order. */
void run_one(const cadre_class *class)
{
    cadre_system *sys = open_root(class);
    give_order(sys);
    run_to_end(sys);
}

const cadre_class *root;
void run_plain(void)
{
    be_plain();
    run_one(root);
}

void ask_for_reports(uint32_t workers, uint64_t seed)
{
    config = (cadre_config){.workers = workers, .seed = seed, .report_faults = true};
}

void assert_root_ends_by(int sig, const cadre_class *class)
{
    root = class;
    assert_ends_by(sig, run_plain);
}
