/* nursery.h: what plays in the tests of restarts: a parent that keeps its children, and
 * senders that give them work, let them fail, and stop and kill them.
 *
 * What is known of a child stands in its crib, in plain fields that only its callbacks
 * touch: so a sanitizer sees whether one life comes after the other. Mail of one sender
 * is numbered; whoever keeps its mail must get every number, in order. */
#ifndef SUPPORT_NURSERY_H
#define SUPPORT_NURSERY_H

#include "support/dice.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/await.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { CHILDREN = 6, SENDERS = 4 };
enum { WORK, FAIL, QUIT, TIMER, BREED, SLEEP, DOZE, WHATS };

/* The plan of a run, and what has happened; constant, or of whom it says. */
static struct {
    uint32_t mails; /* of each sender */
    uint64_t seed;
    struct crib {
        uint8_t mail; /* enum cadre_mail; constant */
        bool alive, has_failed;
        uint32_t lives, next[SENDERS];
        uint32_t downs; /* the parent's, as all that follows */
        bool released;
    } cribs[CHILDREN];
    cadre_ref children[CHILDREN];     /* written before there are senders */
    uint32_t sent[SENDERS][CHILDREN]; /* each sender's own */
} nursery;

typedef struct {
    uint32_t sender, serial, what;
} mail;
static CADRE_TYPE(mail);
typedef struct {
    uint32_t life; /* of a child that has set a timer; else nothing */
} pulse;
static CADRE_TYPE(pulse);
typedef struct {
    cadre_ref who;
} delayed;
static CADRE_TYPE(delayed);

/* ---- the children ---- */

typedef struct {
    uint32_t index;
    uint32_t life; /* 0 in what it starts from */
    uint64_t fill[3];
} infant;

static int infant_start(cadre_self *self, void *state)
{
    infant *i = state;
    struct crib *crib = &nursery.cribs[i->index];
    CHECK(!crib->alive && i->life == 0);
    i->life = ++crib->lives;
    if (i->life % 7 == 3)
        return CADRE_EUSER;
    crib->alive = true;
    return 0;
}

static void infant_stop(cadre_self *self, void *state, int reason)
{
    const infant *i = state;
    struct crib *crib = &nursery.cribs[i->index];
    CHECK(crib->alive && i->life == crib->lives);
    crib->alive = false;
}

static int pulse_only(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class toy_class = {.name = "toy", .receive = pulse_only};

/* Waits, and handles its mail meanwhile. */
static int doze(cadre_self *self)
{
    cadre_token t;
    cadre_msg m;
    int err = cadre_after(self, &t, CADRE_MS, pulse, 0);
    return err ? err : cadre_await_open(self, t, &m);
}

static int infant_does(cadre_self *self, const infant *i, uint32_t what)
{
    int err = 0;
    if (what == TIMER)
        err = cadre_after(self, NULL, 2 * CADRE_MS, pulse, i->life);
    if (what == BREED)
        err = cadre_spawn(self, NULL, &toy_class, NULL);
    if (what == SLEEP) /* meanwhile its mail waits, and it may be killed */
        err = cadre_sleep(self, CADRE_MS);
    if (what == DOZE)
        err = doze(self);
    CHECK(err == 0 || err == -ENOMEM || err == -ECANCELED);
    return what == FAIL ? CADRE_EUSER - 1 : what == QUIT ? CADRE_STOP : 0;
}

static int infant_receive(cadre_self *self, void *state, cadre_msg *m)
{
    infant *i = state;
    struct crib *crib = &nursery.cribs[i->index];
    CHECK(crib->alive && i->life == crib->lives);
    const pulse *p = cadre_body(m, pulse);
    if (p) {
        CHECK_EQ(p->life, i->life);
        return 0;
    }
    const mail *got = cadre_body(m, mail);
    uint32_t *next = &crib->next[got->sender];
    CHECK(crib->mail == CADRE_MAIL_DROP ? got->serial >= *next : got->serial == *next);
    if (crib->mail == CADRE_MAIL_RETRY && got->what == FAIL && !crib->has_failed) {
        crib->has_failed = true;
        return CADRE_EUSER - 2; /* and gets it once more */
    }
    crib->has_failed = false;
    *next = got->serial + 1;
    bool fails = got->what == FAIL && crib->mail != CADRE_MAIL_RETRY;
    return infant_does(self, i, fails || got->what != FAIL ? got->what : WORK);
}

static const cadre_class infant_class = {.name = "infant",
                                         .state_size = sizeof(infant),
                                         .start = infant_start,
                                         .receive = infant_receive,
                                         .stop = infant_stop};

/* ---- the senders ---- */

typedef struct {
    uint32_t index, left;
    struct dice dice;
} sender;

static void send_one(cadre_self *self, sender *s)
{
    uint32_t to = dice_below(&s->dice, CHILDREN);
    mail body = {s->index, nursery.sent[s->index][to],
                 dice_once_in(&s->dice, 8) ? dice_below(&s->dice, WHATS) : WORK};
    if (cadre_send_as(self, nursery.children[to], &mail_type, &body) == 0)
        nursery.sent[s->index][to]++;
    if (dice_once_in(&s->dice, 40))
        CHECK_EQ(cadre_kill(self, nursery.children[to], 0), 0);
    if (dice_once_in(&s->dice, 40))
        CHECK_EQ(cadre_stop(self, nursery.children[to]), 0);
}

static int sender_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}

static int sender_receive(cadre_self *self, void *state, cadre_msg *m)
{
    sender *s = state;
    for (uint32_t n = dice_below(&s->dice, 6); n > 0 && s->left > 0; n--, s->left--)
        send_one(self, s);
    return s->left == 0 ? CADRE_STOP : cadre_send(self, cadre_me(self), pulse, 0);
}

static const cadre_class sender_class = {.name = "sender",
                                         .state_size = sizeof(sender),
                                         .start = sender_start,
                                         .receive = sender_receive};

/* ---- the parent ---- */

typedef struct {
    struct dice dice;
} nurse;

static int nurse_start(cadre_self *self, void *state)
{
    nurse *n = state;
    int err = 0;
    n->dice = dice_new(nursery.seed, 2);
    for (uint32_t i = 0; !err && i < CHILDREN; i++) {
        struct crib *crib = &nursery.cribs[i];
        crib->mail = (uint8_t)dice_below(&n->dice, 3);
        const cadre_opts opts = {.keep = true, .announce = i % 2, .mail = crib->mail};
        err = cadre_spawn_with(self, &nursery.children[i], &infant_class,
                               &(infant){.index = i}, &opts);
    }
    for (uint32_t i = 0; !err && i < SENDERS; i++) {
        sender s = {i, nursery.mails, dice_new(nursery.seed, 3 + i)};
        err = cadre_spawn(self, NULL, &sender_class, &s);
    }
    return err ? err : cadre_stop_in_order(self);
}

static struct crib *crib_of(cadre_ref who)
{
    uint32_t i = 0;
    while (i < CHILDREN - 1 && !cadre_same(nursery.children[i], who))
        i++;
    return &nursery.cribs[i];
}

static void restart(cadre_self *self, cadre_ref who)
{
    int err = cadre_restart(self, who);
    CHECK(err == 0 || err == -ENOMEM);
    if (err && cadre_after(self, NULL, CADRE_MS, delayed, who))
        CHECK_EQ(cadre_release(self, who), 0);
}

static int nurse_receive(cadre_self *self, void *state, cadre_msg *m)
{
    nurse *n = state;
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const delayed *late = cadre_body(m, delayed);
    if (late)
        restart(self, late->who);
    if (!down)
        return 0;
    struct crib *crib = crib_of(down->child);
    CHECK_EQ(down->starts, ++crib->downs);
    CHECK(!crib->released);
    if (dice_once_in(&n->dice, 200)) {
        crib->released = true;
        CHECK_EQ(cadre_release(self, down->child), 0);
    } else if (dice_once_in(&n->dice, 4)) {
        if (cadre_after(self, NULL, CADRE_MS, delayed, down->child))
            restart(self, down->child);
    } else {
        restart(self, down->child);
    }
    return 0;
}

static const cadre_class nurse_class = {.name = "nurse",
                                        .state_size = sizeof(nurse),
                                        .start = nurse_start,
                                        .receive = nurse_receive};

static void nursery_open(uint64_t seed, uint32_t mails)
{
    memset(&nursery, 0, sizeof nursery);
    nursery.seed = seed;
    nursery.mails = mails;
}

/* All is quiet: whoever keeps its mail and was not released has got all of it. */
static void nursery_check(void)
{
    for (uint32_t i = 0; i < CHILDREN; i++) {
        const struct crib *crib = &nursery.cribs[i];
        CHECK(!crib->alive);
        for (uint32_t s = 0; s < SENDERS; s++)
            if (crib->mail != CADRE_MAIL_DROP && !crib->released)
                CHECK_EQ(crib->next[s], nursery.sent[s][i]);
    }
}

#endif
