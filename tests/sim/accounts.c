/* accounts.c: actors with budgets, whose accounts are compared with what they did.
 *
 * Each has a budget of its own, gets and gives back memory, waits now and then, fails,
 * and is started again or not; others kill and stop some. As long as it lives its account
 * has all that it has done, to the message and the byte, and when it has ended it has
 * none. One that is throttled never has more messages in a window than it may. */
#include "support/story.h"

#include <cadre/account.h>
#include <cadre/arena.h>
#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HOGS = 5, MAILS_MAX = 250, BLOCKS = 3, RATE_MAX = 10, ENOUGH = 60 };

typedef struct {
    uint32_t nothing;
} mail;
typedef struct {
    uint32_t nothing;
} look;
static CADRE_TYPE(mail);
static CADRE_TYPE(look);

/* What an actor knows of itself; its own, but for the address. */
struct hog {
    cadre_ref ref;
    cadre_budget budget;
    bool keeps, in_hand;
    uint64_t messages, bytes; /* bytes: of its memory, without what that costs */
    uint64_t blocks;
    void *held[BLOCKS];
    uint64_t size[BLOCKS];
    cadre_time times[2 * RATE_MAX]; /* of its last messages in this life */
    uint64_t lately;
    bool was_early;
};

enum { RESTED, KILLED, STOPPED, FAILED, REFUSED, OVER, LOOKED, SLEPT, KINDS };
static const char *const kind_names[] = {"rested",  "killed",   "stopped", "failed",
                                         "refused", "was over", "looked",  "slept"};
static uint64_t seen[KINDS];
static uint32_t plays;

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    struct hog hogs[HOGS];
    uint32_t mails;
} tale;

/* ---- what they do ---- */

static void take_memory(cadre_self *self, struct hog *me)
{
    uint32_t i = dice_below(&tale.dice, BLOCKS);
    if (me->held[i]) {
        cadre_dealloc(self, me->held[i]);
        me->bytes -= me->size[i];
        me->held[i] = NULL;
        me->blocks--;
        return;
    }
    me->size[i] = 1 + dice_below(&tale.dice, 3000);
    me->held[i] = cadre_alloc(self, me->size[i]);
    seen[REFUSED] += me->held[i] == NULL;
    if (me->held[i]) {
        me->bytes += me->size[i];
        me->blocks++;
    }
}

/* Windows follow each other, but anything of a window's length may lie in two of them.
 * One that is killed while it rests handles the message in its hand all the same. */
static void check_rate(cadre_self *self, struct hog *me)
{
    const cadre_budget *b = &me->budget;
    if (b->over != CADRE_OVER_THROTTLE || !b->messages)
        return;
    cadre_time now = cadre_now(self),
               *past = &me->times[me->lately % (2 * b->messages)];
    CHECK(!me->was_early);
    me->was_early = me->lately >= 2 * b->messages && now - *past < b->window;
    *past = now;
    me->lately++;
}

static int hog_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct hog *me = *(struct hog **)state;
    me->messages++;
    me->in_hand = true;
    check_rate(self, me);
    take_memory(self, me);
    int err = 0;
    if (dice_once_in(&tale.dice, 8)) {
        err = cadre_sleep(self, dice_below(&tale.dice, (uint32_t)CADRE_MS));
        seen[SLEPT]++;
    }
    me->in_hand = false;
    bool fails = dice_once_in(&tale.dice, 20);
    seen[FAILED] += fails;
    return err ? err : fails ? -EIO : 0;
}

static void hog_stop(cadre_self *self, void *state, int reason)
{
    struct hog *me = *(struct hog **)state;
    memset(me->held, 0, sizeof me->held);
    me->bytes = me->blocks = 0;
    me->in_hand = false;
    me->lately = 0;
    me->was_early = false;
}
static const cadre_class hog_class = {.name = "hog",
                                      .state_size = sizeof(struct hog *),
                                      .receive = hog_receive,
                                      .stop = hog_stop};

/* ---- who looks ---- */

static void check_account(cadre_self *self, const struct hog *hog)
{
    cadre_usage usage;
    if (cadre_usage_of(cadre_system_of(self), hog->ref, &usage) != 0)
        return;
    /* One that waits, or rests, has a message in its hand. */
    CHECK(usage.messages == hog->messages || usage.messages + 1 == hog->messages);
    CHECK(usage.bytes >= sizeof(struct hog *) + hog->bytes + hog->blocks * 16);
    CHECK(usage.bytes <= sizeof(struct hog *) + hog->bytes + hog->blocks * 64);
    CHECK(usage.bytes_max >= usage.bytes);
    CHECK(!usage.rests || hog->budget.over == CADRE_OVER_THROTTLE);
    seen[LOOKED]++;
    seen[RESTED] += usage.rested > 0;
    seen[OVER] += usage.overs > 0;
}

static void disturb(cadre_self *self, cadre_ref hog)
{
    if (dice_once_in(&tale.dice, 2)) {
        seen[KILLED]++;
        CHECK_EQ(cadre_kill(self, hog, 0), 0);
    } else {
        seen[STOPPED]++;
        CHECK_EQ(cadre_stop(self, hog), 0);
    }
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (down)
        return dice_once_in(&tale.dice, 4) ? cadre_release(self, down->child)
                                           : cadre_restart(self, down->child);
    for (int i = 0; i < HOGS; i++)
        check_account(self, &tale.hogs[i]);
    if (tale.mails == 0)
        return 0;
    struct hog *hog = &tale.hogs[dice_below(&tale.dice, HOGS)];
    for (uint32_t n = 1 + dice_below(&tale.dice, 8); n > 0 && tale.mails > 0; n--) {
        tale.mails--;
        CHECK_EQ(cadre_send(self, hog->ref, mail, 0), 0);
    }
    if (dice_once_in(&tale.dice, 10))
        disturb(self, tale.hogs[dice_below(&tale.dice, HOGS)].ref);
    return cadre_after(self, NULL, dice_below(&tale.dice, (uint32_t)CADRE_MS), look, 0);
}

static cadre_budget any_budget(void)
{
    cadre_budget b = {.window = CADRE_MS * (1 + dice_below(&tale.dice, 10)),
                      .over = CADRE_OVER_THROTTLE};
    if (dice_once_in(&tale.dice, 2))
        b.over = (uint8_t)dice_below(&tale.dice, 4);
    if (!dice_once_in(&tale.dice, 3))
        b.messages = 1 + dice_below(&tale.dice, RATE_MAX);
    if (dice_once_in(&tale.dice, 3))
        b.bytes = 1 + dice_below(&tale.dice, 6000);
    if (dice_once_in(&tale.dice, 3))
        b.time = 1 + dice_below(&tale.dice, (uint32_t)b.window);
    return b;
}

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < HOGS; i++) {
        struct hog *hog = &tale.hogs[i];
        hog->budget = any_budget();
        hog->keeps = dice_once_in(&tale.dice, 2);
        cadre_opts opts = {.keep = hog->keeps, .budget = &hog->budget};
        err = cadre_spawn_with(self, &hog->ref, &hog_class, &hog, &opts);
    }
    return err ? err : cadre_send(self, cadre_me(self), look, 0);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = root_receive};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 41);
    tale.mails = dice_below(&tale.dice, MAILS_MAX);
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    if (++plays == ENOUGH)
        story_show_kinds(kind_names, seen, KINDS);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"accounts", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
