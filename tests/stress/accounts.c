/* accounts.c: actors with budgets come and go, are held back, fail and are started again,
 * while other threads read all accounts.
 *
 * An actor that reads its own account finds all messages that it has handled, with or
 * without the one in its hand; whoever reads another's finds figures that can be. */
#include "support/effort.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/account.h>
#include <cadre/arena.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

enum { HOGS = 8, MAILS = 40, RATE = 16, BLOCK = 100, FAILS_AT = 25 };

typedef struct {
    uint32_t number;
} mail;
static CADRE_TYPE(mail);

static _Atomic uint64_t handled, looked;
static atomic_bool is_over;
static uint32_t rounds;

static void ignore_log(void *user, int level, const char *line) {}

struct hog {
    uint64_t count;
    bool fails;
};

static int hog_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct hog *me = state;
    cadre_usage usage = {0};
    uint64_t number = cadre_body(m, mail)->number;
    atomic_fetch_add(&handled, 1);
    if (me->count++ % 10 == 0)
        CHECK(cadre_alloc(self, BLOCK) != NULL);
    CHECK_EQ(cadre_usage_of(cadre_system_of(self), cadre_me(self), &usage), 0);
    CHECK(usage.messages == number || usage.messages == number + 1);
    if (me->fails && number == FAILS_AT)
        return -EIO;
    return number == MAILS - 1 ? CADRE_STOP : 0;
}
static const cadre_class hog_class = {
    .name = "hog", .state_size = sizeof(struct hog), .receive = hog_receive};

/* Keeps them, and has as many again when they have ended. */
struct keeper {
    uint32_t left, living;
};

static int spawn_one(cadre_self *self, struct keeper *me, bool fails)
{
    static const cadre_budget rest = {.window = CADRE_MS,
                                      .messages = RATE,
                                      .time = CADRE_MS / 2,
                                      .over = CADRE_OVER_THROTTLE};
    cadre_ref hog;
    cadre_opts opts = {.keep = true, .budget = &rest};
    struct hog init = {.fails = fails};
    int err = cadre_spawn_with(self, &hog, &hog_class, &init, &opts);
    for (uint32_t i = 0; !err && i < MAILS; i++)
        err = cadre_send(self, hog, mail, i);
    me->living++;
    return err;
}

static int spawn_all(cadre_self *self, struct keeper *me)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < HOGS; i++)
        err = spawn_one(self, me, i % 2);
    return err;
}

static int keeper_start(cadre_self *self, void *state)
{
    return spawn_all(self, state);
}

static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct keeper *me = state;
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return 0;
    if (down->reason != 0)
        return cadre_restart(self, down->child);
    int err = cadre_release(self, down->child);
    if (--me->living > 0 || err)
        return err;
    return --me->left > 0 ? spawn_all(self, me) : CADRE_STOP;
}
static void keeper_stop(cadre_self *self, void *state, int reason)
{
    atomic_store(&is_over, true);
}
static const cadre_class keeper = {.name = "keeper",
                                   .state_size = sizeof(struct keeper),
                                   .start = keeper_start,
                                   .receive = keeper_receive,
                                   .stop = keeper_stop};

static void look(void *user, const cadre_usage *usage)
{
    CHECK(usage->who.id != 0 && usage->overs <= usage->messages);
    CHECK(usage->bytes >= sizeof(struct hog) && usage->bytes <= usage->bytes_max);
    CHECK(usage->time >= 0 && usage->rested >= 0);
    atomic_fetch_add(&looked, 1);
}

static void play(uint32_t workers)
{
    cadre_system *sys;
    cadre_counters c;
    cadre_config config = {.workers = workers, .log = ignore_log};
    struct keeper init = {.left = rounds};
    handled = looked = 0;
    is_over = false;
    verdict_begin(120, " ");
    CHECK_EQ(cadre_system_new(&sys, &config, &keeper, &init), 0);
    while (!is_over) {
        int64_t count = cadre_usage_visit(sys, look, NULL);
        CHECK(count >= 0);
        sched_yield();
    }
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_usage_visit(sys, look, NULL), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(handled, (uint64_t)rounds * HOGS * MAILS);
    CHECK_EQ(c.dead, (uint64_t)rounds * HOGS / 2); /* those that they failed on */
    CHECK(looked > 0);
    CHECK_EQ(cadre_system_free(sys), 0);
    (void)verdict_end();
}

int main(void)
{
    rounds = (uint32_t)effort(30, 3000);
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        play(workers);
    return verdict_print();
}
