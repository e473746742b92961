/* stop_send.c: one is stopped or killed while others send to it.
 *
 * What was accepted before the stop is handled, what comes after is a dead letter; after
 * a kill nothing is handled any more. In a simulation "before" is exact: one thing
 * happens after the other. */
#include "support/story.h"

#include <string.h>

enum { SENDERS_MAX = 5, MAILS_MAX = 60, ALL = SENDERS_MAX * MAILS_MAX + 1 };

enum fate { NOT_SENT, BEFORE, AFTER, HANDLED };

typedef struct {
    uint32_t serial; /* in the order of all sends */
} mail;
CADRE_TYPE(mail);
typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint32_t senders, mails, stop_at; /* stop_at: the mail before which it is asked */
    bool kills, by_itself, asked, started, ended, child_started, child_ended;
    uint32_t serial, handled_mails, next;
    uint64_t sent, handled;
    struct dice dice;
    cadre_ref target;
    enum fate fates[ALL];
} tale;

static int child_start(cadre_self *self, void *state)
{
    CHECK(!tale.ended);
    tale.child_started = true;
    return 0;
}

static void child_stop(cadre_self *self, void *state, int reason)
{
    CHECK(!tale.ended);
    CHECK_EQ(reason, CADRE_EPARENT);
    tale.child_ended = true;
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class child_class = {
    .name = "child", .start = child_start, .receive = ignore, .stop = child_stop};

static int target_start(cadre_self *self, void *state)
{
    tale.started = true;
    return cadre_spawn(self, NULL, &child_class, NULL);
}

static void ask(cadre_self *self)
{
    tale.asked = true;
    if (tale.kills)
        CHECK_EQ(cadre_kill(self, tale.target, CADRE_EUSER), 0);
    else
        CHECK_EQ(cadre_stop(self, tale.target), 0);
}

static int target_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t serial = cadre_body(m, mail)->serial;
    CHECK(!tale.ended && !(tale.kills && tale.asked));
    CHECK_EQ(tale.fates[serial], BEFORE);
    tale.fates[serial] = HANDLED;
    CHECK_EQ(serial, tale.next++); /* all there is comes in the order of sending */
    tale.handled_mails++;
    tale.handled++;
    if (tale.by_itself && serial == tale.stop_at)
        ask(self);
    return 0;
}

static void target_stop(cadre_self *self, void *state, int reason)
{
    CHECK(!tale.ended && tale.child_ended == tale.child_started);
    CHECK_EQ(reason, !tale.asked ? CADRE_EPARENT : tale.kills ? CADRE_EUSER : 0);
    tale.ended = true;
}

static const cadre_class target_class = {.name = "target",
                                         .start = target_start,
                                         .receive = target_receive,
                                         .stop = target_stop};

static void send_mail(cadre_self *self)
{
    uint32_t serial = tale.serial++;
    if (serial == tale.stop_at && !tale.by_itself)
        ask(self);
    tale.fates[serial] = tale.asked ? AFTER : BEFORE;
    CHECK_EQ(cadre_send(self, tale.target, mail, .serial = serial), 0);
    tale.sent++;
}

static void go_on(cadre_self *self)
{
    CHECK_EQ(cadre_send(self, cadre_me(self), pulse, 0), 0);
    tale.sent++;
    tale.handled++; /* it will be */
}

static int sender_start(cadre_self *self, void *state)
{
    go_on(self);
    return 0;
}

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t all = tale.senders * tale.mails;
    for (uint32_t i = dice_below(&tale.dice, 4); i > 0 && tale.serial < all; i--)
        send_mail(self);
    if (tale.serial < all)
        go_on(self);
    return 0;
}

static const cadre_class sender_class = {
    .name = "sender", .start = sender_start, .receive = sender_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = cadre_spawn(self, &tale.target, &target_class, NULL);
    for (uint32_t i = 0; !err && i < tale.senders; i++)
        err = cadre_spawn(self, NULL, &sender_class, NULL);
    return err;
}

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = ignore};

static uint64_t play(uint64_t seed)
{
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    memset(&tale, 0, sizeof tale);
    tale.dice = dice_new(seed, 1);
    tale.senders = 1 + dice_below(&tale.dice, SENDERS_MAX);
    tale.mails = 1 + dice_below(&tale.dice, MAILS_MAX);
    tale.stop_at = dice_below(&tale.dice, tale.senders * tale.mails + 3);
    tale.kills = dice_once_in(&tale.dice, 2);
    tale.by_itself = dice_once_in(&tale.dice, 4);
    CHECK_EQ(story_run(&config, &root_class, NULL, &sums), 0);
    CHECK(tale.ended == tale.started);
    CHECK(tale.started || (tale.kills && tale.asked));
    CHECK_EQ(sums.accepted, tale.sent);
    CHECK_EQ(sums.handled, tale.handled);
    CHECK_EQ(sums.dead, tale.serial - tale.handled_mails);
    for (uint32_t i = 0; i < tale.serial; i++)
        CHECK(tale.fates[i] != BEFORE || tale.kills);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"stop_send", play, 100000}, {0}};
    return story_main(argc, argv, stories);
}
