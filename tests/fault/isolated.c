/* isolated.c: processes of isolated actors die of everything there is, again and again.
 *
 * Some kept actors are asked to do what kills them, one kind after the other; they go
 * down with the words that belong to it, and are restarted. With each fault two
 * siblings are asked as well, one in this process and one in a process of its own: they
 * answer as if nothing had happened. Every request has exactly one outcome, and at the
 * end there is no process, no descriptor and no message left. */
#include "support/effort.h"
#include "support/options.h"
#include "support/process.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/ask.h>
#include <cadre/fail.h>
#include <cadre/isolate.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { SEGV, FPE, ABORT, EXIT, FAIL, OVERFLOW, LOOP, BOMB, SHOT, CALL, KINDS };
enum { VICTIMS = 4, SIBLINGS = 2 };

typedef struct {
    uint64_t kind, serial;
} deed;
typedef struct {
    uint64_t serial;
} reply;
static CADRE_TYPE(deed);
static CADRE_TYPE(reply);

static const char *const words[KINDS] = {
    "signal 11", "signal 8", "signal 6",  "exit status 7", "bad thing",
    "signal 11", "",         "signal 11", "signal 9",      "refused"};
static const int codes[KINDS] = {
    CADRE_ECRASHED, CADRE_ECRASHED, CADRE_ECRASHED, CADRE_ECRASHED, CADRE_EUSER - 77,
    CADRE_ECRASHED, CADRE_EKILLED,  CADRE_ECRASHED, CADRE_ECRASHED, CADRE_EUSER - 78};

/* ---- in there -------------------------------------------------------------------- */

static int *volatile nowhere;
static volatile int one = 1;

static int dig(int depth)
{
    volatile char room[4096];
    room[0] = (char)depth;
    return one ? dig(depth + 1) + room[0] : 0;
}

static void eat(void)
{
    volatile char *p;
    while ((p = malloc(1 << 20)) && one)
        for (int i = 0; i < 1 << 20; i += 4096)
            p[i] = 1;
    *nowhere = 1;
}

static int suffer(cadre_self *self, enum kind kind)
{
    switch (kind) {
    case SEGV:
        if (EFFORT_SLOWDOWN > 1)
            raise(SIGSEGV); /* a sanitizer would end it in its own way */
        *nowhere = 1;
        break;
    case FPE:
        raise(SIGFPE);
        break;
    case ABORT:
        abort();
    case EXIT:
        _exit(7);
    case FAIL:
        return cadre_fail(self, CADRE_EUSER - 77, "a bad thing");
    case OVERFLOW:
        return dig(0);
    case LOOP:
        while (one) {
        }
        break;
    case BOMB:
        eat();
        break;
    case SHOT:
        raise(SIGKILL);
        break;
    case CALL: /* where there is no filter it is as if there was one */
        return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno != EPERM
                   ? 0
                   : cadre_fail(self, CADRE_EUSER - 78, "a call was refused");
    default:
        break;
    }
    return 0;
}

static int victim_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const deed *d = cadre_body(m, deed);
    if (d->kind < KINDS)
        return suffer(self, (enum kind)d->kind);
    return cadre_reply(self, m, reply, d->serial);
}
static const cadre_class victim_class = {.name = "victim", .receive = victim_receive};

/* ---- out here -------------------------------------------------------------------- */

static struct {
    uint64_t faults, skips_bombs;
    uint64_t begun, failed, answered, downs; /* the boss's */
    uint64_t next_answer[SIBLINGS];
} story;

struct boss {
    cadre_ref victims[VICTIMS], siblings[SIBLINGS];
    uint64_t kinds[VICTIMS];
};

static int ask_sibling(cadre_self *self, cadre_ref who, uint64_t serial)
{
    return cadre_ask(self, NULL, who, CADRE_NEVER, deed, KINDS, serial);
}

static int hit(cadre_self *self, struct boss *b, int i)
{
    if (story.begun == story.faults)
        return cadre_release(self, b->victims[i]);
    enum kind kind = (enum kind)(story.begun % KINDS);
    if ((kind == BOMB || kind == OVERFLOW) && story.skips_bombs)
        kind = SEGV;
    b->kinds[i] = kind;
    int err = cadre_ask(self, NULL, b->victims[i], CADRE_NEVER, deed, kind, 0);
    for (int s = 0; !err && s < SIBLINGS; s++)
        err = ask_sibling(self, b->siblings[s], story.begun);
    story.begun++;
    return !err && kind == LOOP ? cadre_after(self, NULL, 5 * CADRE_MS, deed, LOOP, i)
                                : err;
}

static int boss_start(cadre_self *self, void *state)
{
    static const cadre_isolation small = {.memory_max = (size_t)24 << 20,
                                          .timeout = CADRE_NEVER};
    struct boss *b = state;
    /* A kill may come before the request: then that must not wait for the next life. */
    const cadre_opts kept = {
        .isolated = true, .keep = true, .mail = CADRE_MAIL_DROP, .isolation = &small};
    const cadre_opts sibling = {.isolated = true};
    int err = cadre_spawn(self, &b->siblings[0], &victim_class, NULL);
    if (!err)
        err = cadre_spawn_with(self, &b->siblings[1], &victim_class, NULL, &sibling);
    for (int i = 0; !err && i < VICTIMS; i++)
        err = cadre_spawn_with(self, &b->victims[i], &victim_class, NULL, &kept);
    for (int i = 0; !err && i < VICTIMS; i++)
        err = hit(self, b, i);
    return err;
}

static bool is_over(void)
{
    return story.downs == story.faults && story.failed == story.faults &&
           story.answered == SIBLINGS * story.faults;
}

static int went_down(cadre_self *self, struct boss *b, const cadre_child_down *down)
{
    int i = 0;
    while (i < VICTIMS && !cadre_same(b->victims[i], down->child))
        i++;
    CHECK(i < VICTIMS);
    uint64_t kind = b->kinds[i];
    CHECK_EQ(down->reason, codes[kind]);
    CHECK(strstr(down->text, words[kind]));
    story.downs++;
    int err = cadre_restart(self, down->child);
    return err ? err : hit(self, b, i);
}

static int boss_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct boss *b = state;
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    const reply *r = cadre_body(m, reply);
    const deed *d = cadre_body(m, deed);
    int err = 0;
    if (d) /* it is in its loop, or was too slow to get there */
        err = cadre_kill(self, b->victims[d->serial], 0);
    if (down)
        err = went_down(self, b, down);
    if (failure) {
        CHECK_EQ(failure->code, CADRE_EDEAD);
        story.failed++;
    }
    if (r) {
        int s = cadre_same(m->from, b->siblings[1]);
        CHECK_EQ(r->serial, story.next_answer[s]++);
        story.answered++;
    }
    return err ? err : is_over() ? CADRE_STOP : 0;
}
static const cadre_class boss_class = {.name = "boss",
                                       .state_size = sizeof(struct boss),
                                       .start = boss_start,
                                       .receive = boss_receive};

static void ignore_log(void *user, int level, const char *line) {}

static void run(uint32_t workers)
{
    cadre_counters c;
    cadre_system *sys;
    unsigned before = process_descriptors();
    const cadre_config config = {
        .workers = workers, .isolated = VICTIMS + 1, .log = ignore_log};
    CHECK_EQ(cadre_system_new(&sys, &config, &boss_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    CHECK(is_over());
    CHECK_EQ(process_descriptors(), before);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

int main(int argc, char **argv)
{
    uint64_t faults = effort(300, 10000), workers = 2;
    const struct option_entry options[] = {{"faults", &faults, NULL, "how many"},
                                           {"workers", &workers, NULL, "threads"},
                                           {0}};
    options_read(argc, argv, "faults in isolated actors", options);
    if (!effort_can_fork())
        return 77;
    story.faults = faults > VICTIMS ? faults : VICTIMS;
    story.skips_bombs = EFFORT_SLOWDOWN > 1; /* a sanitizer is not limited */
    verdict_begin(1200, "--faults %" PRIu64 " --workers %" PRIu64, faults, workers);
    run((uint32_t)workers);
    (void)verdict_end();
    printf("%" PRIu64 " faults\n", story.downs);
    return verdict_print();
}
